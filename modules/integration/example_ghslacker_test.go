package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// slack is a fake of Slack's API: lists in pages, 429 with Retry-After at times, and ok: false with status 200.
type slack struct {
	*recorder

	mu sync.Mutex
	// names are the GitHub names by user, as the field of the profile has them; fields replaces all of it.
	names, fields map[string]string
	// refuse says how often a method, or a method and user, is answered 429 before it is answered.
	refuse map[string]int
	// fail is what a method, or a method and user, says as its error instead of an answer.
	fail map[string]string
	// hold, if not nil, is waited for before a profile is answered.
	hold chan struct{}
}

func startSlack(t testing.TB, s *slack) *slack {
	t.Helper()
	s.recorder = startRecorder(t, s.answer)
	return s
}

func (s *slack) answer(w http.ResponseWriter, r *http.Request) {
	say := func(v any) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(v)
	}
	method, _ := strings.CutPrefix(r.URL.Path, "/api/")
	user := r.URL.Query().Get("user")
	s.mu.Lock()
	hold := s.hold
	refused := s.refuse[method+user] > 0
	if refused {
		s.refuse[method+user]--
	}
	failure := s.fail[method+user]
	s.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer xoxb-s3cret":
		failure = "invalid_auth"
	case refused:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if failure != "" {
		say(map[string]any{"ok": false, "error": failure})
		return
	}
	switch method {
	case "users.list":
		pages := map[string]string{
			"":           `{"ok":true,"members":[{"id":"U1"},{"id":"U2","is_bot":false,"deleted":false},{"id":"B1","is_bot":true}],"response_metadata":{"next_cursor":"dXNlcjpV=="}}`,
			"dXNlcjpV==": `{"ok":true,"members":[{"id":"U3"},{"id":"D1","deleted":true},{"id":"U4"},{"id":"U5"}],"response_metadata":{"next_cursor":"last"}}`,
			"last":       `{"ok":true,"members":[{"id":"U6"}],"response_metadata":{"next_cursor":""}}`,
		}
		say(json.RawMessage(pages[r.URL.Query().Get("cursor")]))
	case "team.profile.get":
		say(json.RawMessage(`{"ok":true,"profile":{"fields":[{"id":"Xf0","label":"Pronouns"},{"id":"Xf1","label":"GitHub Username"}]}}`))
	case "users.profile.get":
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
				return
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		fields, ok := s.fields[user]
		if !ok {
			fields = fmt.Sprintf(`{"Xf0":{"value":"any"},"Xf1":{"value":%q,"alt":""}}`, s.names[user])
		}
		say(json.RawMessage(`{"ok":true,"profile":{"fields":` + fields + `}}`))
	default:
		say(map[string]any{"ok": false, "error": "unknown_method"})
	}
}

// calls counts the requests by method, or by method and user.
func (s *slack) calls(what string) int {
	n := 0
	for _, line := range s.asked() {
		if strings.HasPrefix(line, "GET /api/"+what) {
			n++
		}
	}
	return n
}

// people are six users, of whom two have GitHub names; the others have none in every way that Slack knows.
func people() *slack {
	return &slack{
		names:  map[string]string{"U1": "GitHubUser", "U2": "otheruser"},
		fields: map[string]string{"U3": `null`, "U4": `[]`, "U5": `{"Xf0":{"value":"any"}}`, "U6": `{"Xf1":{"value":""}}`},
	}
}

// startGHSlacker runs the example before s. The caller is bot:secret.
// More is pairs of a text of the example and another one for it.
func startGHSlacker(t *testing.T, s *slack, more ...string) *gateway {
	t.Helper()
	dir, err := os.MkdirTemp("", "fairway") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return startGateway(t, exampleAt(t, "ghslacker", append(more, "https://slack.com", s.url)...),
		"SOCKET="+filepath.Join(dir, "inside.sock"), "SLACK_TOKEN=xoxb-s3cret", "GHSLACKER_USER=bot",
		// Of the password "secret", at the lowest cost that bcrypt has.
		"GHSLACKER_PASSWORD_HASH=$2a$04$sxTdrVV3q7evQJCNUEoe2.G7VvzLvWtz25AR.WfhL708iDb1HL1CS")
}

