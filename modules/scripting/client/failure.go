package client

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Error is a gateway's refusal.
type Error struct {
	// Status is that of HTTP.
	Status int
	// Detail is the gateway's sentence. It may have text of others in it.
	Detail string
	// Code names the problem, as rate_limited; it may be empty.
	Code string
	// RequestID is what the gateway's log has the request under; it may be empty.
	RequestID string
	// RetryAfter is how long the gateway asks to wait; 0: nothing was said.
	RetryAfter time.Duration
}

// Error is one sentence, with the request id.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (%d", strings.TrimSuffix(e.Detail, "."), e.Status)
	if e.RequestID != "" {
		text += ", request " + e.RequestID
	}
	return text + ")"
}

// LoginError says that there is no login at a gateway, or none any more.
type LoginError struct {
	Origin string
	// Because is what the gateway said; nil: it was not asked.
	Because error
}

func (e *LoginError) Error() string {
	if e.Because != nil {
		return fmt.Sprintf("%v: log in again, by fairway login --url %s", e.Because, e.Origin)
	}
	return fmt.Sprintf("not logged in to %s: fairway login --url %s", e.Origin, e.Origin)
}

// Unwrap gives what the gateway said.
func (e *LoginError) Unwrap() error { return e.Because }

// failureOf reads an answer that is none of success, and closes it.
func failureOf(resp *http.Response) *Error {
	defer resp.Body.Close()
	e := &Error{Status: resp.StatusCode}
	var body struct {
		Type, Title, Detail, Msg, Message, Error string
		RequestID                                string `json:"request_id"`
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostError))
	if err == nil && json.Unmarshal(raw, &body) == nil {
		e.Detail, e.RequestID = cmp.Or(body.Detail, body.Msg, body.Message, body.Title), body.RequestID
		e.Code = strings.TrimPrefix(body.Type, "urn:fairway:problem:")
	}
	e.RequestID = cmp.Or(e.RequestID, resp.Header.Get("X-Request-ID"))
	if e.Detail == "" {
		e.Detail = cmp.Or(http.StatusText(e.Status), "it was refused")
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = min(time.Duration(seconds)*time.Second, time.Hour)
	}
	return e
}

// redirected says where a gateway redirects to, which nobody follows.
func redirected(origin string, resp *http.Response) error {
	to := ""
	if u, err := resp.Location(); err == nil && u.Host != "" {
		to = " to " + (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	}
	return &Error{Status: resp.StatusCode, Detail: fmt.Sprintf("%s redirects%s, which is not followed: give the address of the gateway itself", origin, to)}
}

// ReachError says that a gateway did not answer.
type ReachError struct {
	Origin string
	Err    error
}

func (e *ReachError) Error() string {
	hint := ""
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](e.Err); unknown {
		hint = "; the file with the certificate of its authority can be given by --ca"
	}
	return fmt.Sprintf("%s cannot be reached: %v%s", e.Origin, e.Err, hint)
}

// Unwrap gives the cause.
func (e *ReachError) Unwrap() error { return e.Err }

// unreachable makes an error of what a transport says.
func unreachable(origin string, err error) error {
	if u, is := errors.AsType[*url.Error](err); is { // it says the whole address
		err = u.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &ReachError{Origin: origin, Err: err}
}
