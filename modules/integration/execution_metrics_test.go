package integration_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
)

// executed are the lines of what was counted of executions, without what time it took.
func executed(t *testing.T, g *gateway) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines((&gateway{t: t, url: "http://" + g.admin}).get(t, "/metrics").body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if (strings.HasPrefix(name, "fairway_execution") || strings.HasPrefix(name, "fairway_sc")) && !strings.Contains(name, "_seconds_sum") && !strings.Contains(name, "_bucket") {
			out[name] = value
		}
	}
	return out
}

// TestExecutionMetricsOutliveAReload: what was counted of executions is kept, whatever runner there is.
func TestExecutionMetricsOutliveAReload(t *testing.T) {
	t.Parallel()
	g := startRunning(t, "sqlite:"+filepath.Join(t.TempDir(), "some.db"), "\t\trunner embedded")
	g.waitStatus(t, g.runsScript(t, g.uploads(t, "short.sh", "#!/bin/sh\necho begins\necho ends\n"), "{}"), "FINISHED")
	before := map[string]string{}
	if err := waitFor(func() error { // what is committed is counted a moment later
		before = executed(t, g)
		for name, want := range map[string]string{
			`fairway_executions_total{status="PENDING"}`: "1", `fairway_executions_total{status="READY"}`: "1", `fairway_executions_total{status="RUNNING"}`: "1",
			`fairway_executions_total{status="FINISHED"}`: "1", `fairway_executions_total{status="FAILED"}`: "0", `fairway_execution_attempts_total{outcome="SUCCEEDED"}`: "1",
			`fairway_execution_run_seconds_count{outcome="SUCCEEDED"}`: "1", "fairway_execution_wait_seconds_count": "1", "fairway_execution_log_lines_total": "2",
			`fairway_script_builds_total{result="ok"}`: "1", "fairway_execution_leases_lost_total": "0", `fairway_schedule_times_total{outcome="FIRED"}`: "0",
		} {
			if before[name] != want {
				return errors.New(name + " is " + before[name])
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ words, ready string }{
		{"\t\trunner embedded {\n\t\t\tslots 2\n\t\t}", `"slots":2`},
		{"\t\trunner off", `"databases":{"store":"ok"}}`},
	} {
		if err := g.reload(runs(c.words)); err != nil {
			t.Fatal(err)
		}
		g.waitReady(t, c.ready)
		if diff := cmp.Diff(before, executed(t, g)); diff != "" {
			t.Errorf("%s: %s", c.words, diff)
		}
	}
}

// TestExecutionSpans: attempts have spans without a directive, after a reload, too.
func TestExecutionSpans(t *testing.T) {
	t.Parallel()
	receiver := startSpanReceiver(t)
	const words = "\t\trunner embedded"
	g := startGateway(t, runs(words), "DATABASE_URL=sqlite:"+filepath.Join(t.TempDir(), "some.db"), "FAIRWAY_SECRET="+someSecret,
		"FAIRWAY_ADMIN_EMAIL="+runnerUser, "FAIRWAY_ADMIN_PASSWORD="+runnerPassword,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.url, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=100")
	g.isolates(t)
	slug := g.uploads(t, "short.sh", "#!/bin/sh\necho of nobody else\n")
	for n, slots := range []string{"", " {\n\t\t\tslots 2\n\t\t}"} {
		if slots != "" {
			if err := g.reload(runs(words + slots)); err != nil {
				t.Fatal(err)
			}
			g.waitReady(t, `"state":"running","slots":2`)
		}
		g.waitStatus(t, g.runsScript(t, slug, "{}"), "FINISHED")
		if err := waitFor(func() error {
			receiver.mu.Lock()
			defer receiver.mu.Unlock()
			if len(receiver.spans) != n+1 {
				return errors.New("the spans are not there")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, span := range receiver.spans {
		if span.GetName() != "fairway.execution" || len(span.GetParentSpanId()) != 0 || span.GetStatus().GetCode() != otlp.Status_STATUS_CODE_UNSET {
			t.Errorf("%v", span)
		}
		wantAttributes(t, span, map[string]string{"fairway.attempt": "1", "fairway.outcome": "SUCCEEDED"})
	}
	for _, secret := range []string{slug, runnerUser, "of nobody else"} {
		if slices.ContainsFunc(receiver.raw, func(raw string) bool { return strings.Contains(raw, secret) }) {
			t.Errorf("spans hold %q", secret)
		}
	}
}
