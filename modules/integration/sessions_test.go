package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

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
	eachEngine(t, sessionsOver)
}

// stored gives what is in a store, in bytes as they are.
func stored(t *testing.T, dsn string) []byte {
	t.Helper()
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		var all []byte
		files, err := filepath.Glob(path + "*")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, raw...)
		}
		return all
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	all := onServer(t, strings.TrimPrefix(u.Path, "/"), `select string_agg(encode(session_index, 'escape') || encode(sealed, 'escape'), '') || (select string_agg(l::text, '') from leases l) from sessions`)
	if all == "" {
		t.Fatal("nothing is stored")
	}
	return []byte(all)
}

func sessionsOver(t *testing.T, dsn string) {
	t.Helper()
	p := startProxied(t)
	options := "fairway {\n\tdatabase {env.DATABASE_URL}\n\tsecret {env.FAIRWAY_SECRET}\n}"
	config := siteWith(options, "health\n"+p.service("/own", p.login(""))+p.service("/account", p.login("account annabel {env.ANNABEL}")))
	env := []string{"FAIRWAY_SECRET=" + someSecret, "ANNABEL=s3cret-annabel", "DATABASE_URL=" + dsn}
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
	const ann, ben = `{"user":"annabel","authorization":"","sent":0}`, `{"user":"benjamin","authorization":"","sent":0}`

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
				if path == "/metrics" && !bytes.Contains(body, []byte("fairway_sessions_total{")) {
					t.Error("no metric of sessions")
				}
				if path == "/config/" { // the account's name is no secret there
					body = bytes.ReplaceAll(body, []byte(`"user":"annabel"`), nil)
				}
				seen = append(seen, body...)
			}
		}
		seen = append(seen, stored(t, dsn)...)
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

// TestStrategiesOfProxy logs in by each strategy.
func TestStrategiesOfProxy(t *testing.T) {
	t.Parallel()
	p := startProxied(t)
	config := "health\n" +
		p.service("/htpasswd", "oauth2_proxy {\nstrategy htpasswd_form\n}") +
		p.service("/basic", "oauth2_proxy {\nstrategy basic\n}") +
		p.service("/grant", "oauth2_proxy {\nstrategy password_grant\ntoken_url "+p.idp.URL+"/token\nclient gateway {env.CLIENT_SECRET}\n}") +
		p.service("/form", "form /oauth2/start {\nlogin_origins "+p.idp.URL+"\n}")
	g := startGateway(t, site(config), "CLIENT_SECRET=s3cret-client")
	for _, c := range []struct {
		prefix, mode, kind string
		logins, refused    int // of three good requests with an expiry between, and of two with a wrong password
	}{
		{"/htpasswd", "bitly-proxy", "", 2, 1},
		{"/basic", "bitly-proxy", "Basic", 0, 0},
		{"/grant", "bitly-proxy", "Bearer", 2, 1},
		{"/form", "basic", "", 2, 1},
	} {
		t.Run(c.prefix, func(t *testing.T) { //nolint:paralleltest // logins are counted
			p.tried()
			if _, text, _ := g.as("", "", c.prefix+"/metadata"); !strings.Contains(text, `"auth": "`+c.mode+`"`) {
				t.Error(text)
			}
			want := fmt.Sprintf(`{"user":"annabel","authorization":%q,"sent":0}`, c.kind)
			for i := range 3 {
				if i == 2 {
					p.expire()
				}
				if status, text, _ := g.as("annabel", "s3cret-annabel", c.prefix+"/x"); status != http.StatusOK || !strings.Contains(text, want) {
					t.Errorf("%d %s", status, text)
				}
			}
			if n := p.tried(); n != c.logins {
				t.Errorf("%d logins", n)
			}
			for range 2 {
				status, text, header := g.as("annabel", "s3cret-wrong", c.prefix+"/x")
				if status != http.StatusUnauthorized || !strings.Contains(text, "bad_credentials") || header.Get("WWW-Authenticate") == "" {
					t.Errorf("%d %s", status, text)
				}
			}
			if n := p.tried(); n != c.refused {
				t.Errorf("%d logins with a wrong password", n)
			}
		})
	}
}

// TestSessionsInPassThrough logs in below reverse_proxy, with bodies that can be sent once.
func TestSessionsInPassThrough(t *testing.T) {
	t.Parallel()
	p := startProxied(t)
	g := startGateway(t, site(fmt.Sprintf("health\nreverse_proxy %s {\ntransport session {\nauth oauth2_proxy {\nlogin_origins %s\n}\n}\n}", p.proxy.URL, p.idp.URL)))
	send := func(body io.Reader) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/x", body)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("annabel", "s3cret-annabel")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		if leaked := fmt.Sprint(resp.Header, string(text)); strings.Contains(leaked, "s3cret") || resp.Header.Get("Gap-Auth") != "" {
			t.Errorf("it leaks: %s", leaked)
		}
		return resp.StatusCode, string(text)
	}
	for _, size := range []int{1, 3 << 20} {
		for range 2 {
			for _, known := range []bool{true, false} {
				body := io.Reader(strings.NewReader(strings.Repeat("x", size)))
				if !known {
					body = struct{ io.Reader }{body}
				}
				if status, text := send(body); status != http.StatusOK || !strings.Contains(text, fmt.Sprintf(`{"user":"annabel","authorization":"","sent":%d}`, size)) {
					t.Errorf("%d bytes: %d %s", size, status, text)
				}
				p.expire()
			}
		}
	}
	if n := p.tried(); n != 8 {
		t.Errorf("%d logins", n)
	}
	posts := slices.DeleteFunc(p.paths, func(path string) bool { return path == "GET /" }) // where a login ends
	if len(posts) != 8 {
		t.Errorf("the application was asked: %v", posts)
	}
}
