package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPass goes through a reload: two transports of one name for a while.
func TestPass(t *testing.T) {
	t.Parallel()
	m := New()
	old, fresh := m.Pass("legacy"), m.Pass("legacy")
	old.Observe(OK, time.Second)
	old.Observe("no_credentials", 0)
	want := []string{"fairway_pass_duration_seconds{outcome=no_credentials,service=legacy}", "fairway_pass_duration_seconds{outcome=ok,service=legacy}"}
	for range 2 {
		old.Close()
	}
	if diff := cmp.Diff(want, series(t, m)); diff != "" {
		t.Error(diff)
	}
	fresh.Close()
	if left := series(t, m); left != nil {
		t.Errorf("left: %v", left)
	}
}
