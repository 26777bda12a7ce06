package observe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// TestDatabase goes through a reload: two pools of one name for a while, whose numbers are those of one database.
func TestDatabase(t *testing.T) {
	t.Parallel()
	m, reg := New(), prometheus.NewRegistry()
	if err := m.Register(reg); err != nil {
		t.Fatal(err)
	}
	old := m.Database("main", func() PoolStats { return PoolStats{InUse: 1, Idle: 2, Waits: 3, Waited: 1500 * time.Millisecond} })
	fresh := m.Database("main", func() PoolStats { return PoolStats{InUse: 10} })
	old.Change(BreakerOpen)
	query := m.Query("s", "GET /", "rows", "main")
	query.Observe(OK, 0)
	wantDatabases(
		t, reg, "breaker_changes_total{main,open} 1", "breaker_state{main} 2", "connections{main,idle} 2", "connections{main,in_use} 11",
		"wait_seconds_total{main} 1.5", "waits_total{main} 3",
	)
	if all := series(t, m); !slices.Contains(all, "fairway_query_duration_seconds{database=main,fetch=rows,outcome=ok,route=GET /,service=s}") {
		t.Errorf("%v", all)
	}
	old.Close()
	old.Close()
	wantDatabases(
		t, reg, "breaker_changes_total{main,open} 1", "breaker_state{main} 2", "connections{main,idle} 0", "connections{main,in_use} 10",
		"wait_seconds_total{main} 0", "waits_total{main} 0",
	)
	fresh.Close()
	query.Close()
	if left := series(t, m); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// wantDatabases compares the metrics of databases, without the beginning of their names.
func wantDatabases(t *testing.T, reg prometheus.Gatherer, want ...string) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		name, ok := strings.CutPrefix(f.GetName(), "fairway_database_")
		if !ok {
			continue
		}
		for _, s := range f.GetMetric() {
			var labels []string
			for _, l := range s.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got = append(got, fmt.Sprintf("%s{%s} %v", name, strings.Join(labels, ","), s.GetGauge().GetValue()+s.GetCounter().GetValue()))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
