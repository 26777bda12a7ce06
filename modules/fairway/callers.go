package fairway

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// knownVariable is where a request keeps its caller whom an earlier handler let in, among Caddy's variables.
const knownVariable = "fairway.caller"

// Callers says who calls. It is for services and sites of one configuration.
type Callers struct{ gate callers.Gate }

// Callers gives who knows the users of the store to a module that is being provisioned; that one asks is why this configuration
// has a store. Nothing is connected before App.Start or the first call.
func (a *App) Callers() (*Callers, error) {
	r, err := a.Realm()
	if err != nil {
		return nil, err
	}
	return &Callers{gate: r.Identify}, nil
}

// Identify implements wrap.Identifier. Whom an earlier handler of the site has let in is not asked again: it may have taken the
// credentials off the request.
func (c *Callers) Identify(r *http.Request, scopes []string) (*identity.User, *problem.Problem) {
	if known := Known(r.Context()); known != nil {
		if p := callers.Permitted(r, known.Scopes, scopes); p != nil {
			return nil, p
		}
		return known, nil
	}
	return c.gate.Identify(r, scopes)
}

// Known gives the caller whom an earlier handler of the site let in, nil where none did.
func Known(ctx context.Context) *identity.User {
	known, _ := caddyhttp.GetVar(ctx, knownVariable).(*identity.User)
	return known
}

// SetKnown has later handlers know the caller.
func SetKnown(ctx context.Context, u *identity.User) { caddyhttp.SetVar(ctx, knownVariable, u) }

var _ wrap.Identifier = (*Callers)(nil)
