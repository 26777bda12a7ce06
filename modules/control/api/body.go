package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	members "github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

// longestBody is how long the body of an operation may be, in bytes.
const longestBody = 64 << 10

// BadBody is what a caller is told of a body that is not as it should be.
func BadBody(format string, args ...any) Failure {
	return Failure{Status: http.StatusBadRequest, Type: problem.BadBody, Detail: fmt.Sprintf(format, args...)}
}

// ReadBody gives the body of a request of at most 64 KiB. The error is a Failure.
func ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return nil, Failure{Status: http.StatusRequestEntityTooLarge, Type: problem.BadBody, Detail: fmt.Sprintf("The body is longer than %d bytes.", longestBody)}
	}
	if err != nil {
		return nil, BadBody("The body cannot be read.")
	}
	return body, nil
}

// ReadJSON reads the body of a request, JSON in UTF-8 of at most 64 KiB, into v. An object has each member once. Strict refuses
// members of objects that v does not have. The error is a Failure.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any, strict bool) error {
	body, err := ReadBody(w, r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return BadBody("The body is missing.")
	}
	if !utf8.Valid(body) {
		return BadBody("The body is not UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return BadBody("The body is more than one JSON value.")
	}
	// Of two members with one name the decoder has taken the last one; who looked before us may have taken the first.
	if _, err := members.Object(body); bytes.TrimSpace(body)[0] == '{' && err != nil {
		twice, _ := errors.AsType[*members.Error](err)
		return BadBody("The member %q is there twice.", twice.Field)
	}
	return nil
}

func badJSON(err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if kind.Field == "" {
			return BadBody("The body is a JSON %s, which it should not be.", kind.Value)
		}
		return BadBody("The member %q should not be a %s.", kind.Field, kind.Value)
	}
	// encoding/json has no type for it.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return BadBody("Unknown argument: %s", shortened(name))
	}
	return BadBody("The body is not JSON.")
}

// shortened is a caller's text as it may be said again.
func shortened(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
