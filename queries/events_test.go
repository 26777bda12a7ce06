package queries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries/db"
)

// begin has a reader be there that has read nothing.
func begin(t testing.TB, s *Store, reader string) {
	t.Helper()
	if err := s.BeginEvents(t.Context(), reader); err != nil {
		t.Fatal(err)
	}
}

// read gives what a reader has not told, and passes it.
func read(t testing.TB, s *Store, reader string, most int) []Event {
	t.Helper()
	got, err := s.Events(t.Context(), reader, most)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := s.PassEvents(t.Context(), got, 1, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	return got.All
}

// TestEvents holds what is told of each change, and that a change that is not committed is not told.
func TestEvents(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		create(t, s, aUser("before@x.org"))
		begin(t, s, "r")
		begin(t, s, "r") // once
		u := create(t, s, aUser("a@x.org"))
		sc := aScript(t, s, u.ID, "one")
		failed := errors.New("no")
		err := s.InTx(t.Context(), func(q db.Querier) error {
			if err := Tell(t.Context(), q, Event{At: time.Now(), Type: "mine", Subject: "mine", Data: json.RawMessage(`{}`)}); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Error(err)
		}
		run1(t, s, Limits{}, execution(sc))
		c := claim1(t, s, fresh())
		start1(t, s, c)
		finish1(t, s, c.Holder, OutcomeSucceeded, StatusFinished)
		var told []string
		for _, e := range read(t, s, "r", 100) {
			told = append(told, e.Type+" "+strings.Split(e.Subject, "/")[0])
			var data map[string]any
			if err := json.Unmarshal(e.Data, &data); err != nil || time.Since(e.At).Abs() > time.Hour {
				t.Error(e, err)
			}
			for _, forbidden := range []string{"a@x.org", "params", "results", "password"} {
				if strings.Contains(string(e.Data), forbidden) {
					t.Errorf("%s: %s", forbidden, e.Data)
				}
			}
			if e.Type == "execution.finished" {
				want := map[string]any{
					"execution_id": c.Execution.String(), "script_id": sc.ID.String(), "script_version": 1.0, "user_id": u.ID.String(),
					"status": "FINISHED", "was": "RUNNING", "attempt": 1.0, "reason": "because",
				}
				if diff := cmp.Diff(want, data); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		}
		want := []string{"user.created user", "script.created script", "script.building script", "script.built script", "execution.created execution", "execution.ready execution", "execution.running execution", "execution.finished execution"}
		told = slices.DeleteFunc(told, func(s string) bool { return s == "script.updated script" })
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := read(t, s, "r", 100); len(got) != 0 {
			t.Error("told twice", got)
		}
		if n, err := s.EventsBehind(t.Context(), "r"); err != nil || n != 0 {
			t.Error(n, err)
		}
	})
}

// TestEventsOfOpenTransactions holds that what is committed after later events is told, once, and that what is rolled back is waited for
// no longer than its transaction lasts.
func TestEventsOfOpenTransactions(t *testing.T) {
	t.Parallel()
	s := openStore(t, postgresDSN(t))
	begin(t, s, "r")
	tell := func(q db.Querier, name string) {
		t.Helper()
		if err := Tell(t.Context(), q, Event{At: time.Now(), Type: "t", Subject: name, Data: json.RawMessage(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	subjects := func(most int) (out []string) {
		t.Helper()
		for _, e := range read(t, s, "r", most) {
			out = append(out, e.Subject)
		}
		return out
	}
	// open tells something in a transaction that ends when the function is called.
	open := func(name string, n int, err error) (end func()) {
		told, wait, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.InTx(t.Context(), func(q db.Querier) error {
				for i := range n {
					tell(q, name+strconv.Itoa(i))
				}
				close(told)
				<-wait
				return err
			})
		}()
		<-told
		return func() { close(wait); <-ended }
	}
	long, lost := open("long", 3, nil), open("lost", 2, errors.New("no"))
	tell(s.Queries(), "first")
	if got := subjects(9); !slices.Equal(got, []string{"first"}) {
		t.Error(got)
	}
	tell(s.Queries(), "second")
	lost()
	if got := subjects(9); !slices.Equal(got, []string{"second"}) {
		t.Error(got)
	}
	long()
	if got := subjects(2); !slices.Equal(got, []string{"long0", "long1"}) { // some of a gap
		t.Error(got)
	}
	tell(s.Queries(), "third")
	if got := subjects(9); !slices.Equal(got, []string{"long2", "third"}) {
		t.Error(got)
	}
	end := time.Now().Add(time.Minute)
	for { // others' transactions, of the server itself, too, may have to end first
		subjects(9)
		c, err := s.Queries().GetEventCursor(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		if c.Gaps == "[]" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("gaps are never forgotten: " + c.Gaps)
		}
	}
}

// TestEventsAreToldOnceAndInOrder has many write while somebody reads.
func TestEventsAreToldOnceAndInOrder(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		begin(t, s, "r")
		const writers, each = 8, 60
		errTried := errors.New("tried")
		left := make(chan error, writers)
		for w := range writers {
			go func() {
				left <- func() error {
					for i := range each {
						err := s.InTx(context.WithoutCancel(t.Context()), func(q db.Querier) error {
							for range rand.IntN(3) {
								if err := Tell(t.Context(), q, Event{At: time.Now(), Type: "noise", Subject: "noise", Data: json.RawMessage(`{}`)}); err != nil {
									return err
								}
							}
							if rand.IntN(4) == 0 {
								return errTried
							}
							return Tell(t.Context(), q, Event{At: time.Now(), Type: "n", Subject: strconv.Itoa(w), Data: json.RawMessage(strconv.Itoa(i))})
						})
						if errors.Is(err, errTried) {
							err = Tell(t.Context(), s.Queries(), Event{At: time.Now(), Type: "n", Subject: strconv.Itoa(w), Data: json.RawMessage(strconv.Itoa(i))})
						}
						if err != nil {
							return err
						}
					}
					return nil
				}()
			}()
		}
		next, seen, done := map[string]int{}, map[int64]bool{}, 0
		end := time.Now().Add(5 * time.Minute)
		for total := 0; total < writers*each; {
			select {
			case err := <-left:
				done++
				if err != nil {
					t.Fatal(err)
				}
			default:
			}
			for _, e := range read(t, s, "r", 1+rand.IntN(20)) {
				if seen[e.ID] {
					t.Errorf("%d is told twice", e.ID)
				}
				seen[e.ID] = true
				if e.Type != "n" {
					continue
				}
				total++
				if string(e.Data) != strconv.Itoa(next[e.Subject]) {
					t.Fatalf("of %s %s is told where %d is next", e.Subject, e.Data, next[e.Subject])
				}
				next[e.Subject]++
			}
			if time.Now().After(end) {
				t.Fatalf("%d are told", total)
			}
		}
		for ; done < writers; done++ {
			if err := <-left; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPassEvents holds that who has lost the lease moves nothing, and that what is done with it is done with it.
func TestPassEvents(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		begin(t, s, "r")
		create(t, s, aUser("a@x.org"))
		old, err := s.Events(t.Context(), "r", 9)
		if err != nil || len(old.All) != 1 {
			t.Fatal(old, err)
		}
		letter := func(q db.Querier) error {
			_, err := Enqueue(t.Context(), q, Letter{Topic: "mail", Payload: json.RawMessage(`1`)})
			return err
		}
		if ok, err := s.PassEvents(t.Context(), old, 7, letter); !ok || err != nil {
			t.Error(ok, err)
		}
		if ok, err := s.PassEvents(t.Context(), old, 6, letter); ok || err != nil {
			t.Error("who has lost the lease moves it", ok, err)
		}
		if n, _, err := s.CountLetters(t.Context(), "mail"); n != 1 || err != nil {
			t.Error(n, err)
		}
		create(t, s, aUser("b@x.org"))
		more, err := s.Events(t.Context(), "r", 9)
		if err != nil {
			t.Fatal(err)
		}
		failed := errors.New("no")
		if ok, err := s.PassEvents(t.Context(), more, 7, func(db.Querier) error { return failed }); ok || !errors.Is(err, failed) {
			t.Error(ok, err)
		}
		if n, err := s.EventsBehind(t.Context(), "r"); n != 1 || err != nil {
			t.Error(n, err)
		}
		if err := s.EndEvents(t.Context(), "r"); err != nil {
			t.Error(err)
		}
		if _, err := s.Events(t.Context(), "r", 9); err == nil {
			t.Error("it is still there")
		}
	})
}

// TestSurplusEvents holds that those that are not told do not fill the disk.
func TestSurplusEvents(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		begin(t, s, "r")
		for i := range 20 {
			create(t, s, aUser(fmt.Sprintf("u%d@x.org", i)))
		}
		if n, err := s.Queries().DeleteSurplusEvents(t.Context(), db.DeleteSurplusEventsParams{Keep: 5, AtMost: 9}); n != 9 || err != nil {
			t.Error(n, err)
		}
		if n, err := s.Queries().DeleteSurplusEvents(t.Context(), db.DeleteSurplusEventsParams{Keep: 5, AtMost: 9}); n != 6 || err != nil {
			t.Error(n, err)
		}
		if got := read(t, s, "r", 99); len(got) != 5 {
			t.Error(len(got))
		}
		s.retention.Store(&Retention{MostEvents: 3}) // as Keep does, which would also have it be looked after now
		if err := s.sweep(t.Context(), keepLeases); err != nil || count(t, s, "events") != 3 {
			t.Error(count(t, s, "events"), err)
		}
	})
}

// TestLines holds that letters of a line leave one after the other, and that those of a lane that fails stay.
func TestLines(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		put := func(lane, line string, position int64) {
			t.Helper()
			enqueue(t, s, Letter{Topic: "mail", Payload: json.RawMessage(fmt.Sprintf("%q", fmt.Sprint(lane, line, position))), Lane: lane, Line: line, Position: position})
		}
		put("a", "a1", 2)
		put("a", "a1", 1)
		put("a", "a2", 1)
		put("b", "b1", 1)
		put("", "", 0)
		claimed := func() (out []string, all []Claim) {
			t.Helper()
			all = claim(t, s, "h", 99, time.Hour)
			for _, c := range all {
				out = append(out, string(c.Payload))
			}
			slices.Sort(out)
			return out, all
		}
		if l, err := s.FailLane(t.Context(), "b", time.Hour); err != nil || l.Failures != 1 || l.Since.IsZero() {
			t.Error(l, err)
		}
		got, all := claimed()
		if diff := cmp.Diff([]string{`"0"`, `"aa11"`, `"aa21"`}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, c := range all {
			if string(c.Payload) == `"aa11"` { // it is laid aside
				if ok, err := s.FailLetter(t.Context(), c, "no", 0, 1); !ok || err != nil {
					t.Error(ok, err)
				}
			}
		}
		if got, _ := claimed(); !slices.Equal(got, []string{`"aa12"`}) {
			t.Error(got)
		}
		if l, err := s.FailLane(t.Context(), "b", 0); err != nil || l.Failures != 2 {
			t.Error(l, err)
		}
		if l, err := s.Lane(t.Context(), "b"); err != nil || l.Failures != 2 || l.Paused.IsZero() {
			t.Error(l, err)
		}
		if err := s.FreeLane(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		if got, _ := claimed(); !slices.Equal(got, []string{`"bb11"`}) {
			t.Error(got)
		}
		if waiting, dead, err := s.CountLane(t.Context(), "a"); waiting != 2 || dead != 1 || err != nil {
			t.Error(waiting, dead, err)
		}
		letters, err := s.DeadOfLane(t.Context(), "a", 9)
		if err != nil || len(letters) != 1 || letters[0].Why != "no" {
			t.Fatal(letters, err)
		}
		if ok, err := s.RetryOfLane(t.Context(), "b", letters[0].ID); ok || err != nil {
			t.Error("another's is tried again", ok, err)
		}
		if ok, err := s.RetryOfLane(t.Context(), "a", letters[0].ID); !ok || err != nil {
			t.Error(ok, err)
		}
		if got, _ := claimed(); !slices.Equal(got, []string{`"aa11"`}) {
			t.Error(got)
		}
		if err := s.InTx(t.Context(), func(q db.Querier) error { return DropLane(t.Context(), q, "a") }); err != nil {
			t.Error(err)
		}
		if waiting, dead, err := s.CountLane(t.Context(), "a"); waiting != 0 || dead != 0 || err != nil {
			t.Error(waiting, dead, err)
		}
	})
}
