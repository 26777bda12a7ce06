package subscriptions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/subscriptions"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// site is a store with ann, and her scripts land and sea.
type site struct {
	*queries.Store
	close func()
	runs  *executions.Executions
	ann   db.User
}

func both(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := new(site)
		var err error
		s.Store, err = queries.Open(t.Context(), queries.Config{DSN: dsn})
		must(t, err)
		s.close = sync.OnceFunc(s.Close)
		t.Cleanup(s.close)
		hub := live.New(s.Store, live.Options{})
		t.Cleanup(hub.Close)
		s.runs, err = executions.New(s.Store, executions.Options{Live: hub, Blobs: func(context.Context) (*blobs.Blobs, error) { return nil, errors.New("there are none") }})
		must(t, err)
		s.ann, err = s.CreateUser(t.Context(), controltest.By(), db.User{Email: "ann@example.org", Name: "ann", Role: "USER", IsActive: true})
		must(t, err)
		s.script(t, "land", `{"type":"object","properties":{"year":{"type":"integer"}}}`)
		s.script(t, "sea", "null")
		test(t, s)
	})
}

func (s *site) script(t testing.TB, slug, schema string) {
	t.Helper()
	_, err := s.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{Slug: slug, Name: slug, User: s.ann.ID, Version: queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32), Parameters: json.RawMessage(schema)}})
	must(t, err)
	b, ok, err := s.ClaimBuild(t.Context(), uuid.New(), time.Hour)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	must(t, s.FinishBuild(t.Context(), b, queries.Built{OK: true}))
}

func (s *site) on(t testing.TB, cfg subscriptions.Config) *subscriptions.Subscription {
	t.Helper()
	if cfg.As == "" {
		cfg.As = "ann@example.org"
	}
	sub, err := subscriptions.New(cfg, subscriptions.Deps{Store: s.Store, Starter: s.runs})
	must(t, err)
	return sub
}

func event(id, data string) events.CloudEvent {
	e := events.CloudEvent{SpecVersion: "1.0", ID: id, Source: "/x", Type: "scene.new"}
	if data != "" {
		e.Data = json.RawMessage(data)
	}
	return e
}

// arrived are what became of events, as "on:land /x 1 STARTED {params}" or with why.
func (s *site) arrived(t testing.TB) []string {
	t.Helper()
	all, err := s.Arrivals(t.Context(), uuid.Nil, 1000)
	must(t, err)
	out := []string{}
	for i := range all {
		a := all[len(all)-1-i]
		more := a.Reason
		if a.ExecutionID != nil {
			e, err := s.Execution(t.Context(), *a.ExecutionID)
			must(t, err)
			more = string(e.Params)
			if *e.UserID != s.ann.ID {
				t.Error("it is not hers")
			}
		}
		out = append(out, fmt.Sprintf("%s %s %s %s", a.Origin, a.Event, a.Outcome, more))
	}
	return out
}

// TestTake holds what events become.
func TestTake(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site) {
		t.Helper()
		land := s.on(t, subscriptions.Config{Name: "land", Script: "land", Types: events.Filter{"scene.*"}})
		sea := s.on(t, subscriptions.Config{Name: "sea", Script: "sea", Params: "{ type, scene: .data.scene }"})
		take := func(sub *subscriptions.Subscription, e events.CloudEvent) {
			t.Helper()
			must(t, sub.Take(t.Context(), e))
		}
		take(land, event("1", `{"year":2026}`))
		take(land, event("1", `{"year":2026}`)) // again
		take(land, event("1", `{"year":1}`))    // whoever has seen the id has seen the event
		take(sea, event("1", `{"scene":12345678901234567890}`))
		take(land, event("2", ""))
		take(land, event("3", `{"year":"x"}`))
		take(land, event("4", `[1]`))
		take(sea, event("5", `"x"`))
		other := event("6", `{}`)
		other.Type = "mission.new"
		take(land, other)
		take(s.on(t, subscriptions.Config{Name: "none", Script: "none"}), event("7", `{}`))
		take(s.on(t, subscriptions.Config{Name: "ben", Script: "land", As: "ben@example.org"}), event("8", `{}`))
		must(t, land.Refuse(t.Context(), "t #9", "it is no CloudEvent"))
		want := []string{
			`on:land /x 1 STARTED {"year":2026}`, `on:sea /x 1 STARTED {"scene":12345678901234567890,"type":"scene.new"}`, `on:land /x 2 STARTED {}`,
			`on:land /x 3 REFUSED The parameters are not what the script takes: /year: `, `on:land /x 4 REFUSED The body must be a JSON object`, `on:sea /x 5 REFUSED params: jq: `,
			`on:none /x 7 REFUSED The script is not there, or not for its user.`, `on:ben /x 8 REFUSED there is no user ben@example.org`, `on:land t #9 REFUSED it is no CloudEvent`,
		}
		got := s.arrived(t)
		for i := range min(len(got), len(want)) {
			if strings.HasPrefix(got[i], want[i]) {
				got[i] = want[i]
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		_, err := s.ChangeUser(t.Context(), controltest.By(), s.ann.ID, func(u *db.User) error { u.IsActive = false; return nil })
		must(t, err)
		take(sea, event("10", `{}`))
		if got := s.arrived(t); !strings.HasPrefix(got[len(got)-1], "on:sea /x 10 REFUSED Its user") {
			t.Error(got)
		}
		s.close()
		if land.Take(t.Context(), event("11", `{}`)) == nil {
			t.Error("what could not be taken is not to be taken again")
		}
	})
	if _, err := subscriptions.New(subscriptions.Config{Name: "x", Params: "{"}, subscriptions.Deps{}); err == nil {
		t.Error("a program that is none")
	}
}

