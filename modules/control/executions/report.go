package executions

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/ticket"
)

// script is the attempt whose script calls, at its pace; nil: another one calls.
func (x *Executions) script(ctx context.Context) (*tokens.Run, error) {
	c, err := api.CallerIn(ctx)
	run := c.Run()
	if err != nil || run == nil {
		return nil, err
	}
	if wait := x.paces.take(run.ID, time.Now()); wait > 0 {
		return nil, api.Failure{Status: http.StatusTooManyRequests, Type: problem.RateLimited, Code: "RATE_LIMIT_EXCEEDED", Detail: rate.Detail, RetryAfter: wait}
	}
	return run, nil
}

func holder(run *tokens.Run) queries.Holder {
	return queries.Holder{Attempt: run.ID, Execution: run.Execution, Fence: run.Fence}
}

// unheard is what a script is told of an error of what it said.
func unheard(err error) error {
	switch {
	case errors.Is(err, queries.ErrFenced): // it ended since its token was looked at
		return api.Failure{Status: http.StatusConflict, Detail: "The attempt does not run any more"}
	case errors.Is(err, queries.ErrLogFull):
		return api.Failure{Status: http.StatusRequestEntityTooLarge, Type: problem.LogFull, Detail: "The log is as long as it may be"}
	}
	return failure(err)
}

// addOwn adds a line to the log of the execution whose script calls.
func (x *Executions) addOwn(ctx context.Context, run *tokens.Run, level, text string) (*typed.Answer[live.LogLine], error) {
	id, err := x.store.AddLine(ctx, holder(run), level, discreet(text), x.options.MostLog)
	if err != nil {
		return nil, unheard(err)
	}
	return x.written(ctx, run.Execution, id)
}

// discreet is a text without tokens of attempts.
func discreet(text string) string {
	for from := 0; ; {
		at := strings.Index(text[from:], ticket.Prefix)
		if at < 0 {
			return text
		}
		at += from
		if from = at + 1; len(text)-at < ticket.Length {
			return text
		}
		if _, is := ticket.Hash(text[at : at+ticket.Length]); is {
			text = text[:at] + "***" + text[at+ticket.Length:]
		}
	}
}

// report keeps what a script says of its own attempt. How that ended is for its runner to say.
func (x *Executions) report(ctx context.Context, run *tokens.Run, raw []byte) (db.Execution, error) {
	e, err := x.store.Execution(ctx, run.Execution)
	if err != nil {
		return e, failure(err)
	}
	given, err := body.Object(raw)
	if err != nil {
		return e, failure(err)
	}
	var said queries.Report
	if text, ok := given["status"]; ok {
		if err := json.Unmarshal(text, &said.Said); err != nil || !slices.Contains([]string{queries.StatusRunning, queries.StatusFinished, queries.StatusFailed}, said.Said) {
			return e, refused("status: a script says that it is RUNNING, FINISHED or FAILED")
		}
	}
	if text, ok := given["progress"]; ok {
		if said.Progress, err = progressOf(text); err != nil {
			return e, err
		}
	}
	text, told := given["results"]
	if said.Said == "" && said.Progress == nil && !told {
		return e, refused("Status, progress or results are required")
	}
	if told {
		var next queries.ExecutionPatch
		if err := x.tellResults(ctx, e, text, &next); err != nil {
			return e, err
		}
		said.Results, said.ResultsKey, said.ResultsSize = next.Results, next.ResultsKey, next.ResultsSize
	}
	replaced, err := x.store.Report(ctx, holder(run), said)
	if err != nil {
		if said.ResultsKey != "" {
			x.forget(ctx, said.ResultsKey)
		}
		return e, unheard(err)
	}
	if replaced != "" {
		x.forget(ctx, replaced)
	}
	e, err = x.store.Execution(ctx, run.Execution)
	return e, failure(err)
}
