package schedules

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
)

// Schedule is a schedule as callers see it. Times are RFC 3339, in UTC but for next_runs.
type Schedule struct {
	ID     string `json:"id" required:"true"`
	User   string `json:"user_id" required:"true" doc:"Whose it is, and as whom it runs"`
	Script string `json:"script_id" required:"true"`
	Slug   string `json:"script" required:"true" doc:"The slug of the script"`
	ScheduleSettings
	Text          string   `json:"schedule" required:"true" doc:"When it is due, in words" example:"cron: 30 2 * * *"`
	Effective     string   `json:"repeated_as" required:"true" enum:"first,second,both" doc:"What holds of times that come twice, also where nothing was said"`
	Paused        bool     `json:"paused" required:"true"`
	PausedAt      *string  `json:"paused_at" required:"true"`
	PausedReason  string   `json:"paused_reason" required:"true" doc:"Why, where the gateway has paused it"`
	Due           *string  `json:"due_at" required:"true" doc:"When it is due next; null: it is not"`
	Next          []string `json:"next_runs" required:"true" doc:"The next times, as the clocks of its zone show them"`
	LastDue       *string  `json:"last_due_at" required:"true" doc:"The last time of which something became"`
	LastFired     *string  `json:"last_fired_at" required:"true"`
	LastOutcome   string   `json:"last_outcome" required:"true" enum:",FIRED,QUEUED,SKIPPED,MISSED,REFUSED,PAUSED,ALERT" doc:"What became of it"`
	LastExecution *string  `json:"last_execution_id" required:"true"`
	LastStatus    string   `json:"last_status" required:"true" enum:",FINISHED,FAILED,CANCELLED" doc:"How the last execution ended that is over"`
	LastSuccess   *string  `json:"last_success_at" required:"true"`
	Failures      int64    `json:"failures" required:"true" doc:"How many in a row have failed"`
	Alert         *string  `json:"alert" required:"true" doc:"What its owner was told of that it fails; null: all is well"`
	Created       string   `json:"created_at" required:"true"`
	Updated       string   `json:"updated_at" required:"true"`
	UserName      string   `json:"user_name,omitempty" doc:"include=user_name: for administrators"`
	UserEmail     string   `json:"user_email,omitempty" doc:"include=user_email: for administrators"`
	ScriptName    string   `json:"script_name,omitempty" doc:"include=script_name"`
}

// shownNext is how many times are shown that come next.
const shownNext = 5

func (s *Schedules) show(row queries.ListedSchedule) (Schedule, error) {
	settings, err := settingsOf(row.Schedule)
	if err != nil {
		return Schedule{}, err
	}
	out := Schedule{
		ID: row.ID.String(), User: row.UserID.String(), Script: row.ScriptID.String(), Slug: row.ScriptSlug, ScheduleSettings: settings, Text: words(settings), Effective: row.Repeated,
		Paused: row.PausedAt != nil, PausedAt: moment(row.PausedAt), PausedReason: row.PausedReason, Due: moment(row.DueAt), Next: s.upcoming(row.Schedule, shownNext),
		LastDue: moment(row.LastDueAt), LastFired: moment(row.LastFiredAt), LastOutcome: row.LastOutcome, LastStatus: row.LastStatus, LastSuccess: moment(row.LastSuccessAt),
		Failures: row.Failures, Created: instant(row.CreatedAt), Updated: instant(row.UpdatedAt),
	}
	if row.LastExecution != nil {
		id := row.LastExecution.String()
		out.LastExecution = &id
	}
	if row.Alert != "" {
		out.Alert = &row.Alert
	}
	return out, nil
}

// words say when a schedule is due.
func words(c ScheduleSettings) string {
	switch {
	case c.Cron != nil:
		return "cron: " + *c.Cron
	case c.Every != nil:
		return "every " + *c.Every
	case c.At != nil:
		return "at " + *c.At
	}
	return ""
}

// answer is a schedule in the envelope.
type answer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change, and If-None-Match"`
	Body typed.Data[shownSchedule]
}

// answerOf reads a schedule again, with what is beside it.
func (s *Schedules) answerOf(ctx context.Context, row queries.ListedSchedule, without []string, with []string) (*answer, error) {
	one, err := s.show(row)
	if err != nil {
		return nil, err
	}
	include(&one, row, with)
	out := &answer{Body: typed.Data[shownSchedule]{Data: shownSchedule{Of: one, Without: without}}}
	text, err := json.Marshal(out.Body.Data)
	if err != nil {
		return nil, fmt.Errorf("a schedule: %w", err)
	}
	out.ETag = patch.TagOf(row.Version, text)
	return out, ctx.Err()
}

// include adds what a query asks for.
func include(one *Schedule, row queries.ListedSchedule, names []string) {
	for _, name := range names {
		switch name {
		case "user_name":
			one.UserName = row.UserName
		case "user_email":
			one.UserEmail = row.UserEmail
		case "script_name":
			one.ScriptName = row.ScriptName
		}
	}
}

// shownSchedule is a schedule without what is to be excluded.
type shownSchedule = paged.Shown[Schedule]
