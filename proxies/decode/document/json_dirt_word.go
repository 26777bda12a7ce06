package document

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/hexdigit"
)

// isWord says whether a byte is one of a bare name: letters, digits, _, $, - and what is not ASCII.
func isWord(c int) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '-' || c >= utf8.RuneSelf
}

// bare reads a name without quotes to text.
func (r *dirtReader) bare() error {
	at := r.offset()
	r.text = r.text[:0]
	for c := r.peek(); isWord(c); c = r.peek() {
		r.text = append(r.text, byte(c)) //nolint:gosec // a byte
		r.pos++
	}
	if r.err != nil {
		return r.err
	}
	if !utf8.Valid(r.text) {
		return r.syntax(at, "a name that is not UTF-8")
	}
	return nil
}

// word tells a number, a literal, or one of the words that options allow.
func (r *dirtReader) word() error {
	at := r.offset()
	r.text = r.text[:0]
	for c := r.peek(); isWord(c) || c == '.' || c == '+'; c = r.peek() {
		if len(r.text) > decode.MaxNumber {
			return &decode.LimitError{What: "bytes in a number", Limit: decode.MaxNumber}
		}
		r.text = append(r.text, byte(c)) //nolint:gosec // a byte
		r.pos++
	}
	if r.err != nil {
		return r.err
	}
	w := string(r.text)
	switch {
	case w == "":
		return r.unexpected("where a value begins")
	case decode.IsNumber(w):
		return r.out.Number(w)
	case w == "null", w == "None" && r.o.Python:
		return r.out.Null()
	case w == "true", w == "True" && r.o.Python:
		return r.out.Bool(true)
	case w == "false", w == "False" && r.o.Python:
		return r.out.Bool(false)
	}
	if isNaN(w) {
		switch r.o.NaN {
		case NaNNull:
			return r.out.Null()
		case NaNString:
			return r.out.String(w)
		}
		return r.syntax(at, excerpt.Of(w)+" is no number of JSON; see the option nan")
	}
	if isPythonWord(w) {
		return r.syntax(at, w+" is a word of Python; see the option python")
	}
	if !utf8.ValidString(w) {
		return r.syntax(at, "an invalid character where a value begins")
	}
	msg := "the word " + excerpt.Of(w) + " is no value"
	if r.peek() == '(' && !r.o.JSONP && len(r.stack) == 0 {
		msg += seeOption("jsonp")
	}
	return r.syntax(at, msg)
}

func isNaN(w string) bool {
	switch strings.ToLower(strings.TrimLeft(w, "+-")) {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}

// quoted reads a string to text, from one quote to the other.
func (r *dirtReader) quoted() error {
	at := r.offset()
	quote := r.buf[r.pos]
	r.pos++
	r.text = r.text[:0]
	for {
		if r.peek() < 0 {
			return r.syntax(r.offset(), "the text ends inside the value")
		}
		from := r.pos
		for r.pos < len(r.buf) && r.buf[r.pos] != quote && r.buf[r.pos] != '\\' && r.buf[r.pos] >= ' ' {
			r.pos++
		}
		r.text = append(r.text, r.buf[from:r.pos]...)
		if r.pos == len(r.buf) {
			continue
		}
		c := r.buf[r.pos]
		r.pos++
		switch {
		case c == quote:
			if !utf8.Valid(r.text) {
				return r.syntax(at, "a string that is not UTF-8")
			}
			return nil
		case c == '\\':
			if err := r.escape(quote); err != nil {
				return err
			}
		case !r.o.Control:
			r.pos--
			return r.syntax(r.offset(), "a control character in a string; see the option control")
		default:
			r.text = append(r.text, c)
		}
	}
}

// escape reads what stands behind a backslash.
func (r *dirtReader) escape(quote byte) error {
	at := r.offset() - 1
	c := r.peek()
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(from, byte(max(c, 0))); i >= 0 { //nolint:gosec // a byte
		r.pos++
		r.text = append(r.text, to[i])
		return nil
	}
	switch {
	case c == '\'' && (quote == '\'' || r.o.SingleQuotes):
		r.pos++
		r.text = append(r.text, '\'')
		return nil
	case c == 'u':
		r.pos++
		return r.unicode(at)
	case c == 'x' && r.o.Python:
		r.pos++
		v, err := r.hex(at, 2)
		r.text = utf8.AppendRune(r.text, v)
		return err
	case c < 0:
		return r.syntax(r.offset(), "the text ends inside the value")
	}
	return r.syntax(at, "an invalid escape in a string")
}

func (r *dirtReader) unicode(at int64) error {
	v, err := r.hex(at, 4)
	if err != nil {
		return err
	}
	for utf16.IsSurrogate(v) {
		var second rune = -1
		paired := false
		if v < 0xdc00 && r.peek() == '\\' {
			r.pos++
			if r.peek() != 'u' {
				if err := r.half(at); err != nil {
					return err
				}
				return r.escape('"')
			}
			next := r.offset() - 1
			r.pos++
			if second, err = r.hex(next, 4); err != nil {
				return err
			}
			if both := utf16.DecodeRune(v, second); both != utf8.RuneError {
				v, paired = both, true
			}
		}
		if paired {
			break
		}
		if err := r.half(at); err != nil {
			return err
		}
		if second < 0 {
			return nil
		}
		v = second
	}
	r.text = utf8.AppendRune(r.text, v)
	return nil
}

// half is what becomes of a half surrogate.
func (r *dirtReader) half(at int64) error {
	if r.o.Surrogates != SurrogatesReplace {
		return r.syntax(at, "half a surrogate in a string; see the option surrogates")
	}
	r.text = append(r.text, string(utf8.RuneError)...)
	return nil
}

func (r *dirtReader) hex(at int64, digits int) (rune, error) {
	var v rune
	for range digits {
		c := r.peek()
		if c < 0 {
			return 0, r.syntax(r.offset(), "the text ends inside the value")
		}
		if !hexdigit.Is(byte(c)) { //nolint:gosec // a byte
			return 0, r.syntax(at, "an invalid escape in a string")
		}
		v = v<<4 | rune(hexdigit.Value(byte(c))) //nolint:gosec // a byte
		r.pos++
	}
	return v, nil
}
