package queries

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// story is all that is told of an execution, but for what is another one's anyway.
type story struct {
	Execution db.Execution
	Moves     []db.StatusLog
	Attempts  []db.ExecutionAttempt
	Events    []map[string]any
}

// TestReadyAtOnce holds that an execution which need not wait for admission is told of just as one that was admitted, though it was written as READY.
func TestReadyAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		tell := func(l Limits) story {
			t.Helper()
			name := uuid.NewString()
			if err := s.BeginEvents(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			e := run1(t, s, l, execution(sc))
			out := story{Execution: run1Execution(t, s, e.ID)}
			if diff := cmp.Diff(out.Execution, e.Execution); diff != "" {
				t.Errorf("what is answered is not what is kept: %s", diff)
			}
			var err error
			if out.Moves, err = s.StatusLog(t.Context(), e.ID, 10); err != nil {
				t.Fatal(err)
			}
			if out.Attempts, err = s.Attempts(t.Context(), e.ID); err != nil {
				t.Fatal(err)
			}
			for _, one := range read(t, s, name, 100) {
				var data map[string]any
				if err := json.Unmarshal(one.Data, &data); err != nil {
					t.Fatal(err)
				}
				delete(data, "execution_id")
				out.Events = append(out.Events, map[string]any{"type": one.Type, "at": one.At, "data": data})
			}
			return out
		}
		counted, free := tell(Limits{PerUser: 5}), tell(Limits{})
		if len(free.Moves) != 2 || len(free.Events) != 2 || len(free.Attempts) != 1 {
			t.Errorf("it is told of in %d moves, %d events and %d attempts", len(free.Moves), len(free.Events), len(free.Attempts))
		}
		if diff := cmp.Diff(counted, free, cmpopts.IgnoreFields(db.Execution{}, "ID"), cmpopts.IgnoreFields(db.StatusLog{}, "ID", "ExecutionID"), cmpopts.IgnoreFields(db.ExecutionAttempt{}, "ID", "ExecutionID")); diff != "" {
			t.Errorf("the one that was admitted (-), and the one that need not be (+): %s", diff)
		}
		if got, err := s.Claim(t.Context(), ClaimRequest{Runner: fresh(), Queues: []string{DefaultQueue}, Most: 5}); len(got) != 2 || err != nil {
			t.Errorf("%d may be run, %v", len(got), err)
		}
	})
}

// TestBegins has executions begin with nothing else.
func TestBegins(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		for _, c := range []struct {
			status  string
			attempt int64
			ok      bool
		}{
			{StatusPending, 0, true},
			{StatusReady, 1, true},
			{StatusPending, 1, false},
			{StatusReady, 0, false},
			{StatusReady, 2, false},
			{StatusRunning, 1, false},
			{StatusFinished, 1, false},
			{StatusCancelled, 0, false},
		} {
			err := s.inTx(t.Context(), func(q db.Querier) error {
				now := time.Now().UTC()
				_, err := q.InsertExecution(context.WithoutCancel(t.Context()), db.InsertExecutionParams{
					ID: fresh(), Status: c.status, Attempt: c.attempt, DispatchedAt: &now, Params: []byte("{}"), Queue: "q", MaxAttempts: 1, TimeoutMs: 1, Now: now, Executor: ExecutorGateway, Service: "s", Route: "GET /",
				})
				return err
			})
			if (err == nil) != c.ok {
				t.Errorf("%s with attempt %d: %v", c.status, c.attempt, err)
			}
		}
	})
}
