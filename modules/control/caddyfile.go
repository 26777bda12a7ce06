package control

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
)

func init() {
	httpcaddyfile.RegisterDirective("control", parseDirective)
	// Before services, one of which may have all paths.
	httpcaddyfile.RegisterDirectiveOrder("control", httpcaddyfile.Before, "respond")
}

// parseDirective reads:
//
//	control
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	n, err := caddyfiles.Read(h.Dispenser)
	if err != nil {
		return nil, err
	}
	if err := n.Flag(); err != nil {
		return nil, err
	}
	if block := caddyfiles.FilesOf(h.State).Block(n.Word); block != "" {
		for _, path := range []string{"/auth", "/api/v1", "/email", "/tokenauth", "/.well-known"} {
			if err := caddyfiles.ClaimsOf(h.State).Claim(block, path, n.Word, "the path "+path); err != nil {
				return nil, err
			}
		}
	}
	return h.NewRoute(nil, new(Handler)), nil
}
