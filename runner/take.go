package runner

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
)

// take takes attempts that it was told of, as soon as there is room for them, or else whatever waits. work is for how long they run.
func (r *Runner) take(ctx, work context.Context, attempts []uuid.UUID) error {
	if len(attempts) == 0 {
		r.Look()
		return nil
	}
	if r.draining.Load() {
		return errDraining
	}
	for _, id := range attempts {
		select {
		case <-r.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		claimed, err := r.claims.ask(work, r.calls, id)
		if err != nil || claimed == nil {
			r.free <- struct{}{}
			if err != nil {
				return err
			}
			continue
		}
		r.begin(work, *claimed, r.release)
	}
	return nil
}

// errDraining says that the runner takes nothing: it is to be asked again, or another one.
var errDraining = errors.New("the runner takes nothing more")

// claimThese claims attempts, of which some may be somebody else's: nil.
func (r *Runner) claimThese(ctx context.Context, ids []uuid.UUID) ([]*queries.Claimed, error) {
	got, err := r.Store.Claim(ctx, queries.ClaimRequest{Runner: r.ID, Attempts: ids, Lease: r.Lease})
	if err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*queries.Claimed, len(got))
	for i := range got {
		byID[got[i].Attempt] = &got[i]
	}
	out := make([]*queries.Claimed, len(ids))
	for i, id := range ids {
		out[i] = byID[id]
		delete(byID, id) // whoever asks for one twice gets it once
	}
	return out, nil
}

// poll takes whatever waits, when it is told to look, and now and then.
func (r *Runner) poll(ctx, work context.Context) {
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	for {
		if err := r.takeWaiting(ctx, work); err != nil && ctx.Err() == nil {
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

// takeWaiting takes what waits in its queues, as much as there is room for.
func (r *Runner) takeWaiting(ctx, work context.Context) error {
	for ctx.Err() == nil && !r.draining.Load() {
		room := r.reserve()
		if room == 0 {
			return nil // who ends looks again
		}
		got, err := r.Store.Claim(work, queries.ClaimRequest{Runner: r.ID, Queues: r.Queues, Most: room, Lease: r.Lease})
		for range room - len(got) {
			r.free <- struct{}{}
		}
		for _, c := range got {
			r.begin(work, c, r.release)
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
