package fairway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// runnersKey is the key of the entry that has the runners of the process.
const runnersKey = "runners"

// wish is what a configuration that was started wants done with executions.
type wish struct {
	store *store
	blobs *blobPlace
	keep  queries.Retention
	// tend has the store looked after, whoever runs executions.
	tend   bool
	limits queries.Limits
	// run is the runner; nil: none.
	run *running
	// missing says why there is none where there should be.
	missing string
	log     *slog.Logger
}

// running is what a runner of the process is made of.
type running struct {
	// key is the same where nothing of it is another.
	key string
	// home is the directory that at most one runner has at a time.
	home     string
	executor string
	config   runner.Config // without what is opened
	drain    time.Duration
	store    *store
	blobs    *blobPlace
	open     func() (executor.Executor, error)
	// opened was, to see whether it can be; nil: not yet, or it was used.
	opened executor.Executor
	log    *slog.Logger
}

// runners has the runners of the process: one that takes executions, and those of earlier configurations as long as they have something
// to do. Configurations that are started say what they want, and the last one that has not been stopped is obeyed: that of a configuration
// whose start failed is the one before again.
type runners struct {
	mu     sync.Mutex
	wishes []*wish
	all    []*embedded
	tends  []*tended
}

// add has a configuration be obeyed. It waits until it is known whether its runner runs, or ctx ends.
func (m *runners) add(ctx context.Context, w *wish) {
	m.mu.Lock()
	m.wishes = append(m.wishes, w)
	m.apply()
	e := m.current(w)
	m.mu.Unlock()
	if e == nil {
		return
	}
	select {
	case <-e.settled:
	case <-ctx.Done():
	}
}

// current is the runner that is wanted.
func (m *runners) current(w *wish) *embedded {
	for _, e := range m.all {
		if w.run != nil && e.key == w.run.key && !e.stopping() && !isClosed(e.ended) {
			return e
		}
	}
	return nil
}

// remove has a configuration not be obeyed any more, if it was.
func (m *runners) remove(w *wish) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.wishes, w)
	if i < 0 {
		return
	}
	m.wishes = slices.Delete(m.wishes, i, i+1)
	m.apply()
}

// wanted is what counts.
func (m *runners) wanted() *wish {
	if len(m.wishes) == 0 {
		return &wish{}
	}
	return m.wishes[len(m.wishes)-1]
}

// apply does what is wanted. It waits for nothing.
func (m *runners) apply() {
	w := m.wanted()
	if w.store != nil {
		w.store.retain(w.keep)
	}
	m.applyTending(w)
	m.all = slices.DeleteFunc(m.all, func(e *embedded) bool { return isClosed(e.ended) })
	var before []*embedded
	if e := m.current(w); e != nil {
		if w.run != e.running {
			w.run.unused()
		}
		return // it goes on; the others were told before
	}
	for _, e := range m.all {
		e.stop()
		if w.run != nil && e.home == w.run.home {
			e.leave() // what runs there is the next one's
			before = append(before, e)
		}
	}
	if w.run != nil {
		m.all = append(m.all, embed(w.run, before))
	}
}

// applyTending has the store of a configuration looked after.
func (m *runners) applyTending(w *wish) {
	m.tends = slices.DeleteFunc(m.tends, func(t *tended) bool { return isClosed(t.ended) })
	found := false
	for _, t := range m.tends {
		if w.tend && t.store == w.store && t.blobs == w.blobs && t.limits == w.limits && t.watch == (w.run == nil) && t.ctx.Err() == nil {
			found = true
			continue
		}
		t.stop()
	}
	if w.tend && !found {
		m.tends = append(m.tends, tend(w))
	}
}

// Destruct ends all runners: what runs may go on for as long as each says.
func (m *runners) Destruct() error {
	m.mu.Lock()
	m.wishes = nil
	m.apply()
	all, tends := m.all, m.tends
	m.mu.Unlock()
	var group sync.WaitGroup
	for _, e := range all {
		group.Go(func() {
			timer := time.NewTimer(e.drain)
			defer timer.Stop()
			select {
			case <-e.ended:
			case <-timer.C:
			}
			e.leave()
			<-e.ended
		})
	}
	for _, t := range tends {
		group.Go(func() { <-t.ended })
	}
	group.Wait()
	return nil
}

// Leaving gives what has the runners of this process, which end, not wait for what runs: it goes on without them.
func Leaving() (leave func()) {
	v, _, err := shared.LoadOrNew(runnersKey, func() (caddyDestructor, error) { return nil, errNotThere })
	if err != nil {
		return func() {} // there are none
	}
	defer func() { _, _ = shared.Delete(runnersKey) }()
	m := v.(*runners)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, e := range m.all {
			e.leave()
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// tended is a store that is looked after.
type tended struct {
	store  *store
	blobs  *blobPlace
	limits queries.Limits
	watch  bool
	ctx    context.Context //nolint:containedctx // it is that of the looking after
	stop   context.CancelFunc
	ended  chan struct{}
}

func tend(w *wish) *tended {
	t := &tended{store: w.store, blobs: w.blobs, limits: w.limits, watch: w.run == nil, ended: make(chan struct{})}
	t.ctx, t.stop = context.WithCancel(context.Background())
	release, releaseBlobs := hold(w.store.key()), hold(w.blobs.key())
	go func() { // ends with t.stop; whoever calls Destruct waits for it
		defer close(t.ended)
		defer release()
		defer releaseBlobs()
		open, q, err := patiently(t.ctx, func() (*queries.Store, dispatcher, error) { return w.store.queued(t.ctx) })
		if err != nil {
			return
		}
		runner.Tend(t.ctx, runner.Tending{Store: open, Limits: t.limits, Again: q.Again, Watch: t.watch, Blobs: t.blobs.get, Logger: w.log})
	}()
	return t
}

// patiently tries something until it does not fail, or ctx ends.
func patiently(ctx context.Context, try func() (*queries.Store, dispatcher, error)) (*queries.Store, dispatcher, error) {
	for wait := storeRetry; ; wait = min(2*wait, time.Minute) {
		s, q, err := try()
		if err == nil || ctx.Err() != nil {
			return s, q, errors.Join(err, ctx.Err())
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// hold has an entry of the pool, which is there, stay for as long as it is not released.
func hold(key string) (release func()) {
	_, _, err := shared.LoadOrNew(key, func() (caddyDestructor, error) { return nil, errNotThere })
	if err != nil {
		return func() {}
	}
	return sync.OnceFunc(func() { _, _ = shared.Delete(key) })
}
