package decode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checked is what every format is.
type checked interface {
	Decoder
	Check() error
}

// decodeTest gives the JSON that a decoder makes of a text, or where its error is.
type decodeTest struct {
	name string
	dec  checked
	in   string
	want string // JSON, in the document's order
	fail string // part of the error's text; then want is empty
	at   int64  // offset of the *SyntaxError; -1: another error
}

func runDecodeTests(t *testing.T, tests []decodeTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := test.dec.Check(); err != nil {
				t.Fatal(err)
			}
			got, err := both(t, test.dec, []byte(test.in))
			if test.fail == "" {
				if err != nil || string(got) != test.want {
					t.Fatalf("got  %s (%v)\nwant %s", got, err, test.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.fail) {
				t.Fatalf("got %s and %v, want an error with %q", got, err, test.fail)
			}
			var syntax *SyntaxError
			if errors.As(err, &syntax) != (test.at >= 0) || syntax != nil && syntax.Offset != test.at {
				t.Fatalf("%#v: want it at %d", err, test.at)
			}
		})
	}
}

// both decodes body through both sinks, checks that they agree, and gives the JSON text.
func both(t *testing.T, d Decoder, body []byte) ([]byte, error) {
	t.Helper()
	before := bytes.Clone(body)
	w, tree := NewWriter(nil, Limits{}), NewTree(Limits{})
	err := d.Decode(t.Context(), &Input{Body: body}, w)
	treeErr := d.Decode(t.Context(), &Input{Body: body}, tree)
	if !bytes.Equal(before, body) {
		t.Fatal("the decoder changed its input")
	}
	if (err == nil) != (treeErr == nil) {
		t.Fatalf("writer: %v, tree: %v", err, treeErr)
	}
	if err != nil {
		return nil, err
	}
	if !w.Complete() || !tree.Complete() {
		t.Fatal("no error and no whole value")
	}
	text := w.Bytes()
	if diff := cmp.Diff(parse(t, text), tree.Value()); diff != "" {
		t.Fatalf("the sinks disagree about %q (-writer +tree):\n%s", body, diff)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil || !bytes.Equal(compact.Bytes(), text) {
		t.Fatalf("not compact: %s", text)
	}
	return text, nil
}

func parse(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("more than one value: %s", text)
	}
	return v
}

