package runner

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// Tending is what Tend needs. A zero is the default.
type Tending struct {
	// Store is what is looked after. Required.
	Store *queries.Store
	// Limits are those of admission.
	Limits queries.Limits
	// Again has runners be told again of attempts that have waited for a while. Default: nobody is.
	Again func(ctx context.Context, waiting []queries.Ready) error
	// Watch has it admit as soon as something of executions moved: where those who end them do not admit. Default: it does not.
	Watch bool
	// Blobs are where results are handed over, and what is too long for the store. Default nowhere: nobody removes those whose runners never came back,
	// nor those of executions that are removed.
	Blobs func(ctx context.Context) (*blobs.Blobs, error)
	// Every is how often it looks. Default 5s.
	Every time.Duration
	// Logger is told of what fails. Default none.
	Logger *slog.Logger
}

const (
	// tellAgain is how long an attempt has waited of which runners are told again, tellEvery how often that is looked for, and tellAtOnce how many there are at once.
	tellAgain  = time.Minute
	tellEvery  = time.Minute
	tellAtOnce = 500
)

// Tend does for a store what no runner has to be there for, until ctx ends: it admits what may run, ends attempts whose runners were not heard of, takes those
// runners for gone, has runners be told again of attempts that nobody took, and removes results that were handed over and that nobody took, and blobs
// of executions that are removed. Any number of processes may do so at once.
func Tend(ctx context.Context, t Tending) {
	if t.Every <= 0 {
		t.Every = 5 * time.Second
	}
	if t.Logger == nil {
		t.Logger = slog.New(slog.DiscardHandler)
	}
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	var moved <-chan struct{} // nil: nobody tells
	if t.Watch {
		moved = t.Store.WatchExecutions(ctx, t.Every)
	}
	holder := rand.Text()
	var told, swept time.Time
	var removed removals
	for {
		t.report(ctx, "attempts without a runner", Sweep(ctx, t.Store))
		_, err := t.Store.SweepRunners(ctx)
		t.report(ctx, "runners that are gone", err)
		t.admit(ctx)
		if t.Again != nil && time.Since(told) >= tellEvery {
			told = time.Now()
			t.report(ctx, "telling runners again", t.again(ctx))
		}
		if t.Blobs != nil && time.Since(swept) >= handoversEvery {
			swept = time.Now()
			t.report(ctx, "results that nobody took", t.sweepHandovers(ctx, holder))
		}
		if t.Blobs != nil {
			t.report(ctx, "blobs of executions that are removed", removed.some(ctx, &t, holder))
		}
		if !t.wait(ctx, tick.C, moved) {
			return
		}
	}
}

// wait admits whenever something moved, until it is time to look again; false: ctx has ended.
func (t *Tending) wait(ctx context.Context, tick <-chan time.Time, moved <-chan struct{}) bool {
	// However much moves, it admits no more often.
	const least = 50 * time.Millisecond
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case _, more := <-moved:
			if !more {
				moved = nil
				continue
			}
		}
		t.admit(ctx)
		timer := time.NewTimer(least)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (t *Tending) admit(ctx context.Context) {
	_, err := Admit(ctx, t.Store, t.Limits)
	t.report(ctx, "admission", err)
}

func (t *Tending) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		t.Logger.WarnContext(ctx, "the store could not be looked after", slog.String("what", what), slog.Any("error", err))
	}
}

// sweepHandovers removes what nobody took, if no other process does. The lease is not given back, so that it is done as often however many there are.
func (t *Tending) sweepHandovers(ctx context.Context, holder string) error {
	_, mine, err := t.Store.Lease(ctx, handoversLease, holder, handoversEvery)
	if err != nil || !mine {
		return err
	}
	place, err := t.Blobs(ctx)
	if err != nil {
		return err
	}
	_, err = SweepHandovers(ctx, t.Store, place)
	return err
}

func (t *Tending) again(ctx context.Context) error {
	waiting, err := t.Store.Unclaimed(ctx, tellAgain, tellAtOnce)
	if err != nil || len(waiting) == 0 {
		return err
	}
	return t.Again(ctx, waiting)
}
