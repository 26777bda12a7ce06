package queries

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// aScript makes a script whose first version is built.
func aScript(t testing.TB, s *Store, owner uuid.UUID, slug string) db.Script {
	t.Helper()
	made, err := s.CreateScript(t.Context(), by(), ScriptUpload{Slug: slug, Name: slug, User: owner, Version: VersionUpload{BlobKey: "k", BlobSHA256: index(1)}})
	if err != nil {
		t.Fatal(err)
	}
	b, ok, err := s.ClaimBuild(t.Context(), fresh(), time.Hour)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := s.FinishBuild(t.Context(), b, Built{OK: true}); err != nil {
		t.Fatal(err)
	}
	return made
}

// execution is what a test runs.
func execution(sc db.Script) NewExecution {
	return NewExecution{Script: sc.ID, Version: 1, User: sc.UserID, Params: []byte(`{"b": 1.0, "a": "\u0000"}`)}
}

func run1(t testing.TB, s *Store, l Limits, n NewExecution) Created {
	t.Helper()
	e, err := s.CreateExecution(t.Context(), l, n)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func claim1(t testing.TB, s *Store, runner uuid.UUID) Claimed {
	t.Helper()
	got, err := s.Claim(t.Context(), ClaimRequest{Runner: runner, Queues: []string{DefaultQueue}, Most: 1})
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	return got[0]
}

func start1(t testing.TB, s *Store, c Claimed) {
	t.Helper()
	v, err := s.Start(t.Context(), []StartRequest{{Holder: c.Holder, Timeout: c.Timeout}}, 0)
	if err != nil || v[0] != (Verdict{Held: true}) {
		t.Fatal(v, err)
	}
}

func finish1(t testing.TB, s *Store, h Holder, o Outcome, want string) {
	t.Helper()
	f, err := s.Finish(t.Context(), []FinishRequest{{Holder: h, Outcome: o, Reason: "because"}})
	if err != nil || f[0].Status != want {
		t.Fatalf("%v, %v; want %q", f, err, want)
	}
}

func statusOf(t testing.TB, s *Store, id uuid.UUID) string {
	t.Helper()
	e, err := s.Execution(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e.Status
}

// TestExecution holds what one execution goes through, and that what it is run with is as it was sent.
func TestExecution(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		made := run1(t, s, Limits{}, execution(sc))
		if made.Status != StatusReady || made.Attempt != 1 || made.Existing {
			t.Errorf("%+v", made)
		}
		runner := fresh()
		c := claim1(t, s, runner)
		if c.Execution != made.ID || c.Number != 1 || c.Fence != 1 || c.Timeout != DefaultTimeout || string(c.Work.Params) != `{"b": 1.0, "a": "\u0000"}` || c.Work.BlobKey != "k" {
			t.Errorf("%+v", c)
		}
		if again, err := s.Claim(t.Context(), ClaimRequest{Runner: runner, Queues: []string{DefaultQueue, "x"}, Most: 5}); err != nil || len(again) != 0 {
			t.Error(again, err)
		}
		finish1(t, s, c.Holder, OutcomeSucceeded, "") // it has not run
		start1(t, s, c)
		start1(t, s, c) // who did not hear asks again
		if err := s.Progress(t.Context(), c.Holder, 40); err != nil {
			t.Error(err)
		}
		f, err := s.Finish(t.Context(), []FinishRequest{{Holder: c.Holder, Outcome: OutcomeSucceeded, Results: []byte(`{"z":1.00}`)}})
		if err != nil || f[0].Status != StatusFinished {
			t.Fatal(f, err)
		}
		finish1(t, s, c.Holder, OutcomeSucceeded, StatusFinished)
		finish1(t, s, c.Holder, OutcomeFailed, "")
		e, err := s.Execution(t.Context(), made.ID)
		if err != nil || e.Status != StatusFinished || e.Progress != 100 || string(e.Results) != `{"z":1.00}` || e.ResultsSize != 10 || e.EndedAt == nil || e.StartedAt == nil || e.DispatchedAt == nil {
			t.Errorf("%+v, %v", e, err)
		}
		if err := s.Progress(t.Context(), c.Holder, 50); !errors.Is(err, ErrFenced) {
			t.Error(err)
		}
		if v, err := s.Renew(t.Context(), []Holder{c.Holder}, 0); err != nil || v[0].Held {
			t.Error(v, err)
		}
	})
}

// TestIdempotentRun holds that a key makes one execution, however many ask at once.
func TestIdempotentRun(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		n := execution(sc)
		n.Key, n.BodyHash = index(1), index(2)
		results := make(chan Created)
		for range 8 {
			go func() {
				e, err := s.CreateExecution(t.Context(), Limits{PerUser: 3, Global: 100}, n)
				if err != nil {
					t.Error(err)
				}
				results <- e
			}()
		}
		var ids []uuid.UUID
		made := 0
		for range 8 {
			e := <-results
			if !e.Existing {
				made++
			}
			ids = append(ids, e.ID)
		}
		if made != 1 || len(slices.Compact(idStrings(ids))) != 1 {
			t.Errorf("%d are made: %v", made, ids)
		}
		n.BodyHash = index(3)
		if _, err := s.CreateExecution(t.Context(), Limits{}, n); !errors.Is(err, ErrKeyReused) {
			t.Error(err)
		}
		other := execution(aScript(t, s, create(t, s, aUser("b@x.org")).ID, "two"))
		other.Key, other.BodyHash = index(1), bytes.Repeat([]byte{1}, 32)
		if e := run1(t, s, Limits{}, other); e.Existing {
			t.Error("a key is of all users")
		}
		n = execution(sc)
		n.Version = 7
		if _, err := s.CreateExecution(t.Context(), Limits{}, n); !errors.As(err, new(*MissingError)) {
			t.Error(err)
		}
		n = execution(sc)
		n.User = fresh()
		if _, err := s.CreateExecution(t.Context(), Limits{}, n); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
	})
}

