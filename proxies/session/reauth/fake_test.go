package reauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// proxy is an oauth2-proxy with an application behind it.
type proxy struct {
	*httptest.Server
	// challenge answers requests without a session. app answers those with one, and those below /public/.
	challenge, app http.HandlerFunc
	noProbe        bool

	mu     sync.Mutex
	live   map[string]string // cookie to user
	logins int
	serial int
	log    []string // what was asked, and by whom it was answered
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{live: map[string]string{}}
	p.challenge = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "_oauth2_proxy=; Path=/; Max-Age=0")
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<form action="/oauth2/start">`)
	}
	p.app = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Header.Get("X-Forwarded-User"), body)
	}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user := ""
	p.mu.Lock()
	if c, err := r.Cookie("_oauth2_proxy"); err == nil {
		user = p.live[c.Value]
	}
	p.mu.Unlock()
	note := func(who string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.log = append(p.log, r.Method+" "+r.URL.Path+" "+who)
	}
	switch {
	case r.URL.Path == "/oauth2/auth" && !p.noProbe:
		note("probe")
		w.WriteHeader(map[bool]int{true: http.StatusAccepted, false: http.StatusUnauthorized}[user != ""])
	case strings.HasPrefix(r.URL.Path, "/public/"):
		note("application")
		p.app(w, r)
	case user == "":
		note("proxy")
		_, _ = io.Copy(io.Discard, r.Body)
		p.challenge(w, r)
	default:
		note("application")
		if _, _, ok := r.BasicAuth(); ok {
			http.Error(w, "the password came along", http.StatusTeapot)
			return
		}
		w.Header().Set("Gap-Auth", user)
		w.Header().Set("X-Auth-Request-Access-Token", "secret-token-of-"+user)
		r.Header.Set("X-Forwarded-User", user)
		p.app(w, r)
	}
}

// Login implements session.Login: right is the only password.
func (p *proxy) Login(_ context.Context, site session.Site, c session.Credentials) (*session.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logins++
	if site.URL.String() != p.URL || site.Transport == nil {
		return nil, errors.New("another site")
	}
	if c.Password != "right" {
		return nil, &session.LoginError{Kind: session.BadCredentials, Err: fmt.Errorf("no user %s with %s", c.User, c.Password)}
	}
	p.serial++
	cookie := fmt.Sprint("secret-cookie-", p.serial)
	p.live[cookie] = c.User
	return &session.State{Cookies: []session.Cookie{{Name: "_oauth2_proxy", Value: cookie}}}, nil
}

func (p *proxy) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.live)
}

// seen gives the log and the number of logins, and forgets both.
func (p *proxy) seen() ([]string, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, n := p.log, p.logins
	p.log, p.logins = nil, 0
	return log, n
}

// setup makes the strategy for a proxy.
func setup(t *testing.T, p *proxy, o pool.Options, change func(*Config)) *gateway {
	t.Helper()
	sessions, err := pool.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sessions.Close)
	cfg := Config{
		Sessions: pool.Config{Login: p, Hidden: []string{"_oauth2_proxy"}}, Kind: "login_form /oauth2/start",
		Challenge: challenge.Detector{Start: "/oauth2/start"}, Probe: Beside("/oauth2/start", "auth"),
	}
	if change != nil {
		change(&cfg)
	}
	g := &gateway{Strategy: New(sessions, cfg), next: &http.Transport{}}
	t.Cleanup(g.next.CloseIdleConnections)
	if err := g.Bind(session.Backend{Service: "s", Name: "b", Addresses: []string{p.URL}}); err != nil {
		t.Fatal(err)
	}
	return g
}

type gateway struct {
	*Strategy
	next *http.Transport
}

// do sends a request as ann, and gives status and body.
func (g *gateway) do(t *testing.T, req *http.Request) (string, http.Header) {
	t.Helper()
	resp, err := g.RoundTrip(req, session.Caller{User: "ann", Password: "right", Basic: true}, g.next)
	if err != nil {
		return err.Error(), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(body)), resp.Header
}

func (p *proxy) request(method, path string, body io.Reader) *http.Request {
	req, _ := http.NewRequest(method, p.URL+path, body)
	req.SetBasicAuth("ann", "right")
	return req
}
