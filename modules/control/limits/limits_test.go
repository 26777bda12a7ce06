package limits_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/limits"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
)

const annID = "0198c0de-0000-7000-8000-000000000001"

// people identifies callers by the word in Authorization.
type people map[string]*callers.Caller

func (p people) Identify(r *http.Request) (*callers.Caller, error) {
	word := r.Header.Get("Authorization")
	if c := p[word]; c != nil || word == "" {
		return c, nil
	}
	return nil, &callers.RefusedError{Reason: callers.BadCredentials}
}

// control is an API with limits of its own: what it serves beside them answers {}.
func control(t *testing.T, l *rate.Limiter, texts ...string) *api.API {
	t.Helper()
	return over(t, l, "sqlite:"+filepath.Join(t.TempDir(), "store.db"), func(*limits.Config) {}, texts...).API
}

// world is an API over a store.
type world struct {
	*api.API
	store *queries.Store
}

// over is control over a store, with other settings.
func over(t *testing.T, l *rate.Limiter, dsn string, change func(*limits.Config), texts ...string) world {
	t.Helper()
	store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	var own []rate.Limit
	for _, s := range texts {
		limit, err := rate.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, limit)
	}
	scope := l.Scope(rate.ScopeOptions{Name: "control", Policy: "control", Limits: own})
	t.Cleanup(scope.Close)
	user := func(id string, role permit.Role) *callers.Caller {
		return &callers.Caller{User: tokens.User{ID: id, Role: string(role), Active: true, Regular: true}, Scopes: []string{permit.All}}
	}
	cfg := limits.Config{Scope: scope, Address: func(r *http.Request) string { return r.RemoteAddr }}
	change(&cfg)
	a := api.New(permit.New(), people{
		"root": user("0198c0de-0000-7000-8000-000000000009", permit.Superadmin), "ann": user(annID, permit.User), "admin": user("0198c0de-0000-7000-8000-000000000008", permit.Admin),
		"Bearer admin": user("0198c0de-0000-7000-8000-000000000008", permit.Admin), "Bearer ann": user(annID, permit.User),
	}, api.Options{Admit: limits.Gate(cfg), RequestID: func(*http.Request) string { return "r1" }})
	for _, op := range a.Table().Operations() {
		a.HandleFunc(op.ID, func(w http.ResponseWriter, _ *http.Request) { api.Answer(w, http.StatusOK, struct{}{}) })
		if _, rest, ok := strings.Cut(op.Path, "{"); ok && !strings.HasPrefix(rest, "identifier") {
			name, _, _ := strings.Cut(rest, "}")
			a.Resolve(name, func(context.Context, string, *callers.Caller) (api.Target, error) {
				return api.Target{}, api.ErrNotFound
			})
		}
	}
	served, err := limits.New(l, store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served.Register(a, typed.New(a, "1.2.3"))
	if err := a.Seal(); err != nil {
		t.Fatal(err)
	}
	return world{a, store}
}

