package queries

import (
	"testing"
	"time"
)

// TestArrivals holds that an execution and the event that asked for it are written together, once, and that what became of events can only be
// added to, and is gone when it was kept for long enough.
func TestArrivals(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		h.at = time.Now().UTC().Truncate(time.Microsecond)
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		n := execution(sc)
		n.Key, n.BodyHash = make([]byte, 32), make([]byte, 32)
		n.Arrival = &Arrival{Origin: "on:x", User: sc.UserID, Event: "/s 1", Path: "<hook:y>"}
		first := run1(t, s, Limits{}, n)
		again := run1(t, s, Limits{}, n)
		if !again.Existing || again.ID != first.ID || count(t, s, "arrivals") != 1 {
			t.Errorf("%v, %d arrivals", again.ID, count(t, s, "arrivals"))
		}
		if path, err := s.PathOf(t.Context(), first.ID); err != nil || path != "<hook:y><on:x>" {
			t.Error(path, err)
		}
		if err := s.RefuseArrival(t.Context(), Arrival{Origin: "on:x", Event: "/s 2"}, ArrivalRefused, "because\x00"); err != nil {
			t.Error(err)
		}
		all, err := s.ArrivalsFrom(t.Context(), "on:x", 10)
		if err != nil || len(all) != 2 || all[0].Outcome != ArrivalRefused || all[0].UserID != nil || *all[1].ExecutionID != first.ID {
			t.Errorf("%+v, %v", all, err)
		}
		if path, err := s.PathOf(t.Context(), sc.ID); err != nil || path != "" {
			t.Error(path, err)
		}
		for _, statement := range []string{"update arrivals set reason = 'x'", "delete from arrivals"} {
			if err := execute(t, s, statement); err == nil {
				t.Error("it can be changed:", statement)
			}
		}
		if _, err := s.Maintain(t.Context(), Retention{Arrivals: 30 * 24 * time.Hour}); err != nil || count(t, s, "arrivals") != 2 {
			t.Error(count(t, s, "arrivals"), err)
		}
		h.turn(38 * 24 * time.Hour)
		if _, err := s.Maintain(t.Context(), Retention{Arrivals: 30 * 24 * time.Hour}); err != nil || count(t, s, "arrivals") != 0 {
			t.Error(count(t, s, "arrivals"), err)
		}
	})
}
