package table

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// csvWindow is how many bytes a stream is read in at once.
const csvWindow = 64 << 10

// maxColumns is how many fields a record may have, as many as Excel's.
const maxColumns = 16384

// csvReader cuts a text into records and those into fields.
type csvReader struct {
	src       io.Reader // nil: buf is the whole text
	buf       []byte
	pos       int   // where the next record begins
	base      int64 // where buf begins in the text
	end       bool  // nothing comes behind buf
	delimiter []byte
	quote     int // the byte; -1: none
	comment   []byte
	lazy      bool
	trim      bool
	escape    bool   // a backslash makes any character behind it one of the field
	format    string // for errors
	lines     bool   // records are lines, of one field, also blank ones
	poll      interrupt.Poll

	fields []decode.Field
	row    int // records given so far
}

// Where in a record the reader is.
const (
	csvStart  = iota // of a field
	csvPlain         // in a field without quotes
	csvQuoted        // between quotes
	csvBehind        // behind what may be the closing quote
)

// lineEnd gives the length of the end of line at i, 0 if there is none; more says that the next byte decides.
func (r *csvReader) lineEnd(i int) (n int, more bool) {
	switch r.buf[i] {
	case '\n':
		return 1, false
	case '\r':
		if i+1 == len(r.buf) {
			return 1, !r.end
		}
		if r.buf[i+1] == '\n' {
			return 2, false
		}
		return 1, false
	}
	return 0, false
}

// isDelimiter says whether a delimiter of several bytes is at i, where its first is; more says that the next bytes decide.
func (r *csvReader) isDelimiter(i int) (is, more bool) {
	rest := r.buf[i:]
	if len(rest) < len(r.delimiter) {
		return false, !r.end && bytes.HasPrefix(r.delimiter, rest)
	}
	return bytes.HasPrefix(rest, r.delimiter), false
}

// skipLine leaves out a line as it is.
func (r *csvReader) skipLine() error {
	for i := r.pos; ; i++ {
		if i == len(r.buf) {
			shifted, err := r.more()
			if errors.Is(err, io.EOF) {
				r.pos = len(r.buf)
				return nil
			}
			if err != nil {
				return err
			}
			i -= shifted
		}
		n, more := r.lineEnd(i)
		if more {
			shifted, err := r.more()
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			i -= shifted
			n, _ = r.lineEnd(i)
		}
		if n > 0 {
			r.pos = i + n
			return nil
		}
	}
}

// more reads on and says by how much what is in the buffer has moved to its front. At the end of the text it is io.EOF.
func (r *csvReader) more() (shifted int, err error) {
	if r.end {
		return 0, io.EOF
	}
	if err := r.poll.Ctx.Err(); err != nil {
		return 0, err
	}
	if len(r.buf)-r.pos > decode.MaxRecord {
		return 0, &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
	}
	if cap(r.buf)-len(r.buf) < csvWindow/2 {
		kept := r.buf[r.pos:]
		to := r.buf[:0]
		if len(kept) > cap(r.buf)/2 || cap(r.buf) == 0 {
			to = make([]byte, 0, max(2*cap(r.buf), csvWindow))
		}
		shifted = r.pos
		r.buf = append(to, kept...)
		r.base += int64(shifted)
		r.pos = 0
	}
	for range 100 {
		n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		if errors.Is(err, io.EOF) {
			r.end = true
			if n == 0 {
				return shifted, io.EOF
			}
			return shifted, nil
		}
		if n > 0 || err != nil {
			return shifted, err
		}
	}
	return shifted, io.ErrNoProgress
}

