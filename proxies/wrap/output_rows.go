package wrap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// rows writes rows in one output, each as soon as it is there.
type rows interface {
	// row appends a row, JSON text, to b.
	row(b, text []byte) ([]byte, error)
	// end appends what follows the last.
	end(b []byte) []byte
}

// newRows makes the rows of an output. Columns are those of CSV; nil: the members of the first row.
func newRows(output string, columns []string) rows {
	switch output {
	case OutputNDJSON:
		return ndjsonRows{}
	case OutputCSV:
		if columns == nil {
			return new(csvRows)
		}
		return &csvRows{columns: namesOf(columns)}
	}
	return new(jsonRows)
}

type jsonRows struct{ filled bool }

func (j *jsonRows) row(b, text []byte) ([]byte, error) {
	c := byte(',')
	if !j.filled {
		c, j.filled = '[', true
	}
	return append(append(b, c), text...), nil
}

func (j *jsonRows) end(b []byte) []byte {
	if !j.filled {
		b = append(b, '[')
	}
	return append(b, ']', '\n')
}

type ndjsonRows struct{}

func (ndjsonRows) row(b, text []byte) ([]byte, error) { return append(append(b, text...), '\n'), nil }

func (ndjsonRows) end(b []byte) []byte { return b }

// csvRows writes RFC 4180. An object is a row with a cell for each column; an array has its items as cells, anything
// else is one cell.
type csvRows struct {
	columns *names // nil: those of the first row
	started bool
	kind    jsontext.Kind // of all rows
	cells   [][]byte
	dec     jsontext.Decoder
}

func (c *csvRows) row(b, text []byte) ([]byte, error) {
	kind := jsontext.Value(text).Kind()
	if kind != '{' && kind != '[' {
		kind = '0'
	}
	if !c.started {
		c.kind = kind
		if kind == '{' {
			if c.columns == nil {
				c.columns = namesOf(nil)
				if err := c.columns.add(&c.dec, text); err != nil {
					return b, err
				}
			}
			b = appendHeader(b, c.columns.list)
		}
		c.started = true
	}
	if kind != c.kind {
		return b, errors.New("the rows are of several kinds: objects, arrays or others")
	}
	var err error
	if c.cells, err = c.split(c.cells[:0], kind, text); err != nil {
		return b, err
	}
	for i, cell := range c.cells {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendCell(b, cell, len(c.cells) == 1); err != nil {
			return b, err
		}
	}
	return append(b, '\r', '\n'), nil
}

// end writes the header of no rows, where it is known.
func (c *csvRows) end(b []byte) []byte {
	if c.started || c.columns == nil {
		return b
	}
	return appendHeader(b, c.columns.list)
}

func (c *csvRows) split(cells [][]byte, kind jsontext.Kind, text []byte) ([][]byte, error) {
	if kind == '0' {
		return append(cells, text), nil
	}
	c.dec.Reset(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	if _, err := c.dec.ReadToken(); err != nil {
		return nil, err
	}
	if kind == '{' {
		for range c.columns.list {
			cells = append(cells, nil)
		}
	}
	for n := 0; ; n++ {
		if k := c.dec.PeekKind(); k == '}' || k == ']' {
			return cells, nil
		}
		at := -1
		if kind == '{' {
			token, err := c.dec.ReadToken()
			if err != nil {
				return nil, err
			}
			name := token.String()
			// Rows nearly always have their members in the same order.
			if at = n; at >= len(c.columns.list) || c.columns.list[at] != name {
				var known bool
				if at, known = c.columns.index[name]; !known {
					return nil, fmt.Errorf("a row has the member %q, which is no column; name the columns: columns a b", printable(name))
				}
			}
		}
		value, err := c.dec.ReadValue()
		if err != nil {
			return nil, err
		}
		end := c.dec.InputOffset()
		cell := text[end-int64(len(value)) : end]
		if at < 0 {
			cells = append(cells, cell)
			continue
		}
		cells[at] = cell
	}
}

// names are names in the order in which they came.
type names struct {
	list  []string
	index map[string]int
}

// columnLimit bounds the columns of CSV that nobody declared: every row has a cell for each.
const columnLimit = 1000

func namesOf(list []string) *names {
	n := &names{list: list, index: make(map[string]int, len(list))}
	for i, name := range list {
		n.index[name] = i
	}
	return n
}

// add adds the names of an object's members that are new.
func (n *names) add(dec *jsontext.Decoder, object []byte) error {
	dec.Reset(bytes.NewBuffer(object), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if _, known := n.index[name]; !known {
			if len(n.list) == columnLimit {
				return fmt.Errorf("there are more than %d columns", columnLimit)
			}
			n.index[name] = len(n.list)
			n.list = append(n.list, name)
		}
		if err := dec.SkipValue(); err != nil {
			return err
		}
	}
	return nil
}

func appendHeader(b []byte, columns []string) []byte {
	for i, name := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, name, len(columns) == 1)
	}
	return append(b, '\r', '\n')
}

