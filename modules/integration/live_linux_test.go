package integration_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const livePage = "docs/live.md"

// liveSite is a gateway that runs scripts which may talk to it. more is a comment.
func liveSite(runner, more string) string {
	return siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\trunner embedded {\n\t\t\tapi {$SITE_ADDRESS}\n\t\t\texecutor process {\n\t\t\t\tdirectory "+runner+
		"\n\t\t\t\tconnect {$SITE_PORT}\n\t\t\t}\n\t\t}\n\t}", "\thealth\n\tencode\n\tcontrol\n\trespond /version "+more+
		"\n\tservice /service {\nversion 1.0.0\nrepository https://example.org/r\ndescription D\ncallers users\nbackend http://127.0.0.1:1\nGET /x {\nfetch /x {\ndecode text\n}\n}\n}\n")
}

const liveRoot = "root@example.org:correct horse battery"

// startLive runs one.
func startLive(t *testing.T, dsn string) *gateway {
	t.Helper()
	newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
	return startGateway(t, liveSite(filepath.Join(openDirectory(t), "runner"), "1"), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
}

// scriptOf uploads a file and waits until it is built.
func (g *gateway) scriptOf(t *testing.T, name, text string) {
	t.Helper()
	a := g.ask(t, curl(t, "curl -k -u '"+liveRoot+"' -F file=@"+name+" https://localhost:8443/api/v1/script", map[string]string{name: text}))
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	slug := strings.TrimSuffix(name, filepath.Ext(name))
	g.until(t, "/api/v1/script/"+slug, `"status":"SUCCESS"`)
}

// until asks until an answer has something.
func (g *gateway) until(t *testing.T, path, what string) string {
	t.Helper()
	var body string
	if err := waitFor(func() error {
		body = g.ask(t, request{method: http.MethodGet, path: path, user: liveRoot}).body
		if !strings.Contains(body, what) {
			return fmt.Errorf("%s: %s", path, body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return body
}

// runScript runs one, and gives the id of the execution.
func (g *gateway) runScript(t *testing.T, slug string) string {
	t.Helper()
	a := g.ask(t, request{method: http.MethodPost, path: "/api/v1/script/" + slug + "/run?year=2026", user: liveRoot})
	var made struct{ Data struct{ ID string } }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return made.Data.ID
}

// liveStream is a stream of events that somebody reads.
type liveStream struct {
	*bufio.Scanner
	header http.Header
	status int
	last   string
	names  []string
	data   []string
}

func (g *gateway) stream(t *testing.T, id, last string) *liveStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/api/v1/execution/"+id+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(liveRoot, ":")
	r.SetBasicAuth(user, password)
	r.Header.Set("Accept-Encoding", "gzip, zstd")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return &liveStream{Scanner: bufio.NewScanner(answer.Body), header: answer.Header, status: answer.StatusCode, last: last}
}

// until reads until there is something, or to the end.
func (s *liveStream) until(t *testing.T, what string) bool {
	t.Helper()
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), ": ")
		switch name {
		case "id":
			s.last = value
		case "event":
			s.names = append(s.names, value)
		case "data":
			if s.data = append(s.data, value); what != "" && strings.Contains(value, what) {
				return true
			}
		}
	}
	if err := s.Err(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return false
}

// TestLivePage executes the page with each engine.
func TestLivePage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := startLive(t, dsn)
		files := pageFiles(t, livePage)
		g.scriptOf(t, "greet.sh", files["greet.sh"])
		id := g.runScript(t, "greet")
		s := g.stream(t, id, "")
		if s.until(t, ""); s.header.Get("Content-Encoding") != "" || s.header.Get("Content-Type") != "text/event-stream" {
			t.Error(s.header)
		}
		asked := 0
		for _, f := range pageFences(t, livePage) {
			switch {
			case f.language == "caddyfile":
				if out, err := validate(t, f.caddyfile(t)); err != nil {
					t.Errorf("%s:%d: %v\n%s", f.page, f.line, err, out)
				}
			case f.hint == "stream":
				var shown []string
				for line := range strings.Lines(f.text) {
					if name, ok := strings.CutPrefix(line, "event: "); ok {
						shown = append(shown, strings.TrimSpace(name))
					}
				}
				// What is said of progress in between may be passed by, and the log may come in parts.
				if got := uniq(s.names); strings.Join(uniq(shown), " ") != strings.Join(got, " ") {
					t.Errorf("%v, and the page says %v", got, shown)
				}
			case f.language == "console":
				for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
					command, shown, _ := strings.Cut(block, "\n")
					asked++
					got := g.ask(t, curl(t, strings.ReplaceAll(command, "$id", id), files))
					wantPattern(t, command, strings.TrimSpace(shown), strings.TrimSpace(got.body))
				}
			}
		}
		if asked < 5 {
			t.Errorf("%d commands were executed", asked)
		}
		if text := g.ask(t, request{method: http.MethodGet, path: "/api/v1/execution/" + id + "/log.txt", user: liveRoot}).body; !strings.Contains(text, "Z WARNING  the coffee is out\n") {
			t.Error(text)
		}
	})
}

