package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
)

func init() { caddy.RegisterModule(new(HTML)) }

// HTML is markup.HTML.
type HTML struct{ markup.HTML }

// CaddyModule returns the Caddy module information.
func (*HTML) CaddyModule() caddy.ModuleInfo {
	return info("html", func() caddy.Module { return new(HTML) })
}

// Provision checks the options and compiles the selectors.
func (m *HTML) Provision(caddy.Context) error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode html {
//		select  <css>
//		field   <name> <css> [text | html | attr <name> | table]
//		        [string | integer | number | bool | date <layout>]
//		        [all] [match <regexp>] [optional | default <value>]
//		table   [<css>]
//		tables  [<css>]
//		empty   ok
//		header  auto | first | <rows> | column | none
//		columns <name>...
//		column  <name> [string | integer | number | bool | date <layout>]
//		footer  drop | keep
//		hidden  keep | drop
//		links   absolute | as_is
//		breaks  space | newline
//		null    <text>...
//	}
func (m *HTML) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "html", map[string]caddyfiles.Word{
		"select": word("select `table.data tr`", same, &m.Select),
		"field":  {Many: true, Parse: m.field},
		"table":  optionalCSS(&m.Table),
		"tables": optionalCSS(&m.Tables),
		"empty": {Parse: func(n caddyfiles.Node) error {
			t, err := n.One("empty ok")
			if err != nil {
				return err
			}
			if t.Text != "ok" {
				return caddyfiles.Errorf(t, "empty %q: write empty ok", t.Text)
			}
			m.Empty = true
			return nil
		}},
		"header":  word("header first", same, &m.Header),
		"columns": texts("columns name state", &m.Columns),
		"column":  {Many: true, Parse: m.column},
		"footer":  word("footer drop", same, &m.Footer),
		"hidden":  word("hidden drop", same, &m.Hidden),
		"links":   word("links absolute", same, &m.Links),
		"breaks":  word("breaks newline", same, &m.Breaks),
		"null":    texts("null - n/a", &m.Null),
	})
}

// optionalCSS reads a line of at most one selector.
func optionalCSS(to **string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		css := ""
		if len(n.Args) > 0 || n.HasBlock {
			t, err := n.One(n.Word.Text + " `#nodes`")
			if err != nil {
				return err
			}
			css = t.Text
		}
		*to = &css
		return nil
	}}
}

// texts reads a line of texts.
func texts(usage string, to *[]string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if n.HasBlock || len(n.Args) == 0 {
			return n.Errorf("%s takes one or more texts; write: %s", n.Word.Text, usage)
		}
		for _, t := range n.Args {
			*to = append(*to, t.Text)
		}
		return nil
	}}
}

func (m *HTML) column(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 {
		return n.Errorf("column takes a name and a type; write: column load number")
	}
	c := markup.HTMLColumn{Name: n.Args[0].Text}
	w := typedWords{node: n, rest: n.Args[1:]}
	for w.next() {
		if ok, err := w.typed(&c.ValueType); err != nil {
			return err
		} else if !ok {
			return w.unknown("column", typeNames())
		}
	}
	m.Typed = append(m.Typed, c)
	return nil
}

func (m *HTML) field(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) < 2 {
		return n.Errorf("field takes a name and a selector; write: field price `td.price` number")
	}
	f := markup.HTMLField{Name: n.Args[0].Text, Selector: n.Args[1].Text}
	w := typedWords{node: n, rest: n.Args[2:]}
	for w.next() {
		ok, err := w.typed(&f.ValueType)
		if !ok && err == nil {
			ok, err = w.taken(&f)
		}
		if err != nil {
			return err
		}
		if !ok {
			return w.unknown("field", append(typeNames(), "text", "html", "attr", "table", "all", "match", "optional", "default"))
		}
	}
	m.Fields = append(m.Fields, f)
	return nil
}

func (w *typedWords) taken(f *markup.HTMLField) (bool, error) {
	switch w.at.Text {
	case "text", "html", "table":
		f.Take = w.at.Text
		return true, w.once("what it takes")
	case "attr":
		f.Take = w.at.Text
		if err := w.once("what it takes"); err != nil {
			return true, err
		}
		return true, w.argument("the name of an attribute: attr href", &f.Attr)
	case "all":
		f.All = true
		return true, w.once("all")
	case "match":
		if err := w.once("match"); err != nil {
			return true, err
		}
		return true, w.argument("a regular expression: match `([0-9]+)`", &f.Match)
	case "optional":
		f.Optional = true
		return true, w.once("a word for what is missing")
	case "default":
		if err := w.once("a word for what is missing"); err != nil {
			return true, err
		}
		f.Default = new(string)
		return true, w.argument("a value: default 0", f.Default)
	}
	return false, nil
}

// Interface guards.
var (
	_ decode.Decoder        = (*HTML)(nil)
	_ decode.Declarer       = (*HTML)(nil)
	_ caddy.Provisioner     = (*HTML)(nil)
	_ caddyfile.Unmarshaler = (*HTML)(nil)
)
