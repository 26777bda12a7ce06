package markup

import (
	"slices"

	"golang.org/x/net/html"
)

// Bounds of the HTML standard: what a cell says beyond them, browsers do not believe either.
const (
	htmlMaxColspan = 1000
	htmlMaxRowspan = 65534
)

// htmlGrid is a table as it stands in the document: rows of cells, not yet put into columns.
type htmlGrid struct {
	text  htmlText
	cells []htmlCell
	rows  []htmlRow
	body  string // the texts, once all are there
}

type htmlCell struct {
	from, to         int32 // of its text
	colspan, rowspan uint16
	head             bool // th
}

type htmlRow struct {
	first, count int32 // of its cells
	group        int32 // rows of one thead, tbody or tfoot have one number; spans end with it
	kind         byte  // 'h', 'b' or 'f'
	hidden       bool
}

func (g *htmlGrid) reset(lines bool) {
	g.text.buf, g.text.lines = g.text.buf[:0], lines
	g.cells, g.rows = g.cells[:0], g.rows[:0]
}

func (g *htmlGrid) beginRow(group int32, kind byte, hidden bool) {
	if len(g.rows) == cap(g.rows) { // append grows large slices by a quarter only, which in sum takes more
		g.rows = slices.Grow(g.rows, max(16, len(g.rows)))
	}
	g.rows = append(g.rows, htmlRow{first: int32(len(g.cells)), group: group, kind: kind, hidden: hidden}) //nolint:gosec // cells take bytes of a body, which are fewer
}

func (g *htmlGrid) beginCell(head bool, colspan, rowspan uint16) {
	g.text.begin()
	if len(g.cells) == cap(g.cells) {
		g.cells = slices.Grow(g.cells, max(64, len(g.cells)))
	}
	g.cells = append(g.cells, htmlCell{colspan: colspan, rowspan: rowspan, head: head})
}

func (g *htmlGrid) endCell() {
	c := &g.cells[len(g.cells)-1]
	c.from, c.to = int32(g.text.start), int32(len(g.text.buf)) //nolint:gosec // see beginRow
	g.rows[len(g.rows)-1].count++
}

func (g *htmlGrid) textOf(c htmlCell) string { return g.body[c.from:c.to] }

func (g *htmlGrid) cellsOf(r htmlRow) []htmlCell { return g.cells[r.first : r.first+r.count] }

// htmlSpan reads colspan or rowspan as browsers do: leading digits count, what is no number is 1.
func htmlSpan[T string | []byte](s T, most int, zero bool) uint16 {
	i, n, digits := 0, 0, 0
	for i < len(s) && (s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r') {
		i++
	}
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		n = min(n*10+int(s[i]-'0'), most)
		digits++
	}
	switch {
	case digits == 0 || n == 0 && !zero:
		return 1
	case n == 0:
		return uint16(most) //nolint:gosec // the bounds are small
	}
	return uint16(n)
}

