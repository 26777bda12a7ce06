package runner_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// TestGoesOnWithoutTheRunner ends a runner while executions run: the next one of the same id finds them, and nothing is run twice.
func TestGoesOnWithoutTheRunner(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		id, e, q := uuid.New(), noop.New(noop.Plan{}), s.Queue(t)
		_, end := s.Start(t, runner.Config{ID: id, Executor: e, Queue: q, Slots: 2}, 0)
		ids := s.Execute(t, 2, `{"sleep_ms":500,"lines":2,"results":7}`, nil)
		for _, id := range ids {
			s.Await(t, id, queries.StatusRunning)
		}
		end()
		s.Start(t, runner.Config{ID: id, Executor: e, Queue: q, Slots: 1}, 0)
		for _, id := range ids {
			if got := s.Await(t, id, queries.StatusFinished); got.Attempt != 1 || string(got.Results) != "7" {
				t.Errorf("%+v", got)
			}
			if diff := cmp.Diff([]string{"line 1", "line 2"}, s.Log(t, id)); diff != "" {
				t.Error(diff)
			}
		}
		runnertest.Forgotten(t, e)
	})
}

// TestCancelledMeanwhile is cancelled while there is no runner.
func TestCancelledMeanwhile(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		id, e, q := uuid.New(), noop.New(noop.Plan{}), s.Queue(t)
		_, end := s.Start(t, runner.Config{ID: id, Executor: e, Queue: q}, 0)
		execution := s.Execute(t, 1, `{"sleep_ms":3600000}`, nil)[0]
		s.Await(t, execution, queries.StatusRunning)
		end()
		if _, err := s.Store.Cancel(t.Context(), queries.By{Actor: "test"}, execution, ""); err != nil {
			t.Fatal(err)
		}
		s.Start(t, runner.Config{ID: id, Executor: e, Queue: q}, 0)
		s.Await(t, execution, queries.StatusCancelled)
		runnertest.Forgotten(t, e)
	})
}

// TestLosesWhatItRan is begun anew on a machine that has lost what ran.
func TestLosesWhatItRan(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		id, q := uuid.New(), s.Queue(t)
		_, end := s.Start(t, runner.Config{ID: id, Executor: noop.New(noop.Plan{}), Queue: q}, 0)
		again := func(n *queries.NewExecution) { n.MaxAttempts, n.RetryOn = 2, []queries.Outcome{queries.OutcomeLost} }
		once, twice := s.Execute(t, 1, `{"sleep_ms":3600000}`, nil)[0], s.Execute(t, 1, `{"sleep_ms":2000}`, again)[0]
		s.Await(t, once, queries.StatusRunning)
		s.Await(t, twice, queries.StatusRunning)
		end()
		s.Start(t, runner.Config{ID: id, Executor: noop.New(noop.Plan{}), Queue: q}, 0)
		s.Await(t, once, queries.StatusFailed)
		if got := s.Await(t, twice, queries.StatusFinished); got.Attempt != 2 {
			t.Errorf("%d attempts", got.Attempt)
		}
	})
}

// cutOff is an executor that has a part of what was being started.
type cutOff struct {
	executor.Executor
	id atomic.Pointer[string]
}

func (c *cutOff) Attempts(context.Context) ([]string, error) {
	if id := c.id.Load(); id != nil {
		return []string{*id}, nil
	}
	return nil, nil
}

func (c *cutOff) Forget(context.Context, string) error {
	c.id.Store(nil)
	return nil
}

// TestStartWasCutOff has a runner end while an attempt is started, of which the executor has a part: it has not run for ever.
func TestStartWasCutOff(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		id, c := uuid.New(), &cutOff{Executor: noop.New(noop.Plan{})}
		execution := s.Execute(t, 1, "{}", nil)[0]
		got, err := s.Store.Claim(t.Context(), queries.ClaimRequest{Runner: id, Queues: []string{queries.DefaultQueue}, Most: 1, Begin: func(*queries.Claimed) *queries.StartRequest {
			return &queries.StartRequest{Timeout: time.Hour}
		}})
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		attempt := got[0].Attempt.String()
		c.id.Store(&attempt)
		s.Start(t, runner.Config{ID: id, Executor: c}, 0)
		s.Await(t, execution, queries.StatusFailed)
	})
}

// TestClaimOfWhichNobodyHeard is given attempts by claims whose answers do not arrive, of which one was started with its claim: both are run, at once and once.
func TestClaimOfWhichNobodyHeard(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		id, e := uuid.New(), noop.New(noop.Plan{})
		r, _ := s.Start(t, runner.Config{ID: id, Executor: e}, 0)
		for name, begin := range map[string]func(*queries.Claimed) *queries.StartRequest{
			"later":   nil,
			"at-once": func(*queries.Claimed) *queries.StartRequest { return &queries.StartRequest{Timeout: time.Hour} },
		} {
			execution := s.Execute(t, 1, `{"lines":1,"results":7}`, func(n *queries.NewExecution) { n.Queue = name })[0]
			got, err := s.Store.Claim(t.Context(), queries.ClaimRequest{Runner: id, Queues: []string{name}, Most: 1, Begin: begin})
			if err != nil || len(got) != 1 || got[0].Started != (begin != nil) {
				t.Fatal(got, err)
			}
			r.Doubt()
			if got := s.Await(t, execution, queries.StatusFinished); got.Attempt != 1 || string(got.Results) != "7" {
				t.Errorf("%s: %+v", name, got)
			}
		}
		runnertest.Forgotten(t, e)
	})
}

// TestRemovesWhatIsNobodys finds what another runner of its name left, which the store knows nothing of.
func TestRemovesWhatIsNobodys(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := noop.New(noop.Plan{SleepMS: 3_600_000})
		if _, err := e.Start(t.Context(), executor.Attempt{ID: uuid.NewString(), Script: executor.Script{Version: "x"}}); err != nil {
			t.Fatal(err)
		}
		s.Start(t, runner.Config{Executor: e}, 0)
		runnertest.Forgotten(t, e)
	})
}

// TestDrains ends a runner that may wait for what runs.
func TestDrains(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := noop.New(noop.Plan{})
		_, end := s.Start(t, runner.Config{Executor: e, Slots: 1}, runnertest.Patience)
		ids := s.Execute(t, 2, `{"sleep_ms":3000}`, nil)
		s.Await(t, ids[0], queries.StatusRunning)
		end()
		if got, err := s.Store.Execution(t.Context(), ids[0]); err != nil || got.Status != queries.StatusFinished {
			t.Errorf("%s, %v: it was not waited for", got.Status, err)
		}
		if got, err := s.Store.Execution(t.Context(), ids[1]); err != nil || got.Status != queries.StatusReady {
			t.Errorf("%s, %v: it was begun while the runner ended", got.Status, err)
		}
		runners, err := s.Store.RunnersHere(t.Context(), 10)
		if err != nil || len(runners) != 0 {
			t.Errorf("%+v, %v", runners, err)
		}
	})
}
