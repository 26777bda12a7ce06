package runner

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

const (
	// handoverKept is for how long an attempt has been over before what was handed over for it is removed. Its runner removes it at once, if it is there.
	handoverKept = time.Hour
	// handoversEvery is how often one of all processes looks for such, under a lease of that name.
	handoversEvery = time.Hour
	handoversLease = "handovers"
	// handoversAtOnce is of how many attempts the store is asked at once.
	handoversAtOnce = 500
)

// SweepHandovers removes results that were handed over for attempts which ended a while ago: their runners never came back for them, or they came after the end.
// What the store knows no attempt of is somebody else's, who has the same place for blobs, and is left alone. It gives how many it removed.
func SweepHandovers(ctx context.Context, s *queries.Store, place *blobs.Blobs) (removed int, err error) {
	some := make([]uuid.UUID, 0, handoversAtOnce)
	sweep := func() error {
		over, err := s.EndedSince(ctx, some, handoverKept)
		some = some[:0]
		for _, id := range over {
			if also := place.Remove(ctx, blobs.HandoverKey(id.String())); also != nil {
				err = errors.Join(err, also)
				continue
			}
			removed++
		}
		return err
	}
	for name, err := range place.Handovers(ctx) {
		if err != nil {
			return removed, err
		}
		id, err := uuid.Parse(name)
		if err != nil || id.String() != name {
			continue // nobody here made it
		}
		if some = append(some, id); len(some) < handoversAtOnce {
			continue
		}
		if err := sweep(); err != nil {
			return removed, err
		}
	}
	if len(some) == 0 {
		return removed, nil
	}
	return removed, sweep()
}
