package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/parts"
)

func init() { caddy.RegisterModule(new(Binary)) }

// Binary is parts.Bytes.
type Binary struct{ parts.Bytes }

// CaddyModule returns the Caddy module information.
func (*Binary) CaddyModule() caddy.ModuleInfo {
	return info("binary", func() caddy.Module { return new(Binary) })
}

// Validate checks the options.
func (m *Binary) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode binary {
//		sha256
//	}
func (m *Binary) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "binary", map[string]caddyfiles.Word{"sha256": flag(&m.SHA256)})
}

// Interface guards.
var (
	_ decode.Binary         = (*Binary)(nil)
	_ caddy.Validator       = (*Binary)(nil)
	_ caddyfile.Unmarshaler = (*Binary)(nil)
)
