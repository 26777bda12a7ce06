package queries

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Times of attempts.
const (
	// DefaultLease is for how long an attempt is its runner's after a heartbeat.
	DefaultLease = time.Minute
	// DefaultStartWithin is how long a runner may take to start what it has claimed.
	DefaultStartWithin = 10 * time.Minute
)

// Holder is who holds an attempt: the answer to a claim. Whatever a runner writes, it names this.
type Holder struct {
	Attempt, Execution uuid.UUID
	// Fence grows with each claim.
	Fence int64
}

// ClaimRequest is what a runner has room for.
type ClaimRequest struct {
	// Runner is the id of the runner.
	Runner uuid.UUID
	// Attempts are those that it was told of, wherever they wait. Without any, it takes those that wait in Queues, of the first one
	// first, at most Most.
	Attempts []uuid.UUID
	Queues   []string
	Most     int
	// Lease is for how long they are its own. Default DefaultLease.
	Lease time.Duration
	// StartWithin is how long it may take until it starts them. Default DefaultStartWithin.
	StartWithin time.Duration
	// Begin says of an attempt how it is started, where nothing is to be made ready before: that saves Start. It is called in the
	// transaction, again if that is tried again, and must not wait. nil: it is to be started later. Default: all are.
	Begin func(*Claimed) *StartRequest
}

// Claimed is an attempt that a runner holds, and what it has to do. It is to be started (Start) before anything is run, and
// finished (Finish).
type Claimed struct {
	Holder
	// Number is that of the attempt, from 1.
	Number int64
	// LogSeq is the number of the last chunk of its log, 0: there is none.
	LogSeq int64
	// Timeout is how long it may run.
	Timeout time.Duration
	// Lease is when it is its runner's no more, unless it is renewed, by the clock of the store.
	Lease time.Time
	// Work is what is to be run.
	Work db.ListWorkRow
	// Started: it was started, by the claim, as Begin said, or before it was adopted: then it may run.
	Started bool
}

// Claim gives attempts that wait to a runner, each to one. Of Attempts that somebody else has, or that have ended, it gives none.
func (s *Store) Claim(ctx context.Context, r ClaimRequest) ([]Claimed, error) {
	if r.Lease <= 0 {
		r.Lease = DefaultLease
	}
	if r.StartWithin <= 0 {
		r.StartWithin = DefaultStartWithin
	}
	var out []Claimed
	err := s.move(ctx, func(q db.Querier, now time.Time) (err error) {
		switch out, err = claimSome(ctx, q, now, r); {
		case err != nil:
			return err
		case len(out) == 0:
			return errNone // nobody is told of it
		case r.Begin == nil:
			return nil
		}
		return s.startClaimed(ctx, q, now, r, out)
	})
	if err != nil && !errors.Is(err, errNone) {
		return nil, err
	}
	return out, nil
}

// errNone ends a transaction in which there is nothing to be done.
var errNone = errors.New("there is none") //nolint:gochecknoglobals // a sentinel

func claimSome(ctx context.Context, q db.Querier, now time.Time, r ClaimRequest) ([]Claimed, error) {
	if short := tripsOf(q); short != nil && len(r.Attempts) == 0 && !slices.ContainsFunc(r.Queues, ofGateways) {
		return claimWork(ctx, short, now, r)
	}
	lease, deadline := now.Add(r.Lease), now.Add(r.StartWithin)
	var got []db.ClaimAttemptsRow
	if len(r.Attempts) > 0 {
		rows, err := q.ClaimTheseAttempts(ctx, db.ClaimTheseAttemptsParams{Ids: idList(r.Attempts), RunnerID: &r.Runner, LeaseUntil: &lease, DeadlineAt: &deadline, Now: &now})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			got = append(got, db.ClaimAttemptsRow(row))
		}
	} else {
		for _, queue := range r.Queues {
			if len(got) >= r.Most {
				break
			}
			rows, err := q.ClaimAttempts(ctx, db.ClaimAttemptsParams{Queue: queue, AtMost: int64(r.Most - len(got)), RunnerID: &r.Runner, LeaseUntil: &lease, DeadlineAt: &deadline, Now: &now})
			if err != nil {
				return nil, err
			}
			got = append(got, rows...)
		}
	}
	if len(got) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, len(got))
	for i, a := range got {
		ids[i] = a.ExecutionID
	}
	byID, err := workOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Claimed, len(got))
	for i, a := range got {
		out[i] = Claimed{
			Holder: Holder{Attempt: a.ID, Execution: a.ExecutionID, Fence: a.Fence}, Number: a.Number, LogSeq: a.LogSeq,
			Timeout: time.Duration(a.TimeoutMs) * time.Millisecond, Lease: lease, Work: byID[a.ExecutionID],
		}
	}
	return out, nil
}

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