func idStrings(ids []uuid.UUID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

// TestLimits holds that no more are admitted than may be, and that those that wait are, in order, when others end.
func TestLimits(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		a := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		b := aScript(t, s, create(t, s, aUser("b@x.org")).ID, "two")
		admin := aUser("root@x.org")
		admin.Role = "ADMIN"
		root := create(t, s, admin)
		l := Limits{PerUser: 2, Global: 5, Waiting: 3}
		var mine []Created
		for i := range 5 {
			n := execution(a)
			n.Priority = int64(i % 4) // the one with priority 3 goes first
			mine = append(mine, run1(t, s, l, n))
		}
		if _, err := s.CreateExecution(t.Context(), l, execution(a)); !errors.Is(err, ErrQueueFull) {
			t.Error(err)
		}
		states := func(of []Created) (out []string) {
			for _, e := range of {
				out = append(out, statusOf(t, s, e.ID))
			}
			return out
		}
		if got := states(mine); !slices.Equal(got, []string{"READY", "READY", "PENDING", "PENDING", "PENDING"}) {
			t.Error(got)
		}
		ofRoot := execution(a)
		ofRoot.User = root.ID
		for range 3 {
			if e := run1(t, s, l, ofRoot); e.Status != StatusReady {
				t.Error(e.Status)
			}
		}
		if e := run1(t, s, l, ofRoot); e.Status != StatusPending { // of all users
			t.Error(e.Status)
		}
		if e := run1(t, s, l, execution(b)); e.Status != StatusPending {
			t.Error(e.Status)
		}
		if n, err := s.Admit(t.Context(), l, 10); n != 0 || err != nil {
			t.Error(n, err)
		}
		runner := fresh()
		for range 2 {
			got, err := s.Claim(t.Context(), ClaimRequest{Runner: runner, Queues: []string{DefaultQueue}, Most: 1})
			if err != nil || len(got) != 1 {
				t.Fatal(got, err)
			}
			start1(t, s, got[0])
			finish1(t, s, got[0].Holder, OutcomeSucceeded, StatusFinished)
		}
		if n, err := s.Admit(t.Context(), l, 10); n != 2 || err != nil {
			t.Error(n, err)
		}
		if got := states(mine); !slices.Equal(got, []string{"FINISHED", "FINISHED", "PENDING", "READY", "PENDING"}) && got[3] != "READY" {
			t.Error(got)
		}
		three := 3
		if err := s.SetLimit(t.Context(), by(), a.UserID, &three); err != nil {
			t.Error(err)
		}
		if n, err := s.Admit(t.Context(), Limits{PerUser: 2}, 10); n != 3 || err != nil {
			t.Error(n, err)
		}
	})
}

// TestResultsThatCannotBeKept holds that they are no reason to keep what ends together from ending.
func TestResultsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
		var ends []FinishRequest
		var want []Finished
		for results, status := range map[string]string{
			`{"a": "\ud800 \u0000 [", "b": 1e999}`: StatusFinished, deep(mostNested): StatusFinished, deep(mostNested + 1): StatusFailed, "{": StatusFailed, "\"\xff\"": StatusFailed, `"]]"`: StatusFinished,
		} {
			run1(t, s, Limits{}, execution(sc))
			c := claim1(t, s, fresh())
			start1(t, s, c)
			ends, want = append(ends, FinishRequest{Holder: c.Holder, Outcome: OutcomeSucceeded, Results: []byte(results)}), append(want, Finished{status})
		}
		got, err := s.Finish(t.Context(), ends)
		if err != nil || !slices.Equal(got, want) {
			t.Fatal(got, want, err)
		}
		for i, r := range ends {
			if e := run1Execution(t, s, r.Execution); want[i].Status == StatusFinished && string(e.Results) != string(r.Results) {
				t.Errorf("%s is kept as %s", r.Results, e.Results)
			}
		}
		n := execution(sc)
		n.Params = []byte(deep(mostNested + 1))
		if _, err := s.CreateExecution(t.Context(), Limits{}, n); err == nil {
			t.Error("they are taken")
		}
	})
}

// TestCheckJSON compares how deep JSON is found to be with what a decoder says, of random texts too.
func TestCheckJSON(t *testing.T) {
	t.Parallel()
	texts := []string{"", "1", `{"a": [1, {"b": "]\"\\"}]}`, strings.Repeat("[", mostNested) + strings.Repeat("]", mostNested), strings.Repeat(`{"a":[`, 600) + strings.Repeat("]}", 600), "\"\x00\"", "[\"\xff\"]"}
	parts := []string{"[", "[", "]", "]", "{", "}", `"`, `"`, `\`, `"a":`, ",", "1"}
	for range 2000 {
		var b strings.Builder
		for range rand.IntN(12) {
			b.WriteString(parts[rand.IntN(len(parts))])
		}
		texts = append(texts, b.String(), strings.Repeat("[", mostNested-2)+b.String()+strings.Repeat("]", mostNested-2))
	}
	for _, text := range texts {
		depth, deepest := 0, 0
		for d := json.NewDecoder(strings.NewReader(text)); ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
			deepest = max(deepest, depth)
		}
		want := json.Valid([]byte(text)) && deepest <= mostNested && plain(text) == nil
		if err := CheckJSON([]byte(text)); (err == nil) != want {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
