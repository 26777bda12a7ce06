package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// guarded is a backend with a login: POST /login with Basic credentials gives a session, which all else needs.
func guarded(h http.HandlerFunc) (handler http.HandlerFunc, expire func()) {
	var mu sync.Mutex
	sessions := map[string]string{}
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			user, password, _ := r.BasicAuth()
			if r.URL.Path == "/login" {
				defer mu.Unlock()
				if password != "right" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				n++
				id := fmt.Sprint(n)
				sessions[id] = user
				w.Header().Set("X-Session", id)
				return
			}
			c, err := r.Cookie("session")
			if err != nil || sessions[c.Value] == "" {
				mu.Unlock()
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			r.Header.Set("X-Who", sessions[c.Value])
			mu.Unlock()
			h(w, r)
		}, func() {
			mu.Lock()
			defer mu.Unlock()
			clear(sessions)
		}
}

func who(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Header.Get("X-Who")+" "+r.Header.Get("Authorization"))
}

// TestLogsIn has a plain reverse_proxy log in: for each caller, with its own password, again when the session is over.
func TestLogsIn(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T, handler http.HandlerFunc) (url, config string){
		"http": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()

			return backend(t, handler).URL, `{"protocol":"session","auth":{"mode":"fake"}}`
		},
		"https": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()
			s := httptest.NewTLSServer(handler)
			t.Cleanup(s.Close)
			return s.URL, `{"protocol":"session","auth":{"mode":"fake"},"transport":{"protocol":"http","tls":{"insecure_skip_verify":true}}}`
		},
		"an origin of its own": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()
			return backend(t, handler).URL, `{"protocol":"session","origin":"https://legacy.example.org","auth":{"mode":"fake"}}`
		},
		"a socket": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()
			path := filepath.Join(t.TempDir(), "s")
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
			if err != nil {
				t.Fatal(err)
			}
			s := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
			s.Start()
			t.Cleanup(s.Close)
			return "unix/" + path, `{"protocol":"session","auth":{"mode":"fake"}}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, expire := guarded(who)
			url, config := start(t, handler)
			gateway, s := proxy(t, config, url)
			for range 2 {
				for _, user := range []string{"ann", "bob"} {
					if a := ask(t, "GET", gateway.URL+"/x", user+":right", nil); a.status != 200 || a.body != user+" " {
						t.Errorf("%s: %d %q", user, a.status, a.body)
					}
				}
				expire()
			}
			if a := ask(t, "GET", gateway.URL+"/x", "ann:wrong", nil); a.status != 401 || members(t, a.body)["type"] != "urn:fairway:problem:bad_credentials" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if f := s.auth.(*fake); f.logins != 5 {
				t.Errorf("%d logins, want one for each caller and life of a session, and a failed one", f.logins)
			}
		})
	}
}

// TestRefusals compares what a caller is told with what a service tells.
func TestRefusals(t *testing.T) {
	t.Parallel()
	up := backend(t, told)
	for kind, want := range map[session.LoginKind][2]int{
		session.BadCredentials: {401, 502}, session.MFARequired: {401, 502}, session.UnsupportedPage: {502, 502},
		session.NotAllowed: {403, 502}, session.Unavailable: {502, 502},
	} {
		for account, status := range map[bool]int{false: want[0], true: want[1]} {
			gateway, _ := proxy(t, fmt.Sprintf(`{"protocol":"session","name":"legacy","auth":{"mode":"fake","does":"error","kind":%d,"account":%t}}`, kind, account), up.URL)
			a := ask(t, "GET", gateway.URL+"/a/b?c=s3cret", "ann:pw", nil)
			if a.status != status || a.header.Get("Content-Type") != problem.ContentType {
				t.Errorf("%s: %d, want %d", kind, a.status, status)
			}
			if asks := a.header.Get("WWW-Authenticate") == `Basic realm="legacy", charset="UTF-8"`; asks != (status == 401) {
				t.Errorf("%s: %v", kind, a.header)
			}
			want := (&session.LoginError{Kind: kind}).Refusal("The backend", "legacy", account)
			id, _ := members(t, a.body)["request_id"].(string)
			if diff := cmp.Diff(string(want.JSON("/a/b", id)), a.body); diff != "" || id == "" || a.header.Get("X-Request-ID") != id {
				t.Errorf("%s: %s", kind, diff)
			}
		}
	}
}

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	asked := false
	up := backend(t, func(http.ResponseWriter, *http.Request) { asked = true })
	gateway, _ := proxy(t, `{"protocol":"session","auth":{"mode":"basic"}}`, up.URL)
	for _, header := range [][]string{{}, {"Authorization", "Bearer x"}, {"Authorization", "Basic YTpi", "Authorization", "Basic YzpK"}} {
		a := ask(t, "GET", gateway.URL+"/x", "", nil, header...)
		if a.status != 401 || a.header.Get("WWW-Authenticate") != `Basic realm="session", charset="UTF-8"` || members(t, a.body)["type"] != "urn:fairway:problem:no_credentials" {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
		if a := ask(t, "HEAD", gateway.URL+"/x", "", nil, header...); a.status != 401 || a.body != "" || a.header.Get("Content-Length") == "" {
			t.Errorf("HEAD: %d %v", a.status, a.header)
		}
	}
	if asked {
		t.Error("the backend was asked")
	}
}

// TestRefusalIsNoFailureOfTheUpstream: who has no credentials, or wrong ones, takes no upstream out of the rotation, and is not
// tried again.
func TestRefusalIsNoFailureOfTheUpstream(t *testing.T) {
	t.Parallel()
	handler, _ := guarded(who)
	up := backend(t, handler)
	h := &reverseproxy.Handler{
		TransportRaw:  json.RawMessage(`{"protocol":"session","auth":{"mode":"fake"}}`),
		Upstreams:     reverseproxy.UpstreamPool{{Dial: strings.TrimPrefix(up.URL, "http://")}},
		LoadBalancing: &reverseproxy.LoadBalancing{Retries: 3},
		HealthChecks:  &reverseproxy.HealthChecks{Passive: &reverseproxy.PassiveHealthChecks{FailDuration: caddy.Duration(time.Minute), MaxFails: 1}},
	}
	gateway, s := proxyOf(t, h)
	for range 3 {
		ask(t, "GET", gateway.URL, "", nil)
		ask(t, "GET", gateway.URL, "ann:wrong", nil)
	}
	if a := ask(t, "GET", gateway.URL, "ann:right", nil); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := s.auth.(*fake).logins; n != 4 {
		t.Errorf("%d logins, want 4", n)
	}
}

// TestUpstreamFails: what goes wrong on the way stays reverse_proxy's to try again, and its error a problem.
func TestUpstreamFails(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	_ = l.Close()
	done := make(chan struct{})
	slow := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	t.Cleanup(func() { close(done) })
	const basic = `{"protocol":"session","auth":{"mode":"basic"}}`
	gateway, _ := proxy(t, basic, dead)
	if a := ask(t, "GET", gateway.URL, "a:b", nil); a.status != 502 || members(t, a.body)["type"] != "urn:fairway:problem:backend_unreachable" {
		t.Errorf("%d %s", a.status, a.body)
	}
	gateway, _ = proxy(t, `{"protocol":"session","auth":{"mode":"basic"},"transport":{"protocol":"http","response_header_timeout":50000000}}`, slow.URL)
	if a := ask(t, "GET", gateway.URL, "a:b", nil); a.status != 504 || members(t, a.body)["type"] != "urn:fairway:problem:backend_timeout" {
		t.Errorf("%d %s", a.status, a.body)
	}
	good := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	h := &reverseproxy.Handler{
		TransportRaw: json.RawMessage(basic),
		Upstreams:    reverseproxy.UpstreamPool{{Dial: dead}, {Dial: strings.TrimPrefix(good.URL, "http://")}},
		LoadBalancing: &reverseproxy.LoadBalancing{
			Retries: 1, SelectionPolicyRaw: json.RawMessage(`{"policy":"round_robin"}`),
		},
	}
	gateway, _ = proxyOf(t, h)
	for range 4 { // a POST too, since nothing was sent
		if a := ask(t, "POST", gateway.URL, "a:b", strings.NewReader("body")); a.status != 200 || a.body != "body" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	gateway, _ = proxy(t, basic, slow.URL)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("a", "b")
	time.AfterFunc(20*time.Millisecond, cancel)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
		t.Error("an answer to who has left")
	}
}

// TestStrategyMisbehaves: a strategy that panics or gives nothing is told of as such, and what it must not do it cannot.
func TestStrategyMisbehaves(t *testing.T) {
	t.Parallel()
	up := backend(t, told)
	for does, want := range map[string]string{"panic": "500 internal", "nothing": "502 backend_unreachable", "elsewhere": "502 backend_unreachable"} {
		gateway, _ := proxy(t, `{"protocol":"session","auth":{"mode":"fake","does":"`+does+`"}}`, up.URL)
		a := ask(t, "GET", gateway.URL, "a:b", nil)
		if got := fmt.Sprint(a.status, " ", strings.TrimPrefix(members(t, a.body)["type"].(string), "urn:fairway:problem:")); got != want || strings.Contains(a.body, "s3cret") {
			t.Errorf("%s: %s", does, a.body)
		}
	}
}

// TestGatewayRefused: of a service account a 401 is not the caller's, and 407 never is.
func TestGatewayRefused(t *testing.T) {
	t.Parallel()
	up := backend(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscan(r.URL.Path[1:], &status)
		w.WriteHeader(status)
	})
	for _, c := range []struct {
		account         bool
		status, want    int
		asksForPassword bool
	}{
		{false, 401, 401, true},
		{false, 403, 403, false},
		{false, 407, 502, false},
		{false, 404, 404, false},
		{true, 401, 502, false},
		{true, 403, 403, false},
		{true, 407, 502, false},
		{true, 500, 500, false},
	} {
		gateway, _ := proxy(t, fmt.Sprintf(`{"protocol":"session","auth":{"mode":"fake","does":"as it is","account":%t}}`, c.account), up.URL)
		a := ask(t, "GET", fmt.Sprintf("%s/%d", gateway.URL, c.status), "a:b", nil)
		if a.status != c.want || (a.header.Get("WWW-Authenticate") != "") != c.asksForPassword {
			t.Errorf("%+v: %d %v", c, a.status, a.header)
		}
		if c.want == 502 && members(t, a.body)["backend_status"] != float64(c.status) {
			t.Error(a.body)
		}
	}
}

// TestHealthChecks: an active check has no caller, and asks the upstream itself; under a service account it goes the whole way.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	for _, account := range []bool{false, true} {
		handler, _ := guarded(who)
		var checks atomic.Int64
		up := backend(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/ping" {
				checks.Add(1)
				return
			}
			handler(w, r)
		})
		does := "login"
		if account {
			does = "as it is"
		}
		h := &reverseproxy.Handler{
			TransportRaw: json.RawMessage(fmt.Sprintf(`{"protocol":"session","auth":{"mode":"fake","does":"%s","account":%t}}`, does, account)),
			Upstreams:    reverseproxy.UpstreamPool{{Dial: strings.TrimPrefix(up.URL, "http://")}},
			HealthChecks: &reverseproxy.HealthChecks{Active: &reverseproxy.ActiveHealthChecks{URI: "/ping", Interval: caddy.Duration(10 * time.Millisecond)}},
		}
		gateway, _ := proxyOf(t, h)
		for end := time.Now().Add(30 * time.Second); checks.Load() < 3 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		}
		if checks.Load() < 3 {
			t.Error("the upstream was not checked")
		}
		want := map[bool]int{false: 200, true: 502}[account]
		if a := ask(t, "GET", gateway.URL+"/x", "ann:right", nil); a.status != want {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	_, s := proxy(t, `{"protocol":"session","name":"legacy","auth":{"mode":"fake"}}`, "127.0.0.1:9")
	b := s.auth.(*fake).bound
	if b.Service != "legacy" || b.Addresses != nil || b.Elsewhere == nil {
		t.Errorf("%+v", b)
	}
}

func TestConfigurationRefused(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{"protocol":"session","auth":{"mode":"none"},"transport":{"protocol":"session"}}`:                                                                "stands in itself",
		`{"protocol":"session","auth":{"mode":"nobody"}}`:                                                                                                 "auth",
		`{"protocol":"session","auth":{"mode":"none"},"transport":{"protocol":"http","nonsense":1}}`:                                                      "nonsense",
		`{"protocol":"session","origin":"ftp://x"}`:                                                                                                       "is no origin",
		`{"protocol":"session","identity":{"request":["Accept"]}}`:                                                                                        "is no identity header",
		`{"protocol":"session","identity":{"answer":["X-Amzn-Oidc-Data"]}}`:                                                                               "holds what somebody could log in with",
		`{"protocol":"session","identity":{"set":[{"name":"Remote-User","value":""}]}}`:                                                                   "has no value",
		`{"protocol":"session","identity":{"set":[{"name":"Remote-User","value":"x"},{"name":"REMOTE-USER","value":"y"}]}}`:                               "is there twice",
		`{"protocol":"session","auth":{"mode":"mtls","certificate":"c.pem","key":"k.pem"}}`:                                                               "a certificate is shown on https",
		`{"protocol":"session","auth":{"mode":"mtls","certificate":"c.pem","key":"k.pem"},"transport":{"protocol":"http","tls":{}}}`:                      "c.pem",
		`{"protocol":"session","auth":{"mode":"mtls","certificate":"c","key":"k"},"transport":{"protocol":"http","tls":{"client_certificate_file":"c"}}}`: "one of them is enough",
	} {
		if err := refusedBy(t, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}

// TestHDREarlyHints: the headers of 103 go to the caller by another way.
func TestHDREarlyHints(t *testing.T) {
	t.Parallel()
	up := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.Header().Set("X-Auth-Request-Access-Token", "s3cret")
		w.Header()["gap_auth"] = []string{"ann"}
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	})
	gateway, _ := proxy(t, `{"protocol":"session","auth":{"mode":"none"}}`, up.URL)
	var hints []http.Header
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		hints = append(hints, http.Header(h).Clone())
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if diff := cmp.Diff([]http.Header{{"Link": {"</style.css>; rel=preload"}}}, hints); diff != "" {
		t.Error(diff)
	}
	for _, h := range []http.Header{resp.Header} {
		if h.Get("X-Auth-Request-Access-Token") != "" || h.Get("Gap_auth") != "" {
			t.Error(h)
		}
	}
}