// ask sends a request, and gives the answer with its body.
func ask(t *testing.T, a *api.API, method, target, who, from string) (int, http.Header, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.RemoteAddr = from + ":4711"
	if who != "" {
		r.Header.Set("Authorization", who)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return w.Code, w.Header(), body
}

// TestGate has the API's own limits be asked by address before anybody is identified, and by caller when he is known.
func TestGate(t *testing.T) {
	t.Parallel()
	a := control(t, rate.New(rate.Options{}), "5/h by address", "2/d by caller")
	for i, c := range []struct {
		target, who, from string
		status            int
		limits            string
	}{
		{"/api/v1/tokens", "ann", "192.0.2.1", 200, `"control";r=4;t=720, "control-2";r=1;t=43200`},
		{"/api/v1/tokens", "ann", "192.0.2.2", 200, `"control";r=4;t=720, "control-2";r=0;t=43200`},
		{"/api/v1/tokens", "ann", "192.0.2.2", 429, `"control";r=3;t=1440, "control-2";r=0;t=43200`},
		{"/api/v1/tokens", "wrong", "192.0.2.2", 401, `"control";r=2;t=2160`},
		{"/api/v1/tokens", "", "192.0.2.2", 401, `"control";r=1;t=2880`},
		{"/.well-known/jwks.json", "ann", "192.0.2.2", 200, `"control";r=0;t=720`},
		{"/api/v1/tokens", "admin", "192.0.2.2", 429, `"control";r=0;t=720`},
	} {
		status, header, body := ask(t, a, http.MethodGet, c.target, c.who, c.from)
		if got := header.Get("Ratelimit"); status != c.status || strings.Split(got, ";r=")[0] != strings.Split(c.limits, ";r=")[0] || strings.Count(got, ",") != strings.Count(c.limits, ",") {
			t.Errorf("%d: %d %s, want %d %s: %v", i, status, got, c.status, c.limits, body)
		}
		if status == http.StatusTooManyRequests && (body["type"] != "urn:fairway:problem:rate_limited" || header.Get("Retry-After") == "") {
			t.Errorf("%v %v", header, body)
		}
	}
}

// TestRefusalOfTrends is what clients of Trends.Earth's read of a refusal.
func TestRefusalOfTrends(t *testing.T) {
	t.Parallel()
	a := control(t, rate.New(rate.Options{}), "1/d by caller")
	ask(t, a, http.MethodGet, "/api/v1/rate-limit/status", "root", "192.0.2.1")
	status, header, body := ask(t, a, http.MethodGet, "/api/v1/rate-limit/status", "root", "192.0.2.1")
	retry, _ := body["retry_after"].(float64)
	delete(body, "retry_after")
	want := map[string]any{
		"type": "urn:fairway:problem:rate_limited", "title": "Too Many Requests", "status": 429., "detail": rate.Detail, "error_code": "RATE_LIMIT_EXCEEDED",
		"msg": rate.Detail, "message": rate.Detail, "instance": "/api/v1/rate-limit/status", "request_id": "r1",
	}
	if d := cmp.Diff(want, body); d != "" || status != 429 || retry < 86000 || retry > 86400 || header.Get("X-Ratelimit-Remaining") != "0" || header.Get("X-Ratelimit-Limit") != "1" {
		t.Errorf("%d, %v, %v: %s", status, retry, header, d)
	}
}

func TestStatusAndReset(t *testing.T) {
	t.Parallel()
	l := rate.New(rate.Options{})
	a := control(t, l)
	perHour, perMinute := rate.Limit{N: 1, Per: time.Hour, By: rate.ByCaller}, rate.Limit{N: 9, Per: time.Minute, By: rate.ByAddress}
	s := l.Scope(rate.ScopeOptions{Name: "service weather", Policy: "service", Limits: []rate.Limit{perHour, perMinute}})
	defer s.Close()
	take := func() {
		var v rate.Verdict
		for _, who := range []string{"user:" + annID, "client:c", "user:other"} {
			s.Take(t.Context(), rate.ByCaller, who, &v)
		}
		s.Take(t.Context(), rate.ByAddress, rate.AddressText("2001:db8::1"), &v)
		s.Take(t.Context(), rate.ByAddress, rate.AddressText("192.0.2.7:99"), &v)
	}
	counted := func(callers, addresses float64) {
		t.Helper()
		status, _, body := ask(t, a, http.MethodGet, "/api/v1/rate-limit/status", "root", "192.0.2.1")
		want := map[string]any{"message": "Rate limits", "data": map[string]any{"limits": []any{
			map[string]any{"scope": "service weather", "limit": "9/m by address", "n": 9., "per_seconds": 60., "by": "address", "counted": addresses, "refused": 0.},
			map[string]any{"scope": "service weather", "limit": "1/h by caller", "n": 1., "per_seconds": 3600., "by": "caller", "counted": callers, "refused": callers},
		}}}
		if d := cmp.Diff(want, body); d != "" || status != http.StatusOK {
			t.Errorf("%d %s", status, d)
		}
	}
	reset := func(identifier string, status int, member, text string) {
		t.Helper()
		got, _, body := ask(t, a, http.MethodPost, "/api/v1/rate-limit/reset"+identifier, "root", "192.0.2.1")
		if said, _ := body[member].(string); got != status || !strings.Contains(said, text) {
			t.Errorf("%s: %d %v", identifier, got, body)
		}
	}
	take()
	counted(3, 2)
	reset("/user:"+strings.ToUpper(annID), 200, "message", "have been reset for user:")
	reset("/user:"+annID, 404, "error", "No rate limit")
	reset("/client:c/", 200, "message", "client:c")
	reset("/ip:2001:db8::ffff", 200, "message", "ip:2001:db8::ffff")
	reset("/ip:192.0.2.8", 404, "error", "No rate limit")
	for _, none := range []string{"/ip:nowhere", "/user:ann", "/auth:x", "/x", "/client:"} {
		reset(none, 400, "error", "invalid_identifier")
	}
	counted(1, 1)
	take()
	reset("", 200, "message", "All rate limits have been reset")
	counted(0, 0)
	for _, c := range []struct{ method, target string }{
		{http.MethodGet, "/api/v1/rate-limit/status"}, {http.MethodPost, "/api/v1/rate-limit/reset"}, {http.MethodPost, "/api/v1/rate-limit/reset/ip:192.0.2.1"},
	} {
		for who, want := range map[string]int{"ann": 403, "admin": 403, "": 401} {
			if got, _, body := ask(t, a, c.method, c.target, who, "192.0.2.1"); got != want {
				t.Errorf("%s by %q: %d %v", c.target, who, got, body)
			}
		}
	}
}

// broken are counters of a store that is away.
type broken struct{ rate.Counters }

var errAway = errors.New("away")

func (broken) Count(context.Context, []byte, int, time.Duration) (used, full int, err error) {
	return 0, 0, errAway
}

func (broken) Clear(context.Context, []byte) (int, error) { return 0, errAway }

func TestStoreIsAway(t *testing.T) {
	t.Parallel()
	a := control(t, rate.New(rate.Options{Shared: broken{rate.NewLocal(0)}}), "100/s")
	for _, c := range []struct{ method, target string }{
		{http.MethodGet, "/api/v1/rate-limit/status"}, {http.MethodPost, "/api/v1/rate-limit/reset"}, {http.MethodPost, "/api/v1/rate-limit/reset/ip:192.0.2.1"},
	} {
		status, header, body := ask(t, a, c.method, c.target, "root", "192.0.2.1")
		if status != http.StatusServiceUnavailable || body["type"] != "urn:fairway:problem:store_unavailable" || header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", c.target, status, body)
		}
	}
}

// TestRefusalOfOAuth is what clients of OAuth2 read of a refusal: the bare error of RFC 6749.
func TestRefusalOfOAuth(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/auth/oauth2/token", "/auth/oauth2/revoke", "/auth/oauth2/introspect", "/api/v1/oauth/token"} {
		a := control(t, rate.New(rate.Options{}), "1/d by address")
		ask(t, a, http.MethodPost, path, "", "192.0.2.1")
		status, header, body := ask(t, a, http.MethodPost, path, "", "192.0.2.1")
		want := map[string]any{"error": "temporarily_unavailable", "error_description": rate.Detail}
		if d := cmp.Diff(want, body); d != "" || status != 429 || header.Get("Content-Type") != "application/json" || header.Get("Retry-After") == "" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %v: %s", path, status, header, d)
		}
	}
}
