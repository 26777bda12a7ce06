package markup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// Values of the option Header of HTML; a number of rows is another.
const (
	HTMLHeaderAuto   = "auto"
	HTMLHeaderFirst  = "first"
	HTMLHeaderNone   = "none"
	HTMLHeaderColumn = "column"
)

// htmlRows tells the rows of a table as records.
type htmlRows struct {
	d      *HTML
	grid   *htmlGrid
	budget *htmlBudget
	cols   htmlColumns
	rows   []htmlRow
	names  []string
	types  []*HTMLColumn
}

// tell tells the table of a grid as an array.
func (d *HTML) tellGrid(g *htmlGrid, b *htmlBudget, out decode.Sink) error {
	g.body = string(g.text.buf)
	if err := b.take(2*len(g.body) + htmlCellRoom*len(g.cells) + 32*len(g.rows)); err != nil {
		return err
	}
	r := &htmlRows{d: d, grid: g, budget: b, cols: htmlColumns{grid: g, budget: b}}
	for _, row := range g.rows {
		if row.count > 0 && !(d.Footer != "keep" && row.kind == 'f') && !(d.Hidden == "drop" && row.hidden) {
			r.rows = append(r.rows, row)
		}
	}
	if err := r.cols.measure(r.rows); err != nil {
		return err
	}
	header, column := r.header()
	if column {
		return r.tellColumns(out)
	}
	if err := r.name(header); err != nil {
		return err
	}
	return r.tellRows(out)
}

// header takes the rows of names out of the rows, and says whether the names are a column instead.
func (r *htmlRows) header() (header []htmlRow, column bool) {
	switch h := r.d.Header; h {
	case "", HTMLHeaderAuto:
	case HTMLHeaderNone:
		return nil, false
	case HTMLHeaderColumn:
		return nil, true
	default:
		n := 1
		if h != HTMLHeaderFirst {
			n, _ = strconv.Atoi(h)
		}
		n = min(n, len(r.rows))
		header, r.rows = r.rows[:n], r.rows[n:]
		return header, false
	}
	for _, row := range r.rows {
		if row.kind == 'h' && !r.title(row) && !r.blank(row) {
			header = append(header, row)
		}
	}
	r.rows = slices.DeleteFunc(r.rows, func(row htmlRow) bool { return row.kind == 'h' })
	if len(header) > 0 {
		return header, false
	}
	titles := 0
	for titles < len(r.rows) && (r.title(r.rows[titles]) || r.blank(r.rows[titles])) {
		titles++
	}
	if titles < len(r.rows) {
		r.rows = r.rows[titles:]
	}
	n := 0
	for n < len(r.rows) && r.allHead(r.rows[n]) && (n == 0 || !r.title(r.rows[n])) {
		n++
	}
	switch {
	case n == len(r.rows) && n > 0:
		n = 1 // all cells are th, so that says nothing
	case n == 0 && r.sideways():
		return nil, true
	case n == 0 && len(r.d.Columns) == 0 && len(r.rows) > 0:
		n = 1
	}
	header, r.rows = r.rows[:n], r.rows[n:]
	return header, false
}

// title says whether a row is one cell over all columns.
func (r *htmlRows) title(row htmlRow) bool {
	return row.count == 1 && r.cols.width > 1 && r.grid.cells[row.first].colspan > 1
}

func (r *htmlRows) blank(row htmlRow) bool {
	return !slices.ContainsFunc(r.grid.cellsOf(row), func(c htmlCell) bool { return c.from < c.to })
}

func (r *htmlRows) allHead(row htmlRow) bool {
	return !slices.ContainsFunc(r.grid.cellsOf(row), func(c htmlCell) bool { return !c.head })
}

// sideways says whether each row begins with its name, in a th before td or with a colon that no other cell has, as pages of
// devices are made.
func (r *htmlRows) sideways() bool {
	heads, colons := true, len(r.d.Columns) == 0
	for _, row := range r.rows {
		cells := r.grid.cellsOf(row)
		if r.title(row) || r.blank(row) {
			continue
		}
		if len(cells) < 2 {
			return false
		}
		heads = heads && cells[0].head && !slices.ContainsFunc(cells[1:], func(c htmlCell) bool { return c.head })
		colons = colons && r.colon(cells[0]) && !slices.ContainsFunc(cells[1:], r.colon)
		if !heads && !colons {
			return false
		}
	}
	return len(r.rows) > 0
}

func (r *htmlRows) colon(c htmlCell) bool { return strings.HasSuffix(r.grid.textOf(c), ":") }

// name finds the names of the columns: the option's, or the texts of the header's rows over one another.
func (r *htmlRows) name(header []htmlRow) error {
	parts := make([][]string, r.cols.width)
	for _, row := range header {
		line, err := r.cols.place(row)
		if err != nil {
			return err
		}
		for i, cell := range line[:min(len(line), len(parts))] {
			if cell < 0 {
				continue
			}
			text := r.grid.textOf(r.grid.cells[cell])
			if text != "" && (len(parts[i]) == 0 || parts[i][len(parts[i])-1] != text) {
				parts[i] = append(parts[i], text)
			}
		}
	}
	r.cols.group, r.cols.carry = 0, r.cols.carry[:0]
	size := 0
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = strings.Join(p, " ")
		size += len(names[i])
	}
	if err := r.budget.told(size); err != nil {
		return err
	}
	if n := len(r.d.Columns); n > 0 {
		if r.cols.width > 0 && n != r.cols.width {
			return htmlErrorf("columns names %d columns, the table has %d, in the document", n, r.cols.width)
		}
		names = r.d.Columns
	} else if r.d.Header == HTMLHeaderNone {
		return nil
	}
	return r.setNames(names)
}

