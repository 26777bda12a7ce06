package schedules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	objects "github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// fullRetry is after what time somebody is told to come back for whom too much waits.
const fullRetry = 30 * time.Second

func (s *Schedules) create(ctx context.Context, in *struct{ RawBody []byte }) (*answer, error) {
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	user, err := uuid.Parse(c.ID)
	if err != nil {
		return nil, api.ErrNotFound
	}
	asked, err := creation(ctx, in.RawBody)
	if err != nil {
		return nil, failure(err)
	}
	if asked.Script = strings.TrimSpace(asked.Script); asked.Script == "" {
		return nil, wrong("script", "it is missing: the id of a script, or its slug")
	}
	sc, err := s.script(ctx, asked.Script, user, c.Role)
	if err != nil {
		return nil, err
	}
	row := db.Schedule{UserID: user, ScriptID: sc.ID, CreatedAt: s.store.Now()}
	if err := asked.write(&row, &s.zones, c.IsAdmin()); err != nil {
		return nil, err
	}
	if err := Plan(ctx, s.store, s.options.Planner, &row, sc, c.IsAdmin()); err != nil {
		return nil, failure(err)
	}
	if asked.Paused {
		row.PausedAt = &row.CreatedAt
	}
	if err := s.due(&row, row.CreatedAt); err != nil {
		return nil, err
	}
	most := s.options.Most
	if c.IsAdmin() {
		most = 0
	}
	made, err := s.store.CreateSchedule(ctx, api.By(api.RequestIn(ctx)), row, most)
	if errors.Is(err, queries.ErrTooManySchedules) {
		return nil, conflict("You have as many schedules as may be. Delete one that is not needed any more.")
	}
	if err != nil {
		return nil, failure(err)
	}
	return s.answer(ctx, made)
}

// creation reads what is to be made: it is laid over what is usual, but for its parameters, in which null is a value.
func creation(ctx context.Context, text []byte) (NewSchedule, error) {
	none := NewSchedule{}
	all, err := objects.Object(text)
	if err != nil {
		return none, err
	}
	params, said := all["params"]
	delete(all, "params")
	rest, err := json.Marshal(all)
	if err != nil {
		return none, err
	}
	p, err := patch.Parse(patch.MergeType, rest, patch.Limits{})
	if err != nil {
		return none, err
	}
	asked, _, err := patch.To(ctx, p, NewSchedule{ScheduleSettings: usual()}, rules("script", "paused"))
	if err != nil {
		return none, err
	}
	if said {
		var compact bytes.Buffer
		if err := json.Compact(&compact, params); err != nil {
			return none, wrong("params", "they are no JSON")
		}
		asked.Params = compact.Bytes()
	}
	return asked, nil
}

// script gives a living script that a user may see.
func (s *Schedules) script(ctx context.Context, name string, user uuid.UUID, role string) (db.Script, error) {
	gone := wrong("script", "there is no such script, or not for this user")
	named, err := queries.ScriptNamed(name)
	if err != nil {
		return db.Script{}, gone
	}
	all, err := queries.List(ctx, s.store, queries.ListedScripts(), rows.Request{Where: named, Limit: 1})
	if err != nil {
		return db.Script{}, err
	}
	if len(all) == 0 {
		return db.Script{}, gone
	}
	if !permit.Role(role).Staff() {
		may, err := s.store.MaySee(ctx, all[0].Script, user, role)
		if err != nil {
			return db.Script{}, err
		}
		if !may {
			return db.Script{}, gone
		}
	}
	return all[0].Script, nil
}

// answer is the end of what changes a schedule.
func (s *Schedules) answer(ctx context.Context, row db.Schedule) (*answer, error) {
	sc, err := s.store.Queries().GetScript(ctx, row.ScriptID)
	if err != nil { // it was deleted, which nobody has to know to have changed a schedule
		sc.Slug = ""
	}
	return s.answerOf(ctx, queries.ListedSchedule{Schedule: row, ScriptSlug: sc.Slug}, nil, nil)
}

// conditional is a change that is bound to what the schedule is.
type conditional struct {
	inPath
	IfMatch string `header:"If-Match" doc:"The ETag that the schedule must still have"`
}

// matches says whether a schedule is as the caller believes.
func matches(ctx context.Context, row db.Schedule) error {
	return patch.IfMatch(patch.Tag(row.Version), api.RequestIn(ctx).Header.Values("If-Match")...)
}

// mostTries is how often a change is made anew when somebody was faster.
const mostTries = 5

// errChanged says that somebody was faster.
var errChanged = errors.New("the schedule was changed meanwhile") //nolint:gochecknoglobals // a sentinel

