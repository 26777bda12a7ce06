package metadata

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/session"
)

func init() {
	httpcaddyfile.RegisterDirective("metadata", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("metadata", httpcaddyfile.Before, "respond")
}

// parseDirective reads:
//
//	metadata [<prefix>...] {
//		name        <word>
//		version     <text>
//		repository  <url>
//		description <text>
//		api_version <word>
//		auth        none | basic | bitly-proxy
//	}
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	n, err := caddyfiles.Read(h.Dispenser)
	if err != nil {
		return nil, err
	}
	handler, place := new(Handler), caddyfiles.Place{}
	for _, a := range n.Args {
		handler.Prefixes = append(handler.Prefixes, a.Text)
		if err := handler.checkPrefixes(); err != nil {
			return nil, caddyfiles.Errorf(a, "%w", err)
		}
	}
	words := caddyfiles.MetadataWords(&handler.Metadata, place)
	words["auth"] = caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One("auth none")
		place["auth"] = t
		handler.Auth = session.Mode(t.Text)
		return err
	}}
	if err := (caddyfiles.Words{Owner: "metadata", Known: words}).Parse(n); err != nil {
		return nil, err
	}
	checked := *handler
	checked.defaults()
	if err := checked.Check(); err != nil {
		return nil, place.Locate(err, n.Word)
	}
	return h.NewRoute(nil, handler), nil
}
