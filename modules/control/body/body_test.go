package body_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/body"
)

func request(content string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(content))
	r.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return r
}

func zipped(text string) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return out.String()
}

// TestRead reads the text "a" and the bool "b" of bodies.
func TestRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", body.Most)
	for name, c := range map[string]struct {
		body   string
		header []string
		a      string
		b      bool
		status int
		field  string
	}{
		"an object":              {body: `{"a":"x","b":false,"c":[1,{"a":2,"a":3}]}`, a: "x"},
		"with defaults":          {body: `{}`, b: true},
		"null is nothing":        {body: `{"a":null,"b":null}`, b: true},
		"an empty body":          {body: "", b: true, header: []string{"Content-Type", ""}},
		"blanks alone":           {body: " \n", b: true},
		"with a charset":         {body: `{"a":"é"}`, a: "é", b: true, header: []string{"Content-Type", "application/json; charset=utf-8"}},
		"another JSON":           {body: `{"a":"x"}`, a: "x", b: true, header: []string{"Content-Type", "application/vnd.x+json"}},
		"compressed":             {body: zipped(`{"a":"x"}`), a: "x", b: true, header: []string{"Content-Encoding", "gzip"}},
		"a pair":                 {body: `{"a":"\ud83d\ude00\\ud83d"}`, a: "😀\\ud83d", b: true},
		"text of bools":          {body: `{"b":"false"}`},
		"no type":                {body: `{"a":"x"}`, status: 415, header: []string{"Content-Type", ""}},
		"a form":                 {body: `a=x`, status: 415, header: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"a type of simple forms": {body: `{"a":"x"}`, status: 415, header: []string{"Content-Type", "text/plain"}},
		"another coding":         {body: `{"a":"x"}`, status: 415, header: []string{"Content-Encoding", "br"}},
		"no gzip":                {body: `{"a":"x"}`, status: 400, header: []string{"Content-Encoding", "gzip"}},
		"half a gzip":            {body: zipped(`{"a":"x"}`)[:20], status: 400, header: []string{"Content-Encoding", "gzip"}},
		"a bomb":                 {body: zipped(long + long + long), status: 413, header: []string{"Content-Encoding", "gzip"}},
		"too long":               {body: long + "{}", status: 413},
		"an array":               {body: `[]`, status: 400},
		"a string":               {body: `"a"`, status: 400},
		"half an object":         {body: `{"a":"x"`, status: 400},
		"two objects":            {body: `{} {}`, status: 400},
		"no UTF-8":               {body: "{\"a\":\"\xff\"}", status: 400},
		"twice":                  {body: `{"a":"x","a":"y"}`, status: 400, field: "a"},
		"twice, written twice":   {body: `{"a":"x","\u0061":"y"}`, status: 400, field: "a"},
		"a number":               {body: `{"a":1}`, status: 400, field: "a"},
		"an object in it":        {body: `{"a":{}}`, status: 400, field: "a"},
		"no bool":                {body: `{"b":1}`, status: 400, field: "b"},
		"NUL":                    {body: `{"a":"x\u0000"}`, status: 400, field: "a"},
		"the first half":         {body: `{"a":"\ud83dx"}`, status: 400, field: "a"},
		"the first half, twice":  {body: `{"a":"\ud83d\ud83d"}`, status: 400, field: "a"},
		"the first half, at end": {body: `{"a":"\ud83d"}`, status: 400, field: "a"},
		"the second half":        {body: `{"a":"\ude00"}`, status: 400, field: "a"},
		"too deep":               {body: `{"a":` + strings.Repeat("[", 20_000) + `}`, status: 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := body.Read(httptest.NewRecorder(), request(c.body, c.header...))
			var a string
			var b bool
			if err == nil {
				a, b = f.Text("a"), f.Bool("b", true)
				err = f.Err()
			}
			if c.status == 0 {
				if err != nil || a != c.a || b != c.b {
					t.Errorf("%q, %v, %v", a, b, err)
				}
				return
			}
			e, ok := errors.AsType[*body.Error](err)
			if !ok || e.Status != c.status || e.Field != c.field || e.Detail == "" || !strings.Contains(e.Detail, c.field) {
				t.Errorf("%#v", err)
			}
		})
	}
}

// FuzzRead holds that what is taken is what encoding/json would take, and that text is UTF-8 without NUL.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"a":"x","b":true}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d"}`, `{"a":1,"a":2}`, `{"a":"\u0000"}`, `[`, "", `{"\u0061":"\\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		fields, err := body.Read(httptest.NewRecorder(), request(string(raw)))
		if err != nil {
			e, ok := errors.AsType[*body.Error](err)
			if !ok || e.Status < 400 || e.Status > 415 || !utf8.ValidString(e.Detail) || len(e.Detail) > 400 {
				t.Fatalf("%#v", err)
			}
			return
		}
		text := fields.Text("a")
		fields.Bool("b", false)
		if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
			t.Fatalf("%q", text)
		}
		if fields.Err() != nil || len(bytes.TrimSpace(raw)) == 0 {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(raw, &plain); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if want, ok := plain["a"].(string); ok && want != text {
			t.Fatalf("%q, not %q", text, want)
		}
	})
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body string
		want []string
		ok   bool
	}{
		{`{}`, nil, true},
		{`{"a":null}`, nil, true},
		{`{"a":[]}`, []string{}, true},
		{`{"a":["x","y"]}`, []string{"x", "y"}, true},
		{`{"a":["x","y","z"]}`, nil, false},
		{`{"a":["x",1]}`, nil, false},
		{`{"a":["x",null]}`, nil, false},
		{`{"a":["\ud800"]}`, nil, false},
		{`{"a":"x"}`, nil, false},
		{`{"a":{"b":1}}`, nil, false},
	} {
		f, err := body.Parse("application/json", []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got := f.Texts("a", 2)
		if (f.Err() == nil) != c.ok || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q %v", c.body, got, f.Err())
		}
	}
}
