package session

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Credentials are what a login is made with: a caller's, or those of a service account.
type Credentials struct{ User, Password string }

// Site is the backend that a session is for.
type Site struct {
	// URL is its origin: scheme and host, without a path.
	URL *url.URL
	// Transport leads to it, and to nothing else.
	Transport http.RoundTripper
}

// Login obtains a session with a backend. It is used concurrently, but a Pool never logs in twice at once with the same
// credentials.
type Login interface {
	// Login gives the state that a request needs. Its errors are *LoginError; any other counts as LoginUnavailable.
	Login(ctx context.Context, site Site, c Credentials) (*State, error)
}

// Refresher is a Login that can make a session longer without credentials, where its State has a refresh token.
type Refresher interface {
	// Refresh gives the state that follows old, which it does not change. After an error of any kind there is a Login.
	Refresh(ctx context.Context, site Site, old *State) (*State, error)
}

// State is what a login left behind, and what of it each request carries. It is a secret as a whole.
type State struct {
	// Cookies of the backend's origin.
	Cookies []Cookie `json:"cookies,omitempty"`
	// Authorization is the value of that header: "Bearer ...". Empty: none.
	Authorization string `json:"authorization,omitempty"`
	// Refresh is the refresh token of an OAuth2 grant (RFC 6749, section 6). Empty: none.
	Refresh string `json:"refresh,omitempty"`
	// Expires is when it is known to end, or a little before: it is not sent any more then. Zero: unknown.
	Expires time.Time `json:"expires,omitzero"`
}

// Cookie is a cookie of a backend (RFC 6265), as far as it matters to who sends it back.
type Cookie struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Path that it is for; empty: all.
	Path string `json:"path,omitempty"`
	// Expires is zero for one that lives as long as the session.
	Expires time.Time `json:"expires,omitzero"`
}

// LoginKind is why a login gave no session.
type LoginKind int

// The kinds. The comment has the problem's type and the status of the answer.
const (
	BadCredentials  LoginKind = iota + 1 // bad_credentials, 401: they were tried and refused
	MFARequired                          // mfa_required, 401: a second factor is asked for
	UnsupportedPage                      // unsupported_login_page, 502: no form that could be filled in, a script, a loop
	NotAllowed                           // not_allowed, 403: the login went well and this user may not in
	Unavailable                          // login_unavailable, 502, or 503 with RetryAfter: it does not work now
)

// String gives the type of the problem, which is also the word for metrics.
func (k LoginKind) String() string {
	switch k {
	case BadCredentials:
		return "bad_credentials"
	case MFARequired:
		return "mfa_required"
	case UnsupportedPage:
		return "unsupported_login_page"
	case NotAllowed:
		return "not_allowed"
	case Unavailable:
		return "login_unavailable"
	}
	return "unknown"
}

// LoginError says why there is no session. No text in it holds credentials, cookies, tokens, or parts of a page.
type LoginError struct {
	Kind LoginKind
	// Detail is for the caller: a sentence without its end. Empty: made from the kind.
	Detail string
	// RetryAfter is how long to wait before another login makes sense; 0: unknown.
	RetryAfter time.Duration
	// Err is the cause, for the log.
	Err error
}

func (e *LoginError) Error() string {
	switch {
	case e.Err != nil && e.Detail != "":
		return fmt.Sprintf("%s: %s: %s", e.Kind, e.Detail, e.Err)
	case e.Err != nil:
		return fmt.Sprintf("%s: %s", e.Kind, e.Err)
	case e.Detail != "":
		return fmt.Sprintf("%s: %s", e.Kind, e.Detail)
	}
	return e.Kind.String()
}

// Unwrap gives the cause.
func (e *LoginError) Unwrap() error { return e.Err }
