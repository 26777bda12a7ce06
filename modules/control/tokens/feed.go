package tokens

import (
	"context"
	"log/slog"
	"time"
)

const (
	// feedBatch is how many revocations are read at once.
	feedBatch = 1000
	// feedTimeout is how long the store may take.
	feedTimeout = 5 * time.Second
	// feedSilent is how long the feed may fail, or the process sleep, before nothing that was kept counts any more.
	feedSilent = 10 * time.Second
)

// follow reads the feed of revocations until ctx ends, and looks after the keys.
func (a *Authority) follow(ctx context.Context, at int64) {
	poll := time.NewTicker(a.cfg.Poll)
	defer poll.Stop()
	keys := time.NewTicker(keysEvery)
	defer keys.Stop()
	// A store that tells when there is something; nil: none does.
	var wanted <-chan struct{}
	if w, ok := a.store.(Waker); ok {
		wanted = w.RevocationsWanted(ctx)
	}
	// By the clock on the wall: the other one may stand still while a machine sleeps.
	heard := time.Now().Round(0)
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-keys.C:
			a.lookAfterKeys(ctx)
			continue
		case <-poll.C:
		case _, open := <-wanted:
			if !open {
				wanted = nil
			}
		}
		if time.Now().Round(0).Sub(heard) > max(feedSilent, 2*a.cfg.Poll) {
			a.silent()
		}
		next, err := a.catchUp(ctx, at)
		at = next
		if err == nil {
			heard, failing = time.Now().Round(0), false
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if !failing {
			a.log.WarnContext(ctx, "the store does not tell what was revoked", slog.Any("error", err))
		}
		failing = true
	}
}

// catchUp reads what is new, and gives the number of the last.
func (a *Authority) catchUp(ctx context.Context, at int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	for {
		batch, err := a.store.Revocations(ctx, at, feedBatch)
		if err != nil {
			return at, err
		}
		a.heard(batch)
		keys := false
		for _, r := range batch {
			at = max(at, r.Number)
			keys = keys || r.Kind == RevokedKeys
		}
		if keys {
			a.lookAfterKeys(ctx)
			a.cache.Clear() // an older key may have retired before its time
		}
		if len(batch) < feedBatch {
			return at, nil
		}
	}
}

func (a *Authority) lookAfterKeys(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	if err := a.keys.ensure(ctx); err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "the signing keys could not be looked after", slog.Any("error", err))
	}
}
