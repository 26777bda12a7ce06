package limits

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Event is requests of one caller or address, with one method at one endpoint, that a limit refused, as Trends.Earth's clients know
// them, and how many they were. What is not known is null.
type Event struct {
	ID           string  `json:"id"`
	OccurredAt   string  `json:"occurred_at" doc:"When the last of them was refused, in UTC" example:"2026-01-31T12:30:00.000000"`
	FirstAt      string  `json:"first_occurred_at" doc:"When the first of them was" example:"2026-01-31T12:29:10.000000"`
	ExpiresAt    string  `json:"expires_at" doc:"When the next one would have been let through" example:"2026-01-31T12:30:12.000000"`
	Active       bool    `json:"is_active" doc:"Whether that is still to come"`
	Count        int64   `json:"count" doc:"How many requests they are" example:"5"`
	Kind         string  `json:"rate_limit_type" enum:"AUTH,USER,IP" doc:"AUTH: passwords were tried too often. USER: a limit by caller. IP: one by address"`
	UserID       *string `json:"user_id"`
	UserEmail    *string `json:"user_email"`
	UserRole     *string `json:"user_role"`
	Scope        string  `json:"scope" doc:"What the limit is of" example:"service weather"`
	Endpoint     *string `json:"endpoint" doc:"The pattern of the path" example:"/weather/{place}"`
	Method       *string `json:"method" example:"GET"`
	Definition   *string `json:"limit_definition" example:"100/m by address"`
	LimitCount   *int64  `json:"limit_count" example:"100"`
	LimitSeconds *int64  `json:"time_window_seconds" example:"60"`
	RetrySeconds int64   `json:"retry_after_seconds" example:"12"`
	LimitKey     *string `json:"limit_key" doc:"Whom the limit counts" example:"ip:192.0.2.1"`
	Address      *string `json:"ip_address" example:"192.0.2.1"`
	Agent        *string `json:"user_agent"`
}

// known gives what is not zero.
func known[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func event(r db.Refusal, now time.Time) Event {
	e := Event{
		ID: r.ID.String(), OccurredAt: naive(r.LastAt), FirstAt: naive(r.FirstAt), ExpiresAt: naive(r.ExpiresAt), Active: r.ExpiresAt.After(now), Count: r.Refused,
		Kind: r.Kind, UserEmail: known(r.UserEmail), UserRole: known(r.UserRole), Scope: r.Scope, Endpoint: known(r.Endpoint), Method: known(r.Method),
		Definition: known(r.LimitDefinition), LimitCount: known(r.LimitCount), LimitSeconds: known(r.LimitSeconds), RetrySeconds: r.RetrySeconds,
		LimitKey: known(r.LimitKey), Address: known(r.IpAddress), Agent: known(r.UserAgent),
	}
	if r.UserID != nil {
		e.UserID = known(r.UserID.String())
	}
	return e
}

// naive is a time as Trends.Earth writes it.
func naive(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

// Columns that parameters of their own ask.
func lastAt() rows.Column    { return rows.NewColumn("last_at", rows.Time) }
func expiresAt() rows.Column { return rows.NewColumn("expires_at", rows.Time) }
func kind() rows.Column      { return rows.NewColumn("kind", rows.Word) }
func userID() rows.Column    { return rows.NewColumn("user_id", rows.ID).Nullable() }
func address() rows.Column   { return rows.NewColumn("ip_address", rows.Word) }

// kinds are those of events.
func kinds() []string { return []string{refusals.Auth, refusals.User, refusals.IP} }

// eventsResource is what events can be listed by.
func eventsResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "occurred_at", Column: lastAt()},
			{Name: "first_occurred_at", Column: rows.NewColumn("first_at", rows.Time)},
			{Name: "expires_at", Column: expiresAt()},
			{Name: "count", Column: rows.NewColumn("refused", rows.Integer)},
			{Name: "rate_limit_type", Column: kind(), Words: kinds()},
			{Name: "user_id", Column: userID()},
			{Name: "user_email", Column: rows.NewColumn("user_email", rows.Text)},
			{Name: "user_role", Column: rows.NewColumn("user_role", rows.Word), Words: []string{"USER", "ADMIN", "SUPERADMIN"}},
			{Name: "scope", Column: rows.NewColumn("scope", rows.Text)},
			{Name: "endpoint", Column: rows.NewColumn("endpoint", rows.Text)},
			{Name: "method", Column: rows.NewColumn("method", rows.Word)},
			{Name: "limit_definition", Column: rows.NewColumn("limit_definition", rows.Text)},
			{Name: "limit_count", Column: rows.NewColumn("limit_count", rows.Integer)},
			{Name: "time_window_seconds", Column: rows.NewColumn("limit_seconds", rows.Integer)},
			{Name: "retry_after_seconds", Column: rows.NewColumn("retry_seconds", rows.Integer)},
			{Name: "limit_key", Column: rows.NewColumn("limit_key", rows.Text)},
			{Name: "ip_address", Column: address()},
			{Name: "user_agent", Column: rows.NewColumn("user_agent", rows.Text)},
		},
		Key: rows.NewColumn("id", rows.ID), Sort: "-occurred_at,-id", Paging: listing.OnRequest, Members: []string{}, Most: 500, Usual: 100,
	}
}

