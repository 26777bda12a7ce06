// Package decoders holds the guest modules of the namespace fairway.decoders: what the word decode in a fetch can name.
// Each is a decoder of package decode with its name and its words in a Caddyfile.
package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
)

const namespace = "fairway.decoders."

func init() {
	for _, m := range []caddy.Module{new(JSON), new(NDJSON), new(Text), new(Lines), new(Regexp), new(Form)} {
		caddy.RegisterModule(m)
	}
}

// JSON is decode.JSON.
type JSON struct{ decode.JSON }

// NDJSON is decode.NDJSON.
type NDJSON struct{ decode.NDJSON }

// Text is decode.PlainText.
type Text struct{ decode.PlainText }

// Lines is decode.Lines.
type Lines struct{ decode.Lines }

// Regexp is decode.Regexp.
type Regexp struct{ decode.Regexp }

// Form is decode.Form.
type Form struct{ decode.Form }

// CaddyModule returns the Caddy module information.
func (*JSON) CaddyModule() caddy.ModuleInfo {
	return info("json", func() caddy.Module { return new(JSON) })
}

// CaddyModule returns the Caddy module information.
func (*NDJSON) CaddyModule() caddy.ModuleInfo {
	return info("ndjson", func() caddy.Module { return new(NDJSON) })
}

// CaddyModule returns the Caddy module information.
func (*Text) CaddyModule() caddy.ModuleInfo {
	return info("text", func() caddy.Module { return new(Text) })
}

// CaddyModule returns the Caddy module information.
func (*Lines) CaddyModule() caddy.ModuleInfo {
	return info("lines", func() caddy.Module { return new(Lines) })
}

// CaddyModule returns the Caddy module information.
func (*Regexp) CaddyModule() caddy.ModuleInfo {
	return info("regexp", func() caddy.Module { return new(Regexp) })
}

// CaddyModule returns the Caddy module information.
func (*Form) CaddyModule() caddy.ModuleInfo {
	return info("form", func() caddy.Module { return new(Form) })
}

func info(name string, fresh func() caddy.Module) caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(namespace + name), New: fresh}
}

// Provision checks and compiles the pattern.
func (m *Regexp) Provision(caddy.Context) error { return m.Check() }

// Validate checks the options.
func (m *Lines) Validate() error { return m.Check() }

// Validate checks the options.
func (m *Form) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads: decode json.
func (*JSON) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return options(d, "json", nil, nil) }

// UnmarshalCaddyfile reads: decode ndjson.
func (*NDJSON) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "ndjson", nil, nil)
}

// UnmarshalCaddyfile reads:
//
//	decode text {
//		keep
//	}
func (m *Text) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "text", nil, map[string]caddyfiles.Word{"keep": flag(&m.Keep)})
}

// UnmarshalCaddyfile reads:
//
//	decode lines {
//		skip_empty
//		comment <prefix>
//		trim
//	}
func (m *Lines) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "lines", nil, map[string]caddyfiles.Word{
		"skip_empty": flag(&m.SkipEmpty),
		"comment":    word("comment hash", delimiter, &m.Comment),
		"trim":       flag(&m.Trim),
	})
}

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

// UnmarshalCaddyfile reads:
//
//	decode form {
//		repeated error|first|last|list
//	}
func (m *Form) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "form", nil, map[string]caddyfiles.Word{"repeated": word("repeated list", same, &m.Repeated)})
}

// options reads the line of a decoder, whose argument, if it takes one, goes to argument, and the words of its block.
func options(d *caddyfile.Dispenser, name string, argument *string, words map[string]caddyfiles.Word) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	switch {
	case argument == nil && len(n.Args) > 0:
		return caddyfiles.Errorf(n.Args[0], "decode %s takes nothing more on its line, options stand in its block", name)
	case argument != nil && len(n.Args) != 1:
		return n.Errorf("decode %s takes one argument in backquotes: decode %s `...`", name, name)
	case argument != nil:
		*argument = n.Args[0].Text
	}
	return caddyfiles.Words{Owner: "decode " + name, Known: words}.Parse(n)
}

func flag(to *bool) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		*to = true
		return n.Flag()
	}}
}

func word(usage string, read func(string) string, to *string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		*to = read(t.Text)
		return err
	}}
}

func same(s string) string { return s }

// delimiter gives the text of a delimiter's name; some cannot be written in a Caddyfile without quotes.
func delimiter(s string) string {
	names := map[string]string{
		"colon": ":", "equals": "=", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ", "hash": "#",
	}
	if text, ok := names[s]; ok {
		return text
	}
	return s
}

// Interface guards.
var (
	_ decode.Decoder        = (*JSON)(nil)
	_ decode.Decoder        = (*NDJSON)(nil)
	_ decode.Decoder        = (*Text)(nil)
	_ decode.Decoder        = (*Lines)(nil)
	_ decode.Decoder        = (*Regexp)(nil)
	_ decode.Decoder        = (*Form)(nil)
	_ caddy.Provisioner     = (*Regexp)(nil)
	_ caddyfile.Unmarshaler = (*Regexp)(nil)
)
