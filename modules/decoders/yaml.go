package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

func init() { caddy.RegisterModule(new(YAML)) }

// YAML is document.YAML.
type YAML struct{ document.YAML }

// CaddyModule returns the Caddy module information.
func (*YAML) CaddyModule() caddy.ModuleInfo {
	return info("yaml", func() caddy.Module { return new(YAML) })
}

// Validate checks the options.
func (m *YAML) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode yaml {
//		documents
//		yaml11
//		nan        null|string
//		duplicates error|first|last|list
//		tags       drop|error|object
//	}
func (m *YAML) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "yaml", map[string]caddyfiles.Word{
		"documents":  flag(&m.Documents),
		"yaml11":     flag(&m.YAML11),
		"nan":        word("nan null", same, &m.NaN),
		"duplicates": word("duplicates last", same, &m.Duplicates),
		"tags":       word("tags object", same, &m.Tags),
	})
}

// Interface guards.
var (
	_ decode.Decoder        = (*YAML)(nil)
	_ caddy.Validator       = (*YAML)(nil)
	_ caddyfile.Unmarshaler = (*YAML)(nil)
)