// uniq are names without those between that stand for the same, and without progress that may be passed by.
func uniq(names []string) []string {
	var out []string
	for i, name := range names {
		if name == "progress" && i < len(names)-2 || len(out) > 0 && out[len(out)-1] == name {
			continue
		}
		out = append(out, name)
	}
	return out
}

// TestLiveOverReload: a reload ends streams, and who comes again is told what is behind.
func TestLiveOverReload(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := startLive(t, dsn)
		g.scriptOf(t, "slow.sh", "#!/bin/sh\necho one\nwhile :; do sleep 0.1; done\n")
		id := g.runScript(t, "slow")
		s := g.stream(t, id, "")
		if !s.until(t, "one") {
			t.Fatal("it ended")
		}
		raw, err := os.ReadFile(g.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.reload(strings.ReplaceAll(string(raw), "/version 1", "/version 2")); err != nil {
			t.Fatal(err)
		}
		if s.until(t, ""); len(s.names) == 0 || s.names[len(s.names)-1] == "end" {
			t.Error(s.names)
		}
		again := g.stream(t, id, s.last)
		if a := g.ask(t, request{method: http.MethodPost, path: "/api/v1/execution/" + id + "/cancel", user: liveRoot}); a.status != http.StatusAccepted {
			t.Errorf("%d %s", a.status, a.body)
		}
		again.until(t, "")
		all := strings.Join(again.data, "\n")
		if len(again.names) == 0 || again.names[len(again.names)-1] != "end" || strings.Contains(all, `"one"`) || strings.Contains(all, `"to":"RUNNING"`) || !strings.Contains(all, `"status":"CANCELLED"`) {
			t.Errorf("%v %s", again.names, all)
		}
		if last := g.stream(t, id, again.last); last.status != http.StatusNoContent {
			t.Error(last.status)
		}
	})
}

// talkingScript does what the container runner of Trends.Earth does, and what nobody may.
const talkingScript = `#!/usr/bin/env python3
import gzip, json, os, sys, urllib.error, urllib.request
url, me = os.environ["API_URL"], os.environ["EXECUTION_ID"]
token = None

def ask(method, path, sent=None, packed=False):
    data = None if sent is None else json.dumps(sent).encode()
    r = urllib.request.Request(url + path, data=gzip.compress(data) if packed else data, method=method)
    r.add_header("Content-Type", "application/json")
    if packed:
        r.add_header("Content-Encoding", "gzip")
    if token:
        r.add_header("Authorization", "Bearer " + token)
    try:
        with urllib.request.urlopen(r, timeout=60) as a:
            return a.status, a.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()

login = ask("POST", "/auth", {"email": os.environ["API_USER"], "password": os.environ["API_PASSWORD"]})
token = json.loads(login[1])["access_token"]
one = "/api/v1/execution/" + me
said = {
    "running": ask("PATCH", one, {"status": "RUNNING"})[0],
    "params": json.loads(ask("GET", one + "/params")[1]),
    "log": ask("POST", one + "/log", {"text": "by the API, with " + token, "level": "WARNING"}, True)[0],
    "progress": ask("PATCH", one, {"progress": 42})[0],
    "me": ask("GET", "/api/v1/user/me")[0],
    "own": ask("GET", one)[0],
    "list": ask("GET", "/api/v1/execution")[0],
    "events": ask("GET", one + "/events")[0],
    "other": ask("PATCH", "/api/v1/execution/0195f3c4-7c1e-7cc0-8f2a-0242ac120002", {"status": "FAILED"})[0],
    "service": ask("GET", "/service/x")[0],
    "refresh": ask("POST", "/auth/refresh", {"refresh_token": token})[0],
}
print("my token is", token)
done = ask("PATCH", one, {"results": {"said": said, "much": "x" * 5000}, "status": "FINISHED"}, True)
sys.exit(0 if done[0] == 200 else 3)
`

// TestScriptsTalkToTheirGateway runs one at the level standard, which reaches its gateway's port.
func TestScriptsTalkToTheirGateway(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := startLive(t, dsn)
		g.scriptOf(t, "talk.py", talkingScript)
		id := g.runScript(t, "talk")
		s := g.stream(t, id, "")
		s.until(t, "")
		all := strings.Join(s.data, "\n")
		body := g.until(t, "/api/v1/execution/"+id, `"status":"FINISHED"`)
		var got struct {
			Data struct {
				Results struct {
					Said map[string]any
					Much string
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Data.Results.Much) != 5000 {
			t.Fatalf("%v: %s\n%s", err, body, all)
		}
		want := `{"events":403,"list":403,"log":200,"me":403,"other":404,"own":403,"params":{"year":"2026"},"progress":200,"refresh":403,"running":200,"service":401}`
		if said, _ := json.Marshal(got.Data.Results.Said); string(said) != want {
			t.Errorf("%s, not %s", said, want)
		}
		for _, what := range []string{"by the API, with ***", "my token is ***"} {
			if !strings.Contains(all, what) {
				t.Errorf("%s has no %q", all, what)
			}
		}
		if strings.Contains(all+g.log.String()+body, "fw_run_") {
			t.Error("a token is told")
		}
	})
}
