package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// values are those of all that m shows now, by name and values of labels; histograms say how often they were observed.
func values(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := m.Register(reg); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			labels := ""
			for _, l := range s.GetLabel() {
				labels += l.GetValue()
			}
			out[f.GetName()+"{"+labels+"}"] = s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// TestExecutions goes through a reload that has another store: two handles for a while.
func TestExecutions(t *testing.T) {
	t.Parallel()
	m := New()
	statuses, outcomes := []string{"PENDING", "READY"}, []string{"FAILED"}
	old := m.Executions(statuses, outcomes)
	old.Moved("READY", 3)
	old.Ended("FAILED", -1)
	old.Ended("FAILED", time.Second)
	old.Logged(2, 100)
	old.Started(time.Second)
	old.LeaseLost()
	old.Built(false)
	fresh := m.Executions(statuses, outcomes)
	for range 2 {
		old.Close()
	}
	fresh.Moved("READY", 1)
	want := []string{
		"fairway_execution_attempts_total{outcome=FAILED}",
		"fairway_execution_leases_lost_total{}", "fairway_execution_log_bytes_total{}", "fairway_execution_log_lines_total{}",
		"fairway_execution_run_seconds{outcome=FAILED}", "fairway_execution_wait_seconds{}",
		"fairway_executions_total{status=PENDING}", "fairway_executions_total{status=READY}",
		"fairway_script_builds_total{result=failed}", "fairway_script_builds_total{result=ok}",
	}
	if diff := cmp.Diff(want, series(t, m)); diff != "" {
		t.Error(diff)
	}
	got := values(t, m)
	for name, want := range map[string]float64{
		"fairway_executions_total{READY}": 4, "fairway_execution_attempts_total{FAILED}": 2, "fairway_execution_run_seconds{FAILED}": 1, // what nobody knows of is no time
		"fairway_execution_wait_seconds{}": 1, "fairway_execution_leases_lost_total{}": 1, "fairway_execution_log_lines_total{}": 2,
		"fairway_execution_log_bytes_total{}": 100, "fairway_script_builds_total{failed}": 1, "fairway_script_builds_total{ok}": 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	fresh.Close()
	if left := series(t, m); left != nil {
		t.Errorf("left: %v", left)
	}
}

// slots are some.
type slots struct{ used, all int }

func (s slots) Slots() (used, all int) { return s.used, s.all }

func TestSlotsAndFollowers(t *testing.T) {
	t.Parallel()
	m := New()
	if got := values(t, m); got["fairway_runner_slots{}"] != 0 || got["fairway_runner_slots_used{}"] != 0 {
		t.Errorf("slots of nobody: %v", got)
	}
	m.WatchSlots(nil)
	m.WatchSlots(slots{used: 2, all: 4})
	m.Follow(2)
	m.Follow(-1)
	if got := values(t, m); got["fairway_runner_slots_used{}"] != 2 || got["fairway_runner_slots{}"] != 4 || got["fairway_execution_followers{}"] != 1 {
		t.Errorf("%v", got)
	}
}
