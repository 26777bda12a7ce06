package executions_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/ticket"
)

// scripted is an execution of ann's that runs, with the token of its script.
func (w *world) scripted(t testing.TB) (db.Execution, queries.Holder, controltest.As) {
	t.Helper()
	token, hash := ticket.New()
	e, h := w.started(t, hash)
	return e, h, controltest.As(token)
}

func (w *world) execution(t testing.TB, id uuid.UUID) db.Execution {
	t.Helper()
	e, err := w.Store.Execution(t.Context(), id)
	must(t, err)
	return e
}

// TestScriptsOfTrends is what the container runner of Trends.Earth does.
func TestScriptsOfTrends(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h, token := w.scripted(t)
		login := fmt.Sprintf(`{"email":%q,"password":%q}`, h.Attempt, token)
		var got struct {
			Access string `json:"access_token"`
			Token  string
			User   string `json:"user_id"`
			Lasts  int    `json:"expires_in"`
		}
		a := w.Want(t, "", "POST", "/auth", login, 200)
		if a.JSON(t, &got); got.Access != string(token) || got.Token != string(token) || got.User != h.Attempt.String() || got.Lasts < 3000 || strings.Contains(a.Body, "refresh") {
			t.Error(a.Body)
		}
		w.Want(t, token, "PATCH", path(e, ""), `{"status":"RUNNING"}`, 200)
		if a := w.Want(t, token, "GET", path(e, "/params"), "", 200); a.Body != `{"year":2026}` {
			t.Error(a.Body)
		}
		w.Want(t, token, "POST", path(e, "/log"), `{"text":"Starting","level":"INFO"}`, 200)
		w.Want(t, token, "PATCH", path(e, ""), `{"progress":40}`, 200)
		if now := w.execution(t, e.ID); now.Progress != 40 || now.Status != "RUNNING" {
			t.Errorf("%+v", now)
		}
		w.Want(t, token, "PATCH", path(e, ""), `{"results":{"data":[1,2]},"status":"FINISHED"}`, 200)
		w.finish(t, h, queries.OutcomeSucceeded)
		if now := w.execution(t, e.ID); now.Status != "FINISHED" || string(now.Results) != `{"data":[1,2]}` {
			t.Errorf("%+v", now)
		}
		if d := cmp.Diff([]string{"1 Starting"}, texts(t, w.Want(t, "ann:", "GET", path(e, "/log"), "", 200))); d != "" {
			t.Error(d)
		}

		// One that fails says so, and exits well.
		e, h, token = w.scripted(t)
		w.Want(t, token, "POST", path(e, "/log"), `{"text":"Traceback","level":"ERROR"}`, 200)
		w.Want(t, token, "PATCH", path(e, ""), `{"status":"FAILED"}`, 200)
		w.finish(t, h, queries.OutcomeSucceeded)
		if now := w.execution(t, e.ID); now.Status != "FAILED" || now.Reason != "the script said that it failed" {
			t.Errorf("%+v", now)
		}
	})
}

// TestWhatScriptsMay asks for everything with the token of a script: it is good for nothing but its own attempt.
func TestWhatScriptsMay(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h, token := w.scripted(t)
		other, _, _ := w.scripted(t)
		for _, op := range w.Table().Operations() {
			if len(op.Permissions) == 1 && op.Permissions[0] == permit.Anybody {
				continue
			}
			for _, id := range []string{e.ID.String(), other.ID.String(), uuid.NewString(), "x"} {
				target := op.Path
				for strings.Contains(target, "{") {
					from, to := strings.Index(target, "{"), strings.Index(target, "}")
					target = target[:from] + id + target[to+1:]
				}
				want := 403
				switch {
				case op.Scripts && id == e.ID.String():
					continue
				case op.Scripts:
					want = 404
				}
				a := w.Ask(t, token, op.Method, target, "")
				if a.Status != want || strings.Contains(a.Body, string(token)) {
					t.Errorf("%s %s: %d %s", op.Method, target, a.Status, a.Body)
				}
			}
		}
		for _, one := range []struct {
			who          controltest.As
			target, body string
			status       int
		}{
			{token, "/auth/refresh", `{"refresh_token":"x"}`, 403},
			{"", "/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, token), 403},
			{token, "/auth/logout", "", 403},
			{"", "/auth", fmt.Sprintf(`{"email":%q,"password":%q}`, uuid.New(), token), 401},
			{"", "/auth", fmt.Sprintf(`{"email":"ann@example.org","password":%q}`, token), 401},
			{"", "/auth", fmt.Sprintf(`{"email":%q,"password":%q}`, h.Attempt, forged(token)), 401},
			{"", "/auth", fmt.Sprintf(`{"email":%q,"password":"fw_run_"}`, h.Attempt), 401},
			{forged(token), path(e, "/log"), `{"text":"a","level":"INFO"}`, 401},
		} {
			if a := w.Ask(t, one.who, "POST", one.target, one.body); a.Status != one.status || strings.Contains(a.Body, string(token)) {
				t.Errorf("%s %s: %d %s", one.target, one.body, a.Status, a.Body)
			}
		}
		// A token is no password of the execution's owner.
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path(e, ""), nil)
		r.SetBasicAuth(h.Attempt.String(), string(token))
		if a := w.Do(r); a.Status != 401 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		if methods := w.Want(t, token, "OPTIONS", path(e, ""), "", 204).Header.Get("Allow"); methods != "PATCH, OPTIONS" {
			t.Error(methods)
		}
	})
}