// next finds the next record, blank lines and comments left out. At the end of the text it is io.EOF.
func (r *csvReader) next() error {
	for {
		if err := r.poll.Err(); err != nil {
			return err
		}
		for len(r.buf)-r.pos < max(1, len(r.comment)) && !r.end {
			if _, err := r.more(); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if r.pos == len(r.buf) {
			return io.EOF
		}
		if len(r.comment) > 0 && bytes.HasPrefix(r.buf[r.pos:], r.comment) {
			if err := r.skipLine(); err != nil {
				return err
			}
			continue
		}
		blank, err := r.record()
		if err != nil || !blank || r.lines {
			r.row++
			return err
		}
		r.forget()
	}
}

// forget goes on behind the record.
func (r *csvReader) forget() { r.pos, r.fields = r.pos+r.size(), r.fields[:0] }

// size is the length of the record with its end of line, which record has put behind the fields.
func (r *csvReader) size() int { return r.fields[:cap(r.fields)][len(r.fields)].From }

// record scans the record at pos. Places in fields are from there.
func (r *csvReader) record() (blank bool, err error) {
	r.fields = r.fields[:0]
	first, long := byte('\n'), len(r.delimiter) > 1
	if !r.lines {
		first = r.delimiter[0]
	}
	i, state := r.pos, csvStart
	var f decode.Field
	for {
		buf := r.buf
		if i == len(buf) {
			shifted, err := r.more()
			i -= shifted
			if err == nil {
				continue
			}
			if !errors.Is(err, io.EOF) {
				return false, err
			}
			if state == csvQuoted && !r.lazy {
				return false, r.syntax(r.pos+f.From, "a quote that nothing closes")
			}
			return r.finish(f, state, i, 0), nil
		}
		if state == csvPlain {
			if i += untilEnd(buf[i:], first); i == len(buf) {
				continue
			}
		}
		c := buf[i]
		if state == csvQuoted {
			at := bytes.IndexByte(buf[i:], byte(r.quote)) //nolint:gosec // a byte, where there is one
			switch {
			case at < 0:
				i = len(buf)
			case r.escape && r.escaped(i+at, r.pos+f.From+1):
				i += at + 1
			default:
				i, state = i+at+1, csvBehind
			}
			continue
		}
		switch {
		case r.escape && state == csvPlain && r.escaped(i, r.pos+f.From):
			i++
			continue
		case state == csvBehind && int(c) == r.quote:
			f.Odd, state = true, csvQuoted
			i++
			continue
		case c == first && !r.lines:
			is, more := true, false
			if long {
				is, more = r.isDelimiter(i)
			}
			if more {
				shifted, err := r.more()
				i -= shifted
				if err != nil && !errors.Is(err, io.EOF) {
					return false, err
				}
				continue
			}
			if is {
				f.To = i - r.pos
				if r.fields = append(r.fields, f); len(r.fields) >= maxColumns {
					return false, &decode.LimitError{What: "columns", Limit: maxColumns}
				}
				i += len(r.delimiter)
				f, state = decode.Field{From: i - r.pos}, csvStart
				continue
			}
		case c == '\n', c == '\r':
			n, more := r.lineEnd(i)
			if more {
				shifted, err := r.more()
				i -= shifted
				if err != nil && !errors.Is(err, io.EOF) {
					return false, err
				}
				continue
			}
			return r.finish(f, state, i, n), nil
		}
		switch {
		case state == csvStart && r.trim && (c == ' ' || c == '\t'):
			f.From = i + 1 - r.pos
		case state == csvStart && int(c) == r.quote:
			f.Quoted, state = true, csvQuoted
		case state == csvBehind:
			f.Odd = true
			if c != ' ' && c != '\t' {
				if !r.lazy {
					return false, r.syntax(i, "text behind a closing quote")
				}
				state = csvQuoted // the quote was none
			}
		default:
			state = csvPlain
		}
		i++
	}
}

// escaped says whether an odd number of backslashes stands before what is at i, in a field that begins at from.
func (r *csvReader) escaped(i, from int) bool {
	if r.buf[i] == '\n' && i > from && r.buf[i-1] == '\r' {
		i--
	}
	n := i
	for n > from && r.buf[n-1] == '\\' {
		n--
	}
	return (i-n)%2 == 1
}

// untilEnd says how many bytes stand before the first delimiter or end of line. It looks at eight at once: of x a byte is zero
// where it is the one wanted, and the lowest such byte is the lowest whose highest bit the formula sets.
func untilEnd(text []byte, delimiter byte) int {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	wanted := ones * uint64(delimiter)
	n := 0
	for ; n+8 <= len(text); n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		d, lf, cr := x^wanted, x^(ones*'\n'), x^(ones*'\r')
		if found := ((d-ones)&^d | (lf-ones)&^lf | (cr-ones)&^cr) & high; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(text) && text[n] != delimiter && text[n] != '\n' && text[n] != '\r' {
		n++
	}
	return n
}

// finish adds the last field and notes where the next record begins.
func (r *csvReader) finish(f decode.Field, state, at, lineEnd int) (blank bool) {
	f.To = at - r.pos
	blank = len(r.fields) == 0 && state == csvStart
	r.fields = append(r.fields, f, decode.Field{From: f.To + lineEnd})
	r.fields = r.fields[:len(r.fields)-1]
	return blank
}

// bytes gives the text of the record, valid until the next.
func (r *csvReader) bytes() []byte {
	return r.buf[r.pos : r.pos+r.fields[len(r.fields)-1].To]
}

func (r *csvReader) syntax(at int, msg string) error {
	return &decode.SyntaxError{Format: r.format, Offset: r.base + int64(at), Msg: msg}
}

// start makes a reader of a stream, or of a whole text where src is nil.
func (r *csvReader) start(ctx context.Context, src io.Reader, body []byte) {
	r.src, r.poll = src, interrupt.Poll{Ctx: ctx}
	if src == nil {
		r.buf, r.end = body, true
	}
}
