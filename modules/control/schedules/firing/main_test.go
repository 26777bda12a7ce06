package firing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childEnv); dsn != "" {
		fmt.Fprintln(os.Stderr, fireForever(dsn))
		os.Exit(1)
	}
	os.Exit(engines.Main(m))
}

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

func (h *hands) set(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

func (h *hands) turn(d time.Duration) { h.set(h.now().Add(d)) }

// planner runs everything in the usual way.
type planner struct{ err error }

func (p planner) Planned(context.Context, db.ScriptVersion, json.RawMessage, executions.Later, bool) (queries.SchedulePlan, error) {
	return usualPlan(), p.err
}

func usualPlan() queries.SchedulePlan {
	return queries.SchedulePlan{Queue: queries.DefaultQueue, MaxAttempts: 1, Timeout: time.Hour}
}

// site is a store with a user and a script.
type site struct {
	*hands
	dsn    string
	store  *queries.Store
	owner  db.User
	script db.Script
}

func open(t testing.TB, dsn string, h *hands) *queries.Store {
	t.Helper()
	s, err := opened(t.Context(), queries.Config{DSN: dsn, Clock: h.now})
	must(t, err)
	return s
}

// opened opens a store, of a server that may be too busy to answer at once.
func opened(ctx context.Context, cfg queries.Config) (*queries.Store, error) {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		s, err := queries.Open(ctx, cfg)
		if _, busy := errors.AsType[*queries.UnavailableError](err); !busy || time.Now().After(end) {
			return s, err
		}
	}
}

var must = controltest.Must

// both runs a test over each engine, at a time.
func both(t *testing.T, at time.Time, test func(t *testing.T, s *site)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		test(t, newSite(t, dsn, at))
	})
}

func newSite(t testing.TB, dsn string, at time.Time) *site {
	t.Helper()
	s := &site{hands: &hands{at: at}, dsn: dsn}
	s.store = open(t, dsn, s.hands)
	t.Cleanup(s.store.Close)
	s.owner = s.user(t, "ann", "ADMIN")
	s.script = s.built(t, s.owner.ID, "one")
	return s
}

func (s *site) user(t testing.TB, name, role string) db.User {
	t.Helper()
	u, err := s.store.CreateUser(t.Context(), controltest.By(), db.User{Email: name + "@example.org", Name: name, Role: role, IsActive: true, IsRegularUser: true})
	must(t, err)
	return u
}

func (s *site) built(t testing.TB, owner uuid.UUID, slug string) db.Script {
	t.Helper()
	sc, err := s.store.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{Slug: slug, Name: slug, User: owner, Version: queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32)}})
	must(t, err)
	s.build(t)
	return sc
}

func (s *site) build(t testing.TB) {
	t.Helper()
	b, ok, err := s.store.ClaimBuild(t.Context(), uuid.New(), time.Hour)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	must(t, s.store.FinishBuild(t.Context(), b, queries.Built{OK: true}))
}

// schedule makes one, due as due says; change may be nil.
func (s *site) schedule(t testing.TB, due time.Time, change func(*db.Schedule)) db.Schedule {
	t.Helper()
	plan, err := json.Marshal(usualPlan())
	must(t, err)
	n := db.Schedule{
		UserID: s.owner.ID, ScriptID: s.script.ID, Name: "n", Params: []byte(`{"a":1}`), Cron: "30 2 * * *", Zone: "UTC", Skipped: "later", Repeated: "first",
		CatchUp: queries.CatchUpOne, CatchUpMost: 3, Overlap: queries.OverlapSkip, Wishes: []byte("{}"), Plan: plan, PlanVersion: 1, DueAt: &due,
	}
	if change != nil {
		change(&n)
	}
	made, err := s.store.CreateSchedule(t.Context(), controltest.By(), n, 0)
	must(t, err)
	return made
}

// loop fires schedules of a store; news are what owners are told, and may be nil.
func loop(store *queries.Store, p planner, news *[]queries.ScheduleNews) *firing.Loop {
	cfg := firing.Config{Store: store, Planner: p, Batch: 7}
	if news != nil {
		cfg.Tell = func(_ context.Context, _ db.Querier, n []queries.ScheduleNews) error {
			*news = append(*news, n...)
			return nil
		}
	}
	return firing.New(cfg)
}

func step(t testing.TB, l *firing.Loop) {
	t.Helper()
	must(t, l.Step(t.Context()))
}

// history of a schedule, in order: "FIRED 03-29T01:00" in UTC.
func (s *site) history(t testing.TB, id uuid.UUID) []string {
	t.Helper()
	all := s.firings(t, id)
	out := make([]string, len(all))
	for i, f := range all {
		out[i] = f.Outcome + " " + f.DueAt.UTC().Format("01-02T15:04")
	}
	return out
}

func (s *site) firings(t testing.TB, id uuid.UUID) []queries.ListedFiring {
	t.Helper()
	of, err := rows.Compare(rows.NewColumn("schedule_id", rows.ID), rows.Equal, id)
	must(t, err)
	var all []queries.ListedFiring
	for f, err := range queries.Each(t.Context(), s.store, queries.ScheduleFirings(), rows.Request{Where: of, Limit: 100_000}) {
		must(t, err)
		all = append(all, f)
	}
	return all
}

func (s *site) allFirings(t testing.TB) []queries.ListedFiring {
	t.Helper()
	all, err := queries.List(t.Context(), s.store, queries.ScheduleFirings(), rows.Request{Where: rows.All(), Limit: 100_000})
	must(t, err)
	return all
}

func (s *site) get(t testing.TB, id uuid.UUID) db.Schedule {
	t.Helper()
	row, err := s.store.Schedule(t.Context(), id)
	must(t, err)
	return row
}

// executions are those of the owner's that have one of some statuses, the oldest first.
func (s *site) executions(t testing.TB, statuses ...string) []uuid.UUID {
	t.Helper()
	all, err := queries.List(t.Context(), s.store, queries.ListedHeads(), rows.Request{Where: rows.All(), Limit: 10_000})
	must(t, err)
	out := []uuid.UUID{}
	for _, e := range all {
		if len(statuses) == 0 || slices.Contains(statuses, e.Status) {
			out = append(out, e.ID)
		}
	}
	slices.SortFunc(out, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// cancelAll has executions be over.
func (s *site) cancelAll(t testing.TB) {
	t.Helper()
	for _, id := range s.executions(t, queries.StatusPending, queries.StatusReady) {
		_, err := s.store.Cancel(t.Context(), controltest.By(), id, "enough")
		must(t, err)
	}
}

// end runs what waits to its end.
func (s *site) end(t testing.TB, o queries.Outcome) {
	t.Helper()
	got, err := s.store.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{queries.DefaultQueue}, Most: 10})
	if err != nil || len(got) == 0 {
		t.Fatal(got, err)
	}
	for _, c := range got {
		v, err := s.store.Start(t.Context(), []queries.StartRequest{{Holder: c.Holder, Timeout: c.Timeout}}, 0)
		if err != nil || !v[0].Held {
			t.Fatal(v, err)
		}
		_, err = s.store.Finish(t.Context(), []queries.FinishRequest{{Holder: c.Holder, Outcome: o, Reason: "because"}})
		must(t, err)
	}
}
