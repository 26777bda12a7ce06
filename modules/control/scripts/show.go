package scripts

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Script is a script as Trends.Earth shows it, with what is ours: restricted and version.
type Script struct {
	ID                string `json:"id" required:"true" format:"uuid"`
	Name              string `json:"name" required:"true" example:"Land productivity"`
	Slug              string `json:"slug" required:"true" doc:"Names it in paths" example:"land-productivity"`
	Description       string `json:"description" required:"true"`
	Created           string `json:"created_at" required:"true" example:"2026-01-31T12:30:00.000000"`
	Updated           string `json:"updated_at" required:"true"`
	User              string `json:"user_id" required:"true" doc:"Whose it is"`
	Status            string `json:"status" required:"true" enum:"PENDING,BUILDING,SUCCESS,FAIL" doc:"Of its newest version; it can be run in SUCCESS"`
	Public            bool   `json:"public" required:"true"`
	Restricted        bool   `json:"restricted" required:"true" doc:"Only those see it whom it was given"`
	Version           int64  `json:"version" required:"true" doc:"The number of its newest version, from 1"`
	CPUReservation    int64  `json:"cpu_reservation" required:"true" doc:"In billionths of a processor"`
	CPULimit          int64  `json:"cpu_limit" required:"true" doc:"In billionths of a processor"`
	MemoryReservation int64  `json:"memory_reservation" required:"true" doc:"In bytes"`
	MemoryLimit       int64  `json:"memory_limit" required:"true" doc:"In bytes"`
	UsesGEE           bool   `json:"uses_gee" required:"true"`

	// What include asks for.
	Environment        *string            `json:"environment,omitempty" doc:"include=environment"`
	EnvironmentVersion *string            `json:"environment_version,omitempty" doc:"include=environment"`
	ComputeType        *string            `json:"compute_type,omitempty" doc:"include=environment"`
	BuildError         *string            `json:"build_error,omitempty" doc:"include=build_error: why its newest version could not be built"`
	Owner              *ScriptOwner       `json:"user,omitempty" doc:"include=user"`
	UserName           *string            `json:"user_name,omitempty" doc:"include=user_name, for administrators"`
	UserEmail          *string            `json:"user_email,omitempty" doc:"include=user_email, for administrators"`
	Access             *ScriptAccess      `json:"access_control,omitempty" doc:"include=access_control, for administrators"`
	Logs               *[]ScriptLog       `json:"logs,omitempty" doc:"include=logs: the last lines"`
	Executions         *[]ScriptExecution `json:"executions,omitempty" doc:"include=executions: the caller's last 100; those of all for administrators"`
}

// ScriptOwner is a user whose a script is.
type ScriptOwner struct {
	ID    string `json:"id" required:"true"`
	Name  string `json:"name" required:"true"`
	Email string `json:"email,omitempty" doc:"For administrators, and for himself"`
}

// ScriptLog is a line of the log of a script.
type ScriptLog struct {
	ID     int64  `json:"id" required:"true" doc:"Grows within a script"`
	Text   string `json:"text" required:"true" example:"Build: Step 1/8"`
	At     string `json:"register_date" required:"true" example:"2026-01-31T12:30:00.000000"`
	Script string `json:"script_id" required:"true"`
}

// ScriptExecution is an execution of a script, in short.
type ScriptExecution struct {
	ID       string  `json:"id" required:"true"`
	Script   string  `json:"script_id" required:"true"`
	User     string  `json:"user_id" required:"true"`
	Status   string  `json:"status" required:"true" example:"FINISHED"`
	Progress int64   `json:"progress" required:"true" minimum:"0" maximum:"100"`
	Start    *string `json:"start_date" required:"true"`
	End      *string `json:"end_date" required:"true"`
}

// instant is a time as Python writes it without a zone, which is UTC.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

func moment(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := instant(*t)
	return &text
}

func show(sc db.Script) Script {
	return Script{
		ID: sc.ID.String(), Name: sc.Name, Slug: sc.Slug, Description: sc.Description, Created: instant(sc.CreatedAt), Updated: instant(sc.UpdatedAt),
		User: sc.UserID.String(), Status: sc.Status, Public: sc.Public, Restricted: sc.Restricted, Version: sc.CurrentVersion,
		CPUReservation: sc.CpuReservation, CPULimit: sc.CpuLimit, MemoryReservation: sc.MemoryReservation, MemoryLimit: sc.MemoryLimit, UsesGEE: sc.UsesGee,
	}
}

