package queries

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// ExecutionPatch is what somebody who may says of an execution that they run themselves. Nil is what stays.
type ExecutionPatch struct {
	// Status is where it moves, along an edge: RUNNING, FINISHED, FAILED, CANCELLING or CANCELLED.
	Status *string
	// Progress is 0 to 100, of what runs.
	Progress *int
	// Results are what it gave, JSON, of what runs or ends with it, or ResultsKey is where the blobs have them, and ResultsSize their
	// bytes.
	Results     json.RawMessage
	ResultsKey  string
	ResultsSize int64
	// Check is asked whether it may be changed as it is then, while nobody else changes it. It must not use the store. Its error ends
	// the change, and is given back. Default: it may.
	Check func(db.Execution) error
}

// PatchExecution does what a patch says, as a whole. What a runner holds is taken from it where the execution ends. The error is
// sql.ErrNoRows where there is none, or a *StatusError where it does not go where it should, or is not what must be.
func (s *Store) PatchExecution(ctx context.Context, by By, id uuid.UUID, p ExecutionPatch) (db.Execution, error) {
	if p.Results != nil {
		if err := CheckJSON(p.Results); err != nil {
			return db.Execution{}, fmt.Errorf("results: %w", err)
		}
	}
	if err := plain(p.ResultsKey); err != nil {
		return db.Execution{}, err
	}
	var made db.Execution
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		e, err := lockOne(ctx, q, id)
		if err != nil {
			return err
		}
		if p.Check != nil {
			now, err := q.GetExecution(ctx, id)
			if err == nil {
				err = p.Check(now)
			}
			if err != nil {
				return err
			}
		}
		was := e.Status
		if err := s.patch(ctx, q, now, by, e, p); err != nil {
			return err
		}
		if made, err = q.GetExecution(ctx, id); err != nil {
			return err
		}
		diff, err := json.Marshal(map[string][]string{"status": {was, made.Status}})
		if err != nil {
			return err
		}
		return audit(ctx, q, by, "execution.patch", "execution:"+id.String(), diff)
	})
	if err != nil {
		return db.Execution{}, err
	}
	return made, nil
}

func (s *Store) patch(ctx context.Context, q db.Querier, now time.Time, by By, e db.LockExecutionsRow, p ExecutionPatch) error {
	to := e.Status
	if p.Status != nil {
		to = *p.Status
	}
	reason := "said " + by.Actor
	if to == StatusRunning && e.Status == StatusReady {
		if err := hold(ctx, q, now, e); err != nil {
			return err
		}
		if err := s.step(ctx, q, now, &e, StatusRunning, reason); err != nil {
			return err
		}
	}
	if p.Results != nil || p.ResultsKey != "" {
		n, err := q.SetResults(ctx, resultsOf(e.ID, now, p.Results, p.ResultsKey, p.ResultsSize))
		if err == nil && n == 0 {
			err = &StatusError{Status: e.Status}
		}
		if err != nil {
			return err
		}
	}
	if p.Progress != nil {
		n, err := q.PatchProgress(ctx, db.PatchProgressParams{ID: e.ID, Progress: int64(min(max(*p.Progress, 0), 100)), Now: now})
		if err == nil && n == 0 {
			err = &StatusError{Status: e.Status}
		}
		if err != nil {
			return err
		}
	}
	if to == e.Status {
		if Ended(to) {
			return &StatusError{Status: to}
		}
		return nil
	}
	return s.patchStatus(ctx, q, now, e, to, reason)
}

func (s *Store) patchStatus(ctx context.Context, q db.Querier, now time.Time, e db.LockExecutionsRow, to, reason string) error {
	outcome := OutcomeCancelled
	switch to {
	case StatusCancelling, StatusCancelled:
		if e.Status == StatusPending || e.Status == StatusReady || e.Status == StatusRunning {
			is, err := s.cancel(ctx, q, now, e, reason)
			if err != nil || is.Status == StatusCancelled || to == StatusCancelling {
				return err
			}
			e.Status = is.Status
		}
		if e.Status != StatusCancelling || to != StatusCancelled {
			return &StatusError{Status: e.Status}
		}
	case StatusFinished:
		if e.Status != StatusRunning {
			return &StatusError{Status: e.Status}
		}
		outcome = OutcomeSucceeded
	case StatusFailed:
		if e.Status != StatusRunning && e.Status != StatusReady {
			return &StatusError{Status: e.Status}
		}
		outcome = OutcomeFailed
	default:
		return &StatusError{Status: e.Status}
	}
	if _, err := q.EndQueuedAttempt(ctx, db.EndQueuedAttemptParams{ExecutionID: e.ID, Outcome: string(outcome), Reason: reason, Now: &now}); err != nil {
		return err
	}
	if _, err := q.EndHeldAttempt(ctx, db.EndHeldAttemptParams{ExecutionID: e.ID, Outcome: string(outcome), Reason: reason, Now: &now}); err != nil {
		return err
	}
	return s.step(ctx, q, now, &e, to, reason)
}

// step moves one execution, which is locked.
func (s *Store) step(ctx context.Context, q db.Querier, now time.Time, e *db.LockExecutionsRow, to, reason string) error {
	m := movement{ID: e.ID, Was: e.Status, Status: to, Reason: reason}
	if Ended(to) && to != StatusFinished {
		m.Notice = "The execution is " + to + ": " + reason
	}
	_, err := s.moveAll(ctx, q, now, []movement{m})
	e.Status = to
	return err
}

// hold takes the attempt of an execution for who runs it themselves, for as long as it may run, if no runner has it.
func hold(ctx context.Context, q db.Querier, now time.Time, e db.LockExecutionsRow) error {
	all, err := q.ListAttempts(ctx, e.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	id, nobody, until := all[len(all)-1].ID, uuid.Nil, now.Add(time.Duration(e.TimeoutMs)*time.Millisecond)
	got, err := q.ClaimTheseAttempts(ctx, db.ClaimTheseAttemptsParams{Ids: idList([]uuid.UUID{id}), RunnerID: &nobody, LeaseUntil: &until, DeadlineAt: &until, Now: &now})
	if err != nil || len(got) == 0 {
		return err
	}
	batch, err := batchOf(map[uuid.UUID]any{id: map[string]any{"fence": got[0].Fence, "deadline_at": sqlTime(until), "handle": "", "token_hash": nil}})
	if err != nil {
		return err
	}
	_, err = q.StartAttempts(ctx, db.StartAttemptsParams{Now: &now, LeaseUntil: &until, Batch: batch})
	return err
}
