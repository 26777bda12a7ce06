package throttle

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fairway-gateway/fairway/proxies/rate"
)

// guarded are shared counters that may fail, be slow, or be away.
type guarded struct {
	counters Counters
	guard    *rate.Guard
}

func newGuarded(c Counters, patience time.Duration, log *slog.Logger) *guarded {
	return &guarded{counters: c, guard: rate.NewGuard(rate.GuardOptions{
		Patience: patience,
		Away: func(ctx context.Context, err error) {
			log.WarnContext(ctx, "attempts are counted in this process only, since the shared counters fail", slog.Any("error", err))
		},
		Back: func(ctx context.Context) { log.InfoContext(ctx, "attempts are counted by all gateways again") },
	})}
}

// outage is an error that is not an answer.
func outage(err error) error {
	if _, ok := errors.AsType[*DelayedError](err); ok {
		return nil
	}
	return err
}

// try has f ask the counters. False: they were not asked, or did not answer.
func (g *guarded) try(ctx context.Context, f func(context.Context) error) bool {
	return g != nil && g.guard.Try(ctx, f)
}
