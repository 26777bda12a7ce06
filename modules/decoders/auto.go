package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/parts"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() { caddy.RegisterModule(new(Auto)) }

// Auto is parts.Auto.
type Auto struct{ parts.Auto }

// CaddyModule returns the Caddy module information.
func (*Auto) CaddyModule() caddy.ModuleInfo {
	return info("auto", func() caddy.Module { return new(Auto) })
}

// Provision checks the options and makes the decoders.
func (m *Auto) Provision(caddy.Context) error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode auto {
//		formats <format>...
//	}
func (m *Auto) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "auto", map[string]caddyfiles.Word{"formats": {Parse: m.formats}})
}

func (m *Auto) formats(n caddyfiles.Node) error {
	if len(n.Args) == 0 || n.HasBlock {
		return n.Errorf("formats takes the formats that the body may be in: formats json xml")
	}
	known := parts.AutoFormats()
	for _, t := range n.Args {
		m.Formats = append(m.Formats, t.Text)
		if err := (&parts.Auto{Formats: m.Formats}).Check(); err != nil {
			return caddyfiles.Errorf(t, "%w%s", err, wrap.Suggest(t.Text, known))
		}
	}
	return nil
}

// Interface guards.
var (
	_ decode.Binary         = (*Auto)(nil)
	_ caddy.Provisioner     = (*Auto)(nil)
	_ caddyfile.Unmarshaler = (*Auto)(nil)
)