func TestJSON(t *testing.T) {
	t.Parallel()
	j := new(JSON)
	runDecodeTests(t, []decodeTest{
		{name: "order and digits", dec: j, in: ` {"z" : 1.10 , "a":[ -0, 1E+2,12345678901234567890123, 0.1e-7 ] } ` + "\r\n", want: `{"z":1.10,"a":[-0,1E+2,12345678901234567890123,0.1e-7]}`},
		{name: "scalars", dec: j, in: `[true,false,null,"",[],{}]`, want: `[true,false,null,"",[],{}]`},
		{name: "bare string", dec: j, in: `"x"`, want: `"x"`},
		{name: "bare null", dec: j, in: `null`, want: `null`},
		{name: "escapes", dec: j, in: `{"\u0061\n":"\ud83d\ude00\/\u0000<"}`, want: `{"a\n":"😀/\u0000<"}`},
		{name: "names in nested objects repeat", dec: j, in: `{"a":{"a":[{"a":1},{"a":2}]}}`, want: `{"a":{"a":[{"a":1},{"a":2}]}}`},
		{name: "string as last of object", dec: j, in: `{"a":"b","c":"d","e":["f"]}`, want: `{"a":"b","c":"d","e":["f"]}`},
		{name: "empty", dec: j, in: "", fail: "json: the body is empty at byte 0"},
		{name: "white space", dec: j, in: " \r\n ", fail: "empty"},
		{name: "cut", dec: j, in: `{"a":[1,2`, fail: "ends inside", at: 9},
		{name: "cut string", dec: j, in: `["abc`, fail: "ends inside", at: 5},
		{name: "cut word", dec: j, in: `tru`, fail: "ends inside", at: 3},
		{name: "twice", dec: j, in: `{"a":1} {"a":1}`, fail: "json: ", at: 8},
		{name: "rest", dec: j, in: `[1] x`, fail: "json: ", at: 4},
		{name: "bracket too many", dec: j, in: `[1]]`, fail: "json: ", at: 3},
		{name: "duplicate", dec: j, in: `{"a":1,"b":2,"a":3}`, fail: `"a" occurs twice`, at: -1},
		{name: "duplicate by escape", dec: j, in: `{"a":1,"\u0061":3}`, fail: `"a" occurs twice`, at: -1},
		{name: "invalid UTF-8", dec: j, in: "[\"a\xff\"]", fail: "UTF-8", at: 3},
		{name: "half surrogate", dec: j, in: `["\ud800"]`, fail: "json: ", at: 2},
		{name: "HTML login page", dec: j, in: "<!DOCTYPE html><html>", fail: "invalid character '<'", at: 0},
		{name: "HTML after white space", dec: j, in: "\n<html>", fail: "invalid character '<'", at: 1},
		{name: "PHP warning before it", dec: j, in: "Warning: x\n{}", fail: "invalid character 'W'", at: 0},
		{name: "JSONP", dec: j, in: `cb({"a":1})`, fail: "invalid character 'c'", at: 0},
		{name: "single quotes", dec: j, in: `{'a':1}`, fail: "json: ", at: 1},
		{name: "trailing comma", dec: j, in: `[1,]`, fail: "json: ", at: 2},
		{name: "comment", dec: j, in: `[1/*x*/]`, fail: "json: ", at: 2},
		{name: "NaN", dec: j, in: `[NaN]`, fail: "json: ", at: 1},
		{name: "leading zero", dec: j, in: `[01]`, fail: "json: ", at: 2},
		{name: "control character", dec: j, in: "[\"a\tb\"]", fail: "json: ", at: 3},
		{name: "NUL at the end", dec: j, in: "[1]\x00", fail: "json: ", at: 3},
		{name: "byte order mark", dec: j, in: "\ufeff[]", fail: "json: ", at: 0},
		{name: "no name", dec: j, in: `{1:2}`, fail: "json: ", at: 1},
		{name: "no colon", dec: j, in: `{"a" 1}`, fail: "json: ", at: 5},
		{name: "name without value", dec: j, in: `{"a"}`, fail: "json: ", at: 4},
		{name: "wrong bracket", dec: j, in: `[1}`, fail: "json: ", at: 2},
	})
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	d := new(NDJSON)
	runDecodeTests(t, []decodeTest{
		{name: "values", dec: d, in: "{\"b\":1.0,\"a\":2}\r\n\n \t\n[2]\n\"x\"", want: `[{"b":1.0,"a":2},[2],"x"]`},
		{name: "empty", dec: d, in: "", want: `[]`},
		{name: "blank", dec: d, in: "\n\r\n", want: `[]`},
		{name: "same names", dec: d, in: "{\"a\":1}\n{\"a\":2}\n", want: `[{"a":1},{"a":2}]`},
		{name: "bad line", dec: d, in: "{\"a\":1}\nERROR\n{}", fail: "ndjson: ", at: 8},
		{name: "two on a line", dec: d, in: "1\n2 3\n", fail: "ndjson: ", at: 4},
		{name: "one over two lines", dec: d, in: "1\n{\"a\":\n1}\n", fail: "ndjson: the text ends", at: 7},
		{name: "cut at the end", dec: d, in: "{}\n{\"a\":", fail: "ndjson: the text ends", at: 8},
		{name: "duplicate", dec: d, in: `{"a":1,"a":2}`, fail: "twice", at: -1},
	})
}

func TestPlainText(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "trim", dec: new(PlainText), in: "\r\n 42 \t\r\n\n", want: `"42"`},
		{name: "keep", dec: &PlainText{Keep: true}, in: " 42\r\n", want: `" 42\r\n"`},
		{name: "empty", dec: new(PlainText), in: "", want: `""`},
		{name: "spaces of Unicode stay", dec: new(PlainText), in: "\u00a0x\u2003\n", want: "\"\u00a0x\u2003\""},
		{name: "NUL stays", dec: new(PlainText), in: "a\x00b\x00", want: `"a\u0000b\u0000"`},
		{name: "inner white space", dec: new(PlainText), in: "a\r\nb\n", want: `"a\r\nb"`},
	})
}

func TestLines(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "ends", dec: new(Lines), in: "a\r\n\r\n b \n", want: `["a",""," b "]`},
		{name: "no end", dec: new(Lines), in: "a\nb", want: `["a","b"]`},
		{name: "empty", dec: new(Lines), in: "", want: `[]`},
		{name: "one end", dec: new(Lines), in: "\n", want: `[""]`},
		{name: "lone CR is text", dec: new(Lines), in: "a\rb\r\r\n", want: `["a\rb\r"]`},
		{name: "skip empty", dec: &Lines{SkipEmpty: true}, in: "\na\n\n \n", want: `["a"," "]`},
		{name: "skip and trim", dec: &Lines{SkipEmpty: true, Trim: true}, in: "\n a\t\n\n \n", want: `["a"]`},
		{name: "comment", dec: &Lines{Comment: "//"}, in: "//x\na//y\n //z\n", want: `["a//y"," //z"]`},
		{name: "comment and trim", dec: &Lines{Comment: "//", Trim: true}, in: "//x\n //z\nb", want: `["b"]`},
	})
}

