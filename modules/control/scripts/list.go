package scripts

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// scriptResource is what scripts can be listed by.
func scriptResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "name", Column: rows.NewColumn("name", rows.Text)},
			{Name: "slug", Column: rows.NewColumn("slug", rows.Text)},
			{Name: "status", Column: rows.NewColumn("status", rows.Word), Words: []string{queries.BuildPending, queries.BuildBuilding, queries.BuildSuccess, queries.BuildFail}},
			{Name: "public", Column: rows.NewColumn("public", rows.Bool)},
			{Name: "restricted", Column: rows.NewColumn("restricted", rows.Bool)},
			{Name: "created_at", Column: rows.NewColumn("created_at", rows.Time)},
			{Name: "updated_at", Column: rows.NewColumn("updated_at", rows.Time)},
			{Name: "environment", Column: rows.NewColumn("environment", rows.Text)},
			{Name: "environment_version", Column: rows.NewColumn("environment_version", rows.Text)},
			{Name: "user_id", Column: rows.NewColumn("user_id", rows.ID), Admin: true},
			{Name: "user_name", Column: rows.NewColumn("user_name", rows.Text), Admin: true},
			{Name: "user_email", Column: rows.NewColumn("user_email_key", rows.Key), Admin: true},
		},
		Key: rows.NewColumn("id", rows.ID), Sort: "created_at", Paging: listing.OnRequest, Members: paged.Members[Script](),
		Includes: []listing.Extra{
			{Name: withLogs},
			{Name: "user"},
			{Name: "user_name", Admin: true},
			{Name: "user_email", Admin: true},
			{Name: withExecutions},
			{Name: "environment"},
			{Name: withAccess, Admin: true},
			{Name: "build_error"},
		},
		Ignored: []string{"user_id"}, // it is always there
	}
}

// mostWith is how many scripts a list has for each of which something else is read.
const mostWith = 100

func (s *Scripts) list(ctx context.Context, _ *struct{ listing.Params }) (*paged.Envelope[shownScript], error) {
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	q, request, err := paged.Query(ctx, s.scripts, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	seen, err := seenBy(c)
	if err != nil {
		return nil, err
	}
	q.And(seen)
	costly := slices.ContainsFunc([]string{withLogs, withExecutions, withAccess}, q.Includes)
	if costly && !q.Paged {
		q.Request.Limit = mostWith + 1
	}
	all, link, total, err := paged.Page(ctx, s.store, queries.ListedScripts(), q, request)
	if err != nil {
		return nil, err
	}
	if costly && len(all) > mostWith {
		return nil, refused("include: there are more than 100 scripts; give page or per_page, or filter them.")
	}
	out := make([]shownScript, len(all))
	for i := range all {
		one, err := s.with(ctx, c, q, all[i], mostLinesListed)
		if err != nil {
			return nil, err
		}
		out[i] = shownScript{Of: one, Without: q.Exclude}
	}
	return paged.Of(out, q, link, total), nil
}

// inPath is what the path names, with what of a script is wanted.
type inPath struct {
	Script  string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	Include string `query:"include" doc:"What the answer should have beside what it always has, with commas between: logs, user, executions, environment, build_error; for administrators user_name, user_email, access_control."`
	Exclude string `query:"exclude" doc:"What the answer should not have, with commas between."`
}

func (s *Scripts) get(ctx context.Context, _ *inPath) (*scriptAnswer, error) {
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	q, err := paged.Chosen(ctx, s.scripts, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	one, err := s.with(ctx, c, q, sc, mostLines)
	if err != nil {
		return nil, err
	}
	return answerWith(one, sc.Version, q.Exclude)
}

// exporting says which scripts are to be exported.
type exporting struct {
	Filter string `query:"filter" doc:"As in the list."`
	Sort   string `query:"sort" doc:"As in the list."`
	Field  string `query:"date_field" doc:"created_at or updated_at: of which date_from and date_to are. Default created_at." example:"created_at"`
	From   string `query:"date_from" doc:"From when on: a date, or a date with a time." example:"2026-01-01"`
	To     string `query:"date_to" doc:"Until when, a day to its end." example:"2026-01-31"`
}

// between is the condition of the dates of an export.
func between(field, from, to string) (rows.Condition, error) {
	column := rows.NewColumn("created_at", rows.Time)
	switch field {
	case "", "created_at":
	case "updated_at":
		column = rows.NewColumn("updated_at", rows.Time)
	default:
		return rows.Condition{}, refused("date_field: it is created_at or updated_at")
	}
	out := rows.All()
	for name, text := range map[string]string{"date_from": from, "date_to": to} {
		if text == "" {
			continue
		}
		at, err := listing.ParseTime(text)
		if err != nil {
			return rows.Condition{}, refused(name + ": " + err.Error())
		}
		op := rows.GreaterOrEqual
		if name == "date_to" {
			op = rows.LessOrEqual
			if len(text) == len(time.DateOnly) { // the whole day
				at, op = at.AddDate(0, 0, 1), rows.Less
			}
		}
		one, err := rows.Compare(column, op, at)
		if err != nil {
			return rows.Condition{}, refused(name + ": " + err.Error())
		}
		out = rows.All(out, one)
	}
	return out, nil
}

func (s *Scripts) export(ctx context.Context, in *exporting) (*huma.StreamResponse, error) {
	q, request, err := paged.Query(ctx, s.scripts, true)
	if err != nil {
		return nil, err
	}
	if q.Paged {
		return nil, refused("an export has no pages")
	}
	dates, err := between(in.Field, in.From, in.To)
	if err != nil {
		return nil, err
	}
	q.And(dates)
	asked := request.URL.Query() // these have been read, so they are text of the store
	return paged.Export(ctx, s.store, paged.Exported{
		Action: "script.export", Table: "scripts", By: api.By(request), Columns: exported(), Lines: s.lines(ctx, q),
		Asked: map[string]string{"filter": asked.Get("filter"), "sort": asked.Get("sort"), "date_field": in.Field, "date_from": in.From, "date_to": in.To},
	})
}

// exported are the columns of an export.
func exported() []string {
	return []string{
		"id", "name", "slug", "description", "status", "public", "restricted", "version", "user_id", "user_name", "user_email", "created_at", "updated_at",
		"environment", "environment_version", "cpu_reservation", "cpu_limit", "memory_reservation", "memory_limit", "uses_gee",
	}
}

// lines are the scripts of a query, as the lines of a table.
func (s *Scripts) lines(ctx context.Context, q *listing.Query) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for sc, err := range queries.Each(ctx, s.store, queries.ListedScripts(), q.Request) {
			if err != nil {
				yield(nil, err)
				return
			}
			v := show(sc.Script)
			if !yield([]any{
				v.ID, v.Name, v.Slug, v.Description, v.Status, v.Public, v.Restricted, v.Version, v.User, sc.UserName, sc.UserEmail, v.Created, v.Updated,
				sc.Environment, sc.EnvironmentVersion, v.CPUReservation, v.CPULimit, v.MemoryReservation, v.MemoryLimit, v.UsesGEE,
			}, nil) {
				return
			}
		}
	}
}
