package document

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// allDirt allows everything.
func allDirt() *JSON {
	return &JSON{JSONP: true, NaN: "string", SingleQuotes: true, Comments: true, TrailingCommas: true, UnquotedKeys: true, Python: true, Surrogates: "replace", Control: true}
}

func TestJSONDirt(t *testing.T) {
	t.Parallel()
	jsonp, single, comments := &JSON{JSONP: true}, &JSON{SingleQuotes: true}, &JSON{Comments: true}
	python, replace := &JSON{Python: true, SingleQuotes: true}, &JSON{Surrogates: "replace"}
	decodetest.Run(t, []decodetest.Test{
		{Name: "call", Dec: jsonp, In: `cb({"a":[1.10,12345678901234567890]});`, Want: `{"a":[1.10,12345678901234567890]}`},
		{Name: "call behind a comment", Dec: jsonp, In: "/**/ jQuery.cb_1['x'] ( [1] ) ;;\n", Want: `[1]`},
		{Name: "no call", Dec: jsonp, In: ` {"a":1} `, Want: `{"a":1}`},
		{Name: "call and prefix", Dec: jsonp, In: "while(1);\ncb(1)", Want: `1`},
		{Name: "variable", Dec: jsonp, In: "/* status */ var info = {\"a\":[1.10]};\n", Want: `{"a":[1.10]}`},
		{Name: "property", Dec: jsonp, In: `window.x["y"]=[1]`, Want: `[1]`},
		{Name: "a variable without value", Dec: jsonp, In: `var x`, Fail: "ends where a call begins", At: 5},
		{Name: "two variables", Dec: jsonp, In: `var x=1;var y=2;`, Fail: "more text", At: 8},
		{Name: "call without end", Dec: jsonp, In: `cb({"a":1}`, Fail: "ends behind the value of a call", At: 10},
		{Name: "text behind a call", Dec: jsonp, In: `cb(1);x`, Fail: "more text", At: 6},
		{Name: "no comments in a call", Dec: jsonp, In: `cb(/*x*/1)`, Fail: "invalid character '/'", At: 3},
		{Name: "a word", Dec: jsonp, In: `ERROR`, Fail: "ends where a call begins", At: 5},
		{Name: "HTML", Dec: jsonp, In: `<html>`, Fail: "invalid character '<' where a value begins", At: 0},
		{Name: "nan null", Dec: &JSON{NaN: "null"}, In: `[NaN,-Infinity,nan,inf,1e5]`, Want: `[null,null,null,null,1e5]`},
		{Name: "nan string", Dec: &JSON{NaN: "string"}, In: `{"a":NaN,"b":-Infinity}`, Want: `{"a":"NaN","b":"-Infinity"}`},
		{Name: "no nan", Dec: single, In: `[NaN]`, Fail: "see the option nan", At: 1},
		{Name: "single quotes", Dec: single, In: `{'a':'it\'s "x"',"b":"it's"}`, Want: `{"a":"it's \"x\"","b":"it's"}`},
		{Name: "no single quotes", Dec: comments, In: `['a']`, Fail: "see the option single_quotes", At: 1},
		{Name: "comments", Dec: comments, In: "// x\n{/* y **/\"a\"/**/:1, // \"b\":2,\r\n\"c\":\"//\"}/*", Fail: "nothing closes", At: 45},
		{Name: "comments closed", Dec: comments, In: "// x\n{/* y **/\"a\"/**/:1, // \"b\":2,\r\n\"c\":\"//\"}//", Want: `{"a":1,"c":"//"}`},
		{Name: "hash", Dec: &JSON{Comments: true, Python: true}, In: "# x\n[1, # 2,\n3]", Want: `[1,3]`},
		{Name: "half a comment", Dec: comments, In: "[/]", Fail: "where a comment begins", At: 2},
		{Name: "trailing commas", Dec: &JSON{TrailingCommas: true}, In: `{"a":[1,2,],"b":{},}`, Want: `{"a":[1,2],"b":{}}`},
		{Name: "two commas", Dec: &JSON{TrailingCommas: true}, In: `[1,,]`, Fail: "invalid character ','", At: 3},
		{Name: "only a comma", Dec: &JSON{TrailingCommas: true}, In: `[,]`, Fail: "invalid character ','", At: 1},
		{Name: "no trailing commas", Dec: comments, In: `[1,]`, Fail: "see the option trailing_commas", At: 2},
		{Name: "unquoted keys", Dec: &JSON{UnquotedKeys: true}, In: `{a:1,$b_2-x:2,é:3,1:4,null:5}`, Want: `{"a":1,"$b_2-x":2,"é":3,"1":4,"null":5}`},
		{Name: "unquoted values are none", Dec: &JSON{UnquotedKeys: true}, In: `{a:b}`, Fail: "the word b is no value", At: 3},
		{Name: "no unquoted keys", Dec: comments, In: `{a:1}`, Fail: "where a name begins", At: 1},
		{Name: "python", Dec: python, In: `{'a': None, 'b': [True, False], 'c': '\xe9\u00e9'}`, Want: `{"a":null,"b":[true,false],"c":"éé"}`},
		{Name: "no python", Dec: single, In: `[None]`, Fail: "see the option python", At: 1},
		{Name: "surrogates", Dec: replace, In: `["\ud83d\ude00","\ud83d","\ud83d\n","\ude00x","\ud83d\ud83d\ude00","\ud83d\u0041"]`, Want: `["😀","�","�\n","�x","�😀","�A"]`},
		{Name: "no surrogates", Dec: comments, In: `["a\ud83d"]`, Fail: "see the option surrogates", At: 3},
		{Name: "control", Dec: &JSON{Control: true}, In: "[\"a\tb\r\n\x00\"]", Want: `["a\tb\r\n\u0000"]`},
		{Name: "NUL behind the value", Dec: &JSON{Control: true}, In: "[1]\x00\r\n\x00", Want: `[1]`},
		{Name: "NUL before the value", Dec: &JSON{Control: true}, In: "\x00[1]", Fail: "invalid character", At: 0},
		{Name: "no control", Dec: comments, In: "[\"a\tb\"]", Fail: "see the option control", At: 3},
		{Name: "names twice", Dec: comments, In: `{"a":1,"\u0061":2}`, Fail: "twice", At: -1},
		{Name: "numbers", Dec: comments, In: `[-0,1E+2,12345678901234567890123,0.1e-7]`, Want: `[-0,1E+2,12345678901234567890123,0.1e-7]`},
		{Name: "leading zero", Dec: allDirt(), In: `[01]`, Fail: "the word 01 is no value", At: 1},
		{Name: "plus", Dec: allDirt(), In: `[+1]`, Fail: "the word +1", At: 1},
		{Name: "cut", Dec: allDirt(), In: `{"a":[1,2`, Fail: "ends behind a value", At: 9},
		{Name: "cut string", Dec: allDirt(), In: `["abc`, Fail: "ends inside", At: 5},
		{Name: "cut escape", Dec: allDirt(), In: `["abc\u00`, Fail: "ends inside", At: 9},
		{Name: "bad escape", Dec: allDirt(), In: `["\q"]`, Fail: "invalid escape", At: 2},
		{Name: "wrong bracket", Dec: allDirt(), In: `[1}`, Fail: "'}' behind a value", At: 2},
		{Name: "several", Dec: allDirt(), In: "[1] [2]", Fail: "decode ndjson", At: 4},
		{Name: "not UTF-8", Dec: allDirt(), In: "[\"\xff\"]", Fail: "not UTF-8", At: 1},
		{Name: "empty", Dec: allDirt(), In: " \n", Fail: "the body is empty", At: 0},
		{Name: "items", Dec: &JSON{Items: "d.r", Comments: true, JSONP: true}, In: `f({"d":{/*x*/"r":[1,{"a":{}}]}})`, Want: `[1,{"a":{}}]`},
		{Name: "duplicates first", Dec: &JSON{Duplicates: "first"}, In: `{"a":1,"b":2,"a":3}`, Want: `{"a":1,"b":2}`},
		{Name: "duplicates last", Dec: &JSON{Duplicates: "last"}, In: `[{"a":1,"b":[{"x":1,"x":{}}],"\u0061":[3]},4]`, Want: `[{"a":[3],"b":[{"x":{}}]},4]`},
		{Name: "duplicates list", Dec: &JSON{Duplicates: "list"}, In: `{"a":1,"b":2,"a":{"c":1,"c":2},"a":[3]}`, Want: `{"a":[1,{"c":[1,2]},[3]],"b":2}`},
		{Name: "duplicates of many", Dec: &JSON{Duplicates: "last"}, In: `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"a":2}`, Want: `{"a":2,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1}`},
		{Name: "duplicates in items", Dec: &JSON{Duplicates: "last", Items: "r"}, In: `{"r":[{"a":1,"a":2}]}`, Want: `[{"a":2}]`},
		{Name: "duplicates of a scalar", Dec: &JSON{Duplicates: "last"}, In: `1`, Want: `1`},
		{Name: "duplicates error", Dec: &JSON{Duplicates: "error"}, In: `{"a":1,"a":2}`, Fail: "twice", At: -1},
	})
}

