package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxied is an application behind an OAuth2 proxy, and the identity provider that this asks, on an origin of its own.
type proxied struct {
	proxy, idp *httptest.Server
	takes      time.Duration                                             // a login
	app        func(w http.ResponseWriter, r *http.Request, user string) // nil: one that tells who asks

	mu        sync.Mutex
	passwords map[string]string
	codes     map[string]string // to user
	live      map[string]string // cookie to user
	serial    int
	logins    int
	paths     []string // that the application was asked for
}

func startProxied(t *testing.T) *proxied {
	t.Helper()
	p := &proxied{passwords: map[string]string{"annabel": "s3cret-annabel", "benjamin": "s3cret-benjamin"}, codes: map[string]string{}, live: map[string]string{}}
	p.idp = httptest.NewServer(http.HandlerFunc(p.provide))
	p.proxy = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.idp.Close)
	t.Cleanup(p.proxy.Close)
	return p
}

// provide is the identity provider: a page with a form, and a redirect back.
func (p *proxied) provide(w http.ResponseWriter, r *http.Request) {
	const form = `<html><form method="post" action=""><input name="login"><input type="password" name="password"><button>Go</button></form></html>`
	w.Header().Set("Content-Type", "text/html")
	if r.Method != http.MethodPost {
		_, _ = io.WriteString(w, form)
		return
	}
	time.Sleep(p.takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logins++
	user := r.PostFormValue("login")
	if p.passwords[user] == "" || p.passwords[user] != r.PostFormValue("password") {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, form)
		return
	}
	p.serial++
	code := fmt.Sprint("s3cret-code-", p.serial)
	p.codes[code] = user
	http.Redirect(w, r, p.proxy.URL+"/oauth2/callback?code="+code+"&state="+r.URL.Query().Get("state"), http.StatusSeeOther) //nolint:gosec // its own
}

