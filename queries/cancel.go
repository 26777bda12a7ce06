package queries

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Cancelled is what became of an execution that was to be cancelled.
type Cancelled struct {
	// Was is its status before, Status the one now: CANCELLED, or CANCELLING as long as a runner has it.
	Was, Status string
}

// Cancel cancels an execution: at once where no runner has it, or else its runner is told. The error is sql.ErrNoRows where there is
// none, or a *StatusError where it has ended or is being cancelled.
func (s *Store) Cancel(ctx context.Context, by By, id uuid.UUID, reason string) (Cancelled, error) {
	var out Cancelled
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		e, err := lockOne(ctx, q, id)
		if err != nil {
			return err
		}
		if out, err = s.cancel(ctx, q, now, e, reason); err != nil {
			return err
		}
		return audit(ctx, q, by, "execution.cancel", "execution:"+id.String(), []byte(`{"status":["`+out.Was+`","`+out.Status+`"]}`))
	})
	if err != nil {
		return Cancelled{}, err
	}
	return out, nil
}

// cancelAtOnce is how many executions are locked and moved by one statement.
const cancelAtOnce = 1000

// cancelAllOf cancels what there is of a user who is deleted in this transaction, so that nothing more of theirs is made.
func (s *Store) cancelAllOf(ctx context.Context, q db.Querier, now time.Time, user uuid.UUID) error {
	const reason = "its user was deleted"
	ids, err := q.ListLivingOf(ctx, &user)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(ids, cancelAtOnce) {
		locked, err := q.LockExecutions(ctx, idList(some))
		if err != nil {
			return err
		}
		var waiting []movement
		for _, e := range locked {
			switch e.Status {
			case StatusPending:
				waiting = append(waiting, movement{ID: e.ID, Was: e.Status, Status: StatusCancelled, Reason: reason, Notice: "The execution is cancelled: " + reason})
			case StatusReady, StatusRunning:
				if _, err := s.cancel(ctx, q, now, e, reason); err != nil {
					return err
				}
			}
		}
		if _, err := s.moveAll(ctx, q, now, waiting); err != nil {
			return err
		}
	}
	return nil
}

// lockOne locks one that is not deleted.
func lockOne(ctx context.Context, q db.Querier, id uuid.UUID) (db.LockExecutionsRow, error) {
	rows, err := q.LockExecutions(ctx, idList([]uuid.UUID{id}))
	if err == nil && (len(rows) == 0 || rows[0].DeletedAt != nil) {
		err = sql.ErrNoRows
	}
	if err != nil {
		return db.LockExecutionsRow{}, err
	}
	return rows[0], nil
}

func (s *Store) cancel(ctx context.Context, q db.Querier, now time.Time, e db.LockExecutionsRow, reason string) (Cancelled, error) {
	out := Cancelled{Was: e.Status}
	to := func(status string) error {
		m := movement{ID: e.ID, Was: e.Status, Status: status, Reason: reason}
		if status == StatusCancelled {
			m.Notice = "The execution is cancelled: " + reason
		}
		_, err := s.moveAll(ctx, q, now, []movement{m})
		e.Status, out.Status = status, status
		return err
	}
	switch e.Status {
	case StatusPending:
		return out, to(StatusCancelled)
	case StatusReady, StatusRunning:
	default:
		return out, &StatusError{Status: e.Status}
	}
	if err := to(StatusCancelling); err != nil {
		return out, err
	}
	waited, err := q.EndQueuedAttempt(ctx, db.EndQueuedAttemptParams{ExecutionID: e.ID, Outcome: string(OutcomeCancelled), Reason: shorten(reason), Now: &now})
	if err != nil {
		return out, err
	}
	if waited > 0 {
		return out, to(StatusCancelled)
	}
	held, err := q.StopAttempt(ctx, e.ID)
	if err == nil && held == 0 {
		err = to(StatusCancelled) // nobody is left to tell
	}
	return out, err
}

// DeleteExecution marks an execution that has ended as deleted; sql.ErrNoRows: there is none. A *StatusError: it has not ended.
func (s *Store) DeleteExecution(ctx context.Context, by By, id uuid.UUID) error {
	return s.move(ctx, func(q db.Querier, now time.Time) error {
		e, err := lockOne(ctx, q, id)
		if err != nil {
			return err
		}
		n, err := q.DeleteExecution(ctx, db.DeleteExecutionParams{ID: id, Now: &now})
		if err == nil && n == 0 {
			err = &StatusError{Status: e.Status}
		}
		if err != nil {
			return err
		}
		return audit(ctx, q, by, "execution.delete", "execution:"+id.String(), []byte("{}"))
	})
}
