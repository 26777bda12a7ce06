package queries

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Times are when a schedule is due.
type Times interface {
	// Next gives the first time after another; false: there is none.
	Next(after time.Time) (time.Time, bool)
}

// ScheduleNews is what became of a schedule, for who tells others of it: people by mail, and programs.
type ScheduleNews struct {
	// Schedule is what it is now.
	Schedule db.Schedule
	// Email is its owner's address.
	Email string
	// Script is the slug of its script.
	Script string
	// Kind is SchedulePaused, or ScheduleAlert; Text says why, in a sentence without a full stop.
	Kind, Text string
}

// Firing says how schedules are fired.
type Firing struct {
	// Limits are those of executions.
	Limits Limits
	// Most is how many schedules one transaction fires. Default 100.
	Most int
	// Times gives when a schedule is due. An error pauses it. Required; it must not use the store.
	Times func(db.Schedule) (Times, error)
	// Tell is told what others are to know, in the transaction in which it becomes true. Default nobody is.
	Tell func(ctx context.Context, q db.Querier, news []ScheduleNews) error
}

// Fired is what FireSchedules did.
type Fired struct {
	// Looked is how many schedules it looked at: as many as it may, and there may be more.
	Looked int
	// Executions were made.
	Executions int
	// Outcomes count what became of times.
	Outcomes map[string]int
	// Unplanned are schedules whose script has another version than they were planned for. They are due, and are looked at again when they
	// are planned, or after some time.
	Unplanned []db.Schedule
}

const (
	usualFired = 100
	// late is how long after its time something is due is fired as if it were in time: what is later was missed.
	late = time.Minute
	// planPatience is after what time somebody else plans a schedule.
	planPatience = 30 * time.Second
	// mostQueued is how many times of a schedule wait.
	mostQueued = 100
	// mostOnTime is how many times are fired together that are not missed.
	mostOnTime = 100
	// tellAgain is after what time an owner is told again that a schedule fails which went well meanwhile.
	tellAgain = time.Hour
)

// FireSchedules fires what is due, in one transaction: rows that wake are taken by who is first, their executions made and admitted, and
// their next times written. Any number of gateways call it at any time, when NextWake says so, and now and then.
func (s *Store) FireSchedules(ctx context.Context, f Firing) (Fired, error) {
	if f.Most <= 0 {
		f.Most = usualFired
	}
	var out Fired
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		out = Fired{Outcomes: map[string]int{}}
		due, err := q.LockDueSchedules(ctx, db.LockDueSchedulesParams{Now: &now, AtMost: int64(f.Most)})
		if err != nil || len(due) == 0 {
			return err
		}
		out.Looked = len(due)
		round := newRound(now, f)
		if err := round.read(ctx, q, due); err != nil {
			return err
		}
		for _, t := range round.tended {
			t.tend()
		}
		if err := round.write(ctx, s, q); err != nil {
			return err
		}
		out.Executions, out.Unplanned = round.made, round.unplanned
		for _, one := range round.firings {
			out.Outcomes[one.Outcome]++
		}
		if f.Tell == nil || len(round.news) == 0 {
			return nil
		}
		return f.Tell(ctx, q, round.news)
	})
	if err != nil {
		return Fired{}, err
	}
	return out, nil
}

// WakeSchedules has schedules be looked at of which an execution has ended. It says whether there were any.
func (s *Store) WakeSchedules(ctx context.Context) (bool, error) {
	now := s.clock.Now()
	n, err := s.queries().WakeSchedulesOfEnded(ctx, db.WakeSchedulesOfEndedParams{Now: &now, AtMost: usualFired})
	return n > 0, err
}

// BusyError says that an execution of a schedule is not over.
type BusyError struct{ Execution uuid.UUID }

func (e *BusyError) Error() string { return "the one before is not over" }

// RunSchedule fires a schedule now, with the plan that planned has, whatever its times are and also where it is paused. The error is a
// *BusyError where the one before is not over, ErrQueueFull, or sql.ErrNoRows.
func (s *Store) RunSchedule(ctx context.Context, by By, l Limits, planned db.Schedule) (uuid.UUID, error) {
	var out uuid.UUID
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		row, err := q.LockSchedule(ctx, planned.ID)
		if err != nil {
			return err
		}
		row.Plan, row.PlanVersion = planned.Plan, planned.PlanVersion
		round := newRound(now, Firing{Limits: l})
		t := round.add(db.LockDueSchedulesRow{}, row)
		if t.plan, err = planOf(row); err != nil {
			return err
		}
		runs, err := q.ListScheduleRuns(ctx, idList([]uuid.UUID{row.ID}))
		if err != nil {
			return err
		}
		t.runs = runs
		t.settle()
		if len(t.living) > 0 {
			return &BusyError{Execution: *t.living[0].ExecutionID}
		}
		e := t.fire(now, true)
		t.row.WakeAt = &now
		if err := round.write(ctx, s, q); err != nil {
			return err
		}
		if e.refused {
			return ErrQueueFull
		}
		out = e.id
		return audit(ctx, q, by, "schedule.run", "schedule:"+row.ID.String(), []byte(`{"execution":"`+out.String()+`"}`))
	})
	return out, err
}

// PauseSchedule pauses a schedule that nobody has changed since it had a version, for a reason of which its owner is told.
func (s *Store) PauseSchedule(ctx context.Context, by By, id uuid.UUID, version int64, reason string, tell func(context.Context, db.Querier, []ScheduleNews) error) error {
	return s.move(ctx, func(q db.Querier, now time.Time) error {
		row, err := q.LockSchedule(ctx, id)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (row.Version != version || row.PausedAt != nil) {
			return nil
		}
		if err != nil {
			return err
		}
		owner, err := q.GetUser(ctx, row.UserID)
		if err != nil {
			return err
		}
		round := newRound(now, Firing{})
		t := round.add(db.LockDueSchedulesRow{UserEmail: owner.Email, UserLives: owner.DeletedAt == nil && owner.IsActive}, row)
		t.pause(reason)
		t.row.DueAt, t.row.WakeAt = nil, &now
		if err := round.write(ctx, s, q); err != nil {
			return err
		}
		if err := audit(ctx, q, by, "schedule.pause", "schedule:"+id.String(), []byte(`{"by":"gateway"}`)); err != nil {
			return err
		}
		if tell == nil || len(round.news) == 0 {
			return nil
		}
		return tell(ctx, q, round.news)
	})
}

// planOf is the plan of a row.
func planOf(row db.Schedule) (SchedulePlan, error) {
	var p SchedulePlan
	if err := json.Unmarshal(row.Plan, &p); err != nil {
		return p, fmt.Errorf("the plan of schedule %s: %w", row.ID, err)
	}
	if p.Queue == "" || p.MaxAttempts < 1 || p.Timeout <= 0 {
		return p, errors.New("schedule " + row.ID.String() + " has no plan")
	}
	return p, nil
}

// firingKey is that of the execution of a time: there is one, whoever makes it.
func firingKey(schedule uuid.UUID, due time.Time) string {
	sum := sha256.Sum256([]byte("fairway schedule\x00" + schedule.String() + "\x00" + due.UTC().Format(time.RFC3339Nano)))
	return hex.EncodeToString(sum[:])
}
