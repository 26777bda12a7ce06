package markup

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// What a field takes of its element.
const (
	HTMLText  = "text"
	HTMLInner = "html"
	HTMLAttr  = "attr"
	HTMLRows  = "table"
)

// HTMLColumn declares a column of a table, which must be there.
type HTMLColumn struct {
	// Name is the head of the column, as it is in the table.
	Name string `json:"name"`
	typed.ValueType
}

// HTMLField is one member of a record. Without Optional or Default it must be there, so that a page of another kind,
// such as a form to log in, is an error and no record of nulls.
//
//	{"name":"price","selector":"td.price","type":"number","match":"([0-9.]+)"}
type HTMLField struct {
	// Name is the member's name. Needed.
	Name string `json:"name"`
	// Selector finds the element inside the record; "." is the record's own, "> td" are its children. Needed.
	Selector string `json:"selector"`
	// Take is "text", "html" (the markup inside), "attr" or "table" (rows, by the options of tables). Default: "text".
	Take string `json:"take,omitempty"`
	// Attr is the attribute that Take "attr" takes; an element without it counts as missing.
	Attr string `json:"attr,omitempty"`
	typed.ValueType
	// All makes an array of all elements found. Default: the first one.
	All bool `json:"all,omitempty"`
	// Optional makes what is missing null, or an empty array with All. Default: it is an error.
	Optional bool `json:"optional,omitempty"`
	// Default is the value of what is missing, written as in the document. Default: none.
	Default *string `json:"default,omitempty"`
	// Match is a regular expression of RE2 for text or attribute: its first group counts, or all that it matches. What
	// it does not match is missing. Default: all of the text.
	Match string `json:"match,omitempty"`

	find     *htmlSelector
	match    *regexp.Regexp
	fallback decode.Cell
}

func (f *HTMLField) check() error {
	if f.Name == "" {
		return errors.New("a field has no name")
	}
	if err := f.compile(); err != nil {
		return fmt.Errorf("field %s: %w", f.Name, err)
	}
	return nil
}

func (f *HTMLField) compile() (err error) {
	if f.find, err = compileHTMLSelector(f.Selector); err != nil {
		return err
	}
	switch f.Take {
	case "", HTMLText, HTMLInner, HTMLAttr, HTMLRows:
	default:
		return fmt.Errorf("take %q: want text, html, attr or table", f.Take)
	}
	if (f.Take == HTMLAttr) != (f.Attr != "") {
		return errors.New("attr needs the name of an attribute")
	}
	if f.Take == HTMLRows && (f.Type != "" || f.Layout != "" || f.Match != "" || f.Default != nil) {
		return errors.New("a table has no type, no match and no default")
	}
	if err := f.ValueType.Check(); err != nil {
		return err
	}
	f.Attr = strings.ToLower(f.Attr)
	f.match = nil
	if f.Match != "" {
		if f.match, err = regexp.Compile(f.Match); err != nil {
			return fmt.Errorf("match: %w", err)
		}
		if f.match.NumSubexp() > 1 {
			return errors.New("match has more than one group; write (?:...) for those that do not count")
		}
	}
	if f.Default == nil {
		return nil
	}
	if f.Optional || f.All {
		return errors.New("default excludes optional and all")
	}
	if f.fallback, err = f.Convert(*f.Default); err != nil {
		return fmt.Errorf("default: %w", err)
	}
	return nil
}

// htmlPage is one document on its way.
type htmlPage struct {
	d      *HTML
	budget *htmlBudget
	links  htmlLinks
	text   htmlText
	grid   htmlGrid
}

// record tells the fields of one record; number is its own, from 1, or 0 where the document is the record.
func (p *htmlPage) record(n *html.Node, number int, out decode.Sink) error {
	if err := p.budget.object(len(p.d.Fields)); err != nil {
		return err
	}
	if err := out.BeginObject(); err != nil {
		return err
	}
	for i := range p.d.Fields {
		f := &p.d.Fields[i]
		if err := out.Key(f.Name); err != nil {
			return err
		}
		if err := p.field(f, n, number, out); err != nil {
			return err
		}
	}
	return out.EndObject()
}

