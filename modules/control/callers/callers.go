// Package callers says who calls: whose HTTP Basic credentials, or whose token, a request shows.
//
// It is asked for every request of a service with `callers users`, of the control API, and of plain Caddy routes behind our
// authentication provider, and gives the same answer to all.
package callers

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// Caller is who calls. It may be shared by requests: change nothing of it.
type Caller struct {
	// User is as whom the caller acts. Its ID is empty where a program's token is nobody's.
	tokens.User
	// Scopes bound what the caller may do. Who shows a password has permit.All.
	Scopes []string
	// Token is what was shown; nil: a password was.
	Token *tokens.Access
}

// Permit is the caller as permissions are asked of him. A nil Caller is anonymous.
func (c *Caller) Permit() permit.Caller {
	if c == nil {
		return permit.Caller{}
	}
	if run := c.Run(); run != nil {
		return permit.Caller{Execution: run.Execution.String()}
	}
	return permit.Caller{
		User: c.ID, Role: permit.Role(c.Role), Active: c.Active, Regular: c.Regular, Internal: c.Internal, Scopes: c.Scopes,
		Program: c.ID == "" && c.Token != nil && c.Token.ByAPIToken,
	}
}

// IsAdmin says whether the caller is an administrator, who sees everything. A nil Caller is not.
func (c *Caller) IsAdmin() bool { return c != nil && permit.Role(c.Role).Staff() }

// Run is the attempt whose script calls, nil: another one does.
func (c *Caller) Run() *tokens.Run {
	if c == nil || c.Token == nil {
		return nil
	}
	return c.Token.Run
}

// Has says whether the caller has all of the scopes, each by itself or by permit.All. A nil Caller has none.
func (c *Caller) Has(scopes ...string) bool {
	if c == nil {
		return len(scopes) == 0
	}
	if slices.Contains(c.Scopes, permit.All) {
		return true
	}
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) {
			return false
		}
	}
	return true
}

// Name is what logs and limits call him: user:<id>, attempt:<id> of a script, or client:<id> and token:<id> of programs that act as
// nobody.
func (c *Caller) Name() string {
	switch {
	case c == nil:
		return "anonymous"
	case c.ID != "":
		return "user:" + c.ID
	case c.Run() != nil:
		return "attempt:" + c.Token.ID
	case c.Token != nil && c.Token.Client != "":
		return "client:" + c.Token.Client
	case c.Token != nil:
		return "token:" + c.Token.ID
	}
	return "anonymous"
}

// Passwords says whose a password is. Its errors are those of passwords.Checker.Check.
type Passwords func(ctx context.Context, a passwords.Attempt) (tokens.User, error)

// ByChecker makes Passwords of a checker; user gives the user of an account.
func ByChecker[A any](c *passwords.Checker[A], user func(A) tokens.User) Passwords {
	return func(ctx context.Context, a passwords.Attempt) (tokens.User, error) {
		account, err := c.Check(ctx, a)
		if err != nil {
			return tokens.User{}, err
		}
		return user(account), nil
	}
}

// Tokens says whose a token is. *tokens.Authority does.
type Tokens interface {
	Check(ctx context.Context, token string) (*tokens.Access, error)
}

// Callers identifies callers. It is used concurrently.
type Callers struct {
	passwords Passwords
	tokens    Tokens
	address   func(*http.Request) string
	log       *slog.Logger
	all       []string // the scopes of who has shown a password
	scripts   bool
}

// WithScripts gives Callers who let scripts in that show the token of their attempt. Others do not: it is good for the control API alone.
func (c *Callers) WithScripts() *Callers {
	out := *c
	out.scripts = true
	return &out
}

// New makes Callers. Address says where a request comes from; log may be nil.
func New(p Passwords, t Tokens, address func(*http.Request) string, log *slog.Logger) *Callers {
	return &Callers{passwords: p, tokens: t, address: address, log: cmp.Or(log, slog.New(slog.DiscardHandler)), all: []string{permit.All}}
}

const (
	// longestBasic is the longest Basic credentials that are looked at, in bytes: a user of 256 and a password of 1024, encoded.
	longestBasic = 4096
	// legacyHeader is where clients of RelengAPI put a token before Authorization was right.
	legacyHeader = "Authentication"
)

// Identify says who shows credentials with r: nil where nobody does. An error that is a *RefusedError is the caller's fault or
// says to come back; any other is the store's.
func (c *Callers) Identify(r *http.Request) (*Caller, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		if values = r.Header[legacyHeader]; len(values) == 0 {
			return nil, nil
		}
		c.log.WarnContext(r.Context(), "a caller shows a token in the header Authentication, which is called Authorization now")
	}
	if len(values) > 1 {
		return nil, &RefusedError{Reason: tokens.Invalid}
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	switch {
	case values[0] == "":
		return nil, nil
	case strings.EqualFold(scheme, "Basic"):
		return c.basic(r, strings.TrimSpace(rest))
	case strings.EqualFold(scheme, "Bearer"):
		return c.bearer(r.Context(), values[0])
	}
	return nil, &RefusedError{Reason: tokens.Invalid}
}

func (c *Callers) basic(r *http.Request, encoded string) (*Caller, error) {
	wrong := &RefusedError{Reason: BadCredentials}
	if len(encoded) > longestBasic {
		return nil, wrong
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, wrong
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok {
		return nil, wrong
	}
	from, _ := netip.ParseAddr(c.address(r)) // what is no address is one like others
	account, err := c.passwords(r.Context(), passwords.Attempt{User: user, Password: password, From: from})
	if err != nil {
		return nil, refusal(err)
	}
	if !account.Active {
		return nil, wrong
	}
	return &Caller{User: account, Scopes: c.all}, nil
}

// refusal tells a caller's fault from the store's.
func refusal(err error) error {
	if errors.Is(err, passwords.ErrWrong) {
		return &RefusedError{Reason: BadCredentials}
	}
	if busy, ok := errors.AsType[*passwords.BusyError](err); ok {
		return &RefusedError{Reason: Busy, RetryAfter: busy.RetryAfter}
	}
	if delayed, ok := errors.AsType[*throttle.DelayedError](err); ok {
		return &RefusedError{Reason: TooMany, RetryAfter: delayed.RetryAfter}
	}
	return fmt.Errorf("checking a password: %w", err)
}

func (c *Callers) bearer(ctx context.Context, value string) (*Caller, error) {
	token, err := tokens.Bearer(http.Header{"Authorization": {value}})
	if err == nil {
		var access *tokens.Access
		if access, err = c.tokens.Check(ctx, token); err == nil {
			if access.Run != nil && !c.scripts {
				return nil, &RefusedError{Reason: tokens.Invalid}
			}
			return &Caller{User: access.User, Scopes: access.Scopes, Token: access}, nil
		}
	}
	if no, ok := errors.AsType[*tokens.RefusedError](err); ok {
		return nil, &RefusedError{Reason: no.Reason}
	}
	return nil, fmt.Errorf("checking a token: %w", err)
}
