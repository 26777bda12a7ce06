package reply

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

// TestPage runs every program of docs/jq.md: a fence "jq", then "input", then "output" or "error".
func TestPage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/jq.md")
	if err != nil {
		t.Fatal(err)
	}
	var program, input, text string
	kind, n := "", 0
	for i, line := range strings.Split(string(raw), "\n") {
		switch {
		case kind == "" && strings.HasPrefix(line, "```"):
			kind, text = line[3:], ""
			continue
		case kind == "":
			continue
		case line != "```":
			text += line + "\n"
			continue
		}
		switch kind {
		case "jq":
			program, input = text, ""
		case "input":
			input = text
		case "output", "error":
			n++
			wantExample(t, i+1, kind, program, input, text)
		}
		kind = ""
	}
	if n < 15 {
		t.Errorf("the page has %d examples", n)
	}
}

func wantExample(t *testing.T, line int, kind, program, input, want string) {
	t.Helper()
	p, err := Compile(program, []string{"in"})
	if err != nil {
		t.Errorf("line %d: %v", line, err)
		return
	}
	tree := decode.NewTree(decode.Limits{})
	if err := new(document.JSON).Decode(t.Context(), &decode.Input{Body: []byte(input)}, tree); err != nil {
		t.Errorf("line %d: %v", line, err)
		return
	}
	var got []any
	err = p.Each(t.Context(), tree.Value(), func(v any) error {
		text, err := Marshal(v)
		got = append(got, json.RawMessage(text))
		return err
	}, tree.Value())
	if kind == "error" {
		failed, ok := err.(*RuntimeError) //nolint:errorlint // Each gives no other
		if !ok || failed.Err.Error() != strings.TrimSpace(want) {
			t.Errorf("line %d: the error is %v, want %s", line, err, want)
		}
		return
	}
	if err != nil {
		t.Errorf("line %d: %v", line, err)
		return
	}
	if diff := cmp.Diff(compact(t, []byte(want)), compact(t, join(got))); diff != "" {
		t.Errorf("line %d (-page +program):\n%s", line, diff)
	}
}

func join(values []any) []byte {
	var out []byte
	for _, v := range values {
		text, _ := v.(json.RawMessage)
		out = append(append(out, text...), ' ')
	}
	return out
}

// compact gives the JSON texts of a stream with exact numbers and sorted keys.
func compact(t *testing.T, stream []byte) []string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(stream)))
	d.UseNumber()
	var out []string
	for d.More() {
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, stream)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}
