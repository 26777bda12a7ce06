package queries

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// firing is a row of the history, as a batch has it.
type firing struct {
	ID          uuid.UUID  `json:"id"`
	ScheduleID  uuid.UUID  `json:"schedule_id"`
	DueAt       string     `json:"due_at"`
	Outcome     string     `json:"outcome"`
	Reason      string     `json:"reason"`
	ExecutionID *uuid.UUID `json:"execution_id"`
}

// wanted is an execution that is to be made.
type wanted struct {
	of     *tended
	id     uuid.UUID
	due    time.Time
	manual bool
	// refused: the limits of the owner forbid it.
	refused bool
}

// tended is a schedule that a transaction has locked, and what becomes of it.
type tended struct {
	round *round
	from  db.LockDueSchedulesRow
	row   db.Schedule
	runs  []db.ListScheduleRunsRow

	// living are executions that are not over, waiting times that have none.
	living, waiting []db.ListScheduleRunsRow
	fired           *wanted
	plan            SchedulePlan
	changes         int
}

// tend decides what becomes of a schedule.
func (t *tended) tend() {
	t.settle()
	now := t.round.now
	if t.row.PausedAt == nil {
		if reason := t.hindrance(); reason != "" {
			t.pause(reason)
		}
	}
	if t.row.PausedAt != nil {
		for _, w := range t.waiting {
			t.drop(w, "it is paused")
		}
		t.row.DueAt, t.row.WakeAt = nil, nil
		return
	}
	times, err := t.round.firing.Times(t.row)
	if err != nil {
		t.pause(err.Error())
		t.row.DueAt, t.row.WakeAt = nil, nil
		return
	}
	due := t.row.DueAt != nil && !t.row.DueAt.After(now)
	if (due || len(t.waiting) > 0 && len(t.living) == 0) && !t.planned() {
		again := now.Add(planPatience)
		t.row.WakeAt = &again
		return
	}
	if len(t.waiting) > 0 && len(t.living) == 0 {
		t.fire(t.waiting[0].DueAt, t.waiting[0].Manual)
		t.waiting = t.waiting[1:]
	}
	if due {
		t.fireDue(times)
	}
	t.alert()
	t.wake()
}

// settle counts executions that are over.
func (t *tended) settle() {
	var over []db.ListScheduleRunsRow
	for _, r := range t.runs {
		switch {
		case r.ExecutionID == nil:
			t.waiting = append(t.waiting, r)
		case r.EndedAt == nil:
			t.living = append(t.living, r)
		default:
			over = append(over, r)
		}
	}
	slices.SortFunc(over, func(a, b db.ListScheduleRunsRow) int {
		return cmp.Or(a.EndedAt.Compare(*b.EndedAt), a.DueAt.Compare(b.DueAt))
	})
	for _, r := range over {
		t.round.gone = append(t.round.gone, r)
		switch t.row.LastStatus = r.Status; r.Status {
		case StatusFinished:
			t.row.Failures, t.row.Alert, t.row.LastSuccessAt = 0, "", r.EndedAt
		case StatusFailed:
			t.row.Failures++
		}
	}
}

// hindrance is why a schedule cannot be fired any more.
func (t *tended) hindrance() string {
	switch {
	case !t.from.UserLives:
		return "its owner is not active any more"
	case !t.from.ScriptLives:
		return "its script was deleted"
	case !t.from.ScriptVisible:
		return "its owner may not run its script any more"
	}
	var err error
	if t.plan, err = planOf(t.row); err != nil { // others are not to wait for it
		return "this gateway does not understand how it is run"
	}
	return ""
}

func (t *tended) pause(reason string) {
	now := t.round.now
	t.row.PausedAt, t.row.PausedReason = &now, shorten(reason)
	t.changes++
	at := now
	if t.row.DueAt != nil {
		at = *t.row.DueAt
	}
	t.note(at, SchedulePaused, reason, nil)
	t.tell(SchedulePaused, "it is paused: "+reason)
}

// planned says whether it is known how the version runs that is to run.
func (t *tended) planned() bool {
	version := t.row.PlanVersion
	switch {
	case t.row.ScriptVersion != nil:
		version = *t.row.ScriptVersion
	case t.from.ScriptStatus == BuildSuccess:
		version = t.from.ScriptCurrent
	}
	if version == t.row.PlanVersion {
		return true
	}
	t.round.unplanned = append(t.round.unplanned, t.row)
	return false
}

// fireDue fires the times that are due, as the schedule says what of them.
func (t *tended) fireDue(times Times) {
	now, first := t.round.now, *t.row.DueAt
	missed, dues := t.split(times, first)
	switch {
	case missed.count == 0:
	case t.row.CatchUp == CatchUpOne && len(dues) == 0:
		dues = missed.last[len(missed.last)-1:]
		missed.without(1)
	case t.row.CatchUp == CatchUpAll:
		n := min(len(missed.last), int(t.row.CatchUpMost))
		dues = slices.Concat(missed.last[len(missed.last)-n:], dues)
		missed.without(n)
	}
	if missed.count > 0 {
		t.note(first, ScheduleMissed, missed.text(first), nil)
	}
	for i, due := range dues {
		t.fireOne(due, i == len(dues)-1)
	}
	t.row.DueAt = nil
	if next, ok := times.Next(now); ok {
		t.row.DueAt = &next
	}
}

