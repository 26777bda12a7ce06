package decoders

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

func init() { caddy.RegisterModule(new(Fixed)) }

// Fixed is table.Fixed.
type Fixed struct{ table.Fixed }

// CaddyModule returns the Caddy module information.
func (*Fixed) CaddyModule() caddy.ModuleInfo {
	return info("fixed", func() caddy.Module { return new(Fixed) })
}

// Validate checks the options.
func (m *Fixed) Validate() error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode fixed {
//		layout    ruler|header
//		widths    <characters>... [*]
//		columns   <name>...
//		column    <name> [<from>-[<to>]] [string|integer|number|bool|date <layout>] [decimal point|comma] [as <name>] [null <text>...]
//		header    first|none
//		gap       <blanks>
//		only
//		skip      <lines>
//		skip_rows <rows>
//		skip_last <rows>
//		comment   hash|"<prefix>"
//		record    "<prefix>"
//		until     blank|"<prefix>"
//		trim      both|right|none
//		wide
//		tabs      <characters>
//		null      <text>...
//		numbers
//		rows      objects|arrays
//	}
func (m *Fixed) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "fixed", map[string]caddyfiles.Word{
		"layout":    word("layout header", same, &m.Layout),
		"widths":    {Parse: m.widths},
		"columns":   texts("columns name state", &m.Columns),
		"column":    {Many: true, Parse: m.column},
		"header":    word("header none", same, &m.Header),
		"gap":       number("gap 2", &m.Gap),
		"only":      flag(&m.Only),
		"skip":      number("skip 2", &m.Skip),
		"skip_rows": number("skip_rows 1", &m.SkipRows),
		"skip_last": number("skip_last 1", &m.SkipLast),
		"comment":   word("comment hash", delimiter, &m.Comment),
		"record":    word("record D", same, &m.Record),
		"until":     word("until blank", same, &m.Until),
		"trim":      word("trim none", same, &m.Trim),
		"wide":      flag(&m.Wide),
		"tabs":      number("tabs 8", &m.Tabs),
		"null":      texts("null - n/a", &m.Null),
		"numbers":   flag(&m.Numbers),
		"rows":      rows(&m.Arrays),
	})
}

func (m *Fixed) widths(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 {
		return n.Errorf("widths takes the widths of the columns in characters, * is all the rest; write: widths 10 8 *")
	}
	for i, t := range n.Args {
		w, err := strconv.Atoi(t.Text)
		if rest := t.Text == "*" && i == len(n.Args)-1; !rest && (err != nil || w < 1) {
			return caddyfiles.Errorf(t, "widths takes numbers from 1, and * as the last, not %q; write: widths 10 8 *", t.Text)
		}
		m.Widths = append(m.Widths, w)
	}
	return nil
}

func (m *Fixed) column(n caddyfiles.Node) error {
	var c table.FixedColumn
	if len(n.Args) > 1 {
		if from, to, ok := place(n.Args[1].Text); ok {
			c.From, c.To = from, to
			n.Args = append([]caddyfile.Token{n.Args[0]}, n.Args[2:]...)
		}
	}
	var err error
	c.Column, err = column(n)
	m.Typed = append(m.Typed, c)
	return err
}

// place reads 11-20, 21- or 21.
func place(s string) (from, to int, ok bool) {
	first, last, ranged := strings.Cut(s, "-")
	from, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	if !ranged {
		return from, from, true
	}
	if last == "" {
		return from, 0, true
	}
	to, err = strconv.Atoi(last)
	return from, to, err == nil
}

// rows reads what rows become.
func rows(arrays *bool) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One("rows arrays")
		if err != nil {
			return err
		}
		if t.Text != "objects" && t.Text != "arrays" {
			return caddyfiles.Errorf(t, "rows are objects or arrays, not %q", t.Text)
		}
		*arrays = t.Text == "arrays"
		return nil
	}}
}

// Interface guards.
var (
	_ decode.Streamer       = (*Fixed)(nil)
	_ caddy.Validator       = (*Fixed)(nil)
	_ caddyfile.Unmarshaler = (*Fixed)(nil)
)
