// Package noop is the executor that runs nothing: what it starts ends by itself after a while, as its parameters or its options say.
// Benchmarks use it to measure what surrounds executions, and tests to have runs that end as they are told.
package noop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Plan is what becomes of an attempt. An attempt's parameters may say it as JSON; what they do not say is that of the executor.
type Plan struct {
	SleepMS int64           `json:"sleep_ms"`          // milliseconds until it ends; default 0
	Lines   int             `json:"lines"`             // how many lines it writes at its start; default 0
	Code    int             `json:"exit_code"`         // its exit code; default 0
	Results json.RawMessage `json:"results,omitempty"` // its results; default none
}

// New makes an executor whose attempts do what a plan says, unless their parameters say something else.
func New(usual Plan) *Executor {
	return &Executor{usual: usual, runs: map[string]*run{}}
}

// Executor keeps in memory what was started, and nothing else: another process does not find its attempts.
type Executor struct {
	usual Plan
	mu    sync.Mutex
	runs  map[string]*run
}

// Prepare has nothing to do.
func (e *Executor) Prepare(context.Context, executor.Script, func(string)) error { return nil }

// Start begins an attempt, or gives the one that was begun.
func (e *Executor) Start(_ context.Context, attempt executor.Attempt) (executor.Run, error) {
	if err := attempt.Check(); err != nil {
		return nil, err
	}
	plan := e.usual
	if len(attempt.Params) > 2 { // more than {}
		if err := json.Unmarshal(attempt.Params, &plan); err != nil {
			return nil, fmt.Errorf("the parameters are no plan: %w", err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if begun, is := e.runs[attempt.ID]; is {
		return begun, nil
	}
	began := time.Now()
	begun := &run{id: attempt.ID, plan: plan, began: began, ends: began.Add(time.Duration(plan.SleepMS) * time.Millisecond), ended: make(chan struct{})}
	e.runs[attempt.ID] = begun
	return begun, nil
}

// Attach gives an attempt that was begun.
func (e *Executor) Attach(_ context.Context, id string) (executor.Run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if begun, is := e.runs[id]; is {
		return begun, nil
	}
	return nil, executor.ErrUnknown
}

// Attempts lists what was begun.
func (e *Executor) Attempts(context.Context) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ids := make([]string, 0, len(e.runs))
	for id := range e.runs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// Forget ends an attempt and forgets it.
func (e *Executor) Forget(_ context.Context, id string) error {
	e.mu.Lock()
	begun, is := e.runs[id]
	delete(e.runs, id)
	e.mu.Unlock()
	if is {
		begun.end(executor.CauseLost)
	}
	return nil
}

// Close has nothing to do.
func (e *Executor) Close() error { return nil }

// run is an attempt. It has no goroutine: whoever waits looks at the clock.
type run struct {
	id          string
	plan        Plan
	began, ends time.Time

	mu    sync.Mutex
	cause executor.Cause
	at    time.Time     // when it was ended by others
	ended chan struct{} // closed then
}

func (r *run) ID() string { return r.id }

// end ends it unless it has ended.
func (r *run) end(cause executor.Cause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.cause != "" || !now.Before(r.ends) {
		return
	}
	r.cause, r.at = cause, now
	close(r.ended)
}

func (r *run) Cancel(_ context.Context, cause executor.Cause) error {
	r.end(cause)
	return nil
}

func (r *run) Kill(_ context.Context, cause executor.Cause) error {
	r.end(cause)
	return nil
}

// Wait waits until the plan's time is over, or somebody ends it.
func (r *run) Wait(ctx context.Context) (executor.Exit, error) {
	if left := time.Until(r.ends); left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.ended:
		case <-ctx.Done():
			return executor.Exit{}, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	exit := executor.Exit{Outcome: executor.Succeeded, Code: r.plan.Code, Started: r.began, Ended: r.ends}
	switch {
	case r.cause != "":
		exit.Outcome, exit.Code, exit.Ended = r.cause.Outcome(), 143, r.at
		exit.Reason = "it was ended: " + string(r.cause)
	case r.plan.Code != 0:
		exit.Outcome = executor.Failed
		exit.Reason = fmt.Sprintf("it exited with %d", r.plan.Code)
	}
	return exit, nil
}

// Results are those of the plan.
func (r *run) Results(ctx context.Context) (io.ReadCloser, error) {
	exit, err := r.Wait(ctx)
	if err != nil {
		return nil, err
	}
	if len(r.plan.Results) == 0 || exit.Outcome != executor.Succeeded {
		return nil, executor.ErrNoResults
	}
	return io.NopCloser(bytes.NewReader(r.plan.Results)), nil
}

// Output gives the plan's lines, and ends with the run. The offset counts lines.
func (r *run) Output(_ context.Context, offset int64) (executor.Output, error) {
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	return &output{run: r, line: offset}, nil
}

type output struct {
	run  *run
	line int64
}

func (o *output) Next(ctx context.Context) (executor.Record, error) {
	if o.line >= int64(o.run.plan.Lines) {
		if _, err := o.run.Wait(ctx); err != nil {
			return executor.Record{}, err
		}
		return executor.Record{}, io.EOF
	}
	o.line++
	return executor.Record{Stream: executor.Stdout, Time: o.run.began, Text: fmt.Appendf(nil, "line %d", o.line)}, nil
}

func (o *output) Offset() int64 { return o.line }

func (o *output) Close() error { return nil }

// Interface guards.
var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Run      = (*run)(nil)
	_ executor.Output   = (*output)(nil)
)
