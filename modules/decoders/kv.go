package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
)

func init() { caddy.RegisterModule(new(KV)) }

// KV is lines.KV.
type KV struct{ lines.KV }

// CaddyModule returns the Caddy module information.
func (*KV) CaddyModule() caddy.ModuleInfo { return info("kv", func() caddy.Module { return new(KV) }) }

// Validate checks the options.
func (m *KV) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode kv {
//		delimiter colon|equals|tab|comma|semicolon|pipe|space|"<text>"...
//		comment   hash|semicolon|"<prefix>"... | none
//		inline_comments
//		repeated  error|first|last|list
//		records   blank
//		numbers
//		sections
//		quotes
//		continuation backslash|indent|fold
//		escapes
//		export
//		undelimited error|skip|null
//	}
func (m *KV) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "kv", map[string]caddyfiles.Word{
		"delimiter": oneOrMore("delimiter equals", &m.Delimiter, &m.Delimiters),
		"comment": {Parse: func(n caddyfiles.Node) error {
			if len(n.Args) == 1 && !n.HasBlock && n.Args[0].Text == "none" {
				m.NoComment = true
				return nil
			}
			return oneOrMore("comment hash", &m.Comment, &m.Comments).Parse(n)
		}},
		"inline_comments": flag(&m.InlineComments),
		"repeated":        word("repeated list", same, &m.Repeated),
		"records":         word("records blank", same, &m.Records),
		"numbers":         flag(&m.Numbers),
		"sections":        flag(&m.Sections),
		"quotes":          flag(&m.Quotes),
		"continuation":    word("continuation backslash", same, &m.Continuation),
		"escapes":         flag(&m.Escapes),
		"export":          flag(&m.Export),
		"undelimited":     word("undelimited skip", same, &m.Undelimited),
	})
}

// oneOrMore reads names of delimiters or their texts: a single one to one, several to more.
func oneOrMore(usage string, one *string, more *[]string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if len(n.Args) < 2 {
			var err error
			*one, err = oneText(n, usage, delimiter)
			return err
		}
		if n.HasBlock {
			return n.Errorf("%s takes no block; write: %s", n.Word.Text, usage)
		}
		for _, t := range n.Args {
			*more = append(*more, delimiter(t.Text))
		}
		return nil
	}}
}

// Interface guards.
var (
	_ decode.Decoder        = (*KV)(nil)
	_ caddy.Validator       = (*KV)(nil)
	_ caddyfile.Unmarshaler = (*KV)(nil)
)
