package fairway

import (
	"context"
	"errors"

	"github.com/fairway-gateway/fairway/modules/control/jobs"
	"github.com/fairway-gateway/fairway/queries"
)

// Jobs gives the queue of the store to who shows it, opened when it is first asked for; nil where there is none that has a page,
// since the store is SQLite. The store must be used.
func (a *App) Jobs() func(context.Context) (jobs.Queue, error) {
	if !queries.IsPostgres(a.store.dsn) {
		return nil
	}
	store := a.store
	return func(ctx context.Context) (jobs.Queue, error) {
		_, q, err := store.queued(ctx)
		if err != nil {
			return nil, err
		}
		shown, ok := q.(jobs.Queue)
		if !ok {
			return nil, errors.New("the queue of PostgreSQL has no page")
		}
		return shown, nil
	}
}

// Interface guard.
var _ jobs.Queue = river{}
