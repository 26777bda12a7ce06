package firing_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// begin is where clocks of tests begin: ten minutes before the first time.
func begin() time.Time { return time.Date(2026, 5, 1, 2, 20, 0, 0, time.UTC) }

func first() time.Time { return begin().Add(10 * time.Minute) }

func (s *site) want(t *testing.T, id uuid.UUID, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.history(t, id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCatchUp holds what is done of times that went by while no gateway ran.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		l := loop(s.store, planner{}, nil)
		with := func(catchUp string, overlap string) db.Schedule {
			return s.schedule(t, first(), func(n *db.Schedule) { n.CatchUp, n.Overlap = catchUp, overlap })
		}
		none, one, all := with(queries.CatchUpNone, queries.OverlapSkip), with(queries.CatchUpOne, queries.OverlapSkip), with(queries.CatchUpAll, queries.OverlapQueue)
		at := first()
		once := func(catchUp string) db.Schedule {
			return s.schedule(t, at, func(n *db.Schedule) { n.Cron, n.OnceAt, n.CatchUp = "", &at, catchUp })
		}
		never, still := once(queries.CatchUpNone), once(queries.CatchUpOne)
		s.turn(5 * 24 * time.Hour) // 05-06 02:20: five times have gone by
		step(t, l)
		s.want(t, none.ID, "MISSED 05-01T02:30")
		s.want(t, one.ID, "MISSED 05-01T02:30", "FIRED 05-05T02:30")
		s.want(t, all.ID, "MISSED 05-01T02:30", "QUEUED 05-04T02:30", "QUEUED 05-05T02:30", "FIRED 05-03T02:30")
		s.want(t, never.ID, "MISSED 05-01T02:30")
		s.want(t, still.ID, "FIRED 05-01T02:30")
		if f := s.firings(t, none.ID)[0].Reason; f != "no gateway ran: 5 times from 2026-05-01T02:30:00Z on" {
			t.Error(f)
		}
		if f := s.firings(t, one.ID)[0].Reason; f != "no gateway ran: 4 times from 2026-05-01T02:30:00Z on" {
			t.Error(f)
		}
		if s.get(t, still.ID).DueAt != nil || s.get(t, never.ID).DueAt != nil || s.get(t, never.ID).WakeAt != nil {
			t.Error("what is due once is due again")
		}
		// What is due now is reason enough to leave out what was missed.
		s.set(time.Date(2026, 5, 8, 2, 30, 20, 0, time.UTC))
		s.cancelAll(t)
		step(t, l)
		s.cancelAll(t)
		step(t, l)
		s.want(t, one.ID, "MISSED 05-01T02:30", "FIRED 05-05T02:30", "MISSED 05-06T02:30", "FIRED 05-08T02:30")
		s.want(t, none.ID, "MISSED 05-01T02:30", "MISSED 05-06T02:30", "FIRED 05-08T02:30")
		if due := s.get(t, none.ID).DueAt; !due.Equal(time.Date(2026, 5, 9, 2, 30, 0, 0, time.UTC)) {
			t.Error(due)
		}
		// A year of seconds is no work.
		busy := s.schedule(t, s.now().Add(time.Second), func(n *db.Schedule) { n.Cron, n.EveryMs, n.CatchUp = "", 1000, queries.CatchUpAll })
		s.turn(365 * 24 * time.Hour)
		step(t, l)
		if f := s.firings(t, busy.ID)[0]; !strings.Contains(f.Reason, "more than 1000 times") {
			t.Error(f.Reason)
		}
	})
}

