// Package guard is the authentication provider `fairway` and the directive `callers`: only users of the store may call what
// stands behind, whatever Caddy handler that is.
package guard

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	"go.opentelemetry.io/otel/attribute"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() { caddy.RegisterModule(new(Guard)) }

// DefaultName is the name of a guard that has none.
const DefaultName = "callers"

// Guard lets users of the store in, who show a password (Basic) or a token (Bearer). Whom it lets in is
// {http.auth.user.id}, with user, email, name, role, number, scopes and client beside. What stands behind it sees neither the
// credentials nor any identity header (see the package identity) but those that are named here.
//
// Caddy's handler `authentication` answers 401 to everybody else; the handler `problem` in the error routes, which the directive
// puts there, answers 403, 429 and 503 where these are meant.
type Guard struct {
	// Name is in metrics and spans. Default: callers.
	Name string `json:"name,omitempty"`
	// Scopes are those that a caller must have, all of them. Who shows a password has every one. Default: none.
	Scopes []string `json:"scopes,omitempty"`
	// Identity are identity headers that what stands behind is sent: in each what those use to have, as X-Forwarded-Email has
	// the e-mail address. Default: none.
	Identity []string `json:"identity,omitempty"`
	// KeepAuthorization leaves the credentials on the request. Default: they are taken off.
	KeepAuthorization bool `json:"keep_authorization,omitempty"`

	known   wrap.Identifier
	fields  []field
	metrics *observe.CallerMetrics
}

// field is an identity header with what it has of a user.
type field struct{ header, of string }

// CaddyModule returns the Caddy module information.
func (*Guard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.authentication.providers.fairway", New: func() caddy.Module { return new(Guard) }}
}

// Provision finds the store of users.
func (g *Guard) Provision(ctx caddy.Context) error {
	if g.Name == "" {
		g.Name = DefaultName
	}
	if err := g.Check(); err != nil {
		return err
	}
	v, err := ctx.App("fairway")
	if err != nil {
		return err
	}
	app := v.(*fairway.App)
	if _, err := app.KnownScopes().Check(g.Scopes); err != nil {
		return fmt.Errorf("callers: %w", err)
	}
	callers, err := app.Callers()
	if err != nil {
		return err
	}
	g.known = callers
	g.metrics = app.Deps(ctx).Metrics.Callers(g.Name)
	return nil
}

// Check refuses scopes that are none, and headers that cannot be filled.
func (g *Guard) Check() error {
	if err := (&wrap.Callers{Who: wrap.Users, Scopes: g.Scopes}).Check(); err != nil {
		return err
	}
	g.fields = nil
	for _, name := range g.Identity {
		header, err := identity.Check(name)
		if err != nil {
			return fmt.Errorf("identity: %w; request_header sends others", err)
		}
		of, known := identity.FieldOf(header)
		switch {
		case identity.HoldsToken(header):
			return fmt.Errorf("identity: %s holds what somebody could log in with, and nobody is sent that", header)
		case !known:
			return fmt.Errorf("identity: nobody knows what %s should say of a user", header)
		case slices.ContainsFunc(g.fields, func(f field) bool { return f.header == header }):
			return fmt.Errorf("identity: the header %s is there twice", header)
		}
		g.fields = append(g.fields, field{header, of})
	}
	return nil
}

// Cleanup gives back what Provision took, as far as it came.
func (g *Guard) Cleanup() error {
	if g.metrics != nil {
		g.metrics.Close()
	}
	return nil
}

// Authenticate implements caddyauth.Authenticator. An error says that it could not be found out who calls.
func (g *Guard) Authenticate(w http.ResponseWriter, r *http.Request) (caddyauth.User, bool, error) {
	asked := r
	ctx, span := observe.Start(r.Context(), "fairway.caller", attribute.String("fairway.service", g.Name))
	if span.IsRecording() {
		asked = r.WithContext(ctx)
	}
	user, p := g.known.Identify(asked, g.Scopes)
	if p == nil {
		p = g.handOn(r, user)
	}
	if p != nil {
		observe.End(span, p.Code)
		g.metrics.Caller(p.Code)
		return refuse(w, r, p)
	}
	observe.End(span, observe.OK)
	by := observe.ByPassword
	if user.ByToken {
		by = observe.ByToken
	}
	g.metrics.Caller(by)
	fairway.SetKnown(r.Context(), user)
	return described(user), true, nil
}

// refuse leaves p for the error route; what a header can say it says also where there is none.
func refuse(w http.ResponseWriter, r *http.Request, p *problem.Problem) (caddyauth.User, bool, error) {
	request.Refuse(r.Context(), p)
	maps.Copy(w.Header(), p.Header)
	p.SetRetryAfter(w.Header())
	if p.Cause != nil {
		return caddyauth.User{}, false, p
	}
	return caddyauth.User{}, false, nil
}

// described is a user in the words of Caddy's placeholders.
func described(u *identity.User) caddyauth.User {
	id := u.ID
	if id == "" {
		id = u.Key
	}
	more := make(map[string]string, len(identity.Fields())-1)
	for _, name := range identity.Fields() {
		if name != "id" {
			more[name] = u.Text(name)
		}
	}
	return caddyauth.User{ID: id, Metadata: more}
}

// handOn makes of a request what stands behind may see.
func (g *Guard) handOn(r *http.Request, u *identity.User) *problem.Problem {
	if !g.KeepAuthorization {
		delete(r.Header, "Authorization")
		delete(r.Header, "Authentication")
	}
	identity.Pass{}.Strip(r.Header)
	identity.Pass{}.Strip(r.Trailer)
	for _, f := range g.fields {
		if err := identity.Set(r.Header, f.header, u.Text(f.of)); err != nil {
			if errors.Is(err, identity.ErrValue) {
				return &problem.Problem{
					Code: problem.BadParameter, Status: http.StatusBadRequest,
					Detail: "Who the caller is cannot be told to the backend: it holds characters that no header may have.",
				}
			}
			return problem.Of(err)
		}
	}
	unnamed(r.Header)
	return nil
}

// unnamed has a caller's Connection name no identity header: the next proxy would take ours off the request.
func unnamed(h http.Header) {
	for i, value := range h["Connection"] {
		if !strings.ContainsAny(value, ",-_") { // close, Upgrade
			continue
		}
		tokens := slices.DeleteFunc(strings.Split(value, ","), func(t string) bool { return identity.Is(t) })
		h["Connection"][i] = strings.Join(tokens, ",")
	}
}

// Interface guards.
var (
	_ caddy.Provisioner       = (*Guard)(nil)
	_ caddy.CleanerUpper      = (*Guard)(nil)
	_ caddyauth.Authenticator = (*Guard)(nil)
)
