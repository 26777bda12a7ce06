package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// States of an execution that are ends.
const (
	Finished  = "FINISHED"
	Failed    = "FAILED"
	Cancelled = "CANCELLED"
)

// ExecutionFields are what commands read of an execution.
type ExecutionFields struct {
	ID       string          `json:"id"`
	Script   string          `json:"script_id"`
	User     string          `json:"user_id"`
	Begun    string          `json:"start_date"` // when it was asked for
	Start    string          `json:"started_at"`
	End      string          `json:"end_date"`
	Status   string          `json:"status"`
	Progress float64         `json:"progress"`
	Params   json.RawMessage `json:"params"`
	Results  json.RawMessage `json:"results"`
	// Size is how many bytes the results have; those that are long are not in Results.
	Size   int64  `json:"results_size"`
	Queued string `json:"queued_at"`
	// Name is the script's, where it was included.
	Name string `json:"script_name"`
	// Reason is why it has its status.
	Reason string `json:"reason"`
	// Queue is where it stands as long as it waits; nil: it does not.
	Queue *struct {
		Ahead int64 `json:"ahead"`
	} `json:"queue"`
}

// Execution is one execution.
type Execution struct {
	ExecutionFields
	Raw
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Execution) UnmarshalJSON(text []byte) error { return e.read(text, &e.ExecutionFields) }

// MarshalJSON implements json.Marshaler.
func (e Execution) MarshalJSON() ([]byte, error) { return e.Raw.MarshalJSON() }

// Ended says whether a status is an end.
func Ended(status string) bool { return slices.Contains([]string{Finished, Failed, Cancelled}, status) }

// ExecutionLine is a line of the log of an execution.
type ExecutionLine struct {
	ID    int64  `json:"id"`
	Level string `json:"level"`
	Text  string `json:"text"`
	At    string `json:"register_date"`
}

const executions = "/api/v1/execution"

// Run runs a script with parameters, a JSON object. Each attempt may take as long as timeout says, or, if that is 0, as the script and the
// gateway say. The request has a key, so it is done once.
func (c *Client) Run(ctx context.Context, script string, params json.RawMessage, timeout time.Duration) (*Execution, error) {
	out := new(Execution)
	header := onceOnly()
	if timeout > 0 {
		header.Set("Fairway-Timeout", timeout.String())
	}
	return out, c.do(ctx, request{
		method: http.MethodPost, path: scripts + "/" + named(script) + "/run", header: header, kind: "application/json", body: params,
	}, out)
}

// Filter says which executions are listed.
type Filter struct {
	// Script is the id of one, Status a status. Default: all.
	Script, Status string
	// Limit is how many at most, the latest first. Required.
	Limit int
}

// Executions lists executions that the user may see, without parameters and results.
func (c *Client) Executions(ctx context.Context, f Filter) ([]Execution, error) {
	query := url.Values{"include": {"script_name"}, "exclude": {"params,results"}, "sort": {"start_date desc"}}
	if f.Script != "" {
		query.Set("script_id", f.Script)
	}
	if f.Status != "" {
		query.Set("status", f.Status)
	}
	return pages[Execution](ctx, c, executions, query, f.Limit)
}

// Execution gives one. Without what is excluded.
func (c *Client) Execution(ctx context.Context, id string, exclude string) (*Execution, error) {
	query := url.Values{"include": {"script_name"}}
	if exclude != "" {
		query.Set("exclude", exclude)
	}
	out := new(Execution)
	return out, c.do(ctx, request{method: http.MethodGet, path: executions + "/" + named(id), query: query}, out)
}

// Cancel asks for an execution to end, and gives it as it is then.
func (c *Client) Cancel(ctx context.Context, id string) (*Execution, error) {
	out := struct {
		Execution Execution `json:"execution"`
	}{}
	err := c.do(ctx, request{method: http.MethodPost, path: executions + "/" + named(id) + "/cancel"}, &out)
	return &out.Execution, err
}

// Rerun runs the script of an execution once more, with the same parameters.
func (c *Client) Rerun(ctx context.Context, id string) (*Execution, error) {
	out := new(Execution)
	return out, c.do(ctx, request{method: http.MethodPost, path: executions + "/" + named(id) + "/rerun", header: onceOnly()}, out)
}

// ExecutionLog gives lines of an execution's log: those behind a line, and later than a time unless that is zero.
func (c *Client) ExecutionLog(ctx context.Context, id string, last int64, since time.Time) ([]ExecutionLine, error) {
	var out []ExecutionLine
	return out, c.do(ctx, request{method: http.MethodGet, path: executions + "/" + named(id) + "/log", query: behind(last, since)}, &out)
}

// mostResults is how long results may be, in bytes.
const mostResults = 1 << 30

// Results gives what an execution left, to a writer.
func (c *Client) Results(ctx context.Context, id string, w io.Writer) error {
	return c.transfer(ctx, executions+"/"+named(id)+"/download-results", w, mostResults)
}

// HasResults says whether an execution that was read whole has some.
func (e *Execution) HasResults() bool {
	return e.Size > 0 || len(e.ExecutionFields.Results) > 0 && !bytes.Equal(e.ExecutionFields.Results, []byte("null"))
}
