package reauth

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
)

// TestNothingLeaks looks for user, password, cookies and tokens in everything that can be seen from outside.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	var mu sync.Mutex
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(writer(func(b []byte) { mu.Lock(); out.Write(b); mu.Unlock() }), &slog.HandlerOptions{Level: slog.LevelDebug}))
	metrics, reg := observe.New(), prometheus.NewRegistry()
	if err := metrics.Register(reg); err != nil {
		t.Fatal(err)
	}
	store := pool.NewMemory(nil)
	recorder := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	login := metrics.Login("s", "b")
	defer login.Close()
	g := setup(t, p, pool.Options{Store: store, Logger: logger}, func(c *Config) { c.Sessions.Metrics = login })
	ctx, span := tracer.Tracer("t").Start(t.Context(), "request")
	for i := range 6 {
		password := "right"
		if i%2 == 1 {
			password = "secret-wrong"
		}
		if i == 4 {
			p.expire()
		}
		resp, err := g.RoundTrip(p.request(http.MethodGet, "/x", nil).WithContext(ctx), session.Caller{User: "annabel", Password: password}, g.next)
		if (err == nil) != (i%2 == 0) {
			t.Fatalf("%d: %v", i, err)
		}
		if err != nil {
			fmt.Fprintf(&out, "%v %+v", err, err)
			continue
		}
		fmt.Fprintf(&out, "%v", resp.Header)
		resp.Body.Close()
	}
	span.End()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, f := range families {
		out.WriteString(f.String())
	}
	names := map[string]bool{}
	for _, s := range recorder.Ended() {
		names[s.Name()] = true
		fmt.Fprintf(&out, "%s %v %v %v", s.Name(), s.Attributes(), s.Events(), s.Status())
	}
	out.Write(store.Dump())
	seen := out.String()
	for _, secret := range []string{"annabel", "secret-", "cookie-", "YW5u"} {
		if i := strings.Index(seen, secret); i >= 0 {
			t.Errorf("%q is seen: %q", secret, seen[max(0, i-80):i+20])
		}
	}
	for _, want := range []string{"fairway_login_duration_seconds", "fairway_sessions_total", `"outcome":"bad_credentials"`, `"outcome":"ok"`} {
		if !strings.Contains(seen, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if !names["fairway.login"] {
		t.Errorf("spans: %v", names)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// TestLoginIsNotTraced has who is told of requests not be told of those of a login.
func TestLoginIsNotTraced(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	g := setup(t, p, pool.Options{}, func(c *Config) { c.Sessions.Login = asking{p} })
	told := &teller{next: g.next}
	for i := range 2 {
		resp, err := g.RoundTrip(p.request(http.MethodGet, "/x", nil), session.Caller{User: "ann", Password: "right"}, told)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if i == 0 {
			p.expire()
		}
	}
	if diff := cmp.Diff([]string{"/x", "/x", "/x"}, told.paths); diff != "" {
		t.Error(diff)
	}
}

// asking is a login that asks the site.
type asking struct{ *proxy }

func (a asking) Login(ctx context.Context, site session.Site, c session.Credentials) (*session.State, error) {
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, site.URL.String()+"/public/login", nil)
	resp, err := site.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return a.proxy.Login(ctx, site, c)
}

type teller struct {
	next  http.RoundTripper
	paths []string
}

func (f *teller) RoundTrip(req *http.Request) (*http.Response, error) {
	f.paths = append(f.paths, req.URL.Path)
	return f.next.RoundTrip(req)
}

func (f *teller) Untraced() http.RoundTripper { return f.next }
