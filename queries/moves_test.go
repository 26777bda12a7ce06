package queries

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// hands is a clock that a test turns.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) turn(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func newHands() *hands { return &hands{at: time.Date(2026, 3, 2, 12, 0, 0, 123456000, time.UTC)} }

func openAt(t testing.TB, dsn string, h *hands) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{DSN: dsn, Clock: h.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func allStatuses() []string {
	return []string{StatusPending, StatusReady, StatusRunning, StatusFinished, StatusFailed, StatusCancelling, StatusCancelled}
}

// edges are those of the state machine.
func edges() map[string][]string {
	return map[string][]string{
		StatusPending:    {StatusReady, StatusCancelling, StatusCancelled},
		StatusReady:      {StatusReady, StatusRunning, StatusFailed, StatusCancelling},
		StatusRunning:    {StatusReady, StatusFinished, StatusFailed, StatusCancelling},
		StatusCancelling: {StatusCancelled},
	}
}

// paths lead to each status.
func paths() map[string][]string {
	return map[string][]string{
		StatusPending: {}, StatusReady: {StatusReady}, StatusRunning: {StatusReady, StatusRunning}, StatusFinished: {StatusReady, StatusRunning, StatusFinished},
		StatusFailed: {StatusReady, StatusFailed}, StatusCancelling: {StatusReady, StatusCancelling}, StatusCancelled: {StatusCancelled},
	}
}

// TestEdges tries to move an execution from every status to every other by a statement that asks for no leave, and holds that it moves
// along the edges alone, and that each move is in the log.
func TestEdges(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		force := func(id uuid.UUID, status string) error {
			return execute(t, s, fmt.Sprintf(`update executions set status = '%[2]s', attempt = attempt + case when '%[2]s' = 'READY' then 1 else 0 end, dispatched_at = updated_at, started_at = updated_at,
				progress = case when '%[2]s' in ('FINISHED', 'FAILED', 'CANCELLED') then 100 else 0 end, ended_at = case when '%[2]s' in ('FINISHED', 'FAILED', 'CANCELLED') then updated_at end where id = '%[1]s'`, id, status))
		}
		n := execution(sc)
		tried := 0
		for _, from := range allStatuses() {
			for _, to := range allStatuses() {
				n.ID = uuid.Nil
				e := run1(t, s, Limits{Global: 1}, n) // the first one is admitted, the others wait
				if tried == 0 {
					e = run1(t, s, Limits{Global: 1}, n)
				}
				tried++
				want := []string{"->PENDING"}
				at := StatusPending
				for _, step := range paths()[from] {
					if err := force(e.ID, step); err != nil {
						t.Fatal(from, step, err)
					}
					want, at = append(want, at+"->"+step), step
				}
				err := force(e.ID, to)
				allowed := slices.Contains(edges()[from], to)
				if to == from && to != StatusReady {
					allowed = err == nil // it is no move
				} else if allowed {
					want = append(want, from+"->"+to)
				}
				if (err == nil) != allowed {
					t.Errorf("from %s to %s: %v", from, to, err)
				}
				log, err := s.StatusLog(t.Context(), e.ID, 100)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, l := range log {
					got = append(got, l.StatusFrom+"->"+l.StatusTo)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("from %s to %s is logged (-want +got):\n%s", from, to, diff)
				}
			}
		}
	})
}

// TestAttemptEdges is TestEdges of attempts, whose fence never shrinks.
func TestAttemptEdges(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		states := []string{"QUEUED", "STARTING", "RUNNING", "ENDED"}
		force := func(id uuid.UUID, state string, fence int) error {
			return execute(t, s, fmt.Sprintf(`update execution_attempts set state = '%[2]s', fence = %[3]d, runner_id = id, deadline_at = created_at, lease_until = case when '%[2]s' in ('STARTING', 'RUNNING') then created_at end,
				outcome = case when '%[2]s' = 'ENDED' then 'LOST' else '' end, ended_at = case when '%[2]s' = 'ENDED' then created_at end where execution_id = '%[1]s'`, id, state, fence))
		}
		for i, from := range states {
			for j, to := range states {
				e := run1(t, s, Limits{}, execution(sc))
				for _, step := range states[1 : i+1] {
					if step == "ENDED" && from != "ENDED" {
						continue
					}
					if err := force(e.ID, step, 2); err != nil {
						t.Fatal(err)
					}
				}
				if i == 0 {
					if err := execute(t, s, "update execution_attempts set fence = 2 where execution_id = '"+e.ID.String()+"'"); err != nil {
						t.Fatal(err)
					}
				}
				allowed := i == j || j == i+1 || to == "ENDED"
				if err := force(e.ID, to, 1); err == nil {
					t.Errorf("the fence shrinks from %s to %s", from, to)
				}
				if err := force(e.ID, to, 2); (err == nil) != allowed {
					t.Errorf("from %s to %s: %v", from, to, err)
				}
			}
		}
	})
}

