package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// What is done of times that went by while no gateway ran.
const (
	CatchUpNone = "none" // nothing
	CatchUpOne  = "one"  // the last of them is fired, if none is due now
	CatchUpAll  = "all"  // all of them are fired, up to a bound the last ones
)

// What is done of a time while an execution of the schedule is not over.
const (
	OverlapSkip    = "skip"    // nothing
	OverlapQueue   = "queue"   // it is fired when that is over
	OverlapReplace = "replace" // that is cancelled, and it is fired when that is over
)

// Outcomes of times of schedules.
const (
	ScheduleFired   = "FIRED"   // there is an execution
	ScheduleQueued  = "QUEUED"  // it waits for the end of the one before
	ScheduleSkipped = "SKIPPED" // the one before was not over
	ScheduleMissed  = "MISSED"  // no gateway ran
	ScheduleRefused = "REFUSED" // the limits of its owner
	SchedulePaused  = "PAUSED"  // the gateway has paused the schedule
	ScheduleAlert   = "ALERT"   // its owner is told that it fails
)

// ScheduleOutcomes are all of them.
func ScheduleOutcomes() []string {
	return []string{ScheduleFired, ScheduleQueued, ScheduleSkipped, ScheduleMissed, ScheduleRefused, SchedulePaused, ScheduleAlert}
}

// SchedulePlan is how the executions of a schedule are run: what its script's configuration and its wishes make together.
type SchedulePlan struct {
	Queue       string        `json:"queue"`
	Priority    int64         `json:"priority"`
	MaxAttempts int           `json:"max_attempts"`
	RetryOn     []Outcome     `json:"retry_on,omitempty"`
	RetryDelay  time.Duration `json:"retry_delay,omitempty"`
	Timeout     time.Duration `json:"timeout"`
}

// ErrTooManySchedules says that a user has as many schedules as may be.
var ErrTooManySchedules = errors.New("too many schedules") //nolint:gochecknoglobals // a sentinel

