// Package problem is the Caddy handler `problem` for error routes: it answers every error of a site, Caddy's own
// included, with the gateway's one error document.
package problem

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler writes the error that brought the request into the error routes. The directive health puts it there; in
// JSON it stands in the server's errors.routes.
type Handler struct{}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.problem", New: func() caddy.Module { return new(Handler) }}
}

// ServeHTTP answers with the document.
func (*Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	err, _ := r.Context().Value(caddyhttp.ErrorCtxKey).(error)
	id := request.ID(r)
	w.Header()[requestid.Header] = []string{id}
	refusedOr(r, err).Write(w, r, id)
	return nil
}

// refusedOr is of, but where Caddy's handler `authentication` says that nobody was let in and our provider knows why.
func refusedOr(r *http.Request, err error) *problem.Problem {
	he, ok := errors.AsType[caddyhttp.HandlerError](err)
	if ok && he.StatusCode == http.StatusUnauthorized && he.Err != nil && he.Err.Error() == "not authenticated" {
		if p := request.Refused(r.Context()); p != nil {
			return p
		}
	}
	return of(err)
}

// of makes a problem of an error of Caddy's: its status, and nothing of what it says.
func of(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	status := http.StatusInternalServerError
	if he, ok := errors.AsType[caddyhttp.HandlerError](err); ok && he.StatusCode >= 400 && he.StatusCode <= 599 {
		status = he.StatusCode
	}
	p := &problem.Problem{Status: status, Cause: err}
	switch status {
	case http.StatusNotFound:
		p.Detail = "There is nothing at this path."
	case http.StatusInternalServerError:
		p.Detail = "The gateway failed; the log has more under this request id."
	}
	return p
}

var _ caddyhttp.MiddlewareHandler = (*Handler)(nil)