// TestJSONHints holds errors to naming the option that would help, as a stream too.
func TestJSONHints(t *testing.T) {
	t.Parallel()
	for body, option := range map[string]string{
		"[NaN]": "nan", "[1, nan]": "nan", "[-Infinity]": "nan", `{"a": inf}`: "nan", "[None]": "python", `{"a":True}`: "python",
		"['a']": "single_quotes", "{'a':1}": "single_quotes", `{"a": 'b'}`: "single_quotes", "{a:1}": "unquoted_keys", `{"a":1, b:2}`: "unquoted_keys",
		"[1,]": "trailing_commas", "{\"a\":1,\n}": "trailing_commas", "cb(1)": "jsonp", " my.cb ({})": "jsonp", "/**/cb(1)": "jsonp",
		"[1/*x*/]": "comments", "{\"a\":1, // x\n}": "comments", "// x\n[]": "comments", "[\"\t\"]": "control", `["\ud800"]`: "surrogates",
		"Error": "", "[1,,]": "", "[,]": "", "<html>": "", "Warning: x(1)": "", "{1:2}": "unquoted_keys", "{\"a\":01}": "", "{\"a\":3,14}": "", "{\u00a0\"a\":1}": "", "{“a”:1}": "", "[]\x00": "control", "[a]": "", "[1 2]": "", "{\"a\" 1}": "", "[1}": "",
	} {
		err := new(JSON).Decode(t.Context(), &decode.Input{Body: []byte(body)}, decode.NewWriter(nil, decode.Limits{}))
		_, got, _ := strings.Cut(err.Error(), "see the option ")
		if got, _, _ = strings.Cut(got, " "); got != option {
			t.Errorf("%q: %v, want the option %q", body, err, option)
		}
		decodetest.StreamAgrees(t, new(JSON), []byte(body))
	}
	for body, option := range map[string]string{"cb(1)": "jsonp", "{'a':1}": "single_quotes", "{a:1}": "unquoted_keys", "[/* x */]": "comments", "[NaN]": "nan", "[None]": "python"} {
		err := (&JSON{Control: true}).Decode(t.Context(), &decode.Input{Body: []byte(body)}, decode.NewWriter(nil, decode.Limits{}))
		if err == nil || !strings.Contains(err.Error(), "see the option "+option) {
			t.Errorf("%q: %v, want the option %q", body, err, option)
		}
	}
}

