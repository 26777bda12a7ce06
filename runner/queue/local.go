// Package queue tells runners of attempts that wait: in the process, or by River on PostgreSQL.
//
// A queue only tells. What is in it is no truth about an execution: an attempt of which nobody is told is found by runners that look
// for themselves, and one of which two are told is claimed by one.
package queue

import (
	"context"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Local tells the runners of this process.
type Local struct{ news chan struct{} }

// NewLocal makes a queue in the process.
func NewLocal() *Local { return &Local{news: make(chan struct{}, 1)} }

// Dispatch implements queries.Dispatch. The transaction that made the attempts may not have ended when a runner looks, which SQLite, where one writes at a time, has wait for it.
func (l *Local) Dispatch(context.Context, db.Querier, []queries.Ready) error {
	select {
	case l.news <- struct{}{}:
	default: // somebody will look anyway
	}
	return nil
}

// Again tells of attempts once more.
func (l *Local) Again(ctx context.Context, waiting []queries.Ready) error {
	return l.Dispatch(ctx, nil, waiting)
}

// Listen implements runner.Queue.
func (l *Local) Listen(ctx context.Context, take func(context.Context, []uuid.UUID) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.news:
		}
		if err := take(ctx, nil); err != nil && ctx.Err() == nil {
			return err
		}
	}
}
