package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// mostParts is how many fields a multipart form has.
const mostParts = 50

// Parse reads bytes that are a body: a form of either kind, or a JSON object, as clients of Houston send them. The fields of a form
// are members that are strings; one that is there twice, or is no text, is of no type that can be asked for. Nothing at all has no
// members. The error is an *Error.
//
//	f, err := body.Parse(r.Header.Get("Content-Type"), raw)
//	title, leader := f.Text("title"), f.Bool("is_leader", false)
//	if err := f.Err(); err != nil { … }
func Parse(contentType string, raw []byte) (*Fields, error) {
	bad := &Error{Status: http.StatusUnprocessableEntity, Detail: "The body is no form, and no JSON object."}
	if len(raw) == 0 && contentType == "" {
		return &Fields{members: map[string]json.RawMessage{}}, nil // everything is missing
	}
	kind, options, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, bad
	}
	var values url.Values
	switch kind {
	case "application/json":
		members, err := Object(raw)
		if err != nil {
			return nil, err
		}
		return &Fields{members: members}, nil
	case "application/x-www-form-urlencoded":
		values, err = url.ParseQuery(string(raw))
	case "multipart/form-data":
		values, err = parts(raw, options["boundary"])
	default:
		return nil, bad
	}
	if err != nil {
		return nil, bad
	}
	f := &Fields{members: map[string]json.RawMessage{}}
	for name, all := range values {
		f.members[name] = json.RawMessage("[]") // what nobody asks for
		if len(all) != 1 || !utf8.ValidString(all[0]) {
			continue
		}
		if text, err := json.Marshal(all[0]); err == nil {
			f.members[name] = text
		}
	}
	return f, nil
}

// parts reads the fields of a multipart form. The body is bounded, so they are, too.
func parts(raw []byte, boundary string) (url.Values, error) {
	values := url.Values{}
	from := multipart.NewReader(bytes.NewReader(raw), boundary)
	for range mostParts {
		part, err := from.NextRawPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		values.Add(part.FormName(), string(text))
	}
	return nil, errors.New("there are too many fields")
}

// ID gives a member that is a number above 0, or a UUID; both zero where it is not there. Numbers may be strings, as in forms.
func (f *Fields) ID(name string) (int64, uuid.UUID) {
	if !f.Has(name) {
		return 0, uuid.UUID{}
	}
	text := strings.Trim(string(f.members[name]), `"`)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return n, uuid.UUID{}
	}
	if id, err := uuid.Parse(text); err == nil && len(text) == len(id.String()) && text != string(f.members[name]) {
		return 0, id
	}
	f.fail(name, "a number above 0, or a UUID")
	return 0, uuid.UUID{}
}
