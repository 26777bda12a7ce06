package markup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// HTML decodes a document of HTML, however broken, as a browser without scripts would read it. By its options it is
// one of these:
//
//	no option            {"title":"...","text":"...","links":[{"text":"...","href":"..."}],"tables":[[{...}]]}
//	Fields               {"name":value,...}: the document is one record
//	Select               ["text",...]: the text of each element
//	Select and Fields    [{"name":value,...},...]
//	Table                [{"column":"text",...},...]: the rows of one table
//	Tables               [[{...},...],...]: the rows of each table
//
// What was declared and is not there is a *decode.SyntaxError. White space in texts is regular, see Breaks. Scripts and styles are no
// text. Check must have succeeded before Decode.
//
//	Table: "#nodes"
//	<table id=nodes><tr><th>Node<th>Load<tr><td>n1<td>0.5</table>  ->  [{"Node":"n1","Load":"0.5"}]
type HTML struct {
	// Select is a CSS selector of the records. Default: the document is the record.
	Select string `json:"select,omitempty"`
	// Fields are the members of a record, in this order. Default: a record is its text.
	Fields []HTMLField `json:"fields,omitempty"`
	// Table is a CSS selector of a table, or of what the table is in; the first that it finds counts. "" is the first table
	// that has no other inside. Default: absent.
	Table *string `json:"table,omitempty"`
	// Tables is a CSS selector of tables, or of what they are in; "" are all that have no other inside. Default: absent.
	Tables *string `json:"tables,omitempty"`
	// Empty admits that Select, Table or Tables find nothing, and gives []. Default: that is an error.
	Empty bool `json:"empty,omitempty"`
	// Header says where a table has the names of its columns: "first" row, a number of rows ("2"), first "column", "none",
	// or "auto": <thead>, else the leading rows of th, else a first column of th beside td, else the first row; one cell above
	// all columns is no name. Without names rows are arrays. Default: "auto".
	Header string `json:"header,omitempty"`
	// Columns are the names of the columns instead of those in the table, which must have as many. With Header "auto", rows
	// that are not marked as header are data. Default: the table's.
	Columns []string `json:"columns,omitempty"`
	// Typed are columns that must be there, with their types; an empty cell is null. Default: all cells are strings.
	Typed []HTMLColumn `json:"typed,omitempty"`
	// Footer says what becomes of rows in <tfoot>: "drop" or "keep". Default: "drop".
	Footer string `json:"footer,omitempty"`
	// Hidden says what becomes of rows with hidden or display:none: "drop" or "keep". Default: "keep".
	Hidden string `json:"hidden,omitempty"`
	// Links says whether links are made "absolute", by <base> and where the document came from, or stay "as_is".
	// Default: "absolute".
	Links string `json:"links,omitempty"`
	// Breaks is what <br>, borders of blocks, and ends of lines in <pre> are in a text: "space" or "newline".
	// Default: "space".
	Breaks string `json:"breaks,omitempty"`
	// Null are texts of cells and fields that mean null. Default: none.
	Null []string `json:"null,omitempty"`

	records *htmlSelector
	tables  *htmlSelector
	direct  bool // the table can be read without a tree
	simple  simpleSelector
}

// htmlFactor is that of a document of the shortest tags.
const htmlFactor = 80

// Factor implements decode.Decoder.
func (d *HTML) Factor() float64 { return htmlFactor }

// DeclaredCharset implements decode.Declarer.
func (d *HTML) DeclaredCharset(prefix []byte) string { return charset.OfHTML(prefix) }

// Check implements the check at load.
func (d *HTML) Check() error {
	if err := d.checkShape(); err != nil {
		return err
	}
	if err := d.checkTable(); err != nil {
		return err
	}
	for _, o := range []struct{ name, value, a, b string }{
		{"footer", d.Footer, "keep", "drop"},
		{"hidden", d.Hidden, "keep", "drop"},
		{"links", d.Links, "absolute", "as_is"},
		{"breaks", d.Breaks, "space", "newline"},
	} {
		if o.value != "" && o.value != o.a && o.value != o.b {
			return fmt.Errorf("%s %q: want %s or %s", o.name, o.value, o.a, o.b)
		}
	}
	names := map[string]bool{}
	for i := range d.Fields {
		f := &d.Fields[i]
		if err := f.check(); err != nil {
			return err
		}
		if names[f.Name] {
			return fmt.Errorf("field %s is there twice", f.Name)
		}
		names[f.Name] = true
	}
	return nil
}

func (d *HTML) checkShape() (err error) {
	if d.Table != nil && d.Tables != nil {
		return errors.New("table and tables exclude each other")
	}
	if d.Table != nil || d.Tables != nil {
		if d.Select != "" || len(d.Fields) > 0 {
			return errors.New("select and field do not go with table or tables; a field may take a table: field <name> <selector> table")
		}
	}
	if d.Empty && d.Select == "" && d.Table == nil && d.Tables == nil {
		return errors.New("empty needs select, table or tables")
	}
	d.records, d.tables, d.direct = nil, nil, false
	if d.Select != "" {
		if d.records, err = compileHTMLSelector(d.Select); err != nil {
			return fmt.Errorf("select: %w", err)
		}
	}
	for _, css := range []*string{d.Table, d.Tables} {
		if css == nil || *css == "" {
			continue
		}
		if d.tables, err = compileHTMLSelector(*css); err != nil {
			return fmt.Errorf("table: %w", err)
		}
	}
	if d.Table != nil {
		d.simple, d.direct = simple(*d.Table)
	}
	return nil
}

