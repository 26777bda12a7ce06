package queries

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Position is where an execution stands in its queue.
type Position struct {
	// Ahead is how many come first: of those that wait for admission, or for a runner once it is admitted. mostAhead, 10,000, is that or
	// more.
	Ahead int64
	// OfUser is how many of the user's own come first, as long as it waits for admission.
	OfUser int64
}

// mostAhead is how many are counted.
const mostAhead = 10_000

// Position says where an execution stands that is PENDING or READY; of others it is zero.
func (s *Store) Position(ctx context.Context, e db.Execution) (Position, error) {
	q := s.queries()
	var p Position
	var err error
	switch e.Status {
	case StatusPending:
		if p.Ahead, err = q.CountAheadOfExecution(ctx, db.CountAheadOfExecutionParams{Priority: e.Priority, QueuedAt: e.QueuedAt, ID: e.ID, AtMost: mostAhead}); err != nil {
			return Position{}, err
		}
		p.OfUser, err = q.CountAheadOfExecutionOfUser(ctx, db.CountAheadOfExecutionOfUserParams{UserID: e.UserID, Priority: e.Priority, QueuedAt: e.QueuedAt, ID: e.ID, AtMost: mostAhead})
	case StatusReady:
		var attempts []db.ExecutionAttempt
		if attempts, err = q.ListAttempts(ctx, e.ID); err != nil || len(attempts) == 0 {
			return Position{}, err
		}
		if a := attempts[len(attempts)-1]; a.State == "QUEUED" {
			p.Ahead, err = q.CountAheadOfAttempt(ctx, db.CountAheadOfAttemptParams{Queue: a.Queue, Priority: a.Priority, AvailableAt: a.AvailableAt, ID: a.ID, AtMost: mostAhead})
		}
	}
	return p, err
}

// Waiting says how many attempts wait for runners, by queue.
func (s *Store) Waiting(ctx context.Context) (map[string]int64, error) {
	all, err := s.queries().CountQueued(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(all))
	for _, c := range all {
		out[c.Queue] = c.Waiting
	}
	return out, nil
}

// Unclaimed gives attempts that have waited for a runner for so long, at most so many: whoever dispatches them may have lost them,
// and is to be told again.
func (s *Store) Unclaimed(ctx context.Context, since time.Duration, most int) ([]Ready, error) {
	all, err := s.queries().ListQueuedSince(ctx, db.ListQueuedSinceParams{Since: s.clock.Now().Add(-since), AtMost: int64(most)})
	if err != nil {
		return nil, err
	}
	out := make([]Ready, len(all))
	for i, a := range all {
		out[i] = Ready{Attempt: a.ID, Execution: a.ExecutionID, Number: a.Number, Queue: a.Queue, Priority: a.Priority, Available: a.AvailableAt}
	}
	return out, nil
}

// Again is what repeats an execution of a script: the same version with the same parameters, as one of its own.
func Again(e db.Execution) NewExecution {
	id := e.ID
	n := NewExecution{
		Params: e.Params, ParamsKey: e.ParamsKey, Queue: e.Queue, Priority: e.Priority,
		MaxAttempts: int(e.MaxAttempts), RetryOn: outcomes(e.RetryOn), RetryDelay: time.Duration(e.RetryDelayMs) * time.Millisecond,
		Timeout: time.Duration(e.TimeoutMs) * time.Millisecond, IsPlugin: e.IsPluginExecution, RerunOf: &id,
	}
	if e.ScriptID != nil && e.ScriptVersion != nil && e.UserID != nil {
		n.Script, n.Version, n.User = *e.ScriptID, *e.ScriptVersion, *e.UserID
	}
	return n
}

// Rerun repeats an execution for a user, in its current or another version, within the limits; sql.ErrNoRows: there is none.
func (s *Store) Rerun(ctx context.Context, l Limits, id, user uuid.UUID, version int64) (Created, error) {
	old, err := s.Execution(ctx, id)
	if err != nil {
		return Created{}, err
	}
	if old.ScriptID == nil {
		return Created{}, &MissingError{Err: errors.New("it has no script")}
	}
	n := Again(old)
	if n.User = user; version > 0 {
		n.Version = version
	}
	return s.CreateExecution(ctx, l, n)
}
