package decode

import (
	"fmt"
	"strings"
	"testing"
)

func TestKVSections(t *testing.T) {
	t.Parallel()
	ini := "top = 1\n[db]\nhost=a\n; comment\n\n[ web ] ; the front\nhost: b\n[db]\nport=2\n[empty]\n"
	runDecodeTests(t, []decodeTest{
		{name: "sections", dec: &KV{Sections: true}, in: ini, want: `{"top":"1","db":{"host":"a","port":"2"},"web":{"host":"b"},"empty":{}}`},
		{name: "no sections", dec: &KV{Sections: true}, in: "a=1", want: `{"a":"1"}`},
		{name: "nothing", dec: &KV{Sections: true}, in: "", want: `{}`},
		{name: "numbers", dec: &KV{Sections: true, Numbers: true}, in: "[a]\nb=1\nc=x", want: `{"a":{"b":1,"c":"x"}}`},
		{name: "one name in two sections", dec: &KV{Sections: true}, in: "a=1\n[x]\na=2\n[y]\na=3", want: `{"a":"1","x":{"a":"2"},"y":{"a":"3"}}`},
		{name: "repeated name", dec: &KV{Sections: true}, in: "[x]\na=2\n[y]\n[x]\na=3", fail: "twice", at: -1},
		{name: "repeated last", dec: &KV{Sections: true, Repeated: "last"}, in: "[x]\na=2\nb=1\n[x]\na=3", want: `{"x":{"a":"3","b":"1"}}`},
		{name: "repeated list", dec: &KV{Sections: true, Repeated: "list"}, in: "a=1\n[x]\na=2\na=3", want: `{"a":["1"],"x":{"a":["2","3"]}}`},
		{name: "a pair named like a section", dec: &KV{Sections: true}, in: "a=1\n[a]\n", fail: "twice", at: -1},
		{name: "no bracket", dec: &KV{Sections: true}, in: "a=1\n[b\n", fail: "a section without ]", at: 4},
		{name: "text behind", dec: &KV{Sections: true}, in: "[b] c\n", fail: "text behind the ]", at: 0},
		{name: "no name", dec: &KV{Sections: true}, in: "[ ]\n", fail: "a section without a name", at: 0},
		{name: "brackets in the name", dec: &KV{Sections: true}, in: "[a[0]]\nx=1\n", want: `{"a[0]":{"x":"1"}}`},
		{name: "without the option", dec: new(KV), in: "[a=b]", want: `{"[a":"b]"}`},
	})
}

func TestKVLines(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "several delimiters", dec: &KV{Delimiters: []string{"=", ":=", "->"}}, in: "a := b\nc -> d=e\nf=->", want: `{"a":"b","c":"d=e","f":"->"}`},
		{name: "several comments", dec: &KV{Comments: []string{"//", "!"}}, in: "// x\n! y\n#a=1", want: `{"#a":"1"}`},
		{name: "inline comments", dec: &KV{InlineComments: true}, in: "a=1 # x\nb=c#d\ne=# f\n", want: `{"a":"1","b":"c#d","e":""}`},
		{name: "quotes", dec: &KV{Quotes: true}, in: "a=\"b \\\"c\\\" \\n\\x\"\n'd e' = ' f '\n\"g=h\":i\nj=\"k\" l\nm='n\no=\"p\\\"\nq=\"\"\nr='s' ", want: `{"a":"b \"c\" \n\\x","d e":" f ","g=h":"i","j":"\"k\" l","m":"'n","o":"\"p\\\"","q":"","r":"s"}`},
		{name: "quotes and numbers", dec: &KV{Quotes: true, Numbers: true}, in: "a=1\nb=\"1\"\n", want: `{"a":1,"b":"1"}`},
		{name: "quotes, numbers and lists", dec: &KV{Quotes: true, Numbers: true, Repeated: "list"}, in: "a=1\na=\"1\"\n", want: `{"a":[1,"1"]}`},
		{name: "quotes and comments", dec: &KV{Quotes: true, InlineComments: true}, in: "a=\"1 # 2\" # 3\nb='x'y # z\n", want: `{"a":"1 # 2","b":"'x'y"}`},
		{name: "a quoted name that is empty", dec: &KV{Quotes: true}, in: "\"\"=1\n", want: `{"":"1"}`},
		{name: "backslash", dec: &KV{Continuation: "backslash"}, in: "a = b, \\\r\n    c\\\n\td\ne=\\\\\nf=1\\", want: `{"a":"b, cd","e":"\\\\","f":"1"}`},
		{name: "indent", dec: &KV{Continuation: "indent"}, in: "a: b\n  c\n# x\n\td\ne: 1\n  # y\n  f\n\n  g: 2\n", want: `{"a":"b c d","e":"1 f","g":"2"}`},
		{name: "export", dec: &KV{Export: true}, in: "export A=1\nexported=2\nexport=3\n  export\tB=4", want: `{"A":"1","exported":"2","export":"3","B":"4"}`},
		{name: "null without delimiter", dec: &KV{Undelimited: "null", InlineComments: true}, in: "skip-networking # x\na=\n", want: `{"skip-networking":null,"a":""}`},
		{name: "null in a list", dec: &KV{Undelimited: "null", Repeated: "list"}, in: "a\na=1\n", want: `{"a":[null,"1"]}`},
		{name: "skip without delimiter", dec: &KV{Undelimited: "skip"}, in: "Status of node 7\n================ x\na=1\n", fail: "without a name", at: 17},
		{name: "skip", dec: &KV{Undelimited: "skip"}, in: "Status of node 7\n\na=1\nend\n", want: `{"a":"1"}`},
		{name: "error as before", dec: &KV{Undelimited: "error", Quotes: true}, in: "a=1\nend\n", fail: "without delimiter", at: 4},
	})
}

