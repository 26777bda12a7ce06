// Package service is the Caddy handler and directive `service`: one public API over backends that have none.
package service

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/discreet"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler answers the requests under its prefixes with JSON made of what backends answer; other requests go on to the
// next handler. Its configuration is that of wrap.Config.
type Handler struct {
	wrap.Config

	service *wrap.Service
	logs    discreet.Logs
	// end ends answers for which somebody waits.
	end func()
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.service", New: func() caddy.Module { return new(Handler) }}
}

// Provision loads the guest modules and compiles the service.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := h.loadGuests(ctx); err != nil {
		return err
	}
	v, err := ctx.App("fairway")
	if err != nil {
		return err
	}
	h.logs = discreet.New(ctx)
	app := v.(*fairway.App)
	deps := app.Deps(ctx)
	if h.Callers.Who == wrap.Users {
		if _, err := app.KnownScopes().Check(h.Callers.Scopes); err != nil {
			return fmt.Errorf("service %v: callers: %w", h.Prefixes, err)
		}
		if deps.Identifier, err = app.Callers(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(h.Routes, func(r wrap.Route) bool { return r.Execute != nil }) {
		if deps.Executions, err = app.LongAnswers(strings.Join(h.Prefixes[:min(1, len(h.Prefixes))], "")); err != nil {
			return err
		}
	}
	ending := make(chan struct{})
	h.end, deps.Ending = sync.OnceFunc(func() { close(ending) }), ending
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterOnShutdown(h.end)
	}
	if h.service, err = wrap.Compile(&h.Config, deps); err != nil {
		return err
	}
	app.Announce(h.service)
	return nil
}

func (h *Handler) loadGuests(ctx caddy.Context) error {
	for i := range h.Backends {
		b := &h.Backends[i]
		if len(b.AuthRaw) == 0 {
			continue
		}
		v, err := ctx.LoadModule(b, "AuthRaw")
		if err != nil {
			return fmt.Errorf("backend %s: auth: %w", b.Name, err)
		}
		strategy, ok := v.(session.Strategy)
		if !ok {
			return fmt.Errorf("backend %s: auth: %T is no strategy", b.Name, v)
		}
		b.Auth = strategy
	}
	for i := range h.Routes {
		if err := loadDecoders(ctx, h.Routes[i].Fetches); err != nil {
			return fmt.Errorf("route %s %s: %w", h.Routes[i].Method, h.Routes[i].Pattern, err)
		}
	}
	return nil
}

func loadDecoders(ctx caddy.Context, fetches []wrap.Fetch) error {
	for i := range fetches {
		f := &fetches[i]
		if f.Each != nil {
			if err := loadDecoders(ctx, f.Each.Fetches); err != nil {
				return fmt.Errorf("each %s: %w", f.Name, err)
			}
		}
		if len(f.DecodeRaw) == 0 {
			continue
		}
		v, err := ctx.LoadModule(f, "DecodeRaw")
		if err != nil {
			return fmt.Errorf("fetch %s: decode: %w", f.Name, err)
		}
		decoder, ok := v.(decode.Decoder)
		if !ok {
			return fmt.Errorf("fetch %s: decode: %T is no decoder", f.Name, v)
		}
		f.Decoder, f.Format = decoder, v.(caddy.Module).CaddyModule().ID.Name()
	}
	return nil
}

// Cleanup gives back the backends' pools.
func (h *Handler) Cleanup() error {
	if h.end != nil {
		h.end()
	}
	if h.service != nil {
		h.service.Close()
	}
	return nil
}

// ServeHTTP answers r, or hands it on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.logs.Hides(r) {
		return h.logs.Serve(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return h.serve(w, r, next) }))
	}
	return h.serve(w, r, next)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	answered := false
	err := h.discreetly(w, r, func(w http.ResponseWriter) { answered = h.service.Serve(w, r, request.ID(r), nil) })
	if answered || err != nil {
		return err
	}
	return next.ServeHTTP(w, r)
}

// discreetly has a service answer that may tell an address with a secret in it, which is then in no log.
func (h *Handler) discreetly(w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter)) error {
	if !h.service.TellsSecrets() {
		answer(w)
		return nil
	}
	return h.logs.Take(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error { //nolint:wrapcheck // for error routes
		answer(w)
		return nil
	}))
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
