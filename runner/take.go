package runner

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
)

// take takes attempts that it was told of, as soon as there is room for them, or else whatever waits. taking ends when nothing more is to be taken, ctx when
// nobody waits for the answer.
func (r *Runner) take(taking, ctx context.Context, attempts []uuid.UUID) error {
	if len(attempts) == 0 {
		r.Look()
		return nil
	}
	if r.draining.Load() {
		return errDraining
	}
	for _, id := range attempts {
		if r.holds(id) {
			continue
		}
		if err := r.room(ctx); err != nil {
			return err
		}
		if taking.Err() != nil { // the queue's own end comes later
			r.free <- struct{}{}
			return errDraining
		}
		a, err := r.claims.ask(r.work, r.calls, id) //nolint:contextcheck // what is claimed outlives who was told of it
		if err != nil || a == nil {
			r.free <- struct{}{}
			if err != nil {
				return err
			}
			continue
		}
		r.begin(a, r.release)
	}
	return nil
}

// holds says whether the runner has an attempt already.
func (r *Runner) holds(attempt uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[attempt] != nil
}

// room waits for a slot.
func (r *Runner) room(ctx context.Context) error {
	r.wanting.Add(1)
	defer r.wanting.Add(-1)
	select {
	case <-r.free:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if ctx.Err() != nil { // both were
		r.free <- struct{}{}
		return context.Cause(ctx)
	}
	return nil
}

// errDraining says that the runner takes nothing: it is to be asked again, or another one.
var errDraining = errors.New("the runner takes nothing more")

// claim claims attempts, and holds them. Where the store does not answer they may be claimed nevertheless, which recover looks at.
func (r *Runner) claim(ctx context.Context, request queries.ClaimRequest) ([]*attempt, error) {
	r.claiming.RLock()
	defer r.claiming.RUnlock()
	request.Runner, request.Lease, request.Begin = r.ID, r.Lease, r.beginning
	got, err := r.Store.Claim(ctx, request)
	if err != nil {
		r.doubt.Store(true)
		return nil, err
	}
	all := make([]*attempt, len(got))
	for i := range got {
		all[i] = r.newAttempt(got[i])
	}
	return all, nil
}

// recover takes up what was claimed though nobody heard of it: nobody else would, before the lease ends, and of what was started together with
// its claim nobody would know that it never ran.
func (r *Runner) recover(ctx context.Context) error {
	if !r.doubt.Load() {
		return nil
	}
	r.claiming.Lock()
	defer r.claiming.Unlock()
	held := r.holding()
	ids := make([]uuid.UUID, len(held))
	for i, a := range held {
		ids[i] = a.Attempt
	}
	lost, err := r.Store.Adopt(ctx, r.ID, r.Lease, ids...)
	if err != nil {
		return err
	}
	r.doubt.Store(false)
	for _, h := range lost {
		r.begin(r.again(h), r.slot())
	}
	return nil
}

// claimFor claims one attempt for each of which it was told: what is first in its queues, which need not be those; or else those, and nothing for
// what somebody else has claimed. So what is told is in no order, and what is run is.
func (r *Runner) claimFor(ctx context.Context, told []uuid.UUID) ([]*attempt, error) {
	got, err := r.claim(ctx, queries.ClaimRequest{Queues: r.Queues, Most: len(told)})
	if err != nil {
		return nil, err
	}
	if len(got) < len(told) {
		others := slices.DeleteFunc(slices.Clone(told), func(id uuid.UUID) bool {
			return r.holds(id) // these, or who looks by itself was faster
		})
		if others = others[:min(len(others), len(told)-len(got))]; len(others) > 0 {
			rest, err := r.claim(ctx, queries.ClaimRequest{Attempts: others})
			if err != nil {
				rest = nil // what was claimed is there, and the others are looked for
				r.Logger.WarnContext(ctx, "executions could not be taken", slog.Any("error", err))
			}
			got = append(got, rest...)
		}
	}
	out := make([]*attempt, len(told))
	copy(out, got)
	return out, nil
}

// poll takes whatever waits, when it is told to look, and now and then.
func (r *Runner) poll(ctx context.Context) {
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	for {
		err := r.recover(ctx)
		if err == nil {
			err = r.takeWaiting(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "executions could not be taken", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-r.news:
		case <-tick.C:
		}
	}
}

// hear has the runner look as soon as this process has made attempts, which is before a queue tells of them.
func (r *Runner) hear(ctx context.Context) {
	for range r.Store.WatchReady(ctx) {
		r.Look()
	}
}

// takeWaiting takes what waits in its queues, as much as there is room for.
func (r *Runner) takeWaiting(ctx context.Context) error {
	for ctx.Err() == nil && !r.draining.Load() {
		if r.wanting.Load() > 0 {
			return nil // the slots are for those who were told of an attempt
		}
		room := r.reserve()
		if room == 0 {
			return nil // who ends looks again
		}
		got, err := r.claim(r.work, queries.ClaimRequest{Queues: r.Queues, Most: room}) //nolint:contextcheck // the same
		for range room - len(got) {
			r.free <- struct{}{}
		}
		for _, a := range got {
			r.begin(a, r.release)
		}
		if err != nil || len(got) < room {
			return err
		}
	}
	return nil
}

// reserve takes all slots that are free.
func (r *Runner) reserve() int {
	for n := 0; ; n++ {
		select {
		case <-r.free:
		default:
			return n
		}
	}
}

// admit has what waits for admission admitted, when executions have ended, and now and then; and takes from runners what they hold no more.
func (r *Runner) admit(ctx context.Context) {
	const every = 5 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.ended:
		case <-tick.C:
			if err := Sweep(ctx, r.Store); err != nil && ctx.Err() == nil {
				r.Logger.WarnContext(ctx, "attempts without a runner could not be ended", slog.Any("error", err))
			}
		}
		n, err := Admit(ctx, r.Store, r.Limits)
		if err != nil && ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "executions could not be admitted", slog.Any("error", err))
		}
		if n > 0 {
			r.Look()
		}
	}
}

// Admit admits all that may run. Any number of processes may do so at once.
func Admit(ctx context.Context, s *queries.Store, l queries.Limits) (int, error) {
	const atOnce = 500
	for all := 0; ; {
		n, err := s.Admit(ctx, l, atOnce)
		all += n
		if err != nil || n < atOnce {
			return all, err
		}
	}
}

// Sweep ends all attempts whose runners were not heard of. Any number of processes may do so at once.
func Sweep(ctx context.Context, s *queries.Store) error {
	const atOnce = 200
	for {
		gone, err := s.SweepAttempts(ctx, atOnce)
		if err != nil || len(gone) < atOnce {
			return err
		}
	}
}
