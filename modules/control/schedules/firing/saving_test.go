package firing_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/schedules/calendar"
	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// change is one of the clocks of a zone, and when schedules are due on the days around it, in UTC.
type change struct {
	zone, from string
	// noon is what "30 12 * * *" is on three days: every day once. night is what cron is with skipped and repeated.
	cron, skipped, repeated string
	night                   []string
}

// changes are two of each of three zones: of the north, of the south, and of half an hour.
func changes() []change {
	return []change{
		{"Europe/Berlin", "2026-03-28T03:00:00Z", "30 2 * * *", "later", "first", []string{"03-29T01:00", "03-30T00:30", "03-31T00:30"}},
		{"Europe/Berlin", "2026-03-28T03:00:00Z", "30 2 * * *", "drop", "first", []string{"03-30T00:30", "03-31T00:30"}},
		{"Europe/Berlin", "2026-10-24T03:00:00Z", "30 2 * * *", "later", "first", []string{"10-25T00:30", "10-26T01:30", "10-27T01:30"}},
		{"Europe/Berlin", "2026-10-24T03:00:00Z", "30 2 * * *", "later", "both", []string{"10-25T00:30", "10-25T01:30", "10-26T01:30", "10-27T01:30"}},
		{"Australia/Sydney", "2026-10-03T00:00:00Z", "0 2 * * *", "later", "first", []string{"10-03T16:00", "10-04T15:00", "10-05T15:00"}},
		{"Australia/Sydney", "2026-04-04T00:00:00Z", "15 2 * * *", "later", "second", []string{"04-04T16:15", "04-05T16:15", "04-06T16:15"}},
		{"Australia/Lord_Howe", "2026-10-03T00:00:00Z", "15 2 * * *", "later", "first", []string{"10-03T15:30", "10-04T15:15", "10-05T15:15"}},
		{"Australia/Lord_Howe", "2026-04-04T00:00:00Z", "45 1 * * *", "later", "both", []string{"04-04T14:45", "04-04T15:15", "04-05T15:15", "04-06T15:15"}},
	}
}

// TestSaving turns the clock through both changes of the clocks in three zones, by steps of under a minute at the times that are due, over
// two gateways of which one ends in the middle: each time is fired once, as the schedule says.
func TestSaving(t *testing.T) {
	t.Parallel()
	both(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), func(t *testing.T, s *site) {
		t.Helper()
		second := open(t, s.dsn, s.hands)
		ended := sync.OnceFunc(second.Close)
		defer ended()
		loops := []*firing.Loop{loop(s.store, planner{}, nil), loop(second, planner{}, nil)}
		all := changes()
		slices.SortFunc(all, func(a, b change) int { return strings.Compare(a.from, b.from) })
		for i, c := range all {
			from, err := time.Parse(time.RFC3339, c.from)
			must(t, err)
			s.set(from)
			var zones calendar.Zones
			z, err := zones.Zone(c.zone)
			must(t, err)
			cron, err := calendar.ReadCron(c.cron)
			must(t, err)
			first, _ := calendar.Walls{Cron: cron, Zone: z, Skipped: c.skipped, Repeated: c.repeated}.Next(from)
			night := s.schedule(t, first, func(n *db.Schedule) { n.Cron, n.Zone, n.Skipped, n.Repeated = c.cron, c.zone, c.skipped, c.repeated })
			each := s.schedule(t, from.Add(12*time.Hour), func(n *db.Schedule) { n.Cron, n.EveryMs = "", (12 * time.Hour).Milliseconds() })
			if i == len(all)/2 {
				ended()
				loops = loops[:1]
			}
			for until := from.Add(76 * time.Hour); ; {
				next, ok, err := s.store.NextWake(t.Context())
				must(t, err)
				if !ok || next.After(until) {
					break
				}
				s.set(later(next.Add(time.Duration(len(s.firings(t, each.ID))*7) * time.Second)).of(s.now()))
				var g sync.WaitGroup
				for _, l := range loops {
					g.Go(func() {
						if err := l.Step(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
				g.Wait()
				s.cancelAll(t)
			}
			want := []string{}
			for _, at := range c.night {
				want = append(want, queries.ScheduleFired+" "+at)
			}
			if diff := cmp.Diff(want, s.history(t, night.ID)); diff != "" {
				t.Errorf("%s in %s, %s, %s (-want +got):\n%s", c.cron, c.zone, c.skipped, c.repeated, diff)
			}
			if n := len(s.firings(t, each.ID)); n != 6 {
				t.Errorf("what is due each 12h was fired %d times in 76h: %v", n, s.history(t, each.ID))
			}
			for _, row := range []db.Schedule{night, each} {
				_, err := s.store.DeleteSchedule(t.Context(), queries.By{Actor: "test"}, row.ID, func(db.Schedule) error { return nil })
				must(t, err)
			}
		}
		fired := 0
		for _, c := range all {
			fired += len(c.night) + 6
		}
		if n := len(s.executions(t)); n != fired {
			t.Errorf("there are %d executions, want %d", n, fired)
		}
	})
}

// later is a time that is not before another.
type later time.Time

func (l later) of(now time.Time) time.Time {
	if t := time.Time(l); t.After(now) {
		return t
	}
	return now
}