// TestOverlap holds what is done of a time while the one before is not over.
func TestOverlap(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		l := loop(s.store, planner{}, nil)
		with := func(overlap string) db.Schedule {
			return s.schedule(t, first(), func(n *db.Schedule) { n.Overlap = overlap })
		}
		skip, queue, replace := with(queries.OverlapSkip), with(queries.OverlapQueue), with(queries.OverlapReplace)
		s.set(first())
		step(t, l)
		// That of replace runs, so that its runner has to end it.
		running := *s.get(t, replace.ID).LastExecution
		var holder queries.Claimed
		for range 3 {
			got, err := s.store.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{queries.DefaultQueue}, Most: 1})
			must(t, err)
			_, err = s.store.Start(t.Context(), []queries.StartRequest{{Holder: got[0].Holder, Timeout: 1000 * time.Hour}}, 0)
			must(t, err)
			if got[0].Execution == running {
				holder = got[0]
			}
		}
		for range 2 {
			s.turn(24 * time.Hour)
			step(t, l)
		}
		s.want(t, skip.ID, "FIRED 05-01T02:30", "SKIPPED 05-02T02:30", "SKIPPED 05-03T02:30")
		s.want(t, queue.ID, "FIRED 05-01T02:30", "QUEUED 05-02T02:30", "QUEUED 05-03T02:30")
		s.want(t, replace.ID, "FIRED 05-01T02:30", "QUEUED 05-02T02:30", "SKIPPED 05-02T02:30", "QUEUED 05-03T02:30")
		if f := s.firings(t, skip.ID)[1]; f.ExecutionID == nil || *f.ExecutionID != *s.get(t, skip.ID).LastExecution {
			t.Error("it is not said what was in its way")
		}
		e, err := s.store.Execution(t.Context(), running)
		if must(t, err); e.Status != queries.StatusCancelling {
			t.Fatal(e.Status)
		}
		_, err = s.store.Finish(t.Context(), []queries.FinishRequest{{Holder: holder.Holder, Outcome: queries.OutcomeCancelled, Reason: "r"}})
		must(t, err)
		step(t, l)
		s.want(t, replace.ID, "FIRED 05-01T02:30", "QUEUED 05-02T02:30", "SKIPPED 05-02T02:30", "QUEUED 05-03T02:30", "FIRED 05-03T02:30")
		// One after the other, in order, each alone.
		_, err = s.store.Cancel(t.Context(), controltest.By(), *s.get(t, queue.ID).LastExecution, "r")
		must(t, err)
		step(t, l)
		s.want(t, queue.ID, "FIRED 05-01T02:30", "QUEUED 05-02T02:30", "QUEUED 05-03T02:30") // it runs still
	})
}

// TestQueue holds that times that wait are fired one after the other, and dropped with a pause.
func TestQueue(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		l := loop(s.store, planner{}, nil)
		row := s.schedule(t, first(), func(n *db.Schedule) { n.Overlap = queries.OverlapQueue })
		s.set(first())
		step(t, l)
		for range 3 {
			s.turn(24 * time.Hour)
			step(t, l)
		}
		s.end(t, queries.OutcomeSucceeded)
		step(t, l)
		s.end(t, queries.OutcomeFailed)
		step(t, l)
		s.want(t, row.ID, "FIRED 05-01T02:30", "QUEUED 05-02T02:30", "QUEUED 05-03T02:30", "QUEUED 05-04T02:30", "FIRED 05-02T02:30", "FIRED 05-03T02:30")
		got := s.get(t, row.ID)
		if got.Failures != 1 || got.LastStatus != queries.StatusFailed || got.LastSuccessAt == nil {
			t.Errorf("%+v", got)
		}
		_, err := s.store.ChangeSchedule(t.Context(), controltest.By(), "schedule.pause", row.ID, func(now time.Time, n *db.Schedule) error {
			n.PausedAt, n.DueAt = &now, nil
			return nil
		})
		must(t, err)
		step(t, l)
		s.want(t, row.ID, "FIRED 05-01T02:30", "QUEUED 05-02T02:30", "QUEUED 05-03T02:30", "QUEUED 05-04T02:30", "FIRED 05-02T02:30", "FIRED 05-03T02:30", "SKIPPED 05-04T02:30")
		s.end(t, queries.OutcomeSucceeded)
		step(t, l)
		s.turn(10 * 24 * time.Hour)
		step(t, l)
		if n := len(s.history(t, row.ID)); n != 7 || s.get(t, row.ID).Failures != 0 {
			t.Error("what is paused goes on:", s.history(t, row.ID))
		}
	})
}