// waitUntilReady waits for /ready to say so.
func (g *gateway) waitUntilReady(t *testing.T) {
	t.Helper()
	if err := waitFor(func() error {
		if a := g.get(t, "/ready"); a.status != http.StatusOK {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestGHSlacker is case G: a join over pages and users, made in the background, and looked up both ways.
func TestGHSlacker(t *testing.T) {
	t.Parallel()
	s := startSlack(t, people())
	s.refuse = map[string]int{"users.list": 1, "users.profile.getU2": 2, "team.profile.get": 1}
	g := startGHSlacker(t, s)
	g.waitUntilReady(t)
	const user = "bot:secret"

	const all = `{"U1":"githubuser","U2":"otheruser"}`
	for path, want := range map[string]string{
		"/ghslacker":                   all,
		"/ghslacker/":                  all,
		"/ghslacker/usermap":           all,
		"/ghslacker/U1":                `{"U1":"githubuser"}`,
		"/ghslacker/slack/U1":          `{"U1":"githubuser"}`,
		"/ghslacker/github/githubuser": `{"U1":"githubuser"}`,
		"/ghslacker/github/GitHubUser": `{"U1":"GitHubUser"}`,
		"/ghslacker/github/OTHERuser":  `{"U2":"OTHERuser"}`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			g.ask(t, request{path: path, user: user}).wantJSON(t, http.StatusOK, want)
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"slack/U3", "slack/U9", "slack/B1", "slack/githubuser", "slack/u1", "U3", "github/U2", "github/nosuch", "github/B1"} {
			g.ask(t, request{path: "/ghslacker/" + path, user: user}).wantProblem(t, http.StatusNotFound, "backend_failed")
		}
		for _, path := range []string{"slack/", "github/", "slack/U1/x", "usermap/x"} {
			g.ask(t, request{path: "/ghslacker/" + path, user: user}).wantProblem(t, http.StatusNotFound, "")
		}
	})
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"", "/usermap", "/slack/U1", "/U1", "/github/githubuser"} {
			a := g.get(t, "/ghslacker"+path)
			a.wantProblem(t, http.StatusUnauthorized, "no_credentials")
			wrong := g.ask(t, request{path: "/ghslacker" + path, user: "bot:wr0ng-passw0rd"})
			wrong.wantProblem(t, http.StatusUnauthorized, "backend_status")
			if got := wrong.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
				t.Errorf("WWW-Authenticate %q", got)
			}
			g.wantNothingLeaked(t, wrong, "wr0ng-passw0rd", "xoxb-s3cret")
		}
	})
	t.Run("asked once", func(t *testing.T) {
		t.Parallel()
		for what, want := range map[string]int{
			"users.list": 4, "users.list?limit=200&cursor=dXNlcjpV%3D%3D": 1, "team.profile.get": 2,
			"users.profile.get": 8, "users.profile.get?user=U1": 1, "users.profile.get?user=U2": 3, "users.profile.get?user=B1": 0,
		} {
			if got := s.calls(what); got != want {
				t.Errorf("%s was asked %d times, want %d: %q", what, got, want, s.asked())
			}
		}
	})
	t.Run("inside", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/map/join", "/map/usermap", "/map/metadata"} {
			g.ask(t, request{path: path, user: user}).wantProblem(t, http.StatusNotFound, "")
		}
	})
	wantReadme(t, g, "ghslacker")
	wantMetadata(t, g, []string{"/ghslacker"}, "1.0", map[string]string{
		"name": "uservice-ghslacker", "version": "0.0.5", "description": "Maps Slack users to GitHub users, and back",
		"repository": "https://github.com/lsst-sqre/uservice-ghslacker", "auth": "basic",
	})
}

// TestGHSlackerLoading: nothing is ready before the first map, and a failure midway is gone on from.
func TestGHSlackerLoading(t *testing.T) {
	t.Parallel()
	s := people()
	s.hold = make(chan struct{})
	s.fail = map[string]string{"users.profile.getU4": "internal_error"}
	startSlack(t, s)
	g := startGHSlacker(t, s)
	a := g.get(t, "/ready")
	a.wantJSON(t, http.StatusServiceUnavailable, `{"status":"loading","checks":{"config":"ok","loading":["map GET /usermap "]}}`)
	if a := g.get(t, "/"); a.status != http.StatusOK || a.body != "OK" {
		t.Errorf("health: %d %s", a.status, a.body)
	}
	close(s.hold)
	if err := waitFor(func() error {
		if !strings.Contains(g.log.String(), "loading in the background failed") {
			return fmt.Errorf("no load has failed: %q", s.asked())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.fail = nil
	s.mu.Unlock()
	g.waitUntilReady(t)
	g.ask(t, request{path: "/ghslacker/usermap", user: "bot:secret"}).wantJSON(t, http.StatusOK, `{"U1":"githubuser","U2":"otheruser"}`)
	if n := s.calls("users.profile.get?user=U1"); n != 1 {
		t.Errorf("U1 was asked for %d times", n)
	}
	if users := s.calls("users.profile.get?user=U6"); users != 1 || slices.Contains(s.asked(), "GET /api/users.profile.get?user=D1") {
		t.Errorf("asked %q", s.asked())
	}
}

// TestGHSlackerRefresh: the old map is answered while a new one is made, and where none can be made.
func TestGHSlackerRefresh(t *testing.T) {
	t.Parallel()
	s := startSlack(t, people())
	g := startGHSlacker(t, s, "refresh every 1h", "refresh every 100ms", "cache 45m", "cache 1ms")
	g.waitUntilReady(t)
	ask := func() answer { return g.ask(t, request{path: "/ghslacker/slack/U1", user: "bot:secret"}) }
	waitForName := func(name string) {
		t.Helper()
		if err := waitFor(func() error {
			if a := ask(); a.status != http.StatusOK || !strings.Contains(a.body, name) {
				return fmt.Errorf("%d %s, want %s", a.status, a.body, name)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	waitForName("githubuser")

	hold := make(chan struct{})
	s.mu.Lock()
	s.hold, s.names = hold, map[string]string{"U1": "renamed"}
	s.mu.Unlock()
	asked := s.calls("users.profile.get?user=U1")
	if err := waitFor(func() error {
		if s.calls("users.profile.get?user=U1") < asked+1 {
			return errors.New("no new load has begun")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	ask().wantJSON(t, http.StatusOK, `{"U1":"githubuser"}`)
	close(hold)
	waitForName("renamed")

	s.mu.Lock()
	s.names, s.fail = nil, map[string]string{"users.list": "internal_error"}
	s.mu.Unlock()
	if err := waitFor(func() error {
		if !strings.Contains(g.log.String(), "loading in the background failed") {
			return errors.New("no load has failed")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	ask().wantJSON(t, http.StatusOK, `{"U1":"renamed"}`)
	if a := g.get(t, "/ready"); a.status != http.StatusOK {
		t.Errorf("/ready: %d %s", a.status, a.body)
	}
}
