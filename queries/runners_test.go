package queries

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// TestRunners holds that runners are there as long as they are heard of.
func TestRunners(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		a, b := fresh(), fresh()
		for id, name := range map[uuid.UUID]string{a: "a", b: "b"} {
			if r, err := s.Register(t.Context(), RunnerInfo{ID: id, Name: name, Slots: 4, Queues: []string{"default", "gpu"}}, time.Minute); err != nil || r.State != RunnerReady || string(r.Queues) != `["default","gpu"]` {
				t.Error(r, err)
			}
		}
		here := func(want ...string) {
			t.Helper()
			all, err := s.RunnersHere(t.Context(), 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range all {
				got = append(got, r.Name+" "+r.State)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
		renew := func(id uuid.UUID, want string) {
			t.Helper()
			if is, err := s.RenewRunner(t.Context(), id, time.Minute); err != nil || is != want {
				t.Errorf("%s, %v; want %s", is, err, want)
			}
		}
		here("a READY", "b READY")
		h.turn(50 * time.Second)
		renew(a, RunnerReady)
		if ok, err := s.DrainRunner(t.Context(), a); !ok || err != nil {
			t.Error(ok, err)
		}
		renew(a, RunnerDraining)
		h.turn(10 * time.Second)
		gone, err := s.SweepRunners(t.Context())
		if err != nil || len(gone) != 1 || gone[0].ID != b {
			t.Error(gone, err)
		}
		here("a DRAINING")
		renew(b, RunnerGone)
		renew(fresh(), RunnerGone)
		if _, err := s.Register(t.Context(), RunnerInfo{ID: b, Name: "b"}, time.Minute); err != nil {
			t.Error(err)
		}
		if ok, err := s.EndRunner(t.Context(), a); !ok || err != nil {
			t.Error(ok, err)
		}
		here("b READY")
		if all, err := List(t.Context(), s, Runners(), rows.Request{Limit: 10}); err != nil || len(all) != 2 {
			t.Error(all, err)
		}
	})
}

// TestAdopt holds that a runner that was begun anew holds again what it held, that it did not before, and finds where the log ends.
func TestAdopt(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		for range 4 {
			run1(t, s, Limits{}, execution(sc))
		}
		me, other := fresh(), fresh()
		started, claimed, ended := claim1(t, s, me), claim1(t, s, me), claim1(t, s, me)
		claim1(t, s, other)
		if v, err := s.Start(t.Context(), []StartRequest{{Holder: started.Holder, Timeout: time.Hour, Handle: "pid 7", TokenHash: index(7)}}, 0); err != nil || !v[0].Held {
			t.Fatal(v, err)
		}
		start1(t, s, ended)
		finish1(t, s, ended.Holder, OutcomeSucceeded, StatusFinished)
		chunks := []LogChunk{{Seq: 1, Lines: 1, Data: []byte("a")}, {Seq: 2, Lines: 1, Data: []byte("b")}}
		if err := s.AppendLog(t.Context(), started.Holder, chunks); err != nil {
			t.Fatal(err)
		}
		if a, err := s.AttemptOfToken(t.Context(), index(7)); err != nil || a.ID != started.Attempt {
			t.Error(a, err)
		}
		got, err := s.Adopt(t.Context(), me, time.Minute)
		if err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
		for _, a := range got {
			switch a.Attempt {
			case started.Attempt:
				if !a.Started || a.Handle != "pid 7" || a.LogSeq != 2 || string(a.LastChunk) != "b" || a.Fence != 2 || a.Work.BlobKey != "k" || a.Deadline.IsZero() {
					t.Errorf("%+v", a)
				}
				if err := s.SetHandle(t.Context(), a.Holder, "pid 8"); err != nil {
					t.Error(err)
				}
				finish1(t, s, started.Holder, OutcomeFailed, "") // who was there before
				if err := s.AppendLog(t.Context(), started.Holder, []LogChunk{{Seq: 3, Lines: 1, Data: []byte("c")}}); !errors.Is(err, ErrFenced) {
					t.Error(err)
				}
				if err := s.Progress(t.Context(), started.Holder, 3); !errors.Is(err, ErrFenced) {
					t.Error(err)
				}
				if err := s.SetHandle(t.Context(), started.Holder, "pid 9"); !errors.Is(err, ErrFenced) {
					t.Error(err)
				}
				finish1(t, s, a.Holder, OutcomeSucceeded, StatusFinished)
			case claimed.Attempt:
				if a.Started || a.LastChunk != nil || a.LogSeq != 0 {
					t.Errorf("%+v", a)
				}
			default:
				t.Errorf("%+v", a)
			}
		}
		if _, err := s.AttemptOfToken(t.Context(), index(7)); !errors.Is(err, sql.ErrNoRows) {
			t.Error("the token outlives its attempt", err)
		}
	})
}

