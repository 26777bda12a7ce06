package queries

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// round is what one transaction does to schedules: what it has read of them, and what it will write.
type round struct {
	now    time.Time
	firing Firing
	tended []*tended

	wanted    []*wanted
	cancel    []uuid.UUID
	put, gone []db.ListScheduleRunsRow
	firings   []firing
	news      []ScheduleNews
	unplanned []db.Schedule
	made      int
}

func newRound(now time.Time, f Firing) *round { return &round{now: now, firing: f} }

func (r *round) add(from db.LockDueSchedulesRow, row db.Schedule) *tended {
	t := &tended{round: r, from: from, row: row}
	r.tended = append(r.tended, t)
	return t
}

// read takes rows that are locked, and reads what of them is not over.
func (r *round) read(ctx context.Context, q db.Querier, due []db.LockDueSchedulesRow) error {
	ids, byID := make([]uuid.UUID, len(due)), make(map[uuid.UUID]*tended, len(due))
	for i, d := range due {
		ids[i] = d.ID
		byID[d.ID] = r.add(d, rowOf(d))
	}
	runs, err := q.ListScheduleRuns(ctx, idList(ids))
	if err != nil {
		return err
	}
	for _, run := range runs {
		t := byID[run.ScheduleID]
		t.runs = append(t.runs, run)
	}
	return nil
}

func rowOf(d db.LockDueSchedulesRow) db.Schedule {
	return db.Schedule{
		ID: d.ID, UserID: d.UserID, ScriptID: d.ScriptID, ScriptVersion: d.ScriptVersion, Name: d.Name, Description: d.Description, Params: d.Params, Cron: d.Cron, EveryMs: d.EveryMs,
		OnceAt: d.OnceAt, Zone: d.Zone, Skipped: d.Skipped, Repeated: d.Repeated, CatchUp: d.CatchUp, CatchUpMost: d.CatchUpMost, Overlap: d.Overlap, Wishes: d.Wishes, Plan: d.Plan,
		PlanVersion: d.PlanVersion, AlertFailures: d.AlertFailures, AlertSilenceMs: d.AlertSilenceMs, Alert: d.Alert, AlertedAt: d.AlertedAt, PausedAt: d.PausedAt, PausedReason: d.PausedReason,
		DueAt: d.DueAt, WakeAt: d.WakeAt, AwaitedSince: d.AwaitedSince, LastDueAt: d.LastDueAt, LastFiredAt: d.LastFiredAt, LastOutcome: d.LastOutcome, LastExecution: d.LastExecution,
		LastStatus: d.LastStatus, LastSuccessAt: d.LastSuccessAt, Failures: d.Failures, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, DeletedAt: d.DeletedAt,
	}
}

// write makes all of it true.
func (r *round) write(ctx context.Context, s *Store, q db.Querier) error {
	if err := r.makeExecutions(ctx, s, q); err != nil {
		return err
	}
	if err := r.cancelAll(ctx, s, q); err != nil {
		return err
	}
	if err := r.writeRuns(ctx, q); err != nil {
		return err
	}
	if len(r.firings) > 0 {
		batch, err := batchOf(r.firings)
		if err != nil {
			return err
		}
		if err := q.InsertFirings(ctx, db.InsertFiringsParams{Now: r.now, Batch: batch}); err != nil {
			return err
		}
	}
	return r.advance(ctx, q)
}

// makeExecutions makes and admits those that are wanted.
func (r *round) makeExecutions(ctx context.Context, s *Store, q db.Querier) error {
	if len(r.wanted) == 0 {
		return nil
	}
	all := make([]NewExecution, len(r.wanted))
	for i, w := range r.wanted {
		all[i].User = w.of.row.UserID
	}
	users, err := s.lockUsers(ctx, q, r.firing.Limits, all)
	if err != nil {
		return err
	}
	batch := make([]map[string]any, 0, len(r.wanted))
	for _, w := range r.wanted {
		if more := users[w.of.row.UserID].waiting; more != nil {
			if w.refused = *more == 0; w.refused {
				continue
			}
			*more--
		}
		batch = append(batch, w.execution())
	}
	made := map[uuid.UUID]bool{}
	if len(batch) > 0 {
		text, err := batchOf(batch)
		if err != nil {
			return err
		}
		ids, err := q.InsertScheduledExecutions(ctx, db.InsertScheduledExecutionsParams{Now: r.now, Batch: text})
		if err != nil {
			return err
		}
		for _, id := range ids {
			made[id] = true
		}
		r.made = len(ids)
		if _, err := s.admit(ctx, q, r.now, r.firing.Limits, users, len(ids)+admitAtOnce); err != nil {
			return err
		}
	}
	for _, w := range r.wanted {
		w.settle(made[w.id])
	}
	return nil
}

