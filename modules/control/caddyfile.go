package control

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/jobs"
)

func init() {
	httpcaddyfile.RegisterDirective("control", parseDirective)
	// Before services, one of which may have all paths.
	httpcaddyfile.RegisterDirectiveOrder("control", httpcaddyfile.Before, "respond")
}

// parseDirective reads:
//
//	control {
//		rate <n>/<unit> [by caller|address]
//		exempt [admins] [private_ranges] [<network>...] | nobody
//		cors <origin>... { ... }
//	}
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	n, err := caddyfiles.Read(h.Dispenser)
	if err != nil {
		return nil, err
	}
	handler := new(Handler)
	if err := handler.parse(n); err != nil {
		return nil, err
	}
	if block := caddyfiles.FilesOf(h.State).Block(n.Word); block != "" {
		if err := claim(caddyfiles.ClaimsOf(h.State), block, n.Word); err != nil {
			return nil, err
		}
	}
	return h.NewRoute(nil, handler), nil
}

// claim takes the paths of the API, but those with a variable.
func claim(c *caddyfiles.Claims, site string, at caddyfile.Token) error {
	if err := c.Claim(site, jobs.Path, at, "the path "+jobs.Path); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, op := range table().Operations() {
		if seen[op.Path] || strings.Contains(op.Path, "{") {
			continue
		}
		seen[op.Path] = true
		if err := c.Claim(site, op.Path, at, "the path "+op.Path); err != nil {
			return err
		}
	}
	return nil
}
