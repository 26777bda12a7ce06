package executions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/api"
	objects "github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

// tokenParameter is what older clients had their token in, and no script is given.
const tokenParameter = "token"

// parameters are what a script is to be run with: the query, and the object of a body, which wins. schema is the script's JSON
// Schema, which says what the texts of the query are; null: it has none. The error is for the caller.
func parameters(query string, body []byte, schema json.RawMessage) ([]byte, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, refused("the query is none: a % is written as %25")
	}
	if values.Has(tokenParameter) {
		return nil, refused("token: a token in an address is written to logs; send it as Authorization: Bearer")
	}
	all := map[string]json.RawMessage{}
	types := typesOf(schema)
	for name, texts := range values {
		value, err := fromQuery(name, texts, types[name])
		if err != nil {
			return nil, err
		}
		all[name] = value
	}
	given, err := object(body)
	if err != nil {
		return nil, err
	}
	for name, value := range given {
		if name != tokenParameter {
			all[name] = value
		}
	}
	if all, err := compact(all); err != nil {
		return nil, err
	} else if err := queries.CheckJSON(all); err != nil {
		return nil, refused("the parameters: " + err.Error())
	} else {
		return all, nil
	}
}

// object reads the object of a body. An empty body is an empty one.
func object(body []byte) (map[string]json.RawMessage, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	// Each name once: of two the schema would be asked about the last one, and a script may take the first.
	out, err := objects.Object(body)
	return out, failure(err)
}

// compact writes an object, its members sorted.
func compact(all map[string]json.RawMessage) (json.RawMessage, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(all); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// fromQuery makes a value of what a query has for a parameter, of one of some types; any other is a text.
func fromQuery(name string, texts, types []string) (json.RawMessage, error) {
	for _, text := range append([]string{name}, texts...) {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, refused("the query has something that is no text")
		}
	}
	if slices.Contains(types, "array") && !looksLike(texts[0], '[') {
		return list(texts)
	}
	if len(texts) > 1 {
		return nil, refused(name + ": it is there twice in the query")
	}
	if slices.Contains(types, "string") {
		return json.Marshal(texts[0])
	}
	if value, ok := literal(texts[0], types); ok {
		return value, nil
	}
	return json.Marshal(texts[0])
}

func list(texts []string) (json.RawMessage, error) {
	out := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		value, ok := literal(text, []string{"number", "boolean"})
		if !ok {
			value, _ = json.Marshal(text) // a text
		}
		out[i] = value
	}
	return json.Marshal(out)
}

// literal is a text as a value of one of some types.
func literal(text string, types []string) (json.RawMessage, bool) {
	text = strings.TrimSpace(text)
	if text == "" || !json.Valid([]byte(text)) {
		return nil, false
	}
	var kind []string
	switch text[0] {
	case '{':
		kind = []string{"object"}
	case '[':
		kind = []string{"array"}
	case '"':
	case 't', 'f':
		kind = []string{"boolean"}
	case 'n':
		kind = []string{"null"}
	default:
		kind = []string{"number", "integer"}
	}
	return json.RawMessage(text), slices.ContainsFunc(kind, func(k string) bool { return slices.Contains(types, k) })
}

func looksLike(text string, first byte) bool {
	text = strings.TrimSpace(text)
	return text != "" && text[0] == first && json.Valid([]byte(text))
}

// typesOf are the types that a schema names for its properties.
func typesOf(schema json.RawMessage) map[string][]string {
	var said struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(schema, &said) != nil {
		return nil
	}
	out := map[string][]string{}
	for name, property := range said.Properties {
		var one struct {
			Type json.RawMessage `json:"type"`
		}
		if json.Unmarshal(property, &one) != nil {
			continue
		}
		var word string
		var words []string
		if json.Unmarshal(one.Type, &word) == nil {
			words = []string{word}
		} else if json.Unmarshal(one.Type, &words) != nil {
			continue
		}
		out[name] = words
	}
	return out
}

// checkedAtOnce is how many parameters are held to schemas at the same time: each may take some seconds of a processor.
const checkedAtOnce = 2

// check holds parameters to the schema of a script. The error names each mistake by its place.
func (x *Executions) check(ctx context.Context, params []byte, schema json.RawMessage) error {
	if text := bytes.TrimSpace(schema); len(text) == 0 || bytes.Equal(text, none()) {
		return nil
	}
	select {
	case x.checking <- struct{}{}:
		defer func() { <-x.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s, err := bundle.ReadSchema(schema)
	if err != nil { // it was checked when it was uploaded
		return errors.New("the schema of a script cannot be read: " + err.Error())
	}
	mistakes := s.Mistakes(params)
	if len(mistakes) == 0 {
		return nil
	}
	f := api.Failure{Status: http.StatusBadRequest, Messages: map[string][]string{}}
	said := make([]string, 0, len(mistakes))
	for _, m := range mistakes {
		at := m.At
		if at == "" {
			at = "/"
		}
		at, detail := clip(at), clip(m.Detail)
		if !slices.Contains(f.Messages[at], detail) {
			f.Messages[at] = append(f.Messages[at], detail)
			said = append(said, at+": "+detail)
		}
	}
	f.Detail = "The parameters are not what the script takes: " + strings.Join(said, "; ")
	return f
}

// clip cuts what is told of something that a caller has sent.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	cut := text[:most]
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	return cut + "…"
}
