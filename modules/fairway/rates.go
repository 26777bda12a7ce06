package fairway

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
)

// limiterEntry is the limiter in the usage pool.
type limiterEntry struct{ *rate.Limiter }

// Destruct has nothing to do.
func (limiterEntry) Destruct() error { return nil }

// Rates gives what counts requests to a module that is being provisioned: that of an earlier configuration, if store and secret
// are the same. Where the store is PostgreSQL all its gateways count together, else each for itself.
func (a *App) Rates() (*rate.Limiter, error) {
	if a.rates != nil {
		return a.rates, nil
	}
	_, dsn, err := a.storeAddress()
	if err != nil {
		return nil, err
	}
	options, name := rate.Options{Logger: a.ctx.Slogger()}, "rates"
	if queries.IsPostgres(dsn) {
		if err := a.useStore(); err != nil {
			return nil, err
		}
		keys, err := a.Keys("rates")
		if err != nil {
			return nil, err
		}
		id, err := a.SecretID()
		if err != nil {
			return nil, err
		}
		options.Key = keys[0] // whoever has another one counts anew
		options.Shared, name = rates{a.store}, fmt.Sprintf("rates %s %s", id, dsn)
	}
	v, err := a.take(name, func() (caddy.Destructor, error) { return limiterEntry{rate.New(options)}, nil })
	if err != nil {
		return nil, err
	}
	a.rates = v.(limiterEntry).Limiter
	return a.rates, nil
}

// rates is the store as package rate wants it.
type rates struct{ *store }

// Take implements rate.Counters.
func (r rates) Take(ctx context.Context, key []byte, n int, per time.Duration) (rate.Taken, error) {
	open, err := r.get(ctx)
	if err != nil {
		return rate.Taken{}, err
	}
	got, err := open.TakeRate(ctx, key, n, per)
	return rate.Taken{OK: got.OK, Left: got.Left, Retry: got.Retry, Reset: got.Reset}, err
}

// Count implements rate.Counters.
func (r rates) Count(ctx context.Context, prefix []byte, n int, per time.Duration) (used, full int, err error) {
	open, err := r.get(ctx)
	if err != nil {
		return 0, 0, err
	}
	return open.CountRates(ctx, prefix, n, per)
}

// Clear implements rate.Counters.
func (r rates) Clear(ctx context.Context, prefix []byte) (int, error) {
	open, err := r.get(ctx)
	if err != nil {
		return 0, err
	}
	return open.ClearRates(ctx, prefix)
}

// Interface guard.
var _ rate.Counters = rates{}
