package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
	"github.com/fairway-gateway/fairway/runner/noop"
)

// schedulesOwners is how many users have the schedules.
const schedulesOwners = 100

// plans says how executions of schedules are run. It is not asked: their plans are there.
type plans struct{}

// Planned implements schedules.Planner.
func (plans) Planned(context.Context, db.ScriptVersion, json.RawMessage, executions.Later, bool) (queries.SchedulePlan, error) {
	return queries.SchedulePlan{}, errors.New("nothing is planned here")
}

// schedules has so many schedules be due in one second, in two gateways that share the store, and measures how long after its time each is
// fired.
func schedules(ctx context.Context, set settings) (Result, error) {
	s, err := open(ctx, set, "main.sh", "#!/bin/sh\n")
	if err != nil {
		return Result{}, err
	}
	defer s.end()
	if err := s.buildBy(ctx, noop.New(noop.Plan{})); err != nil {
		return Result{}, err
	}
	if _, err := s.store.PublishScript(ctx, queries.By{Actor: "bench"}, s.script.ID, true); err != nil {
		return Result{}, err
	}
	other := &site{}
	if other.store, err = queries.Open(ctx, queries.Config{DSN: set.store}); err != nil {
		return Result{}, err
	}
	other.close = append(other.close, other.store.Close)
	defer other.end()
	if err := other.openQueue(ctx, set); err != nil {
		return Result{}, err
	}
	limits := queries.Limits{PerUser: 3, Waiting: 100}
	due := s.store.Now().Add(time.Duration(set.count)*5*time.Millisecond + time.Second).Truncate(time.Second)
	if err := s.schedule(ctx, set.count, due); err != nil {
		return Result{}, err
	}
	if !s.store.Now().Before(due) {
		return Result{}, errors.New("the schedules were due before all were made")
	}
	ctx, cancel := context.WithCancel(ctx)
	var gateways sync.WaitGroup
	for _, store := range []*queries.Store{s.store, other.store} {
		l := firing.New(firing.Config{Store: store, Planner: plans{}, Limits: limits})
		gateways.Go(func() { l.Run(ctx) })
	}
	defer gateways.Wait()
	defer cancel()
	for {
		_, waits, err := s.store.NextWake(ctx)
		if err != nil {
			return Result{}, err
		}
		if !waits {
			break
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return Result{}, err
		}
	}
	last := s.store.Now().Sub(due)
	fired, err := queries.List(ctx, s.store, queries.ScheduleFirings(), rows.Request{Where: rows.All(), Limit: 2 * set.count})
	if err != nil {
		return Result{}, err
	}
	made := map[string]bool{}
	for _, f := range fired {
		if f.Outcome == queries.ScheduleFired && f.ExecutionID != nil && f.Status != nil {
			made[f.ScheduleID.String()] = true
		}
	}
	if len(fired) != set.count || len(made) != set.count {
		return Result{}, fmt.Errorf("of %d schedules %d were fired, by %d firings", set.count, len(made), len(fired))
	}
	return Result{Last: float64(last.Microseconds()) / 1000}, nil
}

// schedule makes schedules of several owners, all due at once.
func (s *site) schedule(ctx context.Context, n int, due time.Time) error {
	plan, err := json.Marshal(queries.SchedulePlan{Queue: queries.DefaultQueue, MaxAttempts: 1, Timeout: time.Hour})
	if err != nil {
		return err
	}
	var owner db.User
	for i := range n {
		if i%max(1, n/schedulesOwners) == 0 {
			if owner, err = s.store.CreateUser(ctx, queries.By{Actor: "bench"}, db.User{Email: fmt.Sprintf("owner%d@example.org", i), Role: "USER", IsActive: true}); err != nil {
				return err
			}
		}
		if _, err := s.store.CreateSchedule(ctx, queries.By{Actor: "bench"}, db.Schedule{
			UserID: owner.ID, ScriptID: s.script.ID, Name: "bench", Params: []byte("{}"), OnceAt: &due, Zone: "UTC", Skipped: "later", Repeated: "first", CatchUp: queries.CatchUpOne, CatchUpMost: 1,
			Overlap: queries.OverlapSkip, Wishes: []byte("{}"), Plan: plan, PlanVersion: 1, DueAt: &due,
		}, 0); err != nil {
			return err
		}
	}
	return nil
}
