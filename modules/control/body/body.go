// Package body reads what callers of the control API send: one JSON object, strictly.
//
//	f, err := body.Read(w, r)
//	if err != nil { … }                      // a *body.Error: 400, 413 or 415
//	email, password := f.Text("email"), f.Text("password")
//	if err := f.Err(); err != nil { … }      // the first member that is of another type
//
// Who sends two members of one name means one of them, and somebody in between may have looked at the other: that is refused, as
// are bytes that are no UTF-8, halves of surrogate pairs, and NUL. Members that nobody asks for are ignored, and null is as if the
// member was not there: clients of the older systems send both. The type of the body must be said, since a page of somebody else
// can have a browser send other bodies with its user's credentials.
package body

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Most is how many bytes a body may have, also after it is inflated.
const Most = 64 << 10

// Error says what is wrong with a body.
type Error struct {
	// Status is 400, 413 or 415.
	Status int
	// Field is the member, "" where it is the whole body.
	Field string
	// Detail is a sentence for the caller.
	Detail string
}

func (e *Error) Error() string { return e.Detail }

// Fields are the members of an object. They belong to one goroutine.
type Fields struct {
	members map[string]json.RawMessage
	err     *Error
}

// Read reads the object that is the body of a request. An empty body is an empty object.
func Read(w http.ResponseWriter, r *http.Request) (*Fields, error) {
	raw, err := read(w, r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return &Fields{}, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !(strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Detail: "The body must be JSON, with Content-Type: application/json"}
	}
	members, err := Object(raw)
	if err != nil {
		return nil, err
	}
	return &Fields{members: members}, nil
}

// read gives the bytes of a body, inflated if they are compressed.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	from := io.Reader(http.MaxBytesReader(w, r.Body, Most))
	switch coding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		inflated, err := gzip.NewReader(from)
		if err != nil {
			return nil, unreadable(err)
		}
		from = io.LimitReader(inflated, Most+1)
	default:
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Detail: "The body's Content-Encoding must be gzip, or none"}
	}
	raw, err := io.ReadAll(from)
	if err != nil {
		return nil, unreadable(err)
	}
	if len(raw) > Most {
		return nil, tooLarge()
	}
	return raw, nil
}

func unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	return &Error{Status: http.StatusBadRequest, Detail: "The body cannot be read"}
}

func tooLarge() error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The body has more than %d bytes", Most)}
}

// Object gives the members of one JSON object and nothing else, each once.
func Object(raw []byte) (map[string]json.RawMessage, error) {
	bad := &Error{Status: http.StatusBadRequest, Detail: "The body must be a JSON object"}
	if !utf8.Valid(raw) {
		return nil, &Error{Status: http.StatusBadRequest, Detail: "The body must be UTF-8"}
	}
	// Token by token, since encoding/json takes the last of two members with one name.
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, bad
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, bad
		}
		name, _ := t.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, bad
		}
		if _, twice := members[name]; twice {
			return nil, &Error{Status: http.StatusBadRequest, Field: shown(name), Detail: "The field " + shown(name) + " is there twice"}
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad
	}
	return members, nil
}

// shown is what an error may show of a name.
func shown(name string) string {
	const most = 40
	if r := []rune(name); len(r) > most {
		name = string(r[:most]) + "…"
	}
	return strings.Trim(strconv.Quote(name), `"`)
}

// Has says whether a member is there, and not null.
func (f *Fields) Has(name string) bool {
	raw, ok := f.members[name]
	return ok && string(raw) != "null"
}

// Err is the first thing that was wrong with the members that were asked for.
func (f *Fields) Err() error {
	if f.err == nil {
		return nil
	}
	return f.err
}

func (f *Fields) fail(name, what string) {
	if f.err == nil {
		f.err = &Error{Status: http.StatusBadRequest, Field: name, Detail: "The field " + name + " must be " + what}
	}
}

// Text gives a member that is a string, "" where it is not there.
func (f *Fields) Text(name string) string {
	if !f.Has(name) {
		return ""
	}
	raw := f.members[name]
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		f.fail(name, "text")
		return ""
	}
	if strings.ContainsRune(text, 0) || halfPair(raw) {
		f.fail(name, "text without NUL and without halves of characters")
		return ""
	}
	return text
}

// Texts gives a member that is a list of strings; nil where it is not there. There may be as many as most says.
func (f *Fields) Texts(name string, most int) []string {
	if !f.Has(name) {
		return nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal(f.members[name], &all); err != nil || all == nil {
		f.fail(name, "a list of texts")
		return nil
	}
	if len(all) > most {
		f.fail(name, "a list of at most "+strconv.Itoa(most)+" texts")
		return nil
	}
	out := make([]string, len(all))
	for i, raw := range all {
		if string(raw) == "null" {
			f.fail(name, "a list of texts")
			return nil
		}
		one := Fields{members: map[string]json.RawMessage{name: raw}}
		if out[i] = one.Text(name); one.err != nil {
			f.fail(name, "a list of texts")
			return nil
		}
	}
	return out
}

// Bool gives a member that is true or false, or what it is by default. The strings of older clients and of forms count: "true",
// "True", "1", "false", "False", "0".
func (f *Fields) Bool(name string, byDefault bool) bool {
	if !f.Has(name) {
		return byDefault
	}
	switch string(f.members[name]) {
	case "true", `"true"`, `"True"`, `"1"`:
		return true
	case "false", `"false"`, `"False"`, `"0"`:
		return false
	}
	f.fail(name, "true or false")
	return byDefault
}

// halfPair says that a JSON string has half of a surrogate pair: encoding/json makes another character of it.
func halfPair(raw []byte) bool {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		switch first := unit(raw[i+1:]); {
		case first >= 0xdc00 && first <= 0xdfff:
			return true
		case first >= 0xd800 && first <= 0xdbff:
			i += 4
			if i+2 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' {
				return true
			}
			if second := unit(raw[i+3:]); second < 0xdc00 || second > 0xdfff {
				return true
			}
			i += 2
		}
	}
	return false
}

// unit reads the four digits of \u.
func unit(raw []byte) uint64 {
	if len(raw) < 4 {
		return 0
	}
	n, _ := strconv.ParseUint(string(raw[:4]), 16, 32) // the decoder has seen them
	return n
}
