package document

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// jsonMessage bounds messages of the JSON library, which quote a few bytes of the text.
const jsonMessage = 120

// jsonSpace is the white space of RFC 8259.
const jsonSpace = " \t\r\n"

// jsonReader tells JSON texts to a sink.
type jsonReader struct {
	format string
	text   string // what is read; strings and numbers are parts of it. Empty for a stream
	base   int64  // where the text begins in the document
	poll   interrupt.Poll
	stream *recordWindow     // where the text comes from; nil: it is all there
	items  *jsonItems        // of a stream, to know where its items begin
	dec    *jsontext.Decoder // of a stream, and of a text that is no JSON
	open   []bool            // memory of wholeReader, for the next text
}

// openStream starts at a text that comes.
func (r *jsonReader) openStream(w *recordWindow, items *jsonItems) {
	r.stream, r.items, r.base = w, items, w.read
	// The sink looks for names that occur twice, so that it is done once.
	r.dec = jsontext.NewDecoder(w, jsontext.AllowDuplicateNames(true))
}

// document tells the one value of the text.
func (r *jsonReader) document(out decode.Sink) error {
	if r.stream != nil {
		return r.tokens(out)
	}
	w := wholeReader{text: r.text, out: out, poll: &r.poll, open: r.open[:0]}
	ok, err := w.document()
	if r.open = w.open; ok || err != nil {
		return err
	}
	// The library knows what is wrong.
	r.dec = jsontext.NewDecoder(bytes.NewBufferString(r.text), jsontext.AllowDuplicateNames(true))
	if err := r.tokens(deaf{}); err != nil {
		return err
	}
	return &decode.SyntaxError{Format: r.format, Offset: r.base + int64(w.at), Msg: "it cannot be read"} // never, see FuzzWhole
}

// tokens tells what the library reads.
func (r *jsonReader) tokens(out decode.Sink) error {
	if err := r.value(out); err != nil {
		return err
	}
	return r.end()
}

// value tells one value.
func (r *jsonReader) value(out decode.Sink) error {
	depth := 0
	for {
		if err := r.poll.Err(); err != nil {
			return err
		}
		if r.items != nil && r.items.between() {
			r.stream.from = r.base + r.dec.InputOffset()
		}
		step, err := r.token(out, depth)
		if err != nil {
			return err
		}
		depth += step
		if depth == 0 {
			return nil
		}
	}
}

// token tells one token and says how it changes the depth.
func (r *jsonReader) token(out decode.Sink, depth int) (step int, err error) {
	kind := r.dec.PeekKind()
	switch kind {
	case '"', '0':
		raw, err := r.dec.ReadValue()
		if err != nil {
			return 0, r.syntax(err)
		}
		literal := r.literal(raw)
		if kind == '0' {
			return 0, out.Number(literal)
		}
		s, err := r.unquote(raw, literal)
		if err != nil {
			return 0, r.syntax(err)
		}
		// The decoder counts the name as read, so a name is what makes the length odd.
		if in, n := r.dec.StackIndex(depth); in == '{' && n%2 == 1 {
			return 0, out.Key(s)
		}
		return 0, out.String(s)
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return 0, r.syntax(err)
	}
	switch kind {
	case '{':
		return 1, out.BeginObject()
	case '}':
		return -1, out.EndObject()
	case '[':
		return 1, out.BeginArray()
	case ']':
		return -1, out.EndArray()
	case 't', 'f':
		return 0, out.Bool(kind == 't')
	}
	return 0, out.Null()
}

// literal gives what was read as a string that stays.
func (r *jsonReader) literal(raw []byte) string {
	if r.stream != nil {
		return string(raw)
	}
	end := r.dec.InputOffset()
	return r.text[end-int64(len(raw)) : end]
}

// unquote gives the string that a literal stands for; without escapes it is a part of the text.
func (r *jsonReader) unquote(raw []byte, literal string) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return literal[1 : len(literal)-1], nil
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	return string(b), err
}

// end refuses anything after the value but white space.
func (r *jsonReader) end() error {
	if r.stream != nil {
		return r.endStream()
	}
	rest := strings.TrimLeft(r.text[r.dec.InputOffset():], jsonSpace)
	if rest == "" {
		return nil
	}
	return r.more(r.base+int64(len(r.text)-len(rest)), rest[0])
}

func (r *jsonReader) endStream() error {
	at := r.base + r.dec.InputOffset()
	buf := r.dec.UnreadBuffer()
	for {
		rest := bytes.TrimLeft(buf, jsonSpace)
		if at += int64(len(buf) - len(rest)); len(rest) > 0 {
			return r.more(at, rest[0])
		}
		r.stream.from = at
		chunk := make([]byte, 512)
		n, err := r.stream.Read(chunk)
		if buf = chunk[:n]; n == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// more is the error of text after the value.
func (r *jsonReader) more(at int64, first byte) error {
	e := &decode.SyntaxError{Format: r.format, Offset: at, Msg: "more text after the value"}
	if r.format == "json" && (first == '{' || first == '[') {
		e.Msg += " (decode ndjson reads one value on each line)"
	}
	if r.format == "json" && first == 0 {
		e.Msg += seeOption("control")
	}
	return e
}

func (r *jsonReader) syntax(err error) error {
	if r.stream != nil && r.stream.err != nil {
		return r.stream.err
	}
	e := &decode.SyntaxError{Format: r.format, Offset: r.base + r.dec.InputOffset()}
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Offset, e.Msg = r.base+int64(len(r.text)), "the text ends inside the value"
		if r.format == "ndjson" {
			e.Msg = "the line ends inside the value (decode json reads one of several lines)"
		}
		if r.stream != nil {
			e.Offset = r.stream.read
		}
	case errors.As(err, &syntactic):
		e.Offset, e.Msg = r.base+syntactic.ByteOffset, excerpt.Cut(syntactic.Err.Error(), jsonMessage)
		e.Msg = steady(e.Msg)
		e.Msg += r.hint(e.Msg)
	case errors.Is(err, io.EOF):
		e.Offset, e.Msg = 0, "the body is empty"
	default:
		e.Msg = excerpt.Cut(err.Error(), jsonMessage)
	}
	return e
}

// steady makes of a message one that does not depend on the pieces in which a stream came: some quote what was there.
func steady(msg string) string {
	if strings.HasPrefix(msg, "invalid surrogate pair") {
		return "half a surrogate in a string"
	}
	if strings.HasPrefix(msg, "invalid escape sequence") {
		return "an invalid escape in a string"
	}
	rest, ok := strings.CutPrefix(msg, "invalid character '")
	if !ok || rest == "" || rest[0] < utf8.RuneSelf && !strings.HasPrefix(rest, `\u`) && !strings.HasPrefix(rest, `\U`) && (!strings.HasPrefix(rest, `\x`) || len(rest) > 2 && rest[2] < '8') {
		return msg
	}
	_, where, _ := strings.Cut(rest, "' ")
	return "an invalid character " + where
}
