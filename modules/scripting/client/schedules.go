package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// ScheduleFields are what commands read of a schedule. Times are RFC 3339.
type ScheduleFields struct {
	ID           string          `json:"id"`
	Script       string          `json:"script"`
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	Params       json.RawMessage `json:"params"`
	Text         string          `json:"schedule"` // when it is due, in words
	Zone         string          `json:"zone"`
	CatchUp      string          `json:"catch_up"`
	Overlap      string          `json:"overlap"`
	Paused       bool            `json:"paused"`
	PausedReason string          `json:"paused_reason"`
	Due          string          `json:"due_at"`
	Next         []string        `json:"next_runs"`
	LastFired    string          `json:"last_fired_at"`
	LastOutcome  string          `json:"last_outcome"`
	LastStatus   string          `json:"last_status"`
	LastSuccess  string          `json:"last_success_at"`
	Failures     int64           `json:"failures"`
	Alert        string          `json:"alert"`
}

// Schedule is one schedule.
type Schedule struct {
	ScheduleFields
	Raw
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Schedule) UnmarshalJSON(text []byte) error { return s.read(text, &s.ScheduleFields) }

// MarshalJSON implements json.Marshaler.
func (s Schedule) MarshalJSON() ([]byte, error) { return s.Raw.MarshalJSON() }

// FiringFields are what commands read of what became of a time of a schedule.
type FiringFields struct {
	At        string `json:"at"`
	Due       string `json:"due_at"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Execution string `json:"execution_id"`
	Status    string `json:"status"`
}

// Firing is what became of a time of a schedule.
type Firing struct {
	FiringFields
	Raw
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Firing) UnmarshalJSON(text []byte) error { return f.read(text, &f.FiringFields) }

// MarshalJSON implements json.Marshaler.
func (f Firing) MarshalJSON() ([]byte, error) { return f.Raw.MarshalJSON() }

const schedules = "/api/v1/schedule"

// Schedules lists at most so many that the user may see, the latest first, without their parameters; those of a script by its id, if that is not empty.
func (c *Client) Schedules(ctx context.Context, script string, most int) ([]Schedule, error) {
	query := url.Values{"exclude": {"params"}, "sort": {"-created_at"}}
	if script != "" {
		query.Set("filter", "script_id="+script)
	}
	return pages[Schedule](ctx, c, schedules, query, most)
}

// Schedule gives one.
func (c *Client) Schedule(ctx context.Context, id string) (*Schedule, error) {
	out := new(Schedule)
	return out, c.do(ctx, request{method: http.MethodGet, path: schedules + "/" + named(id)}, out)
}

// CreateSchedule makes one of members. The request has a key, so it is done once.
func (c *Client) CreateSchedule(ctx context.Context, members map[string]any) (*Schedule, error) {
	r, err := sendJSON(http.MethodPost, schedules, members)
	if err != nil {
		return nil, err
	}
	r.header = onceOnly()
	out := new(Schedule)
	return out, c.do(ctx, r, out)
}

// ChangeSchedule lays members over one.
func (c *Client) ChangeSchedule(ctx context.Context, id string, members map[string]any) (*Schedule, error) {
	r, err := sendJSON(http.MethodPatch, schedules+"/"+named(id), members)
	if err != nil {
		return nil, err
	}
	r.kind = "application/merge-patch+json"
	out := new(Schedule)
	return out, c.do(ctx, r, out)
}

// PauseSchedule has one fire no more, ResumeSchedule has it fire again.
func (c *Client) PauseSchedule(ctx context.Context, id string) (*Schedule, error) {
	return c.turn(ctx, http.MethodPost, id, "/pause")
}

// ResumeSchedule has one fire again.
func (c *Client) ResumeSchedule(ctx context.Context, id string) (*Schedule, error) {
	return c.turn(ctx, http.MethodPost, id, "/resume")
}

// DeleteSchedule deletes one, and gives it as it was.
func (c *Client) DeleteSchedule(ctx context.Context, id string) (*Schedule, error) {
	return c.turn(ctx, http.MethodDelete, id, "")
}

func (c *Client) turn(ctx context.Context, method, id, how string) (*Schedule, error) {
	out := new(Schedule)
	return out, c.do(ctx, request{method: method, path: schedules + "/" + named(id) + how}, out)
}

// RunSchedule runs the script of one now, and gives the id of the execution. The request has a key, so it is done once.
func (c *Client) RunSchedule(ctx context.Context, id string) (string, error) {
	var out struct {
		Execution string `json:"execution_id"`
	}
	return out.Execution, c.do(ctx, request{method: http.MethodPost, path: schedules + "/" + named(id) + "/run", header: onceOnly()}, &out)
}

// NextOfSchedule gives the times at which one is due next, as the clocks of its zone show them.
func (c *Client) NextOfSchedule(ctx context.Context, id string, count int) ([]string, error) {
	var out []string
	return out, c.do(ctx, request{method: http.MethodGet, path: schedules + "/" + named(id) + "/next", query: url.Values{"count": {strconv.Itoa(count)}}}, &out)
}

// HistoryOfSchedule gives what became of the last times of one.
func (c *Client) HistoryOfSchedule(ctx context.Context, id string, most int) ([]Firing, error) {
	return pages[Firing](ctx, c, schedules+"/"+named(id)+"/history", url.Values{}, most)
}
