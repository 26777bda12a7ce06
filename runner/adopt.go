package runner

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/logs"
)

// adopt takes up what the runner held when it ended the last time, wherever it was with it. What the executor keeps that is the runner's no more is removed.
func (r *Runner) adopt(ctx, work context.Context) error {
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
			r.begin(work, h.Claimed, r.slot())
			continue
		}
		r.resume(work, h, known, r.slot())
	}
	for id := range left {
		if err := r.Executor.Forget(ctx, id); err != nil {
			r.Logger.WarnContext(ctx, "what an execution left could not be removed", slog.String("attempt", id), slog.Any("error", err))
		}
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

// release gives a slot back.
func (r *Runner) release() {
	r.free <- struct{}{}
	r.Look()
}

// resume goes on with an attempt that was started before the runner was.
func (r *Runner) resume(work context.Context, h queries.Adopted, known bool, release func()) {
	a := r.newAttempt(work, h.Claimed)
	if h.Stop != "" {
		a.halt(h.Stop)
	}
	if !h.Deadline.IsZero() {
		a.Timeout = max(time.Millisecond, time.Until(h.Deadline))
	}
	if h.LastChunk != nil {
		if _, at, err := logs.Unpack(h.LastChunk); err == nil {
			a.at = at
		}
	}
	r.follow(a, release, func(ctx context.Context, release func()) ending {
		if !known {
			return refused(a, queries.OutcomeLost, "its runner was begun anew and did not find it")
		}
		var run executor.Run
		if err := r.insist(ctx, a, "what became", func() (err error) {
			run, err = r.Executor.Attach(ctx, a.Attempt.String())
			return err
		}); err != nil {
			return ending{err: err, kept: true}
		}
		return r.attempt(ctx, a, run, release)
	})
}
