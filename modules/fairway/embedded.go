package fairway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// caddyDestructor is what the pool holds.
type caddyDestructor = caddy.Destructor

// errNotThere says that an entry of the pool is gone.
var errNotThere = errors.New("it is not there any more") //nolint:gochecknoglobals // a sentinel

// States of the runner of a process, as /ready has them.
const (
	RunnerStarting = "starting" // what it needs is not there yet, or another process is this runner still
	RunnerRunning  = "running"
	RunnerDraining = "draining" // it takes nothing more
	RunnerFailed   = "failed"   // it is tried again
	RunnerMissing  = "missing"  // the machine cannot isolate executions as it should
)

// embedded is a runner of this process.
type embedded struct {
	*running
	ctx   context.Context //nolint:containedctx // that of the taking of executions
	stop  context.CancelFunc
	ended chan struct{} // closed when nothing of it is left

	mu    sync.Mutex
	r     *runner.Runner // nil: not yet
	left  bool           // what runs is not waited for
	state string

	settled chan struct{} // closed when it is known how it is
	settle  func()
}

// embed begins a runner when those that have its directory have ended.
func embed(with *running, before []*embedded) *embedded {
	e := &embedded{running: with, ended: make(chan struct{}), state: RunnerStarting, settled: make(chan struct{})}
	e.settle = sync.OnceFunc(func() { close(e.settled) })
	e.ctx, e.stop = context.WithCancel(context.Background())
	releases := []func(){hold(with.store.key()), hold(with.blobs.key()), hold(spansKey)}
	go func() { // ends with e.stop, and what runs; whoever calls Destruct waits for it
		defer close(e.ended)
		defer e.settle()
		defer func() {
			for _, release := range releases {
				release()
			}
		}()
		for _, b := range before {
			<-b.ended
		}
		e.run()
	}()
	return e
}

func (e *embedded) stopping() bool { return e.ctx.Err() != nil }

// leave has what runs not be waited for, now or when it ends.
func (e *embedded) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left = true
	if e.r != nil {
		e.r.Leave()
	}
}

// run runs until it is stopped, and begins again where that fails.
func (e *embedded) run() {
	defer e.unused()
	for wait := storeRetry; ; wait = min(2*wait, time.Minute) {
		began := time.Now()
		err := e.once(e.ctx)
		if e.stopping() {
			return
		}
		state := RunnerFailed
		if errors.Is(err, errLocked) {
			state = RunnerStarting
			err = fmt.Errorf("another process is the runner of %s; this one waits until it has ended", e.home)
		}
		if time.Since(began) > time.Minute {
			wait = storeRetry
		}
		if e.say(state) {
			e.log.WarnContext(e.ctx, "the runner does not run", slog.Any("error", err))
		}
		timer := time.NewTimer(wait)
		select {
		case <-e.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// say keeps a state, and says whether it is another.
func (e *embedded) say(state string) bool {
	defer e.settle()
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.state
	e.state = state
	return was != state || state == RunnerStarting
}

// once runs until it is stopped or fails.
func (e *embedded) once(ctx context.Context) error {
	if err := makeHome(e.home, isRoot()); err != nil {
		return fmt.Errorf("the directory of the runner: %w", err)
	}
	unlock, err := lockFile(filepath.Join(e.home, "runner.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	c := e.config
	if c.ID, err = runnerID(runnerIDFile(e.home, e.executor)); err != nil {
		return fmt.Errorf("the id of the runner: %w", err)
	}
	var q dispatcher
	if c.Store, q, err = e.store.queued(ctx); err != nil {
		return err
	}
	c.Queue = q.listener(c.Queues, c.Slots)
	if c.Blobs, err = e.blobs.get(ctx); err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	if c.Executor, err = e.take(); err != nil {
		return err
	}
	defer func() {
		if err := c.Executor.Close(); err != nil {
			e.log.WarnContext(ctx, "the executor could not be closed", slog.Any("error", err))
		}
	}()
	r, err := runner.New(c)
	if err != nil {
		return err
	}
	e.begin(r)
	e.log.InfoContext(ctx, "the runner runs", slog.String("name", c.Name), slog.String("id", c.ID.String()), slog.Int("slots", c.Slots), slog.String("directory", e.home))
	err = r.Run(ctx, math.MaxInt64) // whoever stops it says for how long
	e.begin(nil)
	return err
}

func (e *embedded) begin(r *runner.Runner) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.r = r
	if r == nil {
		return
	}
	e.state = RunnerRunning
	e.settle()
	if e.left {
		r.Leave()
	}
}

// take gives the executor that was opened, or opens one.
func (r *running) take() (executor.Executor, error) {
	if ex := r.opened; ex != nil {
		r.opened = nil
		return ex, nil
	}
	return r.open()
}

// unused closes an executor that nobody took.
func (r *running) unused() {
	if ex := r.opened; ex != nil {
		r.opened = nil
		_ = ex.Close() // nothing was done with it
	}
}

// RunnerHealth is what /ready tells of the runner.
type RunnerHealth struct {
	// State is one of the states of a runner.
	State string `json:"state"`
	// Slots are how many executions it runs at once, Running how many it does.
	Slots   int `json:"slots,omitempty"`
	Running int `json:"running"`
	// Missing is what the machine lacks.
	Missing string `json:"missing,omitempty"`
}

// health tells how it is.
func (e *embedded) health() RunnerHealth {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := RunnerHealth{State: e.state, Slots: e.config.Slots}
	if e.stopping() {
		h.State = RunnerDraining
	}
	if e.r != nil {
		h.Running = e.r.Held()
		if e.r.Draining() {
			h.State = RunnerDraining
		}
	}
	return h
}

// health tells how the runner is that takes executions; nil: there is none, and none should be.
func (m *runners) health() *RunnerHealth {
	m.mu.Lock()
	w := m.wanted()
	now := m.current(w)
	m.mu.Unlock()
	switch {
	case now != nil:
		h := now.health()
		return &h
	case w.missing != "":
		return &RunnerHealth{State: RunnerMissing, Missing: w.missing}
	}
	return nil
}

// slots says how many of its slots are in use.
func (e *embedded) slots() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.r == nil {
		return 0
	}
	return e.r.Busy()
}

// Slots implements observe.Slots: those in use of all runners, and how many the one has that takes executions.
func (m *runners) Slots() (used, all int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.all {
		used += e.slots()
	}
	if e := m.current(m.wanted()); e != nil {
		all = e.config.Slots
	}
	return used, all
}
