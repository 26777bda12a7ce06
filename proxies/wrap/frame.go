package wrap

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// frame is the values of one plan while it runs. Each step writes its own result and reads those that it waits for.
type frame struct {
	*exchange
	plan     *plan
	deadline time.Time
	results  []result
	// Of an item of a fan-out: the frame around it, the item, and what equal requests share.
	outer  *frame
	item   any
	number int // of the item
	shared *shared
}

// result is what a step gave: its value as JSON text, as a tree for jq, or both.
type result struct {
	json   []byte
	tree   any
	answer *upstream.Answer
	status int          // that the backend answered with; 0: none did
	header http.Header  // of the answer, also where that is another item's
	found  *cache.Found // in the cache; nil: it was not asked
	// frames are the items of a fan-out, pages the answers of several pages.
	frames []frame
	pages  []*upstream.Answer
	rows   *database.Result // what a query holds
	// failed is why the step has no value of its own, where its policy lets the answer go on without.
	failed *problem.Problem
	// parts are the failures inside a value that is there all the same.
	parts []*problem.Problem
}

// run runs the steps of the plan: at once those that wait for nothing, the others as soon as they have what they need. A
// required step that fails ends the others, and is what the whole failed of.
func (fr *frame) run(ctx context.Context) *problem.Problem {
	steps := fr.plan.steps
	fr.results = make([]result, len(steps))
	if len(steps) == 1 {
		return steps[0].settle(ctx, fr)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &running{frame: fr, ctx: ctx, cancel: cancel, missing: make([]atomic.Int32, len(steps))}
	for i, s := range steps {
		r.missing[i].Store(int32(len(s.waits))) //nolint:gosec // a handful
	}
	first := -1
	for i, s := range steps {
		switch {
		case len(s.waits) > 0:
		case first < 0:
			first = i
		default:
			r.tasks.Go(func() { r.step(i) })
		}
	}
	r.step(first)
	r.tasks.Wait()
	return r.failure
}

// running is a plan while it runs.
type running struct {
	frame   *frame
	ctx     context.Context //nolint:containedctx // it lives as long as the call of run
	cancel  context.CancelFunc
	missing []atomic.Int32 // how many values each step still waits for
	tasks   sync.WaitGroup
	mu      sync.Mutex
	failure *problem.Problem
}

// step runs a step, and then those that waited for it alone, the first of them itself.
func (r *running) step(i int) {
	for i >= 0 {
		s := r.frame.plan.steps[i]
		if p := s.guarded(r.ctx, r.frame); p != nil {
			r.fail(p)
			return
		}
		i = -1
		for _, next := range s.wanted {
			switch {
			case r.missing[next].Add(-1) > 0:
			case i < 0:
				i = next
			default:
				r.tasks.Go(func() { r.step(next) })
			}
		}
	}
}

// fail keeps the first failure, and of those that come with it the longest time to wait. What was only cancelled by the
// first says nothing.
func (r *running) fail(p *problem.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.failure == nil:
		r.failure = p
		r.cancel()
	case p.Status != statusClientClosed && p.RetryAfter > r.failure.RetryAfter:
		longer := *r.failure
		longer.RetryAfter = p.RetryAfter
		r.failure = &longer
	}
}

// guarded is settle with a panic made a problem: a step may have a goroutine of its own, where nobody else would catch it.
func (s *step) guarded(ctx context.Context, fr *frame) (p *problem.Problem) {
	defer recovered(&p, s.where)
	return s.settle(ctx, fr)
}

// recovered makes a problem of a panic. It is only to be deferred.
func recovered(p **problem.Problem, where func() string) {
	if v := recover(); v != nil {
		*p = problem.Of(fmt.Errorf("panic in %s: %v\n%s", where(), v, debug.Stack()))
	}
}

// until is when the step must be over.
func (s *step) until(fr *frame) time.Time {
	if s.budget == 0 {
		return fr.deadline
	}
	if own := time.Now().Add(s.budget); own.Before(fr.deadline) {
		return own
	}
	return fr.deadline
}

// dot is the input of the plan's programs: the value of the step without a name, or null.
func (fr *frame) dot() any {
	for i, s := range fr.plan.steps {
		if s.name == "" {
			return fr.results[i].tree
		}
	}
	return nil
}

// join is the value of a plan without a program: the one value, or an object of the named ones in their order.
func (fr *frame) join() []byte {
	if fr.plan.single() {
		return fr.results[0].json
	}
	size := 2
	for i, s := range fr.plan.steps {
		size += len(s.name) + len(fr.results[i].json) + 4
	}
	out := append(make([]byte, 0, size+1), '{')
	for i, s := range fr.plan.steps {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, s.name...) // letters, digits and _
		out = append(out, '"', ':')
		out = append(out, fr.results[i].json...)
	}
	return append(out, '}')
}

// release gives back what the backends' answers hold.
func (fr *frame) release() {
	for i := range fr.results {
		fr.results[i].answer.Release()
		releasePages(fr.results[i].pages)
		fr.results[i].rows.Release()
		for j := range fr.results[i].frames {
			fr.results[i].frames[j].release()
		}
	}
}