// CreateSchedule writes a schedule, of which most are a user's; 0: any number. Its columns are those of n: whoever makes it says when
// it is due first, and with what plan; CreatedAt is now by default. The error is ErrTooManySchedules, or a *MissingError where there is no such user or script.
func (s *Store) CreateSchedule(ctx context.Context, by By, n db.Schedule, most int) (db.Schedule, error) {
	if err := checkSchedule(n); err != nil {
		return db.Schedule{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return db.Schedule{}, err
	}
	var made db.Schedule
	err = s.inTx(ctx, func(q db.Querier) error {
		now := s.clock.Now()
		if !n.CreatedAt.IsZero() {
			now = n.CreatedAt.UTC().Truncate(time.Microsecond)
		}
		if most > 0 {
			// Whoever makes another for this user waits.
			if err := lockQuotas(ctx, q, Limits{}, map[uuid.UUID]quota{n.UserID: {limited: true}}); err != nil {
				return err
			}
			has, err := q.CountSchedulesOf(ctx, n.UserID)
			if err != nil {
				return err
			}
			if has >= int64(most) {
				return ErrTooManySchedules
			}
		}
		if n.PausedAt != nil {
			n.PausedAt = &now
		}
		made, err = q.InsertSchedule(ctx, db.InsertScheduleParams{
			ID: id, UserID: n.UserID, ScriptID: n.ScriptID, ScriptVersion: n.ScriptVersion, Name: n.Name, Description: n.Description, Params: n.Params,
			Cron: n.Cron, EveryMs: n.EveryMs, OnceAt: n.OnceAt, Zone: n.Zone, Skipped: n.Skipped, Repeated: n.Repeated, CatchUp: n.CatchUp, CatchUpMost: n.CatchUpMost, Overlap: n.Overlap,
			Wishes: n.Wishes, Plan: n.Plan, PlanVersion: n.PlanVersion, AlertFailures: n.AlertFailures, AlertSilenceMs: n.AlertSilenceMs,
			PausedAt: n.PausedAt, PausedReason: n.PausedReason, DueAt: n.DueAt, WakeAt: &now, Now: now,
		})
		if err != nil {
			return err
		}
		return auditSchedule(ctx, q, by, "schedule.create", db.Schedule{}, made)
	})
	if err != nil {
		return db.Schedule{}, missing(err)
	}
	s.changed() // gateways look
	return made, nil
}

func checkSchedule(n db.Schedule) error {
	for what, text := range map[string]json.RawMessage{"params": n.Params, "wishes": n.Wishes, "plan": n.Plan} {
		if err := CheckJSON(text); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return plain(n.Name, n.Description, n.Cron, n.Zone, n.PausedReason)
}

// ChangeSchedule has change write into a living schedule, which nobody else changes or fires meanwhile: all that CreateSchedule takes
// but the user and the script, and DueAt, which it says anew. An error of change is given back, and nothing is written. action is for
// the audit log; empty: nobody changed it but the gateway. sql.ErrNoRows: there is none. change must not use the store.
func (s *Store) ChangeSchedule(ctx context.Context, by By, action string, id uuid.UUID, change func(now time.Time, n *db.Schedule) error) (db.Schedule, error) {
	var made db.Schedule
	err := s.inTx(ctx, func(q db.Querier) error {
		old, err := q.LockSchedule(ctx, id)
		if err != nil {
			return err
		}
		n, now := old, s.clock.Now()
		if err := change(now, &n); err != nil {
			return err
		}
		if err := checkSchedule(n); err != nil {
			return err
		}
		if n.WakeAt = &now; n.DeletedAt != nil {
			n.DueAt, n.WakeAt = nil, nil
		}
		made, err = q.UpdateSchedule(ctx, db.UpdateScheduleParams{
			Now: now, ID: id, ScriptVersion: n.ScriptVersion, Name: n.Name, Description: n.Description, Params: n.Params,
			Cron: n.Cron, EveryMs: n.EveryMs, OnceAt: n.OnceAt, Zone: n.Zone, Skipped: n.Skipped, Repeated: n.Repeated, CatchUp: n.CatchUp, CatchUpMost: n.CatchUpMost, Overlap: n.Overlap,
			Wishes: n.Wishes, Plan: n.Plan, PlanVersion: n.PlanVersion, AlertFailures: n.AlertFailures, AlertSilenceMs: n.AlertSilenceMs, Alert: n.Alert, AlertedAt: n.AlertedAt,
			PausedAt: n.PausedAt, PausedReason: n.PausedReason, DueAt: n.DueAt, WakeAt: n.WakeAt, AwaitedSince: n.AwaitedSince, Failures: n.Failures, DeletedAt: n.DeletedAt,
		})
		if err != nil || action == "" {
			return err
		}
		if n.DeletedAt != nil { // nobody asks any more what of it is not over
			runs, err := q.ListScheduleRuns(ctx, idList([]uuid.UUID{id}))
			if err != nil {
				return err
			}
			batch, err := runBatch(runs)
			if err != nil {
				return err
			}
			if _, err := q.DeleteScheduleRuns(ctx, batch); err != nil {
				return err
			}
		}
		return auditSchedule(ctx, q, by, action, old, made)
	})
	if err != nil {
		return db.Schedule{}, err
	}
	s.changed() // gateways look
	return made, nil
}

// DeleteSchedule marks a living schedule as deleted; sql.ErrNoRows: there is none. What it has fired goes on.
func (s *Store) DeleteSchedule(ctx context.Context, by By, id uuid.UUID, check func(db.Schedule) error) (db.Schedule, error) {
	return s.ChangeSchedule(ctx, by, "schedule.delete", id, func(now time.Time, n *db.Schedule) error {
		n.DeletedAt = &now
		return check(*n)
	})
}

// Schedule gives a living one; sql.ErrNoRows: there is none.
func (s *Store) Schedule(ctx context.Context, id uuid.UUID) (db.Schedule, error) {
	return s.queries().GetSchedule(ctx, id)
}

// NextWake gives when the next schedule is to be looked at; false: there is none.
func (s *Store) NextWake(ctx context.Context) (time.Time, bool, error) {
	at, err := s.queries().NextWake(ctx)
	if errors.Is(err, sql.ErrNoRows) || err == nil && at == nil {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	return *at, true, nil
}

func auditSchedule(ctx context.Context, q db.Querier, by By, action string, old, next db.Schedule) error {
	old.WakeAt, next.WakeAt, old.Plan, next.Plan = nil, nil, nil, nil // made of others
	old.Params, next.Params = nil, nil                                // they may be long, and nobody's business
	diff, err := diffOf(old, next)
	if err != nil {
		return err
	}
	return audit(ctx, q, by, action, "schedule:"+next.ID.String(), diff)
}

// ListedSchedule is a schedule with what it runs and whose it is.
type ListedSchedule struct {
	db.Schedule
	ScriptName   string `db:"script_name"`
	ScriptSlug   string `db:"script_slug"`
	UserName     string `db:"user_name"`
	UserEmail    string `db:"user_email"`
	UserEmailKey string `db:"user_email_key"`
}

// ListedSchedules are those that are not deleted, for List.
func ListedSchedules() *rows.Table[ListedSchedule] {
	return rows.NewTable[ListedSchedule](
		"(select schedules.*, scripts.name as script_name, scripts.slug as script_slug, users.name as user_name, users.email as user_email, users.email_key as user_email_key from schedules join scripts on scripts.id = schedules.script_id join users on users.id = schedules.user_id) schedules",
		rows.NewColumn("id", rows.ID),
	).Where("deleted_at is null")
}

// ListedFiring is what became of a time of a schedule, with the status of its execution, if there is one.
type ListedFiring struct {
	db.ScheduleFiring
	Status  *string    `db:"status"`
	EndedAt *time.Time `db:"ended_at"`
}

// ScheduleFirings are those of all schedules, for List.
func ScheduleFirings() *rows.Table[ListedFiring] {
	return rows.NewTable[ListedFiring](
		"(select f.*, e.status as status, e.ended_at as ended_at from schedule_firings f left join executions e on e.id = f.execution_id) firings",
		rows.NewColumn("id", rows.ID),
	)
}
