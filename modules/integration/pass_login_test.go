package integration_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/websocket"
)

// behindProxy is a plain reverse_proxy to an application behind an OAuth2 proxy, which tells what it was asked.
func behindProxy(t *testing.T) (*proxied, *gateway) {
	t.Helper()
	p := startProxied(t)
	p.app = func(w http.ResponseWriter, r *http.Request, user string) {
		switch r.URL.Path {
		case "/socket":
			websocket.Handler(func(c *websocket.Conn) { _, _ = io.Copy(c, c) }).ServeHTTP(w, r)
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: "+user+"\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/page": // of HTML, whose end comes when the caller has its beginning
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>"+user+"\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/headers":
			_ = json.NewEncoder(w).Encode(r.Header)
		default:
			sum := sha256.New()
			_, _ = io.Copy(sum, r.Body)
			_, _ = fmt.Fprint(w, user, " ", hex.EncodeToString(sum.Sum(nil)))
		}
	}
	g := startGateway(t, passSite(p.proxy.URL, "auth oauth2_proxy {\n\t\t\tlogin_origins "+p.idp.URL+"\n\t\t}\n\t\tidentity answer Gap-Auth"))
	return p, g
}

const (
	annabel      = "annabel:s3cret-annabel"
	annabelBasic = "Basic YW5uYWJlbDpzM2NyZXQtYW5uYWJlbA=="
)

// TestPassLogsIn is pass-through's word: a plain reverse_proxy logs in, again when the session is over, and says what a service
// would where it cannot.
func TestPassLogsIn(t *testing.T) {
	t.Parallel()
	p, g := behindProxy(t)
	logins := func(n int) {
		t.Helper()
		if got := p.tried(); got != n {
			t.Errorf("%d logins, want %d", got, n)
		}
	}
	g.get(t, "/x").wantProblem(t, http.StatusUnauthorized, "no_credentials")
	logins(0)
	for range 2 {
		for range 2 {
			a := g.ask(t, request{path: "/x", user: annabel})
			if a.status != 200 || !strings.HasPrefix(a.body, "annabel ") || a.header.Get("Gap-Auth") != "annabel" {
				t.Fatalf("%d %s %v", a.status, a.body, a.header)
			}
			g.wantNothingLeaked(t, a, "s3cret")
		}
		if a := g.ask(t, request{path: "/x", user: "benjamin:s3cret-benjamin"}); !strings.HasPrefix(a.body, "benjamin ") {
			t.Errorf("%d %s", a.status, a.body)
		}
		logins(2)
		p.expire()
	}
	a := g.ask(t, request{path: "/x", user: "annabel:s3cret-wrong"})
	a.wantProblem(t, http.StatusUnauthorized, "bad_credentials")
	if a.header.Get("WWW-Authenticate") == "" {
		t.Error("nobody is asked for other credentials")
	}
	logins(1)

	t.Run("cookies", func(t *testing.T) { //nolint:paralleltest // one after the other
		a := g.ask(t, request{path: "/headers", user: annabel, header: http.Header{"Cookie": {"_oauth2_proxy=mallory; theme=dark; _oauth2_proxy_csrf=x"}, "X-Forwarded-User": {"root"}}})
		var seen http.Header
		if err := json.Unmarshal([]byte(a.body), &seen); err != nil {
			t.Fatal(err, a.body)
		}
		if got := seen.Get("Cookie"); !strings.HasPrefix(got, "theme=dark; ") || !strings.Contains(got, "; _oauth2_proxy=s3cret-cookie-") || strings.Contains(got, "mallory") || strings.Contains(got, "=x") {
			t.Errorf("the cookies are %q", got)
		}
		if seen.Get("Authorization") != "" || seen.Get("X-Forwarded-User") != "" {
			t.Errorf("%v", seen)
		}
	})
	t.Run("256 at expiry", func(t *testing.T) { //nolint:paralleltest // one after the other
		p.tried()
		p.expire()
		var all sync.WaitGroup
		for range 256 {
			all.Go(func() {
				if a, err := g.try(t.Context(), request{path: "/x", user: annabel}); err != nil || a.status != 200 {
					t.Errorf("%v: %d %s", err, a.status, a.body)
				}
			})
		}
		all.Wait()
		logins(1)
	})
	p.idp.Close()
	p.expire()
	g.ask(t, request{path: "/x", user: annabel}).wantProblem(t, http.StatusBadGateway, "login_unavailable")
	if log := g.log.String(); strings.Contains(log, "s3cret") {
		t.Error("the log holds a secret")
	}
}

