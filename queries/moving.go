package queries

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairway-gateway/fairway/queries/db"
)

// moveTries is how often a transaction is begun anew that the database ended since another was in its way.
const moveTries = 5

// move runs a transaction that moves executions, at one time.
func (s *Store) move(ctx context.Context, f func(q db.Querier, now time.Time) error) error {
	var counted db.Querier
	err := s.again(ctx, func() error {
		return s.inTx(ctx, func(q db.Querier) error {
			counted = s.counting(q)
			return f(counted, s.clock.Now())
		})
	})
	if err == nil {
		s.committed(counted)
		s.changed()
	}
	return err
}

// again runs a transaction, again where the database ended it since another was in its way.
func (s *Store) again(ctx context.Context, transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || pg.Code != "40P01" && pg.Code != "40001" && !repartitioned(pg) || try == moveTries {
			return err
		}
		s.log.DebugContext(ctx, "a transaction is tried again", slog.Int("try", try), slog.Any("error", err))
	}
}

// repartitioned says that a row was written to a partition from which another one just took its week: it goes to that one now.
func repartitioned(err *pgconn.PgError) bool {
	return err.Code == "23514" && err.ConstraintName == "" && strings.Contains(err.Message, "violates partition constraint")
}
