package runner_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// TestSpans has attempts that succeed, fail and are tried again, and one that goes on without its runner.
func TestSpans(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	s := runnertest.New(t, runnertest.SQLite(t))
	_, end := s.Start(t, runner.Config{Executor: noop.New(noop.Plan{}), Slots: 1, Tracer: provider.Tracer("test")}, 0)
	s.Await(t, s.Execute(t, 1, "{}", nil)[0], queries.StatusFinished)
	s.Await(t, s.Execute(t, 1, `{"exit_code":3}`, func(n *queries.NewExecution) {
		n.MaxAttempts, n.RetryOn = 2, []queries.Outcome{queries.OutcomeFailed}
	})[0], queries.StatusFailed)
	s.Await(t, s.Execute(t, 1, `{"sleep_ms":3600000}`, nil)[0], queries.StatusRunning)
	end()
	var got []string
	for _, span := range spans.GetSpans() {
		line := span.Name + " " + span.Status.Code.String()
		for _, a := range span.Attributes {
			line += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
		}
		got = append(got, line)
	}
	slices.Sort(got)
	want := []string{
		"fairway.execution Error fairway.attempt=1 fairway.outcome=FAILED",
		"fairway.execution Error fairway.attempt=2 fairway.outcome=FAILED",
		"fairway.execution Unset fairway.attempt=1 fairway.outcome=SUCCEEDED",
		"fairway.execution Unset fairway.attempt=1 fairway.outcome=detached",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
