package grant

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// owner is whose word a request to the endpoint stands on, and so whose fault a refusal is.
type owner int

const (
	ofUser    owner = iota // a name and a password
	ofSession              // a refresh token
	ofClient               // the client alone
)

// codes are the errors that are told by their name (RFC 6749, section 5.2, OpenID Connect and what the usual servers add). A
// server may write anything into the field, what it was sent too, so other words stay untold.
func codes() []string {
	return []string{
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "server_error", "temporarily_unavailable", "invalid_target", "slow_down", "too_many_attempts",
		"interaction_required", "login_required", "consent_required", "mfa_required", "password_expired",
	}
}

// refusal says what an error of the endpoint means. The servers differ in status and word: a wrong password is 400 invalid_grant by
// the standard, 401 invalid_grant at Keycloak, 403 invalid_grant at Auth0, and 401 access_denied at Dex.
func refusal(resp *http.Response, a *answer, of owner) *session.LoginError {
	code := a.code
	if !slices.Contains(codes(), code) {
		code = ""
	}
	said := strconv.Itoa(resp.StatusCode)
	if code != "" {
		said += " " + code
	}
	e := &session.LoginError{Kind: session.Unavailable, Err: errors.New("the token endpoint answered " + said)}
	switch code {
	case "invalid_grant":
		if of == ofUser {
			e.Kind = session.BadCredentials
			return e
		}
	case "access_denied":
		switch {
		case of != ofUser:
		case resp.StatusCode == http.StatusForbidden:
			e.Kind = session.NotAllowed
			return e
		default:
			e.Kind = session.BadCredentials
			return e
		}
	case "mfa_required", "interaction_required":
		if of == ofUser {
			e.Kind = session.MFARequired
			return e
		}
	case "invalid_client":
		if of == ofClient {
			e.Kind = session.BadCredentials
		}
		e.Detail = "The token endpoint does not accept the gateway's own client (invalid_client)"
		return e
	case "temporarily_unavailable", "slow_down", "too_many_attempts":
		e.RetryAfter = retryAfter(resp.Header)
	}
	e.Detail = "The token endpoint refused (" + said + ")"
	return e
}

// busy is an answer of a server that cannot answer now.
func busy(resp *http.Response) *session.LoginError {
	e := unavailable(fmt.Sprintf("The token endpoint answered %d", resp.StatusCode), nil)
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		e.RetryAfter = retryAfter(resp.Header)
	}
	return e
}

func unavailable(detail string, err error) *session.LoginError {
	return &session.LoginError{Kind: session.Unavailable, Detail: detail, Err: err}
}

// broken is an exchange without an answer. net/http's errors may quote what a server sent, which may be what it was sent: only
// those that do not are kept.
func broken(ctx context.Context, err error) *session.LoginError {
	detail := "The token endpoint cannot be reached"
	slow, ok := errors.AsType[net.Error](err)
	switch {
	case ctx.Err() != nil:
		return unavailable("The token endpoint gave no answer in time", ctx.Err())
	case errors.Is(err, context.DeadlineExceeded), ok && slow.Timeout():
		return unavailable("The token endpoint gave no answer in time", context.DeadlineExceeded)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return unavailable(detail, io.ErrUnexpectedEOF)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return unavailable(detail, op)
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return unavailable("The token endpoint's certificate is not trusted", untrusted)
	}
	return unavailable(detail, errors.New("the connection broke, or the answer is not HTTP"))
}

// What a server may ask to wait for.
const (
	shortestWait = time.Second
	longestWait  = time.Hour
)

// retryAfter reads the header of that name (RFC 9110, section 10.2.3).
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(max(time.Duration(seconds)*time.Second, shortestWait), longestWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), shortestWait), longestWait)
	}
	return shortestWait
}
