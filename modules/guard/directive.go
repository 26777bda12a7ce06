package guard

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/discreet"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/problem"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() {
	httpcaddyfile.RegisterDirective("callers", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("callers", httpcaddyfile.Before, "basic_auth")
}

const usage = "callers users [scope ...]"

// parseDirective reads:
//
//	callers [<matcher>] users [<scope>...] {
//		name     <word>
//		identity <header>...
//		keep_authorization
//	}
//
// It is Caddy's handler `authentication` with the provider `fairway`, before it one that keeps tokens out of logs, and the error route of the directive health, without
// which each refusal would be a bare 401.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	matcher, matched, err := h.MatcherToken()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	h.Reset()
	n, err := caddyfiles.Read(h.Dispenser)
	if err != nil {
		return nil, err
	}
	if matched {
		n.Args = n.Args[1:]
	}
	g, err := parse(n)
	if err != nil {
		return nil, err
	}
	scopes, err := fairway.DeclaredScopes(h.Option("fairway"))
	if err != nil {
		return nil, err
	}
	if i, err := scopes.Check(g.Scopes); err != nil {
		return nil, caddyfiles.Errorf(n.Args[1+i], "%w", err)
	}
	handler := &caddyauth.Authentication{ProvidersRaw: caddy.ModuleMap{"fairway": caddyconfig.JSON(g, nil)}}
	routes := h.NewRoute(matcher, handler)
	if route, ok := routes[0].Value.(caddyhttp.Route); ok {
		route.HandlersRaw = append([]json.RawMessage{caddyconfig.JSONModuleObject(new(discreet.Handler), "handler", "discreet", nil)}, route.HandlersRaw...)
		routes[0].Value = route
	}
	return append(routes, problem.Route(h)...), nil
}

func parse(n caddyfiles.Node) (*Guard, error) {
	if len(n.Args) == 0 {
		return nil, n.Errorf("callers says who may call; write: %s", usage)
	}
	who, g := n.Args[0], new(Guard)
	switch who.Text {
	case wrap.Users:
	case wrap.Anyone:
		return nil, caddyfiles.Errorf(who, "anyone may call a site that has no line callers; leave it out, or write: %s", usage)
	default:
		if err := (&wrap.Callers{Who: who.Text}).Check(); err != nil {
			return nil, caddyfiles.Errorf(who, "%w", err)
		}
	}
	for _, t := range n.Args[1:] {
		g.Scopes = append(g.Scopes, t.Text)
		if err := g.Check(); err != nil {
			return nil, caddyfiles.Errorf(t, "%w", err)
		}
	}
	err := caddyfiles.Words{Owner: "callers", Known: map[string]caddyfiles.Word{
		"name": {Parse: func(n caddyfiles.Node) error {
			t, err := n.One("name reports")
			g.Name = t.Text
			return err
		}},
		"identity": {Parse: func(n caddyfiles.Node) error {
			if len(n.Args) == 0 || n.HasBlock {
				return n.Errorf("identity takes headers that tell who the user is: identity X-Forwarded-User X-Forwarded-Email")
			}
			for _, t := range n.Args {
				g.Identity = append(g.Identity, t.Text)
				if err := g.Check(); err != nil {
					return caddyfiles.Errorf(t, "%w", err)
				}
			}
			return nil
		}},
		"keep_authorization": {Parse: func(n caddyfiles.Node) error {
			g.KeepAuthorization = true
			return n.Flag()
		}},
	}}.Parse(n)
	return g, err
}
