package decode

import (
	"fmt"
	"slices"
	"strings"
)

// csvTable is what is known of the columns once the header is read.
type csvTable struct {
	d     *CSV
	names []string  // of all columns of the document
	typed []*Column // by column of the document; nil: not declared
	place []int     // of a column in the cells; -1: left out
	width int       // of the cells
	head  *header   // of the cells
	cells []cell
	held  [][]cell // rows that may be among the last
	plain bool     // every field is a string as it is
}

// table reads the header and makes the table. It is io.EOF where there is nothing at all.
func (d *CSV) table(r *csvReader) (*csvTable, error) {
	t := &csvTable{d: d, names: d.Columns}
	headless := d.Header == csvNone || d.Header == "" && len(d.Columns) > 0
	if err := r.next(); err != nil {
		return nil, err
	}
	if !headless || len(d.Columns) == 0 {
		record := string(r.bytes())
		raw := make([]string, len(r.fields))
		if !headless {
			for i, f := range r.fields {
				raw[i] = f.value(record)
			}
		}
		if len(d.Columns) == 0 {
			t.names = columnNames(raw)
		}
	}
	if headless {
		r.again()
	} else {
		r.forget()
		r.row--
	}
	return t, t.declare()
}

// again has the record be the next one.
func (r *csvReader) again() {
	r.fields = r.fields[:0]
	r.row--
}

// declare finds the declared columns.
func (t *csvTable) declare() error {
	t.typed = make([]*Column, len(t.names))
	for i := range t.d.Typed {
		c := &t.d.Typed[i]
		at := slices.Index(t.names, c.Name)
		if at < 0 {
			return &SyntaxError{Format: "csv", Msg: fmt.Sprintf("there is no column %q, but %s", excerpt(c.Name), listed(t.names))}
		}
		t.typed[at] = c
	}
	var out []string
	t.place = make([]int, len(t.names))
	for i, name := range t.names {
		c := t.typed[i]
		if c == nil && t.d.Only {
			t.place[i] = -1
			continue
		}
		if c != nil && c.As != "" {
			name = c.As
		}
		t.place[i] = len(out)
		out = append(out, name)
	}
	t.width = len(out)
	t.cells = make([]cell, t.width)
	t.plain = len(t.d.Typed) == 0 && len(t.d.Null) == 0 && !t.d.Numbers && !t.d.Trim && t.d.SkipLast == 0
	var err error
	t.head, err = newHeader(out, t.d.Arrays)
	return err
}

// listed names some columns.
func listed(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == 3 {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", excerpt(name))
	}
	return b.String()
}

// add tells the record that the reader has found, or keeps it while it may be one of the last.
func (t *csvTable) add(r *csvReader, out Sink) error {
	defer r.forget()
	if len(r.fields) != len(t.names) {
		if drop, err := t.ragged(r); drop || err != nil {
			return err
		}
	}
	if t.plain && len(r.fields) == len(t.names) {
		return tellTexts(out, t.head, r.bytes(), r.fields)
	}
	record := string(r.bytes())
	cells := t.cells
	if t.d.SkipLast > 0 {
		cells = make([]cell, t.width)
	}
	for i, at := range t.place {
		switch {
		case at < 0:
			continue
		case i >= len(r.fields):
			cells[at] = cell{kind: cellNull}
			continue
		}
		var err error
		if cells[at], err = t.value(i, r.fields[i].value(record), r.fields[i].quoted); err != nil {
			return r.syntax(r.pos+r.fields[i].from, fmt.Sprintf("row %d, column %q: %v", r.row, excerpt(t.names[i]), err))
		}
	}
	if t.d.SkipLast == 0 {
		return tellRow(out, t.head, cells)
	}
	if len(t.held) < t.d.SkipLast {
		t.held = append(t.held, cells)
		return nil
	}
	first := t.held[0]
	copy(t.held, t.held[1:])
	t.held[len(t.held)-1] = cells
	return tellRow(out, t.head, first)
}

// value makes the cell of a field.
func (t *csvTable) value(i int, s string, quoted bool) (cell, error) {
	if t.d.Trim && !quoted {
		s = strings.Trim(s, asciiSpace)
	}
	if c := t.typed[i]; c != nil {
		return c.value(s, t.d.Null)
	}
	if slices.Contains(t.d.Null, s) {
		return cell{kind: cellNull}, nil
	}
	if t.d.Numbers && !quoted {
		return plainValue(s), nil
	}
	return cell{cellString, s}, nil
}

// ragged says what becomes of a record that has not as many fields as there are columns.
func (t *csvTable) ragged(r *csvReader) (drop bool, err error) {
	short := len(r.fields) < len(t.names)
	switch {
	case t.d.Ragged == RaggedDrop:
		return true, nil
	case t.d.Ragged == RaggedFit, t.d.Ragged == RaggedPad && short:
		return false, nil
	}
	return false, r.syntax(r.pos, fmt.Sprintf("row %d has %d fields where there are %d columns", r.row, len(r.fields), len(t.names)))
}
