package fairway

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// counted are the values of metrics by name and label, of those that are not 0; histograms say how often they were observed.
func counted(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			name := f.GetName()
			for _, l := range s.GetLabel() {
				name += " " + l.GetValue()
			}
			value := s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
			if value != 0 {
				out[name] = value
			}
		}
	}
	return out
}

// awaitMetric waits until a metric has a value.
func awaitMetric(t *testing.T, reg *prometheus.Registry, name string, want float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runnertest.Patience)
	defer cancel()
	for counted(t, reg)[name] != want {
		select {
		case <-ctx.Done():
			t.Fatalf("%s is not %v: %v", name, want, counted(t, reg))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestExecutionMetrics has executions succeed, fail, be cancelled, be swept, and be taken from their runner.
func TestExecutionMetrics(t *testing.T) {
	t.Parallel()
	m, reg := observe.New(), prometheus.NewRegistry()
	if err := m.Register(reg); err != nil {
		t.Fatal(err)
	}
	counts := m.Executions(queries.Statuses(), queries.Outcomes())
	s := runnertest.NewObserved(t, runnertest.SQLite(t), counts)
	by := queries.By{Actor: "test"}

	// One that nobody started, whose runner is not heard of; then it is cancelled.
	gone := s.Execute(t, 1, "{}", nil)[0]
	if got, err := s.Store.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{queries.DefaultQueue}, Most: 1, Lease: time.Millisecond}); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	for {
		swept, err := s.Store.SweepAttempts(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(swept) == 1 {
			break
		}
		<-time.After(time.Millisecond)
	}
	if _, err := s.Store.Cancel(t.Context(), by, gone, "it is not wanted"); err != nil {
		t.Fatal(err)
	}

	r, end := s.Start(t, runner.Config{Executor: noop.New(noop.Plan{}), Slots: 3, Lease: 6 * time.Second, Observer: counts}, 0)
	m.WatchSlots(busy{r})
	for _, id := range s.Execute(t, 5, `{"lines":3}`, nil) {
		s.Await(t, id, queries.StatusFinished)
	}
	s.Await(t, s.Execute(t, 1, `{"exit_code":3}`, nil)[0], queries.StatusFailed)
	digest := sha256.Sum256(nil)
	script, err := s.Store.CreateScript(t.Context(), by, queries.ScriptUpload{
		Slug: "b", Name: "B", User: s.Script.UserID, Version: queries.VersionUpload{BlobKey: "scripts/b", BlobSHA256: digest[:]},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Built(t, script.ID)

	held := s.Execute(t, 1, `{"sleep_ms":3600000}`, nil)[0]
	s.Await(t, held, queries.StatusRunning)
	awaitMetric(t, reg, "fairway_runner_slots_used", 1)
	failed := queries.StatusFailed
	if _, err := s.Store.PatchExecution(t.Context(), by, held, queries.ExecutionPatch{Status: &failed}); err != nil {
		t.Fatal(err)
	}
	awaitMetric(t, reg, "fairway_execution_leases_lost_total", 1)
	awaitMetric(t, reg, "fairway_script_builds_total ok", 1)
	end()

	got := counted(t, reg)
	if got["fairway_execution_log_bytes_total"] < 15 {
		t.Errorf("%v bytes of logs", got["fairway_execution_log_bytes_total"])
	}
	delete(got, "fairway_execution_log_bytes_total")
	delete(got, "fairway_runner_slots_used") // where a run is given up its slot is given back at any time
	want := map[string]float64{
		"fairway_executions_total PENDING": 8, "fairway_executions_total READY": 9, "fairway_executions_total RUNNING": 7, "fairway_executions_total FINISHED": 5,
		"fairway_executions_total FAILED": 2, "fairway_executions_total CANCELLING": 1, "fairway_executions_total CANCELLED": 1,
		"fairway_execution_attempts_total LOST": 1, "fairway_execution_attempts_total CANCELLED": 1, "fairway_execution_attempts_total SUCCEEDED": 5, "fairway_execution_attempts_total FAILED": 2,
		"fairway_execution_wait_seconds": 7, "fairway_execution_run_seconds SUCCEEDED": 5, "fairway_execution_run_seconds FAILED": 1,
		"fairway_execution_leases_lost_total": 1, "fairway_execution_log_lines_total": 15, "fairway_script_builds_total ok": 1, "fairway_runner_slots": 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// busy are the slots of one runner.
type busy struct{ *runner.Runner }

func (b busy) Slots() (used, all int) { return b.Busy(), b.Config.Slots }
