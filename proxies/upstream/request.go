package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// userAgent is what a call without one says.
const userAgent = "fairway"

// check refuses what cannot be sent, before a breaker could take it for the backend's fault.
func (c *Call) check() error {
	if !httpguts.ValidHeaderFieldName(c.Method) || c.Method == http.MethodConnect {
		return fmt.Errorf("%q is no method to fetch with", c.Method)
	}
	if err := checkTarget(c.Target); err != nil {
		return err
	}
	for name, values := range c.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%q is no name of a header", name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("the value of header %s holds characters that may not be sent", name)
			}
		}
	}
	if c.Strategy == nil {
		return errors.New("the call has no strategy")
	}
	return nil
}

// checkTarget refuses what would end the target or the request line. Its errors do not hold the target, which may
// carry what the caller or the operator keeps secret.
func checkTarget(target string) error {
	if target == "" || target[0] != '/' {
		return errors.New("a target begins with a slash")
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f {
			return fmt.Errorf("the target holds the character %q at byte %d", c, i)
		}
	}
	return nil
}

// WholeHeader gives the header of a Call that is Whole: a copy of h with what every request has.
func WholeHeader(h http.Header) http.Header {
	c := Call{Header: h}
	return c.header()
}

// request makes the request of one attempt. Nothing of it is shared with the call but the bytes of the body.
func (e *endpoint) request(ctx context.Context, c *Call, target string) (*http.Request, error) {
	u, err := e.url(target)
	if err != nil {
		return nil, err
	}
	req := e.blank.WithContext(ctx)
	req.Method, req.URL, req.Header = c.Method, u, c.header()
	// A virtual host that the operator names. net/http takes it from here only.
	if host := req.Header["Host"]; len(host) > 0 && !c.Whole {
		req.Host = host[0]
		delete(req.Header, "Host")
	}
	switch {
	case len(c.Body) > 0:
		req.ContentLength = int64(len(c.Body))
		req.Body = io.NopCloser(bytes.NewReader(c.Body))
		if c.Idempotent || !replayed(c.Method) {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.Body)), nil }
		}
	case !c.Idempotent && replayed(c.Method):
		// net/http repeats these methods by itself when an idle connection turns out to be closed, even where
		// the backend may have seen the request. A body that cannot be had twice keeps it from that.
		req.Body = io.NopCloser(strings.NewReader(""))
	}
	return req, nil
}

// replayed says that net/http takes the method for one that does no harm.
func replayed(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// header copies the call's header, as http.Header.Clone does, and adds ours.
func (c *Call) header() http.Header {
	if c.Whole {
		return c.Header
	}
	n := 2
	for _, values := range c.Header {
		n += len(values)
	}
	all := make([]string, 0, n)
	h := make(http.Header, len(c.Header)+3) // one more for the strategy
	for name, values := range c.Header {
		start := len(all)
		all = append(all, values...)
		h[name] = slices.Clip(all[start:])
	}
	for _, ours := range [...][2]string{{"Accept-Encoding", "gzip"}, {"User-Agent", userAgent}} {
		if _, set := h[ours[0]]; !set {
			start := len(all)
			all = append(all, ours[1])
			h[ours[0]] = slices.Clip(all[start:])
		}
	}
	return h
}

// url makes the URL whose request line is the target, byte by byte. Where url.URL would write the path in another
// way, the path goes into Opaque, which it leaves as it is.
func (e *endpoint) url(target string) (*url.URL, error) {
	path, query, found := strings.Cut(target, "?")
	u := &url.URL{Scheme: e.scheme, Host: e.host, Path: path, RawQuery: query, ForceQuery: found && query == ""}
	if !strings.Contains(path, "%") {
		if u.EscapedPath() == path {
			return u, nil
		}
	} else if plain, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = plain, path
		if u.EscapedPath() == path {
			return u, nil
		}
	}
	u.Path, u.RawPath, u.Opaque = "", "", path
	switch {
	case e.absolute:
		u.Opaque = e.scheme + "://" + e.host + path
	case strings.HasPrefix(path, "//"):
		// Opaque would make an absolute URL of it.
		return nil, errors.New("a target that begins with two slashes may not hold characters that need escaping")
	}
	return u, nil
}

var (
	errOtherOrigin = errors.New("the redirect leads to another origin")
	errNoLocation  = errors.New("the redirect names no place")
)

// follow gives the target that a redirect leads to, within the origin.
func (e *endpoint) follow(target string, resp *http.Response) (string, error) {
	location := resp.Header.Get("Location")
	if location == "" {
		return "", errNoLocation
	}
	to, err := url.Parse(location)
	if err != nil {
		return "", errNoLocation
	}
	path, _, _ := strings.Cut(target, "?")
	base := &url.URL{Scheme: e.scheme, Host: e.host}
	if plain, err := url.PathUnescape(path); err == nil {
		base.Path, base.RawPath = plain, path
	} else {
		base.Path = path
	}
	to = base.ResolveReference(to)
	if to.Opaque != "" || !e.same(to) {
		return "", errOtherOrigin
	}
	next := to.RequestURI()
	return next, checkTarget(next)
}

// redirects says that a status may be followed.
func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// tracer tells of each request before it goes out.
type tracer struct {
	next    http.RoundTripper
	attempt int
	sent    func(attempt int, req *http.Request)
}

func (t *tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	t.sent(t.attempt, req)
	return t.next.RoundTrip(req) //nolint:wrapcheck // a round tripper is transparent
}

// Untraced is where requests go of which nobody is told: those of a login, with credentials in their bodies and codes in their
// URLs.
func (t *tracer) Untraced() http.RoundTripper { return t.next }

var _ http.RoundTripper = (*tracer)(nil)