// TestPauses holds that a schedule is paused that nobody can run any more, and that its owner is told, where there is one.
func TestPauses(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		var news []queries.ScheduleNews
		l := loop(s.store, planner{}, &news)
		bob := s.user(t, "bob", "USER")
		public := s.built(t, s.owner.ID, "public")
		_, err := s.store.PublishScript(t.Context(), controltest.By(), public.ID, true)
		must(t, err)
		gone, shut := s.built(t, s.owner.ID, "gone"), s.user(t, "shut", "USER")
		of := func(user uuid.UUID, script uuid.UUID) db.Schedule {
			return s.schedule(t, first(), func(n *db.Schedule) { n.UserID, n.ScriptID = user, script })
		}
		lives, blocked, unseen, deleted := of(bob.ID, public.ID), of(shut.ID, public.ID), of(bob.ID, s.script.ID), of(s.owner.ID, gone.ID)
		_, err = s.store.ChangeUser(t.Context(), controltest.By(), shut.ID, func(u *db.User) error { u.IsActive = false; return nil })
		must(t, err)
		_, err = s.store.DeleteScript(t.Context(), controltest.By(), gone.ID)
		must(t, err)
		s.set(first())
		step(t, l)
		s.want(t, lives.ID, "FIRED 05-01T02:30")
		for id, reason := range map[uuid.UUID]string{blocked.ID: "its owner is not active any more", unseen.ID: "its owner may not run its script any more", deleted.ID: "its script was deleted"} {
			s.want(t, id, "PAUSED 05-01T02:30")
			if row := s.get(t, id); row.PausedReason != reason || row.PausedAt == nil || row.DueAt != nil || row.Version != 2 {
				t.Errorf("%+v", row)
			}
		}
		if len(news) != 2 || news[0].Kind != queries.SchedulePaused || news[0].Email == "shut@example.org" || news[1].Email == "shut@example.org" {
			t.Errorf("%+v", news)
		}
		s.cancelAll(t)
		_, err = s.store.PublishScript(t.Context(), controltest.By(), public.ID, false)
		must(t, err)
		s.turn(24 * time.Hour)
		step(t, l)
		s.want(t, lives.ID, "FIRED 05-01T02:30", "PAUSED 05-02T02:30")
	})
}

// TestPlan holds that a new version of a script is run once it is built, and that a schedule is paused whose parameters it does not take.
func TestPlan(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		l := loop(s.store, planner{}, nil)
		row := s.schedule(t, first(), nil)
		pinned := s.schedule(t, first(), func(n *db.Schedule) { one := int64(1); n.ScriptVersion = &one })
		upload := func() {
			_, err := s.store.UploadScript(t.Context(), controltest.By(), s.script.ID, s.owner.ID, queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32)})
			must(t, err)
		}
		version := func(id uuid.UUID, want int64) {
			t.Helper()
			e, err := s.store.Execution(t.Context(), *s.get(t, id).LastExecution)
			if must(t, err); e.ScriptVersion == nil || *e.ScriptVersion != want {
				t.Errorf("version %v, want %d", e.ScriptVersion, want)
			}
		}
		upload()
		s.set(first())
		step(t, l)
		version(row.ID, 1) // the new one is not built
		s.cancelAll(t)
		s.build(t)
		s.turn(24 * time.Hour)
		step(t, l)
		version(row.ID, 2)
		version(pinned.ID, 1)
		s.cancelAll(t)
		upload()
		s.build(t)
		s.turn(24 * time.Hour)
		var news []queries.ScheduleNews
		strict := loop(s.store, planner{err: api.Failure{Status: http.StatusBadRequest, Detail: "/a: it is no text"}}, &news)
		step(t, strict)
		if got := s.get(t, row.ID); got.PausedReason != "the newest version of its script cannot be run: /a: it is no text" || len(news) != 1 {
			t.Errorf("%+v, %v", got, news)
		}
		s.want(t, row.ID, "FIRED 05-01T02:30", "FIRED 05-02T02:30", "PAUSED 05-03T02:30")
		s.want(t, pinned.ID, "FIRED 05-01T02:30", "FIRED 05-02T02:30", "FIRED 05-03T02:30")
	})
}

