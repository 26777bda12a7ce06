package table

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// open decides the delimiter and goes to where the table begins.
func (d *CSV) open(r *csvReader) error {
	r.delimiter, r.quote, r.lazy, r.trim = []byte{','}, '"', d.LazyQuotes, d.Trim
	r.comment, r.escape = []byte(d.Comment), d.Escape == csvEscape
	if d.Quote == csvNone {
		r.quote = -1
	} else if d.Quote != "" {
		r.quote = int(d.Quote[0])
	}
	said := d.Delimiter != "" && d.Delimiter != DelimiterAuto
	if said {
		r.delimiter = []byte(d.Delimiter)
	}
	line, err := r.firstLine()
	if err != nil {
		return err
	}
	if isPage(line) {
		return r.syntax(r.pos, notTable)
	}
	if sep, ok := SeparatorLine(r.buf[r.pos:]); ok {
		if !said && sep != 0 {
			r.delimiter, said = []byte{sep}, true
		}
		if err := r.skipLine(); err != nil {
			return err
		}
	}
	for range d.Skip {
		if err := r.skipLine(); err != nil {
			return err
		}
	}
	switch {
	case said:
	case d.Delimiter == DelimiterAuto, d.Header == csvFind:
		if err := r.ahead(sniffed); err != nil {
			return err
		}
		r.delimiter = []byte{sniffDelimiter(r.buf[r.pos:], r.quote)}
	default:
		return r.usual()
	}
	return nil
}

const notTable = "a page of HTML instead of a table"

// isPage says whether a text begins as HTML does: the error page or the login that comes where a table was wanted.
func isPage(text []byte) bool {
	text = bytes.TrimLeft(text[:min(len(text), 64)], ascii.Space)
	for _, word := range []string{"<!doctype ", "<html"} {
		if len(text) >= len(word) && bytes.EqualFold(text[:len(word)], []byte(word)) {
			return true
		}
	}
	return false
}

// ahead reads until n bytes are there, or the end.
func (r *csvReader) ahead(n int) error {
	for len(r.buf)-r.pos < n && !r.end {
		if _, err := r.more(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// SeparatorLine reads Excel's line sep=; sep is 0 where it has none that can be one.
func SeparatorLine(text []byte) (sep byte, ok bool) {
	line := text[:min(len(text), 16)]
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	} else if len(text) > len(line) {
		return 0, false
	}
	line = bytes.TrimRight(bytes.Trim(line, "\""), " ")
	if len(line) < 4 || !bytes.EqualFold(line[:4], []byte("sep=")) || len(line) > 5 {
		return 0, false
	}
	if len(line) == 5 && line[4] != '"' && line[4] < utf8.RuneSelf {
		sep = line[4]
	}
	return sep, true
}

// usual takes the delimiter that the first line has most often, of those alike the comma before the others.
func (r *csvReader) usual() error {
	line, err := r.firstLine()
	if err != nil {
		return err
	}
	most := 0
	for _, candidate := range []byte(",\t;|") {
		n := 0
		CountDelimiters(line, candidate, r.quote, func(count int) { n += count })
		if n > most {
			r.delimiter, most = []byte{candidate}, n
		}
	}
	return nil
}

// FirstLine gives the first line of a text that is not empty.
func FirstLine(text []byte) []byte {
	line, _ := (&csvReader{buf: text, end: true}).firstLine()
	return line
}

// firstLine gives the first line that is neither empty nor a comment, without going there. It waits for no more than that:
// some send slowly.
func (r *csvReader) firstLine() ([]byte, error) {
	for from := 0; ; {
		rest := r.buf[r.pos+from:]
		end := bytes.IndexAny(rest, "\r\n")
		switch {
		case end < 0 && (r.end || len(rest) > decode.MaxRecord):
			return rest[:min(len(rest), decode.MaxRecord)], nil
		case end < 0:
			if _, err := r.more(); err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
		case end > 0 && (len(r.comment) == 0 || !bytes.HasPrefix(rest, r.comment)):
			return rest[:end], nil
		default:
			from += end + 1
		}
	}
}

// sniffed is how much text is looked at for its delimiter, in bytes.
const sniffed = 8 << 10

// sniffDelimiter gives the delimiter that most of the first lines have equally often, comma if none does. Of those alike
// it is rather one that is no part of a number or a sentence.
func sniffDelimiter(text []byte, quote int) byte {
	text = text[:min(len(text), sniffed)]
	best, most := byte(','), 0
	for _, candidate := range []byte("\t;|,") {
		counts := map[int]int{} // lines with so many
		CountDelimiters(text, candidate, quote, func(n int) {
			if n > 0 {
				counts[n]++
			}
		})
		for _, lines := range counts {
			if lines > most {
				best, most = candidate, lines
			}
		}
	}
	return best
}

// CountDelimiters tells how many delimiters each line has outside of quotes, which open at the beginning of a field only.
func CountDelimiters(text []byte, delimiter byte, quote int, line func(n int)) {
	n, quoted, start := 0, false, true
	for _, c := range text {
		switch {
		case quoted:
			quoted = int(c) != quote
			start = !quoted // a quote behind this one is a character, and it goes on
		case int(c) == quote && start:
			quoted = true
		case c == delimiter:
			n++
			start = true
		case c == '\n' || c == '\r':
			line(n)
			n, start = 0, true
		default:
			start = start && c == ' '
		}
	}
	line(n)
}
