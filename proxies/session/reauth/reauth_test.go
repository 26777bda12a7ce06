package reauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
)

// TestOUT07 has each way of a proxy to challenge lead to one login and one more request, and what the application says to none.
func TestOUT07(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
	}
	for name, c := range map[string]http.HandlerFunc{
		"403 page": nil,
		"401 json": status(http.StatusUnauthorized),
		"302": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://idp.example/auth?client_id=x&response_type=code", http.StatusFound)
		},
		"200 page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<form><input type="password" name="p"></form>`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			if c != nil {
				p.challenge = c
			}
			g := setup(t, p, pool.Options{}, nil)
			for range 2 {
				if got, h := g.do(t, p.request(http.MethodGet, "/x", nil)); got != "200 ann " || h["Gap-Auth"] != nil || h["X-Auth-Request-Access-Token"] != nil {
					t.Errorf("%q %v", got, h)
				}
			}
			log, n := p.seen()
			if diff := cmp.Diff([]string{"GET /x application", "GET /x application"}, log); diff != "" || n != 1 {
				t.Errorf("%d logins, %s", n, diff)
			}
			p.expire()
			if got, _ := g.do(t, p.request(http.MethodGet, "/x", nil)); got != "200 ann " {
				t.Errorf("%q", got)
			}
			log, n = p.seen()
			if diff := cmp.Diff([]string{"GET /x proxy", "GET /oauth2/auth probe", "GET /x application"}, log); diff != "" || n != 1 {
				t.Errorf("%d logins, %s", n, diff)
			}
		})
	}
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(fmt.Sprint("the application's ", code), func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			p.app = status(code)
			g := setup(t, p, pool.Options{}, nil)
			for _, path := range []string{"/x", "/public/x"} {
				for range 3 {
					if got, _ := g.do(t, p.request(http.MethodPost, path, strings.NewReader("b"))); got != fmt.Sprint(code, " no\n") {
						t.Errorf("%q", got)
					}
				}
			}
			log, n := p.seen()
			posts := 0
			for _, l := range log {
				if strings.HasPrefix(l, "POST") {
					posts++
				}
			}
			if posts != 6 || n != 1 {
				t.Errorf("%d logins, %v", n, log)
			}
		})
	}
	t.Run("statuses that are named", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t)
		p.app = status(http.StatusForbidden)
		g := setup(t, p, pool.Options{}, func(c *Config) { c.Challenge.Statuses = []int{http.StatusForbidden} })
		for range 10 {
			if got, _ := g.do(t, p.request(http.MethodGet, "/x", nil)); got != "403 no\n" {
				t.Errorf("%q", got)
			}
		}
		if log, n := p.seen(); n != 2 || len(log) != 11 {
			t.Errorf("%d logins, %v", n, log)
		}
	})
	t.Run("a session that does not help", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t)
		p.noProbe = true
		p.app = status(http.StatusUnauthorized)
		g := setup(t, p, pool.Options{}, func(c *Config) { c.Probe = "" })
		for range 10 {
			if got, _ := g.do(t, p.request(http.MethodGet, "/public/x", nil)); got != "401 no\n" {
				t.Errorf("%q", got)
			}
		}
		if log, n := p.seen(); n != 2 || len(log) != 11 {
			t.Errorf("%d logins, %v", n, log)
		}
	})
}

// streaming is a body of unknown length.
type streaming struct{ io.Reader }

// TestOUT08 sends bodies, which the application sees once.
func TestOUT08(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", buffered+1)
	for name, c := range map[string]struct {
		body  func() io.Reader
		bytes string
		want  []string // after the session has expired
	}{
		"buffered": {
			func() io.Reader { return strings.NewReader("b") }, "b",
			[]string{"POST /x proxy", "GET /oauth2/auth probe", "POST /x application"},
		},
		"small": {
			func() io.Reader { return struct{ io.Reader }{strings.NewReader("b")} }, "b",
			[]string{"POST /x proxy", "GET /oauth2/auth probe", "POST /x application"},
		},
		"large": {
			func() io.Reader { return struct{ io.Reader }{strings.NewReader(large)} }, large,
			[]string{"GET /oauth2/auth probe", "GET /oauth2/auth probe", "POST /x application"},
		},
		"streaming": {
			func() io.Reader { return streaming{strings.NewReader("b")} }, "b",
			[]string{"GET /oauth2/auth probe", "GET /oauth2/auth probe", "POST /x application"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			g := setup(t, p, pool.Options{}, nil)
			send := func() {
				t.Helper()
				body := c.body()
				req := p.request(http.MethodPost, "/x", body)
				if _, unknown := body.(streaming); !unknown {
					req.ContentLength = int64(len(c.bytes))
				}
				if got, _ := g.do(t, req); got != "200 ann "+c.bytes {
					t.Errorf("%.40q", got)
				}
			}
			send()
			p.seen()
			p.expire()
			send()
			log, n := p.seen()
			if diff := cmp.Diff(c.want, log); diff != "" || n != 1 {
				t.Errorf("%d logins, %s", n, diff)
			}
		})
	}
	t.Run("nobody to ask before", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t)
		g := setup(t, p, pool.Options{}, func(c *Config) { c.Probe = "" })
		for i, want := range []string{"200 ann b", `403 <form action="/oauth2/start">`} {
			if i == 1 {
				p.expire()
			}
			if got, _ := g.do(t, p.request(http.MethodPost, "/x", streaming{strings.NewReader("b")})); got != want {
				t.Errorf("%q", got)
			}
		}
	})
	t.Run("a body that ends early", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t)
		g := setup(t, p, pool.Options{}, nil)
		req := p.request(http.MethodPost, "/x", struct{ io.Reader }{strings.NewReader("b")})
		req.ContentLength = 2
		if got, _ := g.do(t, req); !strings.Contains(got, "unexpected EOF") {
			t.Errorf("%q", got)
		}
	})
}