// TestPatch holds what who runs executions themselves may say of them.
func TestPatch(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		patch := func(id uuid.UUID, p ExecutionPatch, want string) {
			t.Helper()
			e, err := s.PatchExecution(t.Context(), by(), id, p)
			refused, ok := errors.AsType[*StatusError](err)
			if ok {
				e.Status = "refused, " + refused.Status
			} else if err != nil {
				t.Fatal(err)
			}
			if e.Status != want {
				t.Errorf("%s, want %s", e.Status, want)
			}
		}
		to := func(status string) ExecutionPatch { return ExecutionPatch{Status: &status} }
		half := 50
		e := run1(t, s, Limits{}, execution(sc))
		patch(e.ID, to(StatusFinished), "refused, READY")
		patch(e.ID, ExecutionPatch{Progress: &half}, "refused, READY")
		patch(e.ID, to("SUBMITTED"), "refused, READY")
		patch(e.ID, to(StatusRunning), StatusRunning)
		if got, err := s.Claim(t.Context(), ClaimRequest{Runner: fresh(), Queues: []string{DefaultQueue}, Most: 5}); err != nil || len(got) != 0 {
			t.Error("what somebody runs is given to a runner", got, err)
		}
		patch(e.ID, ExecutionPatch{Progress: &half}, StatusRunning)
		patch(e.ID, to(StatusReady), "refused, RUNNING")
		finished := to(StatusFinished)
		finished.Results = []byte(`{"a":1.0}`)
		patch(e.ID, finished, StatusFinished)
		if is := run1Execution(t, s, e.ID); string(is.Results) != `{"a":1.0}` || is.Progress != 100 {
			t.Errorf("%+v", is)
		}
		for _, status := range allStatuses() {
			patch(e.ID, to(status), "refused, FINISHED")
		}
		// What a runner holds is taken from it.
		e = run1(t, s, Limits{}, execution(sc))
		c := claim1(t, s, fresh())
		start1(t, s, c)
		patch(e.ID, to(StatusFailed), StatusFailed)
		finish1(t, s, c.Holder, OutcomeSucceeded, "")
		e = run1(t, s, Limits{}, execution(sc))
		claim1(t, s, fresh())
		patch(e.ID, to(StatusCancelling), StatusCancelling)
		patch(e.ID, to(StatusCancelled), StatusCancelled)
		e = run1(t, s, Limits{}, execution(sc))
		patch(e.ID, to(StatusCancelled), StatusCancelled)
		if err := s.DeleteExecution(t.Context(), by(), e.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.PatchExecution(t.Context(), by(), e.ID, to(StatusRunning)); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
		if _, err := s.Execution(t.Context(), e.ID); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
		e = run1(t, s, Limits{}, execution(sc))
		if err := s.DeleteExecution(t.Context(), by(), e.ID); !errors.As(err, new(*StatusError)) {
			t.Error(err)
		}
	})
}

// TestPositions holds where in a queue an execution is said to stand, and that what repeats one is like it.
func TestPositions(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		a, b := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one"), aScript(t, s, create(t, s, aUser("b@x.org")).ID, "two")
		l := Limits{Global: 2}
		n := execution(a)
		n.Timeout, n.MaxAttempts, n.RetryOn, n.RetryDelay, n.Priority = time.Minute, 3, []Outcome{OutcomeOOM, OutcomeLost}, time.Second, 1
		ready := []Created{run1(t, s, l, n), run1(t, s, l, execution(b))}
		waiting := []Created{run1(t, s, l, execution(a)), run1(t, s, l, execution(b)), run1(t, s, l, n)}
		for i, want := range []Position{{}, {Ahead: 1}} {
			if p, err := s.Position(t.Context(), ready[i].Execution); err != nil || p != want {
				t.Error(p, err)
			}
		}
		for i, want := range []Position{{Ahead: 1, OfUser: 1}, {Ahead: 2}, {}} {
			if p, err := s.Position(t.Context(), waiting[i].Execution); err != nil || p != want {
				t.Error(i, p, err)
			}
		}
		if w, err := s.Waiting(t.Context()); err != nil || len(w) != 1 || w[DefaultQueue] != 2 {
			t.Error(w, err)
		}
		if u, err := s.Unclaimed(t.Context(), -time.Second, 10); err != nil || len(u) != 2 {
			t.Error(u, err)
		}
		if u, err := s.Unclaimed(t.Context(), time.Hour, 10); err != nil || len(u) != 0 {
			t.Error(u, err)
		}
		again, err := s.Rerun(t.Context(), l, ready[0].ID, b.UserID, 0)
		if err != nil || again.RerunOf == nil || *again.RerunOf != ready[0].ID || *again.UserID != b.UserID || *again.ScriptID != a.ID || again.RetryOn != "OOM LOST" || again.TimeoutMs != 60_000 || again.MaxAttempts != 3 || string(again.Params) != string(n.Params) {
			t.Errorf("%+v, %v", again, err)
		}
		states, err := s.States(t.Context(), []uuid.UUID{ready[0].ID, waiting[0].ID, fresh()})
		if err != nil || len(states) != 2 {
			t.Error(states, err)
		}
	})
}

// TestWatch holds that who watches hears of what other stores do.
func TestWatch(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		other := s
		if IsPostgres(dsn) {
			other = openStore(t, dsn)
		}
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		wanted := other.WatchExecutions(t.Context(), time.Hour)
		<-wanted
		for range 3 { // it is told again and again, since it may not listen yet
			e := run1(t, s, Limits{}, execution(sc))
			select {
			case <-wanted:
				return
			case <-time.After(time.Minute):
				t.Log("nobody is told of", e.ID)
			}
		}
		t.Error("nobody is told")
	})
}

// TestWatchReady is told of attempts when they are there for who claims them, and of nothing else.
func TestWatchReady(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		ctx, end := context.WithCancel(t.Context())
		ready := s.WatchReady(ctx)
		<-ready
		told := func() bool {
			select {
			case <-ready:
				return true
			default:
				return false
			}
		}
		run1(t, s, Limits{}, execution(sc))
		if !told() {
			t.Error("nobody is told of an attempt")
		}
		got, err := s.Claim(t.Context(), ClaimRequest{Runner: uuid.New(), Queues: []string{DefaultQueue}, Most: 1})
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		run1(t, s, Limits{Global: 1}, execution(sc)) // waits for admission
		if told() {
			t.Error("it is told of what is no attempt")
		}
		end()
		for range ready { // until it is closed
		}
	})
}
