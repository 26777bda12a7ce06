package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// fixedTable is a table whose columns are known once its head is read.
type fixedTable struct {
	d      *Fixed
	r      csvReader
	t      *csvTable
	spans  []span
	titles []span // of layout header: where the names themselves are
	bars   []int  // characters between the columns of a box, where every row has a bar
	outer  bool   // the first of them is left of the first column
	bends  bool   // values may begin before their column
	header string // as it stands there, since it may stand there again
	ruler  string

	pending bool // the reader has a line that is not left yet
	told    int  // rows

	text    []byte // the line with blanks for tabs
	offsets []int  // of its characters, where those are not bytes
	fields  []decode.Field
}

// span is where a column is, in characters from 0; to is negative for all the rest.
type span struct{ from, to int }

// maxPreamble is how many lines may stand above a ruler.
const maxPreamble = 10_000

// open reads what stands above the rows. It is io.EOF where there is nothing at all.
func (f *fixedTable) open(out decode.Sink) error {
	names, err := f.head()
	if err != nil {
		return err
	}
	if len(f.spans) > maxColumns {
		return &decode.LimitError{What: "columns", Limit: maxColumns}
	}
	if len(f.d.Columns) > 0 {
		if len(f.d.Columns) != len(f.spans) {
			return f.r.syntax(f.r.pos, fmt.Sprintf("the header has %s, not %d", counted(len(f.spans), "column"), len(f.d.Columns)))
		}
		names = f.d.Columns
	}
	names = columnNames(names)
	f.t = &csvTable{d: f.d.table(names), names: names, least: len(names)}
	if err := f.t.declare(f.r.format); err != nil {
		return err
	}
	f.t.held = make([]heldRow, 0, f.d.SkipLast)
	f.t.room = newRowRoom(f.t.head, int(f.r.base)+f.r.pos, out)
	f.r.row = 0
	return nil
}

// head finds the columns and their names.
func (f *fixedTable) head() ([]string, error) {
	d := f.d
	switch d.layout() {
	case fixedRuler:
		return f.ruled()
	case fixedHeader:
		line, err := f.line()
		if err != nil {
			return nil, err
		}
		f.bends = true
		f.header = trimmedLine(line)
		f.spans = f.words(line)
		names := f.names(line)
		unnamed, err := f.unnamed()
		if unnamed {
			at := f.titles[0].from
			f.spans[0].from, f.titles = at, append([]span{{0, 0}}, f.titles...)
			f.spans, names = append([]span{{0, at}}, f.spans...), append([]string{""}, names...)
		}
		return names, err
	}
	var names []string
	headed := d.Header == csvFirst
	if len(d.Widths) > 0 {
		at := 0
		for _, w := range d.Widths {
			s := span{at, at + w}
			if at += w; w == 0 {
				s.to = -1
			}
			f.spans, names = append(f.spans, s), append(names, "")
		}
		headed = headed || d.Header == "" && len(d.Columns) == 0
	} else {
		for i := range d.Typed {
			c := &d.Typed[i]
			f.spans = append(f.spans, span{c.From - 1, c.To})
			if c.To == 0 {
				f.spans[i].to = -1
			}
			names = append(names, c.Name)
		}
	}
	if !headed {
		return names, nil
	}
	line, err := f.line()
	if err != nil {
		return nil, err
	}
	f.header = trimmedLine(line)
	if len(d.Widths) > 0 {
		names = f.names(line)
	}
	return names, nil
}

// line gives the next line that is not blank, without the form feed of a new page. It is the reader's until the next.
func (f *fixedTable) line() ([]byte, error) {
	for {
		if err := f.next(); err != nil {
			return nil, err
		}
		line := bytes.TrimPrefix(f.r.bytes(), []byte("\f"))
		if len(bytes.Trim(line, ascii.Space+"\x00\x1a")) > 0 {
			return line, nil
		}
		if f.told > 0 && f.d.Until == fixedBlank {
			return nil, f.drain()
		}
	}
}

// next goes to the next line, blank or not.
func (f *fixedTable) next() error {
	if f.pending {
		f.r.forget()
	}
	err := f.r.next()
	f.pending = err == nil
	return err
}

// names cuts the header.
func (f *fixedTable) names(line []byte) []string {
	f.cut(line)
	names := make([]string, len(f.fields))
	for i, at := range f.fields {
		names[i] = strings.Trim(string(f.text[at.From:at.To]), ascii.Space)
	}
	return names
}

