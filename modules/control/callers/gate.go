package callers

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

// Gate lets callers of services and sites in. It is Callers.Identify, or something that opens the store first: an error that is
// no *RefusedError means that the store does not answer.
type Gate func(r *http.Request) (*Caller, error)

// storeRetry is when to come back where the store does not answer.
const storeRetry = 2 * time.Second

// Identify says who shows credentials with r, if it has all of the scopes; else the problem is the answer, also to who shows
// nothing.
func (g Gate) Identify(r *http.Request, scopes []string) (*identity.User, *problem.Problem) {
	c, err := g(r)
	if err == nil && c == nil {
		err = &RefusedError{Reason: tokens.Missing}
	}
	if err != nil {
		return nil, Refusal(r, err)
	}
	if p := Permitted(r, c.Scopes, scopes); p != nil {
		return nil, p
	}
	return c.Identity(), nil
}

// Permitted gives the problem of who has not all of the wanted scopes, else nil.
func Permitted(r *http.Request, has, wanted []string) *problem.Problem {
	if len(wanted) == 0 || slices.Contains(has, permit.All) {
		return nil
	}
	if !slices.ContainsFunc(wanted, func(s string) bool { return !slices.Contains(has, s) }) {
		return nil
	}
	return Refusal(r, &RefusedError{Reason: NoScope, Scope: strings.Join(wanted, " ")})
}

// Identity is the caller as services and backends know it.
func (c *Caller) Identity() *identity.User {
	u := &identity.User{
		Key: c.Name(), ID: c.ID, Number: c.Number, User: c.Username, Email: c.Email, Name: c.User.Name, Role: c.Role,
		Scopes: c.Scopes, ByToken: c.Token != nil,
	}
	if c.Token != nil {
		u.Client = c.Token.Client
	}
	if u.User == "" || strings.Contains(u.User, "@") { // nobody's name is somebody else's address
		u.User = c.Email
	}
	return u
}

// Refusal is what a caller is answered whom Identify gave an error.
func Refusal(r *http.Request, err error) *problem.Problem {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return &problem.Problem{
			Code: problem.StoreUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: storeRetry, Cause: err,
			Detail: "Who calls cannot be found out, since the store of users does not answer.",
		}
	}
	p := &problem.Problem{Status: refused.Status(), RetryAfter: refused.RetryAfter}
	p.Code, p.Detail = described(refused)
	if values := refused.Challenges(r); len(values) > 0 {
		p.Header = http.Header{"Www-Authenticate": values}
	}
	return p
}

// described gives code and sentence of a refusal.
func described(e *RefusedError) (code, detail string) {
	switch e.Reason {
	case tokens.Missing:
		return problem.NoCredentials, "Only users may call: send HTTP Basic credentials or a Bearer token."
	case BadCredentials:
		return problem.BadCredentials, "The user or the password is wrong."
	case tokens.Expired:
		return problem.TokenExpired, "The token has expired."
	case tokens.Revoked:
		return problem.TokenRevoked, "The token has been revoked."
	case tokens.Inactive:
		return problem.UserInactive, "The user of the token is not active."
	case NoScope:
		return problem.InsufficientScope, "The token has not all of the scopes that are needed: " + e.Scope + "."
	case TooMany:
		return problem.TooManyAttempts, "Passwords were tried too often; try again later."
	case Busy:
		return problem.Busy, "Too many passwords are being checked; try again soon."
	case tokens.Invalid:
	}
	return problem.InvalidToken, "The token is not valid here."
}
