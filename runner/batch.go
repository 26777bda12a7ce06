package runner

import (
	"context"
	"sync"
)

// mostBatch is how many calls are done as one.
const mostBatch = 200

// batcher does what many ask for at the same time in few calls: who asks while as many calls are under way as may be waits for the next
// one, with all others. Nobody waits for others to come. A store that syncs its disk for each transaction does a hundred in the
// time of one.
type batcher[In, Out any] struct {
	// do does what some ask for: as many results as there are questions, or an error for all.
	do func(context.Context, []In) ([]Out, error)
	// most is how many calls there are at once.
	most int

	mu      sync.Mutex
	waiting []*asked[In, Out]
	flying  int
	done    sync.WaitGroup
}

// asked is one question with its answer.
type asked[In, Out any] struct {
	in       In
	out      Out
	err      error
	answered chan struct{}
}

// ask asks, and waits for the answer. What is asked is done even if ctx ends before, in the context of the batcher: nobody's end
// is an end for the others.
func (b *batcher[In, Out]) ask(ctx, all context.Context, in In) (Out, error) {
	q := &asked[In, Out]{in: in, answered: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, q)
	fly := b.flying < b.most
	if fly {
		b.flying++
		b.done.Add(1)
	}
	b.mu.Unlock()
	if fly {
		go b.fly(all) // ends when nobody waits; close waits for it
	}
	select {
	case <-q.answered:
		return q.out, q.err
	case <-ctx.Done():
		var none Out
		return none, context.Cause(ctx)
	}
}

// fly answers as long as somebody waits.
func (b *batcher[In, Out]) fly(ctx context.Context) {
	defer b.done.Done()
	for {
		b.mu.Lock()
		some := b.waiting[:min(len(b.waiting), mostBatch)]
		b.waiting = b.waiting[len(some):]
		if len(some) == 0 {
			b.waiting = nil // what was answered is not kept
			b.flying--
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		in := make([]In, len(some))
		for i, q := range some {
			in[i] = q.in
		}
		out, err := b.do(ctx, in)
		for i, q := range some {
			if q.err = err; err == nil {
				q.out = out[i]
			}
			close(q.answered)
		}
	}
}

// close waits until everything is answered.
func (b *batcher[In, Out]) close() { b.done.Wait() }
