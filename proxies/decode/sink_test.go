package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// completer is a sink that knows whether it has a whole value; both of ours are.
type completer interface {
	Sink
	Complete() bool
}

func sinks(lim Limits) map[string]completer {
	return map[string]completer{"writer": NewWriter(nil, lim), "tree": NewTree(lim)}
}

// tell runs the steps until one fails.
func tell(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func TestWriterStrings(t *testing.T) {
	t.Parallel()
	var every strings.Builder
	for r := range rune(0x300) {
		every.WriteRune(r)
	}
	for _, s := range []string{
		"", "plain", `"\`, "\x00\x01\b\f\n\r\t\x1f\x7f", "<script>&amp;</script>", "\u2028\u2029", "Grüße 😀", "\uFFFD", every.String(),
	} {
		w := NewWriter(nil, Limits{})
		if err := w.String(s); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		var got string
		if err := json.Unmarshal(w.Bytes(), &got); err != nil || got != s {
			t.Errorf("%q became %s (%v)", s, w.Bytes(), err)
		}
	}
	w := NewWriter([]byte("x="), Limits{})
	if err := w.String("<a>&\u2028\x01\t"); err != nil {
		t.Fatal(err)
	}
	if got, want := string(w.Bytes()), "x=\"<a>&\u2028\\u0001\\t\""; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSinksRefuse(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s Sink) error{
		"not UTF-8":         func(s Sink) error { return s.String("a\xff") },
		"name not UTF-8":    func(s Sink) error { return tell(s.BeginObject, func() error { return s.Key("\xc3") }) },
		"number with space": func(s Sink) error { return s.Number(" 1") },
		"no number":         func(s Sink) error { return s.Number("") },
		"NaN":               func(s Sink) error { return s.Number("NaN") },
		"leading zero":      func(s Sink) error { return s.Number("01") },
		"bare exponent":     func(s Sink) error { return s.Number("1e+") },
		"bare fraction":     func(s Sink) error { return s.Number("1.") },
		"bare sign":         func(s Sink) error { return s.Number("-") },
		"long number":       func(s Sink) error { return s.Number(strings.Repeat("1", MaxNumber+1)) },
		"two values":        func(s Sink) error { return tell(s.Null, s.Null) },
		"value after array": func(s Sink) error { return tell(s.BeginArray, s.EndArray, s.Null) },
		"end without begin": func(s Sink) error { return s.EndObject() },
		"wrong end":         func(s Sink) error { return tell(s.BeginArray, s.EndObject) },
		"value, no name":    func(s Sink) error { return tell(s.BeginObject, s.Null) },
		"name, no object":   func(s Sink) error { return s.Key("a") },
		"name in array":     func(s Sink) error { return tell(s.BeginArray, func() error { return s.Key("a") }) },
		"name, no value": func(s Sink) error {
			return tell(s.BeginObject, func() error { return s.Key("a") }, s.EndObject)
		},
		"two names": func(s Sink) error {
			return tell(s.BeginObject, func() error { return s.Key("a") }, func() error { return s.Key("b") })
		},
	}
	for name, test := range tests {
		for kind, s := range sinks(Limits{}) {
			if err := test(s); err == nil {
				t.Errorf("%s: %s accepts it", name, kind)
			}
			if s.Complete() {
				t.Errorf("%s: %s says it is complete", name, kind)
			}
			if err := s.Null(); err == nil {
				t.Errorf("%s: %s goes on after an error", name, kind)
			}
		}
	}
}

func TestSinksIncomplete(t *testing.T) {
	t.Parallel()
	w, tree := NewWriter(nil, Limits{}), NewTree(Limits{})
	for _, s := range []completer{w, tree} {
		if s.Complete() {
			t.Error("complete before anything was told")
		}
		if err := tell(s.BeginArray, s.Null); err != nil {
			t.Fatal(err)
		}
	}
	if w.Bytes() != nil || tree.Value() != nil || w.Complete() || tree.Complete() {
		t.Errorf("half a document: %s, %v", w.Bytes(), tree.Value())
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, linearNames - 1, linearNames, linearNames + 1, 100, treeChunk, 2*treeChunk + 7} {
		for _, twice := range []int{-1, 0, n / 2, n - 1} {
			for kind, s := range sinks(Limits{}) {
				err := s.BeginObject()
				for i := 0; i < n && err == nil; i++ {
					err = tell(func() error { return s.Key(fmt.Sprint("name", i)) }, s.BeginObject,
						func() error { return s.Key("name0") }, s.Null, s.EndObject)
				}
				if twice >= 0 && err == nil {
					err = tell(func() error { return s.Key(fmt.Sprint("name", twice)) }, s.Null)
				}
				if err == nil {
					err = s.EndObject()
				}
				var dup *DuplicateError
				if got := errors.As(err, &dup); got != (twice >= 0) {
					t.Errorf("%s: %d names, %d again: %v", kind, n, twice, err)
				}
				if twice >= 0 && dup != nil && dup.Name != fmt.Sprint("name", twice) {
					t.Errorf("%s: %d names, %d again: error names %q", kind, n, twice, dup.Name)
				}
			}
		}
	}
}

func TestTreeLongArrays(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, treeChunk - 1, treeChunk, treeChunk + 1, 3*treeChunk + 5} {
		tree := NewTree(Limits{})
		want := make([]any, n)
		err := tree.BeginArray()
		for i := 0; i < n && err == nil; i++ {
			want[i] = json.Number(fmt.Sprint(i))
			err = tree.Number(fmt.Sprint(i))
		}
		if err == nil {
			err = tree.EndArray()
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(want), tree.Value()); diff != "" {
			t.Error(diff)
		}
	}
}
