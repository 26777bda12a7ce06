package decode

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestFactor measures all memory that building a tree takes, what is freed meanwhile included, for bodies of about
// 256 KiB: usual ones and the worst there are. It runs before the parallel tests, so nobody else allocates.
func TestFactor(t *testing.T) {
	if raceDetector {
		t.Skip("memory is measured without the race detector")
	}
	const size = 256 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	names := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	short := func(thirds int, sep string) string { // the shortest names that differ
		const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
		var b strings.Builder
		for _, x := range alphabet {
			for _, y := range alphabet {
				for _, z := range alphabet[:thirds] {
					b.WriteString(string([]rune{x, y, z}) + sep)
				}
			}
		}
		return b.String()
	}
	array := func(item string) string { return "[" + fill(item+",") + item + "]" }
	jsonBodies := []string{
		array("0"), array("[]"), array("{}"), array(`""`), array(`{"":0}`), array(`{"":{}}`), array(`{"":[0]}`),
		array(`[[0]]`), array(`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`), array(`"\n"`), array("[0,0,0,0]"),
		array(strings.Repeat(`{"":`, 64) + "0" + strings.Repeat("}", 64)),
		"{" + names(`"%x":0,`) + `"z":0}`, "{" + names(`"%x":{},`) + `"z":0}`, `"` + fill("long ") + `"`, `"` + fill(`\n`) + `"`,
		array(`{"id":12345,"name":"build-linux","status":"SUCCESS","duration":1234.5,"tags":["a","b"]}`),
	}
	lineBodies := []string{fill("\n"), fill("a\n"), fill("a usual line of a log file\n")}
	kvBodies := []string{names("k%x:\n"), short(7, ":\n"), short(9, ":\n"), short(13, ":\n"), short(16, ":\n"), names("usual_name_%d: value\n")}
	repeated := fill("a:\n")
	formBodies := []string{names("k%x&"), short(7, "&"), short(9, "&"), short(13, "&"), short(16, "&"), names("usual_name_%d=value&"), names("%%6b%x=%%20&")}
	var ndjsonBodies []string
	ndjsonBodies = append(ndjsonBodies, jsonBodies...)
	ndjsonBodies = append(ndjsonBodies, fill("0\n"), fill("{}\n"), fill("{\"\":0}\n"), fill("{\"\":{}}\n"), fill("\"\\n\"\n"))
	wordChars := strings.Repeat("abcdefgh ", size/9)

	tests := []struct {
		name   string
		dec    checked
		bodies []string
	}{
		{"json", new(JSON), jsonBodies},
		{"ndjson", new(NDJSON), ndjsonBodies},
		{"text", new(PlainText), []string{fill("text "), fill(" ")}},
		{"lines", new(Lines), lineBodies},
		{"kv", new(KV), kvBodies},
		{"kv numbers", &KV{Numbers: true}, append(kvBodies, short(16, ":1\n"))},
		{"kv last", &KV{Repeated: "last"}, append(kvBodies, repeated)},
		{"kv list", &KV{Repeated: "list"}, append(kvBodies, repeated)},
		{"form", new(Form), append(formBodies, fill("a&"), fill("&"), fill("%41&"))},
		{"form strings", &Form{Repeated: "error"}, formBodies},
		{"form last", &Form{Repeated: "last"}, append(formBodies, fill("a&"))},
		{"regexp one", &Regexp{Pattern: `(?s)(?<a>.*)(?<b>x)?`}, []string{wordChars}},
		{"regexp all empty", &Regexp{Pattern: `(?<a>)`, Mode: "all"}, []string{wordChars}},
		{"regexp all", &Regexp{Pattern: `(?<a>.)`, Mode: "all"}, []string{wordChars}},
		{"regexp all words", &Regexp{Pattern: `\b(?<a>\w\w)(?<b>\w+)`, Mode: "all"}, []string{wordChars}},
		{"regexp lines empty", &Regexp{Pattern: `(?<a>)`, Mode: "lines"}, []string{fill("\n")}},
		{"regexp lines", &Regexp{Pattern: `(?<a>.)`, Mode: "lines"}, []string{fill("a\n")}},
	}
	for _, n := range []int{2, 8, 9, 15, 29, 57, 113} {
		tests = append(tests, struct {
			name   string
			dec    checked
			bodies []string
		}{
			fmt.Sprint("regexp lines, groups: ", n),
			&Regexp{Pattern: optionalGroups(n), Mode: "lines"},
			[]string{fill("\n")[:size/8], fill("abcdefghij\n"), fill(strings.Repeat("a", n) + "\n")},
		})
	}
	for _, test := range tests {
		checkFactor(t, test.name, test.dec, test.bodies)
	}
}

// checkFactor holds what a decoder states of its factor to the worst that is measured.
func checkFactor(t *testing.T, name string, dec checked, bodies []string) {
	t.Helper()
	if raceDetector {
		t.Skip("memory is measured without the race detector")
	}
	if err := dec.Check(); err != nil {
		t.Fatal(err)
	}
	worst, at := 0.0, ""
	for _, body := range bodies {
		if f := treeFactor(t, dec, body); f > worst {
			worst, at = f, body
		}
	}
	t.Logf("%-26s measured %6.1f, stated %6.1f, worst %.30q", name, worst, dec.Factor(), at)
	if worst > dec.Factor() {
		t.Errorf("%s: a byte takes up to %.1f bytes, Factor says %.1f; worst is %.40q", name, worst, dec.Factor(), at)
	}
}

// optionalGroups is a pattern of n groups that each may take one character.
func optionalGroups(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "(?<g%d>.)?", i)
	}
	return b.String()
}

func treeFactor(t *testing.T, d Decoder, body string) float64 {
	t.Helper()
	in := &Input{Body: []byte(body)}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tree := NewTree(Limits{Nodes: 1 << 30})
	err := d.Decode(t.Context(), in, tree)
	runtime.ReadMemStats(&after)
	var limit *LimitError
	if err != nil && !errors.As(err, &limit) {
		// NDJSON is given what is one line, and lines that are none: an error that comes early measures little.
		t.Logf("%T refuses %.30q: %v", d, body, err)
	}
	runtime.KeepAlive(tree)
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(len(body))
}