func showLine(l db.ScriptLog) ScriptLog {
	return ScriptLog{ID: l.ID, Text: l.Text, At: instant(l.RegisterDate), Script: l.ScriptID.String()}
}

// Names of what include may ask for that is read beside the script.
const (
	withLogs       = "logs"
	withExecutions = "executions"
	withAccess     = "access_control"
)

// How many lines of the log, and executions, are beside a script: alone, and in a list.
const (
	mostLines, mostLinesListed = 1000, 100
	mostExecutions             = 100
)

// with adds what a query includes.
func (s *Scripts) with(ctx context.Context, c *callers.Caller, q *listing.Query, sc queries.ListedScript, lines int64) (Script, error) {
	out := show(sc.Script)
	for _, name := range q.Include {
		var err error
		switch name {
		case "environment":
			out.Environment, out.EnvironmentVersion, out.ComputeType = &sc.Environment, &sc.EnvironmentVersion, &sc.ComputeType
		case "build_error":
			out.BuildError = &sc.BuildError
		case "user":
			out.Owner = &ScriptOwner{ID: sc.UserID.String(), Name: sc.UserName}
			if c.IsAdmin() || c != nil && c.ID == out.Owner.ID {
				out.Owner.Email = sc.UserEmail
			}
		case "user_name":
			out.UserName = &sc.UserName
		case "user_email":
			out.UserEmail = &sc.UserEmail
		case withAccess:
			out.Access, err = s.accessOf(ctx, sc.Script)
		case withLogs:
			out.Logs, err = s.lastLines(ctx, sc.Script, lines)
		case withExecutions:
			out.Executions, err = s.executionsOf(ctx, c, sc.Script)
		}
		if err != nil {
			return Script{}, err
		}
	}
	return out, nil
}

// lastLines are the last of a log, in their order.
func (s *Scripts) lastLines(ctx context.Context, sc db.Script, most int64) (*[]ScriptLog, error) {
	all, err := s.store.Queries().ListScriptLogsBackward(ctx, db.ListScriptLogsBackwardParams{ScriptID: sc.ID, AtMost: most})
	if err != nil {
		return nil, err
	}
	out := make([]ScriptLog, len(all))
	for i := range all {
		out[len(all)-1-i] = showLine(all[i])
	}
	return &out, nil
}

// executionsOf are the last executions of a script that a caller may see.
func (s *Scripts) executionsOf(ctx context.Context, c *callers.Caller, sc db.Script) (*[]ScriptExecution, error) {
	where, err := rows.Compare(rows.NewColumn("script_id", rows.ID), rows.Equal, sc.ID)
	if err != nil {
		return nil, err
	}
	if !c.IsAdmin() {
		me, err := api.IDOf(c)
		if err != nil {
			return nil, err
		}
		mine, err := rows.Compare(rows.NewColumn("user_id", rows.ID), rows.Equal, me)
		if err != nil {
			return nil, err
		}
		where = rows.All(where, mine)
	}
	latest := []rows.Order{{Column: rows.NewColumn("created_at", rows.Time), Descending: true}}
	all, err := queries.List(ctx, s.store, queries.ScriptExecutions(), rows.Request{Where: where, Order: latest, Limit: mostExecutions})
	if err != nil {
		return nil, err
	}
	out := make([]ScriptExecution, len(all))
	for i, e := range all {
		out[i] = ScriptExecution{ID: e.ID.String(), Script: e.ScriptID.String(), User: e.UserID.String(), Status: e.Status, Progress: e.Progress, Start: moment(&e.CreatedAt), End: moment(e.EndedAt)}
	}
	return &out, nil
}

// scriptAnswer is a script in the envelope.
type scriptAnswer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change, and If-None-Match"`
	Body typed.Data[shownScript]
}

// answerWith is a script without what is excluded.
func answerWith(sc Script, version int64, without []string) (*scriptAnswer, error) {
	out := &scriptAnswer{Body: typed.Data[shownScript]{Data: shownScript{Of: sc, Without: without}}}
	shown, err := json.Marshal(out.Body.Data)
	out.ETag = patch.TagOf(version, shown)
	return out, err
}

// answer is the end of what changes a script.
func answer(sc db.Script, err error) (*scriptAnswer, error) {
	if err != nil {
		return nil, failure(err)
	}
	return answerWith(show(sc), sc.Version, nil)
}

// shownScript is a script without what is to be excluded.
type shownScript = paged.Shown[Script]
