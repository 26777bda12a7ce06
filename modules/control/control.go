// Package control is the Caddy handler and directive `control`: the API by which people and programs log in, and by which users,
// tokens and clients are administered. What it does is in the packages below it, which know no Caddy.
package control

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/jobs"
	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/modules/discreet"
	"github.com/fairway-gateway/fairway/modules/docs"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler answers the paths of the control API; other requests go on to the next handler. It needs the store: where that does
// not answer, nor does it (503).
type Handler struct {
	// Rate is how many requests may be made, all limits at once; what is by nobody's word is by address. Default: any number.
	Rate []rate.Limit `json:"rate,omitempty"`
	// Exempt are for whom no limit holds: "admins", addresses and networks like "10.0.0.0/8", "private_ranges", or "nobody" alone. What anybody may do is
	// limited for them, too. Default: admins.
	Exempt []string `json:"exempt,omitempty"`
	// CORS says which pages of other origins may read answers. Default: none.
	CORS *cors.Config `json:"cors,omitempty"`

	limits  limited
	realm   *realm.Realm
	paths   api.Paths
	docs    docs.Options
	console *jobs.Jobs
	log     *slog.Logger
	logs    discreet.Logs

	// ending is closed, by end, when the server or the configuration ends.
	ending chan struct{}
	end    func()

	making sync.Mutex
	made   atomic.Pointer[made]
}

// made is the API over the parts of a realm, which are there once the store is.
type made struct {
	parts *realm.Parts
	api   *api.API
}

// storeRetry is when to come back after the store did not answer.
const storeRetry = 2 * time.Second

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.control", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the realm, and the server, at whose end answers end that go on.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.ending = make(chan struct{})
	h.end = sync.OnceFunc(func() { close(h.ending) })
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterOnShutdown(h.end)
	}
	v, err := ctx.App("fairway")
	if err != nil {
		return err
	}
	app := v.(*fairway.App)
	if h.realm, err = app.Realm(); err != nil {
		return err
	}
	if err := app.UseExecutions(); err != nil {
		return err
	}
	h.realm.FireSchedules()
	if err := h.limits.provision(h, app); err != nil {
		return err
	}
	h.console = console(app, h.realm, ctx.Slogger())
	h.docs = docs.Options{Services: app.Services, Scopes: app.ScopesOfServices(), Version: version()}
	h.log, h.paths, h.logs = ctx.Slogger(), api.PathsOf(table(), api.Options{RequestID: request.ID, Logger: ctx.Slogger()}), discreet.New(ctx)
	return nil
}

// Document gives what the API document of a configuration is made of, without a store.
func Document(app *fairway.App) (docs.Source, error) {
	d := docs.Options{Version: version()}
	if _, err := operations(new(realm.Parts), new(limited), &d, nil, slog.New(slog.DiscardHandler)); err != nil {
		return docs.Source{}, err
	}
	src := docs.Source{Table: d.Table, Typed: d.Typed, Scopes: app.ScopesOfServices(), Once: d.Once, Version: d.Version}
	for _, s := range app.Services() {
		src.Services = append(src.Services, s.Describe())
	}
	return src, nil
}

// version is that of the gateway, which the binary writes before Caddy's.
func version() string {
	_, full := caddy.Version()
	own, _, _ := strings.Cut(strings.TrimPrefix(full, "fairway "), ",")
	return own
}

// ServeHTTP answers r if it is for a path of the API.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	// Links that are mailed, and paths that were mistyped, have secrets in their queries, too.
	if h.logs.Hides(r) {
		return h.logs.Serve(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return h.serve(w, r, next) }))
	}
	return h.serve(w, r, next)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if jobs.Serves(r.URL.Path) {
		request.KeepBodyOpen(r)
		w.Header()[requestid.Header] = []string{request.ID(r)}
		secure(w.Header())
		h.console.Serve(w, r, outer(r))
		return nil
	}
	if !h.paths.Serve(r) {
		return next.ServeHTTP(w, r)
	}
	request.KeepBodyOpen(r)
	w.Header()[requestid.Header] = []string{request.ID(r)}
	secure(w.Header())
	if h.limits.cors.Serve(w, r) || h.health().serve(w, r) {
		return nil
	}
	a, err := h.api(r)
	if err != nil {
		if r.Context().Err() == nil {
			h.log.WarnContext(r.Context(), "the control API has no store", slog.Any("error", err))
		}
		h.paths.Fail(w, r, api.Failure{
			Type: problem.StoreUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: storeRetry,
			Detail: "The store of users does not answer, so nobody can be let in now.",
		})
		return nil
	}
	a.ServeHTTP(w, r)
	return nil
}

// secure has browsers take answers for what they are said to be, and put them into no page. Pages say themselves what they may.
func secure(h http.Header) {
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["X-Frame-Options"] = []string{"DENY"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	h["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
}

// health answers monitors.
func (h *Handler) health() health {
	return health{func(ctx context.Context) error {
		parts, err := h.realm.Open(ctx)
		if err != nil {
			return err
		}
		return parts.Store.Ping(ctx)
	}}
}

// api gives the API over the realm's parts.
func (h *Handler) api(r *http.Request) (*api.API, error) {
	parts, err := h.realm.Open(r.Context())
	if err != nil {
		return nil, err
	}
	if m := h.made.Load(); m != nil && m.parts == parts {
		return m.api, nil
	}
	h.making.Lock()
	defer h.making.Unlock()
	a, err := operations(parts, &h.limits, &h.docs, h.ending, h.log)
	if err != nil {
		return nil, err
	}
	h.made.Store(&made{parts: parts, api: a})
	return a, nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
