package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
)

// people identifies callers by the word in Authorization.
type people map[string]*callers.Caller

func (p people) Identify(r *http.Request) (*callers.Caller, error) {
	word := r.Header.Get("Authorization")
	if word == "" {
		return nil, nil
	}
	if c := p[word]; c != nil {
		return c, nil
	}
	return nil, &callers.RefusedError{Reason: tokens.Expired}
}

// serving gives an API whose handlers answer with their operation and what their path names.
func serving(t *testing.T) *api.API {
	t.Helper()
	user := func(id, role string, scopes ...string) *callers.Caller {
		return &callers.Caller{User: tokens.User{ID: id, Role: role, Active: true, Regular: true}, Scopes: scopes}
	}
	a := api.New(permit.New(), people{
		"ann": user("ann", "USER", "all"), "ben": user("ben", "USER", "all"), "root": user("root", "SUPERADMIN", "all"),
		"program": {User: tokens.User{ID: "ann", Role: "USER", Active: true, Regular: true}, Scopes: []string{"all"}, Token: &tokens.Access{}},
		"reader":  user("ann", "USER", "tokens:read"),
	}, api.Options{RequestID: func(*http.Request) string { return "r1" }})
	for _, op := range a.Table().Operations() {
		a.HandleFunc(op.ID, func(w http.ResponseWriter, r *http.Request) {
			api.Answer(w, http.StatusOK, map[string]any{"did": op.ID, "to": api.TargetOf(r).Value})
		})
	}
	for _, v := range []string{"user", "team", "client", "token", "session", "script", "execution", "schedule", "webhook", "hook"} {
		a.Resolve(v, func(_ context.Context, value string, _ *callers.Caller) (api.Target, error) {
			if value == "nobody" {
				return api.Target{}, api.ErrNotFound
			}
			return api.Target{Object: permit.Object{Owners: []string{value}, Role: permit.User}, Value: value}, nil
		})
	}
	if err := a.Seal(); err != nil {
		t.Fatal(err)
	}
	return a
}

func ask(a *api.API, method, target, who string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	if who != "" {
		r.Header.Set("Authorization", who)
	}
	w := httptest.NewRecorder()
	if !a.Serves(r) {
		w.WriteHeader(http.StatusTeapot)
		return w.Result()
	}
	a.ServeHTTP(w, r)
	return w.Result()
}

func TestEnforcement(t *testing.T) {
	t.Parallel()
	a := serving(t)
	for _, c := range []struct {
		method, target, who string
		status              int
		did                 string
	}{
		{"POST", "/auth", "", 200, "auth.login"},
		{"POST", "/auth/", "", 200, "auth.login"},
		{"POST", "/auth", "nobody we know", 200, "auth.login"},
		{"GET", "/api/v1/tokens", "", 401, ""},
		{"GET", "/api/v1/tokens", "nobody we know", 401, ""},
		{"GET", "/api/v1/tokens", "ann", 200, "tokens.list"},
		{"GET", "/api/v1/tokens/", "ann", 200, "tokens.list"},
		{"GET", "/api/v1/tokens/ann", "ann", 200, "tokens.get"},
		{"GET", "/api/v1/tokens/ann", "root", 200, "tokens.get"},
		{"GET", "/api/v1/tokens/ann", "ben", 404, ""},
		{"GET", "/api/v1/tokens/nobody", "ann", 404, ""},
		{"DELETE", "/api/v1/tokens/ann", "reader", 403, ""},
		{"GET", "/api/v1/tokens/ann", "reader", 200, "tokens.get"},
		{"PUT", "/api/v1/tokens", "ann", 405, ""},
		{"POST", "/api/v1/email", "ann", 403, ""},
		{"POST", "/email", "root", 200, "mail.send"},
		{"GET", "/nothing", "root", 418, ""},
		{"GET", "/api/v1//tokens", "root", 418, ""},
		{"GET", "/api/v1/../v1/tokens", "root", 418, ""},
	} {
		t.Run(c.method+" "+c.target+" by "+c.who, func(t *testing.T) {
			t.Parallel()
			resp := ask(a, c.method, c.target, c.who)
			defer resp.Body.Close()
			var body struct{ Did string }
			_ = json.NewDecoder(resp.Body).Decode(&body)
			if resp.StatusCode != c.status || !strings.HasPrefix(body.Did, c.did) || (c.did == "") != (body.Did == "") {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, body.Did, c.status, c.did)
			}
			if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == "" {
				t.Error("a 401 without a challenge")
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	a := serving(t)
	for _, c := range []struct {
		target, who string
		status      int
		allow       string
	}{
		{"/api/v1/users", "", 204, "POST, OPTIONS"},
		{"/api/v1/users/1", "", 401, ""},
		{"/api/v1/users/ann", "ann", 204, "GET, PATCH, OPTIONS"},
		{"/api/v1/users/ben/", "ann", 204, "OPTIONS"},
		{"/api/v1/teams/ann", "ann", 204, "GET, PATCH, DELETE, OPTIONS"},
		{"/api/v1/users/ann", "nobody we know", 401, ""},
	} {
		resp := ask(a, http.MethodOptions, c.target, c.who)
		resp.Body.Close()
		if resp.StatusCode != c.status || resp.Header.Get("Allow") != c.allow {
			t.Errorf("%s by %q: %d %q, want %d %q", c.target, c.who, resp.StatusCode, resp.Header.Get("Allow"), c.status, c.allow)
		}
	}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	a := serving(t)
	for _, c := range []struct {
		method, target, who string
		want                map[string]any
	}{
		{"GET", "/api/v1/user", "late", map[string]any{
			"type": "about:blank", "title": "Unauthorized", "status": 401., "detail": "Token has expired", "instance": "/api/v1/user", "request_id": "r1",
			"msg": "Token has expired", "message": "Token has expired", "error": "token_expired",
		}},
		{"GET", "/api/v1/users/", "", map[string]any{
			"type": "about:blank", "title": "Unauthorized", "status": 401., "detail": "Authorization token required", "instance": "/api/v1/users/", "request_id": "r1",
			"message": "The server could not verify that you are authorized to access the URL requested. You either supplied the wrong credentials (e.g. a bad password), or your browser doesn't understand how to supply the credentials required.",
		}},
		{"GET", "/api/v1/tokens/ann", "ben", map[string]any{
			"type": "about:blank", "title": "Not Found", "status": 404., "detail": "There is nothing of that name.", "instance": "/api/v1/tokens/ann", "request_id": "r1",
		}},
	} {
		resp := ask(a, c.method, c.target, c.who)
		var got map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s %s: %s", c.method, c.target, d)
		}
	}
}

// TestStoreAway holds that a store that does not answer is no defect of the gateway's, and that other errors are.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	for want, cause := range map[int]error{
		http.StatusServiceUnavailable:  &queries.UnavailableError{Err: io.EOF},
		http.StatusInternalServerError: errors.New("a wrong statement"),
	} {
		told := api.Tell(t.Context(), fmt.Errorf("looking: %w", cause))
		if retry := told.GetHeaders().Get("Retry-After"); told.GetStatus() != want || (want == 503) != (retry == "1") {
			t.Errorf("%v: %d, Retry-After %q", cause, told.GetStatus(), retry)
		}
	}
}

func TestSealNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	a := api.New(permit.New(), people{}, api.Options{})
	a.Handle("no.such", http.NotFoundHandler())
	err := a.Seal()
	if err == nil || !strings.Contains(err.Error(), "no.such") || !strings.Contains(err.Error(), "auth.login") {
		t.Errorf("%v", err)
	}
}

// TestForgedRequests: a page of another site cannot use a password that a browser remembers.
func TestForgedRequests(t *testing.T) {
	t.Parallel()
	a := serving(t)
	for _, c := range []struct {
		method, who, site, allowed string
		status                     int
	}{
		{"POST", "ann", "cross-site", "", 403},
		{"POST", "ann", "same-site", "", 403},
		{"POST", "ann", "same-origin", "", 200},
		{"POST", "ann", "none", "", 200},
		{"POST", "ann", "", "", 200},
		{"GET", "ann", "cross-site", "", 200},
		{"POST", "ann", "cross-site", "https://app.example.org", 200},
		{"POST", "program", "cross-site", "", 200},
	} {
		r := httptest.NewRequest(c.method, "/api/v1/tokens", nil)
		r.Header.Set("Authorization", c.who)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		if c.allowed != "" {
			w.Header().Set("Access-Control-Allow-Origin", c.allowed)
		}
		if a.ServeHTTP(w, r); w.Code != c.status {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
}

// TestWithoutAnAPI: who has the paths alone fails in the dialect of each.
func TestWithoutAnAPI(t *testing.T) {
	t.Parallel()
	paths := api.PathsOf(permit.New(), api.Options{RequestID: func(*http.Request) string { return "r1" }})
	for target, members := range map[string][]string{"/auth/": {"msg", "message"}, "/api/v1/users": {"message"}, "/api/v1/tokens/7": nil} {
		r := httptest.NewRequest(http.MethodPost, target, nil)
		w := httptest.NewRecorder()
		if !paths.Serve(r) {
			t.Fatal(target)
		}
		paths.Fail(w, r, api.Failure{Type: "store_unavailable", Status: http.StatusServiceUnavailable, Detail: "Not now", RetryAfter: time.Second})
		want := map[string]any{
			"type": "urn:fairway:problem:store_unavailable", "title": "Service Unavailable", "status": 503., "detail": "Not now",
			"instance": target, "request_id": "r1", "retry_after": 1.,
		}
		for _, m := range members {
			want[m] = "Not now"
		}
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" || w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s", target, w.Code, d)
		}
	}
	if paths.Serve(httptest.NewRequest(http.MethodGet, "/nothing", nil)) {
		t.Error("a path of nobody")
	}
}
