package executions

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Execution is an execution as Trends.Earth shows it, and behind dispatched_at with what is ours.
type Execution struct {
	ID         string          `json:"id" required:"true" format:"uuid"`
	Script     *string         `json:"script_id" required:"true" format:"uuid" doc:"null where a gateway fetches it for a route of a service"`
	User       *string         `json:"user_id" required:"true" format:"uuid" doc:"Whose it is; null where anybody may have asked a service for it"`
	Start      string          `json:"start_date" required:"true" doc:"When it was asked for" example:"2026-01-31T12:30:00.000000"`
	End        *string         `json:"end_date" required:"true" doc:"When it ended"`
	Status     string          `json:"status" required:"true" enum:"PENDING,READY,RUNNING,FINISHED,FAILED,CANCELLING,CANCELLED"`
	Progress   int64           `json:"progress" required:"true" minimum:"0" maximum:"100" doc:"100 where it has ended, however"`
	Params     json.RawMessage `json:"params,omitempty" doc:"What it is run with. In lists null where they are long"`
	Results    json.RawMessage `json:"results,omitempty" doc:"What it gave, any JSON. null where there is nothing, and where it is too long: then results_url says where it is"`
	Queued     string          `json:"queued_at" required:"true"`
	Dispatched *string         `json:"dispatched_at" required:"true" doc:"When it was admitted"`

	Reason      string  `json:"reason" required:"true" doc:"Why it has its status, for people"`
	Started     *string `json:"started_at" required:"true" doc:"When it began to run"`
	Updated     string  `json:"updated_at" required:"true"`
	Version     *int64  `json:"script_version" required:"true" doc:"Of the script; null where there is none"`
	Attempt     int64   `json:"attempt" required:"true" doc:"Which one it is, from 1"`
	MaxAttempts int64   `json:"max_attempts" required:"true"`
	Priority    int64   `json:"priority" required:"true"`
	Timeout     float64 `json:"timeout" required:"true" doc:"How long an attempt may run, in seconds"`
	ResultsSize int64   `json:"results_size" required:"true" doc:"In bytes"`
	ResultsURL  string  `json:"results_url,omitempty" doc:"Where the results are that are too long to be kept with it, or the answer of a service, for whom it belongs to"`
	Executor    string  `json:"executor,omitempty" enum:"gateway" doc:"gateway: a gateway fetches it for a route of a service"`
	Service     string  `json:"service,omitempty" doc:"The service whose answer takes long"`
	Route       string  `json:"route,omitempty" doc:"Its route" example:"GET /report/{year}"`
	RerunOf     *string `json:"rerun_of" required:"true" doc:"Which one it repeats"`
	Plugin      bool    `json:"is_plugin_execution" required:"true"`
	Deleted     bool    `json:"deleted" required:"true"`
	Queue       *Queue  `json:"queue,omitempty" doc:"Where it stands, of one that is PENDING or READY"`

	// What include asks for.
	Duration   *float64         `json:"duration,omitempty" doc:"include=duration: for how long it runs, or did, in seconds; 0 where it has not begun"`
	Owner      *ExecutionUser   `json:"user,omitempty" doc:"include=user"`
	UserName   *string          `json:"user_name,omitempty" doc:"include=user_name, for administrators"`
	UserEmail  *string          `json:"user_email,omitempty" doc:"include=user_email, for administrators"`
	Of         *ExecutionScript `json:"script,omitempty" doc:"include=script"`
	ScriptName *string          `json:"script_name,omitempty" doc:"include=script_name"`
	Logs       *[]live.LogLine  `json:"logs,omitempty" doc:"include=logs: the last lines"`
}

// Queue is where an execution stands.
type Queue struct {
	Name   string `json:"name" required:"true" doc:"Whose runners run it" example:"default"`
	Ahead  int64  `json:"ahead" required:"true" doc:"How many come first; 10,000 is that or more"`
	OfUser int64  `json:"of_user" required:"true" doc:"How many of the user's own come first, as long as it is PENDING"`
}

// ExecutionUser is a user whose an execution is.
type ExecutionUser struct {
	ID    string `json:"id" required:"true"`
	Name  string `json:"name" required:"true"`
	Email string `json:"email,omitempty" doc:"For administrators, and for himself"`
}

// ExecutionScript is what is run.
type ExecutionScript struct {
	ID   string `json:"id" required:"true"`
	Name string `json:"name" required:"true"`
	Slug string `json:"slug" required:"true"`
}

