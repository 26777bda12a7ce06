package guard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

// known is a store with one user.
type known struct {
	user   *identity.User
	refuse *problem.Problem
}

// Identify implements wrap.Identifier.
func (k known) Identify(*http.Request, []string) (*identity.User, *problem.Problem) {
	return k.user, k.refuse
}

func guardOf(t *testing.T, k known, g Guard) *Guard {
	t.Helper()
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	g.known, g.metrics = k, observe.New().Callers("callers")
	t.Cleanup(func() {
		if err := g.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return &g
}

// asked is a request as Caddy hands it to handlers, with what a hostile caller sends.
func asked() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Authorization": {"Bearer s3cret"}, "Authentication": {"Bearer s3cret"}, "X-Forwarded-User": {"root"}, "X_forwarded_user": {"root"},
		"X.Forwarded.Email": {"root"}, "Remote-User": {"root"}, "Accept": {"*/*"}, "Connection": {"close, X-Forwarded-User, upgrade, x_forwarded_email"},
	}
	r.Trailer = http.Header{"X-Forwarded-User": nil, "Checksum": nil}
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
}

func TestGuardLetsIn(t *testing.T) {
	t.Parallel()
	ann := &identity.User{
		Key: "user:a1", ID: "a1", Number: 7, User: "ann", Email: "ann@example.org", Name: "Ann", Role: "ADMIN", Scopes: []string{"a", "b"}, ByToken: true,
	}
	for name, c := range map[string]struct {
		guard Guard
		want  http.Header
	}{
		"alone": {Guard{}, http.Header{"Accept": {"*/*"}}},
		"told": {Guard{Identity: []string{"x-forwarded-user", "X-Forwarded-Email", "Remote-Groups"}}, http.Header{
			"Accept": {"*/*"}, "X-Forwarded-User": {"ann"}, "X-Forwarded-Email": {"ann@example.org"}, "Remote-Groups": {"ADMIN"},
		}},
		"keeping": {Guard{KeepAuthorization: true}, http.Header{
			"Accept": {"*/*"}, "Authorization": {"Bearer s3cret"}, "Authentication": {"Bearer s3cret"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := httptest.NewRecorder(), asked()
			user, in, err := guardOf(t, known{user: ann}, c.guard).Authenticate(w, r)
			if err != nil || !in {
				t.Fatal(in, err)
			}
			c.want["Connection"] = []string{"close, upgrade"}
			if diff := cmp.Diff(c.want, r.Header); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(http.Header{"Checksum": nil}, r.Trailer); diff != "" {
				t.Error(diff)
			}
			want := map[string]string{
				"user": "ann", "email": "ann@example.org", "name": "Ann", "role": "ADMIN", "number": "7", "scopes": "a b", "client": "",
			}
			if diff := cmp.Diff(want, user.Metadata); diff != "" || user.ID != "a1" {
				t.Error(user.ID, diff)
			}
			if fairway.Known(r.Context()) != ann || request.Refused(r.Context()) != nil || len(w.Header()) > 0 {
				t.Error("what comes later does not know the caller", w.Header())
			}
		})
	}
}

// TestGuardRefuses leaves the problem for the error route, and says what headers can.
func TestGuardRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store  known
		failed bool
	}{
		"no token": {known{refuse: &problem.Problem{Status: 401, Code: problem.InvalidToken, Header: http.Header{"Www-Authenticate": {"Bearer"}}}}, false},
		"no store": {known{refuse: &problem.Problem{Status: 503, Code: problem.StoreUnavailable, RetryAfter: 1, Cause: context.Canceled}}, true},
		"no value": {known{user: &identity.User{Key: "k", User: "a\r\nX-Admin: 1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := httptest.NewRecorder(), asked()
			user, in, err := guardOf(t, c.store, Guard{Identity: []string{"X-Forwarded-User"}}).Authenticate(w, r)
			p := request.Refused(r.Context())
			if in || (err != nil) != c.failed || user.ID != "" || p == nil || fairway.Known(r.Context()) != nil {
				t.Fatal(in, err, user, p)
			}
			if c.store.refuse != nil && p != c.store.refuse {
				t.Error(p)
			}
			if p.RetryAfter > 0 && w.Header().Get("Retry-After") != "1" || p.Status == 401 && w.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Error(w.Header())
			}
		})
	}
}

func TestGuardCheck(t *testing.T) {
	t.Parallel()
	for want, g := range map[string]Guard{
		"is no scope":        {Scopes: []string{"a b"}},
		"is there twice":     {Identity: []string{"X-Forwarded-User", "x-forwarded-user"}},
		"no identity header": {Identity: []string{"X-Employee"}},
		"could log in with":  {Identity: []string{"X-Forwarded-Access-Token"}},
		"nobody knows":       {Identity: []string{"Client-Cert"}},
	} {
		if err := g.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
