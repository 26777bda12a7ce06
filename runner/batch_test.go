package runner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestBatcher(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	var calls, flying, mostFlying atomic.Int64
	b := &batcher[int, int]{most: 2, do: func(_ context.Context, in []int) ([]int, error) {
		calls.Add(1)
		if n := flying.Add(1); n > mostFlying.Load() {
			mostFlying.Store(n)
		}
		defer flying.Add(-1)
		<-gate
		out := make([]int, len(in))
		for i, n := range in {
			out[i] = 2 * n
		}
		return out, nil
	}}
	const askers = 1000
	var group, begun sync.WaitGroup
	for i := range askers {
		begun.Add(1)
		group.Go(func() {
			begun.Done()
			if got, err := b.ask(t.Context(), t.Context(), i); err != nil || got != 2*i {
				t.Errorf("%d: %d, %v", i, got, err)
			}
		})
	}
	begun.Wait()
	close(gate)
	group.Wait()
	b.close()
	if calls.Load() < askers/mostBatch || mostFlying.Load() > 2 || b.flying != 0 {
		t.Errorf("%d calls for %d questions, %d at once", calls.Load(), askers, mostFlying.Load())
	}
}

func TestBatcherFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	gate := make(chan struct{})
	b := &batcher[int, int]{most: 1, do: func(context.Context, []int) ([]int, error) { <-gate; return nil, broken }}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := b.ask(ctx, t.Context(), 1); !errors.Is(err, gone) {
		t.Errorf("who has left: %v", err)
	}
	close(gate)
	if _, err := b.ask(t.Context(), t.Context(), 1); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	b.close()
}
