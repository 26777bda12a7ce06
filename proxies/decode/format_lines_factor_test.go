package decode

import (
	"fmt"
	"strings"
	"testing"
)

// TestFactorLines measures all memory that building a tree takes, what is freed meanwhile included, for bodies of about
// 256 KiB: usual ones and the worst there are. It runs before the parallel tests, so nobody else allocates.
func TestFactorLines(t *testing.T) {
	lineBodies := []string{fill("\n"), fill("a\n"), fill("a usual line of a log file\n")}
	kvBodies := []string{differing("k%x:\n"), shortNames(7, ":\n"), shortNames(9, ":\n"), shortNames(13, ":\n"), shortNames(16, ":\n"), differing("usual_name_%d: value\n")}
	repeated := fill("a:\n")
	wordChars := strings.Repeat("abcdefgh ", bodySize/9)

	tests := []struct {
		name   string
		dec    checked
		bodies []string
	}{
		{"text", new(PlainText), []string{fill("text "), fill(" ")}},
		{"lines", new(Lines), lineBodies},
		{"kv", new(KV), kvBodies},
		{"kv numbers", &KV{Numbers: true}, append(kvBodies, shortNames(16, ":1\n"))},
		{"kv last", &KV{Repeated: "last"}, append(kvBodies, repeated)},
		{"kv list", &KV{Repeated: "list"}, append(kvBodies, repeated)},
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
			[]string{fill("\n")[:bodySize/8], fill("abcdefghij\n"), fill(strings.Repeat("a", n) + "\n")},
		})
	}
	for _, test := range tests {
		checkFactor(t, test.name, test.dec, test.bodies)
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
