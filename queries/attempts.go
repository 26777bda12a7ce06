package queries

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
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

// Verdict is what the store says of an attempt to who holds it.
type Verdict struct {
	// Held: it is the holder's still. If not, whatever runs is to be killed, and counts for nothing.
	Held bool
	// Stop: it is to be ended: OutcomeCancelled or OutcomeTimeout. Default "": it is not.
	Stop Outcome
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
