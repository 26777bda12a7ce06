package queries

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries/db"
)

// TestScheduleEvents holds what is told of schedules and of their times.
func TestScheduleEvents(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		h.at = time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)
		s := openAt(t, dsn, h)
		user := create(t, s, aUser("a@x.org"))
		sc := aScript(t, s, user.ID, "one")
		begin(t, s, "r")
		row := aSchedule(t, s, sc, h.at)
		if _, err := s.FireSchedules(t.Context(), Firing{Times: onceAt}); err != nil {
			t.Fatal(err)
		}
		change := func(f func(now time.Time, n *db.Schedule)) {
			t.Helper()
			if _, err := s.ChangeSchedule(t.Context(), by(), "schedule.change", row.ID, func(now time.Time, n *db.Schedule) error { f(now, n); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		change(func(_ time.Time, n *db.Schedule) { n.Name = "secret" })
		change(func(now time.Time, n *db.Schedule) { n.PausedAt = &now })
		change(func(_ time.Time, n *db.Schedule) { n.PausedAt = nil })
		row, err := s.Schedule(t.Context(), row.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PauseSchedule(t.Context(), by(), row.ID, row.Version, "why", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteSchedule(t.Context(), by(), row.ID, func(db.Schedule) error { return nil }); err != nil {
			t.Fatal(err)
		}
		var types []string
		data := map[string]map[string]any{}
		for _, e := range slices.DeleteFunc(read(t, s, "r", 100), func(e Event) bool { return e.Subject != "schedule/"+row.ID.String() }) {
			types = append(types, e.Type)
			var of map[string]any
			if err := json.Unmarshal(e.Data, &of); err != nil {
				t.Error(err)
			}
			data[e.Type] = of
		}
		if diff := cmp.Diff([]string{"schedule.created", "schedule.fired", "schedule.updated", "schedule.paused", "schedule.resumed", "schedule.paused", "schedule.deleted"}, types); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		who := map[string]any{"schedule_id": row.ID.String(), "script_id": sc.ID.String(), "user_id": user.ID.String()}
		want := func(typ string, more map[string]any) {
			t.Helper()
			maps.Copy(more, who)
			if diff := cmp.Diff(more, data[typ]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", typ, diff)
			}
		}
		want("schedule.created", map[string]any{"version": 1.0, "paused": false, "reason": ""})
		want("schedule.paused", map[string]any{"version": 5.0, "paused": true, "reason": "why"})
		want("schedule.fired", map[string]any{"due_at": "2026-03-01T12:00:00.250Z", "outcome": "FIRED", "reason": "", "execution_id": row.LastExecution.String()})
	})
}
