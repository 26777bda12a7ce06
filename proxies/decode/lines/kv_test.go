package lines

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestKVSections(t *testing.T) {
	t.Parallel()
	ini := "top = 1\n[db]\nhost=a\n; comment\n\n[ web ] ; the front\nhost: b\n[db]\nport=2\n[empty]\n"
	decodetest.Run(t, []decodetest.Test{
		{Name: "sections", Dec: &KV{Sections: true}, In: ini, Want: `{"top":"1","db":{"host":"a","port":"2"},"web":{"host":"b"},"empty":{}}`},
		{Name: "no sections", Dec: &KV{Sections: true}, In: "a=1", Want: `{"a":"1"}`},
		{Name: "nothing", Dec: &KV{Sections: true}, In: "", Want: `{}`},
		{Name: "numbers", Dec: &KV{Sections: true, Numbers: true}, In: "[a]\nb=1\nc=x", Want: `{"a":{"b":1,"c":"x"}}`},
		{Name: "one name in two sections", Dec: &KV{Sections: true}, In: "a=1\n[x]\na=2\n[y]\na=3", Want: `{"a":"1","x":{"a":"2"},"y":{"a":"3"}}`},
		{Name: "repeated name", Dec: &KV{Sections: true}, In: "[x]\na=2\n[y]\n[x]\na=3", Fail: "twice", At: -1},
		{Name: "repeated last", Dec: &KV{Sections: true, Repeated: "last"}, In: "[x]\na=2\nb=1\n[x]\na=3", Want: `{"x":{"a":"3","b":"1"}}`},
		{Name: "repeated list", Dec: &KV{Sections: true, Repeated: "list"}, In: "a=1\n[x]\na=2\na=3", Want: `{"a":["1"],"x":{"a":["2","3"]}}`},
		{Name: "a pair named like a section", Dec: &KV{Sections: true}, In: "a=1\n[a]\n", Fail: "twice", At: -1},
		{Name: "no bracket", Dec: &KV{Sections: true}, In: "a=1\n[b\n", Fail: "a section without ]", At: 4},
		{Name: "text behind", Dec: &KV{Sections: true}, In: "[b] c\n", Fail: "text behind the ]", At: 0},
		{Name: "no name", Dec: &KV{Sections: true}, In: "[ ]\n", Fail: "a section without a name", At: 0},
		{Name: "brackets in the name", Dec: &KV{Sections: true}, In: "[a[0]]\nx=1\n", Want: `{"a[0]":{"x":"1"}}`},
		{Name: "without the option", Dec: new(KV), In: "[a=b]", Want: `{"[a":"b]"}`},
	})
}

