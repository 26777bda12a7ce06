package patch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/patch"
)

// statusOf is what an answer should be, 0: err is none of a caller's.
func statusOf(err error) int {
	if s, ok := errors.AsType[interface {
		error
		Status() int
	}](err); ok {
		return s.Status()
	}
	return 0
}

// vector is a document, a patch, and what comes of it: Want, or an error of a status.
type vector struct {
	Name             string
	Doc, Patch, Want json.RawMessage
	Status           int
}

func vectors(t *testing.T, file string) (out []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func values(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"operations.json", "merges.json"} {
		for _, v := range vectors(t, file) {
			t.Run(v.Name, func(t *testing.T) {
				t.Parallel()
				p, err := patch.Parse("application/json", v.Patch, patch.Limits{})
				var next []byte
				if err == nil {
					next, _, err = p.Apply(t.Context(), v.Doc, patch.Rules{})
				}
				if statusOf(err) != v.Status || (err == nil) != (v.Status == 0) {
					t.Fatalf("%v, %s; want status %d", err, next, v.Status)
				}
				if err != nil {
					return
				}
				if diff := cmp.Diff(values(t, v.Want), values(t, next)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	const operation = `{"op":"add","path":"/a","value":1}`
	deep := strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33)
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		merge                   bool
	}{
		{"operations by shape", "application/json", "[" + operation + "]", 0, false},
		{"operations by type", "application/json-patch+json", "[" + operation + "]", 0, false},
		{"operations without a type", "", "[" + operation + "]", 0, false},
		{"a merge by shape", "application/json; charset=UTF-8", `{"a":1}`, 0, true},
		{"a merge by type", "Application/Merge-Patch+JSON", `{"a":1}`, 0, true},
		{"an object for operations", "application/json-patch+json", operation, 422, false},
		{"an array for a merge", "application/merge-patch+json", "[" + operation + "]", 422, false},
		{"neither", "application/json", `"a"`, 422, false},
		{"null", "", `null`, 422, false},
		{"nothing", "", ``, 400, false},
		{"blanks", "", `  `, 400, false},
		{"half", "", `{"a":`, 400, false},
		{"two", "", `{} {}`, 400, false},
		{"dirt behind", "", `{} x`, 400, false},
		{"single quotes", "", `{'a':1}`, 400, false},
		{"duplicate names", "", `{"a":1,"a":2}`, 400, false},
		{"duplicate names that are written otherwise", "", `{"a":1,"\u0061":2}`, 400, false},
		{"duplicate names inside", "", `[{"op":"add","path":"/a","value":{"b":1,"b":2}}]`, 400, false},
		{"duplicate names of an operation", "", `[{"op":"test","op":"add","path":"/a","value":1}]`, 400, false},
		{"no UTF-8", "", "{\"a\":\"\xff\"}", 400, false},
		{"half a surrogate", "", `{"a":"\ud800"}`, 400, false},
		{"NUL", "", `{"a":"x\u0000"}`, 400, false},
		{"NUL in a name", "", `{"a\u0000":1}`, 400, false},
		{"a byte order mark", "", "\ufeff{}", 400, false},
		{"NaN", "", `{"a":NaN}`, 400, false},
		{"a number like no other", "", `{"a":01}`, 400, false},
		{"deep", "", deep, 413, false},
		{"very deep", "", strings.Repeat("[", 100_000), 413, false},
		{"long", "", `{"a":"` + strings.Repeat("a", 256<<10) + `"}`, 413, false},
		{"many operations", "", "[" + strings.Repeat(operation+",", 100) + operation + "]", 413, false},
		{"another type", "text/plain", `{"a":1}`, 415, false},
		{"a form", "application/x-www-form-urlencoded", `{"a":1}`, 415, false},
		{"another charset", "application/json; charset=latin1", `{"a":1}`, 415, false},
		{"no type", "application", `{"a":1}`, 415, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := patch.Parse(c.contentType, []byte(c.body), patch.Limits{})
			if statusOf(err) != c.status || (err == nil) != (c.status == 0) {
				t.Fatalf("%v, want %d", err, c.status)
			}
			if err == nil && p.IsMerge() != c.merge {
				t.Errorf("a merge patch: %v", p.IsMerge())
			}
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("a long error: %v", err)
			}
		})
	}
}

// TestBombs holds that a small patch makes neither a large nor a deep document, and that this is found before the memory is taken.
func TestBombs(t *testing.T) {
	t.Parallel()
	many := func(operation string, n int) string {
		return "[" + strings.Repeat(operation+",", n-1) + operation + "]"
	}
	text := strings.Repeat("x", 100_000)
	for name, c := range map[string]struct{ doc, patch string }{
		"doubling":       {`{"a":["` + strings.Repeat("x", 1000) + `"]}`, many(`{"op":"copy","from":"/a","path":"/a/-"}`, 30)},
		"doubling whole": {`{"a":1}`, many(`{"op":"copy","from":"","path":"/a"}`, 40)},
		"copying much":   {`{"a":"` + text + `","b":[]}`, many(`{"op":"copy","from":"/a","path":"/b/-"}`, 100)},
		"moving much":    {`{"a":"` + text + `"}`, many(`{"op":"move","from":"/a","path":"/b"},{"op":"move","from":"/b","path":"/a"}`, 50)},
		"into the depth": {`{"a":{}}`, "[" + strings.TrimSuffix(func() string {
			var b strings.Builder
			for i := range 40 {
				b.WriteString(`{"op":"add","path":"` + strings.Repeat("/a", i+1) + `","value":{}},`)
			}
			return b.String()
		}(), ",") + "]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := patch.Parse("", []byte(c.patch), patch.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = p.Apply(t.Context(), []byte(c.doc), patch.Rules{})
			if _, ok := errors.AsType[*patch.LimitError](err); !ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestIndexes holds that errors name the operation that they are about.
func TestIndexes(t *testing.T) {
	t.Parallel()
	p, err := patch.Parse("", []byte(`[{"op":"add","path":"/a","value":1},{"op":"add","path":"/b/c","value":1}]`), patch.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Apply(t.Context(), []byte(`{}`), patch.Rules{})
	if at, ok := errors.AsType[*patch.PathError](err); !ok || at.Index != 1 || at.Path != "/b/c" {
		t.Errorf("%#v", err)
	}
	_, err = patch.Parse("", []byte(`[{"op":"add","path":"/a","value":1},{"op":"add","path":"`+strings.Repeat("b", 1000)+`","value":1}]`), patch.Limits{})
	if at, ok := errors.AsType[*patch.OperationError](err); !ok || at.Index != 1 || len(at.Reason) > 120 {
		t.Errorf("%#v", err)
	}
}