// TestCancel holds what becomes of an execution that is cancelled, in every status.
func TestCancel(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		cancel := func(id uuid.UUID, was, is string) {
			t.Helper()
			got, err := s.Cancel(t.Context(), by(), id, "enough")
			if err != nil || got != (Cancelled{Was: was, Status: is}) || statusOf(t, s, id) != is {
				t.Errorf("%v, %v", got, err)
			}
		}
		refused := func(id uuid.UUID, is string) {
			t.Helper()
			_, err := s.Cancel(t.Context(), by(), id, "enough")
			if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != is {
				t.Errorf("%v", err)
			}
		}
		one := Limits{Global: 1}
		ready := run1(t, s, one, execution(sc))
		waiting := run1(t, s, one, execution(sc))
		cancel(waiting.ID, StatusPending, StatusCancelled)
		refused(waiting.ID, StatusCancelled)
		cancel(ready.ID, StatusReady, StatusCancelled) // nobody has claimed it
		if got, err := s.Claim(t.Context(), ClaimRequest{Runner: fresh(), Queues: []string{DefaultQueue}, Most: 5}); err != nil || len(got) != 0 {
			t.Error(got, err)
		}
		for _, started := range []bool{false, true} {
			e := run1(t, s, one, execution(sc))
			c := claim1(t, s, fresh())
			was := StatusReady
			if started {
				start1(t, s, c)
				was = StatusRunning
			}
			cancel(e.ID, was, StatusCancelling)
			refused(e.ID, StatusCancelling)
			told := []Verdict{{Held: true, Stop: OutcomeCancelled}}
			if v, err := s.Renew(t.Context(), []Holder{c.Holder}, 0); err != nil || !slices.Equal(v, told) {
				t.Error(v, err)
			}
			if v, err := s.Start(t.Context(), []StartRequest{{Holder: c.Holder}}, 0); err != nil || !slices.Equal(v, told) {
				t.Error(v, err)
			}
			if err := s.Progress(t.Context(), c.Holder, 3); !errors.Is(err, ErrFenced) {
				t.Error(err)
			}
			outcome := OutcomeCancelled
			if started {
				outcome = OutcomeSucceeded // it was too late
			}
			finish1(t, s, c.Holder, outcome, StatusCancelled)
			ended, err := s.Execution(t.Context(), e.ID)
			if err != nil || ended.Progress != 100 || ended.EndedAt == nil {
				t.Error(ended, err)
			}
		}
		if _, err := s.Cancel(t.Context(), by(), fresh(), ""); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
		if got, _ := actions(t, s, "execution:"+waiting.ID.String()); !slices.Equal(got, []string{"execution.cancel"}) {
			t.Error(got)
		}
	})
}

// TestRetry holds how often what fails is tried, and when.
func TestRetry(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		runner := fresh()
		none := func() {
			t.Helper()
			if got, err := s.Claim(t.Context(), ClaimRequest{Runner: runner, Queues: []string{DefaultQueue}, Most: 5}); err != nil || len(got) != 0 {
				t.Error(got, err)
			}
		}
		n := execution(sc)
		n.MaxAttempts, n.RetryOn, n.RetryDelay = 3, []Outcome{OutcomeFailed, OutcomeOOM}, 10*time.Second
		e := run1(t, s, Limits{}, n)
		for i, d := range []time.Duration{0, 10 * time.Second, 20 * time.Second} {
			if d > 0 {
				h.turn(d - time.Millisecond)
				none()
				h.turn(time.Millisecond)
			}
			c := claim1(t, s, runner)
			if c.Number != int64(i+1) || c.Execution != e.ID {
				t.Error(c)
			}
			start1(t, s, c)
			finish1(t, s, c.Holder, []Outcome{OutcomeFailed, OutcomeOOM, OutcomeFailed}[i], []string{StatusReady, StatusReady, StatusFailed}[i])
		}
		none()
		n.ID = uuid.Nil
		run1(t, s, Limits{}, n)
		c := claim1(t, s, runner)
		start1(t, s, c)
		finish1(t, s, c.Holder, OutcomeTimeout, StatusFailed) // nobody said that it is tried again
		// What never ran is tried again whatever was said, but not without end.
		e = run1(t, s, Limits{}, execution(sc))
		for i := range freeTries + 1 {
			want := StatusReady
			if i == freeTries {
				want = StatusFailed
			}
			c := claim1(t, s, runner)
			if i%2 == 0 {
				finish1(t, s, c.Holder, OutcomeRefused, want)
			} else { // it was told to start, and did not
				start1(t, s, c)
				got, err := s.Finish(t.Context(), []FinishRequest{{Holder: c.Holder, Outcome: OutcomeLost, Unbegun: true}})
				if err != nil || len(got) != 1 || got[0].Status != want {
					t.Error(got, err)
				}
			}
			h.turn(freeDelay)
		}
		all, err := s.Attempts(t.Context(), e.ID)
		if err != nil || len(all) != freeTries+1 {
			t.Error(len(all), err)
		}
		log, err := s.ReadLog(t.Context(), e.ID, 0, time.Time{}, 100)
		if err != nil || len(log) != freeTries+1 || !strings.Contains(log[freeTries].Notice, "The execution has failed.") || log[freeTries].LastID != int64(freeTries+1) {
			t.Error(log, err)
		}
	})
}