// forged is a token that nobody gave.
func forged(token controltest.As) controltest.As {
	last := "A"
	if strings.HasSuffix(string(token), last) {
		last = "B"
	}
	return token[:len(token)-1] + controltest.As(last)
}

// TestScriptsAreFenced has scripts speak whose attempts are over.
func TestScriptsAreFenced(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		silent := func(e db.Execution, h queries.Holder, token controltest.As) {
			t.Helper()
			was := w.execution(t, e.ID)
			for _, one := range [][3]string{
				{"POST", path(e, "/log"), `{"text":"late","level":"INFO"}`},
				{"PATCH", path(e, ""), `{"status":"FAILED"}`},
				{"PATCH", path(e, ""), `{"progress":1,"results":"forged"}`},
				{"GET", path(e, "/params"), ""},
				{"POST", "/auth", fmt.Sprintf(`{"email":%q,"password":%q}`, h.Attempt, token)},
			} {
				who := token
				if one[1] == "/auth" {
					who = ""
				}
				if a := w.Ask(t, who, one[0], one[1], one[2]); a.Status != 401 {
					t.Errorf("%s %s: %d %s", one[0], one[1], a.Status, a.Body)
				}
			}
			if d := cmp.Diff(was, w.execution(t, e.ID)); d != "" {
				t.Error(d)
			}
		}
		for _, o := range []queries.Outcome{queries.OutcomeSucceeded, queries.OutcomeFailed} {
			e, h, token := w.scripted(t)
			w.finish(t, h, o)
			silent(e, h, token)
		}
		// While it is cancelled it may speak still.
		e, h, token := w.scripted(t)
		_, err := w.Store.Cancel(t.Context(), controltest.By(), e.ID, "enough")
		must(t, err)
		w.Want(t, token, "POST", path(e, "/log"), `{"text":"cleaning up","level":"INFO"}`, 200)
		w.Want(t, token, "PATCH", path(e, ""), `{"progress":50,"results":{"half":true}}`, 200)
		w.finish(t, h, queries.OutcomeCancelled)
		silent(e, h, token)
		if now := w.execution(t, e.ID); string(now.Results) != `{"half":true}` {
			t.Errorf("%s", now.Results)
		}
		// One whose runner was lost, and is replaced.
		token2, hash := ticket.New()
		made, err := w.Store.CreateExecution(t.Context(), queries.Limits{}, queries.NewExecution{
			Script: w.script(t, "ann", "again", "", "").ID, Version: 1, User: w.Find(t, "ann").ID, Params: []byte(`{}`), MaxAttempts: 2, RetryOn: []queries.Outcome{queries.OutcomeLost},
		})
		must(t, err)
		first := w.begun(t, made.ID, hash)
		w.Want(t, as(token2), "PATCH", path(made.Execution, ""), `{"results":"first","status":"FAILED"}`, 200)
		w.finish(t, first, queries.OutcomeLost)
		silent(made.Execution, first, as(token2))
		token3, hash := ticket.New()
		second := w.begun(t, made.ID, hash)
		silent(made.Execution, first, as(token2))
		w.Want(t, as(token3), "PATCH", path(made.Execution, ""), `{"progress":10}`, 200)
		w.finish(t, second, queries.OutcomeSucceeded)
		if now := w.execution(t, made.ID); now.Status != "FINISHED" || string(now.Results) != "null" {
			t.Errorf("%+v", now)
		}
	})
}

