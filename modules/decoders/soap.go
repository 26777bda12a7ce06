package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
)

func init() { caddy.RegisterModule(new(SOAP)) }

// SOAP is markup.SOAP.
type SOAP struct{ markup.SOAP }

// CaddyModule returns the Caddy module information.
func (*SOAP) CaddyModule() caddy.ModuleInfo {
	return info("soap", func() caddy.Module { return new(SOAP) })
}

// Provision checks and compiles the options.
func (m *SOAP) Provision(caddy.Context) error { return m.Check() }

// UnmarshalCaddyfile reads decode soap with the options of decode xml.
func (m *SOAP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "soap", xmlWords(&m.XMLOptions))
}

// Interface guards.
var (
	_ decode.Declarer       = (*SOAP)(nil)
	_ caddy.Provisioner     = (*SOAP)(nil)
	_ caddyfile.Unmarshaler = (*SOAP)(nil)
)
