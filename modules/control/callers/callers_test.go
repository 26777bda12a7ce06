package callers_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

type checked map[string]*tokens.Access

func (c checked) Check(_ context.Context, token string) (*tokens.Access, error) {
	if a := c[token]; a != nil {
		return a, nil
	}
	if token == "broken" {
		return nil, errors.New("no store")
	}
	return nil, &tokens.RefusedError{Reason: tokens.Revoked}
}

func basic(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

func TestIdentify(t *testing.T) {
	t.Parallel()
	ann := tokens.User{ID: "1", Email: "ann@example.org", Role: "USER", Active: true}
	password := func(_ context.Context, a passwords.Attempt) (tokens.User, error) {
		switch {
		case a.User == "busy":
			return tokens.User{}, &passwords.BusyError{RetryAfter: time.Second}
		case a.User == "often":
			return tokens.User{}, &throttle.DelayedError{RetryAfter: time.Minute}
		case a.User == "down":
			return tokens.User{}, errors.New("no store")
		case a.Password != "right" || a.From.String() != "192.0.2.7":
			return tokens.User{}, passwords.ErrWrong
		case a.User == "gone":
			return tokens.User{ID: "2"}, nil
		}
		return ann, nil
	}
	c := callers.New(password, checked{"good": {ID: "t", User: ann, Scopes: []string{"users:read"}}}, func(*http.Request) string { return "192.0.2.7" }, nil)
	for _, one := range []struct {
		name   string
		header http.Header
		user   string
		scopes string
		reason tokens.Reason
		fails  bool
	}{
		{name: "nobody", header: http.Header{}},
		{name: "an empty header", header: http.Header{"Authorization": {""}}},
		{name: "a password", header: http.Header{"Authorization": {basic("ann:right")}}, user: "1", scopes: "all"},
		{name: "a password, scheme in capitals", header: http.Header{"Authorization": {"BASIC " + strings.TrimPrefix(basic("ann:right"), "Basic ")}}, user: "1", scopes: "all"},
		{name: "a wrong password", header: http.Header{"Authorization": {basic("ann:wrong")}}, reason: callers.BadCredentials},
		{name: "an inactive user is as wrong as a password", header: http.Header{"Authorization": {basic("gone:right")}}, reason: callers.BadCredentials},
		{name: "no colon", header: http.Header{"Authorization": {basic("ann")}}, reason: callers.BadCredentials},
		{name: "no base64", header: http.Header{"Authorization": {"Basic !!!"}}, reason: callers.BadCredentials},
		{name: "too long", header: http.Header{"Authorization": {basic("ann:" + strings.Repeat("x", 5000))}}, reason: callers.BadCredentials},
		{name: "two headers", header: http.Header{"Authorization": {basic("ann:right"), "Bearer good"}}, reason: tokens.Invalid},
		{name: "another scheme", header: http.Header{"Authorization": {"Digest x"}}, reason: tokens.Invalid},
		{name: "a token", header: http.Header{"Authorization": {"Bearer good"}}, user: "1", scopes: "users:read"},
		{name: "a token where RelengAPI's clients put it", header: http.Header{"Authentication": {"Bearer good"}}, user: "1", scopes: "users:read"},
		{name: "a revoked token", header: http.Header{"Authorization": {"Bearer bad"}}, reason: tokens.Revoked},
		{name: "no token", header: http.Header{"Authorization": {"Bearer"}}, reason: tokens.Invalid},
		{name: "too many attempts", header: http.Header{"Authorization": {basic("often:x")}}, reason: callers.TooMany},
		{name: "too much to do", header: http.Header{"Authorization": {basic("busy:x")}}, reason: callers.Busy},
		{name: "a store that fails, with a password", header: http.Header{"Authorization": {basic("down:x")}}, fails: true},
		{name: "a store that fails, with a token", header: http.Header{"Authorization": {"Bearer broken"}}, fails: true},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header = one.header
			got, err := c.Identify(r)
			var no *callers.RefusedError
			switch {
			case one.fails:
				if err == nil || errors.As(err, &no) {
					t.Errorf("%v", err)
				}
				return
			case one.reason != "":
				if !errors.As(err, &no) || no.Reason != one.reason {
					t.Errorf("%v, want %s", err, one.reason)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			user, scopes := "", ""
			if got != nil {
				user, scopes = got.ID, strings.Join(got.Scopes, " ")
			}
			if d := cmp.Diff([]string{one.user, one.scopes}, []string{user, scopes}); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	page := httptest.NewRequest(http.MethodGet, "/", nil)
	script := httptest.NewRequest(http.MethodGet, "/", nil)
	script.Header.Set("Sec-Fetch-Mode", "cors")
	for _, one := range []struct {
		e          callers.RefusedError
		r          *http.Request
		status     int
		challenges int
	}{
		{callers.RefusedError{Reason: tokens.Missing}, page, 401, 2},
		{callers.RefusedError{Reason: tokens.Missing}, script, 401, 1},
		{callers.RefusedError{Reason: tokens.Expired}, page, 401, 1},
		{callers.RefusedError{Reason: callers.BadCredentials}, page, 401, 1},
		{callers.RefusedError{Reason: callers.NoScope, Scope: "a"}, page, 403, 1},
		{callers.RefusedError{Reason: callers.TooMany}, page, 429, 0},
		{callers.RefusedError{Reason: callers.Busy}, page, 503, 0},
	} {
		if got := len(one.e.Challenges(one.r)); one.e.Status() != one.status || got != one.challenges || one.e.Error() == "" {
			t.Errorf("%s: %d, %d challenges, want %d, %d", one.e.Reason, one.e.Status(), got, one.status, one.challenges)
		}
	}
}

func TestScopesAndNames(t *testing.T) {
	t.Parallel()
	var nobody *callers.Caller
	some := &callers.Caller{User: tokens.User{ID: "7"}, Scopes: []string{"a", "b"}}
	program := &callers.Caller{Scopes: []string{"all"}, Token: &tokens.Access{ID: "t1"}}
	if nobody.Has("a") || !nobody.Has() || !some.Has("a", "b") || some.Has("a", "c") || !program.Has("whatever") {
		t.Error("scopes")
	}
	if nobody.Name() != "anonymous" || some.Name() != "user:7" || program.Name() != "token:t1" {
		t.Error("names", nobody.Name(), some.Name(), program.Name())
	}
	if p := nobody.Permit(); p.User != "" || p.Active {
		t.Error("a nobody has permissions")
	}
}

// TestScriptsAreNoUsers: the token of an attempt is good where somebody has said so, and in no service.
func TestScriptsAreNoUsers(t *testing.T) {
	t.Parallel()
	run := &tokens.Run{ID: uuid.New(), Execution: uuid.New()}
	c := callers.New(nil, checked{"fw_run_x": {ID: run.ID.String(), Run: run}}, func(*http.Request) string { return "192.0.2.7" }, nil)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer fw_run_x")
	var no *callers.RefusedError
	if _, err := c.Identify(r); !errors.As(err, &no) || no.Reason != tokens.Invalid {
		t.Error(err)
	}
	if u, p := callers.Gate(c.Identify).Identify(r, nil); u != nil || p.Status != http.StatusUnauthorized {
		t.Error(u, p)
	}
	got, err := c.WithScripts().Identify(r)
	if err != nil || got.Run() != run || got.Name() != "attempt:"+run.ID.String() || got.Has("execution:read") {
		t.Fatal(got, err)
	}
	p := got.Permit()
	if p.Execution != run.Execution.String() || p.User != "" || p.Program || len(p.Scopes) > 0 {
		t.Errorf("%+v", p)
	}
}