// TestScriptsReport is about what a script can say.
func TestScriptsReport(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, _, token := w.scripted(t)
		for _, sent := range []string{
			"{}", `{"more":1}`, `{"status":"CANCELLED"}`, `{"status":"READY"}`, `{"status":""}`, `{"status":1}`, `{"status":"finished"}`, `{"progress":101}`, `{"progress":-1}`, `{"progress":1.5}`,
			`{"progress":"1"}`, `{"status":"RUNNING","status":"FAILED"}`, `[]`, `"RUNNING"`, `{"status":"FINISHED"`, strings.Repeat(`{"results":`, 20000),
		} {
			if a := w.Ask(t, token, "PATCH", path(e, ""), sent); a.Status != 400 {
				t.Errorf("%.60s: %d %.200s", sent, a.Status, a.Body)
			}
		}
		if now := w.execution(t, e.ID); now.Said != "" || now.Progress != 0 || string(now.Results) != "null" {
			t.Errorf("%+v", now)
		}
		if a := w.Ask(t, token, "PATCH", path(e, ""), `{"results":"`+strings.Repeat("a", 6<<20)+`"}`); a.Status != 413 {
			t.Errorf("%d", a.Status)
		}
		random := uuid.NewString()
		var much strings.Builder
		for much.Len() < 3<<20 {
			much.WriteString(uuid.NewString())
		}
		if a := w.Ask(t, token, "PATCH", path(e, ""), `{"results":"`+much.String()+`"}`); a.Status != 400 || !strings.Contains(a.Body, "compressed") {
			t.Errorf("%d %.200s", a.Status, a.Body)
		}
		// What is long is kept elsewhere; what it is replaced by has it removed.
		long := `{"a":"` + strings.Repeat("0123456789", 100_000) + `","b":"` + random + `"}`
		w.Want(t, token, "PATCH", path(e, ""), `{"results":`+long+`}`, 200)
		first := w.execution(t, e.ID).ResultsKey
		if a := w.Want(t, "ann:", "GET", path(e, "/results"), "", 200); a.Body != long {
			t.Errorf("%.200s", a.Body)
		}
		w.Want(t, token, "PATCH", path(e, ""), `{"results":{"short":1}}`, 200)
		if now := w.execution(t, e.ID); first == "" || now.ResultsKey != "" || string(now.Results) != `{"short":1}` {
			t.Errorf("%q, %+v", first, now)
		}
		if _, err := w.blobs.Read(t.Context(), first); err == nil {
			t.Error("a blob is left")
		}
	})
}

// TestScriptsSayMuch has a script say more than it may.
func TestScriptsSayMuch(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, _, token := w.scripted(t)
		text, _ := json.Marshal(strings.Repeat("x", 9000))
		line := fmt.Sprintf(`{"text":%s,"level":"INFO"}`, text)
		full := 0
		for range 20 {
			a := w.Ask(t, token, "POST", path(e, "/log"), line)
			switch {
			case a.Status == 413 && strings.Contains(a.Body, "log_full"):
				full++
			case a.Status != 200 || full > 0:
				t.Fatalf("%d %.200s", a.Status, a.Body)
			}
		}
		if full == 0 || w.execution(t, e.ID).LogBytes > 100_000 {
			t.Errorf("%d, %d bytes", full, w.execution(t, e.ID).LogBytes)
		}
	}, func(o *executions.Options) { o.MostLog = 100_000 })
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, _, token := w.scripted(t)
		other, _, another := w.scripted(t)
		var mu sync.Mutex
		said := map[int]int{}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 25 {
					a := w.Ask(t, token, "POST", path(e, "/log"), `{"text":"a","level":"INFO"}`)
					mu.Lock()
					said[a.Status]++
					mu.Unlock()
					if a.Status == 429 && (a.Header.Get("Retry-After") == "" || !strings.Contains(a.Body, "RATE_LIMIT_EXCEEDED")) {
						t.Error(a.Body)
					}
				}
			})
		}
		all.Wait()
		if said[200] < 20 || said[429] == 0 || said[200]+said[429] != 200 {
			t.Errorf("%v", said)
		}
		// It is the one that says much who waits.
		w.Want(t, another, "PATCH", path(other, ""), `{"progress":1}`, 200)
		w.Want(t, "boss:", "POST", path(e, "/log"), `{"text":"a","level":"INFO"}`, 200)
	}, func(o *executions.Options) { o.Pace = executions.Pace{PerSecond: 1, AtOnce: 20} })
}

// TestTokensAreNotTold: what a script says of its token nobody reads.
func TestTokensAreNotTold(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, _, token := w.scripted(t)
		text, _ := json.Marshal("my token is " + string(token) + ", twice " + string(token+token) + " fw_run_short fw_run_")
		w.Want(t, token, "POST", path(e, "/log"), fmt.Sprintf(`{"text":%s,"level":"INFO"}`, text), 200)
		want := []string{"1 my token is ***, twice ****** fw_run_short fw_run_"}
		if d := cmp.Diff(want, texts(t, w.Want(t, "ann:", "GET", path(e, "/log"), "", 200))); d != "" {
			t.Error(d)
		}
	})
}

// TestPaces is about the clock of a script's requests.
func TestPaces(t *testing.T) {
	t.Parallel()
	p := executions.NewPaces(executions.Pace{PerSecond: 10, AtOnce: 3})
	now, id := time.Now(), uuid.New()
	for i, want := range []time.Duration{0, 0, 0, 100 * time.Millisecond, 100 * time.Millisecond} {
		if got := p.Take(id, now); got != want {
			t.Errorf("%d: %s", i, got)
		}
	}
	if p.Take(id, now.Add(100*time.Millisecond)) != 0 || p.Take(id, now.Add(100*time.Millisecond)) == 0 || p.Take(uuid.New(), now) != 0 {
		t.Error("time does not pass")
	}
	for range 5000 {
		p.Take(uuid.New(), now)
	}
	p.Take(uuid.New(), now.Add(time.Hour))
	for range 5000 {
		p.Take(uuid.New(), now.Add(2*time.Hour))
	}
	if p.Len() > 10_100 {
		t.Errorf("%d are kept", p.Len())
	}
}
