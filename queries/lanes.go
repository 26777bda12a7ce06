package queries

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Lane is how letters fare that go to one place. Zero: it works.
type Lane struct {
	// Failures is how many there were in a row, the first at Since.
	Failures int
	Since    time.Time
	// Paused is until when nothing of it leaves.
	Paused time.Time
}

// FailLane remembers a failure: no letter of a lane is claimed for a while.
func (s *Store) FailLane(ctx context.Context, lane string, pause time.Duration) (Lane, error) {
	l, err := s.queries().PauseLane(ctx, db.PauseLaneParams{Lane: lane, PauseMs: milliseconds(pause)})
	if err != nil {
		return Lane{}, err
	}
	out := Lane{Failures: int(l.Failures)}
	if l.FailingAt != nil {
		out.Since = l.FailingAt.UTC()
	}
	return out, nil
}

// Lane says how a lane fares.
func (s *Store) Lane(ctx context.Context, lane string) (Lane, error) {
	l, err := s.queries().GetLane(ctx, lane)
	if errors.Is(err, sql.ErrNoRows) {
		return Lane{}, nil
	}
	out := Lane{Failures: int(l.Failures), Paused: l.PausedUntil.UTC()}
	if l.FailingAt != nil {
		out.Since = l.FailingAt.UTC()
	}
	return out, err
}

// FreeLane says that a lane works.
func (s *Store) FreeLane(ctx context.Context, lane string) error {
	_, err := s.queries().DeleteLane(ctx, lane)
	return err
}

// CountLane says how many letters of a lane wait or are worked on, and how many were laid aside.
func (s *Store) CountLane(ctx context.Context, lane string) (waiting, dead int64, err error) {
	n, err := s.queries().CountOutboxLane(ctx, lane)
	return n.Waiting, n.Dead, err
}

// DeadOfLane gives at most so many letters of a lane that were laid aside, the oldest first.
func (s *Store) DeadOfLane(ctx context.Context, lane string, most int) ([]DeadLetter, error) {
	rows, err := s.queries().ListDeadOutboxLane(ctx, db.ListDeadOutboxLaneParams{Lane: lane, AtMost: int64(most)})
	if err != nil {
		return nil, err
	}
	out := make([]DeadLetter, len(rows))
	for i, r := range rows {
		out[i] = deadLetter(r)
	}
	return out, nil
}

// RetryOfLane has a letter of a lane that was laid aside be tried again from the beginning. False: there is none of this id.
func (s *Store) RetryOfLane(ctx context.Context, lane string, id uuid.UUID) (bool, error) {
	n, err := s.queries().ReviveOutboxLane(ctx, db.ReviveOutboxLaneParams{ID: id, Lane: lane})
	return n == 1, err
}

// DropLane deletes a lane and its letters with q.
func DropLane(ctx context.Context, q db.Querier, lane string) error {
	if _, err := q.DeleteOutboxLane(ctx, lane); err != nil {
		return err
	}
	_, err := q.DeleteLane(ctx, lane)
	return err
}
