package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

func init() { caddy.RegisterModule(new(XLSX)) }

// XLSX is table.XLSX.
type XLSX struct{ table.XLSX }

// CaddyModule returns the Caddy module information.
func (*XLSX) CaddyModule() caddy.ModuleInfo {
	return info("xlsx", func() caddy.Module { return new(XLSX) })
}

// Provision checks the options and reads the range.
func (m *XLSX) Provision(caddy.Context) error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode xlsx {
//		sheet  <name>
//		header first|none
//		skip   <rows>
//		range  <cells>
//		merged first|fill
//		errors text|null|fail
//	}
func (m *XLSX) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "xlsx", map[string]caddyfiles.Word{
		"sheet":  word(`sheet "Sheet 1"`, same, &m.Sheet),
		"header": word("header none", same, &m.Header),
		"skip":   count("skip 3", &m.Skip),
		"range":  word("range B2:F20", same, &m.Range),
		"merged": word("merged fill", same, &m.Merged),
		"errors": word("errors null", same, &m.Errors),
	})
}

// Interface guards.
var (
	_ decode.Binary         = (*XLSX)(nil)
	_ caddy.Provisioner     = (*XLSX)(nil)
	_ caddyfile.Unmarshaler = (*XLSX)(nil)
)