// appendCell writes a JSON text as a cell: a string as it is, null as nothing, all else as JSON.
func appendCell(b, text []byte, only bool) ([]byte, error) {
	if len(text) == 0 || text[0] == 'n' {
		return appendText(b, "", only), nil
	}
	if text[0] != '"' {
		return appendText(b, string(text), only), nil
	}
	s, err := jsontext.AppendUnquote(nil, text)
	return appendText(b, string(s), only), err
}

// appendText quotes what needs it. Alone in its row an empty cell is quoted, since a blank line is no row.
func appendText(b []byte, s string, only bool) []byte {
	if s == "" && only {
		return append(b, '"', '"')
	}
	if s == "" || !strings.ContainsAny(s, ",\"\r\n") && s[0] != ' ' && s[len(s)-1] != ' ' {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return append(append(b, s...), '"')
		}
		b = append(append(b, s[:i]...), '"', '"')
		s = s[i+1:]
	}
}

// An output may be as many times as long as the JSON text that it is made of, beside the bytes that are free.
const (
	sparse     = 4
	sparseFree = 1 << 20
)

// convert makes the output of an answer of JSON. The rows are the items of an array; anything else is one row.
func convert(output string, body []byte, columns []string) ([]byte, *problem.Problem) {
	all, err := itemsOf(body)
	if err == nil && output == OutputCSV && columns == nil {
		columns, err = columnsOf(all)
	}
	if err != nil {
		return nil, replyFailed("The answer cannot be written as "+output+".", "", err)
	}
	w := newRows(output, columns)
	out := make([]byte, 0, len(body))
	for _, text := range all {
		if out, err = w.row(out, text); err != nil {
			return nil, replyFailed("The answer cannot be written as "+output+": "+err.Error()+".", "", err)
		}
		if len(out) > sparse*len(body)+sparseFree {
			return nil, replyFailed("The answer cannot be written as "+output+": nearly all its cells would be empty.", "", nil)
		}
	}
	return w.end(out), nil
}

// columnsOf gives the names of the members of all rows, in the order in which they come; nil where they are no objects.
func columnsOf(all [][]byte) ([]string, error) {
	if len(all) == 0 {
		return nil, nil
	}
	n := namesOf(nil)
	var dec jsontext.Decoder
	for _, text := range all {
		if text[0] != '{' {
			return nil, nil
		}
		if err := n.add(&dec, text); err != nil {
			return nil, err
		}
	}
	return n.list, nil
}

// itemsOf gives the items of an array, or the text itself where it is none.
func itemsOf(body []byte) ([][]byte, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' {
		return [][]byte{body}, nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var out [][]byte
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		end := dec.InputOffset()
		out = append(out, body[end-int64(len(value)):end])
	}
	return out, nil
}

// Interface guards.
var (
	_ rows = (*jsonRows)(nil)
	_ rows = ndjsonRows{}
	_ rows = (*csvRows)(nil)
)
