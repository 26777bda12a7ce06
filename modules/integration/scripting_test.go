package integration_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantSaid runs a command and holds it to its code, and what it says.
func (s dbShell) wantSaid(t *testing.T, code int, want string, args ...string) called {
	t.Helper()
	got := s.call(t, "", args...)
	text := got.out
	if code != 0 {
		text = got.err
	}
	want, text = strings.TrimSpace(want), strings.TrimSpace(said(text))
	if diff := cmp.Diff(want, text); diff != "" || got.code != code {
		t.Errorf("fairway %s ends with %d, want %d (-want +got):\n%s\n%+v", strings.Join(args, " "), got.code, code, diff, got)
	}
	return got
}

// TestScriptsFromTheCommandLine goes the whole way: login, create, publish, run, results, another version, cancel, download, logout.
func TestScriptsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	g := startScriptGateway(t, dsn)
	newUser(t, dsn, "bob@example.org", goodPassword, "USER")
	s := userShell(t)
	s.wantSaid(t, 4, "fairway script: not logged in: fairway login --url https://…", "script", "list")
	s.wantSaid(t, 2, "fairway login: login needs --email", "login", "--url", g.url)
	s.write(t, "password", "wrong\n")
	s.wantSaid(t, 4, "fairway login: Bad username or password (401, request R)", "login", "--url", g.url, "--email", "ann@example.org", "--password-file", "password")
	s.write(t, "password", goodPassword+"\n")
	s.wantSaid(t, 0, "logged in to "+g.url+" as ann@example.org", "login", "--url", g.url+"/", "--email", "ann@example.org", "--password-file", "password")
	s.wantSaid(t, 0, "SCRIPT  NAME  STATUS  VERSION  FOR  UPDATED  ID", "script", "list")
	s.wantSaid(t, 0, `{"scripts":[]}`, "script", "list", "--json")
	s.wantSaid(t, 0, `{"executions":[]}`, "execution", "list", "--json")

	if c := s.call(t, "", "script", "create", "Greet", "--json"); c.out != `{"directory":"greet","name":"Greet","language":"python"}`+"\n" {
		t.Errorf("%+v", c)
	}
	s.wantSaid(t, 2, "fairway script: greet is there already", "script", "create", "Greet")
	s.wantSaid(t, 0, "greet, version 1, was uploaded\nT Build started.\nT Build successful.\ngreet, version 1, was built", "script", "publish", "greet", "--public")
	s.wantSaid(t, 2, "fairway script: greet was published before, and is version 1: --overwrite uploads another", "script", "publish", "greet")
	c := s.call(t, "", "script", "publish", "--overwrite", "--json", "greet")
	var made struct {
		ID, Slug, Status string
		Version          int
		Public           bool
	}
	if err := json.Unmarshal([]byte(c.out), &made); err != nil || made.Version != 2 || made.Status != "SUCCESS" || !made.Public || c.code != 0 {
		t.Errorf("%v %+v", err, c)
	}
	if text, err := os.ReadFile(filepath.Join(s.dir, "greet", "configuration.json")); err != nil || !strings.Contains(string(text), `"id": "`+made.ID+`"`) {
		t.Errorf("%s %v", text, err)
	}
	s.wantSaid(t, 0, "T Build started.\nT Build successful.\nT Build started.\nT Build successful.", "script", "logs", "greet", "--follow")

	s.write(t, "params.json", `{"name":"Ada","n":1.50}`)
	got := s.call(t, "", "script", "run", "greet", "--params", "params.json", "--follow", "-o", "results.json")
	if strings.TrimSpace(said(got.err)) != "T INFO Greeting Ada" || got.code != 0 || got.out != "" {
		t.Errorf("%+v", got)
	}
	if text, err := os.ReadFile(filepath.Join(s.dir, "results.json")); err != nil || string(text) != `{"greeting": "Hello, Ada!"}` {
		t.Errorf("%s %v", text, err)
	}
	s.wantSaid(t, 0, `{"greeting": "Hello, Eve!"}`, "script", "run", "greet", "--params", "params.json", "name=Eve", "--wait")
	s.events(t, "script", "run", "greet", "name=Eve", "--follow", "--json")
	s.wantSaid(t, 2, "fairway script: The parameters are not what the script takes: /: missing property 'name' (400, request R)", "script", "run", "greet")
	s.wantSaid(t, 3, "fairway script: There is nothing of that name (404, request R)", "script", "run", "nobody")
	s.wantSaid(t, 3, "fairway execution: Ticket Not Found (404, request R)", "execution", "logs", "--follow", "0195f3c4-7c1e-7cc0-8f2a-0242ac120002")

	s.failing(t)
	s.wantSaid(t, 0, "greet is in copy", "script", "download", "greet", "-o", "copy")
	s.wantSaid(t, 2, "fairway script: copy is not empty", "script", "download", "greet", "-o", "copy")
	if c := s.call(t, "", "script", "run", "--local", "copy", "name=Ada"); c.code == 0 && c.out != `{"greeting": "Hello, Ada!"}`+"\n" {
		t.Errorf("%+v", c)
	}

	// Another user: by a login of his own, in a file of his own.
	bob := userShell(t)
	bob.write(t, "password", goodPassword+"\n")
	bob.wantSaid(t, 0, "logged in to "+g.url+" as bob@example.org", "login", "--url", g.url, "--email", "bob@example.org", "--password-file", "password")
	bob.wantSaid(t, 0, `{"greeting": "Hello, Bob!"}`, "script", "run", "greet", "name=Bob", "--wait")
	bob.wantSaid(t, 0, "mine was made\nfairway script run --local mine name=World runs it here; fairway script publish mine uploads it", "script", "create", "Mine")
	if c := bob.call(t, "", "script", "publish", "mine"); c.code != 4 || !strings.Contains(c.err, "(403, request ") {
		t.Errorf("%+v", c)
	}
	bob.wantSaid(t, 0, "logged out from "+g.url, "logout")
	bob.wantSaid(t, 4, "fairway logout: not logged in to "+g.url+": fairway login --url "+g.url, "logout", "--url", g.url)

	// A program: by a token, without a file. It goes nowhere else.
	shell := dbShell{dir: s.dir, env: append(isolated(t.TempDir()), "FAIRWAY_URL="+g.url, "FAIRWAY_TOKEN="+s.token(t, g))}
	if c := shell.call(t, "", "script", "list", "--json"); c.code != 0 || !strings.Contains(c.out, `"slug":"greet"`) {
		t.Errorf("%+v", c)
	}
	var reached atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(thief.Close)
	shell.wantSaid(t, 4, "fairway script: not logged in to "+thief.URL+": fairway login --url "+thief.URL, "script", "list", "--url", thief.URL)
	shell.env = append(shell.env, "FAIRWAY_URL=")
	shell.wantSaid(t, 2, "fairway script: FAIRWAY_TOKEN needs FAIRWAY_URL, which says for which gateway it is", "script", "list", "--url", thief.URL)
	if reached.Load() > 0 {
		t.Error("something was sent elsewhere")
	}

	s.wantSaid(t, 0, "all logins at "+g.url+" have ended", "logout", "--all")
	s.wantSaid(t, 4, "fairway script: not logged in: fairway login --url https://…", "script", "list")
}

