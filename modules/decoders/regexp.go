package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
)

func init() { caddy.RegisterModule(new(Regexp)) }

// Regexp is decode.Regexp.
type Regexp struct{ decode.Regexp }

// CaddyModule returns the Caddy module information.
func (*Regexp) CaddyModule() caddy.ModuleInfo {
	return info("regexp", func() caddy.Module { return new(Regexp) })
}

// Provision checks and compiles the pattern.
func (m *Regexp) Provision(caddy.Context) error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode regexp <pattern> {
//		mode one|all|lines
//		skip_unmatched
//	}
func (m *Regexp) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "regexp", &m.Pattern, map[string]caddyfiles.Word{
		"mode":           word("mode lines", same, &m.Mode),
		"skip_unmatched": flag(&m.SkipUnmatched),
	})
}

// Interface guards.
var (
	_ decode.Decoder        = (*Regexp)(nil)
	_ caddy.Provisioner     = (*Regexp)(nil)
	_ caddyfile.Unmarshaler = (*Regexp)(nil)
)
