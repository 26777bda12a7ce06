package fairway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Scopes are those of a configuration, and of the control API.
type Scopes []string

// KnownScopes are those that a service of this configuration may ask callers for.
func (a *App) KnownScopes() Scopes {
	all := slices.Concat(a.ScopesOfServices(), permit.Scopes())
	out := make(Scopes, len(all))
	for i, s := range all {
		out[i] = s.Name
	}
	return out
}

// DeclaredScopes gives the scopes of the global option, as Caddy's adapter has it, for a service to be checked with.
func DeclaredScopes(option any) (Scopes, error) {
	var cfg App
	if app, ok := option.(httpcaddyfile.App); ok {
		if err := json.Unmarshal(app.Value, &cfg); err != nil {
			return nil, fmt.Errorf("the option fairway: %w", err)
		}
	}
	return cfg.KnownScopes(), nil
}

// Check says which of the scopes that callers must have nobody could be given: nobody with a token would ever be let in. The error
// is about the scope at that index.
func (s Scopes) Check(wanted []string) (at int, err error) {
	for i, name := range wanted {
		if !slices.Contains(s, name) {
			return i, fmt.Errorf("there is no scope %s among %s; name it in the options: fairway { tokens { scopes %s } }%s",
				name, strings.Join(s, ", "), name, wrap.Suggest(name, s))
		}
	}
	return 0, nil
}