// TestAlerts holds that an owner is told once that it fails, or had no success for long, until it goes well again.
func TestAlerts(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		var news []queries.ScheduleNews
		l := loop(s.store, planner{}, &news)
		failing := s.schedule(t, first(), func(n *db.Schedule) { n.AlertFailures = 2 })
		day := func(o queries.Outcome) {
			t.Helper()
			step(t, l)
			s.end(t, o)
			step(t, l)
			s.turn(24 * time.Hour)
		}
		s.set(first())
		day(queries.OutcomeFailed)
		if len(news) > 0 {
			t.Fatal(news)
		}
		day(queries.OutcomeTimeout)
		day(queries.OutcomeFailed)
		row := s.get(t, failing.ID)
		if len(news) != 1 || news[0].Text != "it failed 2 times in a row" || news[0].Email != "ann@example.org" || news[0].Script != "one" || row.Alert != news[0].Text || row.Failures != 3 {
			t.Fatalf("%+v, %+v", news, row)
		}
		day(queries.OutcomeSucceeded)
		if row = s.get(t, failing.ID); row.Alert != "" || row.Failures != 0 || row.LastStatus != queries.StatusFinished || row.LastOutcome != queries.ScheduleFired {
			t.Errorf("%+v", row)
		}
		day(queries.OutcomeFailed)
		day(queries.OutcomeFailed)
		if len(news) != 2 {
			t.Error(news)
		}
		// Without a success for two days.
		silent := s.schedule(t, s.now().Add(time.Hour), func(n *db.Schedule) {
			n.AlertSilenceMs, n.Overlap = (48 * time.Hour).Milliseconds(), queries.OverlapSkip
		})
		s.turn(47 * time.Hour)
		step(t, l)
		if len(news) != 2 {
			t.Fatal(news[2:])
		}
		s.turn(time.Hour)
		step(t, l)
		if len(news) != 3 || news[2].Text != "it had no success for 48h0m0s" || s.get(t, silent.ID).Alert == "" {
			t.Fatal(news[2:])
		}
		s.end(t, queries.OutcomeSucceeded)
		step(t, l)
		if s.get(t, silent.ID).Alert != "" {
			t.Error("it went well, and is said to fail")
		}
	})
}

// TestLimits holds that executions of schedules count in the limits of their owner.
func TestLimits(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		bob := s.user(t, "bob", "USER")
		s.script = s.built(t, bob.ID, "his")
		s.owner = bob
		for range 10 {
			s.schedule(t, first(), nil)
		}
		s.set(first())
		l := firing.New(firing.Config{Store: s.store, Planner: planner{}, Limits: queries.Limits{PerUser: 2, Waiting: 5}})
		step(t, l)
		if ready, waits := len(s.executions(t, queries.StatusReady)), len(s.executions(t, queries.StatusPending)); ready != 2 || waits != 3 {
			t.Errorf("%d are admitted, %d wait", ready, waits)
		}
	})
}

// TestRunNow holds that a schedule can be run by hand, alone.
func TestRunNow(t *testing.T) {
	t.Parallel()
	both(t, begin(), func(t *testing.T, s *site) {
		t.Helper()
		l := loop(s.store, planner{}, nil)
		row := s.schedule(t, first(), nil)
		id, err := s.store.RunSchedule(t.Context(), controltest.By(), queries.Limits{}, row)
		must(t, err)
		_, err = s.store.RunSchedule(t.Context(), controltest.By(), queries.Limits{}, row)
		if busy, ok := err.(*queries.BusyError); !ok || busy.Execution != id { //nolint:errorlint // it is this one
			t.Error(err)
		}
		step(t, l)
		s.end(t, queries.OutcomeSucceeded)
		s.set(first())
		step(t, l)
		s.want(t, row.ID, "FIRED 05-01T02:20", "FIRED 05-01T02:30")
		if got := s.get(t, row.ID); got.LastSuccessAt == nil || !got.DueAt.Equal(first().Add(24*time.Hour)) {
			t.Errorf("%+v", got)
		}
	})
}
