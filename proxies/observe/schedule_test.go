package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSchedules goes through a reload: two who fire schedules for a while.
func TestSchedules(t *testing.T) {
	t.Parallel()
	m := New()
	old, fresh := m.Schedules([]string{"FIRED", "MISSED"}), m.Schedules([]string{"FIRED", "MISSED"})
	old.Counted("FIRED", 3)
	for range 2 {
		old.Close()
	}
	want := []string{"fairway_schedule_times_total{outcome=FIRED}", "fairway_schedule_times_total{outcome=MISSED}"}
	if diff := cmp.Diff(want, series(t, m)); diff != "" {
		t.Error(diff)
	}
	fresh.Close()
	if left := series(t, m); left != nil {
		t.Errorf("left: %v", left)
	}
}