// serve is the proxy, and the application behind it.
func (p *proxied) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user := ""
	if c, err := r.Cookie("_oauth2_proxy"); err == nil {
		user = p.live[c.Value]
	}
	switch {
	case r.URL.Path == "/oauth2/start":
		w.Header().Add("Set-Cookie", "_oauth2_proxy_csrf=s3cret-csrf; Path=/; HttpOnly")
		http.Redirect(w, r, p.idp.URL+"/auth?client_id=x&response_type=code&state=s", http.StatusFound)
	case r.URL.Path == "/oauth2/callback":
		user := p.codes[r.URL.Query().Get("code")]
		if user == "" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		p.serial++
		cookie := fmt.Sprint("s3cret-cookie-", p.serial)
		p.live[cookie] = user
		w.Header().Add("Set-Cookie", "_oauth2_proxy="+cookie+"; Path=/; HttpOnly")
		http.Redirect(w, r, "/", http.StatusFound)
	case r.URL.Path == "/oauth2/auth":
		w.WriteHeader(map[bool]int{true: http.StatusAccepted, false: http.StatusUnauthorized}[user != ""])
	case user == "":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<form action="/oauth2/start"><button>Sign in</button></form>`)
	default:
		p.paths = append(p.paths, r.Method+" "+r.URL.Path)
		w.Header().Set("Gap-Auth", user)
		w.Header().Set("X-Auth-Request-Access-Token", "s3cret-token")
		if p.app != nil {
			p.mu.Unlock()
			defer p.mu.Lock()
			p.app(w, r, user)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/forbidden" {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprintf(w, `{"user":%q,"authorization":%q}`, user, r.Header.Get("Authorization"))
	}
}

func (p *proxied) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.live)
}

// tried gives the number of logins, and begins anew.
func (p *proxied) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.logins
	p.logins = 0
	return n
}

func (p *proxied) service(prefix, auth string) string {
	return fmt.Sprintf(`
	service %s {
		version 1.0.0
		repository https://example.org/x
		description "Behind a proxy"
		backend %s {
			auth oauth2_proxy {
				login_origins %s
				%s
			}
		}
		GET /x {
			fetch /x {
				decode json
			}
		}
		GET /forbidden {
			fetch /forbidden {
				decode json
			}
		}
	}`, prefix, p.proxy.URL, p.idp.URL, auth)
}

func (g *gateway) as(user, password, path string) (int, string, http.Header) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, g.url+path, nil)
	if err != nil {
		return 0, err.Error(), nil
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return resp.StatusCode, string(body), resp.Header
}

// TestSessions logs in to a backend behind an OAuth2 proxy: by real gateways, two of them, over one store.
func TestSessions(t *testing.T) {
	t.Parallel()
	p := startProxied(t)
	dir := t.TempDir()
	options := "fairway {\n\tdatabase sqlite:" + filepath.Join(dir, "store.db") + "\n\tsecret {env.FAIRWAY_SECRET}\n}"
	config := siteWith(options, "health\n"+p.service("/own", "")+p.service("/account", "account annabel {env.ANNABEL}"))
	env := []string{"FAIRWAY_SECRET=" + someSecret, "ANNABEL=s3cret-annabel"}
	first, second := startGateway(t, config, env...), startGateway(t, config, env...)
	want := func(g *gateway, user, password, path string, status int, body string) {
		t.Helper()
		got, text, header := g.as(user, password, path)
		if got != status || !strings.Contains(text, body) {
			t.Errorf("%s as %s: %d %s", path, user, got, text)
		}
		if (status == http.StatusUnauthorized) != (header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: WWW-Authenticate %q", path, header.Get("WWW-Authenticate"))
		}
		if leaked := fmt.Sprint(header, text); strings.Contains(leaked, "s3cret") || header.Get("Gap-Auth") != "" {
			t.Errorf("it leaks: %s", leaked)
		}
	}
	logins := func(n int) {
		t.Helper()
		if got := p.tried(); got != n {
			t.Errorf("%d logins, want %d", got, n)
		}
	}
	const ann, ben = `{"user":"annabel","authorization":""}`, `{"user":"benjamin","authorization":""}`

	want(first, "", "", "/own/x", http.StatusUnauthorized, "no_credentials")
	want(first, "", "", "/own/metadata", http.StatusOK, `"auth": "bitly-proxy"`)
	want(first, "", "", "/account/metadata", http.StatusOK, `"auth": "none"`)
	logins(0)
	for _, g := range []*gateway{first, second, first} {
		want(g, "annabel", "s3cret-annabel", "/own/x", http.StatusOK, ann)
		want(g, "benjamin", "s3cret-benjamin", "/own/x", http.StatusOK, ben)
	}
	logins(2)
	for _, g := range []*gateway{first, second, first} {
		want(g, "annabel", "s3cret-wrong", "/own/x", http.StatusUnauthorized, "bad_credentials")
	}
	logins(1)
	want(first, "annabel", "s3cret-annabel", "/own/forbidden", http.StatusForbidden, "backend_status")
	logins(0)
	// The account logs in to the same backend by the same way, with the same credentials as one caller.
	want(second, "", "", "/account/x", http.StatusOK, ann)
	logins(0)

	t.Run("reload", func(t *testing.T) { //nolint:paralleltest // one after the other
		if err := first.reload(strings.Replace(config, "Behind a proxy", "Another description", 1)); err != nil {
			t.Fatal(err)
		}
		want(first, "annabel", "s3cret-annabel", "/own/x", http.StatusOK, ann)
		logins(0)
	})
	t.Run("expiry", func(t *testing.T) { //nolint:paralleltest // one after the other
		p.takes = 200 * time.Millisecond
		p.expire()
		var wg sync.WaitGroup
		for i := range 256 {
			wg.Go(func() {
				if status, text, _ := []*gateway{first, second}[i%2].as("annabel", "s3cret-annabel", "/own/x"); status != http.StatusOK || !strings.Contains(text, ann) {
					t.Errorf("%d %s", status, text)
				}
			})
		}
		wg.Wait()
		logins(1)
		p.takes = 0
	})
	t.Run("a new process", func(t *testing.T) { //nolint:paralleltest // one after the other
		third := startGateway(t, config, env...)
		want(third, "annabel", "s3cret-annabel", "/own/x", http.StatusOK, ann)
		logins(0)
	})
	t.Run("nothing to see", func(t *testing.T) { //nolint:paralleltest // one after the other
		p.idp.Close()
		p.expire()
		want(first, "benjamin", "s3cret-benjamin", "/own/x", http.StatusBadGateway, "login_unavailable")
		want(first, "", "", "/account/x", http.StatusBadGateway, "login_unavailable")
		var seen []byte
		for _, g := range []*gateway{first, second} {
			seen = append(seen, g.log.String()...)
			for _, path := range []string{"/metrics", "/config/", "/debug/pprof/heap?debug=1", "/debug/pprof/goroutine?debug=2"} {
				resp, err := client.Get("http://" + g.admin + path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if path == "/metrics" && !bytes.Contains(body, []byte("fairway_login_duration_seconds_count")) {
					t.Error("no metric of logins")
				}
				if path == "/config/" { // the account's name is no secret there
					body = bytes.ReplaceAll(body, []byte(`"user":"annabel"`), nil)
				}
				seen = append(seen, body...)
			}
		}
		files, err := filepath.Glob(filepath.Join(dir, "store.db*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, raw...)
		}
		for _, secret := range []string{"annabel", "benjamin", "s3cret"} {
			if i := bytes.Index(seen, []byte(secret)); i >= 0 {
				t.Errorf("%s can be seen: %q", secret, seen[max(0, i-100):i+30])
			}
		}
	})
	if asked := p.paths; slices.Contains(asked, "POST /x") || len(asked) < 256 {
		t.Errorf("the application was asked %d times", len(asked))
	}
}
