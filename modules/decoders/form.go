package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

func init() { caddy.RegisterModule(new(Form)) }

// Form is document.Form.
type Form struct{ document.Form }

// CaddyModule returns the Caddy module information.
func (*Form) CaddyModule() caddy.ModuleInfo {
	return info("form", func() caddy.Module { return new(Form) })
}

// Validate checks the options.
func (m *Form) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode form {
//		repeated error|first|last|list
//	}
func (m *Form) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "form", map[string]caddyfiles.Word{
		"repeated": word("repeated list", same, &m.Repeated),
	})
}

// Interface guards.
var (
	_ decode.Decoder        = (*Form)(nil)
	_ caddy.Validator       = (*Form)(nil)
	_ caddyfile.Unmarshaler = (*Form)(nil)
)
