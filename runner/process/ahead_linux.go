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

// ahead has keepers that were started before there is an attempt for them: none until one was started, and none after a while without. There is one,
// or two where starts come faster than keepers. nil has none.
type ahead struct {
	stage bool          // they start their stages, too
	idle  time.Duration // aheadFor, but for tests

	mu      sync.Mutex
	waiting []*line
	want    int
	last    *time.Timer // ends them all
	closed  bool
	filling sync.WaitGroup
}

// take gives one, and says whether it waits already; nil: there is none.
func (a *ahead) take() (l *line, ready bool) {
	if a == nil {
		return nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.waiting) > 0 {
		l := a.waiting[0]
		a.waiting = slices.Delete(a.waiting, 0, 1)
		if _, ended, _ := l.now(); !ended {
			return l, l.waits()
		}
	}
	return nil, false
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
		a.waiting = slices.DeleteFunc(a.waiting, func(l *line) bool {
			_, ended, _ := l.now()
			return ended
		})
		enough := a.closed || len(a.waiting) >= a.want
		if enough {
			a.mu.Unlock()
			return
		}
		// Under the lock, so that nobody starts more than are wanted.
		l, err := startKeeper(nil, a.stage)
		if err == nil {
			a.waiting = append(a.waiting, l)
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
	waiting := a.waiting
	a.waiting, a.want = nil, 0
	a.mu.Unlock()
	for _, l := range waiting {
		l.leave()
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
