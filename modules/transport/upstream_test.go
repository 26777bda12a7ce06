package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/google/go-cmp/cmp"
)

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

// TestLeavingIsNoFailureOfTheUpstream: nor does who leaves while somebody logs in for him.
func TestLeavingIsNoFailureOfTheUpstream(t *testing.T) {
	t.Parallel()
	up := backend(t, told)
	h := &reverseproxy.Handler{
		TransportRaw: json.RawMessage(`{"protocol":"session","auth":{"mode":"fake","does":"waits"}}`),
		Upstreams:    reverseproxy.UpstreamPool{{Dial: strings.TrimPrefix(up.URL, "http://")}},
		HealthChecks: &reverseproxy.HealthChecks{Passive: &reverseproxy.PassiveHealthChecks{FailDuration: caddy.Duration(time.Minute), MaxFails: 1}},
	}
	gateway, s := proxyOf(t, h)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL+"/wait", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("a", "b")
	go func() {
		<-s.auth.(*fake).waiting
		leave()
	}()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
		t.Fatal("an answer to who has left")
	}
	gateway.Close() // when the handler is done
	if n := h.Upstreams[0].Fails(); n != 0 {
		t.Errorf("the upstream has %d failures", n)
	}
}

// broken is a body that ends with an error.
type broken struct {
	io.Reader
	err error
}

func (b *broken) Read(to []byte) (int, error) {
	n, err := b.Reader.Read(to)
	if err != nil {
		err = b.err
	}
	return n, err
}

func (*broken) Close() error { return nil }

type slowly struct{ error }

func (slowly) Timeout() bool   { return true }
func (slowly) Temporary() bool { return true }

// TestBodyIsNoFailureOfTheUpstream: nor does a body that is too long, comes too slowly or breaks.
func TestBodyIsNoFailureOfTheUpstream(t *testing.T) {
	t.Parallel()
	up := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"too long":       {caddyhttp.Error(http.StatusRequestEntityTooLarge, errors.New("long")), 413},
		"refused":        {caddyhttp.Error(http.StatusUnsupportedMediaType, errors.New("odd")), 415},
		"slow":           {slowly{errors.New("slow")}, 408},
		"broken":         {io.ErrUnexpectedEOF, 499},
		"in good health": {io.EOF, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &reverseproxy.Handler{
				TransportRaw: json.RawMessage(`{"protocol":"session","auth":{"mode":"basic"}}`),
				Upstreams:    reverseproxy.UpstreamPool{{Dial: strings.TrimPrefix(up.URL, "http://")}},
				HealthChecks: &reverseproxy.HealthChecks{Passive: &reverseproxy.PassiveHealthChecks{FailDuration: caddy.Duration(time.Minute), MaxFails: 1}},
			}
			proxyOf(t, h)
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/x", &broken{strings.NewReader("some of it"), c.err})
			r.ContentLength = -1
			r.SetBasicAuth("a", "b")
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
			if err := h.ServeHTTP(w, r, nil); err != nil || w.Code != c.want || h.Upstreams[0].Fails() != 0 {
				t.Errorf("%d %s, %v; %d failures", w.Code, w.Body, err, h.Upstreams[0].Fails())
			}
			if c.want == 413 && members(t, w.Body.String())["type"] != "urn:fairway:problem:bad_body" {
				t.Error(w.Body)
			}
		})
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

// TestLoginIsNoAnswer: hints that a login's pages come with are not for the caller.
func TestLoginIsNoAnswer(t *testing.T) {
	t.Parallel()
	handler, _ := guarded(who)
	up := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			w.Header().Set("Link", "</login.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Link")
		}
		handler(w, r)
	})
	gateway, _ := proxy(t, `{"protocol":"session","auth":{"mode":"fake","does":"login with values"}}`, up.URL)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		t.Errorf("the caller is sent %v", h)
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ann", "right")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
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

// BenchmarkPass compares a reverse_proxy with its own transport and with ours on it.
func BenchmarkPass(b *testing.B) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	b.Cleanup(up.Close)
	for name, config := range map[string]string{"http": `{"protocol":"http"}`, "session": `{"protocol":"session","auth":{"mode":"basic"}}`} {
		b.Run(name, func(b *testing.B) {
			ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
			if err != nil {
				b.Fatal(err)
			}
			h := &reverseproxy.Handler{TransportRaw: json.RawMessage(config), Upstreams: reverseproxy.UpstreamPool{{Dial: strings.TrimPrefix(up.URL, "http://")}}}
			if err := h.Provision(ctx); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/x", http.NoBody)
				r.SetBasicAuth("ann", "secret")
				r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
				if err := h.ServeHTTP(w, r, nil); err != nil || w.Code != http.StatusOK {
					b.Fatal(w.Code, err)
				}
			}
		})
	}
}
