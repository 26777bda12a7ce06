package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/jobs"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
	"github.com/fairway-gateway/fairway/runner/queue"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

func TestMain(m *testing.M) { runnertest.Main(m) }

// stage is a page over the queue of a store, and what was written down of it.
type stage struct {
	t     *testing.T
	site  *runnertest.Site
	jobs  *jobs.Jobs
	log   bytes.Buffer
	ids   []string // of two jobs
	fails error    // the audit log's
}

// newStage makes two jobs in a queue that nobody works on.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, site: runnertest.New(t, runnertest.Postgres(t))}
	r, err := queue.OpenRiver(t.Context(), s.site.DSN, queue.RiverConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	s.site.Store.OnReady(r.Dispatch)
	s.site.Execute(t, 2, "{}", nil)
	s.jobs = jobs.New(s.options(func(context.Context) (jobs.Queue, error) { return r, nil }))
	var list struct {
		Data []struct {
			ID   json.Number
			Args struct{ Attempt uuid.UUID }
		}
	}
	a := s.ask("GET", "/console/jobs/api/jobs?state=available", "", nil)
	if err := json.Unmarshal(a.Body.Bytes(), &list); err != nil || a.Code != http.StatusOK || len(list.Data) != 2 || list.Data[0].Args.Attempt == uuid.Nil {
		t.Fatalf("the two jobs: %v %d %s", err, a.Code, a.Body)
	}
	for _, one := range list.Data {
		s.ids = append(s.ids, one.ID.String())
	}
	return s
}

func (s *stage) options(q func(context.Context) (jobs.Queue, error)) jobs.Options {
	return jobs.Options{
		Queue: q, Identify: identify, RequestID: func(*http.Request) string { return "r1" }, Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
		Record: func(ctx context.Context, by queries.By, action, subject string, detail json.RawMessage) error {
			if s.fails != nil {
				return s.fails
			}
			return s.site.Store.InTx(ctx, func(q db.Querier) error { return queries.Record(ctx, q, by, action, subject, detail) })
		},
	}
}

// root is the administrator of the tests, whose password is "secret".
const root = "01926b7e-6f6c-7cc5-a0c6-3f27c4ea6c10"

// identify knows users whose names are their roles, and a token of an administrator's.
func identify(r *http.Request) (*callers.Caller, error) {
	who := func(role string) *callers.Caller {
		return &callers.Caller{User: tokens.User{ID: root, Role: role, Active: role != "ADMIN-asleep"}}
	}
	if r.Header.Get("Authorization") == "basic token" {
		c := who("ADMIN")
		c.Token = new(tokens.Access)
		return c, nil
	}
	user, password, ok := r.BasicAuth()
	switch {
	case !ok:
		return nil, nil
	case user == "away":
		return nil, errors.New("the store is away")
	case password != "secret":
		return nil, &callers.RefusedError{Reason: callers.BadCredentials}
	}
	return who(user), nil
}

// ask asks as an administrator, unless change says otherwise.
func (s *stage) ask(method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	r.SetBasicAuth("ADMIN", "secret")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.jobs.Serve(w, r, "")
	for name, want := range map[string]string{"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
		if got := w.Header().Get(name); got != want {
			s.t.Errorf("%s %s: %s is %q, not %q", method, target, name, got, want)
		}
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") {
		s.t.Errorf("%s %s: the policy is %q", method, target, policy)
	}
	return w
}

// state is that of a job.
func (s *stage) state(id string) string {
	s.t.Helper()
	a := s.ask("GET", "/console/jobs/api/jobs/"+id, "", nil)
	if a.Code == http.StatusNotFound {
		return "gone"
	}
	var job struct{ State string }
	if err := json.Unmarshal(a.Body.Bytes(), &job); err != nil || a.Code != http.StatusOK {
		s.t.Fatalf("%v %d %s", err, a.Code, a.Body)
	}
	return job.State
}

