package schedules

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// mostListed is how many a list has without pages.
const mostListed = 1000

// resource is what schedules can be listed by.
func resource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "name", Column: rows.NewColumn("name", rows.Text)},
			{Name: "script_id", Column: rows.NewColumn("script_id", rows.ID)},
			{Name: "script", Column: rows.NewColumn("script_slug", rows.Text)},
			{Name: "last_outcome", Column: rows.NewColumn("last_outcome", rows.Word), Words: queries.ScheduleOutcomes()},
			{Name: "last_status", Column: rows.NewColumn("last_status", rows.Word), Words: []string{queries.StatusFinished, queries.StatusFailed, queries.StatusCancelled}},
			{Name: "failures", Column: rows.NewColumn("failures", rows.Integer)},
			{Name: "due_at", Column: rows.NewColumn("due_at", rows.Time).Nullable()},
			{Name: "paused_at", Column: rows.NewColumn("paused_at", rows.Time).Nullable()},
			{Name: "last_fired_at", Column: rows.NewColumn("last_fired_at", rows.Time).Nullable()},
			{Name: "created_at", Column: rows.NewColumn("created_at", rows.Time)},
			{Name: "updated_at", Column: rows.NewColumn("updated_at", rows.Time)},
			{Name: "user_id", Column: rows.NewColumn("user_id", rows.ID), Admin: true},
			{Name: "user_name", Column: rows.NewColumn("user_name", rows.Text), Admin: true},
			{Name: "user_email", Column: rows.NewColumn("user_email_key", rows.Key), Admin: true},
		},
		Key: rows.NewColumn("id", rows.ID), Sort: "created_at", Paging: listing.OnRequest, Members: paged.Members[Schedule](), Unpaged: mostListed,
		Includes: []listing.Extra{{Name: "user_name", Admin: true}, {Name: "user_email", Admin: true}, {Name: "script_name"}},
	}
}

// firingResource is what a history can be listed by.
func firingResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "at", Column: rows.NewColumn("at", rows.Time)},
			{Name: "due_at", Column: rows.NewColumn("due_at", rows.Time)},
			{Name: "outcome", Column: rows.NewColumn("outcome", rows.Word), Words: queries.ScheduleOutcomes()},
			{Name: "execution_id", Column: rows.NewColumn("execution_id", rows.ID).Nullable()},
		},
		Key: rows.NewColumn("id", rows.ID), Sort: "-id", Paging: listing.OnRequest, Unpaged: mostListed,
	}
}

func (s *Schedules) list(ctx context.Context, _ *struct{ listing.Params }) (*paged.Envelope[shownSchedule], error) {
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	q, request, err := paged.Query(ctx, s.resource, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	seen, err := seenBy(c)
	if err != nil {
		return nil, err
	}
	q.And(seen)
	all, link, total, err := paged.Page(ctx, s.store, queries.ListedSchedules(), q, request)
	if err != nil {
		return nil, err
	}
	out := make([]shownSchedule, len(all))
	for i := range all {
		one, err := s.show(all[i])
		if err != nil {
			return nil, err
		}
		include(&one, all[i], q.Include)
		out[i] = shownSchedule{Of: one, Without: q.Exclude}
	}
	return paged.Of(out, q, link, total), nil
}

// inPath is what the path names.
type inPath struct {
	Schedule string `path:"schedule" doc:"The id"`
}

func (s *Schedules) get(ctx context.Context, _ *struct {
	inPath
	Include string `query:"include" doc:"What the answer should have beside what it always has, with commas between: script_name; for administrators user_name, user_email."`
	Exclude string `query:"exclude" doc:"What the answer should not have, with commas between."`
},
) (*answer, error) {
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	one, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	q, err := paged.Chosen(ctx, s.resource, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	return s.answerOf(ctx, one, q.Exclude, q.Include)
}

// mostNext is how many times are told that come next.
const mostNext = 100

func (s *Schedules) next(ctx context.Context, in *struct {
	inPath
	Count string `query:"count" doc:"How many: 1 to 100. Default 10."`
},
) (*typed.Answer[[]string], error) {
	one, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	n := 10
	if in.Count != "" {
		if n, err = strconv.Atoi(in.Count); err != nil || n < 1 || n > mostNext {
			return nil, wrong("count", fmt.Sprintf("it is a whole number from 1 to %d", mostNext))
		}
	}
	return typed.Of(s.upcoming(one.Schedule, n)), nil
}

// ScheduleFiring is what became of a time of a schedule.
type ScheduleFiring struct {
	ID        string  `json:"id" required:"true"`
	At        string  `json:"at" required:"true" doc:"When that was"`
	Due       string  `json:"due_at" required:"true" doc:"The time, or the first of several"`
	Outcome   string  `json:"outcome" required:"true" enum:"FIRED,QUEUED,SKIPPED,MISSED,REFUSED,PAUSED,ALERT"`
	Reason    string  `json:"reason" required:"true"`
	Execution *string `json:"execution_id" required:"true"`
	Status    *string `json:"status" required:"true" doc:"That of the execution now"`
	Ended     *string `json:"ended_at" required:"true"`
}

func (s *Schedules) history(ctx context.Context, _ *struct {
	inPath
	listing.Params
},
) (*paged.Envelope[ScheduleFiring], error) {
	one, err := api.Found[queries.ListedSchedule](ctx)
	if err != nil {
		return nil, err
	}
	q, request, err := paged.Query(ctx, s.firings, true)
	if err != nil {
		return nil, err
	}
	of, err := rows.Compare(rows.NewColumn("schedule_id", rows.ID), rows.Equal, one.ID)
	if err != nil {
		return nil, err
	}
	q.And(of)
	all, link, total, err := paged.Page(ctx, s.store, queries.ScheduleFirings(), q, request)
	if err != nil {
		return nil, err
	}
	out := make([]ScheduleFiring, len(all))
	for i, f := range all {
		out[i] = ScheduleFiring{ID: f.ID.String(), At: f.At.UTC().Format(time.RFC3339Nano), Due: instant(f.DueAt), Outcome: f.Outcome, Reason: f.Reason, Status: f.Status, Ended: moment(f.EndedAt)}
		if f.ExecutionID != nil {
			id := f.ExecutionID.String()
			out[i].Execution = &id
		}
	}
	return paged.Of(out, q, link, total), nil
}