func show(e queries.ListedExecution) Execution {
	out := Execution{
		ID: e.ID.String(), Script: pointer(e.ScriptID), User: pointer(e.UserID), Start: instant(e.CreatedAt), End: moment(e.EndedAt), Status: e.Status,
		Progress: e.Progress, Params: e.Params, Results: e.Results, Queued: instant(e.QueuedAt), Dispatched: moment(e.DispatchedAt),
		Reason: e.Reason, Started: moment(e.StartedAt), Updated: instant(e.UpdatedAt), Version: e.ScriptVersion, Attempt: e.Attempt, MaxAttempts: e.MaxAttempts,
		Priority: e.Priority, Timeout: float64(e.TimeoutMs) / 1000, ResultsSize: e.ResultsSize, Plugin: e.IsPluginExecution,
		Executor: e.Executor, Service: e.Service, Route: e.Route, ResultsURL: e.AnswerAt,
	}
	if e.RerunOf != nil {
		id := e.RerunOf.String()
		out.RerunOf = &id
	}
	if e.ParamsKey != "" && out.Params != nil {
		out.Params = none()
	}
	if e.ResultsKey != "" {
		out.ResultsURL = "/api/v1/execution/" + out.ID + "/results"
	}
	return out
}

// pointer is an id, or nothing.
func pointer(id *uuid.UUID) *string {
	if id == nil {
		return nil
	}
	text := id.String()
	return &text
}

// none is what there is in the place of what is elsewhere.
func none() json.RawMessage { return json.RawMessage("null") }

// listed is what a change gives, as lists have it.
func listed(e db.Execution) queries.ListedExecution {
	return queries.ListedExecution{Params: e.Params, Results: e.Results, ListedHead: queries.ListedHead{ExecutionHead: queries.ExecutionHead{
		ID: e.ID, ScriptID: e.ScriptID, ScriptVersion: e.ScriptVersion, UserID: e.UserID, Status: e.Status, Reason: e.Reason, Progress: e.Progress,
		ParamsKey: e.ParamsKey, ResultsKey: e.ResultsKey, ResultsSize: e.ResultsSize, Queue: e.Queue, Priority: e.Priority, Attempt: e.Attempt,
		MaxAttempts: e.MaxAttempts, TimeoutMs: e.TimeoutMs, IsPluginExecution: e.IsPluginExecution, RerunOf: e.RerunOf, LastLog: e.LastLog, LogBytes: e.LogBytes,
		CreatedAt: e.CreatedAt, QueuedAt: e.QueuedAt, DispatchedAt: e.DispatchedAt, StartedAt: e.StartedAt, EndedAt: e.EndedAt, UpdatedAt: e.UpdatedAt,
		Executor: e.Executor, Service: e.Service, Route: e.Route, AnswerAt: e.AnswerAt,
	}}}
}

// How many lines of the log, and how many bytes of them, are beside an execution: alone, and in a list.
const (
	mostLines, mostLinesListed           = 1000, 100
	mostLinesBytes, mostLinesBytesListed = 1 << 20, 64 << 10
)

// lastLines are the last lines of a log.
func (x *Executions) lastLines(ctx context.Context, e queries.ListedExecution, lines int64, size int) (*[]live.LogLine, error) {
	all, _, err := live.Lines(ctx, x.store, e.ID, live.Part{After: max(0, e.LastLog-lines), Lines: int(lines), Bytes: size})
	return &all, err
}

// with adds what a query includes, but for the log.
func with(c *callers.Caller, q *listing.Query, e queries.ListedExecution) Execution {
	out := show(e)
	for _, name := range q.Include {
		switch name {
		case "duration":
			seconds := duration(e.ExecutionHead, time.Now()).Seconds()
			out.Duration = &seconds
		case "user":
			if out.User == nil {
				continue
			}
			out.Owner = &ExecutionUser{ID: *out.User, Name: e.UserName}
			if c.IsAdmin() || c != nil && c.ID == *out.User {
				out.Owner.Email = e.UserEmail
			}
		case "user_name":
			out.UserName = &e.UserName
		case "user_email":
			out.UserEmail = &e.UserEmail
		case "script":
			if out.Script != nil {
				out.Of = &ExecutionScript{ID: *out.Script, Name: e.ScriptName, Slug: e.ScriptSlug}
			}
		case "script_name":
			out.ScriptName = &e.ScriptName
		}
	}
	return out
}

// duration is for how long an execution runs, or did.
func duration(e queries.ExecutionHead, now time.Time) time.Duration {
	if e.StartedAt == nil {
		return 0
	}
	if e.EndedAt != nil {
		now = *e.EndedAt
	}
	return max(0, now.Sub(*e.StartedAt))
}

// InPath is what the path names.
type InPath struct {
	Execution string `path:"execution" doc:"The id" example:"0195f3c4-7c1e-7cc0-8f2a-0242ac120002"`
}

// oneOf is what the path names, with what of it is wanted.
type oneOf struct {
	InPath
	Include string `query:"include" doc:"What the answer should have beside what it always has, with commas between: duration, logs, user, script, script_name; for administrators user_name, user_email."`
	Exclude string `query:"exclude" doc:"What the answer should not have, with commas between: params, results and others."`
}

