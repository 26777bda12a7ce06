package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/peers"
)

// TestWhatAnExpiredSessionLooksLike is the table of what oauth2-proxy answers to a request without a session, in the
// configurations that people use. A session that has expired and one that was tampered with look the same.
func TestWhatAnExpiredSessionLooksLike(t *testing.T) {
	t.Parallel()
	type ask struct {
		what, method, path, accept string
		header                     http.Header
	}
	asks := []ask{
		{what: "anything", accept: "*/*"},
		{what: "html", accept: "text/html"},
		{what: "json", accept: "application/json"},
		{what: "json in a list", accept: "text/plain, application/json"},
		{what: "json with a weight", accept: "application/json;q=0.9"},
		{what: "by a script", accept: "*/*", header: http.Header{"X-Requested-With": {"XMLHttpRequest"}}},
		{what: "post", method: http.MethodPost, accept: "*/*"},
		{what: "api", path: "/api/data", accept: "*/*"},
		{what: "auth", path: "/oauth2/auth", accept: "*/*"},
		{what: "userinfo", path: "/oauth2/userinfo", accept: "*/*"},
		{what: "sign in", path: "/oauth2/sign_in", accept: "text/html"},
	}
	const page, login, refusal, text = "403 page", "302 to the provider", "401 {}", "401 text"
	for name, c := range map[string]struct {
		flags []string
		want  []string
	}{
		"default": {
			nil,
			[]string{page, page, refusal, refusal, page, page, page, refusal, text, text, "200 page"},
		},
		"skip-provider-button": {
			[]string{"--skip-provider-button"},
			[]string{login, login, refusal, refusal, login, login, login, refusal, text, text, login},
		},
		"force-json-errors": {
			[]string{"--force-json-errors"},
			[]string{refusal, refusal, refusal, refusal, refusal, refusal, refusal, refusal, text, text, "200 page"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStack(t, peers.DexOptions{}, append([]string{"--api-route=^/api/"}, c.flags...)...)
			for i, a := range asks {
				for kind, cookie := range map[string]string{"no session": "", "tampered": "_oauth2_proxy=bm90IG9uZQ==|1700000000|AAAA"} {
					b := newBrowser(t)
					b.accept = a.accept
					method, path := http.MethodGet, "/hello"
					if a.method != "" {
						method = a.method
					}
					if a.path != "" {
						path = a.path
					}
					req := b.request(method, s.proxy.URL+path, nil)
					for header, values := range a.header {
						req.Header[header] = values
					}
					if cookie != "" {
						req.Header.Set("Cookie", cookie)
					}
					p := b.send(req)
					if got := kindOf(p, s.dex.Issuer); got != c.want[i] {
						t.Errorf("%s, %s: %s, not %s", a.what, kind, got, c.want[i])
					}
					if p.header.Get("Gap-Auth") != "" {
						t.Errorf("%s, %s: a challenge has Gap-Auth", a.what, kind)
					}
				}
			}
			if got := s.backend.Got(); len(got) != 0 {
				t.Errorf("the backend got %+v", got)
			}
		})
	}
}

// kindOf says what an answer of the proxy without a session is.
func kindOf(p page, issuer string) string {
	switch body := strings.TrimSpace(p.body); {
	case p.status == http.StatusFound && strings.HasPrefix(p.header.Get("Location"), issuer+"/auth?"):
		return "302 to the provider"
	case strings.HasPrefix(p.header.Get("Content-Type"), "text/html") && strings.Contains(body, "<form"):
		return fmt.Sprintf("%d page", p.status)
	case body == "{}":
		return fmt.Sprintf("%d {}", p.status)
	case strings.HasPrefix(p.header.Get("Content-Type"), "text/plain"):
		return fmt.Sprintf("%d text", p.status)
	default:
		return fmt.Sprintf("%d %s %.100s", p.status, p.header, body)
	}
}

// TestGapAuthIsOnWhatTheApplicationAnswers is how the gateway tells a refusal of the application from one of the proxy.
func TestGapAuthIsOnWhatTheApplicationAnswers(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{}, "--skip-auth-route=GET=^/open/")
	b := newBrowser(t)
	if p := logIn(b, s.proxy.URL+"/oauth2/start", peers.Alice()); p.status != http.StatusOK {
		t.Fatalf("%d %.300s", p.status, p.body)
	}
	for _, code := range []int{200, 401, 403, 404, 500} {
		p := b.get(fmt.Sprintf("%s/status/%d", s.proxy.URL, code))
		if p.status != code || p.header.Get("Gap-Auth") != peers.Alice().Email {
			t.Errorf("%d: %d, Gap-Auth %q", code, p.status, p.header.Get("Gap-Auth"))
		}
	}
	if p := b.get(s.proxy.URL + "/oauth2/auth"); p.status != http.StatusAccepted {
		t.Errorf("/oauth2/auth with a session: %d", p.status)
	}
	if p := newBrowser(t).get(s.proxy.URL + "/open/1"); p.status != http.StatusOK || p.header.Get("Gap-Auth") != "" {
		t.Errorf("a route that needs no session: %d, Gap-Auth %q", p.status, p.header.Get("Gap-Auth"))
	}
}

