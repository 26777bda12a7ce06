package decode

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Header is the columns of a table, looked at once for all of its rows: their names are UTF-8 and differ.
type Header struct {
	names []string
	array bool // rows are arrays, and have no names
	// What stands before a value: `{"name":` or `,"name":`, in an array `[` or `,`. Between two strings quotes are part of it.
	before, between []string
}

// NewHeader looks at names of columns; with array, rows are arrays and have none.
func NewHeader(names []string, array bool) (*Header, error) {
	h := &Header{names: names, array: array, before: make([]string, len(names)), between: make([]string, len(names))}
	var seen map[string]struct{}
	if !array {
		seen = make(map[string]struct{}, len(names))
	}
	var key []byte
	for i, name := range names {
		if key = append(key[:0], `",`...); i == 0 {
			key = append(key[:0], h.open()...)
		}
		if !array {
			if seen[name] = struct{}{}; len(seen) == i {
				return nil, duplicate(name)
			}
			var ok bool
			if key, ok = appendString(key, name); !ok {
				return nil, ErrUTF8
			}
			key = append(key, ':')
		}
		text := string(append(key, '"'))
		h.between[i], h.before[i] = text, text[min(i, 1):len(text)-1]
	}
	return h, nil
}

// TextSize is how many bytes of text a row has without its values.
func (h *Header) TextSize() int {
	n := 2
	for _, s := range h.between {
		n += len(s)
	}
	return n
}

// TreeSize is about how many bytes a row has as a tree, without its texts.
func (h *Header) TreeSize() int {
	const item, small, slot = 20, 345, 80
	n := len(h.names) * item
	switch {
	case h.array:
	case len(h.names) <= 8:
		n += small
	default:
		n += len(h.names) * slot
	}
	return n
}

func (h *Header) open() string {
	if h.array {
		return "["
	}
	return "{"
}

func (h *Header) end() byte {
	if h.array {
		return ']'
	}
	return '}'
}

// nodes is how many values and names a row has, itself left out.
func (h *Header) nodes() int {
	if h.array {
		return len(h.names)
	}
	return 2 * len(h.names)
}

// Cell is the value of one column in one row.
type Cell struct {
	Kind byte   // CellString and so on
	Text string // without quotes; as in JSON for numbers, true and false
}

// Kinds of cells.
const (
	CellString = 's'
	CellNumber = 'n'
	CellBool   = 'b'
	CellNull   = '0'
)

// rowSink is a Sink that takes a row of a table at once. It saves a look at every name of every row.
type rowSink interface {
	// row takes a cell for each column.
	row(h *Header, cells []Cell) error
	// texts takes a row whose values are all strings, by their places in the text of the record, which it does not keep.
	texts(h *Header, record []byte, fields []Field) error
}

// Field is where a string is in the text of a record.
type Field struct {
	From, To int  // in bytes
	Quoted   bool // there are quotes around it
	Odd      bool // and it holds more of them, each twice, or white space behind
}

// Empty says whether there is nothing, not even quotes.
func (f *Field) Empty() bool { return f.From == f.To }

// Value gives the string.
func (f *Field) Value(record string) string {
	s := record[f.From:f.To]
	if !f.Quoted {
		return s
	}
	q := s[:1]
	if s = s[1:]; s == "" {
		return ""
	}
	if !f.Odd {
		return strings.TrimSuffix(s, q)
	}
	if s[len(s)-1] == ' ' || s[len(s)-1] == '\t' {
		s = strings.TrimRight(s, " \t")
	}
	return strings.ReplaceAll(strings.TrimSuffix(s, q), q+q, q)
}

// TellRow tells a row to any sink.
func TellRow(out Sink, h *Header, cells []Cell) error {
	if s, ok := out.(rowSink); ok {
		return s.row(h, cells)
	}
	begin, end := out.BeginObject, out.EndObject
	if h.array {
		begin, end = out.BeginArray, out.EndArray
	}
	if err := begin(); err != nil {
		return err
	}
	for i, c := range cells {
		if !h.array {
			if err := out.Key(h.names[i]); err != nil {
				return err
			}
		}
		if err := c.Tell(out); err != nil {
			return err
		}
	}
	return end()
}

// TellTexts tells a row of strings to any sink.
func TellTexts(out Sink, h *Header, record []byte, fields []Field) error {
	if s, ok := out.(rowSink); ok {
		return s.texts(h, record, fields)
	}
	cells, text := make([]Cell, len(fields)), string(record)
	for i := range fields {
		cells[i] = Cell{CellString, fields[i].Value(text)}
	}
	return TellRow(out, h, cells)
}

// Tell tells the value to any sink.
func (c Cell) Tell(out Sink) error {
	switch c.Kind {
	case CellNumber:
		return out.Number(c.Text)
	case CellBool:
		return out.Bool(c.Text == "true")
	case CellNull:
		return out.Null()
	}
	return out.String(c.Text)
}