// written are the lines of the audit log, the newest last.
func (s *stage) written() []string {
	s.t.Helper()
	var out []string
	all, err := queries.List(s.t.Context(), s.site.Store, queries.Audit(), rows.Request{Limit: 100})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range all {
		if strings.HasPrefix(line.Action, "queue.") {
			out = append(out, fmt.Sprintf("%s %s %s %s %s", line.Actor, line.RequestID, line.Action, line.Subject, line.Diff))
		}
	}
	return out
}

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"an administrator":                {nil, 200},
		"a super administrator":           {as("SUPERADMIN", "secret"), 200},
		"the scheme in other letters":     {shows("bASIC QURNSU46c2VjcmV0"), 200},
		"nobody":                          {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"a wrong password":                {as("ADMIN", "wrong"), 401},
		"a user":                          {as("USER", "secret"), 403},
		"an administrator who is no more": {as("ADMIN-asleep", "secret"), 403},
		"a role that nobody has":          {as("admin", "secret"), 403},
		"a token":                         {shows("Bearer ADMIN"), 401},
		"a token in disguise":             {shows("basic token"), 401},
		"nothing":                         {shows(""), 401},
		"Basic alone":                     {shows("Basic"), 401},
		"two":                             {func(r *http.Request) { r.Header.Add("Authorization", "Basic QURNSU46c2VjcmV0") }, 401},
		"the old header alone": {func(r *http.Request) {
			r.Header["Authentication"] = r.Header["Authorization"]
			r.Header.Del("Authorization")
		}, 401},
		"a store that is away": {as("away", "secret"), 503},
	} {
		for _, target := range []string{"/console/jobs", "/console/jobs/", "/console/jobs/api/states", "/console/jobs/icon.svg", "/console/jobs/nothing/here/../x"} {
			want := c.status
			switch {
			case want == 200 && target == "/console/jobs":
				want = 301
			case want == 200 && strings.Contains(target, ".."):
				want = 404
			}
			a := s.ask("GET", target, "", c.change)
			if a.Code != want {
				t.Errorf("%s, %s: %d %s, not %d", name, target, a.Code, a.Body, want)
			}
			if challenge := a.Header().Get("WWW-Authenticate"); (a.Code == 401) != strings.HasPrefix(challenge, "Basic ") {
				t.Errorf("%s, %s: %d with the challenge %q", name, target, a.Code, challenge)
			}
		}
	}
	if strings.Contains(s.log.String(), "c2VjcmV0") || strings.Contains(s.log.String(), "secret") {
		t.Errorf("a password was logged: %s", &s.log)
	}
}

func as(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func shows(value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", value) }
}

func from(site, origin string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Origin", origin)
	}
}

func TestOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	body := `{"ids":["` + s.ids[0] + `"]}`
	for name, change := range map[string]func(*http.Request){
		"another site":                 from("cross-site", "https://evil.example.org"),
		"a sister":                     from("same-site", "https://evil.example.com"),
		"another site, an old browser": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example.org") },
		"a page of nobody":             func(r *http.Request) { r.Header.Set("Origin", "null") },
	} {
		for _, what := range [][3]string{{"POST", "jobs/cancel", body}, {"POST", "jobs/delete", body}, {"PUT", "queues/default/pause", ""}} {
			if a := s.ask(what[0], "/console/jobs/api/"+what[1], what[2], change); a.Code != http.StatusForbidden {
				t.Errorf("%s, %s: %d %s", name, what[1], a.Code, a.Body)
			}
		}
	}
	if got := s.state(s.ids[0]); got != "available" {
		t.Errorf("the job is %s", got)
	}
	if lines := s.written(); len(lines) > 0 {
		t.Errorf("it is written down: %s", lines)
	}
	if a := s.ask("POST", "/console/jobs/api/jobs/cancel", body, from("same-origin", "http://example.com")); a.Code != http.StatusOK || s.state(s.ids[0]) != "cancelled" {
		t.Errorf("the page itself: %d %s", a.Code, a.Body)
	}
}

