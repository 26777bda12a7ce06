package decode

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// fuzzDecoder checks for any bytes what both checks: the sinks agree, the text is compact JSON, the input is unchanged.
func fuzzDecoder(f *testing.F, seeds []string, variants ...checked) {
	f.Helper()
	for _, d := range variants {
		if err := d.Check(); err != nil {
			f.Fatal(err)
		}
	}
	for _, s := range seeds {
		for i := range variants {
			f.Add([]byte(s), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		text, err := both(t, variants[int(which)%len(variants)], body)
		if err == nil && !utf8.Valid(text) {
			t.Fatalf("%q is not UTF-8", text)
		}
	})
}

func FuzzJSON(f *testing.F) {
	j := new(JSON)
	for _, s := range []string{
		`{"a":[1,-0.5e+10,"\u00e9\ud83d\ude00"],"b":{"":null}}`, ` true `, `"x"`, `[[[[]]]]`, `{"a":1,"a":2}`, `[1,]`, `{"a":`, "\xff", `"\ud800"`, `{"a":{"a":"a"},"b":["a",{}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := both(t, j, body)
		if err != nil {
			return
		}
		// The standard library takes more than we do, so what we take it must take, and alike.
		if diff := cmp.Diff(parse(t, body), parse(t, text)); diff != "" {
			t.Fatal(diff)
		}
		again, err := both(t, j, text)
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%s decodes to %s (%v)", text, again, err)
		}
	})
}

func FuzzNDJSON(f *testing.F) {
	d := new(NDJSON)
	for _, s := range []string{"1\n{\"a\":[]}\r\n\n\"x\"", "[1\n]", "1 2", "{}\n{", "\n \n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := both(t, d, body)
		// The array of what JSON makes of each line, and an error if one of them is.
		var want []json.RawMessage
		var bad error
		for line := range strings.SplitSeq(string(body), "\n") {
			if strings.Trim(line, asciiSpace) == "" {
				continue
			}
			w := NewWriter(nil, Limits{Depth: DefaultDepth - 1})
			if e := new(JSON).Decode(t.Context(), &Input{Body: []byte(line)}, w); e != nil {
				bad = e
				break
			}
			want = append(want, w.Bytes())
		}
		if (err == nil) != (bad == nil) {
			t.Fatalf("%q: %v, its lines: %v", body, err, bad)
		}
		if err != nil {
			return
		}
		joined := append(append([]byte("["), bytes.Join(rawBytes(want), []byte(","))...), ']')
		if !bytes.Equal(joined, text) {
			t.Fatalf("got %s, want %s", text, joined)
		}
	})
}

func rawBytes(raw []json.RawMessage) [][]byte {
	b := make([][]byte, len(raw))
	for i := range raw {
		b[i] = raw[i]
	}
	return b
}

func FuzzPlainText(f *testing.F) {
	fuzzDecoder(f, []string{"", " a \r\n", "\x00\xff", "\x1b[31mx\x1b]0;t\x07\b\u009b1m\u0085"}, new(PlainText), &PlainText{Keep: true}, &PlainText{StripControl: true, LineEnds: "lf"})
}

func FuzzLines(f *testing.F) {
	fuzzDecoder(f, []string{"", "a\r\n\r\n#b\n", "\n\n", "a\r", "\xff\n"},
		new(Lines), &Lines{SkipEmpty: true}, &Lines{Trim: true, Comment: "#"}, &Lines{Trim: true, SkipEmpty: true, Comment: "//"})
}

func FuzzKV(f *testing.F) {
	fuzzDecoder(f, []string{"", "a: 1\r\nb=2\n", "# x\n\na:true\na:\n", "a b\n", ":\n", "a\t1\n\xff:1"},
		new(KV), &KV{Repeated: "list", Numbers: true}, &KV{Repeated: "last"}, &KV{Repeated: "first", NoComment: true}, &KV{Delimiter: "\t"}, &KV{Delimiter: " ", Comment: "//", Numbers: true})
}

func FuzzForm(f *testing.F) {
	fuzzDecoder(f, []string{"", "a=1&b=x+%C3%A9&a=2\n", "%", "a=%4", "%ff", "&&=&"},
		new(Form), &Form{Repeated: "error"}, &Form{Repeated: "first"}, &Form{Repeated: "last"})
}

func FuzzRegexp(f *testing.F) {
	patterns := []string{
		`(?P<host>\S+) is (?P<up>up)?`, `\b(?<a>\w+)\b`, `(?m)^(?<a>.*)$`, `^(?<a>.)`, `(?<a>a*)`, `(?<a>a*b|a)`, `(?i)(?<a>é|\B)`, `(?<a>x)$`, `(?<a>a)|(?<b>\z)`, `(?:a|\b)(?<a>)`,
	}
	var variants []checked
	for _, p := range patterns {
		for _, mode := range []string{RegexpOne, RegexpAll, RegexpLines} {
			variants = append(variants, &Regexp{Pattern: p, Mode: mode, Unmatched: map[bool]string{true: "skip"}[mode == RegexpLines]})
		}
	}
	fuzzDecoder(f, []string{"", "db1 is up\r\ndb2 is down\n", "aaab aé\xff", "a b\n\nc", "x\nx"}, variants...)
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
		tree := NewTree(Limits{})
		if err := d.Decode(t.Context(), &Input{Body: []byte(text)}, tree); err != nil {
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