// rowOf admits a row with all that is in it, and says whether a comma stands before it.
func (g *guard) rowOf(h *Header) (comma bool, err error) {
	comma, err = g.begin(!h.array)
	if err != nil {
		return false, err
	}
	g.levels = g.levels[:len(g.levels)-1]
	if g.nodes += h.nodes(); g.nodes > g.maxNodes {
		return false, g.fail(&LimitError{What: "nodes", Limit: g.maxNodes})
	}
	return comma, nil
}

func (w *Writer) row(h *Header, cells []Cell) error {
	comma, err := w.guard.rowOf(h)
	if err != nil {
		return err
	}
	if comma {
		w.buf = append(w.buf, ',')
	}
	for i := range cells {
		c := &cells[i]
		w.buf = append(w.buf, h.before[i]...)
		switch c.Kind {
		case CellNull:
			w.buf = append(w.buf, "null"...)
		case CellNumber:
			if err := w.guard.number(c.Text); err != nil {
				return err
			}
			w.buf = append(w.buf, c.Text...)
		case CellBool:
			w.buf = append(w.buf, c.Text...)
		default:
			if err := w.quote(c.Text); err != nil {
				return err
			}
		}
	}
	if len(cells) == 0 {
		w.buf = append(w.buf, h.open()...)
	}
	w.buf = append(w.buf, h.end())
	return nil
}

func (w *Writer) texts(h *Header, record []byte, fields []Field) error {
	comma, err := w.guard.rowOf(h)
	if err != nil {
		return err
	}
	b := w.buf
	if comma {
		b = append(b, ',')
	}
	between := h.between[:len(fields)]
	for i := range fields {
		f := &fields[i]
		b = append(b, between[i]...)
		var ok bool
		switch s := record[f.From:f.To]; {
		case !f.Quoted:
			b, ok = appendEscaped(b, s)
		case !f.Odd && len(s) > 1 && s[len(s)-1] == s[0]:
			b, ok = appendEscaped(b, s[1:len(s)-1])
		case f.Odd && len(s) > 1 && s[len(s)-1] == s[0]:
			b, ok = appendSingle(b, s[:len(s)-1])
		default:
			b, ok = appendEscaped(b, f.Value(string(record)))
		}
		if !ok {
			return w.guard.fail(ErrUTF8)
		}
	}
	w.buf = append(b, '"', h.end())
	return nil
}

// appendSingle appends text behind its first byte, a quote, as part of a JSON string; of two such quotes that stand together
// one goes.
func appendSingle(b, text []byte) ([]byte, bool) {
	quote, rest := text[0], text[1:]
	for {
		part := rest
		at := bytes.IndexByte(rest, quote)
		if at >= 0 {
			part = rest[:at+1]
			if rest = rest[at+1:]; len(rest) > 0 && rest[0] == quote {
				rest = rest[1:]
			}
		}
		var ok bool
		if b, ok = appendEscaped(b, part); !ok {
			return b, false
		}
		if at < 0 {
			return b, true
		}
	}
}

func (t *Tree) row(h *Header, cells []Cell) error {
	return t.made(h, func(i int) (any, error) {
		switch c := &cells[i]; c.Kind {
		case CellNull:
			return nil, nil
		case CellNumber:
			return json.Number(c.Text), t.guard.number(c.Text)
		case CellBool:
			return c.Text == "true", nil
		default:
			return t.text(c.Text)
		}
	})
}

func (t *Tree) texts(h *Header, record []byte, fields []Field) error {
	text := string(record)
	return t.made(h, func(i int) (any, error) { return t.text(fields[i].Value(text)) })
}

func (t *Tree) text(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, t.guard.fail(ErrUTF8)
	}
	return s, nil
}

// made puts a row of values.
func (t *Tree) made(h *Header, value func(int) (any, error)) error {
	if _, err := t.guard.rowOf(h); err != nil {
		return err
	}
	if h.array {
		list := make([]any, len(h.names))
		for i := range list {
			var err error
			if list[i], err = value(i); err != nil {
				return err
			}
		}
		return t.put(list)
	}
	object := make(map[string]any, len(h.names))
	for i, name := range h.names {
		v, err := value(i)
		if err != nil {
			return err
		}
		object[name] = v
	}
	return t.put(object)
}

// row implements rowSink: the row is the record.
func (r *Records) row(h *Header, cells []Cell) error {
	n := h.nodes() * tokenSize
	for i := range cells {
		n += len(cells[i].Text)
	}
	return r.value(n, func(s Sink) error { return TellRow(s, h, cells) })
}

func (r *Records) texts(h *Header, record []byte, fields []Field) error {
	return r.value(len(record)+h.nodes()*tokenSize, func(s Sink) error { return TellTexts(s, h, record, fields) })
}

// Interface guards.
var (
	_ rowSink = (*Writer)(nil)
	_ rowSink = (*Tree)(nil)
	_ rowSink = (*Records)(nil)
)