func (r *htmlRows) setNames(names []string) error {
	r.names = uniqueNames(names)
	r.types = make([]*HTMLColumn, len(r.names))
	for i := range r.d.Typed {
		c := &r.d.Typed[i]
		at := slices.Index(r.names, c.Name)
		if at < 0 {
			return htmlErrorf("no column %q in the table, but %s, in the document", c.Name, listNames(r.names))
		}
		r.types[at] = c
	}
	return nil
}

// listNames shows the first names of a table.
func listNames(names []string) string {
	if len(names) == 0 {
		return "none at all"
	}
	shown := names[:min(3, len(names))]
	text := make([]string, len(shown))
	for i, n := range shown {
		text[i] = strconv.Quote(excerpt.Cut(n, 13))
	}
	if len(shown) < len(names) {
		return strings.Join(text, ", ") + fmt.Sprintf(" and %d more", len(names)-len(shown))
	}
	return strings.Join(text, ", ")
}

// uniqueNames gives names to columns without one and numbers to names that repeat: name, name_2, column_3.
func uniqueNames(names []string) []string {
	seen := make(map[string]int, len(names))
	for _, n := range names {
		seen[n] = 0
	}
	out := make([]string, len(names))
	for i, n := range names {
		if n == "" {
			n = "column_" + strconv.Itoa(i+1)
		}
		if seen[n]++; seen[n] == 1 {
			out[i] = n
			continue
		}
		for {
			numbered := n + "_" + strconv.Itoa(seen[n])
			if _, taken := seen[numbered]; !taken {
				seen[numbered] = 1
				out[i] = numbered
				break
			}
			seen[n]++
		}
	}
	return out
}

func (r *htmlRows) tellRows(out decode.Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	for i, row := range r.rows {
		line, err := r.cols.place(row)
		if err != nil {
			return err
		}
		if r.blank(row) || r.allHead(row) && (r.title(row) || r.repeats(line)) {
			continue
		}
		if err := r.record(line, i, out); err != nil {
			return err
		}
	}
	return out.EndArray()
}

// repeats says whether a row of th has the names of the columns once more.
func (r *htmlRows) repeats(line []int32) bool {
	if len(line) != len(r.names) || r.names == nil {
		return false
	}
	for i, cell := range line {
		if cell < 0 || r.grid.textOf(r.grid.cells[cell]) != r.names[i] {
			return false
		}
	}
	return true
}

func (r *htmlRows) record(line []int32, number int, out decode.Sink) error {
	if r.names == nil {
		return r.array(line, out)
	}
	if err := r.budget.object(len(r.names)); err != nil {
		return err
	}
	if err := out.BeginObject(); err != nil {
		return err
	}
	for i, name := range r.names {
		if err := out.Key(name); err != nil {
			return err
		}
		cell := int32(-1)
		if i < len(line) {
			cell = line[i]
		}
		if err := r.cell(cell, i, number, out); err != nil {
			return err
		}
	}
	return out.EndObject()
}

func (r *htmlRows) array(line []int32, out decode.Sink) error {
	if err := r.budget.take(48 + 16*r.cols.width); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for i := range r.cols.width {
		cell := int32(-1)
		if i < len(line) {
			cell = line[i]
		}
		if err := r.cell(cell, i, 0, out); err != nil {
			return err
		}
	}
	return out.EndArray()
}

func (r *htmlRows) cell(cell int32, column, number int, out decode.Sink) error {
	if cell < 0 {
		if err := r.budget.filled(); err != nil {
			return err
		}
		return out.Null()
	}
	text := r.grid.textOf(r.grid.cells[cell])
	if r.d.null(text) {
		return out.Null()
	}
	if r.types == nil || r.types[column] == nil {
		return out.String(text)
	}
	c := r.types[column]
	if text == "" {
		return out.Null()
	}
	v, err := c.Convert(text)
	if err != nil {
		return htmlErrorf("row %d, column %q: %w, in the document", number+1, c.Name, err)
	}
	return v.Tell(out)
}

// tellColumns tells a table whose first column has the names: each further column is a record.
func (r *htmlRows) tellColumns(out decode.Sink) error {
	var lines [][]int32
	names := []string{}
	for _, row := range r.rows {
		line, err := r.cols.place(row)
		if err != nil {
			return err
		}
		if r.title(row) || r.blank(row) || line[0] < 0 {
			continue
		}
		lines = append(lines, slices.Clone(line))
		name := r.grid.textOf(r.grid.cells[line[0]])
		names = append(names, strings.TrimRight(strings.TrimSuffix(name, ":"), " "))
	}
	if n := len(r.d.Columns); n > 0 {
		if len(names) > 0 && n != len(names) {
			return htmlErrorf("columns names %d columns, the table has %d, in the document", n, len(names))
		}
		names = r.d.Columns
	}
	if err := r.setNames(names); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	record := make([]int32, len(lines))
	for i := 1; i < r.cols.width; i++ {
		for k, line := range lines {
			record[k] = -1
			if i < len(line) {
				record[k] = line[i]
			}
		}
		if err := r.budget.step(len(lines)); err != nil {
			return err
		}
		if err := r.record(record, i-1, out); err != nil {
			return err
		}
	}
	return out.EndArray()
}
