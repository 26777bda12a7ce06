package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEvents goes through a reload: two relays of one publisher for a while.
func TestEvents(t *testing.T) {
	t.Parallel()
	m := New()
	old, fresh := m.Events("nats"), m.Events("nats")
	old.Published(3)
	old.Failed()
	old.Behind(2)
	for range 2 {
		old.Close()
	}
	want := []string{"fairway_events_behind{publisher=nats}", "fairway_events_failed_total{publisher=nats}", "fairway_events_published_total{publisher=nats}"}
	if diff := cmp.Diff(want, series(t, m)); diff != "" {
		t.Error(diff)
	}
	fresh.Close()
	if left := series(t, m); left != nil {
		t.Errorf("left: %v", left)
	}
}