func TestTheSessionEndsAndTheCookieIsCleared(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{}, "--cookie-expire=2s")
	b := newBrowser(t)
	p := logIn(b, s.proxy.URL+"/oauth2/start", peers.Alice())
	if p.status != http.StatusOK {
		t.Fatalf("%d %.300s", p.status, p.body)
	}
	session := b.client.Jar.Cookies(p.at)
	await(t, func() error {
		// A client that keeps the cookie for longer than it was asked to.
		late := newBrowser(t)
		late.client.Jar.SetCookies(p.at, session)
		answer := late.get(s.proxy.URL + "/hello")
		if answer.status == http.StatusOK {
			return fmt.Errorf("the session is still good")
		}
		if answer.status != http.StatusForbidden {
			t.Fatalf("an expired session is answered %d", answer.status)
		}
		if got := cookies(answer); !strings.Contains(got, "_oauth2_proxy cleared") {
			t.Errorf("cookies: %s", got)
		}
		return nil
	})
}

func TestANewCookieSecretEndsAllSessions(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	b := newBrowser(t)
	logIn(b, s.proxy.URL+"/oauth2/start", peers.Alice())
	if p := b.get(s.proxy.URL + "/hello"); p.status != http.StatusOK {
		t.Fatalf("%d %.300s", p.status, p.body)
	}
	s.proxy.Restart()
	if p := b.get(s.proxy.URL + "/hello"); p.status != http.StatusForbidden {
		t.Fatalf("%d %.300s", p.status, p.body)
	}
}

// TestNotAllowed is a login that goes well, of a user who may not in.
func TestNotAllowed(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{}, "--authenticated-emails-file="+list(t, peers.Bob().Email))
	b := newBrowser(t)
	p := logIn(b, s.proxy.URL+"/oauth2/start", peers.Alice())
	if p.status != http.StatusForbidden || p.at.Path != "/oauth2/callback" || len(p.forms()) != 2 {
		t.Errorf("%s: %d, %d forms: %.300s", p.at.Path, p.status, len(p.forms()), p.body)
	}
	if strings.Contains(p.body, `type="password"`) || len(b.client.Jar.Cookies(p.at)) > 0 {
		t.Errorf("%q %.500s", b.client.Jar.Cookies(p.at), p.body)
	}
	if p := logIn(newBrowser(t), s.proxy.URL+"/oauth2/start", peers.Bob()); p.status != http.StatusOK {
		t.Errorf("bob: %d", p.status)
	}
}

// TestHtpasswd is the proxy with a file of passwords: Basic with each request, or once to its own form.
func TestHtpasswd(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{}, "--htpasswd-file="+peers.Htpasswd(t, peers.Alice()))
	basic := func(path, password string) page {
		b := newBrowser(t)
		req := b.request(http.MethodGet, s.proxy.URL+path, nil)
		req.SetBasicAuth(peers.Alice().Email, password)
		p := b.send(req)
		if got := cookies(p); strings.Contains(got, "_oauth2_proxy,") {
			t.Errorf("Basic made a session: %s", got)
		}
		return p
	}
	if p := basic("/hello", peers.Alice().Password); p.status != http.StatusOK {
		t.Errorf("Basic: %d", p.status)
	}
	if p := basic("/oauth2/auth", peers.Alice().Password); p.status != http.StatusAccepted {
		t.Errorf("Basic at /oauth2/auth: %d", p.status)
	}
	if p := basic("/hello", "wrong"); p.status != http.StatusForbidden || p.header.Get("Gap-Auth") != "" {
		t.Errorf("Basic with a wrong password: %d", p.status)
	}

	b := newBrowser(t)
	form := func(user, password string) page {
		return b.post(s.proxy.URL+"/oauth2/sign_in", url.Values{"username": {user}, "password": {password}, "rd": {"/hello"}})
	}
	if p := form("", ""); p.status != http.StatusBadRequest {
		t.Errorf("form without a user: %d", p.status)
	}
	if p := form(peers.Alice().Email, "wrong"); p.status != http.StatusUnauthorized {
		t.Errorf("form with a wrong password: %d", p.status)
	}
	p := form(peers.Alice().Email, peers.Alice().Password)
	if p.status != http.StatusFound || p.header.Get("Location") != "/hello" || cookies(p) != "_oauth2_proxy" {
		t.Errorf("form: %d to %s, %s", p.status, p.header.Get("Location"), cookies(p))
	}
	if p := b.get(p.next(t)); p.status != http.StatusOK || p.header.Get("Gap-Auth") != peers.Alice().Email {
		t.Errorf("with the session: %d, Gap-Auth %q", p.status, p.header.Get("Gap-Auth"))
	}
	sign := newBrowser(t).get(s.proxy.URL + "/oauth2/sign_in")
	if forms := sign.forms(); len(forms) != 2 {
		t.Errorf("the sign-in page has the forms %q", forms)
	}
}