// TestTakeAtOnce has many take one event at once.
func TestTakeAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site) {
		t.Helper()
		sub := s.on(t, subscriptions.Config{Name: "sea", Script: "sea"})
		var under sync.WaitGroup
		for i := range 12 {
			under.Go(func() {
				if err := sub.Take(t.Context(), event(fmt.Sprint(i%3), `{}`)); err != nil {
					t.Error(err)
				}
			})
		}
		under.Wait()
		if got := s.arrived(t); len(got) != 3 {
			t.Error(got)
		}
	})
}

// end runs what waits to its end, and says whether there was something.
func (s *site) end(t testing.TB) bool {
	t.Helper()
	got, err := s.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{queries.DefaultQueue}, Most: 10})
	must(t, err)
	for _, c := range got {
		if v, err := s.Start(t.Context(), []queries.StartRequest{{Holder: c.Holder, Timeout: c.Timeout}}, 0); err != nil || !v[0].Held {
			t.Fatal(v, err)
		}
		_, err = s.Finish(t.Context(), []queries.FinishRequest{{Holder: c.Holder, Outcome: queries.OutcomeSucceeded}})
		must(t, err)
	}
	return len(got) > 0
}

// TestCircles has subscriptions whose executions set off each other's events: it ends.
func TestCircles(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site) {
		t.Helper()
		const reader = "on test"
		must(t, s.BeginEvents(t.Context(), reader))
		var subs []*subscriptions.Subscription
		for i := range 12 {
			subs = append(subs, s.on(t, subscriptions.Config{Name: fmt.Sprint("s", i), Script: "sea", Params: "{}"}))
		}
		run := func(subs ...*subscriptions.Subscription) (started int) {
			t.Helper()
			for range 100 {
				s.end(t)
				found, err := s.Events(t.Context(), reader, 1000)
				must(t, err)
				if len(found.All) == 0 {
					return started
				}
				for _, e := range found.All {
					if e.Type != "execution.finished" {
						continue
					}
					before := len(s.arrived(t))
					for _, sub := range subs {
						_, err := sub.Tell("/fairway")(t.Context(), []queries.Event{e})
						must(t, err)
					}
					for _, a := range s.arrived(t)[before:] {
						if strings.Contains(a, queries.ArrivalStarted) {
							started++
						}
					}
				}
				_, err = s.PassEvents(t.Context(), found, 1, nil)
				must(t, err)
			}
			t.Fatal("it goes in circles")
			return 0
		}
		first := func() {
			t.Helper()
			_, err := s.runs.Begin(t.Context(), executions.Order{Arrival: queries.Arrival{Origin: "hook:x", User: s.ann.ID, Event: uuid.NewString()}, Script: "sea", Params: json.RawMessage("{}")})
			must(t, err)
		}
		first()
		if n := run(subs[0]); n != 1 { // what it starts itself it is not set off by
			t.Errorf("%d are started", n)
		}
		first()
		if n := run(subs[0], subs[1]); n != 4 { // a, b, and each after the other
			t.Errorf("%d are started", n)
		}
		all, err := s.Arrivals(t.Context(), uuid.Nil, 1000)
		must(t, err)
		skipped := 0
		for _, a := range all {
			if a.Outcome == queries.ArrivalSkipped {
				skipped++
			}
		}
		if skipped == 0 {
			t.Error("nobody is told of what is skipped")
		}
		// A long chain, which passes each once, is cut.
		first()
		depth := 0
		for i := range subs {
			n := run(subs[i])
			if n == 0 {
				break
			}
			depth += n
			_ = i
		}
		if depth > 12 {
			t.Errorf("%d are started", depth)
		}
	})
}