// TestOUT09 has the proxy rotate its cookie with each answer.
func TestOUT09(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.app = func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("theirs"); err != nil || len(r.Cookies()) != 2 {
			http.Error(w, r.Header.Get("Cookie"), http.StatusTeapot)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		clear(p.live)
		p.serial++
		fresh := fmt.Sprint("secret-cookie-", p.serial)
		p.live[fresh] = "ann"
		w.Header().Add("Set-Cookie", "_oauth2_proxy="+fresh+"; Path=/; HttpOnly; Secure")
		w.Header().Add("Set-Cookie", "theirs=2")
	}
	g := setup(t, p, pool.Options{}, nil)
	for range 5 {
		req := p.request(http.MethodGet, "/x", nil)
		req.Header.Set("Cookie", "theirs=1; _oauth2_proxy=stolen; _oauth2_proxy_1=x")
		got, h := g.do(t, req)
		if diff := cmp.Diff([]string{"theirs=2"}, h["Set-Cookie"]); got != "200 " || diff != "" {
			t.Errorf("%q %s", got, diff)
		}
	}
	if _, n := p.seen(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// TestAtExpiry has 256 callers come at once with a session that is over, in one gateway and in two.
func TestAtExpiry(t *testing.T) {
	t.Parallel()
	for _, gateways := range []int{1, 2} {
		t.Run(fmt.Sprint(gateways), func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			store := pool.NewMemory(nil)
			var all []*gateway
			for range gateways {
				all = append(all, setup(t, p, pool.Options{Store: store, Keys: [][]byte{bytes.Repeat([]byte{1}, pool.KeySize)}}, nil))
			}
			for range 2 {
				p.expire()
				p.seen()
				var wg sync.WaitGroup
				for i := range 256 {
					wg.Go(func() {
						if got, _ := all[i%gateways].do(t, p.request(http.MethodGet, "/x", nil)); got != "200 ann " {
							t.Errorf("%q", got)
						}
					})
				}
				wg.Wait()
				if _, n := p.seen(); n != 1 {
					t.Errorf("%d logins", n)
				}
			}
		})
	}
}

// TestWhose tells whose credentials log in.
func TestWhose(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	perCaller := setup(t, p, pool.Options{}, nil)
	account := setup(t, p, pool.Options{}, func(c *Config) { c.Account = &session.Credentials{User: "svc", Password: "right"} })
	if perCaller.Mode() != session.ModeBitlyProxy || !perCaller.PerCaller() || perCaller.ServiceAccount() {
		t.Error("per caller")
	}
	if account.Mode() != session.ModeNone || account.PerCaller() || !account.ServiceAccount() {
		t.Error("account")
	}
	if got, _ := account.do(t, p.request(http.MethodGet, "/x", nil)); got != "200 svc " {
		t.Errorf("%q", got)
	}
	if got, _ := perCaller.do(t, p.request(http.MethodGet, "/x", nil)); got != "200 ann " {
		t.Errorf("%q", got)
	}
}

// TestPassThrough has every origin be a backend of its own.
func TestPassThrough(t *testing.T) {
	t.Parallel()
	p, other := newProxy(t), newProxy(t)
	g := setup(t, p, pool.Options{}, func(c *Config) { c.Sessions.Login = either{p, other} })
	g.sessions = nil
	if err := g.Bind(session.Backend{}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * mostOrigins {
		g.sessionsOf(&url.URL{Scheme: "https", Host: fmt.Sprint("h", i)})
	}
	kept := 0
	g.origins.Range(func(any, any) bool { kept++; return true })
	if kept != mostOrigins {
		t.Errorf("%d origins are kept", kept)
	}
	for range 2 {
		for _, to := range []*proxy{p, other} {
			if got, _ := g.do(t, to.request(http.MethodGet, "/x", nil)); got != "200 ann " {
				t.Errorf("%q", got)
			}
		}
	}
	for _, to := range []*proxy{p, other} {
		if _, n := to.seen(); n != 1 {
			t.Errorf("%d logins", n)
		}
	}
}

type either []*proxy

func (e either) Login(ctx context.Context, site session.Site, c session.Credentials) (*session.State, error) {
	for _, p := range e {
		if p.URL == site.URL.String() {
			return p.Login(ctx, site, c)
		}
	}
	return nil, errors.New("no such site")
}

// TestOUT12 has a WebSocket begin with a session that is over.
func TestOUT12(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.app = func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	}
	g := setup(t, p, pool.Options{}, nil)
	for range 2 {
		req := p.request(http.MethodGet, "/ws", nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		resp, err := g.RoundTrip(req, session.Caller{User: "ann", Password: "right"}, g.next)
		if err != nil {
			t.Fatal(err)
		}
		conn, ok := resp.Body.(io.ReadWriteCloser)
		if !ok || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%d with a body of %T", resp.StatusCode, resp.Body)
		}
		_, _ = io.WriteString(conn, "hello\n")
		got, _ := io.ReadAll(conn)
		conn.Close()
		if string(got) != "echo hello\n" {
			t.Errorf("%q", got)
		}
		p.expire()
	}
}

// TestLeaves has the caller go while others wait.
func TestLeaves(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	g := setup(t, p, pool.Options{}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cancel()
	_, err := g.RoundTrip(p.request(http.MethodGet, "/x", nil).WithContext(ctx), session.Caller{User: "ann", Password: "right"}, g.next)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
