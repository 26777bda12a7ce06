package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// fail makes a LoginError. The log learns how far the login had come; neither says anything that a page or a header could
// have put there, but for origins, see tellable.
func (f *flow) fail(kind session.LoginKind, detail string) *session.LoginError {
	return &session.LoginError{Kind: kind, Detail: detail, Err: f.place()}
}

// place says where a login ended.
func (f *flow) place() error {
	when := "before"
	if f.submitted {
		when = "after"
	}
	return fmt.Errorf("request %d, %s the credentials were sent, at %s", f.steps, when, f.tellable(f.at))
}

// tellable gives an origin for people, unless it may hold what nobody may see: whoever got the credentials could make a host
// name of them. Those that the configuration names do not.
func (f *flow) tellable(o origin) string {
	if o == f.siteOrigin || f.d.origins[o] {
		return o.String()
	}
	host := strings.ToLower(o.host)
	if len(host) > 100 || strings.Contains(host, strings.ToLower(f.c.Password)) || len(f.c.User) > 3 && strings.Contains(host, strings.ToLower(f.c.User)) {
		return "some origin"
	}
	return o.String()
}

func (f *flow) notListed(o origin) *session.LoginError {
	return f.fail(session.UnsupportedPage, fmt.Sprintf("the login leads to %s, which is not among the login_origins", f.tellable(o)))
}

func (f *flow) badCredentials() *session.LoginError {
	return f.fail(session.BadCredentials, "the login form was shown again for this user name and password")
}

// notAccepted is a login that went well and came to nothing. It says nothing about the credentials.
func (f *flow) notAccepted() *session.LoginError {
	detail := "the login went well, but the backend's proxy asked for another one"
	if f.jar.dropped {
		detail += "; it sets cookies for https, and its address is http"
	}
	return f.fail(session.UnsupportedPage, detail)
}

func (f *flow) unexpected(status int) *session.LoginError {
	return f.fail(session.UnsupportedPage, fmt.Sprintf("a page of the login was answered with status %d", status))
}

func (f *flow) unavailable(resp *http.Response) *session.LoginError {
	e := f.fail(session.Unavailable, fmt.Sprintf("a page of the login was answered with status %d", resp.StatusCode))
	e.RetryAfter = upstream.RetryAfter(resp.Header.Get("Retry-After"), time.Now())
	return e
}

// broken is the failure of a transport, or of a body.
func (f *flow) broken(ctx context.Context, err error) *session.LoginError {
	e := &session.LoginError{Kind: session.Unavailable, Detail: "a server of the login cannot be reached, or broke the connection"}
	cause := connectionError(err)
	switch {
	case errors.Is(cause, upstream.ErrInside):
		e.Kind = session.UnsupportedPage
		e.Detail = "a name among the login_origins leads to an address of this machine or its network's own services"
	case errors.Is(ctx.Err(), context.DeadlineExceeded), ctx.Err() == nil && timedOut(err):
		// A connection may know of its deadline before the context does.
		e.Detail, cause = "the login took too long", context.DeadlineExceeded
	case ctx.Err() != nil:
		e.Detail, cause = "the login was given up", context.Canceled
	}
	e.Err = fmt.Errorf("%w: %w", f.place(), cause)
	return e
}

func timedOut(err error) bool {
	slow, ok := errors.AsType[net.Error](err)
	return ok && slow.Timeout()
}
