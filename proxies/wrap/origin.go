package wrap

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// originOf gives an address or URL's origin in one spelling, with the port; empty: it has none that can be asked.
func originOf(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch {
	case host == "" || u.Scheme != "http" && u.Scheme != "https":
		return ""
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host + ":" + port
}

// compileOrigins makes a backend of each origin that values of this backend may lead to: with its patience and limits, without
// its credentials, headers, certificates and proxy.
func (s *Service) compileOrigins(b *backend, deps Deps, sc scope, at place) error {
	b.allowed = map[string]*backend{}
	for _, address := range b.config.Addresses {
		if u, err := url.Parse(address); err == nil && originOf(u) != "" {
			b.allowed[originOf(u)] = b
		}
	}
	for i, text := range b.Origins {
		at := at.field("origins/" + itoa(i))
		text, err := sc.text(text, at)
		if err != nil {
			return err
		}
		if sc.secret == nil && strings.Contains(b.Origins[i], "{") {
			continue
		}
		u, perr := url.Parse(text)
		switch {
		case perr != nil || originOf(u) == "":
			return at.errf("%q is no origin; write https://host", b.Origins[i])
		case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
			return at.errf("an origin is scheme, host and port alone: https://host")
		case b.allowed[originOf(u)] != nil:
			return at.errf("the origin %s is there twice, or is the backend's own", b.Origins[i])
		}
		other, err := s.absolute(&Backend{
			Addresses: []string{text}, guarded: !isListedAddress(u.Hostname()),
			Timeout: b.Timeout, Retries: b.Retries, Breaker: b.Breaker, Limit: b.Limit, Redirects: b.Redirects,
		}, deps, at)
		if err != nil {
			return err
		}
		b.allowed[originOf(u)] = other
	}
	return nil
}

// isListedAddress says whether a configuration names an address itself: then it may be one of this machine or network.
func isListedAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

// follow gives what is asked for a URL that a value gave, and which backend: the fetch's own, or one of its origins. A URL
// without an origin is one of the fetch's own backend.
func (f *fetch) follow(text string) (to *backend, target string, p *problem.Problem) {
	u, err := url.Parse(text)
	if err != nil || len(text) > longestURL || checkText(text) != "" {
		return nil, "", f.notAllowed(problem.BadValue, "The URL that a value gave cannot be read.")
	}
	if u.Scheme == "" && u.Host == "" && u.User == nil {
		if !strings.HasPrefix(u.EscapedPath(), "/") {
			return nil, "", f.notAllowed(problem.BadValue, "The URL that a value gave is neither absolute nor a path that begins with /.")
		}
		return f.backend, requestTarget(u), nil
	}
	origin := originOf(u)
	if to = f.backend.allowed[origin]; to == nil || u.User != nil || u.Opaque != "" {
		if origin == "" {
			origin = printable(u.Scheme) + ":"
		}
		return nil, "", f.notAllowed(problem.OriginNotAllowed, fmt.Sprintf("A value leads to %s, which is not among the backend's origins; nothing was sent there.", origin))
	}
	return to, requestTarget(u), nil
}

// requestTarget gives path and query of a URL as they can be sent. Servers write blanks and letters of all kinds into the queries
// of their links, which a browser would escape.
func requestTarget(u *url.URL) string {
	target := u.RequestURI() // whose path is escaped
	escaped := func(c byte) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' }
	var b strings.Builder
	for i := range len(target) {
		if c := target[i]; escaped(c) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// longestURL is how long a URL of a value may be, in bytes.
const longestURL = 8 << 10

func (f *fetch) notAllowed(code, detail string) *problem.Problem {
	return &problem.Problem{Code: code, Status: http.StatusBadGateway, Detail: detail, Fetch: f.Name, Backend: f.backend.label()}
}

// destination is where a request goes, and how the backend there knows the caller.
type destination struct {
	backend  *backend
	strategy session.Strategy
	target   string
}

// destination finds where the fetch goes for this request.
func (f *fetch) destination(ctx context.Context, fr *frame) (destination, *problem.Problem) {
	if f.url == nil {
		target, p := f.target.render(fr)
		return destination{backend: f.backend, strategy: f.strategy, target: target}, p
	}
	v, err := f.url.run(ctx, fr, nil)
	if err != nil {
		return destination{}, replyFailed("The URL of the fetch could not be made.", f.Name, err)
	}
	text, ok := v.(string)
	if !ok {
		return destination{}, f.notAllowed(problem.BadValue, "The program of the URL gave no text.")
	}
	return f.leads(text)
}

// leads is the destination of a URL that a value gave.
func (f *fetch) leads(text string) (destination, *problem.Problem) {
	to, target, p := f.follow(text)
	if p != nil {
		return destination{}, p
	}
	d := destination{backend: to, strategy: f.strategy, target: target}
	if to != f.backend {
		d.strategy = session.None{}
	}
	return d, nil
}
