package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // the transports to stand on

	_ "github.com/fairway-gateway/fairway/modules/auth"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
)

func init() { caddy.RegisterModule(new(fake)) }

// fake is a strategy that does what a test says, and one that logs in where it says nothing.
type fake struct {
	// Does is login, login with values, error, waits, panic, nothing or elsewhere.
	Does string `json:"does"`
	// Kind is that of the error of a login.
	Kind session.LoginKind `json:"kind"`
	// Account is a service account instead of the caller's credentials.
	Account bool `json:"account"`

	waiting chan struct{}
	bound   session.Backend
	mu      sync.Mutex
	cookies map[session.Caller]string
	logins  int
}

func (*fake) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.fake", New: func() caddy.Module { return &fake{waiting: make(chan struct{}, 1)} }}
}

func (f *fake) Mode() session.Mode   { return session.ModeBitlyProxy }
func (f *fake) PerCaller() bool      { return !f.Account }
func (f *fake) ServiceAccount() bool { return f.Account }

func (f *fake) Bind(b session.Backend) error {
	f.bound = b
	return nil
}

func (f *fake) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	switch f.Does {
	case "error":
		return nil, &session.LoginError{Kind: f.Kind, Err: errors.New("why")}
	case "waits":
		if req.URL.Path == "/wait" {
			f.waiting <- struct{}{}
			<-req.Context().Done()
			return nil, &session.LoginError{Kind: session.Unavailable, Err: errors.New("given up")}
		}
		return next.RoundTrip(req)
	case "panic":
		panic("s3cret")
	case "nothing":
		return nil, nil
	case "elsewhere":
		r, err := http.NewRequestWithContext(req.Context(), http.MethodGet, "http://elsewhere.invalid/", http.NoBody)
		if err != nil {
			return nil, err
		}
		return next.RoundTrip(r)
	case "as it is":
		return next.RoundTrip(req)
	}
	cookie, err := f.cookie(req, caller, next)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Cookie", "session="+cookie)
	resp, err := next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || req.Body != nil {
		return resp, err
	}
	_ = resp.Body.Close()
	f.mu.Lock()
	delete(f.cookies, caller)
	f.mu.Unlock()
	if cookie, err = f.cookie(req, caller, next); err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Header.Set("Cookie", "session="+cookie)
	return next.RoundTrip(again)
}

// cookie is that of the caller, after a login that the request's own context does not end.
func (f *fake) cookie(of *http.Request, caller session.Caller, next http.RoundTripper) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.cookies[caller]; c != "" {
		return c, nil
	}
	f.logins++
	login := &url.URL{Scheme: of.URL.Scheme, Host: of.URL.Host, Path: "/login"}
	ctx := context.Background()
	if f.Does == "login with values" {
		ctx = context.WithoutCancel(of.Context())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, login.String(), http.NoBody)
	if err != nil {
		return "", err
	}
	r.SetBasicAuth(caller.User, caller.Password)
	resp, err := next.RoundTrip(r)
	if err != nil {
		return "", &session.LoginError{Kind: session.Unavailable, Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", &session.LoginError{Kind: session.BadCredentials}
	}
	if f.cookies == nil {
		f.cookies = map[session.Caller]string{}
	}
	f.cookies[caller] = resp.Header.Get("X-Session")
	return f.cookies[caller], nil
}

// provisioning is one after the other: reverse_proxy writes a variable of its package.
var provisioning sync.Mutex

// proxy is a reverse_proxy in front of upstreams, with a transport of this configuration, and what it is made of.
func proxy(t *testing.T, config string, upstreams ...string) (*httptest.Server, *Session) {
	t.Helper()
	h := &reverseproxy.Handler{TransportRaw: json.RawMessage(config)}
	for _, u := range upstreams {
		h.Upstreams = append(h.Upstreams, &reverseproxy.Upstream{Dial: strings.TrimPrefix(strings.TrimPrefix(u, "http://"), "https://")})
	}
	return proxyOf(t, h)
}

func proxyOf(t *testing.T, h *reverseproxy.Handler) (*httptest.Server, *Session) {
	t.Helper()
	provisioning.Lock()
	defer provisioning.Unlock()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
		r.Header.Set("X-Handled", "yes")
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
			if he, ok := errors.AsType[caddyhttp.HandlerError](err); !ok || he.StatusCode != problem.Of(err).Status {
				t.Errorf("the site is given %v", err)
			}
			problem.Of(err).Write(w, r, "id")
		}
	}))
	t.Cleanup(func() {
		server.Close()
		_ = h.Cleanup()
		if s, ok := h.Transport.(*Session); ok {
			_ = s.Cleanup()
		}
	})
	s, _ := h.Transport.(*Session)
	return server, s
}

// refusedBy is why a configuration cannot be provisioned.
func refusedBy(t *testing.T, config string) error {
	t.Helper()
	provisioning.Lock()
	defer provisioning.Unlock()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	h := &reverseproxy.Handler{TransportRaw: json.RawMessage(config)}
	return h.Provision(ctx)
}

// got is an answer, read whole.
type got struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
}

// ask sends a request; user is name:password, or empty.
func ask(t *testing.T, method, target, user string, body io.Reader, header ...string) got {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if name, password, ok := strings.Cut(user, ":"); ok {
		req.SetBasicAuth(name, password)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header[header[i]] = append(req.Header[header[i]], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, resp.Trailer, string(text)}
}

// members of a JSON object.
func members(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// told writes the headers of a request as the answer.
func told(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(r.Header) }

// backend is a server.
func backend(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}
