package endings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/endings"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// post writes letters into the outbox, and fails now and then.
type post struct {
	mu     sync.Mutex
	calls  int
	broken bool
}

// topic is that of the letters of the test.
const topic = "test"

// written is such a letter.
type written struct {
	To     string
	Script []string
	ID     []string
	Status []string
}

func (p *post) Ended(ctx context.Context, q db.Querier, to string, all []mail.Ended) error {
	p.mu.Lock()
	p.calls++
	fails := p.broken && p.calls%2 == 0
	p.mu.Unlock()
	w := written{To: to}
	for _, e := range all {
		w.Script, w.ID, w.Status = append(w.Script, e.Script), append(w.ID, e.ID), append(w.Status, e.Status)
		if e.At.IsZero() || e.Took < 0 {
			return errors.New("it does not say when it ended")
		}
	}
	text, err := json.Marshal(w)
	if err != nil {
		return err
	}
	if _, err := queries.Enqueue(ctx, q, queries.Letter{Topic: topic, Payload: text}); err != nil {
		return err
	}
	if fails { // what was written is taken back
		return errors.New("broken")
	}
	return nil
}

// site is a store with a script that anybody runs.
type site struct {
	*queries.Store
	clock  func() time.Time
	owner  db.User
	script db.Script
}

func open(t testing.TB, dsn string, clock func() time.Time) *site {
	t.Helper()
	s := &site{clock: clock}
	var err error
	s.Store, err = queries.Open(t.Context(), queries.Config{DSN: dsn, Clock: clock})
	must(t, err)
	t.Cleanup(s.Close)
	must(t, s.BeginEvents(t.Context(), endings.Reader))
	s.owner = s.user(t, "ann", `{}`)
	s.script, err = s.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{Slug: "land", Name: "land", User: s.owner.ID, Version: queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32)}})
	must(t, err)
	return s
}

func (s *site) user(t testing.TB, name, profile string) db.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), controltest.By(), db.User{Email: name + "@example.org", Name: name, Role: "USER", IsActive: true, Profile: json.RawMessage(profile)})
	must(t, err)
	return u
}

// ended makes an execution of somebody's that is over.
func (s *site) ended(t testing.TB, user db.User, o queries.Outcome) string {
	t.Helper()
	made, err := s.CreateExecution(t.Context(), queries.Limits{}, queries.NewExecution{Script: s.script.ID, Version: 1, User: user.ID})
	must(t, err)
	if o == queries.OutcomeCancelled {
		_, err := s.Cancel(t.Context(), controltest.By(), made.ID, "enough")
		must(t, err)
		return made.ID.String()
	}
	got, err := s.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{queries.DefaultQueue}, Most: 1})
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	if v, err := s.Start(t.Context(), []queries.StartRequest{{Holder: got[0].Holder, Timeout: got[0].Timeout}}, 0); err != nil || !v[0].Held {
		t.Fatal(v, err)
	}
	_, err = s.Finish(t.Context(), []queries.FinishRequest{{Holder: got[0].Holder, Outcome: o, Reason: "the script's own words"}})
	must(t, err)
	return made.ID.String()
}

// run has owners be told until the function is called.
func (s *site) run(t testing.TB, p *post) (stop func()) {
	t.Helper()
	e, err := endings.New(endings.Deps{Store: s.Store, Mail: p, Every: 10 * time.Millisecond})
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// told waits until all events are passed, and gives what owners were told: how often each execution.
func (s *site) told(t testing.TB) (by map[string]map[string]int, letters int) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		n, err := s.EventsBehind(t.Context(), endings.Reader)
		if err == nil && n == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("never: all is told", n, err)
		}
	}
	by = map[string]map[string]int{}
	for {
		claims, err := s.ClaimLetters(t.Context(), topic, "test", 1000, time.Hour)
		must(t, err)
		if len(claims) == 0 {
			return by, letters
		}
		for _, c := range claims {
			var w written
			must(t, json.Unmarshal(c.Payload, &w))
			letters++
			for i, id := range w.ID {
				if by[w.To] == nil {
					by[w.To] = map[string]int{}
				}
				by[w.To][id+" "+w.Script[i]+" "+w.Status[i]]++
			}
		}
	}
}

// TestEnds holds whom it tells of what.
func TestEnds(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := open(t, dsn, nil)
		quiet, wants, gone := s.user(t, "quiet", `{"email_notifications_enabled":false}`), s.user(t, "wants", `{"email_notifications_enabled":true}`), s.user(t, "gone", `{}`)
		finished, failed, cancelled := s.ended(t, s.owner, queries.OutcomeSucceeded), s.ended(t, s.owner, queries.OutcomeFailed), s.ended(t, wants, queries.OutcomeCancelled)
		s.ended(t, quiet, queries.OutcomeSucceeded)
		s.ended(t, gone, queries.OutcomeSucceeded)
		_, err := s.DeleteUser(t.Context(), controltest.By(), gone.ID)
		must(t, err)
		if _, err := s.CreateExecution(t.Context(), queries.Limits{}, queries.NewExecution{Script: s.script.ID, Version: 1, User: s.owner.ID, Queue: "later"}); err != nil { // it has not ended
			t.Fatal(err)
		}
		s.run(t, new(post))
		got, letters := s.told(t)
		want := map[string]map[string]int{"ann@example.org": {finished + " land FINISHED": 1, failed + " land FAILED": 1}, "wants@example.org": {cancelled + " land CANCELLED": 1}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if letters != 2 {
			t.Errorf("%d letters: what ends together is told together", letters)
		}
		_, err = s.ChangeUser(t.Context(), controltest.By(), wants.ID, func(u *db.User) error {
			u.Profile = json.RawMessage(`{"email_notifications_enabled":false}`)
			return nil
		})
		must(t, err)
		s.ended(t, wants, queries.OutcomeSucceeded)
		if got, _ := s.told(t); len(got) != 0 {
			t.Error("who wants no letters any more has one:", got)
		}
	})
}

// TestEndsAreToldOnce has two gateways that stop and begin again tell of ends by a mailer that fails.
func TestEndsAreToldOnce(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := open(t, dsn, nil)
		other := &site{Store: s.Store}
		p := &post{broken: true}
		want := map[string]int{}
		for round := range 5 {
			stop, too := s.run(t, p), other.run(t, p)
			for range 6 {
				want[s.ended(t, s.owner, queries.OutcomeSucceeded)+" land FINISHED"] = 1
			}
			if round%2 == 0 {
				stop()
			}
			too()
			stop()
		}
		p.mu.Lock()
		p.broken = false
		p.mu.Unlock()
		s.run(t, p)
		got, _ := s.told(t)
		if diff := cmp.Diff(map[string]map[string]int{s.owner.Email: want}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestStaleEnds holds that nobody is told of what ended long ago.
func TestStaleEnds(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		var mu sync.Mutex
		late := time.Duration(0)
		s := open(t, dsn, func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(late)
		})
		s.ended(t, s.owner, queries.OutcomeSucceeded)
		mu.Lock()
		late = 25 * time.Hour
		mu.Unlock()
		recent := s.ended(t, s.owner, queries.OutcomeSucceeded)
		s.run(t, new(post))
		if got, _ := s.told(t); fmt.Sprint(got) != fmt.Sprint(map[string]map[string]int{s.owner.Email: {recent + " land FINISHED": 1}}) {
			t.Error(got)
		}
	})
}