// Verdict is what the store says of an attempt to who holds it.
type Verdict struct {
	// Held: it is the holder's still. If not, whatever runs is to be killed, and counts for nothing.
	Held bool
	// Stop: it is to be ended: OutcomeCancelled or OutcomeTimeout. Default "": it is not.
	Stop Outcome
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

// lockExecutions locks those of holders, in order.
func lockExecutions(ctx context.Context, q db.Querier, holders []Holder) (map[uuid.UUID]db.LockExecutionsRow, error) {
	ids := make([]uuid.UUID, len(holders))
	for i, h := range holders {
		ids[i] = h.Execution
	}
	rows, err := q.LockExecutions(ctx, idList(ids))
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]db.LockExecutionsRow, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, nil
}

// fenced is a holder in a batch.
type fenced struct {
	ID    uuid.UUID `json:"id"`
	Fence int64     `json:"fence"`
}

// heldOnes looks for those that are not known to be held, whether they are.
func heldOnes(ctx context.Context, q db.Querier, holders []Holder, out []Verdict) error {
	ask, index := []fenced{}, map[uuid.UUID]int{}
	for i, h := range holders {
		if !out[i].Held {
			ask, index[h.Attempt] = append(ask, fenced{h.Attempt, h.Fence}), i
		}
	}
	if len(ask) == 0 {
		return nil
	}
	batch, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	rows, err := q.ListHeldAttempts(ctx, string(batch))
	for _, r := range rows {
		out[index[r.ID]] = Verdict{Held: true, Stop: Outcome(r.Stop)}
	}
	return err
}

// Renew has the leases of attempts last so long from now, and says what is to become of them. It waits for nobody who changes them
// at this moment: their leases stay as they are. Call it several times within a lease.
func (s *Store) Renew(ctx context.Context, all []Holder, lease time.Duration) ([]Verdict, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if lease <= 0 {
		lease = DefaultLease
	}
	ask, index := make([]fenced, len(all)), make(map[uuid.UUID]int, len(all))
	for i, h := range all {
		ask[i], index[h.Attempt] = fenced{h.Attempt, h.Fence}, i
	}
	batch, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	until := now.Add(lease)
	rows, err := s.queries().RenewAttempts(ctx, db.RenewAttemptsParams{LeaseUntil: &until, Now: &now, Batch: string(batch)})
	if err != nil {
		return nil, err
	}
	out := make([]Verdict, len(all))
	for _, r := range rows {
		out[index[r.ID]] = Verdict{Held: true, Stop: Outcome(r.Stop)}
	}
	return out, heldOnes(ctx, s.queries(), all, out)
}

// Progress says how far an execution is, 0 to 100; ErrFenced: the attempt is not the holder's, or is to be stopped.
func (s *Store) Progress(ctx context.Context, h Holder, percent int) error {
	n, err := s.queries().SetProgress(ctx, db.SetProgressParams{Progress: int64(min(max(percent, 0), 100)), Now: s.clock.Now(), ID: h.Execution, AttemptID: h.Attempt, Fence: h.Fence})
	if err == nil && n == 0 {
		err = ErrFenced
	}
	if err == nil {
		s.changed()
	}
	return err
}

// SetHandle says how the executor finds an attempt again.
func (s *Store) SetHandle(ctx context.Context, h Holder, handle string) error {
	if err := plain(handle); err != nil {
		return err
	}
	n, err := s.queries().SetHandle(ctx, db.SetHandleParams{ID: h.Attempt, Fence: h.Fence, Handle: handle})
	if err == nil && n == 0 {
		err = ErrFenced
	}
	return err
}

// ErrAnotherPod says that an attempt runs in another pod.
var ErrAnotherPod = errors.New("another pod has the attempt") //nolint:gochecknoglobals // a sentinel

// GiveToPod says that an attempt runs in a pod; ErrAnotherPod: it does in another one, or is not the holder's any more.
func (s *Store) GiveToPod(ctx context.Context, h Holder, pod string) error {
	n, err := s.queries().GiveToPod(ctx, db.GiveToPodParams{ID: h.Attempt, Fence: h.Fence, Pod: pod})
	if err == nil && n == 0 {
		err = ErrAnotherPod
	}
	return err
}

// AttemptOfToken gives the attempt that runs now and has the token of this SHA-256; sql.ErrNoRows: there is none, or it has ended.
func (s *Store) AttemptOfToken(ctx context.Context, hash []byte) (db.ExecutionAttempt, error) {
	now := s.clock.Now()
	return s.queries().GetAttemptByToken(ctx, db.GetAttemptByTokenParams{TokenHash: hash, Now: &now})
}

// EndedSince gives those of some attempts that have been over for so long. One that the store does not know is none of them.
func (s *Store) EndedSince(ctx context.Context, attempts []uuid.UUID, since time.Duration) ([]uuid.UUID, error) {
	before := s.clock.Now().Add(-since)
	return s.queries().ListAttemptsEnded(ctx, db.ListAttemptsEndedParams{Ids: idList(attempts), Before: &before})
}
