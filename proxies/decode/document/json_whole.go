package document

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// jsonDepth is how deep the JSON library reads.
const jsonDepth = 10_000

// wholeReader tells a JSON text that is all there, for a third of what the JSON library's tokens cost. It only knows what
// is right: of anything else it says that it cannot read it, and jsonReader finds out why.
type wholeReader struct {
	text string
	at   int // what is read next
	out  decode.Sink
	poll *interrupt.Poll
	open []bool // the objects (true) and arrays that are open, the innermost last
}

// document tells the one value of the text. False without an error is a text that is no JSON.
func (r *wholeReader) document() (bool, error) {
	for {
		if ok, err := r.value(); !ok {
			return false, err
		}
		due, err := r.after()
		if err != nil {
			return false, err
		}
		if !due {
			r.space()
			return len(r.open) == 0 && r.at == len(r.text), nil
		}
	}
}

// value tells a scalar, or the beginning of an object or array that is not empty with the first name, or all of an empty one.
func (r *wholeReader) value() (bool, error) {
	for {
		if err := r.poll.Err(); err != nil {
			return false, err
		}
		r.space()
		switch c := r.peek(); c {
		case '{', '[':
			if again, ok, err := r.begin(c == '{'); !again {
				return ok, err
			}
		case '"':
			s, ok := r.str()
			if !ok {
				return false, nil
			}
			return told(r.out.String(s))
		case 't':
			return r.word("true", func() error { return r.out.Bool(true) })
		case 'f':
			return r.word("false", func() error { return r.out.Bool(false) })
		case 'n':
			return r.word("null", r.out.Null)
		default:
			return r.number()
		}
	}
}

func told(err error) (bool, error) { return err == nil, err }

// begin tells the beginning of an object, with its first name, or an array; again says that a value is due in it.
func (r *wholeReader) begin(object bool) (again, ok bool, err error) {
	if len(r.open) == jsonDepth {
		return false, false, nil
	}
	r.at++
	r.open = append(r.open, object)
	if object {
		err = r.out.BeginObject()
	} else {
		err = r.out.BeginArray()
	}
	if err != nil {
		return false, false, err
	}
	r.space()
	switch c := r.peek(); {
	case c == ends(object):
		return false, true, nil // told by after
	case object:
		ok, err = r.name()
		return ok, ok, err
	}
	return true, true, nil
}

func ends(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// after tells the ends behind a value, and the name of the next member. Due says that a value comes next.
func (r *wholeReader) after() (due bool, err error) {
	for len(r.open) > 0 {
		object := r.open[len(r.open)-1]
		r.space()
		switch r.peek() {
		case ',':
			r.at++
			if object {
				return r.name()
			}
			return true, nil
		case ends(object):
			r.at++
			r.open = r.open[:len(r.open)-1]
			if err := r.end(object); err != nil {
				return false, err
			}
		default:
			return false, nil
		}
	}
	return false, nil
}

func (r *wholeReader) end(object bool) error {
	if err := r.poll.Err(); err != nil {
		return err
	}
	if object {
		return r.out.EndObject()
	}
	return r.out.EndArray()
}

// name tells the name of a member.
func (r *wholeReader) name() (bool, error) {
	if r.space(); r.peek() != '"' {
		return false, nil
	}
	s, ok := r.str()
	if !ok {
		return false, nil
	}
	// It is told before the colon is looked for, as where the library reads: so the first of two mistakes is the same.
	if err := r.out.Key(s); err != nil {
		return false, err
	}
	if r.space(); r.peek() != ':' {
		return false, nil
	}
	r.at++
	return true, nil
}

func (r *wholeReader) word(word string, tell func() error) (bool, error) {
	if !strings.HasPrefix(r.text[r.at:], word) {
		return false, nil
	}
	r.at += len(word)
	return told(tell())
}

func (r *wholeReader) number() (bool, error) {
	start := r.at
	for c := r.peek(); '0' <= c && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'; c = r.peek() {
		r.at++
	}
	if literal := r.text[start:r.at]; decode.IsNumber(literal) {
		return told(r.out.Number(literal))
	}
	return false, nil
}

// str reads a string, whose quote is next.
func (r *wholeReader) str() (string, bool) {
	start := r.at + 1
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.at = i + 1
			return r.text[start:i], true
		case c == '\\', c < ' ', c >= utf8.RuneSelf:
			return r.odd(start, i)
		}
	}
	return "", false
}

// odd reads a string that begins at start and has at i the first character that may not stand for itself.
func (r *wholeReader) odd(start, i int) (string, bool) {
	escaped := false
	for ; i < len(r.text) && r.text[i] != '"'; i++ {
		if r.text[i] == '\\' {
			escaped = true
			i++
		} else if r.text[i] < ' ' {
			return "", false
		}
	}
	if i >= len(r.text) {
		return "", false
	}
	r.at = i + 1
	if !escaped {
		s := r.text[start:i]
		return s, utf8.ValidString(s)
	}
	b, err := jsontext.AppendUnquote(nil, r.text[start-1:r.at])
	return string(b), err == nil
}

func (r *wholeReader) space() {
	for r.at < len(r.text) && r.text[r.at] <= ' ' {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end: as little a part of JSON as a byte 0 in the text.
func (r *wholeReader) peek() byte {
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

// deaf hears nothing.
type deaf struct{}

func (deaf) BeginObject() error  { return nil }
func (deaf) Key(string) error    { return nil }
func (deaf) EndObject() error    { return nil }
func (deaf) BeginArray() error   { return nil }
func (deaf) EndArray() error     { return nil }
func (deaf) String(string) error { return nil }
func (deaf) Number(string) error { return nil }
func (deaf) Bool(bool) error     { return nil }
func (deaf) Null() error         { return nil }

// Interface guard.
var _ decode.Sink = deaf{}