func TestJSONDirtStream(t *testing.T) {
	t.Parallel()
	bodies := append(jsonBodies(), "cb([1,{a:'x\\'',},NaN,]);", "/**/cb({'data':{rows:[1,/* x */ 2 // y\n]}})", "[\"\\ud83d\\ud83d\\ude00\\ud83d\"]", "[\"a\nb\"]", "[None, True] # x", "{\"a\":1,\"a\":[{\"b\":1,\"b\":2}]}", "[{\"a\":1,\"a\":2},[[]]]", "[-", "[tru", "[/", "f", "f(", "f(1", "f(1)", "f(1);")
	withItems, merged, both := allDirt(), &JSON{Duplicates: "list"}, allDirt()
	withItems.Items, both.Duplicates = "data.rows", "first"
	for _, d := range []*JSON{allDirt(), withItems, merged, both, {Comments: true}, {JSONP: true, Items: "data"}} {
		for _, body := range bodies {
			decodetest.StreamAgrees(t, d, []byte(body))
		}
	}
	long := strings.Repeat("x", 2*decode.MaxRecord)
	for _, body := range []string{"['" + long + "']", "[[" + strings.Repeat("0,", decode.MaxRecord) + "0]]", "{\"a\":'" + long + "'}"} {
		err := allDirt().Stream(t.Context(), strings.NewReader(body), &decode.Input{}, decode.NewTree(decode.Limits{Nodes: 1 << 30}))
		if _, ok := errors.AsType[*decode.LimitError](err); !ok {
			t.Errorf("%v", err)
		}
	}
	records := decode.NewRecords(decode.RecordsOptions{Each: func([]byte, any) error { return nil }})
	if err := allDirt().Stream(t.Context(), strings.NewReader("["+strings.Repeat("/* a comment */ {a:1},\n", 200_000)+"]"), &decode.Input{}, records); err != nil {
		t.Error(err)
	}
}

