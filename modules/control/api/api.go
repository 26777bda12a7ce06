// Package api serves the operations of the control API: those of permit's table, each by a handler, behind one enforcement.
//
//	a := api.New(permit.New(), callers, api.Options{})
//	a.Resolve("client", clients.Object)
//	a.Handle("client.revoke", http.HandlerFunc(clients.Revoke))
//	if err := a.Seal(); err != nil { … }   // an operation without a handler, or the other way round
//
// A request is matched by method and path, where a slash at the end says nothing. Its caller is asked for where somebody in
// particular may; what a variable of the path names is looked up once, for the decision and for the handler. OPTIONS tells the
// methods that this caller may use on this object.
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// Identifier says who calls. *callers.Callers is one.
type Identifier interface {
	Identify(r *http.Request) (*callers.Caller, error)
}

// Target is what a variable of a path names.
type Target struct {
	// Object is what permissions are asked about.
	Object permit.Object
	// Value is for the handlers.
	Value any
}

// Resolver looks up what a variable of a path names. ErrNotFound: there is nothing of that name.
type Resolver func(ctx context.Context, value string, c *callers.Caller) (Target, error)

// ErrNotFound says that there is nothing of a name. It is a 404.
var ErrNotFound = errors.New("there is nothing of that name")

// Options are what an API may have beside its table.
type Options struct {
	// RequestID names a request. Default: the caller's name for it, or a new one.
	RequestID func(*http.Request) string
	// Admit is asked before anybody is identified, with no caller, and again when it is known who calls. A failure refuses. What
	// its limits say is kept in v. Default: all are admitted.
	Admit func(w http.ResponseWriter, r *http.Request, c *callers.Caller, v *rate.Verdict) *Failure
	// Seen is told who calls, and by what request, before it is decided whether he may. Default nothing.
	Seen func(*http.Request, *callers.Caller)
	// Logger is told of what failed that is no caller's fault. Default none.
	Logger *slog.Logger
}

// API serves a table's operations once it is sealed. Then it is used concurrently.
type API struct {
	table     *permit.Table
	callers   Identifier
	options   Options
	handlers  map[string]http.Handler
	resolvers map[string]Resolver
	served    *http.ServeMux // by method and path
	paths     *http.ServeMux // by path alone
}

// Paths are those of a table, for who has no API of it yet. It is used concurrently.
type Paths struct {
	api *API
	mux *http.ServeMux
}

// PathsOf gives the paths of a table.
func PathsOf(table *permit.Table, o Options) Paths {
	return Paths{api: New(table, nil, o), mux: pathsOf(table, http.NotFoundHandler())}
}

// Serve says whether the path of r is among them, whatever the method.
func (p Paths) Serve(r *http.Request) bool { return serves(p.mux, r) }

// Fail answers r, whose path is among them, with a failure in the dialect of the path.
func (p Paths) Fail(w http.ResponseWriter, r *http.Request, f Failure) {
	_, pattern := p.mux.Handler(trimmed(r))
	c := &call{api: p.api, op: p.api.onPath(pattern), request: r, instance: r.URL.EscapedPath(), identified: true}
	c.tell(r.Context(), f).write(w)
}

// pathsOf has h answer on all paths of a table.
func pathsOf(table *permit.Table, h http.Handler) *http.ServeMux {
	mux, seen := http.NewServeMux(), map[string]bool{}
	for _, op := range table.Operations() {
		if !seen[op.Path] {
			seen[op.Path] = true
			mux.Handle(op.Path, h)
		}
	}
	return mux
}

