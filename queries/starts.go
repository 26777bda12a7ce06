package queries

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// startClaimed starts what was claimed in this transaction and can be run at once. Attempts are locked before their executions here, so those that
// somebody else has locked are left out: they are started later.
func (s *Store) startClaimed(ctx context.Context, q db.Querier, now time.Time, r ClaimRequest, claimed []Claimed) error {
	starts, ids := make([]StartRequest, 0, len(claimed)), make([]uuid.UUID, 0, len(claimed))
	for i := range claimed {
		if start := r.Begin(&claimed[i]); start != nil {
			start.Holder = claimed[i].Holder
			starts, ids = append(starts, *start), append(ids, start.Execution)
		}
	}
	if len(starts) == 0 {
		return nil
	}
	var begun map[uuid.UUID]bool
	var err error
	if short := tripsOf(q); short != nil {
		begun, err = beginClaimed(ctx, q, short, now, r.Lease, starts)
	} else {
		begun, err = s.startFree(ctx, q, now, r.Lease, starts, ids)
	}
	for i := range claimed {
		claimed[i].Started = begun[claimed[i].Attempt]
	}
	return err
}

// startFree starts those of which nobody else has locked the executions, and says which.
func (s *Store) startFree(ctx context.Context, q db.Querier, now time.Time, lease time.Duration, starts []StartRequest, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	rows, err := q.LockFreeExecutions(ctx, idList(ids))
	if err != nil {
		return nil, err
	}
	locked := make(map[uuid.UUID]db.LockExecutionsRow, len(rows))
	for _, row := range rows {
		locked[row.ID] = db.LockExecutionsRow(row)
	}
	verdicts := make([]Verdict, len(starts))
	if err := s.startThose(ctx, q, now, lease, starts, locked, verdicts); err != nil {
		return nil, err
	}
	begun := make(map[uuid.UUID]bool, len(starts))
	for i, v := range verdicts {
		begun[starts[i].Attempt] = v.Held
	}
	return begun, nil
}

// StartRequest says that a runner is about to run what it has claimed.
type StartRequest struct {
	Holder
	// Timeout is how long it may run: that of the claim.
	Timeout time.Duration
	// Handle is how its executor finds it again, after the runner was begun anew. Default "".
	Handle string
	// TokenHash is the SHA-256 of the attempt's token, by which AttemptOfToken finds it. Default none.
	TokenHash []byte
}

// Start moves executions to RUNNING, before anything of them is run. Those that are not held, or are to be stopped, are not to be
// run; the latter are to be finished.
func (s *Store) Start(ctx context.Context, all []StartRequest, lease time.Duration) ([]Verdict, error) {
	if lease <= 0 {
		lease = DefaultLease
	}
	var out []Verdict
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		out = make([]Verdict, len(all))
		holders := make([]Holder, len(all))
		for i := range all {
			holders[i] = all[i].Holder
		}
		locked, err := lockExecutions(ctx, q, holders)
		if err != nil {
			return err
		}
		if err := s.startThose(ctx, q, now, lease, all, locked, out); err != nil {
			return err
		}
		return heldOnes(ctx, q, holders, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// startBatch is the start of an attempt in a batch.
func startBatch(now time.Time, r StartRequest) map[string]any {
	of := map[string]any{
		"fence": r.Fence, "deadline_at": sqlTime(now.Add(max(r.Timeout, time.Millisecond))), "handle": strings.ReplaceAll(r.Handle, "\x00", " "), "token_hash": nil,
	}
	if r.TokenHash != nil {
		of["token_hash"] = hex.EncodeToString(r.TokenHash)
	}
	return of
}

// startThose starts attempts whose executions are locked, and says which of them are held or to be stopped.
func (s *Store) startThose(ctx context.Context, q db.Querier, now time.Time, lease time.Duration, all []StartRequest, locked map[uuid.UUID]db.LockExecutionsRow, out []Verdict) error {
	starts, index := map[uuid.UUID]map[string]any{}, map[uuid.UUID]int{}
	for i, r := range all {
		switch e := locked[r.Execution]; e.Status {
		case StatusReady, StatusRunning:
			starts[r.Attempt] = startBatch(now, r)
			index[r.Attempt] = i
		case StatusCancelling:
			out[i].Stop = OutcomeCancelled // whether it is held is for the caller to ask
		}
	}
	if len(starts) == 0 {
		return nil
	}
	batch, err := batchOf(starts)
	if err != nil {
		return err
	}
	until := now.Add(lease)
	started, err := q.StartAttempts(ctx, db.StartAttemptsParams{Now: &now, LeaseUntil: &until, Batch: batch})
	if err != nil {
		return err
	}
	moves := make([]movement, 0, len(started))
	for _, id := range started {
		i := index[id]
		out[i].Held = true
		if e := locked[all[i].Execution]; e.Status == StatusReady {
			moves = append(moves, movement{ID: e.ID, Was: StatusReady, Status: StatusRunning})
		}
	}
	_, err = s.moveAll(ctx, q, now, moves)
	return err
}