func TestKV(t *testing.T) {
	t.Parallel()
	kv := new(KV)
	runDecodeTests(t, []decodeTest{
		{name: "order", dec: kv, in: "zeta: 1\nalpha=2\n", want: `{"zeta":"1","alpha":"2"}`},
		{name: "first delimiter of the line", dec: kv, in: "url: http://x/?a=b\nq=a:b\n", want: `{"url":"http://x/?a=b","q":"a:b"}`},
		{name: "ugly", dec: kv, in: "\r\n  # note: x\r\n a b : \t c d \r\n\r\nempty:\r\nlast=é", want: `{"a b":"c d","empty":"","last":"é"}`},
		{name: "empty", dec: kv, in: "", want: `{}`},
		{name: "only comments", dec: kv, in: "# a: b", want: `{}`},
		{name: "comment inside a value stays", dec: kv, in: "a: b # c", want: `{"a":"b # c"}`},
		{name: "no delimiter", dec: kv, in: "a: 1\nERROR\n", fail: "kv: a line without delimiter at byte 5", at: 5},
		{name: "HTML", dec: kv, in: "<html>\n<body>", fail: "without delimiter", at: 0},
		{name: "no name", dec: kv, in: "a: 1\n : 2", fail: "without a name", at: 5},
		{name: "repeated", dec: kv, in: "a: 1\nb: 2\na: 1\n", fail: "twice", at: -1},
		{name: "error by name", dec: &KV{Repeated: "error"}, in: "a:1\na:2", fail: "twice", at: -1},
		{name: "first", dec: &KV{Repeated: "first"}, in: "a:1\nb:2\na:3", want: `{"a":"1","b":"2"}`},
		{name: "last", dec: &KV{Repeated: "last"}, in: "a:1\nb:2\na:3", want: `{"a":"3","b":"2"}`},
		{name: "list", dec: &KV{Repeated: "list"}, in: "a:1\nb:2\na:3\na:", want: `{"a":["1","3",""],"b":["2"]}`},
		{name: "list empty", dec: &KV{Repeated: "list"}, in: "", want: `{}`},
		{name: "first keeps strict", dec: &KV{Repeated: "first"}, in: "a:1\nb", fail: "kv", at: 4},
		{name: "delimiter", dec: &KV{Delimiter: " -> "}, in: "a: b -> c -> d\n", want: `{"a: b":"c -> d"}`},
		{name: "tab", dec: &KV{Delimiter: "\t"}, in: "a\t1\nb\t\n\tc\td", want: `{"a":"1","b":"","c":"d"}`},
		{name: "space", dec: &KV{Delimiter: " "}, in: "load   0.5\n", want: `{"load":"0.5"}`},
		{name: "comment prefix", dec: &KV{Comment: ";"}, in: "; x\n#a: 1\n", want: `{"#a":"1"}`},
		{name: "no comment", dec: &KV{NoComment: true}, in: "#a: 1\n", want: `{"#a":"1"}`},
		{
			name: "numbers", dec: &KV{Numbers: true},
			in:   "a: 1.50\nb: -0\nc: 007\nd: 1.\ne: +1\nf: true\ng: False\nh: null\ni: 1e400\nj: NaN\nk:\nl: 0x10\nm: " + strings.Repeat("9", MaxNumber+1),
			want: `{"a":1.50,"b":-0,"c":"007","d":"1.","e":"+1","f":true,"g":"False","h":null,"i":1e400,"j":"NaN","k":"","l":"0x10","m":"` + strings.Repeat("9", MaxNumber+1) + `"}`,
		},
		{name: "numbers in lists", dec: &KV{Numbers: true, Repeated: "list"}, in: "a:1\na:x", want: `{"a":[1,"x"]}`},
	})
}