// eventsParams are the parameters of Events. They are read out of the request itself: there a parameter can be twice.
type eventsParams struct {
	Since      string `query:"since" doc:"Refused then or later, in UTC" example:"2026-01-31T12:30:00"`
	SinceHours string `query:"since_hours" doc:"Refused in so many hours before now" example:"24"`
	SinceDays  string `query:"since_days" doc:"Refused in so many days before now" example:"7"`
	Type       string `query:"type" doc:"AUTH, USER or IP"`
	UserID     string `query:"user_id" doc:"Who was refused" example:"019a0000-0000-7000-8000-000000000001"`
	IP         string `query:"ip" doc:"The address that was refused" example:"192.0.2.1"`
	Status     string `query:"status" doc:"active: the next request is still refused. expired: it is not"`
	Sort       string `query:"sort" doc:"Fields with commas between them, each with asc or desc behind it, or - before it; by default -occurred_at" example:"occurred_at desc"`
	Filter     string `query:"filter" doc:"Conditions with commas between them, which all must hold" example:"endpoint like '/api/%',count>=10"`
	Page       string `query:"page" doc:"Which page, from 1" example:"1"`
	PerPage    string `query:"per_page" doc:"How many there are on a page, 1 to 500; by default 100" example:"100"`
}

// condition reads what the parameters beside those of lists say.
func (p *eventsParams) condition(now time.Time) (rows.Condition, error) {
	var all []rows.Condition
	compare := func(c rows.Column, op rows.Op, v any) error {
		one, err := rows.Compare(c, op, v)
		all = append(all, one)
		return err
	}
	since, err := p.since(now)
	if err != nil {
		return rows.Condition{}, err
	}
	for _, at := range since {
		if err := compare(lastAt(), rows.GreaterOrEqual, at); err != nil {
			return rows.Condition{}, badParameter("since", "is not in the years 1 to 9999")
		}
	}
	if p.Type != "" {
		if !slices.Contains(kinds(), strings.ToUpper(p.Type)) {
			return rows.Condition{}, badParameter("type", "is one of "+strings.Join(kinds(), ", "))
		}
		_ = compare(kind(), rows.Equal, strings.ToUpper(p.Type)) // a word
	}
	if p.UserID != "" {
		id, err := uuid.Parse(p.UserID)
		if err != nil {
			return rows.Condition{}, badParameter("user_id", "is no UUID")
		}
		_ = compare(userID(), rows.Equal, id) // an id
	}
	if p.IP != "" {
		a, err := netip.ParseAddr(p.IP)
		if err != nil {
			return rows.Condition{}, badParameter("ip", "is no address like 192.0.2.1 or 2001:db8::1")
		}
		_ = compare(address(), rows.Equal, a.Unmap().WithZone("").String()) // a word
	}
	switch strings.ToLower(p.Status) {
	case "":
	case "active":
		_ = compare(expiresAt(), rows.Greater, now) // a time
	case "expired", "historical":
		_ = compare(expiresAt(), rows.LessOrEqual, now) // a time
	default:
		return rows.Condition{}, badParameter("status", "is active or expired")
	}
	return rows.All(all...), nil
}