func (d *HTML) checkTable() error {
	switch d.Header {
	case "", HTMLHeaderAuto, HTMLHeaderColumn, HTMLHeaderFirst, HTMLHeaderNone:
	default:
		if n, err := strconv.Atoi(d.Header); err != nil || n < 1 || n > 10 {
			return fmt.Errorf("header %q: want auto, first, none, column or a number of rows from 1 to 10", d.Header)
		}
	}
	tables := d.Table != nil || d.Tables != nil || d.Select == "" && len(d.Fields) == 0 ||
		slices.ContainsFunc(d.Fields, func(f HTMLField) bool { return f.Take == HTMLRows })
	if !tables && (d.Header != "" || len(d.Columns) > 0 || len(d.Typed) > 0 || d.Footer != "" || d.Hidden != "") {
		return errors.New("header, columns, column, footer and hidden are for tables, and none is taken")
	}
	if d.Table == nil && d.Tables == nil && len(d.Fields) == 0 && (len(d.Columns) > 0 || len(d.Typed) > 0) {
		return errors.New("columns and column need table or tables")
	}
	seen := map[string]bool{}
	for _, c := range d.Columns {
		if c == "" || seen[c] {
			return fmt.Errorf("columns: %q is empty or there twice", c)
		}
		seen[c] = true
	}
	if len(d.Typed) > 0 && d.Header == HTMLHeaderNone && len(d.Columns) == 0 {
		return errors.New("column needs names: header none goes with columns only")
	}
	declared := map[string]bool{}
	for i := range d.Typed {
		c := &d.Typed[i]
		if err := c.Check(); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
		if declared[c.Name] {
			return fmt.Errorf("column %s is there twice", c.Name)
		}
		declared[c.Name] = true
		if len(d.Columns) > 0 && !seen[c.Name] {
			return fmt.Errorf("column %s is none of columns", c.Name)
		}
	}
	return nil
}

func (d *HTML) null(text string) bool { return len(d.Null) > 0 && slices.Contains(d.Null, text) }

// htmlErrorf is an error of the document as a whole; its text ends so that a place can follow.
func htmlErrorf(format string, args ...any) error {
	return &decode.SyntaxError{Format: "html", Msg: fmt.Errorf(format, args...).Error() + " that starts"}
}

// Decode implements decode.Decoder.
func (d *HTML) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	budget := newHTMLBudget(ctx, len(in.Body))
	if d.direct {
		grid := new(htmlGrid)
		grid.reset(d.Breaks == "newline")
		read := htmlTokenTable{grid: grid, budget: budget, sel: d.simple}
		found, err := read.read(in.Body)
		switch {
		case err == nil && found:
			return d.tellGrid(grid, budget, out)
		case err == nil:
			return d.nothing("there is no table "+d.named(*d.Table), out)
		case !errors.Is(err, errNotPlain):
			return err
		}
		budget = newHTMLBudget(ctx, len(in.Body))
	}
	return d.decodeTree(in, budget, out)
}

func (d *HTML) named(css string) string {
	if css == "" {
		return "at all"
	}
	return "for " + excerpt.Of(css)
}

// nothing tells that no element was found.
func (d *HTML) nothing(why string, out decode.Sink) error {
	if !d.Empty {
		return htmlErrorf("%s, in the document", why)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	return out.EndArray()
}

func (d *HTML) decodeTree(in *decode.Input, budget *htmlBudget, out decode.Sink) error {
	root, err := parseHTML(in.Body, budget)
	if err != nil {
		return err
	}
	p := &htmlPage{d: d, budget: budget}
	p.text.lines = d.Breaks == "newline"
	if p.links, err = d.linksOf(root, in.URL, budget); err != nil {
		return err
	}
	switch {
	case d.Table != nil:
		return p.oneTable(root, out)
	case d.Tables != nil:
		return p.allTables(root, out)
	case d.Select != "":
		return p.list(root, out)
	case len(d.Fields) > 0:
		return p.record(root, 0, out)
	}
	return p.overview(root, out)
}

// list tells the records that Select finds.
func (p *htmlPage) list(root *html.Node, out decode.Sink) error {
	var found []*html.Node
	err := p.d.records.find(root, p.budget, func(n *html.Node) bool {
		found = append(found, n)
		return true
	})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return p.d.nothing("nothing matches "+excerpt.Of(p.d.Select), out)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for i, n := range found {
		if len(p.d.Fields) > 0 {
			if err := p.record(n, i+1, out); err != nil {
				return err
			}
			continue
		}
		if err := p.textOf(n); err != nil {
			return err
		}
		if err := out.String(string(p.text.buf)); err != nil {
			return err
		}
	}
	return out.EndArray()
}

var (
	_ decode.Decoder  = (*HTML)(nil)
	_ decode.Declarer = (*HTML)(nil)
)
