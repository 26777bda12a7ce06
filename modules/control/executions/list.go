package executions

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/export"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

const (
	// mostListed is how many executions a list without pages has.
	mostListed = 1000
	// mostListedBytes is how long their parameters and results may be together.
	mostListedBytes = 32 << 20
	// mostWithLogs is how many executions a list has for each of which the log is read.
	mostWithLogs = 100
	// withLogs is what include asks for that is read beside the execution.
	withLogs = "logs"
)

// statuses are all there are.
func statuses() []string {
	return []string{
		queries.StatusPending, queries.StatusReady, queries.StatusRunning, queries.StatusFinished, queries.StatusFailed, queries.StatusCancelling, queries.StatusCancelled,
	}
}

// resource is what executions can be listed by.
func resource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "status", Column: rows.NewColumn("status", rows.Word), Words: statuses()},
			{Name: "progress", Column: rows.NewColumn("progress", rows.Integer)},
			{Name: "start_date", Column: rows.NewColumn("created_at", rows.Time)},
			{Name: "end_date", Column: rows.NewColumn("ended_at", rows.Time).Nullable()},
			{Name: "queued_at", Column: rows.NewColumn("queued_at", rows.Time)},
			{Name: "started_at", Column: rows.NewColumn("started_at", rows.Time).Nullable()},
			{Name: "updated_at", Column: rows.NewColumn("updated_at", rows.Time)},
			{Name: "script_id", Column: rows.NewColumn("script_id", rows.ID).Nullable()},
			{Name: "service", Column: rows.NewColumn("service", rows.Text)},
			{Name: "executor", Column: rows.NewColumn("executor", rows.Text)},
			{Name: "script_name", Column: rows.NewColumn("script_name", rows.Text)},
			{Name: "priority", Column: rows.NewColumn("priority", rows.Integer)},
			{Name: "user_id", Column: rows.NewColumn("user_id", rows.ID).Nullable(), Admin: true},
			{Name: "user_name", Column: rows.NewColumn("user_name", rows.Text), Admin: true},
			{Name: "user_email", Column: rows.NewColumn("user_email_key", rows.Key), Admin: true},
		},
		Key: rows.NewColumn("id", rows.ID), Sort: "-end_date,-start_date", Paging: listing.OnRequest, Members: paged.Members[Execution](), Unpaged: mostListed,
		Includes: []listing.Extra{
			{Name: "duration"},
			{Name: withLogs},
			{Name: "user"},
			{Name: "user_name", Admin: true},
			{Name: "user_email", Admin: true},
			{Name: "script"},
			{Name: "script_name"},
		},
		Ignored: []string{"user_id", "script_id"}, // they are always there
	}
}

// Listed is what can be said of a list.
type Listed struct {
	listing.Params
	Script  string `query:"script_id" doc:"Those of a script, by its id."`
	Status  string `query:"status" doc:"Those in a status, or in several with commas between." example:"RUNNING"`
	Updated string `query:"updated_at" doc:"Those that have changed since: a date, or a date with a time." example:"2026-01-31"`
}

// Wanted is what administrators can say as well.
type Wanted struct {
	Listed
	User string `query:"user_id" doc:"Those of a user, by his id; for administrators, who else sees but his own."`
}

// registerLists has the operations of all executions handled.
func (x *Executions) registerLists(t *typed.API) {
	lists := "filter, sort, include and exclude as the parameters say; there are pages where page or per_page is given, and else at most 1000. exclude=params,results makes it fast. "
	typed.Register(t, typed.Operation{ID: "execution.list", Summary: "Executions", Description: "The caller's own; those of all for administrators. " + lists}, x.list)
	typed.Register(t, typed.Operation{ID: "execution.mine", Summary: "The caller's executions", Description: lists}, x.mine)
	typed.Register(t, typed.Operation{ID: "execution.export", Summary: "Executions as CSV", Description: "At most 100,000 rows; the audit log says who exported them."}, x.export)
}

func (x *Executions) list(ctx context.Context, in *Wanted) (*paged.Envelope[shownExecution], error) {
	c, _, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	seen, err := x.listedFor(c, in.User)
	if err != nil {
		return nil, err
	}
	return x.pageOf(ctx, c, in.Listed, seen)
}

