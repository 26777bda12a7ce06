package runner_test

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

func TestMain(m *testing.M) { runnertest.Main(m) }

func TestRuns(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := noop.New(noop.Plan{})
		_, end := s.Start(t, runner.Config{Executor: e, Slots: 8}, 0)
		ids := s.Execute(t, 50, `{"results":{"a":1},"lines":3}`, nil)
		for _, id := range ids {
			got := s.Await(t, id, queries.StatusFinished)
			if string(got.Results) != `{"a":1}` || got.Progress != 100 || got.Attempt != 1 || got.EndedAt == nil || got.StartedAt == nil {
				t.Errorf("%+v", got)
			}
		}
		runnertest.Forgotten(t, e)
		end()
	})
}

func TestFails(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		s.Start(t, runner.Config{Executor: noop.New(noop.Plan{})}, 0)
		id := s.Execute(t, 1, `{"exit_code":3}`, nil)[0]
		if got := s.Await(t, id, queries.StatusFailed); got.Reason != "it exited with 3" {
			t.Errorf("%q", got.Reason)
		}
		again := s.Execute(t, 1, `{"exit_code":3}`, func(n *queries.NewExecution) {
			n.MaxAttempts, n.RetryOn = 3, []queries.Outcome{queries.OutcomeFailed}
		})[0]
		if got := s.Await(t, again, queries.StatusFailed); got.Attempt != 3 {
			t.Errorf("%d attempts", got.Attempt)
		}
		attempts, err := s.Store.Attempts(t.Context(), again)
		if err != nil || len(attempts) != 3 || *attempts[2].ExitCode != 3 {
			t.Errorf("%+v, %v", attempts, err)
		}
		bad := s.Execute(t, 1, `{"results":"not kept","sleep_ms":"many"}`, nil)[0]
		if got := s.Await(t, bad, queries.StatusFailed); got.Reason == "" {
			t.Errorf("%+v", got)
		}
	})
}

func TestCancels(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := noop.New(noop.Plan{})
		r, _ := s.Start(t, runner.Config{Executor: e, Slots: 1, Poll: 50 * time.Millisecond}, 0)
		ids := s.Execute(t, 2, `{"sleep_ms":3600000}`, nil)
		running := s.Await(t, ids[0], queries.StatusRunning).ID
		for _, id := range ids {
			if _, err := s.Store.Cancel(t.Context(), queries.By{Actor: "test"}, id, "it is not wanted"); err != nil {
				t.Fatal(err)
			}
		}
		r.Look()
		for _, id := range ids {
			if got := s.Await(t, id, queries.StatusCancelled); id == running && got.Reason == "" {
				t.Errorf("%+v", got)
			}
		}
		runnertest.Forgotten(t, e)
		// The slot is free again.
		s.Await(t, s.Execute(t, 1, `{}`, nil)[0], queries.StatusFinished)
	})
}

func TestTimesOut(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		s.Start(t, runner.Config{Executor: noop.New(noop.Plan{}), Poll: 50 * time.Millisecond}, 0)
		id := s.Execute(t, 1, `{"sleep_ms":3600000}`, func(n *queries.NewExecution) { n.Timeout = 100 * time.Millisecond })[0]
		s.Await(t, id, queries.StatusFailed)
		attempts, err := s.Store.Attempts(t.Context(), id)
		if err != nil || len(attempts) != 1 || attempts[0].Outcome != string(queries.OutcomeTimeout) {
			t.Errorf("%+v, %v", attempts, err)
		}
	})
}

// TestSlots has more wait than there are slots.
func TestSlots(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := &counting{Executor: noop.New(noop.Plan{})}
		s.Start(t, runner.Config{Executor: e, Slots: 3}, 0)
		for _, id := range s.Execute(t, 30, `{"sleep_ms":5}`, nil) {
			s.Await(t, id, queries.StatusFinished)
		}
		if most := e.most.Load(); most > 3 || most == 0 {
			t.Errorf("%d ran at once in 3 slots", most)
		}
	})
}

// counting counts how many run at once.
type counting struct {
	executor.Executor
	now, most atomic.Int64
}

func (c *counting) Start(ctx context.Context, a executor.Attempt) (executor.Run, error) {
	n := c.now.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	run, err := c.Executor.Start(ctx, a)
	return &counted{Run: run, ended: sync.OnceFunc(func() { c.now.Add(-1) })}, err
}

type counted struct {
	executor.Run
	ended func()
}

func (c *counted) Wait(ctx context.Context) (executor.Exit, error) {
	defer c.ended()
	return c.Run.Wait(ctx)
}

// TestLongResults are kept outside of the store.
func TestLongResults(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		s.Start(t, runner.Config{Executor: noop.New(noop.Plan{}), Results: 10}, 0)
		results, err := json.Marshal(map[string]any{"results": "0123456789"})
		if err != nil {
			t.Fatal(err)
		}
		got := s.Await(t, s.Execute(t, 1, string(results), nil)[0], queries.StatusFinished)
		if string(got.Results) != "null" || got.ResultsSize != 12 || got.ResultsKey == "" {
			t.Fatalf("%+v", got)
		}
		blob, err := s.Blobs.Read(t.Context(), got.ResultsKey)
		if err != nil || blob.Size != 12 {
			t.Fatal(err)
		}
		if err := blob.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestTwoRunners share what waits: each execution is run once.
func TestTwoRunners(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		q := s.Queue(t)
		a, b := noop.New(noop.Plan{}), noop.New(noop.Plan{})
		s.Start(t, runner.Config{Executor: a, Queue: q, Slots: 4, Poll: 10 * time.Millisecond}, 0)
		s.Start(t, runner.Config{Executor: b, Queue: q, Slots: 4, Poll: 10 * time.Millisecond}, 0)
		for _, id := range s.Execute(t, 200, `{"sleep_ms":2}`, nil) {
			if got := s.Await(t, id, queries.StatusFinished); got.Attempt != 1 {
				t.Errorf("%d attempts", got.Attempt)
			}
		}
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	if _, err := runner.New(runner.Config{ID: uuid.New()}); err == nil {
		t.Error("a runner without a store was made")
	}
}
