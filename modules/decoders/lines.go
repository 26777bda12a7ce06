package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
)

func init() { caddy.RegisterModule(new(Lines)) }

// Lines is lines.Lines.
type Lines struct{ lines.Lines }

// CaddyModule returns the Caddy module information.
func (*Lines) CaddyModule() caddy.ModuleInfo {
	return info("lines", func() caddy.Module { return new(Lines) })
}

// Validate checks the options.
func (m *Lines) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode lines {
//		skip_empty
//		comment hash|"<prefix>"
//		trim
//	}
func (m *Lines) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "lines", map[string]caddyfiles.Word{
		"skip_empty": flag(&m.SkipEmpty),
		"comment":    word("comment hash", delimiter, &m.Comment),
		"trim":       flag(&m.Trim),
	})
}

// Interface guards.
var (
	_ decode.Streamer       = (*Lines)(nil)
	_ caddy.Validator       = (*Lines)(nil)
	_ caddyfile.Unmarshaler = (*Lines)(nil)
)
