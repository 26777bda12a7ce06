package runner

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// build makes versions of scripts ready that were uploaded, one after the other: whoever runs one later finds out early that it cannot be run. Runners on other machines make it ready for themselves when they first run it.
func (r *Runner) build(ctx context.Context) {
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	for {
		for r.buildOne(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-r.uploads:
		case <-tick.C:
		}
	}
}

// buildOne builds the version that has waited longest; false: there was none, or it could not be asked for.
func (r *Runner) buildOne(ctx context.Context) bool {
	b, ok, err := r.Store.ClaimBuild(ctx, r.ID, r.Lease)
	if err != nil {
		if ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "scripts cannot be asked for", slog.Any("error", err))
		}
		return false
	}
	if !ok {
		return false
	}
	building, end := context.WithCancel(ctx)
	renewed := make(chan struct{})
	go func() { // ends with the build
		defer close(renewed)
		r.renewBuild(building, end, b)
	}()
	said := func(text string) { r.say(building, b, text) }
	said("Build started.")
	built := queries.Built{OK: true}
	a := &attempt{Claimed: queries.Claimed{Work: db.ListWorkRow{
		ScriptID: b.ScriptID, ScriptVersion: b.Number, Slug: b.ScriptID.String(), BlobKey: b.BlobKey, BlobSha256: b.BlobSha256, Configuration: b.Configuration,
	}}}
	script, err := r.script(a)
	if err == nil {
		err = r.insistOn(building, "a script is built", nil, func() error {
			return r.Executor.Prepare(building, script, func(text string) { said("Build: " + text) })
		})
	}
	if err != nil {
		built = queries.Built{Error: err.Error()}
		said("Build failed: " + err.Error())
	} else {
		said("Build successful.")
	}
	lost := building.Err() != nil
	end()
	<-renewed
	if lost { // somebody else builds it, or will
		return ctx.Err() == nil
	}
	switch err := r.Store.FinishBuild(ctx, b, built); {
	case err == nil:
		r.Observer.Built(built.OK)
	case ctx.Err() == nil:
		r.Logger.WarnContext(ctx, "the end of a build could not be written", slog.Any("error", err))
	}
	return true
}

// renewBuild renews the lease of a build until it ends, and ends it if somebody else has it.
func (r *Runner) renewBuild(ctx context.Context, end context.CancelFunc, b queries.Build) {
	tick := time.NewTicker(r.Lease / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.Store.RenewBuild(ctx, b, r.Lease); errors.Is(err, queries.ErrFenced) {
			end()
			return
		}
	}
}

// say writes a line into a script's log.
func (r *Runner) say(ctx context.Context, b queries.Build, text string) {
	if err := r.Store.AddScriptLogs(ctx, b.ScriptID, b.Number, text); err != nil && ctx.Err() == nil {
		r.Logger.WarnContext(ctx, "the log of a script could not be written", slog.Any("error", err))
	}
}