// longestAgo is how far back since_hours and since_days may reach: nothing is kept for so long.
const longestAgo = 100 * 365 * 24 * time.Hour

// since reads from when on.
func (p *eventsParams) since(now time.Time) (out []time.Time, err error) {
	if p.Since != "" {
		at, err := listing.ParseTime(p.Since)
		if err != nil {
			return nil, badParameter("since", "is no date like 2026-01-31 or 2026-01-31T12:30:00Z")
		}
		out = append(out, at)
	}
	for _, ago := range []struct {
		name, text string
		unit       time.Duration
	}{{"since_hours", p.SinceHours, time.Hour}, {"since_days", p.SinceDays, 24 * time.Hour}} {
		if ago.text == "" {
			continue
		}
		n, err := strconv.ParseFloat(ago.text, 64)
		if err != nil || !(n >= 0 && n*float64(ago.unit) <= float64(longestAgo)) {
			return nil, badParameter(ago.name, "is a number from 0, at most a hundred years")
		}
		out = append(out, now.Add(-time.Duration(n*float64(ago.unit))))
	}
	return out, nil
}

func badParameter(name, reason string) error {
	return api.Failure{Status: http.StatusBadRequest, Type: problem.BadParameter, Detail: fmt.Sprintf("The parameter %s %s.", name, reason)}
}

// eventsList is a page of events.
type eventsList struct {
	Link string `header:"Link" doc:"The other pages"`
	Body struct {
		Data       []Event `json:"data"`
		Total      int64   `json:"total" doc:"How many there are on all pages"`
		Page       int     `json:"page"`
		PerPage    int     `json:"per_page"`
		TotalPages int64   `json:"total_pages"`
	}
}

// Events answers GET /api/v1/rate-limit/events with whom limits have refused, the last first:
//
//	{"data": [{"occurred_at": "2026-01-31T12:30:00.000000", "rate_limit_type": "IP", …}], "total": 1, "page": 1, "per_page": 100, "total_pages": 1}
func (l *Limits) Events(ctx context.Context, _ *eventsParams) (*eventsList, error) {
	request, now := api.RequestIn(ctx), time.Now()
	values, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		return nil, api.Failure{Status: http.StatusBadRequest, Detail: "The query is no list of parameters."}
	}
	own, err := eventsParamsOf(values)
	if err != nil {
		return nil, err
	}
	params, err := listing.ParamsOf(values)
	if err != nil {
		return nil, err
	}
	// There are always pages, with numbers.
	params.Limit, params.Offset, params.Cursor = "", "", ""
	if params.Page == "" {
		params.Page = "1"
	}
	q, err := l.events.Parse(params, true) // whoever may list them is an administrator
	if err != nil {
		return nil, err
	}
	where, err := own.condition(now)
	if err != nil {
		return nil, err
	}
	q.And(where)
	all, err := queries.List(ctx, l.store, queries.Refusals(), q.Request)
	if err != nil {
		return nil, err
	}
	n, err := queries.CountOf(ctx, l.store, queries.Refusals(), q.Request.Where)
	if err != nil {
		return nil, err
	}
	out := &eventsList{Link: q.Links(request.URL, n, "")}
	out.Body.Data = make([]Event, len(all))
	for i := range all {
		out.Body.Data[i] = event(all[i], now)
	}
	size := int64(q.Request.Limit)
	out.Body.Total, out.Body.Page, out.Body.PerPage, out.Body.TotalPages = n, q.Page, q.Request.Limit, (n+size-1)/size
	return out, nil
}

// eventsParamsOf takes the parameters out of a query, each once.
func eventsParamsOf(values url.Values) (*eventsParams, error) {
	p := new(eventsParams)
	for name, to := range map[string]*string{
		"since": &p.Since, "since_hours": &p.SinceHours, "since_days": &p.SinceDays, "type": &p.Type, "user_id": &p.UserID, "ip": &p.IP, "status": &p.Status,
	} {
		if len(values[name]) > 1 {
			return nil, badParameter(name, "is there twice")
		}
		*to = values.Get(name)
	}
	return p, nil
}
