package decode

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// allDirt allows everything.
func allDirt() *JSON {
	return &JSON{JSONP: true, NaN: "string", SingleQuotes: true, Comments: true, TrailingCommas: true, UnquotedKeys: true, Python: true, Surrogates: "replace", Control: true}
}

func TestJSONDirt(t *testing.T) {
	t.Parallel()
	jsonp, single, comments := &JSON{JSONP: true}, &JSON{SingleQuotes: true}, &JSON{Comments: true}
	python, replace := &JSON{Python: true, SingleQuotes: true}, &JSON{Surrogates: "replace"}
	runDecodeTests(t, []decodeTest{
		{name: "call", dec: jsonp, in: `cb({"a":[1.10,12345678901234567890]});`, want: `{"a":[1.10,12345678901234567890]}`},
		{name: "call behind a comment", dec: jsonp, in: "/**/ jQuery.cb_1['x'] ( [1] ) ;;\n", want: `[1]`},
		{name: "no call", dec: jsonp, in: ` {"a":1} `, want: `{"a":1}`},
		{name: "call and prefix", dec: jsonp, in: "while(1);\ncb(1)", want: `1`},
		{name: "call without end", dec: jsonp, in: `cb({"a":1}`, fail: "ends behind the value of a call", at: 10},
		{name: "text behind a call", dec: jsonp, in: `cb(1);x`, fail: "more text", at: 6},
		{name: "no comments in a call", dec: jsonp, in: `cb(/*x*/1)`, fail: "invalid character '/'", at: 3},
		{name: "a word", dec: jsonp, in: `ERROR`, fail: "ends where a call begins", at: 5},
		{name: "HTML", dec: jsonp, in: `<html>`, fail: "invalid character '<' where a value begins", at: 0},
		{name: "nan null", dec: &JSON{NaN: "null"}, in: `[NaN,-Infinity,nan,inf,1e5]`, want: `[null,null,null,null,1e5]`},
		{name: "nan string", dec: &JSON{NaN: "string"}, in: `{"a":NaN,"b":-Infinity}`, want: `{"a":"NaN","b":"-Infinity"}`},
		{name: "no nan", dec: single, in: `[NaN]`, fail: "see the option nan", at: 1},
		{name: "single quotes", dec: single, in: `{'a':'it\'s "x"',"b":"it's"}`, want: `{"a":"it's \"x\"","b":"it's"}`},
		{name: "no single quotes", dec: comments, in: `['a']`, fail: "see the option single_quotes", at: 1},
		{name: "comments", dec: comments, in: "// x\n{/* y **/\"a\"/**/:1, // \"b\":2,\r\n\"c\":\"//\"}/*", fail: "nothing closes", at: 45},
		{name: "comments closed", dec: comments, in: "// x\n{/* y **/\"a\"/**/:1, // \"b\":2,\r\n\"c\":\"//\"}//", want: `{"a":1,"c":"//"}`},
		{name: "hash", dec: &JSON{Comments: true, Python: true}, in: "# x\n[1, # 2,\n3]", want: `[1,3]`},
		{name: "half a comment", dec: comments, in: "[/]", fail: "where a comment begins", at: 2},
		{name: "trailing commas", dec: &JSON{TrailingCommas: true}, in: `{"a":[1,2,],"b":{},}`, want: `{"a":[1,2],"b":{}}`},
		{name: "two commas", dec: &JSON{TrailingCommas: true}, in: `[1,,]`, fail: "invalid character ','", at: 3},
		{name: "only a comma", dec: &JSON{TrailingCommas: true}, in: `[,]`, fail: "invalid character ','", at: 1},
		{name: "no trailing commas", dec: comments, in: `[1,]`, fail: "see the option trailing_commas", at: 2},
		{name: "unquoted keys", dec: &JSON{UnquotedKeys: true}, in: `{a:1,$b_2-x:2,é:3,1:4,null:5}`, want: `{"a":1,"$b_2-x":2,"é":3,"1":4,"null":5}`},
		{name: "unquoted values are none", dec: &JSON{UnquotedKeys: true}, in: `{a:b}`, fail: "the word b is no value", at: 3},
		{name: "no unquoted keys", dec: comments, in: `{a:1}`, fail: "where a name begins", at: 1},
		{name: "python", dec: python, in: `{'a': None, 'b': [True, False], 'c': '\xe9\u00e9'}`, want: `{"a":null,"b":[true,false],"c":"éé"}`},
		{name: "no python", dec: single, in: `[None]`, fail: "see the option python", at: 1},
		{name: "surrogates", dec: replace, in: `["\ud83d\ude00","\ud83d","\ud83d\n","\ude00x","\ud83d\ud83d\ude00","\ud83d\u0041"]`, want: `["😀","�","�\n","�x","�😀","�A"]`},
		{name: "no surrogates", dec: comments, in: `["a\ud83d"]`, fail: "see the option surrogates", at: 3},
		{name: "control", dec: &JSON{Control: true}, in: "[\"a\tb\r\n\x00\"]", want: `["a\tb\r\n\u0000"]`},
		{name: "NUL behind the value", dec: &JSON{Control: true}, in: "[1]\x00\r\n\x00", want: `[1]`},
		{name: "NUL before the value", dec: &JSON{Control: true}, in: "\x00[1]", fail: "invalid character", at: 0},
		{name: "no control", dec: comments, in: "[\"a\tb\"]", fail: "see the option control", at: 3},
		{name: "names twice", dec: comments, in: `{"a":1,"\u0061":2}`, fail: "twice", at: -1},
		{name: "numbers", dec: comments, in: `[-0,1E+2,12345678901234567890123,0.1e-7]`, want: `[-0,1E+2,12345678901234567890123,0.1e-7]`},
		{name: "leading zero", dec: allDirt(), in: `[01]`, fail: "the word 01 is no value", at: 1},
		{name: "plus", dec: allDirt(), in: `[+1]`, fail: "the word +1", at: 1},
		{name: "cut", dec: allDirt(), in: `{"a":[1,2`, fail: "ends behind a value", at: 9},
		{name: "cut string", dec: allDirt(), in: `["abc`, fail: "ends inside", at: 5},
		{name: "cut escape", dec: allDirt(), in: `["abc\u00`, fail: "ends inside", at: 9},
		{name: "bad escape", dec: allDirt(), in: `["\q"]`, fail: "invalid escape", at: 2},
		{name: "wrong bracket", dec: allDirt(), in: `[1}`, fail: "'}' behind a value", at: 2},
		{name: "several", dec: allDirt(), in: "[1] [2]", fail: "decode ndjson", at: 4},
		{name: "not UTF-8", dec: allDirt(), in: "[\"\xff\"]", fail: "not UTF-8", at: 1},
		{name: "empty", dec: allDirt(), in: " \n", fail: "the body is empty", at: 0},
		{name: "items", dec: &JSON{Items: "d.r", Comments: true, JSONP: true}, in: `f({"d":{/*x*/"r":[1,{"a":{}}]}})`, want: `[1,{"a":{}}]`},
		{name: "duplicates first", dec: &JSON{Duplicates: "first"}, in: `{"a":1,"b":2,"a":3}`, want: `{"a":1,"b":2}`},
		{name: "duplicates last", dec: &JSON{Duplicates: "last"}, in: `[{"a":1,"b":[{"x":1,"x":{}}],"\u0061":[3]},4]`, want: `[{"a":[3],"b":[{"x":{}}]},4]`},
		{name: "duplicates list", dec: &JSON{Duplicates: "list"}, in: `{"a":1,"b":2,"a":{"c":1,"c":2},"a":[3]}`, want: `{"a":[1,{"c":[1,2]},[3]],"b":2}`},
		{name: "duplicates of many", dec: &JSON{Duplicates: "last"}, in: `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"a":2}`, want: `{"a":2,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1}`},
		{name: "duplicates in items", dec: &JSON{Duplicates: "last", Items: "r"}, in: `{"r":[{"a":1,"a":2}]}`, want: `[{"a":2}]`},
		{name: "duplicates of a scalar", dec: &JSON{Duplicates: "last"}, in: `1`, want: `1`},
		{name: "duplicates error", dec: &JSON{Duplicates: "error"}, in: `{"a":1,"a":2}`, fail: "twice", at: -1},
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
		err := new(JSON).Decode(t.Context(), &Input{Body: []byte(body)}, NewWriter(nil, Limits{}))
		_, got, _ := strings.Cut(err.Error(), "see the option ")
		if got, _, _ = strings.Cut(got, " "); got != option {
			t.Errorf("%q: %v, want the option %q", body, err, option)
		}
		streamAgrees(t, new(JSON), []byte(body))
	}
	for body, option := range map[string]string{"cb(1)": "jsonp", "{'a':1}": "single_quotes", "{a:1}": "unquoted_keys", "[/* x */]": "comments", "[NaN]": "nan", "[None]": "python"} {
		err := (&JSON{Control: true}).Decode(t.Context(), &Input{Body: []byte(body)}, NewWriter(nil, Limits{}))
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
			streamAgrees(t, d, []byte(body))
		}
	}
	long := strings.Repeat("x", 2*MaxRecord)
	for _, body := range []string{"['" + long + "']", "[[" + strings.Repeat("0,", MaxRecord) + "0]]", "{\"a\":'" + long + "'}"} {
		err := allDirt().Stream(t.Context(), strings.NewReader(body), &Input{}, NewTree(Limits{Nodes: 1 << 30}))
		if _, ok := errors.AsType[*LimitError](err); !ok {
			t.Errorf("%v", err)
		}
	}
	records := NewRecords(RecordsOptions{Each: func([]byte, any) error { return nil }})
	if err := allDirt().Stream(t.Context(), strings.NewReader("["+strings.Repeat("/* a comment */ {a:1},\n", 200_000)+"]"), &Input{}, records); err != nil {
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
	for _, s := range append(jsonBodies(), "cb({a:'\\x41\\ud83d'});", "[NaN,/**/]", "{\"a\":1,\"a\":2,b:[{},]}", " \"\\uX0", ")]}'", "\U000aaaaa") {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		strict, strictErr := both(t, new(JSON), body)
		clean := &JSON{Comments: true}
		got, err := both(t, clean, body)
		if strictErr == nil && (err != nil || string(got) != string(strict)) {
			t.Fatalf("with comments %s (%v), without %s", got, err, strict)
		}
		merged := &JSON{Duplicates: "last"}
		last, err := both(t, merged, body)
		if strictErr == nil && (err != nil || string(last) != string(strict)) {
			t.Fatalf("with the last of names %s (%v), without %s", last, err, strict)
		}
		dirt := allDirt()
		dirt.Items = "a"
		for _, d := range []*JSON{new(JSON), clean, merged, allDirt(), dirt} {
			streamAgrees(t, d, body)
		}
	})
}

// TestJSONPeers holds what is accepted to Python, and to jq where that keeps what it reads.
func TestJSONPeers(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		if strings.Contains(os.Getenv("FAIRWAY_REQUIRE"), "python3") {
			t.Fatal("python3 is required")
		}
		t.Skip("no python3")
	}
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
			ours, err := both(t, d, []byte(doc))
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
	a, err := json.Marshal(numbersAsStrings(parse(t, []byte(ours))))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(parse(t, []byte(theirs)))
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
	checkFactor(t, "json dirt", allDirtButDuplicates(), bodies)
	checkFactor(t, "json list", &JSON{Duplicates: "list"}, bodies)
	checkFactor(t, "json items", &JSON{Items: "a"}, bodies)
}

func allDirtButDuplicates() *JSON {
	d := allDirt()
	d.Duplicates = "error"
	return d
}
