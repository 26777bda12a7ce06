package runner_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// restless is an executor that is away the first times that it is asked for something, whatever that is and of whatever attempt.
type restless struct {
	*noop.Executor
	times int

	mu    sync.Mutex
	asked map[string]int
}

// away says whether it is.
func (r *restless) away(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[what]++
	if r.asked[what] <= r.times {
		return fmt.Errorf("it is started anew: %w", executor.ErrAway)
	}
	return nil
}

// Prepare implements executor.Executor.
func (r *restless) Prepare(ctx context.Context, s executor.Script, log func(string)) error {
	if err := r.away("prepare " + s.Version); err != nil {
		return err
	}
	return r.Executor.Prepare(ctx, s, log)
}

// Start begins the attempt, but says at first that nobody knows.
func (r *restless) Start(ctx context.Context, a executor.Attempt) (executor.Run, error) {
	run, err := r.Executor.Start(ctx, a)
	if away := r.away("start " + a.ID); away != nil {
		return nil, away
	}
	return &restlessRun{Run: run, e: r}, err
}

// Forget implements executor.Executor.
func (r *restless) Forget(ctx context.Context, id string) error {
	if err := r.away("forget " + id); err != nil {
		return err
	}
	return r.Executor.Forget(ctx, id)
}

// restlessRun is a run of it.
type restlessRun struct {
	executor.Run
	e *restless
}

// Cancel implements executor.Run.
func (r *restlessRun) Cancel(ctx context.Context, cause executor.Cause) error {
	if err := r.e.away("cancel " + r.ID()); err != nil {
		return err
	}
	return r.Run.Cancel(ctx, cause)
}

// Results are cut off at first.
func (r *restlessRun) Results(ctx context.Context) (io.ReadCloser, error) {
	results, err := r.Run.Results(ctx)
	if err != nil || r.e.away("results "+r.ID()) == nil {
		return results, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(results, 1), broken{}), results}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fmt.Errorf("in the middle: %w", executor.ErrAway) }

// TestExecutorIsAway has an executor away whenever something is asked of it for the first times: nothing fails for that, nothing is begun twice, what was cancelled
// ends, and nothing is left.
func TestExecutorIsAway(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := &restless{Executor: noop.New(noop.Plan{}), times: 2, asked: map[string]int{}}
		s.Start(t, runner.Config{Executor: e, Queue: s.Queue(t), Slots: 3}, 0)
		ends := s.Execute(t, 1, `{"lines":1,"results":{"a":[1,2,3]}}`, nil)[0]
		cancelled := s.Execute(t, 1, `{"sleep_ms":3600000}`, nil)[0]
		if got := s.Await(t, ends, queries.StatusFinished); got.Attempt != 1 || string(got.Results) != `{"a":[1,2,3]}` {
			t.Errorf("%+v", got)
		}
		if diff := cmp.Diff([]string{"line 1"}, s.Log(t, ends)); diff != "" {
			t.Error(diff)
		}
		s.Await(t, cancelled, queries.StatusRunning)
		if _, err := s.Store.Cancel(t.Context(), queries.By{Actor: "test"}, cancelled, ""); err != nil {
			t.Fatal(err)
		}
		s.Await(t, cancelled, queries.StatusCancelled)
		runnertest.Forgotten(t, e)
	})
}

// TestCancelledWhileItIsAway is cancelled while its script cannot be prepared, and is not waited for.
func TestCancelledWhileItIsAway(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		e := &restless{Executor: noop.New(noop.Plan{}), times: 1 << 30, asked: map[string]int{}}
		s.Start(t, runner.Config{Executor: e, Queue: s.Queue(t)}, 0)
		id := s.Execute(t, 1, `{}`, nil)[0]
		s.Await(t, id, queries.StatusReady)
		if _, err := s.Store.Cancel(t.Context(), queries.By{Actor: "test"}, id, ""); err != nil {
			t.Fatal(err)
		}
		s.Await(t, id, queries.StatusCancelled)
	})
}
