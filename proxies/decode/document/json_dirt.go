package document

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// dirtDepth is how deep a text with dirt may nest where the sink does not look.
const dirtDepth = 10_000

// dirtWindow is how many bytes a stream is read in at once.
const dirtWindow = 32 << 10

// dirtReader tells a JSON text that breaks the rules that the options name. It keeps no more of the text than one name or value.
type dirtReader struct {
	o     *JSON
	out   decode.Sink
	items *jsonItems
	poll  interrupt.Poll

	src   io.Reader // nil: buf is the whole text
	buf   []byte
	pos   int
	base  int64 // where buf begins in the text
	from  int64 // where the record of a stream began
	err   error // of src
	end   bool
	stack []byte // open objects and arrays, by their brackets
	text  []byte // of the name or value
}

// peek gives the next byte, -1 at the end of the text or after an error.
func (r *dirtReader) peek() int {
	if r.pos < len(r.buf) {
		return int(r.buf[r.pos])
	}
	return r.fill()
}

func (r *dirtReader) fill() int {
	if r.src == nil || r.end || r.err != nil {
		return -1
	}
	r.base += int64(len(r.buf))
	if r.base-r.from > decode.MaxRecord {
		r.err = &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
		return -1
	}
	if cap(r.buf) == 0 {
		r.buf = make([]byte, 0, dirtWindow)
	}
	r.buf, r.pos = r.buf[:0], 0
	for range 100 {
		if r.err = r.poll.Ctx.Err(); r.err != nil {
			return -1
		}
		n, err := r.src.Read(r.buf[:cap(r.buf)])
		r.buf = r.buf[:n]
		if err != nil {
			r.end = true
			if !errors.Is(err, io.EOF) {
				r.err = err
			}
		}
		if n > 0 {
			return int(r.buf[0])
		}
		if err != nil {
			return -1
		}
	}
	r.err = io.ErrNoProgress
	return -1
}

func (r *dirtReader) offset() int64 { return r.base + int64(r.pos) }

func (r *dirtReader) syntax(at int64, msg string) error {
	if r.err != nil {
		return r.err
	}
	return &decode.SyntaxError{Format: "json", Offset: at, Msg: msg}
}

// unexpected is the error of the next byte.
func (r *dirtReader) unexpected(where string) error {
	c := r.peek()
	if c < 0 {
		return r.syntax(r.offset(), "the text ends "+where)
	}
	if c == '/' && !r.o.Comments {
		where += seeOption("comments")
	}
	if c < ' ' || c >= utf8.RuneSelf-1 {
		return r.syntax(r.offset(), "an invalid character "+where)
	}
	return r.syntax(r.offset(), "an invalid character '"+string(rune(c))+"' "+where)
}

// document tells the one value of the text.
func (r *dirtReader) document() error {
	closing, script := "", false
	if r.o.JSONP {
		var err error
		if closing, script, err = r.call(); err != nil {
			return err
		}
	}
	if err := r.space(); err != nil {
		return err
	}
	if r.peek() < 0 {
		return r.syntax(0, "the body is empty")
	}
	if err := r.value(); err != nil {
		return err
	}
	if err := r.space(); err != nil {
		return err
	}
	for _, c := range []byte(closing) {
		if r.peek() != int(c) {
			return r.unexpected("behind the value of a call")
		}
		r.pos++
		if err := r.space(); err != nil {
			return err
		}
	}
	for script && r.peek() == ';' {
		r.pos++
		if err := r.space(); err != nil {
			return err
		}
	}
	for r.o.Control && r.peek() == 0 {
		r.pos++
		if err := r.space(); err != nil {
			return err
		}
	}
	if c := r.peek(); c >= 0 {
		msg := "more text after the value"
		if c == '{' || c == '[' {
			msg += " (decode ndjson reads one value on each line)"
		}
		return r.syntax(r.offset(), msg)
	}
	return r.err
}

// value tells one value.
func (r *dirtReader) value() error {
	for {
		if err := r.poll.Err(); err != nil {
			return err
		}
		if r.items != nil && r.items.between() {
			r.from = r.offset()
		}
		opened, err := r.begin()
		if err != nil {
			return err
		}
		if !opened {
			if done, err := r.after(); done || err != nil {
				return err
			}
		}
	}
}

