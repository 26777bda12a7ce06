package queries

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// States of a runner.
const (
	RunnerReady    = "READY"    // it takes attempts
	RunnerDraining = "DRAINING" // it ends what it has, and takes nothing
	RunnerGone     = "GONE"     // it has ended, or was not heard of any more
)

// RunnerInfo is what a runner says of itself.
type RunnerInfo struct {
	// ID is the same when it is begun anew, so that it finds what it held. Name is for people.
	ID   uuid.UUID
	Name string
	// Host and Version say where it runs and what it is.
	Host, Version string
	// Queues are those whose attempts it takes, Slots how many at once.
	Queues []string
	Slots  int
}

// Register says that a runner is there, for the time of a lease.
func (s *Store) Register(ctx context.Context, r RunnerInfo, lease time.Duration) (db.Runner, error) {
	if err := plain(append([]string{r.Name, r.Host, r.Version}, r.Queues...)...); err != nil {
		return db.Runner{}, err
	}
	if r.Queues == nil {
		r.Queues = []string{}
	}
	queues, err := json.Marshal(r.Queues)
	if err != nil {
		return db.Runner{}, err
	}
	now := s.clock.Now()
	return s.queries().UpsertRunner(ctx, db.UpsertRunnerParams{ID: r.ID, Name: r.Name, Host: r.Host, Version: r.Version, Queues: queues, Slots: int64(r.Slots), Now: now, LeaseUntil: now.Add(lease)})
}

// RenewRunner says that a runner is there still, for the time of a lease, and gives its state: RunnerDraining where somebody wished
// that it ends, RunnerGone where it was taken for gone, and is to register again.
func (s *Store) RenewRunner(ctx context.Context, id uuid.UUID, lease time.Duration) (string, error) {
	now := s.clock.Now()
	is, err := s.queries().RenewRunner(ctx, db.RenewRunnerParams{ID: id, Now: now, LeaseUntil: now.Add(lease)})
	if err != nil || len(is) == 0 {
		return RunnerGone, err
	}
	return is[0], nil
}

// DrainRunner has a runner take nothing any more; false: there is none that does.
func (s *Store) DrainRunner(ctx context.Context, id uuid.UUID) (bool, error) {
	n, err := s.queries().DrainRunner(ctx, id)
	return n == 1, err
}

// EndRunner says that a runner has ended; false: it was gone. What it holds is lost when its leases end.
func (s *Store) EndRunner(ctx context.Context, id uuid.UUID) (bool, error) {
	now := s.clock.Now()
	n, err := s.queries().EndRunner(ctx, db.EndRunnerParams{ID: id, Now: &now})
	return n == 1, err
}

// SweepRunners takes runners for gone that were not heard of for their leases, and gives them.
func (s *Store) SweepRunners(ctx context.Context) ([]db.EndLostRunnersRow, error) {
	now := s.clock.Now()
	return s.queries().EndLostRunners(ctx, db.EndLostRunnersParams{Now: &now, Late: now})
}

// RunnersHere gives the runners that are not gone, by name, at most so many.
func (s *Store) RunnersHere(ctx context.Context, most int) ([]db.Runner, error) {
	return s.queries().ListRunners(ctx, int64(most))
}

// Adopted is what a runner held before it was begun anew, and holds again under another fence.
type Adopted struct {
	Claimed
	// Stop is as in a Verdict.
	Stop Outcome
	// Handle is how its executor finds it, Deadline when it has run for as long as it may.
	Handle   string
	Deadline time.Time
	// LastChunk is the data of the last chunk of its log; nil: there is none.
	LastChunk []byte
}

// Adopt gives a runner what it held before it was begun anew, as long as nobody has taken it away: whoever held it in its name holds
// it no more. What was started and it cannot find is to be finished with OutcomeLost. Those of but are left as they are: by that a runner finds what it was given by a
// claim of which it did not hear.
func (s *Store) Adopt(ctx context.Context, runner uuid.UUID, lease time.Duration, but ...uuid.UUID) ([]Adopted, error) {
	if lease <= 0 {
		lease = DefaultLease
	}
	held, err := s.queries().ListHeldBy(ctx, &runner)
	held = slices.DeleteFunc(held, func(h db.ListHeldByRow) bool { return slices.Contains(but, h.ID) })
	if err != nil || len(held) == 0 {
		return nil, err
	}
	var out []Adopted
	err = s.move(ctx, func(q db.Querier, now time.Time) (err error) {
		out, err = adopt(ctx, q, now, runner, lease, held)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func adopt(ctx context.Context, q db.Querier, now time.Time, runner uuid.UUID, lease time.Duration, held []db.ListHeldByRow) ([]Adopted, error) {
	attempts, executions := make([]uuid.UUID, len(held)), make([]uuid.UUID, len(held))
	for i, h := range held {
		attempts[i], executions[i] = h.ID, h.ExecutionID
	}
	if _, err := q.LockExecutions(ctx, idList(executions)); err != nil {
		return nil, err
	}
	until := now.Add(lease)
	got, err := q.AdoptAttempts(ctx, db.AdoptAttemptsParams{LeaseUntil: &until, Now: &now, Ids: idList(attempts), RunnerID: &runner})
	if err != nil {
		return nil, err
	}
	work, err := workOf(ctx, q, executions)
	if err != nil {
		return nil, err
	}
	out := make([]Adopted, len(got))
	for i, a := range got {
		out[i] = Adopted{
			Claimed: Claimed{
				Holder: Holder{Attempt: a.ID, Execution: a.ExecutionID, Fence: a.Fence}, Number: a.Number, LogSeq: a.LogSeq,
				Timeout: time.Duration(a.TimeoutMs) * time.Millisecond, Lease: until, Work: work[a.ExecutionID], Started: a.State == "RUNNING",
			},
			Stop: Outcome(a.Stop), Handle: a.Handle,
		}
		if a.DeadlineAt != nil {
			out[i].Deadline = *a.DeadlineAt
		}
		if a.LogSeq == 0 {
			continue
		}
		last, err := q.ListLastChunk(ctx, db.ListLastChunkParams{ExecutionID: a.ExecutionID, Attempt: a.Number, Seq: a.LogSeq})
		if err != nil {
			return nil, err
		}
		if len(last) == 1 {
			out[i].LastChunk = last[0]
		}
	}
	return out, nil
}

// workOf finds what whoever runs executions needs to know of them.
func workOf(ctx context.Context, q db.Querier, executions []uuid.UUID) (map[uuid.UUID]db.ListWorkRow, error) {
	work, err := q.ListWork(ctx, idList(executions))
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]db.ListWorkRow, len(work))
	for _, w := range work {
		out[w.ID] = w
	}
	return out, nil
}
