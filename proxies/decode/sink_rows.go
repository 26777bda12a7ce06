package decode

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// header is the columns of a table, looked at once for all of its rows: their names are UTF-8 and differ.
type header struct {
	names []string
	array bool // rows are arrays, and have no names
	// What stands before a value: `{"name":` or `,"name":`, in an array `[` or `,`. Between two strings quotes are part of it.
	before, between []string
}

// newHeader looks at names of columns; with array, rows are arrays and have none.
func newHeader(names []string, array bool) (*header, error) {
	h := &header{names: names, array: array, before: make([]string, len(names)), between: make([]string, len(names))}
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

// textSize is how many bytes of text a row has without its values.
func (h *header) textSize() int {
	n := 2
	for _, s := range h.between {
		n += len(s)
	}
	return n
}

// treeSize is about how many bytes a row has as a tree, without its texts.
func (h *header) treeSize() int {
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

func (h *header) open() string {
	if h.array {
		return "["
	}
	return "{"
}

func (h *header) end() byte {
	if h.array {
		return ']'
	}
	return '}'
}

// nodes is how many values and names a row has, itself left out.
func (h *header) nodes() int {
	if h.array {
		return len(h.names)
	}
	return 2 * len(h.names)
}

// cell is the value of one column in one row.
type cell struct {
	kind byte   // CellString and so on
	text string // without quotes; as in JSON for numbers, true and false
}

// Kinds of cells.
const (
	cellString = 's'
	cellNumber = 'n'
	cellBool   = 'b'
	cellNull   = '0'
)

// rowSink is a Sink that takes a row of a table at once. It saves a look at every name of every row.
type rowSink interface {
	// row takes a cell for each column.
	row(h *header, cells []cell) error
	// texts takes a row whose values are all strings, by their places in the text of the record, which it does not keep.
	texts(h *header, record []byte, fields []field) error
}

// field is where a string is in the text of a record.
type field struct {
	from, to int  // in bytes
	quoted   bool // there are quotes around it
	odd      bool // and it holds more of them, each twice, or white space behind
}

// empty says whether there is nothing, not even quotes.
func (f *field) empty() bool { return f.from == f.to }

// value gives the string.
func (f *field) value(record string) string {
	s := record[f.from:f.to]
	if !f.quoted {
		return s
	}
	q := s[:1]
	if s = s[1:]; s == "" {
		return ""
	}
	if !f.odd {
		return strings.TrimSuffix(s, q)
	}
	if s[len(s)-1] == ' ' || s[len(s)-1] == '\t' {
		s = strings.TrimRight(s, " \t")
	}
	return strings.ReplaceAll(strings.TrimSuffix(s, q), q+q, q)
}

// tellRow tells a row to any sink.
func tellRow(out Sink, h *header, cells []cell) error {
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
		if err := c.tell(out); err != nil {
			return err
		}
	}
	return end()
}

// tellTexts tells a row of strings to any sink.
func tellTexts(out Sink, h *header, record []byte, fields []field) error {
	if s, ok := out.(rowSink); ok {
		return s.texts(h, record, fields)
	}
	cells, text := make([]cell, len(fields)), string(record)
	for i := range fields {
		cells[i] = cell{cellString, fields[i].value(text)}
	}
	return tellRow(out, h, cells)
}

// tell tells the value to any sink.
func (c cell) tell(out Sink) error {
	switch c.kind {
	case cellNumber:
		return out.Number(c.text)
	case cellBool:
		return out.Bool(c.text == "true")
	case cellNull:
		return out.Null()
	}
	return out.String(c.text)
}

// rowOf admits a row with all that is in it, and says whether a comma stands before it.
func (g *guard) rowOf(h *header) (comma bool, err error) {
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

func (w *Writer) row(h *header, cells []cell) error {
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
		switch c.kind {
		case cellNull:
			w.buf = append(w.buf, "null"...)
		case cellNumber:
			if err := w.guard.number(c.text); err != nil {
				return err
			}
			w.buf = append(w.buf, c.text...)
		case cellBool:
			w.buf = append(w.buf, c.text...)
		default:
			if err := w.quote(c.text); err != nil {
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

func (w *Writer) texts(h *header, record []byte, fields []field) error {
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
		switch s := record[f.from:f.to]; {
		case !f.quoted:
			b, ok = appendEscaped(b, s)
		case !f.odd && len(s) > 1 && s[len(s)-1] == s[0]:
			b, ok = appendEscaped(b, s[1:len(s)-1])
		case f.odd && len(s) > 1 && s[len(s)-1] == s[0]:
			b, ok = appendSingle(b, s[:len(s)-1])
		default:
			b, ok = appendEscaped(b, f.value(string(record)))
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

func (t *Tree) row(h *header, cells []cell) error {
	return t.made(h, func(i int) (any, error) {
		switch c := &cells[i]; c.kind {
		case cellNull:
			return nil, nil
		case cellNumber:
			return json.Number(c.text), t.guard.number(c.text)
		case cellBool:
			return c.text == "true", nil
		default:
			return t.text(c.text)
		}
	})
}

func (t *Tree) texts(h *header, record []byte, fields []field) error {
	text := string(record)
	return t.made(h, func(i int) (any, error) { return t.text(fields[i].value(text)) })
}

func (t *Tree) text(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, t.guard.fail(ErrUTF8)
	}
	return s, nil
}

// made puts a row of values.
func (t *Tree) made(h *header, value func(int) (any, error)) error {
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
func (r *Records) row(h *header, cells []cell) error {
	n := h.nodes() * tokenSize
	for i := range cells {
		n += len(cells[i].text)
	}
	return r.value(n, func(s Sink) error { return tellRow(s, h, cells) })
}

func (r *Records) texts(h *header, record []byte, fields []field) error {
	return r.value(len(record)+h.nodes()*tokenSize, func(s Sink) error { return tellTexts(s, h, record, fields) })
}

// Interface guards.
var (
	_ rowSink = (*Writer)(nil)
	_ rowSink = (*Tree)(nil)
	_ rowSink = (*Records)(nil)
)
