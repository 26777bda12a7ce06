package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/logs"
)

// adopt takes up what the runner held when it ended the last time, wherever it was with it. What the executor keeps that is the runner's no more is removed.
func (r *Runner) adopt(ctx context.Context) error {
	ids, err := r.Executor.Attempts(ctx)
	if err != nil {
		return fmt.Errorf("what runs cannot be seen: %w", err)
	}
	left := make(map[string]bool, len(ids))
	for _, id := range ids {
		left[id] = true
	}
	held, err := r.Store.Adopt(ctx, r.ID, r.Lease)
	if err != nil {
		return fmt.Errorf("what this runner held cannot be seen: %w", err)
	}
	for _, h := range held {
		id := h.Attempt.String()
		known := left[id]
		delete(left, id)
		if !known && !h.Started { // nothing of it was run: it begins as if it had just been claimed
			r.begin(r.newAttempt(h.Claimed), r.slot())
			continue
		}
		r.resume(h, known, r.slot())
	}
	for id := range left {
		r.forget(ctx, id)
	}
	return nil
}

// slot takes a slot if one is free, and gives what gives it back: what runs already runs, even if there are fewer slots than there were.
func (r *Runner) slot() (release func()) {
	select {
	case <-r.free:
		return r.release
	default:
		return func() {}
	}
}

// release gives a slot back, to who waits for one with an attempt that it was told of, or else for what waits in the store.
func (r *Runner) release() {
	r.free <- struct{}{}
	if r.wanting.Load() == 0 {
		r.Look()
	}
}

// again holds what was held before, and what the store knows of it.
func (r *Runner) again(h queries.Adopted) *attempt {
	a := r.newAttempt(h.Claimed)
	if h.Stop != "" {
		a.halt(h.Stop)
	}
	if h.Started && !h.Deadline.IsZero() {
		a.Timeout = max(time.Millisecond, time.Until(h.Deadline))
	}
	if h.LastChunk != nil {
		if _, at, err := logs.Unpack(h.LastChunk); err == nil {
			a.at = at
		}
	}
	return a
}

// resume goes on with an attempt that was started before the runner was.
func (r *Runner) resume(h queries.Adopted, known bool, release func()) {
	a := r.again(h)
	r.follow(a, release, func(ctx context.Context, release func()) ending {
		if !known {
			return refused(a, queries.OutcomeLost, "its runner was begun anew and did not find it")
		}
		var run executor.Run
		if err := r.insist(ctx, a, "what became", func() (err error) {
			run, err = r.Executor.Attach(ctx, a.Attempt.String())
			if errors.Is(err, executor.ErrUnknown) {
				return nil
			}
			return err
		}); err != nil {
			return ending{err: err, kept: true}
		}
		if run == nil { // its start was cut off
			e := refused(a, queries.OutcomeLost, "its runner ended while it was started")
			e.kept = true
			return e
		}
		return r.attempt(ctx, a, run, release)
	})
}
