package queries

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

func enqueue(t *testing.T, s *Store, l Letter) bool {
	t.Helper()
	ok, err := Enqueue(t.Context(), s.Queries(), l)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func claim(t *testing.T, s *Store, holder string, most int, lease time.Duration) []Claim {
	t.Helper()
	all, err := s.ClaimLetters(t.Context(), "mail", holder, most, lease)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOutboxRace holds that each letter is claimed by exactly one of many workers, over two stores.
func TestOutboxRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		const letters, workers = 100, 10
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		err := stores[0].InTx(t.Context(), func(q db.Querier) error {
			for i := range letters {
				if _, err := Enqueue(t.Context(), q, Letter{Topic: "mail", Payload: json.RawMessage(fmt.Sprint(i))}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		claimed := map[uuid.UUID]int{}
		race(t, workers, func(i int) (bool, error) {
			s := stores[i%2]
			for {
				got, err := s.ClaimLetters(t.Context(), "mail", fmt.Sprint(i), 3, time.Hour)
				if err != nil || len(got) == 0 {
					return true, err
				}
				if len(got) > 3 {
					return false, fmt.Errorf("%d were claimed at once", len(got))
				}
				mu.Lock()
				for _, c := range got {
					claimed[c.ID]++
				}
				mu.Unlock()
			}
		})
		for id, n := range claimed {
			if n != 1 {
				t.Errorf("%v was claimed %d times", id, n)
			}
		}
		if len(claimed) != letters {
			t.Errorf("%d of %d were claimed", len(claimed), letters)
		}
	})
}

// TestOutboxLease holds that a letter whose lease has ended is another's, and that who had it can do nothing with it.
func TestOutboxLease(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		enqueue(t, s, Letter{Topic: "mail", Payload: json.RawMessage(`{"to":"a"}`)})
		enqueue(t, s, Letter{Topic: "event", Payload: json.RawMessage(`{}`)})
		enqueue(t, s, Letter{Topic: "mail", Payload: json.RawMessage(`{}`), Delay: time.Hour})
		dead := claim(t, s, "h", 10, 0) // its lease ends at once
		if len(dead) != 1 || dead[0].Attempts != 1 || strings.ReplaceAll(string(dead[0].Payload), " ", "") != `{"to":"a"}` {
			t.Fatalf("%+v", dead)
		}
		live := claim(t, s, "h", 10, time.Hour) // a worker of the same name
		if len(live) != 1 || live[0].ID != dead[0].ID || live[0].Attempts != 2 {
			t.Fatalf("%+v", live)
		}
		if more := claim(t, s, "other", 10, time.Hour); len(more) != 0 {
			t.Errorf("two have %+v", more)
		}
		must := func(want bool) func(bool, error) {
			return func(got bool, err error) {
				t.Helper()
				if got != want || err != nil {
					t.Errorf("%v, %v; want %v", got, err, want)
				}
			}
		}
		must(false)(s.RenewLetter(t.Context(), dead[0], time.Hour))
		must(false)(s.FinishLetter(t.Context(), dead[0]))
		must(false)(s.FailLetter(t.Context(), dead[0], "no", 0, 5))
		must(true)(s.RenewLetter(t.Context(), live[0], time.Hour))
		must(true)(s.FinishLetter(t.Context(), live[0]))
		must(false)(s.FinishLetter(t.Context(), live[0]))
		if n := count(t, s, "outbox"); n != 2 {
			t.Errorf("%d are left", n)
		}
	})
}

// TestOutboxFails holds that a letter that fails is taken again when its delay is over, laid aside after so many attempts, and
// revived.
func TestOutboxFails(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		enqueue(t, s, Letter{Topic: "mail", Payload: json.RawMessage(`{}`)})
		for attempt := 1; attempt <= 3; attempt++ {
			got := claim(t, s, "h", 10, time.Hour)
			if len(got) != 1 || got[0].Attempts != attempt {
				t.Fatalf("attempt %d: %+v", attempt, got)
			}
			if ok, err := s.FailLetter(t.Context(), got[0], "a\x00\xff"+strings.Repeat("é", 2000), 0, 3); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		if got := claim(t, s, "h", 10, time.Hour); len(got) != 0 {
			t.Errorf("a dead one is claimed: %+v", got)
		}
		all, err := s.Queries().ListDeadOutbox(t.Context(), 10)
		if err != nil || len(all) != 1 || all[0].Attempts != 3 || !strings.HasPrefix(all[0].LastError, "a ") || len([]rune(all[0].LastError)) != 1000 {
			t.Fatalf("%+v, %v", all, err)
		}
		if n, err := s.Queries().ReviveOutbox(t.Context(), all[0].ID); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		got := claim(t, s, "h", 10, time.Hour)
		if len(got) != 1 || got[0].Attempts != 1 {
			t.Fatalf("%+v", got)
		}
		if ok, err := s.FailLetter(t.Context(), got[0], "later", time.Hour, 3); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if got := claim(t, s, "h", 10, time.Hour); len(got) != 0 {
			t.Errorf("one is claimed before its time: %+v", got)
		}
		if waiting, dead, err := s.CountLetters(t.Context(), "mail"); waiting != 1 || dead != 0 || err != nil {
			t.Error(waiting, dead, err)
		}
		if waiting, dead, err := s.CountLetters(t.Context(), "event"); waiting != 0 || dead != 0 || err != nil {
			t.Error("of another topic", waiting, dead, err)
		}
	})
}

// TestEnqueue holds that a letter leaves with its transaction or not at all, and once where it says so.
func TestEnqueue(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		mine := errors.New("mine")
		err := s.InTx(t.Context(), func(q db.Querier) error {
			if _, err := Enqueue(t.Context(), q, Letter{Topic: "mail", Payload: json.RawMessage(`{}`)}); err != nil {
				t.Error(err)
			}
			return mine
		})
		if !errors.Is(err, mine) || count(t, s, "outbox") != 0 {
			t.Error("it leaves without its transaction", err)
		}
		won := race(t, 20, func(int) (bool, error) {
			return Enqueue(t.Context(), s.Queries(), Letter{Topic: "mail", Payload: json.RawMessage(`{}`), Once: "welcome:1"})
		})
		if won != 1 || count(t, s, "outbox") != 1 {
			t.Errorf("%d were written", won)
		}
		for _, bad := range []Letter{{Topic: "", Payload: json.RawMessage(`{}`)}, {Topic: "mail", Payload: json.RawMessage(`{`)}, {Topic: "mail", Payload: json.RawMessage("\"\xff\"")}, {Topic: "mail"}} {
			if _, err := Enqueue(t.Context(), s.Queries(), bad); err == nil {
				t.Errorf("%+v is written", bad)
			}
		}
	})
}