func TestJSONCheck(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]*JSON{
		`nan "zero"`: {NaN: "zero"}, `surrogates "keep"`: {Surrogates: "keep"}, `duplicates "merge"`: {Duplicates: "merge"}, "items: a name is empty": {Items: "a..b"},
	} {
		if err := d.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

// FuzzJSONDirt holds the reader of dirt to the strict one: what is JSON means the same to both.
func FuzzJSONDirt(f *testing.F) {
	for _, s := range append(jsonBodies(), "cb({a:'\\x41\\ud83d'});", "{\"a\":0,\"a\"", "00", "[NaN,/**/]", "{\"a\":1,\"a\":2,b:[{},]}", " \"\\uX0", ")]}'", "\U000aaaaa") {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		strict, strictErr := decodetest.Both(t, new(JSON), body)
		clean := &JSON{Comments: true}
		got, err := decodetest.Both(t, clean, body)
		if strictErr == nil && (err != nil || string(got) != string(strict)) {
			t.Fatalf("with comments %s (%v), without %s", got, err, strict)
		}
		merged := &JSON{Duplicates: "last"}
		last, err := decodetest.Both(t, merged, body)
		if strictErr == nil && (err != nil || string(last) != string(strict)) {
			t.Fatalf("with the last of names %s (%v), without %s", last, err, strict)
		}
		dirt := allDirt()
		dirt.Items = "a"
		for _, d := range []*JSON{new(JSON), clean, merged, allDirt(), dirt} {
			decodetest.StreamAgrees(t, d, body)
		}
	})
}

// TestJSONPeers holds what is accepted to Python, and to jq where that keeps what it reads.
func TestJSONPeers(t *testing.T) {
	t.Parallel()
	python := decodetest.Peer(t, "python3")
	const script = `import json,sys
out=[]
for s in json.load(sys.stdin):
    try:
        out.append(json.dumps(json.loads(s, parse_float=str, parse_int=str, parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c)))))
    except ValueError:
        out.append(None)
json.dump(out,sys.stdout)`
	docs := append(jsonBodies(), "{\"a\":\"\\u00e9\\ud83d\\ude00\"}", "[1.0,1e5,-0]", "[01]", "[1.]", "[.5]", "\"\\/\\b\"", "[\"\t\"]", "[1,]", "{\"a\":1,}", "nul", "[true,false,null]", " \n1\n ", "\"\\x41\"", "['a']", "{}{}", "[]]", "\u00a0[]", "[-]", "[1e]", "[\"\\u12\"]")
	valid := docs[:0:0]
	for _, d := range docs {
		if jsonPrefix([]byte(d)) == 0 && !strings.Contains(d, "\xff") && !strings.Contains(d, "\"a\":1,\"a\"") && !strings.Contains(d, "\"rows\":[1],\"rows\"") {
			valid = append(valid, d)
		}
	}
	in, err := json.Marshal(valid)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", script)
	cmd.Stdin = strings.NewReader(string(in))
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs []*string
	if err := json.Unmarshal(raw, &theirs); err != nil {
		t.Fatal(err)
	}
	for i, doc := range valid {
		for _, d := range []*JSON{new(JSON), {NaN: "null"}} { // the second is read by the other reader
			ours, err := decodetest.Both(t, d, []byte(doc))
			if (err == nil) != (theirs[i] != nil) {
				t.Errorf("%q: ours %s (%v), python %v", doc, ours, err, theirs[i])
				continue
			}
			if err == nil && !sameWithNumbersAsStrings(t, string(ours), *theirs[i]) {
				t.Errorf("%q: ours %s, python %s", doc, ours, *theirs[i])
			}
		}
	}
}

// sameWithNumbersAsStrings compares JSON texts, of which theirs has numbers as strings of their digits.
func sameWithNumbersAsStrings(t *testing.T, ours, theirs string) bool {
	t.Helper()
	a, err := json.Marshal(numbersAsStrings(decodetest.Parse(t, []byte(ours))))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(decodetest.Parse(t, []byte(theirs)))
	if err != nil {
		t.Fatal(err)
	}
	return string(a) == string(b)
}

func numbersAsStrings(v any) any {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case []any:
		for i := range v {
			v[i] = numbersAsStrings(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbersAsStrings(v[k])
		}
	}
	return v
}

func TestFactorJSONDirt(t *testing.T) {
	const size = 256 << 10
	array := func(item string) string {
		return "[" + strings.Repeat(item+",", size/(len(item)+1)) + item + "]"
	}
	object := func(item string) string { return `{"a":` + array(item) + "}" }
	var bodies []string
	for _, item := range []string{"0", "[]", "{}", `""`, `{"":0}`, `{"":{}}`, `{"":{"":{"":0}}}`, `[[0]]`, `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`, `{"a":1,"a":2}`, `{"a":1,"a":2,"a":3,"a":4,"a":5}`, `{` + strings.Repeat(`"a":1,`, 17) + `"b":2}`} {
		bodies = append(bodies, array(item), object(item))
	}
	decodetest.CheckFactor(t, "json dirt", allDirtButDuplicates(), bodies)
	decodetest.CheckFactor(t, "json list", &JSON{Duplicates: "list"}, bodies)
	decodetest.CheckFactor(t, "json items", &JSON{Items: "a"}, bodies)
}

func allDirtButDuplicates() *JSON {
	d := allDirt()
	d.Duplicates = "error"
	return d
}
