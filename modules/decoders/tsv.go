package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

func init() { caddy.RegisterModule(new(TSV)) }

// TSV is table.TSV.
type TSV struct{ table.TSV }

// CaddyModule returns the Caddy module information.
func (*TSV) CaddyModule() caddy.ModuleInfo {
	return info("tsv", func() caddy.Module { return new(TSV) })
}

// Validate checks the options.
func (m *TSV) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads the words of csv, of which delimiter is none:
//
//	decode tsv {
//		quote  none|"<character>"
//		escape backslash|none
//		...
//	}
func (m *TSV) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "tsv", csvWords(&m.CSV))
}

// Interface guards.
var (
	_ decode.Streamer       = (*TSV)(nil)
	_ caddy.Validator       = (*TSV)(nil)
	_ caddyfile.Unmarshaler = (*TSV)(nil)
)
