package runner

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// awayPatience is for how long it is waited for what an executor runs attempts on, where nothing else bounds that.
const awayPatience = 15 * time.Minute

// insistOn asks something of the executor, again and again while what that runs attempts on is away. It ends with ctx, after awayPatience, or when the
// attempt is to end, of which stop, which may be nil, then says why as it did before; the error is then the executor's last one.
func (r *Runner) insistOn(ctx context.Context, what string, stop chan queries.Outcome, do func() error) error {
	const longest = 5 * time.Second
	patience := time.NewTimer(awayPatience)
	defer patience.Stop()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, longest) {
		err := do()
		if ctx.Err() != nil || !errors.Is(err, executor.ErrAway) {
			return err
		}
		r.Logger.WarnContext(ctx, "what executions run on is away, and asked again", slog.String("what", what), slog.Any("error", err))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			continue
		case outcome := <-stop:
			stop <- outcome // it has room for one, and nobody tells it twice
		case <-patience.C:
		case <-ctx.Done():
		}
		timer.Stop()
		return err
	}
}

// unprepared is the end of an attempt that nothing ran of, since its script could not be made ready.
func unprepared(a *attempt, err error) ending {
	outcome := queries.OutcomeRefused
	if errors.Is(err, executor.ErrAway) {
		outcome = queries.OutcomeLost
		select {
		case outcome = <-a.stop:
		default:
		}
	}
	e := refused(a, outcome, "the script could not be prepared: %v", err)
	e.finish.Unbegun = true
	return e
}

// unstarted is the end of an attempt that may have been started, or not.
func unstarted(a *attempt, err error) ending {
	outcome := queries.OutcomeRefused
	if errors.Is(err, executor.ErrAway) {
		outcome = queries.OutcomeLost
	}
	e := refused(a, outcome, "it could not be started: %v", err)
	e.kept = true
	return e
}

// forget removes what the executor keeps of an attempt. Where that cannot be done now, it is tried again until the runner ends, and then by whoever is the runner next.
func (r *Runner) forget(ctx context.Context, id string) {
	const most = 30 * time.Second
	do := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, most)
		defer cancel()
		return r.Executor.Forget(ctx, id)
	}
	// What nobody needs is removed even if the runner ends.
	err := do(context.WithoutCancel(ctx))
	if err == nil {
		return
	}
	r.Logger.WarnContext(ctx, "what an execution left could not be removed", slog.String("attempt", id), slog.Any("error", err))
	r.forgetting.Go(func() { // ends with the work
		for wait := time.Second; err != nil; wait = min(2*wait, time.Minute) {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-r.work.Done():
				timer.Stop()
				return
			}
			err = do(r.work)
		}
	})
}
