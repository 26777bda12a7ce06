package callers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

func ann() tokens.User {
	return tokens.User{ID: "a1", Number: 7, Email: "ann@example.org", Username: "ann", Name: "Ann", Role: "ADMIN", Active: true}
}

// TestGateRefuses answers each reason as services do.
func TestGateRefuses(t *testing.T) {
	t.Parallel()
	const both = `Bearer realm="fairway" | Basic realm="fairway", charset="UTF-8"`
	const invalid = `Bearer realm="fairway", error="invalid_token"`
	token := &Caller{User: ann(), Scopes: []string{"a"}, Token: &tokens.Access{}}
	for name, c := range map[string]struct {
		caller     *Caller
		err        error
		scopes     []string
		status     int
		code       string
		challenges string
		retry      time.Duration
	}{
		"nobody":          {nil, nil, nil, 401, problem.NoCredentials, both, 0},
		"a password":      {nil, &RefusedError{Reason: BadCredentials}, nil, 401, problem.BadCredentials, `Basic realm="fairway", charset="UTF-8"`, 0},
		"no token":        {nil, &RefusedError{Reason: tokens.Invalid}, nil, 401, problem.InvalidToken, invalid, 0},
		"an old token":    {nil, &RefusedError{Reason: tokens.Expired}, nil, 401, problem.TokenExpired, invalid, 0},
		"a revoked token": {nil, &RefusedError{Reason: tokens.Revoked}, nil, 401, problem.TokenRevoked, invalid, 0},
		"not active":      {nil, &RefusedError{Reason: tokens.Inactive}, nil, 401, problem.UserInactive, invalid, 0},
		"too often":       {nil, &RefusedError{Reason: TooMany, RetryAfter: 3 * time.Second}, nil, 429, problem.TooManyAttempts, "", 3 * time.Second},
		"too many":        {nil, &RefusedError{Reason: Busy, RetryAfter: time.Second}, nil, 503, problem.Busy, "", time.Second},
		"no store":        {nil, errors.New("dial tcp: hunter2"), nil, 503, problem.StoreUnavailable, "", storeRetry},
		"a scope":         {token, nil, []string{"a", "b"}, 403, problem.InsufficientScope, `Bearer realm="fairway", error="insufficient_scope", scope="a b"`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			u, p := Gate(func(*http.Request) (*Caller, error) { return c.caller, c.err }).Identify(r, c.scopes)
			if u != nil || p == nil {
				t.Fatal("let in", u)
			}
			challenges := strings.Join(p.Header["Www-Authenticate"], " | ")
			if p.Status != c.status || p.Code != c.code || challenges != c.challenges || p.RetryAfter != c.retry || p.Detail == "" {
				t.Errorf("%d %s %q %v %q", p.Status, p.Code, challenges, p.RetryAfter, p.Detail)
			}
			if strings.Contains(string(p.JSON("/", "id")), "hunter2") {
				t.Error("the answer tells of the inside")
			}
		})
	}
}

// TestGateLetsIn is whom services see.
func TestGateLetsIn(t *testing.T) {
	t.Parallel()
	nameless, taken := ann(), ann()
	nameless.Username = ""
	taken.Username = "bob@example.org"
	byPassword := identity.User{
		Key: "user:a1", ID: "a1", Number: 7, User: "ann", Email: "ann@example.org", Name: "Ann", Role: "ADMIN", Scopes: []string{permit.All},
	}
	byToken, byAddress := byPassword, byPassword
	byToken.Scopes, byToken.ByToken, byToken.Client = []string{"a", "b"}, true, "c"
	byAddress.User = "ann@example.org"
	for name, c := range map[string]struct {
		caller *Caller
		scopes []string
		want   identity.User
	}{
		"by a password":             {&Caller{User: ann(), Scopes: []string{permit.All}}, []string{"a", "anything"}, byPassword},
		"without a name":            {&Caller{User: nameless, Scopes: []string{permit.All}}, nil, byAddress},
		"with somebody's address":   {&Caller{User: taken, Scopes: []string{permit.All}}, nil, byAddress},
		"by a token":                {&Caller{User: ann(), Scopes: []string{"a", "b"}, Token: &tokens.Access{Client: "c"}}, []string{"b", "a"}, byToken},
		"a client that is nobody":   {&Caller{Token: &tokens.Access{Client: "c"}}, nil, identity.User{Key: "client:c", Client: "c", ByToken: true}},
		"a program that is nobody":  {&Caller{Scopes: []string{"a"}, Token: &tokens.Access{ID: "t"}}, []string{"a"}, identity.User{Key: "token:t", Scopes: []string{"a"}, ByToken: true}},
		"a token of every scope":    {&Caller{User: ann(), Scopes: []string{permit.All}, Token: &tokens.Access{}}, []string{"x"}, func() identity.User { u := byPassword; u.ByToken = true; return u }()},
		"a token without any scope": {&Caller{User: ann(), Token: &tokens.Access{}}, nil, func() identity.User { u := byPassword; u.ByToken, u.Scopes = true, nil; return u }()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, p := Gate(func(*http.Request) (*Caller, error) { return c.caller, nil }).Identify(httptest.NewRequest(http.MethodGet, "/", nil), c.scopes)
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(c.want, *u); diff != "" {
				t.Error(diff)
			}
		})
	}
}
