package decode

import (
	"strings"
	"testing"
)

func TestLinesCheck(t *testing.T) {
	t.Parallel()
	bad := map[string]checked{
		"no pattern":         new(Regexp),
		"no group":           &Regexp{Pattern: `a(b)`},
		"bad pattern":        &Regexp{Pattern: `(?P<a>`},
		"look-ahead":         &Regexp{Pattern: `(?P<a>x)(?=y)`},
		"group twice":        &Regexp{Pattern: `(?P<a>x)(?P<a>y)`},
		"mode":               &Regexp{Pattern: `(?P<a>x)`, Mode: "some"},
		"skip without lines": &Regexp{Pattern: `(?P<a>x)`, Unmatched: "skip"},
		"kv repeated":        &KV{Repeated: "merge"},
		"kv delimiter":       &KV{Delimiter: "\n"},
		"kv comment":         &KV{Comment: "#\n"},
		"kv comment twice":   &KV{Comment: "#", NoComment: true},
		"lines comment":      &Lines{Comment: "\r"},
	}
	for name, d := range bad {
		if err := d.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (&Regexp{Pattern: "(?<a>x)"}).Decode(t.Context(), &Input{}, NewTree(Limits{})); err == nil {
		t.Error("a regexp that was not checked decodes")
	}
}

func TestLinesEnd(t *testing.T) {
	t.Parallel()
	many := func(s string) string { return strings.Repeat(s, 50_000) }
	runEndTests(t, map[string]endTest{
		"lines":        {new(Lines), many("\n")},
		"lines skip":   {&Lines{SkipEmpty: true}, many("\n")},
		"kv":           {&KV{Repeated: "last"}, many("a:\n")},
		"kv blank":     {new(KV), many("\n")},
		"regexp all":   {&Regexp{Pattern: `(?<a>.)`, Mode: "all"}, many("a")},
		"regexp lines": {&Regexp{Pattern: `(?<a>.)`, Mode: "lines"}, many("a\n")},
	})
}