func TestWhatIsChangedIsWrittenDown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first, second := s.ids[0], s.ids[1]
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "jobs/cancel", `{"ids":["` + first + `"]}`, 200},
		{"POST", "jobs/retry", `{"ids":["0` + first + `"],"more":"something else"}`, 200},
		{"POST", "jobs/delete", `{"ids":["1"],"ids":["` + first + `","` + second + `"]}`, 200},
		{"PUT", "queues/default/pause", "", 404}, // it is there once somebody works on it
		// What is nothing is not done.
		{"POST", "jobs/delete", `{"ids":[]}`, 400},
		{"POST", "jobs/delete", `{"ids":["-1"]}`, 400},
		{"POST", "jobs/delete", `{"ids":["9223372036854775808"]}`, 400},
		{"POST", "jobs/delete", `{"ids":["` + strings.Repeat(`1","`, 1000) + `1"]}`, 400},
		{"POST", "jobs/delete", `{`, 400},
		{"POST", "jobs/delete", ``, 400},
		{"POST", "jobs/delete", `{"ids":["` + strings.Repeat("1", 1<<20) + `"]}`, 413},
		{"POST", "jobs", `{}`, 405},
		{"POST", "jobs/cancel/", `{"ids":["1"]}`, 405},
		{"PATCH", "queues/default", `{}`, 405},
		{"DELETE", "jobs/1", ``, 405},
		{"PUT", "queues//pause", ``, 404},
		{"PUT", "queues/a/b/pause", ``, 405},
	} {
		if a := s.ask(c.method, "/console/jobs/api/"+c.path, c.body, nil); a.Code != c.status {
			t.Errorf("%s %s %.80s: %d %s, not %d", c.method, c.path, c.body, a.Code, a.Body, c.status)
		}
	}
	if got := []string{s.state(first), s.state(second)}; !slices.Equal(got, []string{"gone", "gone"}) {
		t.Errorf("the jobs are %s", got)
	}
	want := []string{
		"user:" + root + " r1 queue.job.cancel job:" + first + " {}",
		"user:" + root + " r1 queue.job.retry job:" + first + " {}",
		"user:" + root + " r1 queue.job.delete queue " + `{"ids": ["` + first + `", "` + second + `"]}`,
		"user:" + root + " r1 queue.pause queue:default {}",
	}
	if diff := cmp.Diff(want, s.written()); diff != "" {
		t.Error(diff)
	}
}

// TestNothingIsDoneThatCannotBeWrittenDown takes the audit log away.
func TestNothingIsDoneThatCannotBeWrittenDown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.fails = errors.New("the store is away")
	if a := s.ask("POST", "/console/jobs/api/jobs/delete", `{"ids":["`+s.ids[0]+`"]}`, nil); a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if got := s.state(s.ids[0]); got != "available" {
		t.Errorf("the job is %s", got)
	}
}

func TestNothingElseIsReached(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, path := range []string{
		"/../../auth", "/..%2f..%2fauth", "/%2e%2e/%2e%2e/auth", "//evil.example.org/", "/\\evil.example.org", "/a//b", "/assets", "/assets/", "/.vite/manifest.json", "/a/.git",
		"/a%00b", "/a%0d%0ab", "/%ff", "/ä", "/a?b" + "%3f/../x", "/" + strings.Repeat("a", 600), "/a;b", "/a%2fb/%2e%2e/c", "/~root", "/a:b",
	} {
		a := s.ask("GET", "/console/jobs/x", "", func(r *http.Request) {
			u, err := r.URL.Parse("http://example.com/console/jobs" + path)
			if err != nil {
				t.Fatal(err)
			}
			u.Path, u.RawPath = strings.Replace(u.Path, "/console/jobs", "", 1), ""
			if p, _, ok := strings.Cut(path, "?"); ok {
				u.Path = p + "?b"
			} else if strings.HasPrefix(path, "/..") && !strings.Contains(path, "%") {
				u.Path = path // Parse resolves it
			}
			u.Path = "/console/jobs" + u.Path
			r.URL = u
		})
		if a.Code != http.StatusNotFound || a.Header().Get("Location") != "" {
			t.Errorf("%q: %d %s %.100s", path, a.Code, a.Header().Get("Location"), a.Body)
		}
	}
}