// New makes an API without handlers.
func New(table *permit.Table, c Identifier, o Options) *API {
	if o.RequestID == nil {
		o.RequestID = func(r *http.Request) string { return requestid.Of(r.Header) }
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return &API{table: table, callers: c, options: o, handlers: map[string]http.Handler{}, resolvers: map[string]Resolver{}}
}

// Handle has h do an operation. It is called for callers who may.
func (a *API) Handle(id string, h http.Handler) { a.handlers[id] = h }

// HandleFunc is Handle of a function.
func (a *API) HandleFunc(id string, h http.HandlerFunc) { a.handlers[id] = h }

// Around puts a handler around the one of an operation, behind the enforcement. An operation that has none stays so.
func (a *API) Around(id string, wrap func(http.Handler) http.Handler) {
	if h := a.handlers[id]; h != nil {
		a.handlers[id] = wrap(h)
	}
}

// Resolve has f look up what the variable of paths names, "client" of /oauth/clients/{client}. Where a path has several, the first
// is what permissions are asked about; the handler looks the others up.
func (a *API) Resolve(variable string, f Resolver) { a.resolvers[variable] = f }

// Seal ends the making. The error says which operations have no handler, which handlers no operation, and which variables nobody
// looks up though a permission asks about them.
func (a *API) Seal() error {
	unknown, missing := a.table.Differences(slices.Sorted(maps.Keys(a.handlers)))
	if len(unknown)+len(missing) > 0 {
		return fmt.Errorf("operations that the table does not have: %v; that nobody serves: %v", unknown, missing)
	}
	a.served, a.paths = http.NewServeMux(), pathsOf(a.table, http.HandlerFunc(a.noMethod))
	for _, op := range a.table.Operations() {
		a.served.Handle(op.Method+" "+op.Path, a.enforce(&op, a.handlers[op.ID]))
		if v := variable(op.Path); v != "" && a.resolvers[v] == nil && a.table.AsksObject(op.ID) {
			return fmt.Errorf("%s: nobody looks up {%s}", op.ID, v)
		}
	}
	return nil
}

// variable is the first one of a path.
func variable(path string) string {
	_, rest, _ := strings.Cut(path, "{")
	name, _, _ := strings.Cut(rest, "}")
	return name
}

// Serves says whether a path is one of the API's, whatever the method.
func (a *API) Serves(r *http.Request) bool { return serves(a.paths, r) }

func serves(paths *http.ServeMux, r *http.Request) bool {
	r = trimmed(r)
	if p := r.URL.Path; p == "" || path.Clean(p) != p || strings.Contains(r.URL.EscapedPath(), "//") {
		return false // ServeMux would redirect
	}
	_, pattern := paths.Handler(r)
	return pattern != ""
}

// trimmed is the request without a slash at the end of its path.
func trimmed(r *http.Request) *http.Request {
	if len(r.URL.Path) < 2 || !strings.HasSuffix(r.URL.Path, "/") {
		return r
	}
	u, out := *r.URL, *r
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	out.URL = &u
	return &out
}

// ServeHTTP answers a request for which Serves is true.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	instance := r.URL.EscapedPath()
	r = trimmed(r)
	c := &call{api: a, request: r, instance: instance}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c)) //nolint:contextcheck // it is the request's
	c.request = r
	if r.Method != http.MethodOptions {
		if _, pattern := a.served.Handler(r); pattern != "" {
			a.served.ServeHTTP(w, r)
			return
		}
	}
	a.paths.ServeHTTP(w, r)
}

