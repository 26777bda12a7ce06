package health

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/problem"
)

func init() {
	httpcaddyfile.RegisterDirective("health", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("health", httpcaddyfile.Before, "redir")
}

// parseDirective reads:
//
//	health
//
// Beside the handler, which wraps the whole site, it adds the error route that answers with problem documents. An own
// handle_errors of the site comes first.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	n, err := caddyfiles.Read(h.Dispenser)
	if err != nil {
		return nil, err
	}
	if err := n.Flag(); err != nil {
		return nil, err
	}
	if block := caddyfiles.FilesOf(h.State).Block(n.Word); block != "" {
		for _, path := range []string{"/", "/ready", "/services"} {
			if err := caddyfiles.ClaimsOf(h.State).Claim(block, path, n.Word, "the path "+path); err != nil {
				return nil, err
			}
		}
	}
	return append(h.NewRoute(nil, new(Handler)), problem.Route(h)...), nil
}