func TestKVLines(t *testing.T) {
	t.Parallel()
	decodetest.Run(t, []decodetest.Test{
		{Name: "several delimiters", Dec: &KV{Delimiters: []string{"=", ":=", "->"}}, In: "a := b\nc -> d=e\nf=->", Want: `{"a":"b","c":"d=e","f":"->"}`},
		{Name: "several comments", Dec: &KV{Comments: []string{"//", "!"}}, In: "// x\n! y\n#a=1", Want: `{"#a":"1"}`},
		{Name: "inline comments", Dec: &KV{InlineComments: true}, In: "a=1 # x\nb=c#d\ne=# f\n", Want: `{"a":"1","b":"c#d","e":""}`},
		{Name: "quotes", Dec: &KV{Quotes: true}, In: "a=\"b \\\"c\\\" \\n\\x\"\n'd e' = ' f '\n\"g=h\":i\nj=\"k\" l\nm='n\no=\"p\\\"\nq=\"\"\nr='s' ", Want: `{"a":"b \"c\" \n\\x","d e":" f ","g=h":"i","j":"\"k\" l","m":"'n","o":"\"p\\\"","q":"","r":"s"}`},
		{Name: "quotes and numbers", Dec: &KV{Quotes: true, Numbers: true}, In: "a=1\nb=\"1\"\n", Want: `{"a":1,"b":"1"}`},
		{Name: "quotes, numbers and lists", Dec: &KV{Quotes: true, Numbers: true, Repeated: "list"}, In: "a=1\na=\"1\"\n", Want: `{"a":[1,"1"]}`},
		{Name: "quotes and comments", Dec: &KV{Quotes: true, InlineComments: true}, In: "a=\"1 # 2\" # 3\nb='x'y # z\n", Want: `{"a":"1 # 2","b":"'x'y"}`},
		{Name: "a quoted name that is empty", Dec: &KV{Quotes: true}, In: "\"\"=1\n", Want: `{"":"1"}`},
		{Name: "backslash", Dec: &KV{Continuation: "backslash"}, In: "a = b, \\\r\n    c\\\n\td\ne=\\\\\nf=1\\", Want: `{"a":"b, cd","e":"\\\\","f":"1"}`},
		{Name: "indent", Dec: &KV{Continuation: "indent"}, In: "a: b\n  c\n# x\n\td\ne: 1\n  # y\n  f\n\n  g: 2\n", Want: `{"a":"b c d","e":"1 f","g":"2"}`},
		{Name: "export", Dec: &KV{Export: true}, In: "export A=1\nexported=2\nexport=3\n  export\tB=4", Want: `{"A":"1","exported":"2","export":"3","B":"4"}`},
		{Name: "null without delimiter", Dec: &KV{Undelimited: "null", InlineComments: true}, In: "skip-networking # x\na=\n", Want: `{"skip-networking":null,"a":""}`},
		{Name: "null in a list", Dec: &KV{Undelimited: "null", Repeated: "list"}, In: "a\na=1\n", Want: `{"a":[null,"1"]}`},
		{Name: "skip without delimiter", Dec: &KV{Undelimited: "skip"}, In: "Status of node 7\n================ x\na=1\n", Fail: "without a name", At: 17},
		{Name: "skip", Dec: &KV{Undelimited: "skip"}, In: "Status of node 7\n\na=1\nend\n", Want: `{"a":"1"}`},
		{Name: "error as before", Dec: &KV{Undelimited: "error", Quotes: true}, In: "a=1\nend\n", Fail: "without delimiter", At: 4},
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
	decodetest.Corpus(t, "kv", 25, func() decodetest.Checked { return new(KV) })
}

func FuzzKVRich(f *testing.F) {
	seeds := []string{"a=1\n[b]\nc='d'\n", "[a]\n[a]\nb:\"\\\"\" # x\n", "export a=b\\\n c\n d\n", "x\n[ ]\n", "\"a\"\tb\n\xff=1\n[\xff]", "a\\:b\\u00e9 = \\ud83d\\ude00\\n\n c\\u0\n"}
	decodetest.Fuzz(f, seeds, &KV{Sections: true}, &KV{Sections: true, Quotes: true, InlineComments: true, Repeated: "list", Numbers: true, Undelimited: "null"},
		&KV{Continuation: "backslash", Export: true, Delimiters: []string{"=", ":=", " "}}, &KV{Continuation: "indent", Quotes: true, Numbers: true, Repeated: "last", Undelimited: "skip"},
		&KV{Continuation: "fold", Escapes: true, Undelimited: "null", Repeated: "list"})
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
	decodetest.CheckFactor(t, "kv sections", &KV{Sections: true}, bodies)
	decodetest.CheckFactor(t, "kv sections, numbers", &KV{Sections: true, Numbers: true, Quotes: true}, bodies)
	decodetest.CheckFactor(t, "kv sections, list", &KV{Sections: true, Repeated: "list"}, append(bodies, fill("a=\n")))
	decodetest.CheckFactor(t, "kv quotes", &KV{Quotes: true, Numbers: true, Undelimited: "null"}, bodies)
	decodetest.CheckFactor(t, "kv null, list", &KV{Undelimited: "null", Repeated: "list"}, append(bodies, fill("a\n")))
	decodetest.CheckFactor(t, "kv backslash", &KV{Continuation: "backslash", Undelimited: "null"}, []string{fill("\\\n"), fill("a\\\n"), names("k%x=\\\n\n")})
	decodetest.CheckFactor(t, "kv fold, escapes", &KV{Continuation: "fold", Escapes: true, Undelimited: "null"}, []string{"a" + fill("\n b"), names("k%x=\n b\n"), names("k%x=\\n\n"), "a=" + fill("\\t")})
	decodetest.CheckFactor(t, "kv indent", &KV{Continuation: "indent", Undelimited: "null"}, []string{"a" + fill("\n b"), names("k%x=\n b\n")})
}
