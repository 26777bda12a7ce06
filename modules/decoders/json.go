package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

func init() { caddy.RegisterModule(new(JSON)) }

// JSON is document.JSON.
type JSON struct{ document.JSON }

// CaddyModule returns the Caddy module information.
func (*JSON) CaddyModule() caddy.ModuleInfo {
	return info("json", func() caddy.Module { return new(JSON) })
}

// Validate checks the options.
func (m *JSON) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode json {
//		items <name>.<name>
//		jsonp
//		nan null|string
//		single_quotes
//		comments
//		trailing_commas
//		unquoted_keys
//		duplicates error|first|last|list
//		python
//		surrogates replace
//		control
//	}
func (m *JSON) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "json", map[string]caddyfiles.Word{
		"items":           word("items data.rows", same, &m.Items),
		"jsonp":           flag(&m.JSONP),
		"nan":             word("nan null", same, &m.NaN),
		"single_quotes":   flag(&m.SingleQuotes),
		"comments":        flag(&m.Comments),
		"trailing_commas": flag(&m.TrailingCommas),
		"unquoted_keys":   flag(&m.UnquotedKeys),
		"duplicates":      word("duplicates last", same, &m.Duplicates),
		"python":          flag(&m.Python),
		"surrogates":      word("surrogates replace", same, &m.Surrogates),
		"control":         flag(&m.Control),
	})
}

// Interface guards.
var (
	_ decode.Streamer       = (*JSON)(nil)
	_ caddy.Validator       = (*JSON)(nil)
	_ caddyfile.Unmarshaler = (*JSON)(nil)
)
