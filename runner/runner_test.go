package runner_test

import (
	"context"
	"encoding/json"
	"sync"
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

// TestOrder holds that what waits is run by priority, and then in the order in which it was made, however a runner is told of it.
func TestOrder(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := &ordered{Executor: noop.New(noop.Plan{})}
		q := s.Queue(t)
		var want []string
		for _, priority := range []int64{0, 1} {
			var ids []string
			for range 10 {
				id := s.Execute(t, 1, "{}", func(n *queries.NewExecution) { n.Priority = priority })[0]
				ids = append(ids, id.String())
			}
			want = append(ids, want...)
		}
		s.Start(t, runner.Config{Executor: e, Queue: q, Slots: 1}, 0)
		s.Await(t, uuid.MustParse(want[len(want)-1]), queries.StatusFinished)
		e.mu.Lock()
		defer e.mu.Unlock()
		if diff := cmp.Diff(want, e.began); diff != "" {
			t.Error(diff)
		}
	})
}

// ordered writes down what was started.
type ordered struct {
	executor.Executor
	mu    sync.Mutex
	began []string
}

func (o *ordered) Start(ctx context.Context, a executor.Attempt) (executor.Run, error) {
	o.mu.Lock()
	o.began = append(o.began, a.Execution)
	o.mu.Unlock()
	return o.Executor.Start(ctx, a)
}

// stillborn is an executor of which the first run never began.
type stillborn struct {
	executor.Executor
	begun atomic.Bool
}

func (s *stillborn) Start(ctx context.Context, a executor.Attempt) (executor.Run, error) {
	run, err := s.Executor.Start(ctx, a)
	if err == nil && !s.begun.Swap(true) {
		run = neverRan{run}
	}
	return run, err
}

type neverRan struct{ executor.Run }

func (neverRan) Wait(context.Context) (executor.Exit, error) {
	return executor.Exit{Outcome: executor.Lost, Code: -1, Ended: time.Now(), Reason: "it was never begun"}, nil
}

// TestNeverBegan holds that what was told to start and did not is tried again, though nobody asked for it.
func TestNeverBegan(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		s.Start(t, runner.Config{Executor: &stillborn{Executor: noop.New(noop.Plan{})}}, 0)
		execution := s.Execute(t, 1, "{}", nil)[0]
		if got := s.Await(t, execution, queries.StatusFinished); got.Attempt != 2 {
			t.Errorf("%d attempts", got.Attempt)
		}
	})
}

// silent is a queue that tells of nothing, as one whose word was lost.
type silent struct{}

func (silent) Listen(ctx context.Context, _ func(context.Context, []uuid.UUID) error) error {
	<-ctx.Done()
	return nil
}

// TestWhatTheQueueDidNotTell asks for executions of which the queue says nothing, one after the other, here and in another process: none waits
// until the runner looks by itself, which it does not within this test.
func TestWhatTheQueueDidNotTell(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		s.Start(t, runner.Config{Executor: noop.New(noop.Plan{}), Queue: silent{}, Poll: time.Hour}, 0)
		others := []*runnertest.Site{s}
		if queries.IsPostgres(s.DSN) {
			store, err := queries.Open(t.Context(), queries.Config{DSN: s.DSN})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(store.Close)
			others = append(others, &runnertest.Site{DSN: s.DSN, Store: store, Script: s.Script})
		}
		for range 5 {
			for _, by := range others {
				s.Await(t, by.Execute(t, 1, "{}", nil)[0], queries.StatusFinished)
			}
		}
	})
}