func (s *Schedules) change(ctx context.Context, in *struct {
	conditional
	RawBody []byte
},
) (*answer, error) {
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	listed, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	p, err := patch.Parse(api.RequestIn(ctx).Header.Get("Content-Type"), in.RawBody, patch.Limits{})
	if err != nil {
		return nil, failure(err)
	}
	for try := 1; ; try++ {
		row, err := s.store.Schedule(ctx, listed.ID)
		if err != nil {
			return nil, failure(err)
		}
		if err := matches(ctx, row); err != nil {
			return nil, failure(err)
		}
		was, err := settingsOf(row)
		if err != nil {
			return nil, err
		}
		to, changed, err := patch.To(ctx, p, was, rules())
		if err != nil {
			return nil, failure(err)
		}
		if len(changed) == 0 {
			return s.answer(ctx, row)
		}
		planned := row
		if err := to.write(&planned, &s.zones, c.IsAdmin()); err != nil {
			return nil, err
		}
		if err := s.planFor(ctx, &planned, c.IsAdmin()); err != nil {
			return nil, failure(err)
		}
		timed := planned.Cron != row.Cron || planned.EveryMs != row.EveryMs || planned.Zone != row.Zone || planned.Skipped != row.Skipped || planned.Repeated != row.Repeated || !sameTime(planned.OnceAt, row.OnceAt)
		next, err := s.store.ChangeSchedule(ctx, api.By(api.RequestIn(ctx)), "schedule.change", row.ID, func(now time.Time, n *db.Schedule) error {
			if n.Version != row.Version {
				return errChanged
			}
			kept := *n
			*n = planned
			n.Alert, n.AlertedAt, n.AwaitedSince, n.Failures, n.DueAt = kept.Alert, kept.AlertedAt, kept.AwaitedSince, kept.Failures, kept.DueAt
			if !timed {
				return nil
			}
			return s.due(n, now)
		})
		switch {
		case errors.Is(err, errChanged) && try < mostTries:
			continue
		case errors.Is(err, errChanged):
			return nil, conflict("The schedule is being changed by others. Try again.")
		case err != nil:
			return nil, failure(err)
		}
		return s.answer(ctx, next)
	}
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// planFor plans for the owner of a row.
func (s *Schedules) planFor(ctx context.Context, row *db.Schedule, admin bool) error {
	owner, err := s.store.Queries().GetUser(ctx, row.UserID)
	if err != nil {
		return err
	}
	sc, err := s.script(ctx, row.ScriptID.String(), row.UserID, owner.Role)
	if err != nil {
		return err
	}
	return Plan(ctx, s.store, s.options.Planner, row, sc, admin || permit.Role(owner.Role).Staff())
}

func (s *Schedules) remove(ctx context.Context, _ *conditional) (*answer, error) {
	one, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	gone, err := s.store.DeleteSchedule(ctx, api.By(api.RequestIn(ctx)), one.ID, func(row db.Schedule) error { return matches(ctx, row) })
	if err != nil {
		return nil, failure(err)
	}
	return s.answer(ctx, gone)
}

func (s *Schedules) pause(ctx context.Context, _ *conditional) (*answer, error) {
	return s.alter(ctx, "schedule.pause", func(now time.Time, n *db.Schedule) error {
		if n.PausedAt == nil {
			n.PausedAt, n.PausedReason, n.DueAt = &now, "", nil
		}
		return nil
	})
}

func (s *Schedules) resume(ctx context.Context, _ *conditional) (*answer, error) {
	one, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	// What the gateway would pause again is not resumed.
	planned := one.Schedule
	if one.PausedAt != nil {
		if err := s.planFor(ctx, &planned, false); err != nil {
			return nil, failure(err)
		}
	}
	return s.alter(ctx, "schedule.resume", func(now time.Time, n *db.Schedule) error {
		if n.PausedAt == nil {
			return nil
		}
		n.PausedAt, n.PausedReason, n.AwaitedSince, n.Failures, n.Alert = nil, "", now, 0, ""
		if n.Version == planned.Version {
			n.Plan, n.PlanVersion = planned.Plan, planned.PlanVersion
		}
		return s.due(n, now)
	})
}

func (s *Schedules) alter(ctx context.Context, action string, change func(now time.Time, n *db.Schedule) error) (*answer, error) {
	one, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	next, err := s.store.ChangeSchedule(ctx, api.By(api.RequestIn(ctx)), action, one.ID, func(now time.Time, n *db.Schedule) error {
		if err := matches(ctx, *n); err != nil {
			return err
		}
		return change(now, n)
	})
	if err != nil {
		return nil, failure(err)
	}
	return s.answer(ctx, next)
}

// ScheduleRun is an execution that a schedule was made to fire.
type ScheduleRun struct {
	Schedule  string `json:"schedule_id" required:"true"`
	Execution string `json:"execution_id" required:"true"`
}

func (s *Schedules) run(ctx context.Context, _ *inPath) (*typed.Answer[ScheduleRun], error) {
	one, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	planned := one.Schedule
	if err := s.planFor(ctx, &planned, false); err != nil {
		return nil, failure(err)
	}
	execution, err := s.store.RunSchedule(ctx, api.By(api.RequestIn(ctx)), s.options.Limits, planned)
	if busy, ok := errors.AsType[*queries.BusyError](err); ok {
		return nil, conflict("The one before is not over: execution " + busy.Execution.String())
	}
	if errors.Is(err, queries.ErrQueueFull) {
		return nil, api.Failure{Status: http.StatusTooManyRequests, Type: problem.RateLimited, Detail: "As many executions of the owner wait as may. Come back when some have ended.", RetryAfter: fullRetry}
	}
	if err != nil {
		return nil, failure(err)
	}
	return typed.Of(ScheduleRun{Schedule: one.ID.String(), Execution: execution.String()}), nil
}
