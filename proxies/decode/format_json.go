package decode

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON decodes one JSON text, strictly as RFC 8259: names that occur twice, text that is not UTF-8, half surrogates
// and anything after the value are errors, and so is an empty body. Names keep their order, numbers their digits.
//
//	{"b": 1.10, "a": [null]}  ->  {"b":1.10,"a":[null]}
type JSON struct{}

// jsonFactor is what {"":{"":{"":0}}} takes; usual documents take a quarter of it. See TestFactor.
const jsonFactor = 75

// jsonMessage bounds messages of the JSON library, which quote a few bytes of the text.
const jsonMessage = 120

// Check implements the check at load; JSON has no options.
func (*JSON) Check() error { return nil }

// Factor implements Decoder.
func (*JSON) Factor() float64 { return jsonFactor }

// Decode implements Decoder.
func (*JSON) Decode(ctx context.Context, in *Input, out Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := jsonReader{format: "json", text: string(in.Body), poll: poll{ctx: ctx}}
	r.open(in.Body, 0)
	if err := r.value(out); err != nil {
		return err
	}
	return r.end()
}

// jsonReader tells JSON texts to a sink.
type jsonReader struct {
	format string
	text   string // the whole body; strings and numbers are parts of it
	base   int64  // where in text the decoder started
	limit  int64  // where it ends
	poll   poll
	src    bytes.Buffer
	dec    jsontext.Decoder
}

// open starts at body, which is text from base on. The decoder reads body where it is and does not change it.
func (r *jsonReader) open(body []byte, base int) {
	r.base = int64(base)
	r.limit = r.base + int64(len(body))
	r.src = *bytes.NewBuffer(body)
	// The sink looks for names that occur twice, so that it is done once.
	r.dec.Reset(&r.src, jsontext.AllowDuplicateNames(true))
}

// value tells one value.
func (r *jsonReader) value(out Sink) error {
	depth := 0
	for {
		if err := r.poll.err(); err != nil {
			return err
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
func (r *jsonReader) token(out Sink, depth int) (step int, err error) {
	kind := r.dec.PeekKind()
	switch kind {
	case '"', '0':
		raw, err := r.dec.ReadValue()
		if err != nil {
			return 0, r.syntax(err)
		}
		end := r.base + r.dec.InputOffset()
		literal := r.text[end-int64(len(raw)) : end]
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
	rest := strings.TrimLeft(r.text[r.base+r.dec.InputOffset():r.limit], " \t\r\n")
	if rest == "" {
		return nil
	}
	return &SyntaxError{Format: r.format, Offset: r.limit - int64(len(rest)), Msg: "more text after the value"}
}

func (r *jsonReader) syntax(err error) error {
	e := &SyntaxError{Format: r.format, Offset: r.base + r.dec.InputOffset()}
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Offset, e.Msg = r.limit, "the text ends inside the value"
	case errors.As(err, &syntactic):
		e.Offset, e.Msg = r.base+syntactic.ByteOffset, cut(syntactic.Err.Error(), jsonMessage)
	case errors.Is(err, io.EOF):
		e.Msg = "the body is empty"
	default:
		e.Msg = cut(err.Error(), jsonMessage)
	}
	return e
}

var _ Decoder = (*JSON)(nil)
