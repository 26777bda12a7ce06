package control

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/apitokens"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/clients"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/inflate"
	"github.com/fairway-gateway/fairway/modules/control/limits"
	"github.com/fairway-gateway/fairway/modules/control/people"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/programs"
	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/modules/control/schedules"
	"github.com/fairway-gateway/fairway/modules/control/scripts"
	"github.com/fairway-gateway/fairway/modules/control/teams"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/modules/docs"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/request"
)

// table is what this version serves of all that is permitted to somebody.
func table() *permit.Table { return permit.New().Without(later()...) }

// later are operations of the table that this version does not serve yet.
func later() []string {
	return []string{}
}

// operations makes the API over the parts of a realm. d has the services, their scopes, and the version, and is given the rest; ending is closed when
// answers that go on are to end.
func operations(p *realm.Parts, l *limited, d *docs.Options, ending <-chan struct{}, log *slog.Logger) (*api.API, error) {
	seen := programs.New(p.Store, programs.Options{Logger: log})
	a := api.New(table(), scripted(p), api.Options{RequestID: request.ID, Logger: log, Admit: limits.Gate(l.config()), Seen: seen.See})
	for id, handle := range map[string]http.HandlerFunc{
		"auth.login":         p.Tokens.Auth,
		"auth.refresh":       p.Tokens.AuthRefresh,
		"auth.logout":        p.Tokens.Logout,
		"auth.logout_all":    p.Tokens.LogoutAll,
		"session.list":       p.Tokens.Sessions,
		"session.delete":     p.Tokens.RevokeSession,
		"session.delete_all": p.Tokens.RevokeSessions,
		"client.token":       p.Tokens.ServiceToken,
		"oauth2.token":       p.Tokens.Token,
		"oauth2.token.get":   p.Tokens.Token,
		"oauth2.revoke":      p.Tokens.Revoke,
		"oauth2.introspect":  p.Tokens.Introspect,
		"jwks":               p.Tokens.JWKS,
	} {
		a.Handle(id, handle)
	}
	a.Resolve("session", ownSession)
	clients.New(p.Store, p.Scopes, clients.Options{Forget: p.Tokens.Forget}).Register(a)
	apitokens.New(p.Store, p.Scopes, apitokens.Options{Forget: p.Tokens.Forget}).Register(a)
	p.People.Register(a)
	users, err := people.New(p.Store, p.People, a.Table(), people.Options{})
	if err != nil {
		return nil, err
	}
	groups, err := teams.New(p.Store, a.Table())
	if err != nil {
		return nil, err
	}
	uploaded, err := scripts.New(p.Store, scripts.Options{Blobs: p.Blobs, Packing: p.Packing})
	if err != nil {
		return nil, err
	}
	ran, err := executions.New(p.Store, executions.Options{
		Blobs: p.Blobs, Limits: p.Executions.Limits, Timeout: p.Executions.Timeout, Refused: l.refused, Address: fairway.ClientAddress, Logger: log,
		Live: p.Live, Ending: ending,
	})
	if err != nil {
		return nil, err
	}
	planned, err := schedules.New(p.Store, schedules.Options{Planner: ran, Limits: p.Executions.Limits})
	if err != nil {
		return nil, err
	}
	ty := typed.New(a, d.Version)
	uploaded.Register(a, ty)
	ran.Register(a, ty)
	planned.Register(a, ty)
	p.Webhooks.Register(a, ty)
	p.Hooks.Register(a, ty)
	users.Register(ty)
	groups.Register(a, ty)
	seen.Register(ty)
	p.Mail.Register(a)
	limited, err := limits.New(l.limiter, p.Store, log)
	if err != nil {
		return nil, err
	}
	limited.Register(a, ty)
	d.Table, d.Typed, d.Once = a.Table(), ty.OpenAPI(), slices.Sorted(maps.Keys(creating()))
	docs.New(*d).Register(a)
	monitors := health{func(ctx context.Context) error { return p.Store.Ping(ctx) }}
	a.HandleFunc("health.trends", monitors.serveHealth)
	a.HandleFunc("health.trends_ping", monitors.servePing)
	for id, most := range creating() {
		a.Around(id, func(h http.Handler) http.Handler { return p.Once(id, h, most) })
	}
	for _, op := range a.Table().Operations() {
		fail := api.Refuse
		if slices.Contains(ofOAuth(), op.ID) {
			fail = tokens.RefuseBody
		}
		if op.Method != http.MethodGet && op.ID != "user.reset.form" && op.ID != "hook.deliver" { // browsers compress no forms, and what is signed is taken as it is
			a.Around(op.ID, func(h http.Handler) http.Handler { return inflated(h, fail) })
		}
	}
	return a, a.Seal()
}

// scripted are the callers of the API, scripts among them.
func scripted(p *realm.Parts) api.Identifier {
	if p.Callers == nil { // for the document
		return nil
	}
	return p.Callers.WithScripts()
}

// ofOAuth are the operations whose errors are those of RFC 6749.
func ofOAuth() []string {
	return []string{"oauth2.token", "oauth2.revoke", "oauth2.introspect", "client.token"}
}

// inflated has an operation take bodies that are compressed. Those that are not it bounds itself.
func inflated(h http.Handler, fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	inflating := inflate.Handler(h, inflate.Options{Fail: fail})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Content-Encoding"]) == 0 {
			h.ServeHTTP(w, r)
			return
		}
		inflating.ServeHTTP(w, r)
	})
}

// creating are the operations that make something, which an Idempotency-Key has be made once, with how long their bodies may be then, in
// bytes; 0: as long as is usual. Those by which tokens are given out are none: an answer of theirs that is given again may be a token
// that has ended.
func creating() map[string]int64 {
	return map[string]int64{
		"user.create": 0, "users.create": 0, "teams.create": 0, "teams.members.add": 0, "client.create": 0, "oauth2.clients.create": 0, "tokens.create": 0,
		"script.create": scripts.MostBody, "schedule.create": 0,
	}
}

// ownSession takes every session for the caller's: the handlers ask for his sessions alone, so that another's is not found.
func ownSession(_ context.Context, _ string, c *callers.Caller) (api.Target, error) {
	return api.Target{Object: permit.Object{Owners: []string{c.ID}}}, nil
}
