package callers

import (
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// Reasons beside those of package tokens.
const (
	// BadCredentials says that user or password is wrong, or nothing that could be either.
	BadCredentials tokens.Reason = "bad_credentials"
	// TooMany says that passwords were tried too often. It is a 429.
	TooMany tokens.Reason = "too_many_attempts"
	// Busy says that too many passwords are being checked. It is a 503.
	Busy tokens.Reason = "busy"
	// NoScope says that the token has not the scope. It is a 403.
	NoScope tokens.Reason = "insufficient_scope"
)

// RefusedError says that a caller is not let in.
type RefusedError struct {
	Reason tokens.Reason
	// RetryAfter is when to come back, where the reason is TooMany or Busy.
	RetryAfter time.Duration
	// Scope is what is missing, where the reason is NoScope.
	Scope string
}

// Error is a sentence for the caller.
func (e *RefusedError) Error() string {
	switch e.Reason { //nolint:exhaustive // the others are alike
	case BadCredentials:
		return "Bad username or password"
	case TooMany:
		return "Too many attempts. Please try again later."
	case Busy:
		return "Too many passwords are being checked. Please try again later."
	case NoScope:
		return "Insufficient scope. Required: " + e.Scope
	}
	return (&tokens.RefusedError{Reason: e.Reason}).Error()
}

// Status is that of the answer: 401, 403, 429 or 503.
func (e *RefusedError) Status() int {
	switch e.Reason { //nolint:exhaustive // the others are alike
	case TooMany:
		return http.StatusTooManyRequests
	case Busy:
		return http.StatusServiceUnavailable
	case NoScope:
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

// Challenges are the values of WWW-Authenticate for the answer to r; nil where its status has none. Who came with a token, or
// with nothing from a script in a browser, is not asked for a password: the browser would ask its user.
func (e *RefusedError) Challenges(r *http.Request) []string {
	switch e.Reason { //nolint:exhaustive // the others are alike
	case TooMany, Busy:
		return nil
	case NoScope:
		return []string{`Bearer realm="fairway", error="insufficient_scope", scope="` + e.Scope + `"`}
	case BadCredentials:
		return []string{basicChallenge}
	case tokens.Missing:
		if r.Header.Get("Sec-Fetch-Mode") != "" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			return []string{`Bearer realm="fairway"`}
		}
		return []string{`Bearer realm="fairway"`, basicChallenge}
	}
	return []string{`Bearer realm="fairway", error="invalid_token"`}
}

const basicChallenge = `Basic realm="fairway", charset="UTF-8"`