func (p *htmlPage) field(f *HTMLField, record *html.Node, number int, out decode.Sink) error {
	var found []*html.Node
	err := f.find.find(record, p.budget, func(n *html.Node) bool {
		found = append(found, n)
		return f.All
	})
	if err != nil {
		return err
	}
	if !f.All {
		if len(found) == 0 {
			return p.missing(f, number, "nothing matches "+excerpt.Of(f.Selector), out)
		}
		return p.element(f, found[0], number, out)
	}
	if len(found) == 0 && !f.Optional {
		return p.missing(f, number, "nothing matches "+excerpt.Of(f.Selector), out)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for _, n := range found {
		if err := p.element(f, n, number, out); err != nil {
			return err
		}
	}
	return out.EndArray()
}

func (p *htmlPage) missing(f *HTMLField, number int, why string, out decode.Sink) error {
	switch {
	case f.Default != nil:
		return f.fallback.Tell(out)
	case f.Optional:
		return out.Null()
	case number > 0:
		return htmlErrorf("record %d, field %q: %s, in the document", number, f.Name, why)
	}
	return htmlErrorf("field %q: %s, in the document", f.Name, why)
}

// element tells what a field takes of one element.
func (p *htmlPage) element(f *HTMLField, n *html.Node, number int, out decode.Sink) error {
	var text string
	switch f.Take {
	case HTMLRows:
		table, err := p.tableOf(n)
		if err != nil {
			return err
		}
		if table == nil {
			return p.missing(f, number, "there is no table", out)
		}
		return p.table(table, out)
	case HTMLInner:
		var b strings.Builder
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if err := html.Render(&limitedHTML{&b, p.budget}, c); err != nil {
				return err
			}
		}
		text = strings.Trim(b.String(), ascii.Space)
	case HTMLAttr:
		if !hasAttr(n, f.Attr) {
			return p.missing(f, number, "there is no attribute "+excerpt.Of(f.Attr), out)
		}
		text = p.links.attr(n, f.Attr)
		if err := p.budget.told(len(text)); err != nil {
			return err
		}
	default:
		if err := p.textOf(n); err != nil {
			return err
		}
		text = string(p.text.buf)
	}
	return p.value(f, text, number, out)
}

func (p *htmlPage) value(f *HTMLField, text string, number int, out decode.Sink) error {
	if f.match != nil {
		m := f.match.FindStringSubmatchIndex(text)
		if m == nil || m[len(m)-2] < 0 {
			return p.missing(f, number, "its text does not match", out)
		}
		text = text[m[len(m)-2]:m[len(m)-1]]
	}
	if p.d.null(text) {
		return out.Null()
	}
	if text == "" && f.Type != "" && f.Type != typed.String {
		return p.missing(f, number, "its text is empty", out)
	}
	v, err := f.Convert(text)
	if err != nil {
		if number > 0 {
			return htmlErrorf("record %d, field %q: %w, in the document", number, f.Name, err)
		}
		return htmlErrorf("field %q: %w, in the document", f.Name, err)
	}
	return v.Tell(out)
}

// textOf leaves the text of an element in p.text.
func (p *htmlPage) textOf(n *html.Node) error {
	p.text.buf = p.text.buf[:0]
	if err := p.text.element(n, p.budget); err != nil {
		return err
	}
	if err := p.budget.take(htmlStringRoom + len(p.text.buf)); err != nil {
		return err
	}
	return p.budget.told(len(p.text.buf))
}

// limitedHTML stops writing markup when there is too much of it.
type limitedHTML struct {
	*strings.Builder
	budget *htmlBudget
}

func (w *limitedHTML) Write(b []byte) (int, error) {
	if err := w.budget.told(len(b)); err != nil {
		return 0, err
	}
	return w.Builder.Write(b)
}

func (w *limitedHTML) WriteString(s string) (int, error) {
	if err := w.budget.told(len(s)); err != nil {
		return 0, err
	}
	return w.Builder.WriteString(s)
}

func (w *limitedHTML) WriteByte(c byte) error {
	if err := w.budget.told(1); err != nil {
		return err
	}
	return w.Builder.WriteByte(c)
}