// token makes one of the user's, by the tokens of his login.
func (s dbShell) token(t *testing.T, g *gateway) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "config", "fairway", "logins.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Logins map[string]struct {
			Token string `json:"access_token"`
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil || file.Logins[g.url].Token == "" {
		t.Fatalf("%v %s", err, raw)
	}
	return file.Logins[g.url].Token
}

// events holds that what is followed as JSON is one document in each line, the last of which tells the end.
func (s dbShell) events(t *testing.T, args ...string) {
	t.Helper()
	c := s.call(t, "", args...)
	lines := strings.Split(strings.TrimSuffix(c.out, "\n"), "\n")
	seen := map[string]int{}
	for i, line := range lines {
		var e struct {
			Event, Status string
			Log           struct{ Text string }
			Execution     struct {
				Status  string
				Results map[string]string
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		seen[e.Event]++
		if last := i == len(lines)-1; last != (e.Event == "end") || last && (e.Execution.Status != "FINISHED" || e.Execution.Results["greeting"] == "") {
			t.Errorf("%d of %d: %s", i, len(lines), line)
		}
	}
	if seen["log"] != 1 || seen["status"] == 0 || seen["progress"] == 0 || c.code != 0 || c.err != "" {
		t.Errorf("%v %+v", seen, c)
	}
}

// failing holds how failures end: of a build, of an execution, and one that is cancelled.
func (s dbShell) failing(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{"fails.sh": "#!/bin/sh\necho no >&2\nexit 4\n", "waits.sh": "#!/bin/sh\necho begun\nexec sleep 1000\n"} {
		s.write(t, name, text)
		if c := s.call(t, "", "script", "publish", name); c.code != 0 {
			t.Fatal(c)
		}
	}
	c := s.call(t, "", "script", "run", "fails", "--follow")
	if c.code != 5 || !strings.Contains(said(c.err), "T ERROR no\n") || !strings.Contains(said(c.err), "fairway script: execution ID is FAILED: ") || c.out != "" {
		t.Errorf("%+v", c)
	}
	if c := s.call(t, "", "script", "run", "fails", "--wait", "--json"); c.code != 5 || !strings.Contains(c.out, `"status":"FAILED"`) || strings.Count(c.out, "\n") != 1 {
		t.Errorf("%+v", c)
	}
	c = s.call(t, "", "script", "run", "waits", "--json")
	var e struct{ ID string }
	if err := json.Unmarshal([]byte(c.out), &e); err != nil {
		t.Fatalf("%v %+v", err, c)
	}
	s.wantSaid(t, 0, "execution ID is CANCELLING", "execution", "cancel", e.ID)
	if c := s.call(t, "", "execution", "logs", "--follow", e.ID); c.code != 5 || !strings.Contains(c.err, " is CANCELLED") {
		t.Errorf("%+v", c)
	}
	s.wantSaid(t, 0, "null", "execution", "results", e.ID)
	s.write(t, "broken/configuration.json", `{"name":"Broken"}`)
	s.write(t, "broken/src/main.py", "def run(params, logger): pass\n")
	s.write(t, "broken/requirements.txt", "nothing-that-there-is==1\n")
	c = s.call(t, "", "script", "publish", "broken")
	if c.code != 5 || !strings.Contains(c.err, "fairway script: broken, version 1, could not be built: ") {
		t.Errorf("%+v", c)
	}
}