// begin tells a scalar, or opens an object or array and says whether a value comes next.
func (r *dirtReader) begin() (opened bool, err error) {
	c := r.peek()
	switch c {
	case '{', '[':
		r.pos++
		if len(r.stack) >= dirtDepth {
			return false, &decode.LimitError{What: "depth", Limit: dirtDepth}
		}
		r.stack = append(r.stack, byte(c)) //nolint:gosec // a bracket
		tell := decode.Sink.BeginArray
		if c == '{' {
			tell = decode.Sink.BeginObject
		}
		if err := tell(r.out); err != nil {
			return false, err
		}
		if err := r.space(); err != nil {
			return false, err
		}
		if r.peek() == c+2 { // } and ] stand two behind { and [
			return false, nil
		}
		return true, r.name()
	case '"', '\'':
		if c == '\'' && !r.o.SingleQuotes {
			return false, r.unexpected("where a value begins" + seeOption("single_quotes"))
		}
		if err := r.quoted(); err != nil {
			return false, err
		}
		return false, r.out.String(string(r.text))
	}
	return false, r.word()
}

// name tells the name of a member, if an object is open, and goes to its value.
func (r *dirtReader) name() error {
	if r.stack[len(r.stack)-1] != '{' {
		return nil
	}
	c := r.peek()
	switch {
	case c == '"', c == '\'' && r.o.SingleQuotes:
		if err := r.quoted(); err != nil {
			return err
		}
	case r.o.UnquotedKeys && isWord(c):
		if err := r.bare(); err != nil {
			return err
		}
	default:
		where := "where a name begins"
		switch {
		case c == '\'':
			where += seeOption("single_quotes")
		case isWord(c):
			where += seeOption("unquoted_keys")
		}
		return r.unexpected(where)
	}
	if err := r.out.Key(string(r.text)); err != nil {
		return err
	}
	if err := r.space(); err != nil {
		return err
	}
	if r.peek() != ':' {
		return r.unexpected("behind a name")
	}
	r.pos++
	return r.space()
}

// after goes on behind a value, to the next or to the end of the whole.
func (r *dirtReader) after() (done bool, err error) {
	for len(r.stack) > 0 {
		if err := r.poll.Err(); err != nil {
			return false, err
		}
		if err := r.space(); err != nil {
			return false, err
		}
		open := r.stack[len(r.stack)-1]
		c := r.peek()
		if c == ',' {
			at := r.offset()
			r.pos++
			if err := r.space(); err != nil {
				return false, err
			}
			if c = r.peek(); c != int(open)+2 {
				return false, r.name()
			}
			if !r.o.TrailingCommas {
				return false, r.syntax(at, "a comma before the end; see the option trailing_commas")
			}
		}
		if c != int(open)+2 {
			return false, r.unexpected("behind a value")
		}
		r.pos++
		r.stack = r.stack[:len(r.stack)-1]
		tell := decode.Sink.EndArray
		if open == '{' {
			tell = decode.Sink.EndObject
		}
		if err := tell(r.out); err != nil {
			return false, err
		}
	}
	return true, nil
}

// space goes behind white space and, with the option, comments.
func (r *dirtReader) space() error {
	for {
		switch c := r.peek(); {
		case c >= 0 && strings.IndexByte(jsonSpace, byte(c)) >= 0: //nolint:gosec // a byte
			r.pos++
		case c == '/' && r.o.Comments:
			if err := r.comment(); err != nil {
				return err
			}
		case c == '#' && r.o.Comments && r.o.Python:
			r.line()
		default:
			return r.err
		}
		if len(r.stack) == 0 || r.items != nil && r.items.between() {
			r.from = r.offset()
		}
		if err := r.poll.Err(); err != nil {
			return err
		}
	}
}

// comment goes behind a comment.
func (r *dirtReader) comment() error {
	at := r.offset()
	r.pos++
	switch r.peek() {
	case '/':
		r.line()
		return r.err
	case '*':
		r.pos++
		for star := false; ; r.pos++ {
			c := r.peek()
			if c < 0 {
				return r.syntax(at, "a comment that nothing closes")
			}
			if star && c == '/' {
				r.pos++
				return nil
			}
			star = c == '*'
		}
	}
	return r.unexpected("where a comment begins")
}

// line goes to the end of the line.
func (r *dirtReader) line() {
	for r.peek() >= 0 {
		if i := bytes.IndexAny(r.buf[r.pos:], "\r\n"); i >= 0 {
			r.pos += i
			return
		}
		r.pos = len(r.buf)
	}
}
