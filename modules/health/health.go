// Package health is the Caddy handler and directive `health`: it makes a site answer as a platform expects.
package health

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/discreet"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler answers `GET /` with 200 OK without asking anybody, `GET /ready` with whether the gateway can work, and
// `GET /services` with the list of services. What no later handler answers it answers with a 404 problem. Every
// answer of the site carries the request's id.
type Handler struct {
	app  *fairway.App
	logs discreet.Logs
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.health", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the app.
func (h *Handler) Provision(ctx caddy.Context) error {
	v, err := ctx.App("fairway")
	if err != nil {
		return err
	}
	h.app, h.logs = v.(*fairway.App), discreet.New(ctx)
	return nil
}

// ServeHTTP answers r if it is for one of the three paths.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.logs.Hides(r) {
		return h.logs.Serve(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return h.serve(w, r, next) }))
	}
	return h.serve(w, r, next)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if caddy.Exiting() { // whoever has a connection is to make the next one elsewhere; HTTP/2 makes a GOAWAY of it
		w.Header()["Connection"] = []string{"close"}
	}
	switch r.URL.Path {
	case "/":
		return h.answer(w, r, "text/html; charset=utf-8", []byte("OK"))
	case "/ready":
		status, body, err := h.ready(r.Context())
		if err != nil {
			return caddyhttp.Error(http.StatusInternalServerError, fmt.Errorf("checking readiness: %w", err))
		}
		return h.answerWith(w, r, status, "application/json", body)
	case "/services":
		list, err := json.Marshal(map[string]any{"services": h.services()})
		if err != nil {
			return caddyhttp.Error(http.StatusInternalServerError, fmt.Errorf("listing services: %w", err))
		}
		return h.answer(w, r, "application/json", append(list, '\n'))
	}
	id := request.ID(r)
	w.Header()[requestid.Header] = []string{id}
	if err := next.ServeHTTP(w, r); err != nil {
		return err
	}
	if unhandled, _ := caddyhttp.GetVar(r.Context(), "unhandled").(bool); unhandled {
		p := &problem.Problem{Status: http.StatusNotFound, Detail: "There is nothing at this path."}
		return caddyhttp.Error(http.StatusNotFound, p)
	}
	return nil
}

// readiness is the document of /ready.
type readiness struct {
	Status string    `json:"status"`
	Checks checklist `json:"checks"`
}

// checklist says of each thing that the gateway needs whether it is there.
type checklist struct {
	Config  string   `json:"config"`
	Loading []string `json:"loading,omitempty"`
	// Databases says "ok" or "failed" of each by its name.
	Databases map[string]string `json:"databases,omitempty"`
	// Runner says how what runs executions is, where this process does or should.
	Runner *fairway.RunnerHealth `json:"runner,omitempty"`
}

// ready says whether the gateway can work. It can without the databases of some routes, but not without its own store.
func (h *Handler) ready(ctx context.Context) (status int, body []byte, err error) {
	doc := readiness{Status: "ready", Checks: checklist{Config: "ok", Loading: h.app.Loading()}}
	status = http.StatusOK
	var lost bool
	if doc.Checks.Databases, lost = h.app.DatabaseHealth(ctx); lost {
		doc.Status, status = "not ready", http.StatusServiceUnavailable
	}
	var idle bool
	if doc.Checks.Runner, idle = h.app.RunnerHealth(); idle {
		doc.Status, status = "not ready", http.StatusServiceUnavailable
	}
	if len(doc.Checks.Loading) > 0 {
		doc.Status, status = "loading", http.StatusServiceUnavailable
	}
	if caddy.Exiting() {
		doc.Status, status = "stopping", http.StatusServiceUnavailable
	}
	body, err = json.Marshal(doc)
	return status, append(body, '\n'), err
}

// answer writes a body that is the same for every caller.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, mediaType string, body []byte) error {
	return h.answerWith(w, r, http.StatusOK, mediaType, body)
}

func (h *Handler) answerWith(w http.ResponseWriter, r *http.Request, status int, mediaType string, body []byte) error {
	id := request.ID(r)
	header := w.Header()
	header[requestid.Header] = []string{id}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		header.Set("Allow", allow)
		w.WriteHeader(http.StatusOK)
		return nil
	default:
		p := &problem.Problem{Status: http.StatusMethodNotAllowed, Detail: "This path knows GET only.", Header: http.Header{"Allow": {allow}}}
		p.Write(w, r, id)
		return nil
	}
	header["Content-Type"] = []string{mediaType}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	header["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone is nobody's failure
	return nil
}

const allow = "GET, HEAD, OPTIONS"

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
