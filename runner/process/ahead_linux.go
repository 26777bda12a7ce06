//go:build linux && (amd64 || arm64)

package process

import (
	"slices"
	"sync"
	"time"
)

// Keepers that wait.
const (
	// mostAhead is how many there are at most.
	mostAhead = 2
	// aheadFor is for how long they wait after an attempt was started.
	aheadFor = time.Minute
	// refillAfter is how long after a start another keeper is started, which is not to take the processors from the script's own beginning.
	refillAfter = 20 * time.Millisecond
)

// waiting is a keeper that waits for an attempt.
type waiting struct {
	*line
	berth *berth // nil: the attempt makes its own
	ready bool   // it had waited when it was taken
}

// place gives its berth away.
func (w *waiting) place() *berth {
	if w == nil {
		return nil
	}
	b := w.berth
	w.berth = nil
	return b
}

// ahead has keepers that were started before there is an attempt for them, and berths: none until one was started, and none after a while without. There is one,
// or two where starts come faster than keepers. nil has none.
type ahead struct {
	stage bool          // they start their stages, too
	idle  time.Duration // aheadFor, but for tests
	berth func() (*berth, error)

	mu      sync.Mutex
	waiting []*waiting
	want    int
	last    *time.Timer // ends them all
	closed  bool
	filling sync.WaitGroup
}

// take gives one; nil: there is none.
func (a *ahead) take() *waiting {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget()
	if len(a.waiting) == 0 {
		return nil
	}
	w := a.waiting[0]
	a.waiting = slices.Delete(a.waiting, 0, 1)
	w.ready = w.waits()
	return w
}

// put gives one back that was not needed; nil: none.
func (a *ahead) put(w *waiting) {
	if w == nil {
		return
	}
	a.mu.Lock()
	closed := a.closed || a.want == 0
	if !closed {
		a.waiting = append(a.waiting, w)
	}
	a.mu.Unlock()
	if closed {
		w.place().leave()
		w.leave()
	}
}

// forget forgets those that have ended. The lock is held.
func (a *ahead) forget() {
	a.waiting = slices.DeleteFunc(a.waiting, func(w *waiting) bool {
		_, ended, _ := w.now()
		if ended {
			w.place().leave()
		}
		return ended
	})
}

// started says that an attempt was started, by one of them that was ready or not: it is time to have another one wait.
func (a *ahead) started(byOne bool) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	if !byOne {
		a.want = min(a.want+1, mostAhead)
	}
	if a.last != nil {
		a.last.Stop()
	}
	a.last = time.AfterFunc(a.idle, a.end)
	a.filling.Go(func() { // ends soon
		time.Sleep(refillAfter)
		a.fill()
	})
}

// fill starts as many as are wanted.
func (a *ahead) fill() {
	for {
		a.mu.Lock()
		a.forget()
		enough := a.closed || len(a.waiting) >= a.want
		if enough {
			a.mu.Unlock()
			return
		}
		// Under the lock, so that nobody starts more than are wanted.
		l, err := startKeeper(nil, a.stage)
		if err == nil {
			b, _ := a.berth() // the attempt makes its own, or says why it cannot
			a.waiting = append(a.waiting, &waiting{line: l, berth: b})
		}
		a.mu.Unlock()
		if err != nil {
			return // the next attempt starts its own, or says why it cannot
		}
	}
}

// end ends all that wait, until the next start.
func (a *ahead) end() {
	a.mu.Lock()
	all := a.waiting
	a.waiting, a.want = nil, 0
	a.mu.Unlock()
	for _, w := range all {
		w.place().leave()
		w.leave()
	}
}

// close ends all for good.
func (a *ahead) close() {
	a.mu.Lock()
	a.closed = true
	if a.last != nil {
		a.last.Stop()
	}
	a.mu.Unlock()
	a.filling.Wait()
	a.end()
}
