package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// origin is scheme, host and port of a URL; the port of the scheme is left out.
type origin struct{ scheme, host string }

// originOf reads it from a URL.
func originOf(u *url.URL) origin {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := map[string]string{"http": ":80", "https": ":443"}[scheme]; port != "" {
		host = strings.TrimSuffix(host, port)
	}
	return origin{scheme, host}
}

// parseOrigin reads one that somebody wrote.
func parseOrigin(text string) (origin, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "{}") {
		return origin{}, fmt.Errorf("%q is no origin; write https://legacy.example.org, without a path", text)
	}
	return originOf(u), nil
}

// pinned leads to one upstream and to nothing else: the one that reverse_proxy chose for a request, in requests that a strategy
// makes of its own, too, whose contexts know nothing of Caddy and may outlive the request.
type pinned struct {
	base http.RoundTripper
	// at is how the strategy knows the upstream, to how the base does.
	at, to origin
	own    context.Context //nolint:containedctx // that of the request itself, to be told from others
	dial   reverseproxy.DialInfo
	dialed bool
	peer   any // for the PROXY protocol
}

// The names under which reverse_proxy keeps in a context what its http transport needs. They have no exported ones.
const (
	dialInfo caddy.CtxKey = "reverse_proxy.dial_info"
	peerVar  string       = "reverse_proxy.proxy_protocol_info"
)

// pin makes what leads to the upstream of a request, whose URL has a scheme.
func (s *Session) pin(req *http.Request) *pinned {
	p := &pinned{base: s.base, to: origin{req.URL.Scheme, req.URL.Host}, own: req.Context()}
	p.dial, p.dialed = reverseproxy.GetDialInfo(req.Context())
	p.peer = caddyhttp.GetVar(req.Context(), peerVar)
	switch {
	case s.origin != origin{}:
		p.at = s.origin
	case !p.dialed:
		p.at = originOf(req.URL)
	case strings.HasPrefix(p.dial.Network, "unix"):
		sum := sha256.Sum256([]byte(p.dial.Address)) // a path, and a name that no name server has
		p.at = origin{req.URL.Scheme, hex.EncodeToString(sum[:8]) + ".unix.invalid"}
	default:
		p.at = originOf(&url.URL{Scheme: req.URL.Scheme, Host: hostport(p.dial)})
	}
	return p
}

func hostport(d reverseproxy.DialInfo) string {
	if d.Port == "" {
		return d.Host
	}
	return net.JoinHostPort(d.Host, d.Port)
}

var errElsewhere = errors.New("the request leads elsewhere than to the upstream")

// RoundTrip sends r to the upstream.
func (p *pinned) RoundTrip(r *http.Request) (*http.Response, error) {
	if originOf(r.URL) != p.at {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errElsewhere
	}
	out := r.WithContext(p.context(r.Context()))
	u := *r.URL
	u.Scheme, u.Host = p.to.scheme, p.to.host
	out.URL = &u
	if out.Host == "" {
		out.Host = r.URL.Host
	}
	resp, err := p.base.RoundTrip(out)
	if resp != nil {
		resp.Request = r
	}
	return resp, err //nolint:wrapcheck // reverse_proxy looks at what errors are
}

// context gives a request of the strategy's own what the base needs.
func (p *pinned) context(ctx context.Context) context.Context {
	if ctx == p.own || !p.dialed {
		return ctx
	}
	a := &apart{Context: ctx, dial: p.dial, vars: map[string]any{}, repl: caddy.NewReplacer()}
	if p.peer != nil {
		a.vars[peerVar] = p.peer
	}
	return a
}

// apart is the context of a request that is none of the caller's, such as one of a login: it may outlive the caller's, and run beside
// it. So it has where to dial, and neither shares the variables and the replacer, which are for one goroutine, nor sends 1xx answers
// to the caller.
type apart struct {
	context.Context
	dial reverseproxy.DialInfo
	vars map[string]any
	repl *caddy.Replacer
}

// Value implements context.Context.
func (a *apart) Value(key any) any {
	switch key {
	case dialInfo:
		return a.dial
	case caddyhttp.VarsCtxKey:
		return a.vars
	case caddy.ReplacerCtxKey:
		return a.repl
	}
	v := a.Context.Value(key)
	if _, hook := v.(*httptrace.ClientTrace); hook {
		return nil
	}
	return v
}

// Interface guards.
var (
	_ http.RoundTripper = (*pinned)(nil)
	_ context.Context   = (*apart)(nil)
)
