package caddyfiles

import "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

const probeKey = "fairway.probe"

// InSite says whether a directive stands in a site itself, not inside of another directive such as route.
func InSite(h httpcaddyfile.Helper) bool {
	// Only in the site itself are the two states one.
	h.State[probeKey] = true
	_, own := h.BlockState[probeKey]
	delete(h.State, probeKey)
	return own && !h.IsNamedRoute()
}
