package noop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
)

func attempt(id, params string) executor.Attempt {
	return executor.Attempt{ID: id, Script: executor.Script{Version: "v"}, Params: []byte(params)}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	e := noop.New(noop.Plan{Code: 3})
	for _, test := range []struct {
		params  string
		outcome executor.Outcome
		code    int
		results string
		lines   int
	}{
		{"", executor.Failed, 3, "", 0},
		{"{}", executor.Failed, 3, "", 0},
		{`{"exit_code":0,"results":{"a":1},"lines":5}`, executor.Succeeded, 0, `{"a":1}`, 5},
		{`{"exit_code":0,"sleep_ms":5}`, executor.Succeeded, 0, "", 0},
	} {
		run, err := e.Start(t.Context(), attempt(fmt.Sprint(len(test.params)), test.params))
		if err != nil {
			t.Fatal(err)
		}
		exit, err := run.Wait(t.Context())
		if err != nil || exit.Outcome != test.outcome || exit.Code != test.code {
			t.Errorf("%s: %+v, %v", test.params, exit, err)
		}
		results, err := run.Results(t.Context())
		if test.results == "" != errors.Is(err, executor.ErrNoResults) {
			t.Errorf("%s: %v", test.params, err)
		}
		if err == nil {
			if body, _ := io.ReadAll(results); string(body) != test.results {
				t.Errorf("%s: %s", test.params, body)
			}
		}
		out, err := run.Output(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for {
			if _, err := out.Next(t.Context()); err != nil {
				break
			}
			lines++
		}
		if lines != test.lines || out.Offset() != int64(test.lines) {
			t.Errorf("%s: %d lines", test.params, lines)
		}
	}
}

func TestEndedByOthers(t *testing.T) {
	t.Parallel()
	e := noop.New(noop.Plan{SleepMS: time.Hour.Milliseconds()})
	run, err := e.Start(t.Context(), attempt("a", ""))
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Start(t.Context(), attempt("a", ""))
	if err != nil || again != run {
		t.Errorf("a second start gave another run: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := run.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, cause := range []executor.Cause{executor.CauseTimeout, executor.CauseCancel} {
		if err := run.Cancel(t.Context(), cause); err != nil {
			t.Fatal(err)
		}
	}
	if exit, err := run.Wait(t.Context()); err != nil || exit.Outcome != executor.TimedOut {
		t.Errorf("%+v, %v", exit, err)
	}
	ids, _ := e.Attempts(t.Context())
	if diff := cmp.Diff([]string{"a"}, ids); diff != "" {
		t.Error(diff)
	}
	if err := e.Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Attach(t.Context(), "a"); !errors.Is(err, executor.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
