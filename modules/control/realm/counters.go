package realm

import (
	"context"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/queries"
)

// counters are those of the store, as throttles want them.
type counters struct{ store *queries.Store }

func bucket(c throttle.Curve) queries.Bucket {
	return queries.Bucket{Free: c.Free, Full: c.Full(), Leak: c.Leak, First: c.First, Most: c.Most}
}

// Try implements throttle.Counters.
func (c counters) Try(ctx context.Context, key []byte, curve throttle.Curve) (level int, wait time.Duration, err error) {
	return c.store.TryBucket(ctx, key, bucket(curve))
}

// Undo implements throttle.Counters.
func (c counters) Undo(ctx context.Context, key []byte, curve throttle.Curve) error {
	return c.store.UndoBucket(ctx, key, bucket(curve))
}

// Clear implements throttle.Counters.
func (c counters) Clear(ctx context.Context, key []byte) error { return c.store.ClearBucket(ctx, key) }

var _ throttle.Counters = counters{}
