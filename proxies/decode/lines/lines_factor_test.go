package lines

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// TestFactor measures all memory that building a tree takes, what is freed meanwhile included, for bodies of about
// 256 KiB: usual ones and the worst there are. It runs before the parallel tests, so nobody else allocates.
func TestFactor(t *testing.T) {
	lineBodies := []string{decodetest.Fill("\n"), decodetest.Fill("a\n"), decodetest.Fill("a usual line of a log file\n")}
	kvBodies := []string{decodetest.Differing("k%x:\n"), decodetest.ShortNames(7, ":\n"), decodetest.ShortNames(9, ":\n"), decodetest.ShortNames(13, ":\n"), decodetest.ShortNames(16, ":\n"), decodetest.Differing("usual_name_%d: value\n")}
	repeated := decodetest.Fill("a:\n")
	wordChars := strings.Repeat("abcdefgh ", decodetest.BodySize/9)

	tests := []struct {
		name   string
		dec    decodetest.Checked
		bodies []string
	}{
		{"text", new(PlainText), []string{decodetest.Fill("text "), decodetest.Fill(" ")}},
		{"lines", new(Lines), lineBodies},
		{"kv", new(KV), kvBodies},
		{"kv numbers", &KV{Numbers: true}, append(kvBodies, decodetest.ShortNames(16, ":1\n"))},
		{"kv last", &KV{Repeated: "last"}, append(kvBodies, repeated)},
		{"kv list", &KV{Repeated: "list"}, append(kvBodies, repeated)},
		{"regexp one", &Regexp{Pattern: `(?s)(?<a>.*)(?<b>x)?`}, []string{wordChars}},
		{"regexp all empty", &Regexp{Pattern: `(?<a>)`, Mode: "all"}, []string{wordChars}},
		{"regexp all", &Regexp{Pattern: `(?<a>.)`, Mode: "all"}, []string{wordChars}},
		{"regexp all words", &Regexp{Pattern: `\b(?<a>\w\w)(?<b>\w+)`, Mode: "all"}, []string{wordChars}},
		{"regexp lines empty", &Regexp{Pattern: `(?<a>)`, Mode: "lines"}, []string{decodetest.Fill("\n")}},
		{"regexp lines", &Regexp{Pattern: `(?<a>.)`, Mode: "lines"}, []string{decodetest.Fill("a\n")}},
	}
	for _, n := range []int{2, 8, 9, 15, 29, 57, 113} {
		tests = append(tests, struct {
			name   string
			dec    decodetest.Checked
			bodies []string
		}{
			fmt.Sprint("regexp lines, groups: ", n),
			&Regexp{Pattern: optionalGroups(n), Mode: "lines"},
			[]string{decodetest.Fill("\n")[:decodetest.BodySize/8], decodetest.Fill("abcdefghij\n"), decodetest.Fill(strings.Repeat("a", n) + "\n")},
		})
	}
	for _, test := range tests {
		decodetest.CheckFactor(t, test.name, test.dec, test.bodies)
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
