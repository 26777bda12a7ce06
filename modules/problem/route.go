package problem

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
)

const routedKey = "fairway.error_route"

// Route gives the error route that answers with problem documents, to directives that need it: once for each site, and none
// inside of other directives, where it cannot stand. An own handle_errors of the site comes first.
func Route(h httpcaddyfile.Helper) []httpcaddyfile.ConfigValue {
	if !caddyfiles.InSite(h) || h.BlockState[routedKey] != nil {
		return nil
	}
	h.BlockState[routedKey] = true
	return []httpcaddyfile.ConfigValue{{Class: "error_route", Value: &caddyhttp.Subroute{Routes: caddyhttp.RouteList{{
		HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(new(Handler), "handler", "problem", nil)},
	}}}}}
}
