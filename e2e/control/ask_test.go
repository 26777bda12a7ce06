package control_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// move is one step of a row.
type move interface{ do(s *scene) }

// act is a move that is no request: what an operator does, or time that passes.
type act func(s *scene)

func (a act) do(s *scene) {
	s.t.Helper()
	a(s)
}

// ask is a request, and what must come. Names in braces ({user.email}) are values of the scene.
type ask struct {
	method, target string
	fields         []string // names and values of headers
	body           string
	pairs          []string // names and values of a multipart form; a name @x has the value as a file

	status   []int
	pattern  string
	empty    bool
	expected []string // names and patterns of headers
	without  []string // texts that are nowhere in the answer
	later    func(s *scene, a gateway.Answer)
}

func get(target string) *ask     { return &ask{method: http.MethodGet, target: target} }
func post(target string) *ask    { return &ask{method: http.MethodPost, target: target} }
func put(target string) *ask     { return &ask{method: http.MethodPut, target: target} }
func patch(target string) *ask   { return &ask{method: http.MethodPatch, target: target} }
func remove(target string) *ask  { return &ask{method: http.MethodDelete, target: target} }
func options(target string) *ask { return &ask{method: http.MethodOptions, target: target} }

// header adds a header.
func (a *ask) header(name, value string) *ask {
	a.fields = append(a.fields, name, value)
	return a
}

// json is a body of JSON.
func (a *ask) json(text string) *ask {
	a.body = text
	return a.header("Content-Type", "application/json")
}

// form is a body of names and values, encoded as HTML forms are.
func (a *ask) form(pairs ...string) *ask {
	a.body = encoded(pairs)
	return a.header("Content-Type", "application/x-www-form-urlencoded")
}

// encoded leaves the names in braces as they are; their values are encoded when they are known.
func encoded(pairs []string) string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		value := pairs[i+1]
		if !braces().MatchString(value) {
			value = url.QueryEscape(value)
		}
		out = append(out, url.QueryEscape(pairs[i])+"="+value)
	}
	return strings.Join(out, "&")
}

// multipart is what curl makes of -F.
func (a *ask) multipart(pairs ...string) *ask {
	a.pairs = pairs
	return a
}

// basic are HTTP Basic credentials.
func (a *ask) basic(user, password string) *ask {
	return a.header("Authorization", "basic "+user+"\x00"+password)
}

// bearer is a token.
func (a *ask) bearer(token string) *ask { return a.header("Authorization", "Bearer "+token) }

// gives says what must come: a status, and a pattern of the body's JSON, see match; none: whatever the body is.
func (a *ask) gives(status int, pattern ...string) *ask {
	b := *a // rows share requests
	b.status = []int{status}
	if len(pattern) > 0 {
		b.pattern = pattern[0]
	}
	return &b
}

// or says that another status is as good.
func (a *ask) or(status ...int) *ask {
	a.status = append(a.status, status...)
	return a
}

// nothing says that the answer has no body.
func (a *ask) nothing(status int) *ask {
	a.empty = true
	return a.gives(status)
}

// with says that the answer has a header, whose value a regular expression matches as a whole.
func (a *ask) with(name, expression string) *ask {
	a.expected = append(a.expected, name, expression)
	return a
}

// lacks says that texts are nowhere in the answer.
func (a *ask) lacks(texts ...string) *ask {
	a.without = append(a.without, texts...)
	return a
}

// then looks at the answer.
func (a *ask) then(later func(s *scene, a gateway.Answer)) *ask {
	a.later = later
	return a
}

func (a *ask) do(s *scene) {
	s.t.Helper()
	s.judge(a, s.send(a))
}

// send sends a request to the scene's gateway.
func (s *scene) send(a *ask) gateway.Answer {
	s.t.Helper()
	req := s.request(s.gateway, a)
	got, err := s.gateway.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", a.method, a.target, err)
	}
	return got
}

// request makes a request to a gateway.
func (s *scene) request(g *gateway.Gateway, a *ask) *http.Request {
	s.t.Helper()
	target := g.URL + s.fill(a.target, url.QueryEscape)
	escape := func(v string) string { return v }
	if slices.Contains(a.fields, "application/x-www-form-urlencoded") {
		escape = url.QueryEscape
	} else if slices.Contains(a.fields, "application/json") {
		escape = func(v string) string { return strings.Trim(shown(v), `"`) }
	}
	body, kind := []byte(s.fill(a.body, escape)), ""
	if a.pairs != nil {
		body, kind = s.multipart(a.pairs)
	}
	req, err := http.NewRequestWithContext(context.Background(), a.method, target, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if len(body) == 0 {
		req.Body = http.NoBody
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("X-Forwarded-For", s.address)
	for i := 0; i < len(a.fields); i += 2 {
		value := s.fill(a.fields[i+1], func(v string) string { return v })
		if pair, ok := strings.CutPrefix(value, "basic "); ok && strings.Contains(pair, "\x00") {
			value = "Basic " + base64.StdEncoding.EncodeToString([]byte(strings.Replace(pair, "\x00", ":", 1)))
		}
		if a.fields[i] == "X-Forwarded-For" {
			req.Header.Set(a.fields[i], value)
			continue
		}
		req.Header.Add(a.fields[i], value)
	}
	return req
}

func (s *scene) multipart(pairs []string) (body []byte, kind string) {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		value := s.fill(pairs[i+1], func(v string) string { return v })
		var err error
		if name, file := strings.CutPrefix(pairs[i], "@"); file {
			part, failed := w.CreateFormFile(name, "file")
			if err = failed; err == nil {
				_, err = part.Write([]byte(value))
			}
		} else {
			err = w.WriteField(pairs[i], value)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}