// enforce has h answer callers who may do op.
func (a *API) enforce(op *permit.Operation, h http.Handler) http.Handler {
	anybody := slices.Equal(op.Permissions, []string{permit.Anybody})
	name := variable(op.Path)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r)
		c.op = op
		if f := c.admit(w, r, nil); f != nil {
			Fail(w, r, *f)
			return
		}
		var caller *callers.Caller
		if !anybody {
			var err error
			if caller, err = CallerOf(r); err != nil {
				Fail(w, r, failureOf(r, err))
				return
			}
			if caller != nil {
				if f := c.admit(w, r, caller); f != nil {
					Fail(w, r, *f)
					return
				}
			}
			if forged(w.Header(), r, caller) {
				Fail(w, r, Failure{Status: http.StatusForbidden, Detail: "A page of another site may not do this with a password that the browser remembers. Send a Bearer token."})
				return
			}
			if a.options.Seen != nil && caller != nil {
				a.options.Seen(r, caller)
			}
			if d := a.table.Enter(op.ID, caller.Permit()); d != nil {
				Fail(w, r, denial(r, caller, d))
				return
			}
		}
		if f := a.resolvers[name]; f != nil && !anybody {
			target, err := f(r.Context(), r.PathValue(name), caller)
			if err != nil {
				Fail(w, r, failureOf(r, err))
				return
			}
			c.target = target
		}
		if !anybody {
			if d := a.table.Decide(op.ID, caller.Permit(), c.target.Object); d != nil {
				Fail(w, r, denial(r, caller, d))
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// Recheck asks again whether r may be answered, for answers that go on for long: its caller may have lost what he had. The error is
// one for Refuse.
func Recheck(r *http.Request) error {
	c := callOf(r)
	if c.op == nil || c.api.callers == nil {
		return ErrNotFound
	}
	caller, err := c.api.callers.Identify(c.request)
	if err != nil {
		return err
	}
	if d := c.api.table.Enter(c.op.ID, caller.Permit()); d != nil {
		return d
	}
	name, target := variable(c.op.Path), Target{}
	if f := c.api.resolvers[name]; f != nil {
		if target, err = f(r.Context(), c.request.PathValue(name), caller); err != nil {
			return err
		}
	}
	if d := c.api.table.Decide(c.op.ID, caller.Permit(), target.Object); d != nil {
		return d
	}
	return nil
}

// forged says that a page of another site has a browser send a password that it remembers, to change something. Pages that the
// option cors names may, which its answer's header says; programs that are no browsers say nothing of where they come from.
func forged(answer http.Header, r *http.Request, c *callers.Caller) bool {
	if c == nil || c.Token != nil || answer.Get("Access-Control-Allow-Origin") != "" {
		return false
	}
	return http.NewCrossOriginProtection().Check(r) != nil
}

// noMethod answers OPTIONS, and methods that a path does not have.
func (a *API) noMethod(w http.ResponseWriter, r *http.Request) {
	c := callOf(r)
	c.op = a.onPath(r.Pattern)
	if f := c.admit(w, r, nil); f != nil { // whoever shows a password has it checked
		Fail(w, r, *f)
		return
	}
	caller, err := CallerOf(r)
	if err != nil {
		if _, fault := errors.AsType[*callers.RefusedError](err); !fault || r.Method != http.MethodOptions {
			Fail(w, r, failureOf(r, err))
			return
		}
	}
	var target Target
	if name := variable(r.Pattern); name != "" && a.resolvers[name] != nil && caller != nil {
		if target, err = a.resolvers[name](r.Context(), r.PathValue(name), caller); err != nil {
			Fail(w, r, failureOf(r, err))
			return
		}
	}
	methods, denied := a.table.Allow(r.Pattern, caller.Permit(), target.Object)
	if r.Method != http.MethodOptions {
		methods, denied = a.methods(r.Pattern), nil
	}
	if denied != nil {
		Fail(w, r, denial(r, caller, denied))
		return
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	if r.Method == http.MethodOptions {
		status := http.StatusNoContent
		if r.Header.Get("Access-Control-Request-Method") != "" {
			// Houston tells browsers the same. Without the option cors they are allowed no origin, so it lets no page in.
			w.Header().Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
			status = http.StatusOK
		}
		w.WriteHeader(status)
		return
	}
	Fail(w, r, Failure{Status: http.StatusMethodNotAllowed, Detail: "Method Not Allowed"})
}

// onPath gives an operation of a path, for its dialect.
func (a *API) onPath(path string) *permit.Operation {
	for _, op := range a.table.Operations() {
		if op.Path == path {
			return &op
		}
	}
	return nil
}

func (a *API) methods(path string) []string {
	var out []string
	for _, op := range a.table.Operations() {
		if op.Path == path {
			out = append(out, op.Method)
		}
	}
	return append(out, http.MethodOptions)
}

// Table gives the table that the API serves.
func (a *API) Table() *permit.Table { return a.table }

var _ http.Handler = (*API)(nil)
