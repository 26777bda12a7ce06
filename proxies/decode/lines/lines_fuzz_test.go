package lines

import (
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func FuzzPlainText(f *testing.F) {
	decodetest.Fuzz(f, []string{"", " a \r\n", "\x00\xff", "\x1b[31mx\x1b]0;t\x07\b\u009b1m\u0085"}, new(PlainText), &PlainText{Keep: true}, &PlainText{StripControl: true, LineEnds: "lf"})
}

func FuzzLines(f *testing.F) {
	decodetest.Fuzz(f, []string{"", "a\r\n\r\n#b\n", "\n\n", "a\r", "\xff\n"},
		new(Lines), &Lines{SkipEmpty: true}, &Lines{Trim: true, Comment: "#"}, &Lines{Trim: true, SkipEmpty: true, Comment: "//"})
}

func FuzzKV(f *testing.F) {
	decodetest.Fuzz(f, []string{"", "a: 1\r\nb=2\n", "# x\n\na:true\na:\n", "a b\n", ":\n", "a\t1\n\xff:1"},
		new(KV), &KV{Repeated: "list", Numbers: true}, &KV{Repeated: "last"}, &KV{Repeated: "first", NoComment: true}, &KV{Delimiter: "\t"}, &KV{Delimiter: " ", Comment: "//", Numbers: true})
}

func FuzzRegexp(f *testing.F) {
	patterns := []string{
		`(?P<host>\S+) is (?P<up>up)?`, `\b(?<a>\w+)\b`, `(?m)^(?<a>.*)$`, `^(?<a>.)`, `(?<a>a*)`, `(?<a>a*b|a)`, `(?i)(?<a>é|\B)`, `(?<a>x)$`, `(?<a>a)|(?<b>\z)`, `(?:a|\b)(?<a>)`,
	}
	var variants []decodetest.Checked
	for _, p := range patterns {
		for _, mode := range []string{RegexpOne, RegexpAll, RegexpLines} {
			variants = append(variants, &Regexp{Pattern: p, Mode: mode, Unmatched: map[bool]string{true: "skip"}[mode == RegexpLines]})
		}
	}
	decodetest.Fuzz(f, []string{"", "db1 is up\r\ndb2 is down\n", "aaab aé\xff", "a b\n\nc", "x\nx"}, variants...)
}

// FuzzRegexpAll holds mode "all" to what the standard library finds, for any pattern.
func FuzzRegexpAll(f *testing.F) {
	for _, p := range []string{`\w+`, `\b`, `\B`, `(?m)^`, `(?m)^a*$`, `^`, `$`, `a*?`, `(?i)A|`, `\Qa`, `(?s).\b.`, `a*b|a`, `x{0,3}\b`, `(b)|\b(a)`, `\A|\z`} {
		for _, s := range []string{"", "aaab aé\n\nab xx", "日 本a\r\nb"} {
			f.Add(p, s)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 200 || !utf8.ValidString(text) {
			return
		}
		// Only patterns that are whole by themselves can stand in the group.
		if _, err := regexp.Compile(pattern); err != nil {
			return
		}
		named := `(?P<all>` + pattern + `)`
		re, err := regexp.Compile(named)
		if err != nil {
			return
		}
		d := &Regexp{Pattern: named, Mode: RegexpAll}
		if err := d.Check(); err != nil {
			return
		}
		tree := decode.NewTree(decode.Limits{})
		if err := d.Decode(t.Context(), &decode.Input{Body: []byte(text)}, tree); err != nil {
			t.Fatal(err)
		}
		want := []any{}
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			want = append(want, m[re.SubexpIndex("all")])
		}
		got := []any{}
		for _, m := range tree.Value().([]any) {
			got = append(got, m.(map[string]any)["all"])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q in %q (-library +ours):\n%s", pattern, text, diff)
		}
	})
}
