package tokens

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	// longestBody is how many bytes of a body, or of a query, are read.
	longestBody = 64 << 10
	// mostParts is how many parts a multipart body may have.
	mostParts = 64
)

// names are the parameters of all endpoints, and whether each is a secret. What is not here is ignored.
func names() map[string]bool {
	return map[string]bool{
		"grant_type": false, "client_id": false, "client_secret": true, "username": false, "password": true,
		"refresh_token": true, "scope": false, "token": true, "token_type_hint": false, "email": false,
	}
}

// parameters are those of a request, each once. What was sent empty was not sent (RFC 6749, 3.2).
type parameters map[string]string

// sources say where parameters may be.
type sources struct{ query, json, querySecrets bool }

// read gives the parameters of a request, out of its query, its form, which may be multipart, or JSON.
func (s sources) read(w http.ResponseWriter, r *http.Request) (parameters, *oauthError) {
	all := reader{known: names(), found: parameters{}, seen: map[string]bool{}}
	if s.query {
		if err := all.query(r.URL.RawQuery, s.querySecrets); err != nil {
			return nil, err
		}
	}
	if err := all.body(w, r, s.json); err != nil {
		return nil, err
	}
	return all.found, nil
}

type reader struct {
	known map[string]bool
	found parameters
	seen  map[string]bool
}

// add takes one parameter.
func (p *reader) add(name, value string) *oauthError {
	if _, known := p.known[name]; !known {
		return nil
	}
	if p.seen[name] {
		return invalidRequest("Duplicate " + name + " parameter.")
	}
	p.seen[name] = true
	switch {
	case len(value) > longestToken:
		return invalidRequest("The " + name + " parameter is too long.")
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return invalidRequest("The " + name + " parameter is not text.")
	case value != "":
		p.found[name] = value
	}
	return nil
}

func (p *reader) pairs(text string, secrets bool) *oauthError {
	values, err := url.ParseQuery(text)
	if err != nil {
		return invalidRequest("The parameters are not encoded as they should be.")
	}
	for name, all := range values {
		if p.known[name] && !secrets {
			return invalidRequest("The " + name + " parameter must not be in the query.")
		}
		for _, v := range all {
			if err := p.add(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *reader) query(raw string, secrets bool) *oauthError {
	if len(raw) > longestBody {
		return invalidRequest("The query is too long.")
	}
	return p.pairs(raw, secrets)
}

func (p *reader) body(w http.ResponseWriter, r *http.Request, takesJSON bool) *oauthError {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limited := http.MaxBytesReader(w, r.Body, longestBody)
	kind, options, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" {
		return p.multipart(multipart.NewReader(limited, options["boundary"]))
	}
	body, readErr := io.ReadAll(limited)
	switch {
	case readErr != nil:
		return unreadable(readErr)
	case len(bytes.TrimSpace(body)) == 0:
		return nil
	case err == nil && kind == "application/x-www-form-urlencoded" && !(takesJSON && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))):
		return p.pairs(string(body), true)
	case takesJSON: // whatever it is called: `curl -d` calls all a form
		return p.object(body)
	}
	return invalidRequest("The body is no form.")
}

func unreadable(err error) *oauthError {
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return invalidRequest("The body is too long.")
	}
	return invalidRequest("The body cannot be read.")
}

func (p *reader) multipart(parts *multipart.Reader) *oauthError {
	for range mostParts {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		value, err := io.ReadAll(io.LimitReader(part, longestToken+1))
		if err != nil {
			return unreadable(err)
		}
		name := part.FormName()
		if _, known := p.known[name]; known && part.FileName() != "" {
			return invalidRequest("The " + name + " parameter is a file.")
		}
		if err := p.add(name, string(value)); err != nil {
			return err
		}
	}
	return invalidRequest("The body has too many parts.")
}

// object reads a JSON object token by token, since encoding/json takes the last of two members with one name.
func (p *reader) object(body []byte) *oauthError {
	bad := invalidRequest("The body is no JSON object.")
	if !utf8.Valid(body) {
		return bad
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return bad
		}
		name, _ := t.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return bad
		}
		if _, known := p.known[name]; !known {
			continue
		}
		var value *string
		if err := json.Unmarshal(raw, &value); err != nil {
			return invalidRequest("The " + name + " parameter is not text.")
		}
		if value == nil {
			value = new(string)
		}
		if err := p.add(name, *value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad
	}
	return nil
}
