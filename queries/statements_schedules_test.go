package queries

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// scheduleSteps fire a schedule once, with an execution.
func scheduleSteps() []step {
	user, script, id, execution, firing := fresh(), fresh(), fresh(), fresh(), fresh()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	later := now.Add(time.Minute)
	at := sqlTime(now)
	advance := func(more string) string {
		return fmt.Sprintf(`{"%s": {"changes": 1, "alert": "a", "alerted_at": null, "paused_at": null, "paused_reason": "", "due_at": "%s", "wake_at": "%s", "awaited_since": "%s", "last_due_at": "%s",
			"last_fired_at": "%s", "last_outcome": "FIRED", "last_execution": "%s", "last_status": "", "last_success_at": null, "failures": 3%s}}`, id, sqlTime(later), sqlTime(later), at, at, at, execution, more)
	}
	run := fmt.Sprintf(`[{"schedule_id": "%s", "due_at": "%s", "execution_id": "%s", "manual": true}]`, id, at, execution)
	return []step{
		insertOwner(user),
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			if _, err := q.InsertScript(ctx, db.InsertScriptParams{ID: script, Slug: "s-" + script.String(), Name: "n", UserID: user, Now: now}); err != nil {
				return nil, err
			}
			_, err := q.InsertScriptVersion(ctx, db.InsertScriptVersionParams{ScriptID: script, Number: 1, BlobKey: "k", BlobSha256: index(1), Configuration: []byte("null"), Parameters: []byte("null"), CreatedBy: user, Now: now})
			if err != nil {
				return nil, err
			}
			if _, err := q.ClaimBuild(ctx, db.ClaimBuildParams{Builder: &user, LeaseUntil: &later, Now: &now}); err != nil {
				return nil, err
			}
			_, err = q.FinishBuild(ctx, db.FinishBuildParams{ScriptID: script, Number: 1, Fence: 1, Status: "SUCCESS", Now: &now})
			return nil, err
		}, nil},
		{"InsertSchedule", func(ctx context.Context, q db.Querier) (any, error) {
			s, err := q.InsertSchedule(ctx, db.InsertScheduleParams{
				ID: id, UserID: user, ScriptID: script, Name: "n", Params: []byte(`{"a" :1.0}`), Cron: "@daily", Zone: "UTC", Skipped: "later", Repeated: "first", CatchUp: "one", CatchUpMost: 1,
				Overlap: "skip", Wishes: []byte("{}"), Plan: []byte("{}"), PlanVersion: 1, DueAt: &now, WakeAt: &now, Now: now,
			})
			return []any{string(s.Params), s.DueAt.Equal(now), s.Version, s.ScriptVersion == nil}, err
		}, []any{`{"a" :1.0}`, true, int64(1), true}},
		{"GetSchedule", func(ctx context.Context, q db.Querier) (any, error) {
			s, err := q.GetSchedule(ctx, id)
			return s.Cron, err
		}, "@daily"},
		{"LockSchedule", func(ctx context.Context, q db.Querier) (any, error) {
			s, err := q.LockSchedule(ctx, id)
			return s.Zone, err
		}, "UTC"},
		{"CountSchedulesOf", func(ctx context.Context, q db.Querier) (any, error) { return q.CountSchedulesOf(ctx, user) }, int64(1)},
		{"NextWake", func(ctx context.Context, q db.Querier) (any, error) {
			at, err := q.NextWake(ctx)
			return at != nil && at.Equal(now), err
		}, true},
		{"LockDueSchedules", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.LockDueSchedules(ctx, db.LockDueSchedulesParams{Now: &now, AtMost: 10})
			if err != nil || len(all) != 1 {
				return all, err
			}
			return []any{all[0].ID == id, all[0].UserLives, all[0].ScriptLives, all[0].ScriptVisible, all[0].ScriptStatus, all[0].ScriptCurrent}, nil
		}, []any{true, false, true, true, "PENDING", int64(1)}},
		{"InsertScheduledExecutions", func(ctx context.Context, q db.Querier) (any, error) {
			batch := fmt.Sprintf(`[{"id": "%s", "schedule_id": "%s", "version": 1, "queue": "q", "priority": 2, "max_attempts": 3, "retry_on": "FAILED", "retry_delay_ms": 4, "timeout_ms": 5, "key": "%s"}]`, execution, id, firingKey(id, now))
			made, err := q.InsertScheduledExecutions(ctx, db.InsertScheduledExecutionsParams{Now: now, Batch: batch})
			if err != nil || len(made) != 1 || made[0] != execution {
				return made, err
			}
			e, err := q.GetExecution(ctx, execution)
			return []any{string(e.Params), string(e.Results), e.Queue, e.MaxAttempts, len(e.IdempotencyKey), e.CreatedAt.Equal(now), *e.UserID == user}, err
		}, []any{`{"a" :1.0}`, "null", "q", int64(3), 32, true, true}},
		{"PutScheduleRuns", func(ctx context.Context, q db.Querier) (any, error) { return q.PutScheduleRuns(ctx, run) }, int64(1)},
		{"ListScheduleRuns", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListScheduleRuns(ctx, idList([]uuid.UUID{id}))
			if err != nil || len(all) != 1 {
				return all, err
			}
			return []any{*all[0].ExecutionID == execution, all[0].DueAt.Equal(now), all[0].Manual, all[0].Status, all[0].EndedAt == nil}, nil
		}, []any{true, true, true, "PENDING", true}},
		{"AdvanceSchedules", func(ctx context.Context, q db.Querier) (any, error) {
			n, err := q.AdvanceSchedules(ctx, db.AdvanceSchedulesParams{Now: now, Batch: advance("")})
			if err != nil {
				return n, err
			}
			s, err := q.GetSchedule(ctx, id)
			return []any{s.Version, s.DueAt.Equal(later), s.WakeAt.Equal(later), s.LastOutcome, *s.LastExecution == execution, s.Failures, s.AlertedAt == nil, s.Alert, s.AwaitedSince.Equal(now)}, err
		}, []any{int64(2), true, true, "FIRED", true, int64(3), true, "a", true}},
		{"WakeSchedulesOfEnded", func(ctx context.Context, q db.Querier) (any, error) {
			none, err := q.WakeSchedulesOfEnded(ctx, db.WakeSchedulesOfEndedParams{Now: &now, AtMost: 10})
			if err != nil {
				return none, err
			}
			batch := fmt.Sprintf(`{"%s": {"was": "PENDING", "status": "CANCELLED", "reason": "", "again": 0, "ends": 1, "noted": 0}}`, execution)
			if _, err := q.MoveExecutions(ctx, db.MoveExecutionsParams{Now: now, Batch: batch}); err != nil {
				return none, err
			}
			one, err := q.WakeSchedulesOfEnded(ctx, db.WakeSchedulesOfEndedParams{Now: &now, AtMost: 10})
			return []int64{none, one}, err
		}, []int64{0, 1}},
		{"InsertFirings", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertFirings(ctx, db.InsertFiringsParams{Now: now, Batch: fmt.Sprintf(`[{"id": "%s", "schedule_id": "%s", "due_at": "%s", "outcome": "FIRED", "reason": "", "execution_id": null}]`, firing, id, at)})
		}, nil},
		{"DeleteScheduleRuns", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteScheduleRuns(ctx, run) }, int64(1)},
		{"UpdateSchedule", func(ctx context.Context, q db.Querier) (any, error) {
			s, err := q.UpdateSchedule(ctx, db.UpdateScheduleParams{
				Now: later, ID: id, Name: "m", Params: []byte("{}"), EveryMs: 1000, Zone: "UTC", Skipped: "drop", Repeated: "both", CatchUp: "all", CatchUpMost: 2, Overlap: "queue",
				Wishes: []byte("{}"), Plan: []byte("{}"), PlanVersion: 1, AwaitedSince: now, DeletedAt: &later,
			})
			return []any{s.Version, s.Name, s.Cron, s.EveryMs, s.DueAt == nil, s.WakeAt == nil}, err
		}, []any{int64(3), "m", "", int64(1000), true, true}},
		deleteOwner(user),
	}
}
