package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

func init() { caddy.RegisterModule(new(NDJSON)) }

// NDJSON is document.NDJSON.
type NDJSON struct{ document.NDJSON }

// CaddyModule returns the Caddy module information.
func (*NDJSON) CaddyModule() caddy.ModuleInfo {
	return info("ndjson", func() caddy.Module { return new(NDJSON) })
}

// Validate checks the options.
func (m *NDJSON) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode ndjson {
//		bad_lines fail|skip
//	}
func (m *NDJSON) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "ndjson", map[string]caddyfiles.Word{
		"bad_lines": word("bad_lines skip", same, &m.BadLines),
	})
}

// Interface guards.
var (
	_ decode.Streamer       = (*NDJSON)(nil)
	_ caddy.Validator       = (*NDJSON)(nil)
	_ caddyfile.Unmarshaler = (*NDJSON)(nil)
)
