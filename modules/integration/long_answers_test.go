package integration_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const longAnswersPage = "docs/long-answers.md"

// TestLongAnswersPage executes the page with each engine, command after command, before a backend of its own.
func TestLongAnswersPage(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"year": `+r.URL.Query().Get("year")+`, "total": 1234.50}`)
	}))
	t.Cleanup(backend.Close)
	site := ""
	for _, f := range pageFences(t, longAnswersPage) {
		if f.hint == "in site" {
			site = strings.ReplaceAll(f.text, "https://reports.example.org", backend.URL)
		}
	}
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "ann@example.org", "Correct-Horse-1", "USER")
		g := startGateway(t, withoutRunner(withStore(site)), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		if asked := runPage(t, g, longAnswersPage); asked != 3 {
			t.Errorf("%d commands were executed", asked)
		}
	})
}

// TestLongAnswersNeedControl: nobody makes executions that nobody sees.
func TestLongAnswersNeedControl(t *testing.T) {
	t.Parallel()
	text := siteWith("", `
	service /s {
		version 1.0.0
		repository https://example.org/r
		description "d"
		backend http://127.0.0.1:1
		GET /x {
			execute after 1s
			fetch /x {
				decode json
			}
		}
	}`)
	g := launch(t, text, []string{"DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "store.db"), "FAIRWAY_SECRET=" + someSecret})
	<-g.ended
	if log := g.log.String(); g.err == nil || !strings.Contains(log, "service /s: execute makes executions") || !strings.Contains(log, "add the directive control") {
		t.Errorf("%v\n%s", g.err, log)
	}
}

// slowBackend answers when the test says so, and tells of each request that comes.
type slowBackend struct {
	*httptest.Server
	asked chan string
	gate  chan string
}

func newSlowBackend(t *testing.T) *slowBackend {
	t.Helper()
	b := &slowBackend{asked: make(chan string, 100), gate: make(chan string, 100)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that it is seen who leaves
		b.asked <- r.Method + " " + r.URL.RequestURI()
		select {
		case text := <-b.gate:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// wantAsked waits for a request, and gives it.
func (b *slowBackend) wantAsked(t *testing.T) string {
	t.Helper()
	select {
	case line := <-b.asked:
		return line
	case <-time.After(patience):
		t.Fatal("the backend was not asked")
		return ""
	}
}

// longSite is a site with a service whose answers are executions at once, if that is preferred.
func longSite(backend string) string {
	text := withStore(`	control
	log {
		output stderr
	}
	service /s {
		version 1.0.0
		repository https://example.org/r
		description "d"
		backend ` + backend + ` {
			timeout 10m
			retries 0
		}
		GET /report/{year} {
			execute after 5s
			fetch /report?year={year} {
				decode json
			}
		}
		POST /order {
			execute after 5s
			fetch POST /order {
				decode json
			}
		}
	}`)
	return strings.Replace(text, "\t\tsecret", "\t\trunner off {\n\t\t\tlease 10s\n\t\t}\n\t\tsecret", 1)
}

// mortal starts a gateway that the test may kill.
func mortal(t *testing.T, text string, env ...string) *gateway {
	t.Helper()
	g := launch(t, text, env)
	t.Cleanup(g.kill)
	if err := g.waitUntilItAnswers(); err != nil {
		t.Fatalf("%v\n%s", err, g.log.String())
	}
	return g
}

// begins asks for what takes long, and gives where it will be.
func (g *gateway) begins(t *testing.T, method, path string) string {
	t.Helper()
	a := g.ask(t, request{method: method, path: path, header: http.Header{"Prefer": {"respond-async"}}})
	at := a.header.Get("Location")
	if a.status != http.StatusAccepted || at == "" || a.header.Get("Retry-After") == "" || a.header.Get("Preference-Applied") != "respond-async" {
		t.Fatalf("%s: %d %v %s", path, a.status, a.header, a.body)
	}
	return at
}

// ends waits for the answer.
func (g *gateway) ends(t *testing.T, at string) answer {
	t.Helper()
	var a answer
	if err := waitFor(func() error {
		if a = g.ask(t, request{path: at, header: http.Header{"Prefer": {"wait=20"}}}); a.status == http.StatusAccepted {
			return errors.New(a.body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestLongAnswersOfKilledGateways: what a gateway fetched that was killed another one fetches again, if that does no harm, and the
// rest has failed. Nobody sees the address of an answer in a log.
func TestLongAnswersOfKilledGateways(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		newUser(t, dsn, "ann@example.org", "Correct-Horse-1", "USER")
		b := newSlowBackend(t)
		env := []string{"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + someSecret}
		first, second := mortal(t, longSite(b.URL), env...), startGateway(t, longSite(b.URL), env...)
		may, mayNot := first.begins(t, http.MethodGet, "/s/report/2026"), first.begins(t, http.MethodPost, "/s/order")
		b.wantAsked(t)
		b.wantAsked(t)
		first.kill()
		if line := b.wantAsked(t); line != "GET /report?year=2026" {
			t.Error(line)
		}
		b.gate <- `{"year": 2026}`
		if a := second.ends(t, may); a.status != http.StatusOK || a.body != "{\"year\":2026}\n" {
			t.Errorf("%d %s", a.status, a.body)
		}
		second.ends(t, mayNot).wantAnyProblem(t, "", "gateway_lost")
		list := second.ask(t, request{path: "/api/v1/execution?sort=-start_date", user: "root@example.org:correct horse battery"})
		for _, want := range []string{`"executor":"gateway"`, `"status":"FAILED"`, `"reason":"gateway_lost"`, `"status":"FINISHED"`, `"script_id":null`, `"user_id":null`, `"service":"s"`} {
			if !strings.Contains(list.body, want) {
				t.Errorf("%s has no %s", list.body, want)
			}
		}
		_, token, _ := strings.Cut(may, "token=")
		if strings.Contains(list.body, token) {
			t.Error("an administrator is told where the answer is")
		}
		if a := second.ask(t, request{path: "/api/v1/execution", user: "ann@example.org:Correct-Horse-1"}); strings.Contains(a.body, "gateway") {
			t.Error(a.body)
		}
		for _, g := range []*gateway{first, second} {
			if log := g.log.String(); strings.Contains(log, token) || !strings.Contains(log, "handled request") || !strings.Contains(log, "token=REDACTED") {
				t.Errorf("the log has the token, or no line of the request:\n%s", log)
			}
		}
	})
}

// TestLongAnswersOutliveReloads: a reload ends nothing, and a gateway that is stopped ends what it can.
func TestLongAnswersOutliveReloads(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		b := newSlowBackend(t)
		g := startGateway(t, longSite(b.URL), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		at := g.begins(t, http.MethodPost, "/s/order")
		b.wantAsked(t)
		if err := g.reload(strings.Replace(longSite(b.URL), "version 1.0.0", "version 1.0.1", 1)); err != nil {
			t.Fatal(err)
		}
		b.gate <- `"after a reload"`
		if a := g.ends(t, at); a.body != "\"after a reload\"\n" {
			t.Errorf("%d %s", a.status, a.body)
		}
		at = g.begins(t, http.MethodPost, "/s/order")
		b.wantAsked(t)
		go func() {
			_ = waitFor(func() error {
				if strings.Contains(g.log.String(), "servers shutting down") {
					return nil
				}
				return errors.New("it runs")
			})
			b.gate <- `"after its end"`
		}()
		g.restart(t)
		if a := g.ends(t, at); a.body != "\"after its end\"\n" {
			t.Errorf("%d %s", a.status, a.body)
		}
		at = g.begins(t, http.MethodGet, "/s/report/1")
		b.wantAsked(t)
		id, _, _ := strings.Cut(at[strings.LastIndexByte(at, '/')+1:], "?")
		if a := g.ask(t, request{method: http.MethodPost, path: "/api/v1/execution/" + id + "/rerun", user: "root@example.org:correct horse battery"}); a.status != http.StatusConflict {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := g.ask(t, request{method: http.MethodPost, path: "/api/v1/execution/" + id + "/cancel", user: "root@example.org:correct horse battery"}); a.status != http.StatusAccepted {
			t.Errorf("%d %s", a.status, a.body)
		}
		g.ends(t, at).wantAnyProblem(t, "", "cancelled")
	})
}
