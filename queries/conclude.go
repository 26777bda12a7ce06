package queries

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// FinishRequest says how an attempt ended.
type FinishRequest struct {
	Holder
	Outcome Outcome
	// Reason says it to people: at most 1000 characters of it are kept. Nothing secret.
	Reason string
	// Unbegun: whoever was to begin it knows that nothing of it ever ran, though it was told to start. Default: the start was all.
	Unbegun bool
	// ExitCode is that of the process. Default: there was none.
	ExitCode *int64
	// Results are what the script gave, JSON, or ResultsKey is where the blobs have them, and ResultsSize their bytes. They are kept
	// where it succeeded or was cancelled. Default: those that SetResults wrote, or null.
	Results     json.RawMessage
	ResultsKey  string
	ResultsSize int64
}

// Finished is what became of an execution whose attempt has ended.
type Finished struct {
	// Status is the execution's now; READY: it is tried again. Empty: the holder did not hold the attempt any more.
	Status string
}

// Finish ends attempts and moves their executions, in one transaction: to FINISHED where they succeeded, to CANCELLED where that
// was wished, to READY with another attempt where they may be tried again, and else to FAILED. What is finished a second time with
// the same outcome is told its status again. Where Results are no JSON that can be kept, it has failed. An attempt that was not started cannot have succeeded.
func (s *Store) Finish(ctx context.Context, all []FinishRequest) ([]Finished, error) {
	all = slices.Clone(all)
	for i := range all {
		r := &all[i]
		if err := plain(r.ResultsKey); err != nil {
			return nil, err
		}
		if r.Results == nil {
			continue
		}
		if err := CheckJSON(r.Results); err != nil { // of one script, while others end with it
			r.Results = nil
			if r.Outcome == OutcomeSucceeded {
				r.Outcome, r.Reason = OutcomeFailed, "its results cannot be kept: "+err.Error()
			}
		}
	}
	var out []Finished
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		out = make([]Finished, len(all))
		return s.finish(ctx, q, now, all, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Store) finish(ctx context.Context, q db.Querier, now time.Time, all []FinishRequest, out []Finished) error {
	holders, ends, index := make([]Holder, len(all)), make(map[uuid.UUID]any, len(all)), make(map[uuid.UUID]int, len(all))
	for i := range all {
		holders[i], index[all[i].Attempt] = all[i].Holder, i
	}
	locked, err := lockExecutions(ctx, q, holders)
	if err != nil {
		return err
	}
	for i := range all {
		r := &all[i]
		if r.Outcome == OutcomeSucceeded && locked[r.Execution].Said == StatusFailed {
			r.Outcome, r.Reason = OutcomeFailed, "the script said that it failed"
		}
		ends[r.Attempt] = map[string]any{"fence": r.Fence, "outcome": r.Outcome, "reason": shorten(r.Reason), "exit_code": r.ExitCode}
	}
	batch, err := batchOf(ends)
	if err != nil {
		return err
	}
	ended, err := q.EndAttempts(ctx, db.EndAttemptsParams{Now: &now, Batch: batch})
	if err != nil {
		return err
	}
	moves, done := make([]movement, 0, len(ended)), make(map[uuid.UUID]bool, len(ended))
	for _, a := range ended {
		i := index[a.ID]
		r := &all[i]
		e, ok := locked[r.Execution]
		if !ok || a.ExecutionID != r.Execution {
			return errors.New("an attempt is of another execution than its holder says")
		}
		if err := keepResults(ctx, q, now, r); err != nil {
			return err
		}
		began := a.StartedAt
		if r.Unbegun {
			began = nil
		}
		countEnd(q, r.Outcome, now, began)
		m := next(e, r.Outcome, began != nil, r.Reason)
		out[i].Status, done[a.ID] = m.Status, true
		moves = append(moves, m)
	}
	if _, err := s.moveAll(ctx, q, now, moves); err != nil {
		return err
	}
	for i := range all { // who did not hear that it was done asks again
		if done[all[i].Attempt] {
			continue
		}
		if err := finishedBefore(ctx, q, &all[i], locked, &out[i]); err != nil {
			return err
		}
	}
	return nil
}

func keepResults(ctx context.Context, q db.Querier, now time.Time, r *FinishRequest) error {
	if r.Results == nil && r.ResultsKey == "" || r.Outcome != OutcomeSucceeded && r.Outcome != OutcomeCancelled {
		return nil
	}
	_, err := q.SetResults(ctx, resultsOf(r.Execution, now, r.Results, r.ResultsKey, r.ResultsSize))
	return err
}

func resultsOf(id uuid.UUID, now time.Time, results json.RawMessage, key string, size int64) db.SetResultsParams {
	if results == nil {
		results = []byte("null")
	} else if size == 0 {
		size = int64(len(results))
	}
	return db.SetResultsParams{ID: id, Now: now, Results: results, ResultsKey: key, ResultsSize: size}
}

func finishedBefore(ctx context.Context, q db.Querier, r *FinishRequest, locked map[uuid.UUID]db.LockExecutionsRow, out *Finished) error {
	was, err := q.ListEndedAttempt(ctx, db.ListEndedAttemptParams{ID: r.Attempt, Fence: r.Fence, Outcome: string(r.Outcome)})
	for _, id := range was {
		out.Status = locked[id].Status
	}
	return err
}

// Tries.
const (
	// freeTries is how often what never ran is tried beyond the number of attempts that it may have.
	freeTries = 5
	// freeDelay is how long what a runner refused, or lost before it ran, waits before it is tried again.
	freeDelay = time.Second
	// mostDelay is how long any attempt waits at most.
	mostDelay = time.Hour
)

// next is where an execution goes when its attempt has ended.
func next(e db.LockExecutionsRow, o Outcome, ran bool, reason string) movement {
	m := movement{ID: e.ID, Was: e.Status, Reason: reason}
	free := !ran && (o == OutcomeLost || o == OutcomeRefused)
	switch {
	case e.Status == StatusCancelling:
		m.Status = StatusCancelled
	case o == OutcomeSucceeded:
		m.Status = StatusFinished
	case free && e.Attempt < e.MaxAttempts+freeTries:
		m.Status, m.Again, m.Delay = StatusReady, 1, freeDelay
	case e.Attempt < e.MaxAttempts && slices.Contains(strings.Fields(e.RetryOn), string(o)):
		m.Status, m.Again, m.Delay = StatusReady, 1, retryDelay(e)
	default:
		m.Status = StatusFailed
	}
	m.Notice = noticeOf(e, o, m)
	return m
}

// noticeOf is what the log of an execution is told of the end of an attempt; nothing where it succeeded.
func noticeOf(e db.LockExecutionsRow, o Outcome, m movement) string {
	if m.Status == StatusFinished {
		return ""
	}
	said := "Attempt " + strconv.FormatInt(e.Attempt, 10) + " ended: " + string(o)
	if m.Reason != "" {
		said += ": " + m.Reason
	}
	switch {
	case m.Status == StatusCancelled:
		return said + ". The execution is cancelled."
	case m.Again > 0 && m.Delay > 0:
		return said + ". It is tried again in " + m.Delay.String() + "."
	case m.Again > 0:
		return said + ". It is tried again."
	}
	return said + ". The execution has failed."
}

// retryDelay doubles with each attempt.
func retryDelay(e db.LockExecutionsRow) time.Duration {
	d := time.Duration(e.RetryDelayMs) * time.Millisecond
	for range e.Attempt - 1 {
		if d >= mostDelay {
			break
		}
		d *= 2
	}
	return min(d, mostDelay)
}
