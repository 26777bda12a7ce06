package decoders

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

func init() { caddy.RegisterModule(new(CSV)) }

// CSV is table.CSV.
type CSV struct{ table.CSV }

// CaddyModule returns the Caddy module information.
func (*CSV) CaddyModule() caddy.ModuleInfo {
	return info("csv", func() caddy.Module { return new(CSV) })
}

// Validate checks the options.
func (m *CSV) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode csv {
//		delimiter   auto|comma|semicolon|tab|pipe|"<text>"
//		quote       none|"<character>"
//		lazy_quotes
//		escape      backslash|none
//		header      first|find|none
//		columns     <name>...
//		column      <name> [string|integer|number|bool|date <layout>] [decimal point|comma] [as <name>] [null <text>...]
//		only
//		ragged      error|pad|fit|join|drop|keep
//		skip        <lines>
//		skip_rows   <rows>
//		skip_empty
//		skip_last   <rows>
//		comment     hash|"<prefix>"
//		trim
//		null        <text>...
//		numbers
//		rows        objects|arrays
//	}
func (m *CSV) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	words := csvWords(&m.CSV)
	words["delimiter"] = word("delimiter semicolon", delimiter, &m.Delimiter)
	return options(d, "csv", words)
}

// csvWords are the words of CSV and TSV.
func csvWords(o *table.CSV) map[string]caddyfiles.Word {
	return map[string]caddyfiles.Word{
		"quote":       word("quote none", same, &o.Quote),
		"lazy_quotes": flag(&o.LazyQuotes),
		"escape":      word("escape backslash", same, &o.Escape),
		"header":      word("header none", same, &o.Header),
		"columns":     texts("columns name state", &o.Columns),
		"column": {Many: true, Parse: func(n caddyfiles.Node) error {
			c, err := column(n)
			o.Typed = append(o.Typed, c)
			return err
		}},
		"only":       flag(&o.Only),
		"ragged":     word("ragged pad", same, &o.Ragged),
		"skip":       number("skip 2", &o.Skip),
		"skip_rows":  number("skip_rows 1", &o.SkipRows),
		"skip_empty": flag(&o.SkipEmpty),
		"skip_last":  number("skip_last 1", &o.SkipLast),
		"comment":    word("comment hash", delimiter, &o.Comment),
		"trim":       flag(&o.Trim),
		"null":       texts("null - n/a", &o.Null),
		"numbers":    flag(&o.Numbers),
		"rows":       rows(&o.Arrays),
	}
}

// column reads a declared column of a table of text.
func column(n caddyfiles.Node) (table.Column, error) {
	if n.HasBlock || len(n.Args) == 0 {
		return table.Column{}, n.Errorf("column takes a name and a type; write: column price number decimal comma")
	}
	c := table.Column{Name: n.Args[0].Text}
	w := typedWords{node: n, rest: n.Args[1:]}
	for w.next() {
		ok, err := w.typed(&c.ValueType)
		if err != nil {
			return c, err
		}
		if ok {
			continue
		}
		switch w.at.Text {
		case "decimal":
			err = w.argument("point or comma", &c.Decimal)
		case "as":
			err = w.argument("a name", &c.As)
		case "null":
			if len(w.rest) == 0 {
				err = caddyfiles.Errorf(w.at, `null needs texts: null "n/a" -`)
			}
			for _, t := range w.rest {
				c.Null = append(c.Null, t.Text)
			}
			w.rest = nil
		default:
			err = w.unknown("column", append(typeNames(), "decimal", "as", "null"))
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// number reads a line of one number from 0.
func number(usage string, to *int) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		v, err := strconv.Atoi(t.Text)
		if err != nil || v < 0 {
			return caddyfiles.Errorf(t, "%s takes a number, not %q; write: %s", n.Word.Text, t.Text, usage)
		}
		*to = v
		return nil
	}}
}

// Interface guards.
var (
	_ decode.Streamer       = (*CSV)(nil)
	_ caddy.Validator       = (*CSV)(nil)
	_ caddyfile.Unmarshaler = (*CSV)(nil)
)
