package executions

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const (
	// mostResults is how long results may be that somebody tells, when they are compressed: as with Trends.Earth.
	mostResults = 2 * 600_000
	// changeTries is how often a change is begun anew since somebody else was faster.
	changeTries = 5
)

// stated is what can be said of an execution.
type stated struct {
	Status   string `json:"status,omitempty" enum:"RUNNING,FINISHED,FAILED,CANCELLING,CANCELLED"`
	Progress int64  `json:"progress,omitempty" minimum:"0" maximum:"100"`
	Results  any    `json:"results,omitempty"`
}

// registerChanges has the operations that change one execution handled.
func (x *Executions) registerChanges(t *typed.API) {
	patches := map[string]any{"application/json": stated{}, patch.MergeType: stated{}, patch.OperationsType: []typed.PatchOperation{}}
	typed.Register(t, typed.Operation{
		ID: "execution.change", Summary: "Says what became of an execution", MaxBody: mostBody, Bodies: patches,
		Description: "Of one that somebody runs themselves: its status along the edges that there are, its progress, its results. What a runner holds is taken from it where the execution ends.",
	}, x.change)
	typed.Register(t, typed.Operation{
		ID: "execution.cancel", Summary: "Cancels an execution", Status: http.StatusAccepted,
		Description: "At once where no runner has it. Else it is CANCELLING until its runner has ended it.",
	}, x.cancel)
	typed.Register(t, typed.Operation{ID: "execution.delete", Summary: "Deletes an execution", Description: "One that has ended. Nobody is shown it any more."}, x.remove)
}

func (x *Executions) change(ctx context.Context, in *struct {
	InPath
	IfMatch string `header:"If-Match" doc:"The ETag that the execution must still have"`
	RawBody []byte
},
) (*answer, error) {
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	run, err := x.script(ctx)
	if err != nil {
		return nil, err
	}
	if head.ScriptID == nil {
		return nil, ofGateway("It can be cancelled")
	}
	if run != nil {
		return answered(x.report(ctx, run, in.RawBody))
	}
	request := api.RequestIn(ctx)
	kind := request.Header.Get("Content-Type")
	p, err := patch.Parse(kind, in.RawBody, patch.Limits{Body: mostBody, Depth: 100})
	if err != nil {
		return nil, failure(err)
	}
	if p.IsMerge() && !says(in.RawBody) {
		return nil, refused("Status, progress or results are required")
	}
	// Older clients say what the results are, not what is to be laid over them.
	replaces := p.IsMerge() && !strings.HasPrefix(kind, patch.MergeType)
	for try := 1; ; try++ {
		e, err := x.store.Execution(ctx, head.ID)
		if err != nil {
			return nil, failure(err)
		}
		next, done, err := x.changed(ctx, p, e, replaces, request.Header.Values("If-Match"))
		if err == nil && done {
			return answered(e, nil)
		}
		if err == nil {
			e, err = x.store.PatchExecution(ctx, api.By(request), head.ID, next)
		}
		status, stopped := errors.AsType[*queries.StatusError](err)
		if next.ResultsKey != "" && (stopped || errors.Is(err, errMoved)) {
			x.forget(ctx, next.ResultsKey)
		}
		switch {
		case errors.Is(err, errMoved) && try < changeTries:
			continue
		case errors.Is(err, errMoved):
			return nil, api.Failure{Status: http.StatusConflict, Detail: "The execution changes too fast. Try again.", RetryAfter: time.Second}
		case stopped:
			return nil, noEdge(status.Status, next.Status)
		}
		return answered(e, err)
	}
}

// errMoved says that an execution is not as it was when it was looked at.
var errMoved = errors.New("it was changed meanwhile") //nolint:gochecknoglobals // a sentinel

// noEdge is what is told of a change that an execution cannot make.
func noEdge(from string, to *string) error {
	if to == nil {
		return api.Failure{Status: http.StatusConflict, Detail: fmt.Sprintf("Execution is %s: it has neither progress nor results to be said", from)}
	}
	return api.Failure{Status: http.StatusConflict, Detail: fmt.Sprintf("An execution does not go from %s to %s", from, *to)}
}

// says tells whether an object names something that can be said of an execution.
func says(body []byte) bool {
	var given map[string]json.RawMessage
	if json.Unmarshal(body, &given) != nil {
		return false
	}
	for _, name := range []string{"status", "progress", "results"} {
		if _, ok := given[name]; ok {
			return true
		}
	}
	return false
}