func (x *Executions) mine(ctx context.Context, in *Listed) (*paged.Envelope[shownExecution], error) {
	c, _, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	seen, err := own(c, rows.NewColumn("user_id", rows.ID))
	if err != nil {
		return nil, err
	}
	return x.pageOf(ctx, c, *in, seen)
}

// listedFor holds for what a caller sees in lists, of one user where that is wished.
func (x *Executions) listedFor(c *callers.Caller, user string) (rows.Condition, error) {
	column := rows.NewColumn("user_id", rows.ID)
	switch {
	case !c.IsAdmin() && (user == "" || strings.EqualFold(user, c.ID)):
		return own(c, column)
	case !c.IsAdmin():
		return rows.Condition{}, api.Failure{Status: http.StatusForbidden, Detail: "user_id: only administrators see executions of others"}
	case user == "":
		return rows.All(), nil
	}
	return isID(column, "user_id", user)
}

// own holds for what is a caller's.
func own(c *callers.Caller, column rows.Column) (rows.Condition, error) {
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return rows.Any(), nil //nolint:nilerr // a program has none
	}
	return rows.Compare(column, rows.Equal, id)
}

func isID(column rows.Column, name, text string) (rows.Condition, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return rows.Condition{}, refused(name + ": it is no id")
	}
	return rows.Compare(column, rows.Equal, id)
}

// conditions are those of the parameters that are no filter.
func (l Listed) conditions() (rows.Condition, error) {
	out := rows.All()
	if l.Script != "" {
		one, err := isID(rows.NewColumn("script_id", rows.ID), "script_id", l.Script)
		if err != nil {
			return out, err
		}
		out = rows.All(out, one)
	}
	if l.Status != "" {
		var some []rows.Condition
		for word := range strings.SplitSeq(l.Status, ",") {
			word = strings.ToUpper(strings.TrimSpace(word))
			if !slices.Contains(statuses(), word) {
				return out, refused("status: it is one of " + strings.Join(statuses(), ", "))
			}
			one, err := rows.Compare(rows.NewColumn("status", rows.Word), rows.Equal, word)
			if err != nil {
				return out, err
			}
			some = append(some, one)
			if len(some) > len(statuses()) {
				return out, refused("status: there are more than there can be")
			}
		}
		out = rows.All(out, rows.Any(some...))
	}
	if l.Updated != "" {
		at, err := listing.ParseTime(l.Updated)
		if err != nil {
			return out, refused("updated_at: " + err.Error())
		}
		one, err := rows.Compare(rows.NewColumn("updated_at", rows.Time), rows.GreaterOrEqual, at)
		if err != nil {
			return out, refused("updated_at: " + err.Error())
		}
		out = rows.All(out, one)
	}
	return out, nil
}