// TestPage is what browsers get, wherever the site has it.
func TestPage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, outer := range []string{"", "/gateway", "/a/b"} {
		get := func(path string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.SetBasicAuth("ADMIN", "secret")
			w := httptest.NewRecorder()
			s.jobs.Serve(w, r, outer)
			return w
		}
		if a := get("/console/jobs"); a.Code != http.StatusMovedPermanently || a.Header().Get("Location") != outer+"/console/jobs/" {
			t.Errorf("%d %s", a.Code, a.Header())
		}
		for _, path := range []string{"/console/jobs/", "/console/jobs/jobs", "/console/jobs/queues/default"} {
			a := get(path)
			if a.Code != http.StatusOK || !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") || !strings.Contains(a.Body.String(), `"apiUrl":"`+outer+`/console/jobs/api"`) {
				t.Errorf("%s: %d %s", path, a.Code, a.Body)
			}
			for file := range strings.SplitSeq(a.Body.String(), `"`) {
				own, ok := strings.CutPrefix(file, outer+"/console/jobs/")
				if !ok || own == "api" {
					continue
				}
				if f := get("/console/jobs/" + own); f.Code != http.StatusOK || strings.HasPrefix(f.Header().Get("Content-Type"), "text/html") {
					t.Errorf("%s: %d %s", own, f.Code, f.Header())
				}
			}
		}
	}
	for _, outer := range []string{"//evil.example.org", "/", "/a/", "a", "/../a"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/jobs/", nil)
		r.SetBasicAuth("ADMIN", "secret")
		if s.jobs.Serve(w, r, outer); w.Code != http.StatusNotFound {
			t.Errorf("under %q: %d", outer, w.Code)
		}
	}
}

func TestWithoutAQueue(t *testing.T) {
	t.Parallel()
	s := &stage{t: t}
	s.jobs = jobs.New(s.options(nil))
	nobody := func(r *http.Request) { r.Header.Del("Authorization") }
	if a := s.ask("GET", "/console/jobs/", "", nobody); a.Code != http.StatusNotFound || !strings.Contains(a.Body.String(), "where the store is PostgreSQL") {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	s.jobs = jobs.New(s.options(func(context.Context) (jobs.Queue, error) { return nil, errors.New("dial 10.1.2.3: refused") }))
	if a := s.ask("GET", "/console/jobs/", "", nobody); a.Code != http.StatusUnauthorized || s.log.Len() > 0 {
		t.Errorf("%d %s; logged %s", a.Code, a.Body, &s.log)
	}
	a := s.ask("GET", "/console/jobs/", "", nil)
	if a.Code != http.StatusServiceUnavailable || strings.Contains(a.Body.String(), "10.1.2.3") || !strings.Contains(s.log.String(), "10.1.2.3") {
		t.Errorf("%d %s; logged %s", a.Code, a.Body, &s.log)
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{"/console/jobs": true, "/console/jobs/": true, "/console/jobs/a": true, "/console/jobsx": false, "/console": false, "/": false, "": false} {
		if jobs.Serves(path) != want {
			t.Errorf("%q: %v", path, !want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "/jobs/1", "/../x", "//x", "/.a", "/assets/"} {
		f.Add(seed, "")
	}
	f.Add("/", "/gateway")
	f.Fuzz(func(t *testing.T, path, outer string) {
		got := ""
		j := jobs.New(jobs.Options{
			Identify: identify, RequestID: func(*http.Request) string { return "" },
			Queue: func(context.Context) (jobs.Queue, error) { return reached{&got}, nil },
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.SetBasicAuth("ADMIN", "secret")
		r.URL.Path = jobs.Path + path
		j.Serve(httptest.NewRecorder(), r, outer)
		if got == "" {
			return
		}
		if got != outer+jobs.Path+path || strings.Contains(got, "//") || strings.Contains(got, "/.") || strings.ContainsAny(got, "\\%?#\x00\r\n ") || path != "" && path[0] != '/' {
			t.Errorf("%q is reached", got)
		}
	})
}

// reached is a page that writes down what it is asked for.
type reached struct{ path *string }

func (q reached) Page(string) (http.Handler, error) {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { *q.path = r.URL.Path }), nil
}