// changed is what a patch does to an execution as it is; done: nothing.
func (x *Executions) changed(ctx context.Context, p *patch.Patch, e db.Execution, replaces bool, match []string) (next queries.ExecutionPatch, done bool, err error) {
	results := e.Results
	if replaces || e.ResultsKey != "" {
		results = none()
	}
	document, err := json.Marshal(map[string]any{"status": e.Status, "progress": e.Progress, "results": results})
	if err != nil {
		return next, false, err
	}
	text, changed, err := p.Apply(ctx, document, patch.Rules{
		Fields:        map[string]patch.Field{"status": {NotNull: true}, "progress": {NotNull: true}, "results": {}},
		IgnoreUnknown: true, RemoveByValue: true,
	})
	if err != nil {
		return next, false, err
	}
	next.Check = func(now db.Execution) error {
		if !now.UpdatedAt.Equal(e.UpdatedAt) || now.Status != e.Status || !bytes.Equal(now.Results, e.Results) {
			return errMoved
		}
		return nil
	}
	if err := patch.IfMatch(patch.Tag(e.UpdatedAt.UnixMicro()), match...); err != nil {
		return next, false, err
	}
	if len(changed) == 0 {
		return next, true, nil
	}
	to := struct {
		Status, Progress, Results json.RawMessage
	}{Results: none()} // it may have been removed
	if err := json.Unmarshal(text, &to); err != nil {
		return next, false, err
	}
	if slices.Contains(changed, "status") {
		if next.Status, err = statusOf(to.Status); err != nil {
			return next, false, err
		}
	}
	if slices.Contains(changed, "progress") {
		if next.Progress, err = progressOf(to.Progress); err != nil {
			return next, false, err
		}
	}
	if queries.Ended(e.Status) {
		return next, false, &queries.StatusError{Status: e.Status}
	}
	if !slices.Contains(changed, "results") {
		return next, false, nil
	}
	return next, false, x.tellResults(ctx, e, to.Results, &next)
}

func statusOf(text json.RawMessage) (*string, error) {
	var word string
	if json.Unmarshal(text, &word) != nil || !slices.Contains(statuses(), word) {
		return nil, refused("status: it is one of " + strings.Join(statuses(), ", "))
	}
	return &word, nil
}

func progressOf(text json.RawMessage) (*int, error) {
	var number float64
	if json.Unmarshal(text, &number) != nil || number != math.Trunc(number) || number < 0 || number > 100 {
		return nil, refused("progress: it is a whole number from 0 to 100")
	}
	percent := int(number)
	return &percent, nil
}

// compressed is how long a text is when it is compressed, in bytes.
func compressed(text []byte) (int64, error) {
	n := &counter{}
	z, err := gzip.NewWriterLevel(n, gzip.BestSpeed)
	if err != nil {
		return 0, err
	}
	if _, err := z.Write(text); err != nil {
		return 0, err
	}
	return n.bytes, z.Close()
}

type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)

func (x *Executions) cancel(ctx context.Context, _ *InPath) (*cancelAnswer, error) {
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	c, request, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	why := "its owner wished so"
	if c.ID != idText(head.UserID) {
		why = "an administrator wished so"
	}
	was, err := x.store.Cancel(ctx, api.By(request), head.ID, why)
	if status, ok := errors.AsType[*queries.StatusError](err); ok {
		if status.Status == queries.StatusCancelling {
			return nil, api.Failure{Status: http.StatusConflict, Detail: "Execution is already CANCELLING"}
		}
		return nil, refused(fmt.Sprintf("Cannot cancel execution in %s state", status.Status))
	}
	if err != nil {
		return nil, failure(err)
	}
	e, err := x.store.Execution(ctx, head.ID)
	if err != nil {
		return nil, failure(err)
	}
	out := &cancelAnswer{}
	out.Body.Data = Cancellation{
		Execution: shownExecution{execution: show(listed(e))},
		Details:   CancellationDetails{Execution: head.ID.String(), Was: was.Was, Now: was.Status, Queued: was.Status == queries.StatusCancelling, Errors: []string{}},
	}
	return out, nil
}

// Cancellation is what became of an execution that was to be cancelled.
type Cancellation struct {
	Execution shownExecution      `json:"execution" required:"true"`
	Details   CancellationDetails `json:"cancellation_details" required:"true"`
}

// CancellationDetails is how it was cancelled.
type CancellationDetails struct {
	Execution string   `json:"execution_id" required:"true"`
	Was       string   `json:"previous_status" required:"true"`
	Now       string   `json:"new_status" required:"true" enum:"CANCELLING,CANCELLED"`
	Queued    bool     `json:"queued" required:"true" doc:"A runner has it, and is told to end it"`
	Task      *string  `json:"task_id" required:"true" doc:"Always null: there is no other task that does it"`
	Errors    []string `json:"errors" required:"true"`
}

type cancelAnswer struct {
	Body typed.Data[Cancellation]
}

func (x *Executions) remove(ctx context.Context, _ *struct {
	InPath
	IfMatch string `header:"If-Match" doc:"The ETag that the execution must still have"`
},
) (*answer, error) {
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	request := api.RequestIn(ctx)
	e, err := x.store.Execution(ctx, head.ID)
	if err != nil {
		return nil, failure(err)
	}
	if err := patch.IfMatch(patch.Tag(e.UpdatedAt.UnixMicro()), request.Header.Values("If-Match")...); err != nil {
		return nil, failure(err)
	}
	err = x.store.DeleteExecution(ctx, api.By(request), head.ID)
	if status, ok := errors.AsType[*queries.StatusError](err); ok {
		return nil, api.Failure{Status: http.StatusConflict, Detail: fmt.Sprintf("Execution is %s: cancel it first", status.Status)}
	}
	e.DeletedAt = &e.UpdatedAt // it was
	return answered(e, err)
}
