// Package decoders holds the guest modules of the namespace fairway.decoders: what the word decode in a fetch can name.
// Each is a decoder of proxies/decode with its name and its words in a Caddyfile.
package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
)

const namespace = "fairway.decoders."

func init() {
	caddy.RegisterModule(new(Text))
}

// Text is lines.PlainText.
type Text struct{ lines.PlainText }

// CaddyModule returns the Caddy module information.
func (*Text) CaddyModule() caddy.ModuleInfo {
	return info("text", func() caddy.Module { return new(Text) })
}

func info(name string, fresh func() caddy.Module) caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(namespace + name), New: fresh}
}

// UnmarshalCaddyfile reads:
//
//	decode text {
//		keep
//		strip_control
//		line_ends lf
//	}
func (m *Text) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "text", map[string]caddyfiles.Word{
		"keep":          flag(&m.Keep),
		"strip_control": flag(&m.StripControl),
		"line_ends":     word("line_ends lf", same, &m.LineEnds),
	})
}

// Validate checks the options.
func (m *Text) Validate() error { return m.Check() }

// options reads the words of a decoder's block; its line has none.
func options(d *caddyfile.Dispenser, name string, words map[string]caddyfiles.Word) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	if len(n.Args) > 0 {
		return caddyfiles.Errorf(n.Args[0], "decode %s takes nothing more on its line, options stand in its block", name)
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
		var err error
		*to, err = oneText(n, usage, read)
		return err
	}}
}

// oneText reads the one argument of a word. An empty one would be as if the word were not there.
func oneText(n caddyfiles.Node, usage string, read func(string) string) (string, error) {
	t, err := n.One(usage)
	if err == nil && t.Text == "" {
		err = n.Errorf("%s is empty; write: %s", n.Word.Text, usage)
	}
	return read(t.Text), err
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
	_ decode.Decoder        = (*Text)(nil)
	_ caddy.Validator       = (*Text)(nil)
	_ caddyfile.Unmarshaler = (*Text)(nil)
)
