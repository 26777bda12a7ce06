package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOutbox goes through a reload: two workers of one topic for a while.
func TestOutbox(t *testing.T) {
	t.Parallel()
	m := New()
	old, fresh := m.Outbox("mail"), m.Outbox("mail")
	old.Attempt(LetterSent)
	old.Held(3, 1)
	var want []string
	for _, result := range []string{LetterDead, LetterLost, LetterRetried, LetterSent} {
		want = append(want, "fairway_outbox_attempts_total{result="+result+",topic=mail}")
	}
	want = append(want, "fairway_outbox_letters{state=dead,topic=mail}", "fairway_outbox_letters{state=pending,topic=mail}")
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