// split gives the times that were missed, and those that are due now.
func (t *tended) split(times Times, first time.Time) (lost, []time.Time) {
	now := t.round.now
	var missed lost
	if border := now.Add(-late); first.Before(border) {
		missed = missedBetween(times, first, border.Add(-time.Nanosecond), max(1, int(t.row.CatchUpMost)))
		first = border
	}
	due := latest(times, first, now, mostOnTime)
	return missed, due
}

// fireOne fires a time, unless the one before is not over.
func (t *tended) fireOne(due time.Time, last bool) {
	t.row.LastDueAt = &due
	if len(t.living) == 0 && len(t.waiting) == 0 && t.fired == nil {
		if t.row.Overlap == OverlapReplace && !last {
			t.note(due, ScheduleSkipped, "a later time is due, too", nil)
			return
		}
		t.fire(due, false)
		return
	}
	switch t.row.Overlap {
	case OverlapQueue:
		if len(t.waiting) >= mostQueued {
			t.note(due, ScheduleSkipped, fmt.Sprintf("%d times wait already", mostQueued), nil)
			return
		}
		t.queue(due)
	case OverlapReplace:
		for _, w := range t.waiting {
			t.drop(w, "a later time is due")
		}
		t.waiting = nil
		for _, r := range t.living {
			t.round.cancel = append(t.round.cancel, *r.ExecutionID)
		}
		t.queue(due)
	default:
		t.note(due, ScheduleSkipped, "the one before is not over", t.before())
	}
}

// before is the execution that is not over.
func (t *tended) before() *uuid.UUID {
	switch {
	case t.fired != nil:
		return &t.fired.id
	case len(t.living) > 0:
		return t.living[len(t.living)-1].ExecutionID
	}
	return nil
}

func (t *tended) queue(due time.Time) {
	w := db.ListScheduleRunsRow{ScheduleID: t.row.ID, DueAt: due}
	t.waiting = append(t.waiting, w)
	t.round.put = append(t.round.put, w)
	t.note(due, ScheduleQueued, "the one before is not over", nil)
}

// drop ends that a time waits.
func (t *tended) drop(w db.ListScheduleRunsRow, reason string) {
	t.round.put = slices.DeleteFunc(t.round.put, func(p db.ListScheduleRunsRow) bool {
		return p.ScheduleID == w.ScheduleID && p.DueAt.Equal(w.DueAt)
	})
	t.round.gone = append(t.round.gone, w)
	t.note(w.DueAt, ScheduleSkipped, reason, nil)
}

// fire has there be an execution of a time, if the limits let it.
func (t *tended) fire(due time.Time, manual bool) *wanted {
	t.fired = &wanted{of: t, id: uuid.Must(uuid.NewV7()), due: due, manual: manual}
	t.round.wanted = append(t.round.wanted, t.fired)
	return t.fired
}

// note writes into the history. execution is what became of the time, or what was in its way.
func (t *tended) note(due time.Time, outcome, reason string, execution *uuid.UUID) {
	if outcome != ScheduleAlert { // which is of no time
		t.row.LastOutcome = outcome
	}
	t.round.firings = append(t.round.firings, firing{
		ID: uuid.Must(uuid.NewV7()), ScheduleID: t.row.ID, DueAt: sqlTime(due), Outcome: outcome, Reason: shorten(reason), ExecutionID: execution,
	})
}

// tell has the owner be told, who can be.
func (t *tended) tell(kind, text string) {
	if !t.from.UserLives {
		return
	}
	t.round.news = append(t.round.news, ScheduleNews{Schedule: t.row, Email: t.from.UserEmail, Script: t.from.ScriptSlug, Kind: kind, Text: text})
}

// silentAt is when it is too long without a success; nil: never.
func (t *tended) silentAt() *time.Time {
	if t.row.AlertSilenceMs == 0 || t.row.Alert != "" || t.row.DueAt == nil && len(t.living) == 0 && t.fired == nil {
		return nil
	}
	since := t.row.AwaitedSince
	if last := t.row.LastSuccessAt; last != nil && last.After(since) {
		since = *last
	}
	at := since.Add(time.Duration(t.row.AlertSilenceMs) * time.Millisecond)
	return &at
}

// alert tells the owner that it fails, once until it goes well.
func (t *tended) alert() {
	now := t.round.now
	var text string
	silent := t.silentAt()
	switch {
	case t.row.Alert != "":
		return
	case t.row.AlertFailures > 0 && t.row.Failures >= t.row.AlertFailures:
		text = fmt.Sprintf("it failed %d times in a row", t.row.Failures)
	case silent != nil && !silent.After(now):
		text = "it had no success for " + (time.Duration(t.row.AlertSilenceMs) * time.Millisecond).String()
	default:
		return
	}
	t.row.Alert = text
	t.note(now, ScheduleAlert, text, nil)
	if last := t.row.AlertedAt; last == nil || !now.Before(last.Add(tellAgain)) {
		t.row.AlertedAt = &now
		t.tell(ScheduleAlert, text)
	}
}

// wake says when somebody is to look again.
func (t *tended) wake() {
	t.row.WakeAt = t.row.DueAt
	if silent := t.silentAt(); silent != nil && (t.row.WakeAt == nil || silent.Before(*t.row.WakeAt)) {
		t.row.WakeAt = silent
	}
	if now := t.round.now; len(t.waiting) > 0 && len(t.living) == 0 && t.fired == nil {
		t.row.WakeAt = &now
	}
}