// execution is it in a batch.
func (w *wanted) execution() map[string]any {
	row := w.of.row
	p := w.of.plan
	return map[string]any{
		"id": w.id, "schedule_id": row.ID, "version": row.PlanVersion, "queue": p.Queue, "priority": p.Priority, "max_attempts": p.MaxAttempts,
		"retry_on": words(p.RetryOn), "retry_delay_ms": milliseconds(p.RetryDelay), "timeout_ms": max(1, milliseconds(p.Timeout)), "key": firingKey(row.ID, w.due),
	}
}

// settle says what became of it.
func (w *wanted) settle(made bool) {
	t := w.of
	run := db.ListScheduleRunsRow{ScheduleID: t.row.ID, DueAt: w.due, Manual: w.manual}
	switch {
	case w.refused:
		t.row.Failures++
		t.note(w.due, ScheduleRefused, "as many executions of its owner wait as may", nil)
		t.round.gone = append(t.round.gone, run)
	case !made:
		t.note(w.due, ScheduleSkipped, "it was fired for this time already", nil)
		t.round.gone = append(t.round.gone, run)
	default:
		run.ExecutionID = &w.id
		t.round.put = append(t.round.put, run)
		t.row.LastFiredAt, t.row.LastExecution = &t.round.now, &w.id
		reason := ""
		if w.manual {
			reason = "somebody ran it"
		}
		t.note(w.due, ScheduleFired, reason, &w.id)
	}
}

// cancelAll cancels what is replaced.
func (r *round) cancelAll(ctx context.Context, s *Store, q db.Querier) error {
	if len(r.cancel) == 0 {
		return nil
	}
	locked, err := q.LockExecutions(ctx, idList(r.cancel))
	if err != nil {
		return err
	}
	for _, e := range locked {
		_, err := s.cancel(ctx, q, r.now, e, "its schedule is due again, and replaces it")
		if _, over := errors.AsType[*StatusError](err); err != nil && !over {
			return err
		}
	}
	return nil
}

// runBatch is rows of runs in a batch.
func runBatch(runs []db.ListScheduleRunsRow) (string, error) {
	batch := make([]map[string]any, len(runs))
	for i, run := range runs {
		batch[i] = map[string]any{"schedule_id": run.ScheduleID, "due_at": sqlTime(run.DueAt), "execution_id": run.ExecutionID, "manual": run.Manual}
	}
	return batchOf(batch)
}

func (r *round) writeRuns(ctx context.Context, q db.Querier) error {
	if len(r.gone) > 0 {
		batch, err := runBatch(r.gone)
		if err != nil {
			return err
		}
		if _, err := q.DeleteScheduleRuns(ctx, batch); err != nil {
			return err
		}
	}
	if len(r.put) == 0 {
		return nil
	}
	batch, err := runBatch(r.put)
	if err != nil {
		return err
	}
	_, err = q.PutScheduleRuns(ctx, batch)
	return err
}

// advance writes what became of the schedules themselves.
func (r *round) advance(ctx context.Context, q db.Querier) error {
	batch := make(map[uuid.UUID]map[string]any, len(r.tended))
	at := func(t *time.Time) any {
		if t == nil {
			return nil
		}
		return sqlTime(*t)
	}
	for _, t := range r.tended {
		row := t.row
		batch[row.ID] = map[string]any{
			"changes": t.changes, "alert": row.Alert, "alerted_at": at(row.AlertedAt), "paused_at": at(row.PausedAt), "paused_reason": row.PausedReason, "due_at": at(row.DueAt), "wake_at": at(row.WakeAt),
			"awaited_since": sqlTime(row.AwaitedSince), "last_due_at": at(row.LastDueAt), "last_fired_at": at(row.LastFiredAt), "last_outcome": row.LastOutcome, "last_execution": row.LastExecution,
			"last_status": row.LastStatus, "last_success_at": at(row.LastSuccessAt), "failures": row.Failures,
		}
	}
	text, err := batchOf(batch)
	if err != nil {
		return err
	}
	n, err := q.AdvanceSchedules(ctx, db.AdvanceSchedulesParams{Now: r.now, Batch: text})
	if err == nil && n != int64(len(batch)) {
		err = errors.New("schedules that are locked have moved")
	}
	return err
}