// registerOne has the operations of one execution handled.
func (x *Executions) registerOne(t *typed.API) {
	typed.Register(t, typed.Operation{ID: "execution.get", Summary: "An execution", Description: "Another's is not there."}, x.get)
	x.registerChanges(t)
	typed.Register(t, typed.Operation{ID: "execution.results", Summary: "The results of an execution", Description: "The JSON as the script gave it, however long; null where there is none (yet)."}, x.results)
	typed.Register(t, typed.Operation{ID: "execution.results.download", Summary: "The results of an execution, as a file", Description: "Called results.json."}, x.download)
	typed.Register(t, typed.Operation{ID: "execution.history", Summary: "What an execution went through", Description: "Each status with the reason for it, the first ones first; at most 1000."}, x.history)
	typed.Register(t, typed.Operation{ID: "execution.attempts", Summary: "The attempts of an execution", Description: "How each ended, the first ones first."}, x.attempts)
}

func (x *Executions) get(ctx context.Context, _ *oneOf) (*answer, error) {
	c, _, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	q, err := paged.Chosen(ctx, x.resource, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	this, err := rows.Compare(rows.NewColumn("id", rows.ID), rows.Equal, head.ID)
	if err != nil {
		return nil, err
	}
	all, err := queries.List(ctx, x.store, queries.ListedExecutions(), rows.Request{Where: this, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, missing()
	}
	e := all[0]
	one := with(c, q, e)
	if err := x.place(ctx, e, &one); err != nil {
		return nil, err
	}
	if q.Includes(withLogs) {
		if one.Logs, err = x.lastLines(ctx, e, mostLines, mostLinesBytes); err != nil {
			return nil, err
		}
	}
	if e.ParamsKey != "" && !q.Excludes("params") {
		x.inline(ctx, e.ParamsKey, mostInline, &one.Params)
	}
	if e.ResultsKey != "" && !q.Excludes("results") {
		x.inline(ctx, e.ResultsKey, mostInline, &one.Results)
	}
	return answerWith(one, e.UpdatedAt, q.Exclude)
}

// place says where an execution stands that waits.
func (x *Executions) place(ctx context.Context, e queries.ListedExecution, one *Execution) error {
	if e.Status != queries.StatusPending && e.Status != queries.StatusReady {
		return nil
	}
	at, err := x.store.Position(ctx, db.Execution{ID: e.ID, UserID: e.UserID, Status: e.Status, Priority: e.Priority, QueuedAt: e.QueuedAt})
	if err == nil {
		one.Queue = &Queue{Name: e.Queue, Ahead: at.Ahead, OfUser: at.OfUser}
	}
	return err
}

// mostInline is how long what the blobs have may be that is told within an execution, in bytes.
const mostInline = 5 << 20

// inline reads what the blobs have into a member, unless it is too long, or they cannot be reached: who asks for the status
// is told that.
func (x *Executions) inline(ctx context.Context, key string, most int64, to *json.RawMessage) {
	place, err := x.options.Blobs(ctx)
	if err != nil {
		return
	}
	content, err := place.Read(ctx, key)
	if err != nil {
		return
	}
	defer func() { _ = content.Close() }() // it was read
	if content.Size > most {
		return
	}
	if text, err := io.ReadAll(io.LimitReader(content, most+1)); err == nil && int64(len(text)) <= most && json.Valid(text) {
		*to = text
	}
}

// answer is an execution in the envelope.
type answer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change, and If-None-Match"`
	Body typed.Data[shownExecution]
}

// answerWith is an execution without what is excluded.
func answerWith(e Execution, updated time.Time, without []string) (*answer, error) {
	out := &answer{Body: typed.Data[shownExecution]{Data: shownExecution{execution: e, without: without}}}
	shown, err := json.Marshal(out.Body.Data)
	out.ETag = patch.TagOf(updated.UnixMicro(), shown)
	return out, err
}

// answered is the end of what changes an execution.
func answered(e db.Execution, err error) (*answer, error) {
	if err != nil {
		return nil, failure(err)
	}
	one := show(listed(e))
	one.Deleted = e.DeletedAt != nil
	return answerWith(one, e.UpdatedAt, nil)
}

// shownExecution is an execution without what is to be excluded.
type shownExecution struct {
	execution Execution
	without   []string
}

// MarshalJSON implements json.Marshaler.
func (s shownExecution) MarshalJSON() ([]byte, error) {
	e, rest := s.execution, make([]string, 0, len(s.without))
	for _, name := range s.without {
		switch name { // these may be long
		case "params":
			e.Params = nil
		case "results":
			e.Results = nil
		default:
			rest = append(rest, name)
		}
	}
	return paged.Shown[Execution]{Of: e, Without: rest}.MarshalJSON()
}

// Schema implements huma.SchemaProvider: it is an execution, of which something may be missing.
func (shownExecution) Schema(r huma.Registry) *huma.Schema {
	return paged.Shown[Execution]{}.Schema(r)
}
