package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// csvTable is what is known of the columns once the header is read.
type csvTable struct {
	d     *CSV
	names []string       // of all columns of the document
	typed []*Column      // by column of the document; nil: not declared
	place []int          // of a column in the cells; -1: left out
	width int            // of the cells
	head  *decode.Header // of the cells
	cells []decode.Cell
	held  []heldRow // rows that may be among the last
	plain bool      // every field is a string as it is
	least int       // columns that a row must have: those behind have no name
	room  rowRoom
}

// heldRow is a row that may be among the last, which are left out; then nobody minds what is wrong with it.
type heldRow struct {
	cells []decode.Cell
	fault error
}

// table reads the header and makes the table. It is io.EOF where there is nothing at all.
func (d *CSV) table(r *csvReader) (*csvTable, error) {
	t := &csvTable{d: d, names: d.Columns}
	headless := d.Header == csvNone || d.Header == "" && len(d.Columns) > 0
	for {
		if err := r.next(); err != nil {
			if errors.Is(err, io.EOF) && r.row > 0 {
				return nil, &decode.SyntaxError{Format: r.format, Msg: "no row has the declared columns: " + listed(declared(d.Typed))}
			}
			return nil, err
		}
		if headless {
			if len(d.Columns) == 0 {
				t.names = columnNames(make([]string, len(r.fields)))
			}
			r.again()
			break
		}
		if len(d.Columns) == 0 {
			t.names = columnNames(d.raw(r))
		}
		t.least = len(t.names)
		for len(d.Columns) == 0 && t.least > 1 && r.fields[t.least-1].Empty() {
			t.least--
		}
		r.forget()
		if d.Header == csvFind && !t.complete() {
			continue
		}
		r.row = 0
		break
	}
	if headless {
		t.least = len(t.names)
	}
	if err := t.declare(r.format); err != nil {
		return nil, err
	}
	for range d.SkipRows {
		if err := r.next(); err != nil {
			return t, err
		}
		r.forget()
	}
	return t, nil
}

// raw gives the names as they stand in the header.
func (d *CSV) raw(r *csvReader) []string {
	record := string(r.bytes())
	raw := make([]string, len(r.fields))
	for i := range r.fields {
		raw[i] = r.fields[i].Value(record)
		if r.escape {
			raw[i] = unescape(raw[i])
		}
	}
	return raw
}

// complete says whether the names are those of all declared columns.
func (t *csvTable) complete() bool {
	for i := range t.d.Typed {
		if !slices.Contains(t.names, t.d.Typed[i].Name) {
			return false
		}
	}
	return true
}

func declared(typed []Column) []string {
	names := make([]string, len(typed))
	for i := range typed {
		names[i] = typed[i].Name
	}
	return names
}

// again has the record be the next one.
func (r *csvReader) again() {
	r.fields = r.fields[:0]
	r.row--
}

