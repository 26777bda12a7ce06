// Package schedules has the times at which scripts run by themselves, over HTTP: making, changing, pausing and running them, when they are
// due next, and what became of each time. When that is, package calendar says; package firing fires them.
//
// A schedule is its owner's: administrators see and change all, and for others there is none, whatever they ask. What it runs is run as its
// owner, and counts in his limits.
package schedules

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/schedules/calendar"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Planner says how a version of a script is run with parameters. *executions.Executions does.
type Planner interface {
	Planned(ctx context.Context, version db.ScriptVersion, params json.RawMessage, w executions.Later, admin bool) (queries.SchedulePlan, error)
}

// Options are what Schedules may have beside a store.
type Options struct {
	// Planner says how something is run. Required.
	Planner Planner
	// Limits say how many executions are admitted. Default: any number.
	Limits queries.Limits
	// Most is how many schedules a user may have who is no administrator. Default 100.
	Most int
}

// Schedules has the handlers of schedules. It is used concurrently.
type Schedules struct {
	store   *queries.Store
	options Options
	zones   calendar.Zones

	resource, firings *listing.Resource
}

// usualMost is how many schedules a user has.
const usualMost = 100

// New makes Schedules over an open store. The error is a mistake in what can be listed.
func New(store *queries.Store, o Options) (*Schedules, error) {
	o.Most = cmp.Or(o.Most, usualMost)
	s := &Schedules{store: store, options: o}
	var errs [2]error
	s.resource, errs[0] = listing.New(resource())
	s.firings, errs[1] = listing.New(firingResource())
	return s, errors.Join(errs[:]...)
}

// Register has the operations of schedules handled, and {schedule} looked up by a.
func (s *Schedules) Register(a *api.API, t *typed.API) {
	a.Resolve("schedule", s.Resolve)
	lists := "filter, sort, include and exclude as the parameters say; there are pages where page or per_page is given. "
	typed.Register(t, typed.Operation{ID: "schedule.list", Summary: "Schedules", Description: "The caller's own; those of all for administrators. " + lists}, s.list)
	typed.Register(t, typed.Operation{
		ID: "schedule.create", Summary: "Has a script run at times", Bodies: map[string]any{"application/json": NewSchedule{}},
		Description: "By one of cron, every and at. The parameters are held to the JSON Schema of the script, now and whenever it has another version.",
	}, s.create)
	typed.Register(t, typed.Operation{ID: "schedule.get", Summary: "A schedule", Description: "With the times that come next."}, s.get)
	typed.Register(t, typed.Operation{
		ID: "schedule.change", Summary: "Changes a schedule", Bodies: map[string]any{"application/json": ScheduleSettings{}, patch.MergeType: ScheduleSettings{}, patch.OperationsType: []typed.PatchOperation{}},
		Description: "An object is laid over it, an array has the operations of RFC 6902. Times that have gone by are not made up for.",
	}, s.change)
	typed.Register(t, typed.Operation{ID: "schedule.delete", Summary: "Deletes a schedule", Description: "What it has fired goes on."}, s.remove)
	typed.Register(t, typed.Operation{ID: "schedule.pause", Summary: "Has a schedule fire no more", Description: "Until it is resumed. What it has fired goes on, what waits for that is not fired."}, s.pause)
	typed.Register(t, typed.Operation{ID: "schedule.resume", Summary: "Has a schedule fire again", Description: "From now on: times that have gone by are not made up for."}, s.resume)
	typed.Register(t, typed.Operation{ID: "schedule.run", Summary: "Runs the script of a schedule now", Description: "As its owner. 409 as long as the one before is not over."}, s.run)
	typed.Register(t, typed.Operation{ID: "schedule.next", Summary: "When a schedule is due next"}, s.next)
	typed.Register(t, typed.Operation{ID: "schedule.history", Summary: "What became of the times of a schedule", Description: "The newest first. " + lists}, s.history)
}

// Resolve gives the schedule of an id, if the caller may see it. Its value is a queries.ListedSchedule.
func (s *Schedules) Resolve(ctx context.Context, value string, c *callers.Caller) (api.Target, error) {
	id, err := uuid.Parse(value)
	if err != nil || len(value) != len(uuid.UUID{}.String()) {
		return api.Target{}, api.ErrNotFound
	}
	seen, err := seenBy(c)
	if err != nil {
		return api.Target{}, err
	}
	this, err := rows.Compare(rows.NewColumn("id", rows.ID), rows.Equal, id)
	if err != nil {
		return api.Target{}, err
	}
	all, err := queries.List(ctx, s.store, queries.ListedSchedules(), rows.Request{Where: rows.All(this, seen), Limit: 1})
	if err != nil {
		return api.Target{}, err
	}
	if len(all) == 0 {
		return api.Target{}, api.ErrNotFound
	}
	return api.Target{Object: permit.Object{Owners: []string{all[0].UserID.String()}}, Value: all[0]}, nil
}

// seenBy holds for schedules that a caller may see.
func seenBy(c *callers.Caller) (rows.Condition, error) {
	if c.IsAdmin() {
		return rows.All(), nil
	}
	if c == nil {
		return rows.Any(), nil
	}
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return rows.Any(), nil //nolint:nilerr // who is no user has none
	}
	return rows.Compare(rows.NewColumn("user_id", rows.ID), rows.Equal, id)
}

// wrong is what a client is told of a member that he sent.
func wrong(name, text string) error {
	return api.Failure{Status: http.StatusBadRequest, Detail: name + ": " + text, Messages: map[string][]string{name: {text}}}
}

// conflict is what a client is told that is not so now.
func conflict(text string) error { return api.Failure{Status: http.StatusConflict, Detail: text} }

// failure makes what a caller is told of an error.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) { // it was deleted a moment ago
		return api.ErrNotFound
	}
	if f, ok := accounts.Failure(err); ok {
		return f
	}
	return err
}

// instant is a time for people and programs, in UTC.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func moment(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := instant(*t)
	return &text
}