// words finds where the names of a header begin. Declared names may have blanks in them.
func (f *fixedTable) words(line []byte) []span {
	f.measure(line)
	text, gap := f.text, max(1, f.d.Gap)
	var kept [][]byte
	for i := range f.d.Typed {
		if name := f.d.Typed[i].Name; strings.Contains(name, " ") {
			kept = append(kept, []byte(name))
		}
	}
	slices.SortFunc(kept, func(a, b []byte) int { return len(b) - len(a) })
	var spans []span
	blanks, at := gap, 0 // the character
	for i := 0; i < len(text) && len(spans) <= maxColumns; {
		if text[i] == ' ' || text[i] == '\t' {
			blanks++
			i++
			at++
			continue
		}
		if blanks >= gap {
			if len(spans) > 0 {
				spans[len(spans)-1].to = at
			}
			spans, f.titles = append(spans, span{at, -1}), append(f.titles, span{at, at})
			for _, name := range kept {
				if bytes.HasPrefix(text[i:], name) {
					at += f.width(name)
					i += len(name)
					break
				}
			}
		}
		blanks = 0
		if i < len(text) && text[i] != ' ' && text[i] != '\t' {
			_, size := utf8.DecodeRune(text[i:])
			at += f.width(text[i : i+size])
			i += size
		}
		f.titles[len(f.titles)-1].to = at
	}
	if len(spans) > 0 {
		spans[0].from = 0
	}
	return spans
}

// unnamedFrom is how far to the right the first name of a header must stand for a column without name to be on its left.
const unnamedFrom = 4

// unnamed looks at the first row, whether it has a word on the left of the header and another one below its first name, as
// free and other tables do whose rows have titles.
func (f *fixedTable) unnamed() (bool, error) {
	if len(f.titles) == 0 || f.titles[0].from < unnamedFrom {
		return false, nil
	}
	line, err := f.line()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, err
	}
	f.measure(line)
	from, to := f.offset(f.titles[0].from), f.offset(f.titles[0].to)
	f.pending = false
	f.r.again()
	start := 0
	for start < from && (f.text[start] == ' ' || f.text[start] == '\t') {
		start++
	}
	end := start
	for end < from && f.text[end] != ' ' && f.text[end] != '\t' {
		end++
	}
	return start < end && end < from && len(bytes.Trim(f.text[end:to], " \t")) > 0, nil
}

// ruled finds a ruler and the header above it, or in a box below it.
func (f *fixedTable) ruled() ([]string, error) {
	var above []byte
	for range maxPreamble {
		line, err := f.line()
		if errors.Is(err, io.EOF) && above != nil {
			break
		}
		if err != nil {
			return nil, err
		}
		if !isRuler(line) || !f.rule(line) {
			above = append(above[:0], line...)
			continue
		}
		f.ruler = trimmedLine(line)
		if f.outer && !f.isRow(above) {
			if line, err = f.line(); err != nil {
				return nil, err
			}
			above = line
		}
		if len(above) == 0 && len(f.d.Columns) == 0 {
			return nil, f.r.syntax(f.r.pos, "a line of dashes without a header above")
		}
		f.header = trimmedLine(above)
		return f.names(above), nil
	}
	return nil, f.r.syntax(f.r.pos, "no line of dashes says where the columns are; say layout header, widths or places")
}

// What rulers are made of.
const (
	rulerDashes = "-=_~─━═"
	rulerBars   = "|+:│┃║┼╪╬┬╤┴├┤┌┐└┘╔╗╚╝╠╣╦╩"
	rowBars     = "|│┃║¦:+"
)

func trimmedLine(line []byte) string { return string(bytes.TrimRight(line, ascii.Space)) }

// isRuler says whether a line is made of dashes and what joins them.
func isRuler(line []byte) bool {
	dashes := 0
	for _, c := range string(line) {
		switch {
		case strings.ContainsRune(rulerDashes, c):
			dashes++
		case c != ' ' && c != '\t' && !strings.ContainsRune(rulerBars, c):
			return false
		}
	}
	return dashes > 1
}

// rule takes the columns of a ruler, if it has two at least.
func (f *fixedTable) rule(line []byte) bool {
	var runs []span
	var bars []int
	at, dash := 0, false
	for _, c := range string(line) {
		is := strings.ContainsRune(rulerDashes, c)
		if is && !dash {
			runs = append(runs, span{at, -1})
		}
		if !is && c != ' ' && c != '\t' && c != ':' { // colons say how Markdown aligns
			bars = append(bars, at)
		}
		dash = is
		at++
	}
	if len(runs) < 2 {
		return false
	}
	if bars == nil {
		for i := range runs[1:] {
			runs[i].to = runs[i+1].from
		}
		runs[0].from = 0
		f.spans, f.bends = runs, true
		return true
	}
	f.bars, f.spans, f.outer = bars, nil, runs[0].from > bars[0]
	from := 0
	if f.outer {
		from = bars[0]
	}
	for _, bar := range bars {
		if bar > from {
			f.spans = append(f.spans, span{from, bar})
		}
		from = bar + 1
	}
	if runs[len(runs)-1].from >= from {
		f.spans = append(f.spans, span{from, -1})
	}
	if f.outer {
		f.spans[0].from++
	}
	return len(f.spans) > 1
}
