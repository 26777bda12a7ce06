package login

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

func (w *world) want(err error, kind session.LoginKind, detail string) {
	w.t.Helper()
	e, ok := errors.AsType[*session.LoginError](err)
	if !ok || e.Kind != kind || !strings.Contains(e.Detail, detail) {
		w.t.Errorf("got %v, want %s with %q", err, kind, detail)
	}
}

func TestThroughProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, err := w.login(Config{}, session.Credentials{User: user, Password: password})
	w.checkSecrets(err)
	if err != nil {
		t.Fatal(err)
	}
	want := []session.Cookie{{Name: "_oauth2_proxy", Value: secrets + "-session", Path: "/"}}
	for i := range got.Cookies {
		if got.Cookies[i].Expires.IsZero() {
			t.Error("the cookie has no end")
		}
		got.Cookies[i].Expires = want[0].Expires
	}
	if diff := cmp.Diff(want, got.Cookies); diff != "" {
		t.Error(diff)
	}
	if got.Expires.IsZero() {
		t.Error("the end of the session is known")
	}
	if want := "login=alice%40example.org&password=open+sesame+%26%C3%B6"; w.form != want {
		t.Errorf("sent %q", w.form)
	}
}

// TestLoginRetryAfter also has what cannot be told by a table: how long to wait, and who waits.
func TestLoginRetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.idp.own.HandleFunc("GET /auth", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "7")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := w.login(Config{}, session.Credentials{User: user, Password: password})
	w.want(err, session.Unavailable, "429")
	if e, ok := errors.AsType[*session.LoginError](err); !ok || e.RetryAfter != 7*time.Second {
		t.Errorf("waits for %v", err)
	}
}

func TestLoginSlow(t *testing.T) {
	t.Parallel()
	hang := func(w *world) chan struct{} {
		began := make(chan struct{}, 16)
		w.idp.own.HandleFunc("GET /auth/login", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(rw, "<form ")
			_ = http.NewResponseController(rw).Flush()
			began <- struct{}{}
			<-r.Context().Done()
		})
		return began
	}
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		hang(w)
		_, err := w.login(Config{Timeout: 200 * time.Millisecond}, session.Credentials{User: user, Password: password})
		w.checkSecrets(err)
		w.want(err, session.Unavailable, "too long")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not say why", err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		began := hang(w)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		_, err := w.loginUntil(ctx, Config{}, session.Credentials{User: user, Password: password})
		w.want(err, session.Unavailable, "given up")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not say why", err)
		}
	})
}

// TestNoCredentials asserts that what cannot be right is not tried.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []session.Credentials{{}, {User: user}, {Password: password}} {
		_, err := w.login(Config{}, c)
		w.want(err, session.BadCredentials, "needs")
	}
	if len(w.proxy.seen) > 0 {
		t.Errorf("asked for %q", w.proxy.seen)
	}
}

// TestHostileHeaders has servers that put secrets where transports quote them.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"status":  "HTTP/1.1 " + secrets + "\r\n\r\n",
		"header":  "HTTP/1.1 200 OK\r\n" + secrets + "\r\n\r\n",
		"chunks":  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + secrets + "\r\n",
		"length":  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " + secrets + "\r\n\r\n",
		"nothing": "",
		"cut":     "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\n<form",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.idp.own.HandleFunc("GET /auth/login", func(rw http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(rw).Hijack()
				if err != nil {
					w.t.Error(err)
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, raw)
			})
			_, err := w.login(Config{}, session.Credentials{User: user, Password: password})
			w.checkSecrets(err)
			w.want(err, session.Unavailable, "broke the connection")
		})
	}
}

// TestMarkupInPlainText has servers that do not say that a page is one.
func TestMarkupInPlainText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header http.Header
		page   string
		works  bool
	}{
		"nothing said":   {http.Header{"Content-Type": nil}, loginPage, true},
		"plain":          {http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, "\n " + loginPage, true},
		"plain for sure": {http.Header{"Content-Type": {"text/plain"}, "X-Content-Type-Options": {"nosniff"}}, loginPage, false},
		"text":           {http.Header{"Content-Type": {"text/plain"}}, "write: " + loginPage, false},
		"JSON":           {http.Header{"Content-Type": {"application/json"}}, loginPage, false},
	} {
		w := newWorld(t)
		w.idp.own.HandleFunc("GET /auth/login", func(rw http.ResponseWriter, _ *http.Request) {
			maps.Copy(rw.Header(), c.header)
			_, _ = io.WriteString(rw, c.page)
		})
		_, err := w.login(Config{}, session.Credentials{User: user, Password: password})
		w.checkSecrets(err)
		if (err == nil) != c.works {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTogether has many logins by one Driver, each of which gets its own session.
func TestTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proxy.own.HandleFunc("GET /in", says(http.StatusOK, `<form method=post>`+fields+`</form>`))
	w.proxy.own.HandleFunc("POST /in", func(rw http.ResponseWriter, r *http.Request) {
		if len(r.Cookies()) > 0 {
			t.Errorf("cookies of somebody else: %v", r.Cookies())
		}
		rw.Header().Add("Set-Cookie", "of="+r.FormValue("login")+r.FormValue("password"))
		show(rw, http.StatusOK, "in")
	})
	d, err := New(Config{Kind: Page, Start: "/in"})
	if err != nil {
		t.Fatal(err)
	}
	site, err := url.Parse(w.proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			who := "u" + strconv.Itoa(i)
			got, err := d.Login(t.Context(), session.Site{URL: site, Transport: tr}, session.Credentials{User: who, Password: "p"})
			if err != nil || len(got.Cookies) != 1 || got.Cookies[0].Value != who+"p" {
				t.Errorf("%s: %v %v", who, got, err)
			}
		})
	}
	all.Wait()
}

// TestConnectionKnowsItsDeadlineFirst has a read end by the connection's deadline just before the context does.
func TestConnectionKnowsItsDeadlineFirst(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	slow := &url.Error{Op: "Get", URL: "https://idp.example.org", Err: &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}}
	if e := new(flow).broken(ctx, slow); e.Kind != session.Unavailable || e.Detail != "the login took too long" {
		t.Errorf("%v", e)
	}
	cancel()
	if e := new(flow).broken(ctx, slow); e.Detail != "the login was given up" {
		t.Errorf("%v", e)
	}
}
