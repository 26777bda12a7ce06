package runner

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
)

// beat says that the runner is there, renews the leases of all attempts that it holds, and brings what scripts say of their progress. It is one goroutine with nothing else to do, so that work does not delay it.
func (r *Runner) beat(ctx context.Context) {
	tick := time.NewTicker(r.Lease / 6)
	defer tick.Stop()
	for {
		if err := r.present(ctx); err != nil && ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "the store could not be told of this runner", slog.Any("error", err))
		}
		if err := r.renew(ctx); err != nil && ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "leases could not be renewed", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// present says that the runner is there, and hears whether it is to drain.
func (r *Runner) present(ctx context.Context) error {
	state, err := r.Store.RenewRunner(ctx, r.ID, r.Lease)
	if err != nil {
		return err
	}
	if state == queries.RunnerGone { // or was never there
		row, err := r.Store.Register(ctx, queries.RunnerInfo{ID: r.ID, Name: r.Name, Host: r.Host, Version: r.Version, Queues: r.Queues, Slots: r.Slots}, r.Lease)
		if err != nil {
			return err
		}
		state = row.State
	}
	if r.draining.Swap(state == queries.RunnerDraining) && state == queries.RunnerReady {
		r.Look()
	}
	return nil
}

// renew renews all leases.
func (r *Runner) renew(ctx context.Context) error {
	all := r.holding()
	holders := make([]queries.Holder, len(all))
	for i, a := range all {
		holders[i] = a.Holder
	}
	verdicts, err := r.Store.Renew(ctx, holders, r.Lease)
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		switch {
		case !v.Held:
			// Who says how it ended hears by that whether it was its own still.
			if !all[i].finishing.Load() {
				all[i].end(errFenced)
			}
		case v.Stop != "":
			all[i].halt(v.Stop)
		}
	}
	return nil
}

// halt has an attempt end, once.
func (a *attempt) halt(why queries.Outcome) {
	select {
	case a.stop <- why:
	default: // it was told
	}
}

// watch hears of what is to be cancelled as soon as that is wished, of uploads, and of attempts of which its queue did not tell it, and brings what
// scripts say of their progress.
func (r *Runner) watch(ctx context.Context) {
	// However much happens, this is not asked more often.
	const least = 50 * time.Millisecond
	for range r.Store.WatchExecutions(ctx, r.Poll) {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "what is to be cancelled cannot be seen", slog.Any("error", err))
		}
		r.report(ctx)
		wake(r.uploads)
		r.Look()
		timer := time.NewTimer(least)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// look asks which executions are to be cancelled.
func (r *Runner) look(ctx context.Context) error {
	all := r.holding()
	if len(all) == 0 {
		return nil
	}
	byID, ids := make(map[uuid.UUID]*attempt, len(all)), make([]uuid.UUID, len(all))
	for i, a := range all {
		byID[a.Execution], ids[i] = a, a.Execution
	}
	states, err := r.Store.States(ctx, ids)
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.Status == queries.StatusCancelling {
			byID[s.ID].halt(queries.OutcomeCancelled)
		}
	}
	return nil
}

// report tells the store of progress.
func (r *Runner) report(ctx context.Context) {
	for _, a := range r.holding() {
		percent := a.percent.Load()
		if percent < 0 || percent == a.told.Load() || a.finishing.Load() {
			continue
		}
		if err := r.Store.Progress(ctx, a.Holder, int(percent)); err == nil {
			a.told.Store(percent)
		}
	}
}

// holding is what it holds now.
func (r *Runner) holding() []*attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*attempt, 0, len(r.held))
	for _, a := range r.held {
		all = append(all, a)
	}
	return all
}
