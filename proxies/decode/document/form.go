package document

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/hexdigit"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// Form decodes application/x-www-form-urlencoded to an object, in the order of first occurrence. White space around the
// body is cut off, empty pairs are left out, a pair without "=" has an empty value. A percent sign that is not followed
// by two hexadecimal digits, an end of line within, and escapes that are neither UTF-8 nor in the charset that is declared are
// a *decode.SyntaxError. An empty body is an empty object.
//
//	a=1&b=x+y&a=2  ->  {"a":["1","2"],"b":["x y"]}
type Form struct {
	// Repeated says what becomes of a name that occurs again: "error" refuses the document, "first" or "last" take
	// that value, "list" makes every value an array of strings, also of names that occur once. Default: "list", which
	// loses nothing, never fails and has one shape; the others make every value a string.
	Repeated string `json:"repeated,omitempty"`
}

const (
	formFactor          = 50
	formCollectedFactor = 75
)

// Check implements the check at load.
func (d *Form) Check() error { return repeated.Check(d.Repeated) }

// Factor implements decode.Decoder.
func (d *Form) Factor() float64 {
	if d.Repeated == repeated.Error {
		return formFactor
	}
	return formCollectedFactor
}

// Decode implements decode.Decoder.
func (d *Form) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := string(in.Body)
	text := strings.TrimRight(whole, ascii.Space)
	f := formReader{charset: in.Charset, text: text, next: len(text) - len(strings.TrimLeft(text, ascii.Space)), poll: interrupt.Poll{Ctx: ctx}}
	if strings.HasPrefix(text[f.next:], "<") { // forms escape it; an error page would be one odd name
		return &decode.SyntaxError{Format: "form", Offset: int64(f.next), Msg: "the text begins with '<'"}
	}
	if d.Repeated == repeated.Error {
		return f.stream(out)
	}
	m := repeated.Members{Policy: d.Repeated}
	if m.Policy == "" {
		m.Policy = repeated.List
	}
	for {
		name, value, ok, err := f.pair()
		if err != nil {
			return err
		}
		if !ok {
			return m.Tell(&f.poll, out, typed.TellString)
		}
		if err := m.Add(name, value); err != nil {
			return err
		}
	}
}

type formReader struct {
	charset charset.Options
	text    string
	next    int
	poll    interrupt.Poll
}

// stream tells the pairs as they come and leaves it to the sink to refuse names that repeat.
func (f *formReader) stream(out decode.Sink) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	for {
		name, value, ok, err := f.pair()
		if err != nil {
			return err
		}
		if !ok {
			return out.EndObject()
		}
		if err := out.Key(name); err != nil {
			return err
		}
		if err := out.String(value); err != nil {
			return err
		}
	}
}

func (f *formReader) pair() (name, value string, ok bool, err error) {
	for f.next < len(f.text) {
		if err := f.poll.Err(); err != nil {
			return "", "", false, err
		}
		start := f.next
		pair, _, _ := strings.Cut(f.text[start:], "&")
		f.next = start + len(pair) + 1
		if pair == "" {
			continue
		}
		if i := strings.IndexAny(pair, "\r\n"); i >= 0 {
			return "", "", false, &decode.SyntaxError{Format: "form", Offset: int64(start + i), Msg: "an end of line (decode kv reads a pair on each line)"}
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err = f.unescape(rawName, start)
		if err != nil {
			return "", "", false, err
		}
		value, err = f.unescape(rawValue, start+len(rawName)+1)
		return name, value, err == nil, err
	}
	return "", "", false, nil
}

// unescape undoes the escapes of a name or value that starts at offset.
func (f *formReader) unescape(s string, offset int) (string, error) {
	i := strings.IndexAny(s, "%+")
	if i < 0 {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:i]...)
	for ; i < len(s); i++ {
		switch s[i] {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) || !hexdigit.Is(s[i+1]) || !hexdigit.Is(s[i+2]) {
				return "", &decode.SyntaxError{Format: "form", Offset: int64(offset + i), Msg: "a percent sign without two hexadecimal digits"}
			}
			b = append(b, hexdigit.Value(s[i+1])<<4|hexdigit.Value(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	if utf8.Valid(b) {
		return string(b), nil
	}
	if text, ok := f.declared(b); ok {
		return text, nil
	}
	return "", &decode.SyntaxError{Format: "form", Offset: int64(offset), Msg: "escapes that are not UTF-8; see charset"}
}

// declared reads bytes in the charset that the configuration or the header says, for these speak of what was escaped, too.
func (f *formReader) declared(b []byte) (string, bool) {
	o := charset.Options{Option: f.charset.Option, Header: f.charset.Header, Replace: f.charset.Replace}
	text, cs, err := charset.Text(b, o)
	return string(text), err == nil && cs.Source != charset.ByDetection
}

var _ decode.Decoder = (*Form)(nil)
