// Package discreet keeps secrets of requests out of Caddy's logs: passwords and tokens in a query, and a token in the header
// Authentication, which Caddy does not know as one. The handlers of a site use it, and the directive callers puts its own handler
// before Caddy's.
package discreet

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler has nothing that comes behind it be logged with a secret of the request. It answers nothing itself.
type Handler struct{ logs Logs }

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.discreet", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the logs.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logs = New(ctx)
	return nil
}

// ServeHTTP hands r on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return h.logs.Serve(w, r, next)
}

// Logs write the lines of requests with a secret in Caddy's place. Caddy takes what it logs of a request, for its access log and for
// that of errors, before any handler sees it; so the only way to keep a secret out is to have Caddy log nothing, and to write the same
// lines here. They are used concurrently. The zero Logs hand requests on.
type Logs struct{ ctx caddy.Context }

// New makes Logs of a configuration.
func New(ctx caddy.Context) Logs { return Logs{ctx} }

const (
	// legacyHeader is where old clients of RelengAPI put their token.
	legacyHeader = "Authentication"
	// redacted stands for a secret.
	redacted = "REDACTED"
	// seen is the variable that says that a handler before has the lines in its hands.
	seen = "fairway.discreet"
)

// Hides says whether r has a secret that Caddy would log. Nearly none has.
func (l Logs) Hides(r *http.Request) bool {
	return (len(r.Header[legacyHeader]) > 0 || r.URL.RawQuery != "" && tokens.Redact(r.RequestURI) != r.RequestURI) && l.ctx.Context != nil && caddyhttp.GetVar(r.Context(), seen) == nil
}

// Serve has next answer r, and writes its lines where r has a secret.
func (l Logs) Serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !l.Hides(r) {
		return next.ServeHTTP(w, r) //nolint:wrapcheck // for error routes
	}
	return l.Take(w, r, next)
}

// Take has next answer r, and writes its lines, without the secret of an address that the answer tells in Location, either.
func (l Logs) Take(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if l.ctx.Context == nil || caddyhttp.GetVar(r.Context(), seen) != nil {
		return next.ServeHTTP(w, r) //nolint:wrapcheck // as above
	}
	uri, shown := tokens.Redact(r.RequestURI), len(r.Header[legacyHeader]) > 0
	caddyhttp.SetVar(r.Context(), seen, true)
	logged := r.Clone(r.Context())
	logged.RequestURI = uri
	if shown {
		logged.Header[legacyHeader] = []string{redacted}
	}
	one := answer{logs: l, request: logged, start: time.Now(), rec: caddyhttp.NewResponseRecorder(w, nil, nil)}
	defer func() { // also where an answer is broken off
		skipped, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool)
		caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
		if !skipped {
			one.written()
		}
	}()
	if err := next.ServeHTTP(one.rec, r); err != nil {
		one.failed(r, err)
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