// TestPassOrigin has a proxy whose redirects lead to the name by which callers know it, where the gateway is now. Its sessions are
// shared by its addresses.
func TestPassOrigin(t *testing.T) {
	t.Parallel()
	p := startProxied(t)
	p.public = "https://legacy.example.org"
	second := httptest.NewServer(p.proxy.Config.Handler)
	t.Cleanup(second.Close)
	words := "auth oauth2_proxy {\n\t\t\tlogin_origins " + p.idp.URL + "\n\t\t}"
	both := p.proxy.URL + " " + second.URL
	lost := startGateway(t, passSite(both, words))
	lost.ask(t, request{path: "/x", user: annabel}).wantProblem(t, http.StatusBadGateway, "unsupported_login_page")
	p.tried()
	g := startGateway(t, strings.Replace(passSite(both, "origin https://legacy.example.org\n"+words), "\tflush_interval", "\tlb_policy round_robin\n\tflush_interval", 1))
	for range 6 {
		if a := g.ask(t, request{path: "/x", user: annabel}); a.status != 200 || !strings.Contains(a.body, "annabel") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n := p.tried(); n != 1 {
		t.Errorf("%d logins for two addresses of one backend", n)
	}
}

// TestPassLogs is HDR-06 for logs: those of Caddy, with everything that it has to say, show nothing of a session.
func TestPassLogs(t *testing.T) {
	t.Parallel()
	p := startProxied(t)
	file := strings.Replace(passSite(p.proxy.URL, "auth oauth2_proxy {\n\t\t\tlogin_origins "+p.idp.URL+"\n\t\t}"), "\thealth\n", "\thealth\n\tlog\n", 1)
	g := startGateway(t, strings.Replace(file, "skip_install_trust\n", "skip_install_trust\n\tdebug\n", 1))
	for _, user := range []string{annabel, "annabel:s3cret-wrong", annabel} {
		g.ask(t, request{path: "/x", user: user})
		p.expire()
	}
	log := g.log.String()
	for _, want := range []string{"upstream roundtrip", "handled request", "bad_credentials"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not tell of %q", want)
		}
	}
	for _, secret := range []string{"s3cret", strings.TrimPrefix(annabelBasic, "Basic "), "code="} {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("the log shows %q: %s", secret, log[max(0, i-300):i+40])
		}
	}
}

// TestPassUploadExpired is OUT-08: a body that is long, or of unknown length, is sent once, to a session that is good; a short one
// is sent again after the challenge. The application sees each once.
func TestPassUploadExpired(t *testing.T) {
	t.Parallel()
	p, g := behindProxy(t)
	g.ask(t, request{path: "/warm", user: annabel})
	before, _ := g.resident(t)
	for _, c := range []struct {
		size    int64
		unknown bool
	}{{10, false}, {10, true}, {3 << 20, true}, {100 << 20, false}, {100 << 20, true}} {
		want := sha256.New()
		_, _ = io.Copy(want, &pattern{n: c.size})
		p.expire()
		p.tried()
		p.mu.Lock()
		p.paths = nil
		p.mu.Unlock()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/upload", &pattern{n: c.size})
		if err != nil {
			t.Fatal(err)
		}
		if req.ContentLength = c.size; c.unknown {
			req.ContentLength = -1
		}
		req.Header.Set("Authorization", annabelBasic)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != "annabel "+hex.EncodeToString(want.Sum(nil)) {
			t.Errorf("%+v: %d %.300s, %v", c, resp.StatusCode, body, err)
		}
		p.mu.Lock()
		p.paths = slices.DeleteFunc(p.paths, func(s string) bool { return s == "GET /" }) // where a login ends
		if !slices.Equal(p.paths, []string{"POST /upload"}) {
			t.Errorf("%+v: the application was asked for %q", c, p.paths)
		}
		p.mu.Unlock()
		if n := p.tried(); n != 1 {
			t.Errorf("%+v: %d logins", c, n)
		}
	}
	if _, peak := g.resident(t); peak-before > 64<<20 {
		t.Errorf("the gateway took %d MiB more for uploads of 100", (peak-before)>>20)
	}
}

// TestPassStreamsExpired is OUT-12: connections that are upgraded and answers that do not end begin with a session that is over,
// and go on when it is over again.
func TestPassStreamsExpired(t *testing.T) {
	t.Parallel()
	p, g := behindProxy(t)
	g.ask(t, request{path: "/warm", user: annabel})
	p.expire()
	cfg, err := websocket.NewConfig("ws://"+g.addr+"/socket", g.url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Header.Set("Authorization", annabelBasic)
	c, err := cfg.DialContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	speak := func(text string) {
		t.Helper()
		if err := websocket.Message.Send(c, text); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := websocket.Message.Receive(c, &got); err != nil || got != text {
			t.Fatalf("%q, %v", got, err)
		}
	}
	speak("one")
	p.expire()
	speak("two")
	for path, first := range map[string]string{"/events": "data: annabel\n", "/page": "<html>annabel\n"} {
		p.expire()
		resp := g.reads(t.Context(), t, path, "Authorization", annabelBasic)
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != first {
			t.Errorf("%s: %q, %v", path, line, err)
		}
		_ = resp.Body.Close()
	}
	speak("three")
	if n := p.tried(); n != 4 {
		t.Errorf("%d logins, want 4", n)
	}
}
