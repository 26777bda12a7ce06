package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// brokenStore is a store that can be down.
type brokenStore struct {
	session.Store
	down atomic.Bool
}

var errDown = errors.New("down")

func (b *brokenStore) Session(ctx context.Context, index []byte) (session.Record, bool, error) {
	if b.down.Load() {
		return session.Record{}, false, errDown
	}
	return b.Store.Session(ctx, index)
}

func (b *brokenStore) ReplaceSession(ctx context.Context, index []byte, old session.Version, next session.Record) (bool, error) {
	if b.down.Load() {
		return false, errDown
	}
	return b.Store.ReplaceSession(ctx, index, old, next)
}

func (b *brokenStore) Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error) {
	if b.down.Load() {
		return false, errDown
	}
	return b.Store.Lease(ctx, name, holder, d)
}