func TestKVCheck(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]*KV{
		"delimiter and delimiters exclude each other": {Delimiter: "=", Delimiters: []string{":"}},
		"delimiters: one is empty":                    {Delimiters: []string{""}},
		"delimiter contains an end of line":           {Delimiters: []string{"=", "\n"}},
		"comment and comments exclude each other":     {Comment: "#", Comments: []string{";"}},
		"comments: one is empty":                      {Comments: []string{""}},
		"comment and no_comment exclude each other":   {Comments: []string{"#"}, NoComment: true},
		"inline_comments needs comments":              {InlineComments: true, NoComment: true},
		`continuation "slash"`:                        {Continuation: "slash"},
		`undelimited "drop"`:                          {Undelimited: "drop"},
	} {
		if err := d.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

func TestCorpusKV(t *testing.T) {
	t.Parallel()
	corpus(t, "kv", 25, func() checked { return new(KV) })
}

func FuzzKVRich(f *testing.F) {
	seeds := []string{"a=1\n[b]\nc='d'\n", "[a]\n[a]\nb:\"\\\"\" # x\n", "export a=b\\\n c\n d\n", "x\n[ ]\n", "\"a\"\tb\n\xff=1\n[\xff]"}
	fuzzDecoder(f, seeds, &KV{Sections: true}, &KV{Sections: true, Quotes: true, InlineComments: true, Repeated: "list", Numbers: true, Undelimited: "null"},
		&KV{Continuation: "backslash", Export: true, Delimiters: []string{"=", ":=", " "}}, &KV{Continuation: "indent", Quotes: true, Numbers: true, Repeated: "last", Undelimited: "skip"})
}

func TestFactorKV(t *testing.T) {
	const size = 256 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	names := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	bodies := []string{names("[%x]\n"), names("[%x]\na=\n"), names("k%x=\n"), names("[s%d]\nhost = a.example.org\nport = 5432\n"), "[a]\n" + names("k%x=\n"), fill("[a]\n"), names("'k%x'=\"\"\n"), fill("\n")}
	checkFactor(t, "kv sections", &KV{Sections: true}, bodies)
	checkFactor(t, "kv sections, numbers", &KV{Sections: true, Numbers: true, Quotes: true}, bodies)
	checkFactor(t, "kv sections, list", &KV{Sections: true, Repeated: "list"}, append(bodies, fill("a=\n")))
	checkFactor(t, "kv quotes", &KV{Quotes: true, Numbers: true, Undelimited: "null"}, bodies)
	checkFactor(t, "kv null, list", &KV{Undelimited: "null", Repeated: "list"}, append(bodies, fill("a\n")))
	checkFactor(t, "kv backslash", &KV{Continuation: "backslash", Undelimited: "null"}, []string{fill("\\\n"), fill("a\\\n"), names("k%x=\\\n\n")})
	checkFactor(t, "kv indent", &KV{Continuation: "indent", Undelimited: "null"}, []string{"a" + fill("\n b"), names("k%x=\n b\n")})
}