// ofNode reads the table of an element. Tables in its cells are text of these cells.
func (g *htmlGrid) ofNode(table *html.Node, b *htmlBudget) error {
	group := int32(0)
	row := func(tr *html.Node, kind byte) error {
		g.beginRow(group, kind, htmlHidden(tr))
		for c := tr.FirstChild; c != nil; c = c.NextSibling {
			if c.Type != html.ElementNode || c.Data != "td" && c.Data != "th" {
				continue
			}
			g.beginCell(c.Data == "th", htmlSpan(attrOf(c, "colspan"), htmlMaxColspan, false), htmlSpan(attrOf(c, "rowspan"), htmlMaxRowspan, true))
			if err := g.text.inside(c, b, false); err != nil {
				return err
			}
			g.endCell()
		}
		return nil
	}
	for c := table.FirstChild; c != nil; c = c.NextSibling {
		if err := b.step(1); err != nil {
			return err
		}
		kind := htmlGroup(c.Data)
		if c.Type != html.ElementNode || kind == 0 {
			continue
		}
		group++
		for tr := c.FirstChild; tr != nil; tr = tr.NextSibling {
			if err := b.step(1); err != nil {
				return err
			}
			if tr.Type != html.ElementNode || tr.Data != "tr" {
				continue
			}
			if err := row(tr, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// htmlGroup gives the kind of rows that an element groups; 0: it groups none.
func htmlGroup(name string) byte {
	switch name {
	case "thead":
		return 'h'
	case "tbody":
		return 'b'
	case "tfoot":
		return 'f'
	}
	return 0
}

func attrOf(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return true
		}
	}
	return false
}

func htmlHidden(n *html.Node) bool { return hasAttr(n, "hidden") || styleHides(attrOf(n, "style")) }

// styleHides looks for display:none in a style attribute.
func styleHides[T string | []byte](style T) bool {
	const what = "display:none"
	at := 0
	for i := range len(style) {
		c := style[i]
		if c == ' ' || c >= '\t' && c <= '\r' {
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		switch c {
		case what[at]:
			at++
		case what[0]:
			at = 1
		default:
			at = 0
		}
		if at == len(what) {
			return true
		}
	}
	return false
}

// htmlColumns puts the cells of rows into columns, one row after the other.
type htmlColumns struct {
	grid   *htmlGrid
	budget *htmlBudget
	width  int // columns beyond it are not told; 0: not known yet
	group  int32
	carry  []htmlCarry
	line   []int32 // the cell of each column; -1: none
}

type htmlCarry struct {
	left int // rows
	cell int32
}

// place gives the cells of the columns of a row. It is valid until the next call.
func (p *htmlColumns) place(r htmlRow) ([]int32, error) {
	if r.group != p.group {
		p.group, p.carry = r.group, p.carry[:0]
	}
	p.line = p.line[:0]
	for i := range r.count {
		if err := p.carried(); err != nil {
			return nil, err
		}
		cell := r.first + i
		c := p.grid.cells[cell]
		span := int(c.colspan)
		if i == r.count-1 && c.rowspan == 1 && p.width == 0 {
			span = 1 // more columns there are only where cells begin
		}
		for k := range span {
			col := len(p.line)
			if k > 0 {
				if p.width > 0 && col >= p.width || col < len(p.carry) && p.carry[col].left > 0 {
					break
				}
				if err := p.budget.filled(); err != nil {
					return nil, err
				}
			}
			p.line = append(p.line, cell)
			p.hold(col, cell, int(c.rowspan)-1)
		}
	}
	for len(p.line) < len(p.carry) {
		if err := p.carried(); err != nil {
			return nil, err
		}
		if len(p.line) < len(p.carry) {
			p.line = append(p.line, -1)
			if err := p.budget.filled(); err != nil {
				return nil, err
			}
		}
	}
	for n := len(p.carry); n > 0 && p.carry[n-1].left == 0; n-- {
		p.carry = p.carry[:n-1]
	}
	return p.line, nil
}

// carried adds what cells of rows above cover.
func (p *htmlColumns) carried() error {
	for len(p.line) < len(p.carry) && p.carry[len(p.line)].left > 0 {
		at := &p.carry[len(p.line)]
		at.left--
		p.line = append(p.line, at.cell)
		if err := p.budget.filled(); err != nil {
			return err
		}
	}
	return nil
}

// hold notes that a cell covers its column in rows below.
func (p *htmlColumns) hold(col int, cell int32, rows int) {
	if col < len(p.carry) {
		p.carry[col] = htmlCarry{rows, cell}
		return
	}
	if rows == 0 {
		return
	}
	for len(p.carry) < col {
		p.carry = append(p.carry, htmlCarry{})
	}
	p.carry = append(p.carry, htmlCarry{rows, cell})
}

// measure finds how many columns there are: one more than the last in which a cell begins, so that a colspan that is
// written too large adds none.
func (p *htmlColumns) measure(rows []htmlRow) error {
	width := 0
	for _, r := range rows {
		line, err := p.place(r)
		if err != nil {
			return err
		}
		n := len(line)
		for n > 1 && line[n-1] == line[n-2] && line[n-1] >= 0 {
			n--
		}
		width = max(width, n)
	}
	p.width, p.group, p.carry = width, 0, p.carry[:0]
	return nil
}
