package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// charsetExample is one example of the page: the words of a fetch, what its backend answers, and what becomes of it.
type charsetExample struct {
	where                string
	words, answer        string
	value, fault, header string
}

func charsetExamples(t *testing.T) []charsetExample {
	t.Helper()
	var out []charsetExample
	for _, f := range fencesOf(t, "charsets.md") {
		if f.lang == "caddyfile" {
			out = append(out, charsetExample{where: fmt.Sprintf("%s:%d", f.page, f.line), words: f.text})
			continue
		}
		if len(out) == 0 {
			t.Fatalf("%s:%d: a block before the first example", f.page, f.line)
		}
		last := &out[len(out)-1]
		switch f.lang {
		case "answer":
			last.answer = f.text
		case "json":
			last.value = f.text
		case "error":
			last.fault = strings.TrimSpace(f.text)
		case "header":
			last.header = strings.TrimSpace(f.text)
		default:
			t.Errorf("%s:%d: nobody executes a block of %q", f.page, f.line, f.lang)
		}
	}
	return out
}

// write answers as the example says.
func (e charsetExample) write(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	head, body, ok := strings.Cut(e.answer, "\n\n")
	if !ok {
		head, body = "", e.answer
	}
	w.Header()["Content-Type"] = nil // or the server would guess
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		w.Header().Set(name, value)
	}
	if strings.Contains(body, `\x00`) || strings.HasPrefix(body, `\x1f`) {
		body = strings.TrimSuffix(body, "\n") // the line break of the page is none of the body
	}
	quoted := strings.NewReplacer("\n", `\n`, `"`, `\"`).Replace(body)
	text, err := strconv.Unquote(`"` + quoted + `"`)
	if err != nil {
		t.Errorf("%s: %v", e.where, err)
	}
	_, _ = w.Write([]byte(text))
}

// TestCharsetsPage runs the examples of the page about charsets with the binary.
func TestCharsetsPage(t *testing.T) {
	t.Parallel()
	examples := charsetExamples(t)
	if len(examples) < 8 {
		t.Fatalf("only %d examples", len(examples))
	}
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		examples[n].write(t, w)
	})
	routes := ""
	for i, e := range examples {
		routes += block("GET /"+strconv.Itoa(i), block("fetch /"+strconv.Itoa(i), e.words))
	}
	g := startGateway(t, site("health\n"+block("service /s", "version 1.0.0\nrepository https://example.org/c\ndescription Charsets\ndebug\n"+
		"backend "+backend.url+" {\n\tretries 0\n\tbreaker 100 1s\n}\n", routes)))
	for i, e := range examples {
		a := g.ask(t, request{path: "/s/" + strconv.Itoa(i), header: http.Header{"Fairway-Debug": {"decode"}}})
		if e.fault != "" {
			if a.status != http.StatusBadGateway || !strings.Contains(a.body, e.fault) {
				t.Errorf("%s: %d %s", e.where, a.status, a.body)
			}
			continue
		}
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(e.value)); err != nil {
			t.Errorf("%s: %v", e.where, err)
			continue
		}
		if diff := cmp.Diff(want.String()+"\n", a.body); diff != "" {
			t.Errorf("%s: %d (-shown +got):\n%s", e.where, a.status, diff)
		}
		if got := a.header.Get("Fairway-Decode"); e.header != "" && got != e.header {
			t.Errorf("%s: Fairway-Decode: %s\nshown %s", e.where, got, e.header)
		}
	}
}