func TestForm(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "list", dec: new(Form), in: "b=1&a=x+y%26%3D%C3%A9&b=\r\n", want: `{"b":["1",""],"a":["x y&=é"]}`},
		{name: "strings", dec: &Form{Repeated: "error"}, in: "access_token=t%2Fx&token_type=bearer", want: `{"access_token":"t/x","token_type":"bearer"}`},
		{name: "error", dec: &Form{Repeated: "error"}, in: "a=1&%61=2", fail: "twice", at: -1},
		{name: "first", dec: &Form{Repeated: "first"}, in: "a=1&a=2&b=3", want: `{"a":"1","b":"3"}`},
		{name: "last", dec: &Form{Repeated: "last"}, in: "a=1&b=3&a=2", want: `{"a":"2","b":"3"}`},
		{name: "empty", dec: new(Form), in: "", want: `{}`},
		{name: "blank", dec: new(Form), in: " \n", want: `{}`},
		{name: "odd pairs", dec: new(Form), in: "&&a&=x&b==&", want: `{"a":[""],"":["x"],"b":["="]}`},
		{name: "bad escape", dec: new(Form), in: "a=1&b=10%zz", fail: "form: a percent sign", at: 8},
		{name: "cut escape", dec: new(Form), in: "\na=%4", fail: "form: a percent sign", at: 3},
		{name: "latin-1 escape", dec: new(Form), in: "a=1&b=%E9", fail: "form: escapes that are not UTF-8", at: 6},
		{name: "semicolon is text", dec: new(Form), in: "a=1;b=2", want: `{"a":["1;b=2"]}`},
	})
}

func TestRegexp(t *testing.T) {
	t.Parallel()
	const pattern = `(?P<host>\S+) is (?:(?P<up>up)|(?P<down>down))`
	runDecodeTests(t, []decodeTest{
		{name: "one", dec: &Regexp{Pattern: pattern}, in: "status:\ndb1 is up\ndb2 is down", want: `{"host":"db1","up":"up","down":null}`},
		{name: "one without match", dec: &Regexp{Pattern: pattern, Mode: "one"}, in: "ERROR", fail: "regexp: no match", at: 0},
		{name: "all", dec: &Regexp{Pattern: pattern, Mode: "all"}, in: "db1 is up, db2 is down", want: `[{"host":"db1","up":"up","down":null},{"host":"db2","up":null,"down":"down"}]`},
		{name: "all without match", dec: &Regexp{Pattern: pattern, Mode: "all"}, in: "x", want: `[]`},
		{name: "all with context", dec: &Regexp{Pattern: `(?m)^(?<k>\w+)=(?<v>.*)$`, Mode: "all"}, in: "a=b=c\nx\nd=e", want: `[{"k":"a","v":"b=c"},{"k":"d","v":"e"}]`},
		{name: "all at the start only", dec: &Regexp{Pattern: `^(?<k>.)`, Mode: "all"}, in: "aaa", want: `[{"k":"a"}]`},
		{name: "all with quoted pattern", dec: &Regexp{Pattern: `\b(?<k>x)\Q(`, Mode: "all"}, in: "x(x( xx(", want: `[{"k":"x"},{"k":"x"}]`},
		{name: "all empty matches", dec: &Regexp{Pattern: `(?<k>a*)`, Mode: "all"}, in: "baé", want: `[{"k":""},{"k":"a"},{"k":""}]`},
		{name: "lines", dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines"}, in: "a 1\r\nb 2\n", want: `[{"k":"a"},{"k":"b"}]`},
		{name: "lines unmatched", dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines"}, in: "a\n-\n", fail: "regexp: no match in the line", at: 2},
		{name: "lines skipped", dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines", Unmatched: "skip"}, in: "a\n\n-\nb", want: `[{"k":"a"},{"k":"b"}]`},
		{name: "lines empty", dec: &Regexp{Pattern: `(?<k>x)`, Mode: "lines"}, in: "", want: `[]`},
	})
}

func TestCheck(t *testing.T) {
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
		"form repeated":      &Form{Repeated: "First"},
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

// endless is a context that ends when it is asked for the nth time.
type endless struct {
	context.Context
	asked, n int
}

func (c *endless) Err() error {
	c.asked++
	if c.asked < c.n {
		return nil
	}
	return context.Canceled
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	many := func(s string) string { return strings.Repeat(s, 50_000) }
	tests := map[string]struct {
		dec checked
		in  string
	}{
		"json":         {new(JSON), "[" + many("0,") + "0]"},
		"ndjson":       {new(NDJSON), many("0\n")},
		"ndjson blank": {new(NDJSON), many(" \n")},
		"lines":        {new(Lines), many("\n")},
		"lines skip":   {&Lines{SkipEmpty: true}, many("\n")},
		"kv":           {&KV{Repeated: "last"}, many("a:\n")},
		"kv blank":     {new(KV), many("\n")},
		"form":         {new(Form), many("a&")},
		"regexp all":   {&Regexp{Pattern: `(?<a>.)`, Mode: "all"}, many("a")},
		"regexp lines": {&Regexp{Pattern: `(?<a>.)`, Mode: "lines"}, many("a\n")},
	}
	for name, test := range tests {
		if err := test.dec.Check(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 3} {
			err := test.dec.Decode(&endless{Context: t.Context(), n: n}, &Input{Body: []byte(test.in)}, NewTree(Limits{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v at question %d", name, err, n)
			}
		}
	}
}
