package lines

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	bad := map[string]decodetest.Checked{
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
	if err := (&Regexp{Pattern: "(?<a>x)"}).Decode(t.Context(), &decode.Input{}, decode.NewTree(decode.Limits{})); err == nil {
		t.Error("a regexp that was not checked decodes")
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	many := func(s string) string { return strings.Repeat(s, 50_000) }
	decodetest.RunEnds(t, map[string]decodetest.EndTest{
		"lines":        {Dec: new(Lines), In: many("\n")},
		"lines skip":   {Dec: &Lines{SkipEmpty: true}, In: many("\n")},
		"kv":           {Dec: &KV{Repeated: "last"}, In: many("a:\n")},
		"kv blank":     {Dec: new(KV), In: many("\n")},
		"regexp all":   {Dec: &Regexp{Pattern: `(?<a>.)`, Mode: "all"}, In: many("a")},
		"regexp lines": {Dec: &Regexp{Pattern: `(?<a>.)`, Mode: "lines"}, In: many("a\n")},
	})
}
