package queries

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

func longAnswer() NewLongAnswer {
	return NewLongAnswer{Service: "s", Route: "GET /x", Caller: index(1), TokenHash: index(2), Timeout: time.Hour, Gateway: uuid.New(), Lease: time.Minute}
}

func beginLong(t testing.TB, s *Store, n NewLongAnswer) Holder {
	t.Helper()
	h, err := s.BeginLongAnswer(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestLongAnswerEnds: an answer is kept with the end of its execution, once, for as long as it is wished.
func TestLongAnswerEnds(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		clock := newHands()
		s := openAt(t, dsn, clock)
		s.OnReady(func(_ context.Context, _ db.Querier, ready []Ready) error {
			t.Errorf("runners are told of %+v", ready)
			return nil
		})
		h := beginLong(t, s, longAnswer())
		if got := statusOf(t, s, h.Execution); got != StatusRunning {
			t.Error(got)
		}
		if some, err := s.Unclaimed(t.Context(), 0, 10); err != nil || len(some) > 0 {
			t.Error(some, err)
		}
		end := FinishRequest{Holder: h, Outcome: OutcomeSucceeded}
		kept := &KeptAnswer{Status: 200, Header: []byte("{}"), Body: []byte("1"), Size: 1, Expires: time.Hour}
		other := end
		other.Fence--
		if _, err := s.EndLongAnswer(t.Context(), other, kept); !errors.Is(err, ErrFenced) {
			t.Error("somebody else ended it:", err)
		}
		for range 2 { // who did not hear that it was done asks again
			if status, err := s.EndLongAnswer(t.Context(), end, kept); err != nil || status != StatusFinished {
				t.Error(status, err)
			}
		}
		a, err := s.LongAnswer(t.Context(), h.Execution)
		if err != nil || string(a.Body) != "1" || *a.Status != 200 || a.ExecutionStatus != StatusFinished {
			t.Errorf("%+v %v", a, err)
		}
		if over, err := s.SweepLongAnswers(t.Context(), time.Hour, 10); err != nil || len(over) != 0 {
			t.Error(over, err)
		}
		clock.turn(time.Hour)
		if _, err := s.LongAnswer(t.Context(), h.Execution); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
		over, err := s.SweepLongAnswers(t.Context(), time.Hour, 10)
		if err != nil || len(over) != 1 || over[0].Execution != h.Execution {
			t.Fatal(over, err)
		}
		if err := s.ForgetLongAnswer(t.Context(), h.Execution); err != nil {
			t.Error(err)
		}
		if over, err = s.SweepLongAnswers(t.Context(), time.Hour, 10); err != nil || len(over) != 0 {
			t.Error(over, err)
		}
	})
}

// TestLongAnswerLost: what nobody renews is made again where it may be, by who has its route, or has failed.
func TestLongAnswerLost(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		clock := newHands()
		s := openAt(t, dsn, clock)
		n := longAnswer()
		mayNot := beginLong(t, s, n)
		n.Request, n.Attempts = []byte("r"), 2
		may := beginLong(t, s, n)
		clock.turn(time.Minute + time.Second)
		if _, err := s.SweepAttempts(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		e, err := s.Execution(t.Context(), mayNot.Execution)
		if err != nil || e.Status != StatusFailed || e.Reason != ReasonGatewayLost {
			t.Errorf("%s %s %v", e.Status, e.Reason, err)
		}
		if got := statusOf(t, s, may.Execution); got != StatusReady {
			t.Error(got)
		}
		queue := GatewayQueue("s", "GET /x")
		if got, err := s.WaitingLongAnswers(t.Context(), []string{"default", queue}); err != nil || len(got) != 1 || got[0] != queue {
			t.Error(got, err)
		}
		// A runner of any queue has none of it, a gateway has it at once.
		if got, err := s.Claim(t.Context(), ClaimRequest{Runner: uuid.New(), Queues: []string{DefaultQueue}, Most: 10}); err != nil || len(got) > 0 {
			t.Error(got, err)
		}
		got, err := s.Claim(t.Context(), ClaimRequest{Runner: uuid.New(), Queues: []string{queue}, Most: 10, Lease: time.Minute, Begin: func(c *Claimed) *StartRequest { return &StartRequest{Timeout: c.Timeout} }})
		if err != nil || len(got) != 1 || !got[0].Started || got[0].Number != 2 {
			t.Fatalf("%+v %v", got, err)
		}
		if row, err := s.LongRequest(t.Context(), may.Execution); err != nil || string(row.Request) != "r" {
			t.Errorf("%+v %v", row, err)
		}
		if _, err := s.EndLongAnswer(t.Context(), FinishRequest{Holder: may, Outcome: OutcomeSucceeded}, nil); !errors.Is(err, ErrFenced) {
			t.Error("who lost it ended it:", err)
		}
		clock.turn(time.Minute + time.Second)
		if _, err := s.SweepAttempts(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		if got := statusOf(t, s, may.Execution); got != StatusFailed {
			t.Error("it was tried twice:", got)
		}
		if _, err := s.SweepLongAnswers(t.Context(), time.Hour, 10); err != nil {
			t.Fatal(err)
		}
		if row, err := s.LongRequest(t.Context(), may.Execution); err != nil || row.Request != nil {
			t.Errorf("the request is kept: %v", err)
		}
	})
}

// TestLongAnswerThatNobodyMakes: what waits for a gateway that does not come is cancelled.
func TestLongAnswerThatNobodyMakes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		clock := newHands()
		s := openAt(t, dsn, clock)
		n := longAnswer()
		n.Request, n.Attempts = []byte("r"), 2
		h := beginLong(t, s, n)
		clock.turn(time.Minute + time.Second)
		if _, err := s.SweepAttempts(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{StatusReady, StatusCancelled} {
			if _, err := s.SweepLongAnswers(t.Context(), time.Hour, 10); err != nil {
				t.Fatal(err)
			}
			if got := statusOf(t, s, h.Execution); got != want {
				t.Errorf("%s, not %s", got, want)
			}
			clock.turn(unheldFor)
		}
	})
}

// TestLongAnswerCounts: a user's long answers take no place of his scripts, and nothing is kept of what he cancels.
func TestLongAnswerCounts(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org")).ID
		n := longAnswer()
		n.User = &u
		h := beginLong(t, s, n)
		sc := aScript(t, s, u, "of-long-answers")
		if made := run1(t, s, Limits{PerUser: 1, Global: 1}, execution(sc)); made.Status != StatusReady {
			t.Error("it waits:", made.Status)
		}
		if _, err := s.Cancel(t.Context(), by(), h.Execution, "x"); err != nil {
			t.Fatal(err)
		}
		v, err := s.Renew(t.Context(), []Holder{h}, time.Minute)
		if err != nil || !v[0].Held || v[0].Stop != OutcomeCancelled {
			t.Errorf("%+v %v", v, err)
		}
		status, err := s.EndLongAnswer(t.Context(), FinishRequest{Holder: h, Outcome: OutcomeSucceeded}, &KeptAnswer{Status: 200, Header: []byte("{}"), Body: []byte("1"), Expires: time.Hour})
		if err != nil || status != StatusCancelled {
			t.Error(status, err)
		}
		if a, err := s.LongAnswer(t.Context(), h.Execution); err != nil || a.Status != nil {
			t.Errorf("the answer of what was cancelled is kept: %v", err)
		}
		gone := uuid.New()
		n.User = &gone
		if _, err := s.BeginLongAnswer(t.Context(), n); !errors.Is(err, sql.ErrNoRows) {
			t.Error("of a user who is not there:", err)
		}
	})
}
