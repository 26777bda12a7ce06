package throttle

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// guarded are shared counters that may fail, be slow, or be away.
type guarded struct {
	counters Counters
	patience time.Duration
	log      *slog.Logger

	mu   sync.Mutex
	away time.Time // until when nobody asks them
}

// retryShared is for how long counters that failed are not asked.
const retryShared = time.Second

// outage is an error that is not an answer.
func outage(err error) error {
	if _, ok := errors.AsType[*DelayedError](err); ok {
		return nil
	}
	return err
}

// try has f ask the counters. False: they were not asked, or did not answer.
func (g *guarded) try(ctx context.Context, f func(context.Context) error) bool {
	if g == nil || !g.due() {
		return false
	}
	patient, cancel := context.WithTimeout(ctx, g.patience)
	defer cancel()
	err := f(patient)
	if err != nil && ctx.Err() != nil {
		return false // it was not the counters who failed
	}
	g.note(ctx, err)
	return err == nil
}

func (g *guarded) due() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !time.Now().Before(g.away)
}

func (g *guarded) note(ctx context.Context, err error) {
	g.mu.Lock()
	was := !g.away.IsZero()
	if err != nil {
		g.away = time.Now().Add(retryShared)
	} else {
		g.away = time.Time{}
	}
	g.mu.Unlock()
	switch {
	case err != nil && !was:
		g.log.WarnContext(ctx, "attempts are counted in this process only, since the shared counters fail", slog.Any("error", err))
	case err == nil && was:
		g.log.InfoContext(ctx, "attempts are counted by all gateways again")
	}
}