// declare finds the declared columns.
func (t *csvTable) declare(format string) error {
	t.typed = make([]*Column, len(t.names))
	for i := range t.d.Typed {
		c := &t.d.Typed[i]
		at := slices.Index(t.names, c.Name)
		if at < 0 {
			return &decode.SyntaxError{Format: format, Msg: fmt.Sprintf("there is no column %q, but %s", excerpt.Of(c.Name), listed(t.names))}
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
	t.cells = make([]decode.Cell, t.width)
	t.plain = len(t.d.Typed) == 0 && len(t.d.Null) == 0 && !t.d.Numbers && !t.d.Trim && t.d.SkipLast == 0 && t.d.Escape != csvEscape
	var err error
	t.head, err = decode.NewHeader(out, t.d.Arrays)
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
		fmt.Fprintf(&b, "%q", excerpt.Of(name))
	}
	return b.String()
}

// add tells the record that the reader has found, or keeps it while it may be one of the last.
func (t *csvTable) add(r *csvReader, out decode.Sink) error {
	defer r.forget()
	return t.tell(r, r.bytes(), r.fields, out)
}

// tell is add of a record whose fields are in text.
func (t *csvTable) tell(r *csvReader, text []byte, fields []decode.Field, out decode.Sink) error {
	if t.d.SkipEmpty && isEmpty(text, fields) {
		return nil
	}
	var fault error
	if len(fields) == 1 && (len(t.names) > 1 || t.d.Ragged == RaggedKeep) && !fields[0].Quoted && len(bytes.Trim(text, " \t\x00\x1a")) == 0 {
		return nil // a blank line, or the end of file of MS-DOS
	}
	if t.d.Ragged == RaggedKeep {
		return t.keep(r, text, fields, out)
	}
	if len(fields) != len(t.names) {
		for len(fields) > len(t.names) && fields[len(fields)-1].Empty() {
			fields = fields[:len(fields)-1]
		}
		drop, err := t.ragged(r, len(fields))
		if drop || err != nil && t.d.SkipLast == 0 {
			return err
		}
		fault = err
		if last := len(t.names) - 1; t.d.Ragged == RaggedJoin && len(fields) > last+1 {
			fields[last] = decode.Field{From: fields[last].From, To: fields[len(fields)-1].To}
			fields = fields[:last+1]
		}
	}
	if err := t.room.take(r.size(), len(text)); err != nil {
		return err
	}
	if t.plain && len(fields) == len(t.names) {
		return decode.TellTexts(out, t.head, text, fields)
	}
	record := string(text)
	cells := t.cells
	if len(t.held) < t.d.SkipLast {
		cells = make([]decode.Cell, t.width)
	}
	for i, at := range t.place {
		switch {
		case at < 0, fault != nil:
			continue
		case i >= len(fields):
			cells[at] = decode.Cell{Kind: decode.CellNull}
			continue
		}
		var err error
		if cells[at], err = t.value(i, fields[i].Value(record), fields[i].Quoted); err != nil {
			fault = r.syntax(r.pos+fields[i].From, fmt.Sprintf("row %d, column %q: %v", r.row, excerpt.Of(t.names[i]), err))
		}
	}
	if t.d.SkipLast > 0 {
		return t.hold(heldRow{cells, fault}, out)
	}
	if fault != nil {
		return fault
	}
	return decode.TellRow(out, t.head, cells)
}

// keep tells a row that has as many fields as it has.
func (t *csvTable) keep(r *csvReader, text []byte, fields []decode.Field, out decode.Sink) error {
	if err := t.room.take(r.size(), len(text)); err != nil {
		return err
	}
	record := string(text)
	cells := make([]decode.Cell, len(fields))
	for i := range fields {
		var err error
		if cells[i], err = t.value(i, fields[i].Value(record), fields[i].Quoted); err != nil {
			return err
		}
	}
	if t.d.SkipLast > 0 {
		return t.hold(heldRow{cells: cells}, out)
	}
	return t.row(out, cells)
}

func (t *csvTable) row(out decode.Sink, cells []decode.Cell) error {
	if t.d.Ragged != RaggedKeep {
		return decode.TellRow(out, t.head, cells)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for i := range cells {
		if err := cells[i].Tell(out); err != nil {
			return err
		}
	}
	return out.EndArray()
}

// hold keeps a row, and tells the one that is now too far from the end to be left out.
func (t *csvTable) hold(row heldRow, out decode.Sink) error {
	if len(t.held) < t.d.SkipLast {
		t.held = append(t.held, row)
		return nil
	}
	first := t.held[0]
	copy(t.held, t.held[1:])
	t.held[len(t.held)-1], t.cells = row, first.cells
	if first.fault != nil {
		return first.fault
	}
	return t.row(out, first.cells)
}

// value makes the cell of a field.
func (t *csvTable) value(i int, s string, quoted bool) (decode.Cell, error) {
	if t.d.Trim && !quoted {
		s = strings.Trim(s, ascii.Space)
	}
	null := t.d.Null
	var c *Column
	if i < len(t.typed) {
		c = t.typed[i]
	}
	if c != nil && c.Null != nil {
		null = c.Null
	}
	if t.d.Escape == csvEscape {
		if slices.Contains(null, s) || s == `\N` && !quoted {
			return decode.Cell{Kind: decode.CellNull}, nil
		}
		s, null = unescape(s), nil
	}
	if c != nil {
		return c.value(s, null)
	}
	if slices.Contains(null, s) {
		return decode.Cell{Kind: decode.CellNull}, nil
	}
	if t.d.Numbers && !quoted {
		return plainValue(s), nil
	}
	return decode.Cell{Kind: decode.CellString, Text: s}, nil
}

// isEmpty says whether no field of a record has a text.
func isEmpty(text []byte, fields []decode.Field) bool {
	for i := range fields {
		f := &fields[i]
		if s := bytes.Trim(text[f.From:f.To], ascii.Space); len(s) > 0 && !(f.Quoted && len(s) == 2) {
			return false
		}
	}
	return true
}

// ragged says what becomes of a record that has n fields, which are not as many as there are columns.
func (t *csvTable) ragged(r *csvReader, n int) (drop bool, err error) {
	short := n < len(t.names)
	switch {
	case n >= t.least && n <= len(t.names):
		return false, nil
	case t.d.Ragged == RaggedDrop:
		return true, nil
	case t.d.Ragged == RaggedFit, t.d.Ragged == RaggedJoin, t.d.Ragged == RaggedPad && short:
		return false, nil
	}
	msg := fmt.Sprintf("row %d has %s, not %d", r.row, counted(n, "field"), len(t.names))
	if t.d.Ragged == "" && r.format != "fixed" {
		msg += "; see the option ragged"
	}
	return false, r.syntax(r.pos, msg)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// unescape makes what is meant of a text with backslashes.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte("tnrbfv0", s[i]); at >= 0 {
			b.WriteByte("\t\n\r\b\f\v\x00"[at])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
