package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Values are as encoding/json has them, with numbers as json.Number: nil, bool, string, json.Number, []any, map[string]any.

// decode reads one value. Names that occur twice, text that is no UTF-8, NUL and nesting over depth are errors.
func decode(body []byte, depth int) (any, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	v, err := decodeValue(d, depth)
	if err == nil {
		var rest jsontext.Token
		if rest, err = d.ReadToken(); err == nil {
			err = errors.New("something follows: " + rest.Kind().String())
		} else if errors.Is(err, io.EOF) {
			return v, nil
		}
	}
	if errors.Is(err, errDeep) {
		return nil, &LimitError{What: "the nesting", Most: depth, Unit: "levels"}
	}
	return nil, &SyntaxError{status: http.StatusBadRequest, Reason: reasonOf(err, d.InputOffset())}
}

// reasonOf says what is wrong with a body, and shows nothing of it.
func reasonOf(err error, offset int64) string {
	where := " at byte " + strconv.FormatInt(offset, 10)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "the body has an object with a name that occurs twice" + where
	case errors.Is(err, errNUL):
		return "the body has a text with a NUL" + where
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the body is no whole JSON"
	}
	return "the body is not JSON in UTF-8" + where
}

// errNUL is about text that no store takes.
var errNUL = errors.New("a NUL")

func decodeValue(d *jsontext.Decoder, depth int) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return t.Bool(), nil
	case '0':
		return json.Number(t.String()), nil
	case '"':
		return text(t)
	case '[':
		return decodeArray(d, depth-1)
	case '{':
		return decodeObject(d, depth-1)
	}
	return nil, errors.New("no value")
}

func text(t jsontext.Token) (string, error) {
	s := t.String()
	if strings.IndexByte(s, 0) >= 0 {
		return "", errNUL
	}
	return s, nil
}

// errDeep is about arrays and objects in each other.
var errDeep = errors.New("too deep")

func decodeArray(d *jsontext.Decoder, depth int) (any, error) {
	if depth < 0 {
		return nil, errDeep
	}
	list := []any{}
	for d.PeekKind() != ']' {
		v, err := decodeValue(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return list, err
}

func decodeObject(d *jsontext.Decoder, depth int) (any, error) {
	if depth < 0 {
		return nil, errDeep
	}
	object := map[string]any{}
	for d.PeekKind() != '}' {
		t, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		name, err := text(t)
		if err != nil {
			return nil, err
		}
		if object[name], err = decodeValue(d, depth); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return object, err
}

// clone copies a value, with all that is in it.
func clone(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	}
	return v
}

// measure gives about how many bytes a value is as JSON, and how deep it is: 0 without arrays and objects.
func measure(v any) (size, depth int) {
	in := func(e any) {
		s, d := measure(e)
		size, depth = size+s+1, max(depth, d)
	}
	switch v := v.(type) {
	case string:
		return len(v) + 2, 0
	case json.Number:
		return len(v), 0
	case []any:
		for _, e := range v {
			in(e)
		}
	case map[string]any:
		for k, e := range v {
			size += len(k) + 3
			in(e)
		}
	default:
		return 5, 0
	}
	return size + 2, depth + 1
}

// equal says that two values are the same by RFC 6902: numbers are compared by what they are worth.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || worth(string(a)) == worth(string(b)))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if other, ok := b[k]; !ok || !equal(v, other) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false // they cannot be compared by ==
	}
	return a == b
}

// worth writes a number in one way: its digits without zeros around them, and the exponent of the last one. So 1, 1.0 and 10e-1
// are the same, and 1e999999999 costs nothing. A number whose exponent is beyond all measure is its own text.
func worth(number string) string {
	digits, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	e, err := strconv.ParseInt("0"+strings.TrimPrefix(exponent, "+"), 10, 62)
	if strings.HasPrefix(exponent, "-") {
		e, err = strconv.ParseInt(exponent, 10, 62)
	}
	if err != nil {
		return number
	}
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	e -= int64(len(fraction))
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	short := strings.TrimRight(digits, "0")
	e += int64(len(digits) - len(short))
	return sign + short + "e" + strconv.FormatInt(e, 10)
}
