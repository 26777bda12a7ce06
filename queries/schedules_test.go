package queries

import (
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// aSchedule makes one that is due at a time, once.
func aSchedule(t testing.TB, s *Store, sc db.Script, due time.Time) db.Schedule {
	t.Helper()
	made, err := s.CreateSchedule(t.Context(), by(), db.Schedule{
		UserID: sc.UserID, ScriptID: sc.ID, Name: "n", Params: []byte("{}"), OnceAt: &due, Zone: "UTC", Skipped: "later", Repeated: "first", CatchUp: CatchUpOne, CatchUpMost: 1,
		Overlap: OverlapSkip, Wishes: []byte("{}"), Plan: []byte(`{"queue":"default","max_attempts":1,"timeout":1000000000}`), PlanVersion: 1, DueAt: &due,
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// one is due at one time.
type one time.Time

func (o one) Next(after time.Time) (time.Time, bool) { return time.Time(o), time.Time(o).After(after) }

func onceAt(row db.Schedule) (Times, error) { return one(*row.OnceAt), nil }

// pending counts executions that are made.
type pending int

// Moved implements Observer.
func (p *pending) Moved(status string, n int) {
	if status == StatusPending {
		*p += pending(n)
	}
}

// Ended implements Observer.
func (*pending) Ended(string, time.Duration) {}

// Logged implements Observer.
func (*pending) Logged(int64, int64) {}

// TestFirings holds that the history of schedules can only be added to, and is gone when it was kept for long enough.
func TestFirings(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		h.at = time.Now().UTC().Truncate(time.Microsecond)
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		seen := new(pending)
		s.observer = seen
		row := aSchedule(t, s, sc, h.at)
		fired, err := s.FireSchedules(t.Context(), Firing{Times: onceAt})
		if err != nil || fired.Looked != 1 || fired.Executions != 1 || fired.Outcomes[ScheduleFired] != 1 {
			t.Fatalf("%+v, %v", fired, err)
		}
		if *seen != 1 {
			t.Errorf("%d executions are told of", *seen)
		}
		if _, err := s.DeleteSchedule(t.Context(), by(), row.ID, func(db.Schedule) error { return nil }); err != nil || count(t, s, "schedule_runs") != 0 {
			t.Error("something is left of what was deleted:", err)
		}
		r := Retention{Firings: 30 * 24 * time.Hour}
		maintain := func(want int) {
			t.Helper()
			if _, err := s.Maintain(t.Context(), r); err != nil {
				t.Error(err)
			}
			if got := count(t, s, "schedule_firings"); got != want {
				t.Errorf("%d rows, want %d", got, want)
			}
		}
		maintain(1)
		for _, statement := range []string{"update schedule_firings set reason = 'x'", "delete from schedule_firings"} {
			if err := execute(t, s, statement); err == nil {
				t.Error("the history can be changed:", statement)
			}
		}
		h.turn(29 * 24 * time.Hour)
		maintain(1)
		h.turn(9 * 24 * time.Hour)
		maintain(0)
	})
}

// TestFiringOnce holds that a time is fired once by its key also where a schedule is made due at it again, and that an unknown plan makes
// nothing.
func TestFiringOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		due := h.at
		row := aSchedule(t, s, sc, due)
		for i, want := range []map[string]int{{ScheduleFired: 1}, {ScheduleSkipped: 1}} {
			fired, err := s.FireSchedules(t.Context(), Firing{Times: onceAt})
			if err != nil || fired.Outcomes[ScheduleFired] != want[ScheduleFired] || fired.Outcomes[ScheduleSkipped] != want[ScheduleSkipped] || fired.Executions != 1-i {
				t.Fatalf("%+v, %v", fired, err)
			}
			if _, err := s.Cancel(t.Context(), by(), *scheduled(t, s, row).LastExecution, "enough"); i == 0 && err != nil {
				t.Fatal(err)
			}
			if _, err := s.WakeSchedules(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.FireSchedules(t.Context(), Firing{Times: onceAt}); err != nil {
				t.Fatal(err)
			}
			again := func(_ time.Time, n *db.Schedule) error { n.DueAt = &due; return nil }
			if _, err := s.ChangeSchedule(t.Context(), by(), "", row.ID, again); err != nil {
				t.Fatal(err)
			}
		}
		broken := aSchedule(t, s, sc, due)
		bad := func(_ time.Time, n *db.Schedule) error { n.Plan = []byte("{}"); return nil }
		if _, err := s.ChangeSchedule(t.Context(), by(), "", broken.ID, bad); err != nil {
			t.Fatal(err)
		}
		fired, err := s.FireSchedules(t.Context(), Firing{Times: onceAt})
		if err != nil || fired.Executions != 0 || scheduled(t, s, broken).PausedReason == "" {
			t.Errorf("%+v, %v, %+v", fired, err, scheduled(t, s, broken))
		}
	})
}

func scheduled(t testing.TB, s *Store, row db.Schedule) db.Schedule {
	t.Helper()
	got, err := s.Schedule(t.Context(), row.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// each is due each so long after the beginning of 1970.
type each time.Duration

func (e each) Next(after time.Time) (time.Time, bool) {
	return after.Truncate(time.Duration(e)).Add(time.Duration(e)), true
}

// TestLatest compares it with going through all times.
func TestLatest(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, every := range []time.Duration{time.Second, 7 * time.Minute, time.Hour, 13 * time.Hour} {
		for _, back := range []time.Duration{0, time.Second, time.Minute, 3 * time.Hour, 50 * time.Hour} {
			for _, most := range []int{1, 3, 100} {
				from := until.Add(-back)
				var want []time.Time
				for at, _ := each(every).Next(from.Add(-1)); !at.After(until); at, _ = each(every).Next(at) {
					want = append(want, at)
				}
				want = want[max(0, len(want)-most):]
				got := latest(each(every), from, until, most)
				if len(got) != len(want) || len(got) > 0 && (!got[0].Equal(want[0]) || !got[len(got)-1].Equal(want[len(want)-1])) {
					t.Errorf("each %s, %s back, %d: %v, want %v", every, back, most, got, want)
				}
			}
		}
	}
}