// TestOverdue holds that what nobody is heard of any more is lost, that what runs too long is ended, and that who held it counts no more.
func TestOverdue(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		swept := func(want ...Swept) {
			t.Helper()
			got, err := s.SweepAttempts(t.Context(), 100)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%v, %v; want %v", got, err, want)
			}
		}
		n := execution(sc)
		n.Timeout, n.MaxAttempts, n.RetryOn = time.Hour, 2, []Outcome{OutcomeLost}
		e := run1(t, s, Limits{}, n)
		c := claim1(t, s, fresh())
		start1(t, s, c)
		h.turn(DefaultLease - time.Second)
		swept()
		if v, err := s.Renew(t.Context(), []Holder{c.Holder}, DefaultLease); err != nil || !v[0].Held {
			t.Error(v, err)
		}
		h.turn(DefaultLease - time.Second)
		swept()
		h.turn(time.Second)
		swept(Swept{Attempt: c.Attempt, Execution: e.ID, Number: 1, Outcome: OutcomeLost, Status: StatusReady})
		swept()
		if v, err := s.Renew(t.Context(), []Holder{c.Holder}, 0); err != nil || v[0].Held {
			t.Error("who is lost holds it", v, err)
		}
		finish1(t, s, c.Holder, OutcomeSucceeded, "")
		if err := s.AppendLog(t.Context(), c.Holder, []LogChunk{{Seq: 1, Lines: 1, First: h.now(), Last: h.now(), Data: []byte("x")}}); !errors.Is(err, ErrFenced) {
			t.Error(err)
		}
		second := claim1(t, s, fresh())
		start1(t, s, second)
		for range 62 { // its runner is there, and it runs on
			h.turn(time.Minute - time.Second)
			if _, err := s.Renew(t.Context(), []Holder{second.Holder}, 0); err != nil {
				t.Fatal(err)
			}
			swept()
		}
		if v, err := s.Renew(t.Context(), []Holder{second.Holder}, 2*TimeoutGrace); err != nil || v[0] != (Verdict{Held: true, Stop: OutcomeTimeout}) {
			t.Error(v, err)
		}
		h.turn(TimeoutGrace)
		swept(Swept{Attempt: second.Attempt, Execution: e.ID, Number: 2, Outcome: OutcomeTimeout, Status: StatusFailed})
		log, err := s.ReadLog(t.Context(), e.ID, 0, time.Time{}, 100)
		if err != nil || len(log) != 2 || !strings.Contains(log[0].Notice, "LOST") || log[0].Level != "WARNING" || !strings.Contains(log[1].Notice, "TIMEOUT") || log[1].Level != "ERROR" {
			t.Error(log, err)
		}
		// What is being cancelled when it is lost is cancelled.
		e = run1(t, s, Limits{}, n)
		c = claim1(t, s, fresh())
		if _, err := s.Cancel(t.Context(), by(), e.ID, ""); err != nil {
			t.Fatal(err)
		}
		h.turn(DefaultLease)
		swept(Swept{Attempt: c.Attempt, Execution: e.ID, Number: 1, Outcome: OutcomeLost, Status: StatusCancelled})
	})
}

// TestClaimBegins starts with their claim what may be started at once, and leaves alone what was cancelled meanwhile or is made ready first.
func TestClaimBegins(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		all, err := s.CreateExecutions(t.Context(), Limits{}, []NewExecution{execution(sc), execution(sc)})
		if err != nil {
			t.Fatal(err)
		}
		hash := index(7)
		got, err := s.Claim(t.Context(), ClaimRequest{Runner: fresh(), Queues: []string{DefaultQueue}, Most: 2, Begin: func(c *Claimed) *StartRequest {
			if c.Execution != all[0].ID {
				return nil
			}
			return &StartRequest{Timeout: time.Hour, Handle: "h", TokenHash: hash}
		}})
		if err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
		for _, c := range got {
			e, err := s.Execution(t.Context(), c.Execution)
			if err != nil {
				t.Fatal(err)
			}
			if begun := c.Execution == all[0].ID; c.Started != begun || (e.Status == StatusRunning) != begun || (e.StartedAt != nil) != begun {
				t.Errorf("%+v is %s", c, e.Status)
			}
		}
		a, err := s.AttemptOfToken(t.Context(), hash)
		if err != nil || a.ExecutionID != all[0].ID || a.Handle != "h" || a.State != "RUNNING" {
			t.Errorf("%+v %v", a, err)
		}
		// Its own end is accepted, as after Start.
		for _, c := range got {
			if _, err := s.Start(t.Context(), []StartRequest{{Holder: c.Holder, Timeout: time.Hour}}, 0); err != nil {
				t.Fatal(err)
			}
			if done, err := s.Finish(t.Context(), []FinishRequest{{Holder: c.Holder, Outcome: OutcomeSucceeded}}); err != nil || done[0].Status != StatusFinished {
				t.Errorf("%+v %v", done, err)
			}
		}
	})
}
