// Package firing fires schedules. Any number of gateways do so over one store, and each time is fired once: SQL decides, in the
// transaction that makes the execution and writes the next time. So there is no lock, and nobody is in charge.
package firing

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/schedules"
	"github.com/fairway-gateway/fairway/modules/control/schedules/calendar"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Config is what schedules are fired with.
type Config struct {
	// Store has them. Required.
	Store *queries.Store
	// Planner says how something is run. Required.
	Planner schedules.Planner
	// Limits are those of executions. Default: any number.
	Limits queries.Limits
	// Tell is told of what their owners are to know, in the transaction in which it becomes true. Default nobody is.
	Tell func(ctx context.Context, q db.Querier, news []queries.ScheduleNews) error
	// Tick is how often it looks, about, if nobody wakes it and nothing is due. Default 5s.
	Tick time.Duration
	// Batch is how many are fired by one transaction. Default 100.
	Batch int
	// Counted is told how many times came to an outcome, once that is true. Default nobody is.
	Counted func(outcome string, n int)
	// Logger is told of what fails. Default none.
	Logger *slog.Logger
}

const (
	usualTick  = 5 * time.Second
	usualBatch = 100
	// spacing is how long it waits at least between two looks.
	spacing = 100 * time.Millisecond
	// actor is who pauses a schedule, and plans it anew, in the audit log.
	actor = "gateway"
)

// Loop fires schedules.
type Loop struct {
	cfg   Config
	zones calendar.Zones
}

// New makes a loop, which does nothing by itself.
func New(cfg Config) *Loop {
	cfg.Tick, cfg.Batch = cmp.Or(cfg.Tick, usualTick), cmp.Or(cfg.Batch, usualBatch)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return &Loop{cfg: cfg}
}

// Run fires what is due, until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	changed := l.cfg.Store.WatchExecutions(ctx, l.cfg.Tick)
	for ctx.Err() == nil {
		wait := l.cfg.Tick/2 + rand.N(l.cfg.Tick) //nolint:gosec // gateways are not to look all at once
		if err := l.Step(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Logger.WarnContext(ctx, "schedules could not be fired", slog.Any("error", err))
		} else if next, ok, err := l.cfg.Store.NextWake(ctx); ok && err == nil {
			wait = min(wait, max(0, next.Sub(l.cfg.Store.Now())))
		}
		if !pause(ctx, spacing, nil) || !pause(ctx, wait-spacing, changed) {
			return
		}
	}
}

// pause waits for so long, or until it is woken; false: ctx has ended.
func pause(ctx context.Context, long time.Duration, woken <-chan struct{}) bool {
	t := time.NewTimer(max(0, long))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-woken:
	case <-t.C:
	}
	return ctx.Err() == nil
}

// Step fires all that is due now and that nobody else is firing.
func (l *Loop) Step(ctx context.Context) error {
	if _, err := l.cfg.Store.WakeSchedules(ctx); err != nil {
		return err
	}
	for {
		// Few transactions are begun for nothing.
		if next, ok, err := l.cfg.Store.NextWake(ctx); err != nil || !ok || next.After(l.cfg.Store.Now()) {
			return err
		}
		fired, err := l.cfg.Store.FireSchedules(ctx, queries.Firing{
			Limits: l.cfg.Limits, Most: l.cfg.Batch, Tell: l.cfg.Tell,
			Times: func(row db.Schedule) (queries.Times, error) { return schedules.TimesOf(&l.zones, row) },
		})
		if err != nil || fired.Looked == 0 {
			return err
		}
		if l.cfg.Counted != nil {
			for outcome, n := range fired.Outcomes {
				l.cfg.Counted(outcome, n)
			}
		}
		for _, row := range fired.Unplanned {
			if err := l.plan(ctx, row); err != nil {
				return err
			}
		}
	}
}

// plan has a schedule run the version of its script that is the newest by now, or pauses it where that does not take its parameters.
func (l *Loop) plan(ctx context.Context, row db.Schedule) error {
	owner, err := l.cfg.Store.Queries().GetUser(ctx, row.UserID)
	if err != nil {
		return err
	}
	sc, err := l.cfg.Store.Queries().GetScript(ctx, row.ScriptID)
	if err != nil {
		return nil //nolint:nilerr // it was deleted a moment ago, which is seen when the schedule is looked at again
	}
	next := row
	by := queries.By{Actor: actor}
	err = schedules.Plan(ctx, l.cfg.Store, l.cfg.Planner, &next, sc, owner.Role != "USER")
	if f, ok := errors.AsType[api.Failure](err); ok && f.Status < 500 {
		return l.cfg.Store.PauseSchedule(ctx, by, row.ID, row.Version, "the newest version of its script cannot be run: "+f.Detail, l.cfg.Tell)
	}
	if err != nil {
		return err
	}
	_, err = l.cfg.Store.ChangeSchedule(ctx, by, "", row.ID, func(_ time.Time, n *db.Schedule) error {
		if n.Version == row.Version { // else somebody else has planned it
			n.Plan, n.PlanVersion = next.Plan, next.PlanVersion
		}
		return nil
	})
	if errors.Is(err, sql.ErrNoRows) { // it was deleted a moment ago
		return nil
	}
	return err
}