// pageOf answers with what a caller wants to see of what he may.
func (x *Executions) pageOf(ctx context.Context, c *callers.Caller, in Listed, seen rows.Condition) (*paged.Envelope[shownExecution], error) {
	q, request, err := paged.Query(ctx, x.resource, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	must, err := in.conditions()
	if err != nil {
		return nil, err
	}
	q.And(rows.All(seen, must))
	out := []shownExecution{}
	if q.Includes(withLogs) && !q.Paged {
		q.Request.Limit = mostWithLogs + 1
	}
	add := func(e queries.ListedExecution) (err error) {
		one := with(c, q, e)
		if q.Includes(withLogs) {
			if len(out) == mostWithLogs {
				return refused("include: there are more than 100 executions; give page or per_page, or filter them.")
			}
			if one.Logs, err = x.lastLines(ctx, e, mostLinesListed, mostLinesBytesListed); err != nil {
				return err
			}
		}
		out = append(out, shownExecution{execution: one, without: q.Exclude})
		return nil
	}
	heads := q.Excludes("params") && q.Excludes("results")
	var link string
	var total *int64
	switch {
	case heads:
		var all []queries.ListedHead
		if all, link, total, err = paged.Page(ctx, x.store, queries.ListedHeads(), q, request); err != nil {
			return nil, err
		}
		for i := range all {
			if err := add(queries.ListedExecution{ListedHead: all[i]}); err != nil {
				return nil, err
			}
		}
	case q.Paged:
		var all []queries.ListedExecution
		if all, link, total, err = paged.Page(ctx, x.store, queries.ListedExecutions(), q, request); err != nil {
			return nil, err
		}
		for i := range all {
			if err := add(all[i]); err != nil {
				return nil, err
			}
		}
	default:
		size := 0
		for e, err := range queries.Each(ctx, x.store, queries.ListedExecutions(), q.Request) {
			if err != nil {
				return nil, err
			}
			if size += len(e.Params) + len(e.Results); size > mostListedBytes {
				return nil, refused("the parameters and results are longer than 32 MiB together: give page and per_page, or exclude=params,results")
			}
			if err := add(e); err != nil {
				return nil, err
			}
		}
	}
	return paged.Of(out, q, link, total), nil
}

// exporting says which executions are to be exported.
type exporting struct {
	Filter string `query:"filter" doc:"As in the list."`
	Sort   string `query:"sort" doc:"As in the list."`
	Field  string `query:"date_field" doc:"start_date or end_date: of which date_from and date_to are. Default start_date." example:"start_date"`
	From   string `query:"date_from" doc:"From when on: a date, or a date with a time." example:"2026-01-01"`
	To     string `query:"date_to" doc:"Until when, a day to its end." example:"2026-01-31"`
}

// between is the condition of the dates of an export.
func (in exporting) between() (rows.Condition, error) {
	column := rows.NewColumn("created_at", rows.Time)
	switch in.Field {
	case "", "start_date":
	case "end_date":
		column = rows.NewColumn("ended_at", rows.Time).Nullable()
	default:
		return rows.Condition{}, refused("date_field: it is start_date or end_date")
	}
	out := rows.All()
	for _, date := range []struct {
		name, text string
		op         rows.Op
	}{{"date_from", in.From, rows.GreaterOrEqual}, {"date_to", in.To, rows.LessOrEqual}} {
		if date.text == "" {
			continue
		}
		at, err := listing.ParseTime(date.text)
		if err != nil {
			return out, refused(date.name + ": " + err.Error())
		}
		if date.op == rows.LessOrEqual && len(date.text) == len(time.DateOnly) { // the whole day
			at, date.op = at.AddDate(0, 0, 1), rows.Less
		}
		one, err := rows.Compare(column, date.op, at)
		if err != nil {
			return out, refused(date.name + ": " + err.Error())
		}
		out = rows.All(out, one)
	}
	return out, nil
}

func (x *Executions) export(ctx context.Context, in *exporting) (*huma.StreamResponse, error) {
	q, request, err := paged.Query(ctx, x.resource, true)
	if err != nil {
		return nil, err
	}
	if q.Paged {
		return nil, refused("an export has no pages")
	}
	q.Request.Limit = export.MostRows
	dates, err := in.between()
	if err != nil {
		return nil, err
	}
	q.And(dates)
	return paged.Export(ctx, x.store, paged.Exported{
		Action: "execution.export", Table: "executions", By: api.By(request), Columns: exported(), Lines: x.lines(ctx, q),
		Asked: map[string]string{"filter": in.Filter, "sort": in.Sort, "date_field": in.Field, "date_from": in.From, "date_to": in.To},
	})
}

// exported are the columns of an export.
func exported() []string {
	return []string{
		"id", "script_id", "script_name", "user_id", "user_name", "user_email", "status", "reason", "progress", "start_date", "started_at", "end_date", "duration",
		"script_version", "attempt", "queue", "priority", "results_size",
	}
}

// lines are the executions of a query, as the lines of a table.
func (x *Executions) lines(ctx context.Context, q *listing.Query) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for e, err := range queries.Each(ctx, x.store, queries.ListedHeads(), q.Request) {
			if err != nil {
				yield(nil, err)
				return
			}
			v := show(queries.ListedExecution{ListedHead: e})
			if !yield([]any{
				v.ID, v.Script, e.ScriptName, v.User, e.UserName, e.UserEmail, v.Status, v.Reason, v.Progress, v.Start, v.Started, v.End,
				fmt.Sprintf("%.3f", duration(e.ExecutionHead, time.Now()).Seconds()), versionText(v.Version), v.Attempt, e.Queue, v.Priority, v.ResultsSize,
			}, nil) {
				return
			}
		}
	}
}

// versionText is the number of a version, empty where there is no script.
func versionText(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
