package firing_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestRun holds that a loop is woken by schedules that are made, and fires at their times, and that the next time in a queue follows the
// end of the one before: it would look by itself in an hour.
func TestRun(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := newSite(t, dsn, time.Now())
		live, err := opened(t.Context(), queries.Config{DSN: dsn}) // its clock is the real one
		must(t, err)
		defer live.Close()
		s.store = live
		ctx, cancel := context.WithCancel(t.Context())
		done, counted := make(chan struct{}), map[string]int{}
		go func() {
			defer close(done)
			firing.New(firing.Config{Store: live, Planner: planner{}, Tick: time.Hour, Counted: func(outcome string, n int) { counted[outcome] += n }}).Run(ctx)
		}()
		defer func() {
			cancel()
			<-done
			if counted[queries.ScheduleFired] < 3 || counted[queries.ScheduleQueued] < 1 {
				t.Error("what became of times is counted:", counted)
			}
		}()
		fired := func(id uuid.UUID, n int) {
			t.Helper()
			for end := time.Now().Add(time.Minute); len(s.firings(t, id)) < n; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it is not fired:", s.history(t, id))
				}
			}
		}
		at := live.Now().Add(300 * time.Millisecond)
		one := s.schedule(t, at, func(n *db.Schedule) { n.Cron, n.OnceAt = "", &at })
		fired(one.ID, 1)
		if f := s.firings(t, one.ID)[0]; f.Outcome != queries.ScheduleFired || f.At.Before(at) {
			t.Errorf("%+v", f)
		}
		s.cancelAll(t)
		queue := s.schedule(t, live.Now(), func(n *db.Schedule) { n.Cron, n.EveryMs, n.Overlap = "", 1000, queries.OverlapQueue })
		fired(queue.ID, 2) // one is fired, one waits
		waits := len(s.firings(t, queue.ID))
		s.cancelAll(t)
		fired(queue.ID, waits+1)
	})
}
