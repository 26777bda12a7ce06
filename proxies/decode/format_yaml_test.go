package decode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestYAML(t *testing.T) {
	t.Parallel()
	y, y11, docs := new(YAML), &YAML{YAML11: true}, &YAML{Documents: true}
	runDecodeTests(t, []decodeTest{
		{name: "order and digits", dec: y, in: "z: 1.10\na: [12345678901234567890123, -0, 1e+2]\n", want: `{"z":1.10,"a":[12345678901234567890123,-0,1e+2]}`},
		{name: "words", dec: y, in: "[true, True, FALSE, ~, null, NULL, , yes, No, on, tRUE]", fail: "near line 1", at: 0},
		{name: "words of 1.2", dec: y, in: "[true, True, FALSE, ~, null, NULL, yes, No, on, y, tRUE]", want: `[true,true,false,null,null,null,"yes","No","on","y","tRUE"]`},
		{name: "words of 1.1", dec: y11, in: "[yes, No, on, OFF, y, true]", want: `[true,false,true,false,"y",true]`},
		{name: "numbers of 1.2", dec: y, in: "[+1, 007, 00.5, 0.5, .5, 1., -.5e3, +1.50, 0x1F, 0o17, 1_000, 0b11, 1e, 1e+-2, 1.2.3, 12:30:45, 2026-01-02, 0x, 1e5, ., -, +.]", want: `[1,"007","00.5",0.5,0.5,1,-0.5e3,1.50,31,15,"1_000","0b11","1e","1e+-2","1.2.3","12:30:45","2026-01-02","0x",1e5,".","-","+."]`},
		{name: "numbers of 1.1", dec: y11, in: "[1_000, 0b11, 017, -0x_1f, 08, 0, 0.5, 0o17, 1_0.5_0, _1, 12:30, 1e3, 1.5e3, 1.5e+3]", want: `[1000,3,15,-31,"08",0,0.5,"0o17",10.50,"_1","12:30","1e3","1.5e3",1.5e+3]`},
		{name: "long hex", dec: y, in: "0xffffffffffffffffffff", want: "1208925819614629174706175"},
		{name: "hex too long", dec: y, in: "0x" + strings.Repeat("f", MaxNumber+1), fail: "more than 1000 bytes in a number", at: -1},
		{name: "number too long", dec: y, in: strings.Repeat("1", MaxNumber+1), fail: "more than 1000 bytes in a number", at: -1},
		{name: "infinity", dec: y, in: "a: 1\nb: -.inf", fail: "line 2: -.inf is no number of JSON; see the option nan", at: 5},
		{name: "infinity as null", dec: &YAML{NaN: "null"}, in: "[.inf, -.INF, .NaN]", want: "[null,null,null]"},
		{name: "infinity as string", dec: &YAML{NaN: "string"}, in: "[.inf, -.INF, .NaN, +-.inf, -.nan]", want: `[".inf","-.INF",".NaN","+-.inf","-.nan"]`},
		{name: "strings", dec: y, in: "- \"a\\tb\\x41\"\n- 'it''s'\n- |\n  x\n   y\n- >-\n  x\n  y\n- '1'\n- \"true\"\n- plain text # comment", want: `["a\tbA","it's","x\n y\n","x y","1","true","plain text"]`},
		{name: "names that are no strings", dec: y, in: "1: a\ntrue: b\n~: c\n2026-01-02: d\n? e\n: f\n1.50: g", want: `{"1":"a","true":"b","~":"c","2026-01-02":"d","e":"f","1.50":"g"}`},
		{name: "list as a name", dec: y, in: "a: 1\n? [b]\n: 1", fail: "line 2: a list or an object where a name is due", at: 5},
		{name: "alias as a name", dec: y, in: "a: &x b\n*x : 2", want: `{"a":"b","b":2}`},
		{name: "name twice", dec: y, in: "b: 1\na: {a: 1}\na: 2", fail: `line 3: the name "a" occurs twice in one object, first in line 2; see the option duplicates`, at: 15},
		{name: "name twice inside", dec: y, in: "- x: 1\n- {x: 1,\n   x: 2}", fail: `line 3: the name "x" occurs twice in one object, first in line 2`, at: 16},
		{name: "name twice as an alias", dec: y, in: "&x a: 1\n*x : 2", fail: `line 2: the name "a" occurs twice in one object, first in line 1`, at: 8},
		{name: "name twice, last", dec: &YAML{Duplicates: "last"}, in: "a: 1\nb: 2\na: 3", want: `{"a":3,"b":2}`},
		{name: "name twice, list", dec: &YAML{Duplicates: "list"}, in: "a: 1\nb: {c: 1}\na: 3", want: `{"a":[1,3],"b":{"c":1}}`},
		{name: "anchors", dec: y, in: "a: &x [1, &y two]\nb: *x\nc: *y", want: `{"a":[1,"two"],"b":[1,"two"],"c":"two"}`},
		{name: "an anchor again", dec: y, in: "- &x 1\n- *x\n- &x 2\n- *x", want: `[1,1,2,2]`},
		{name: "unknown anchor", dec: y, in: "a: 1\nb: *x\n", fail: `there is no anchor "x"`, at: 5},
		{name: "alias inside", dec: y, in: "a: &x\n  - *x", fail: "line 2: the alias *x stands inside", at: 6},
		{name: "merge inside", dec: y, in: "a: &x\n  <<: *x", fail: "the alias *x stands inside", at: 6},
		{name: "merge", dec: y, in: "b: &b {p: 1, q: 2}\nw:\n  <<: *b\n  q: 3\n  r: 4", want: `{"b":{"p":1,"q":2},"w":{"p":1,"q":3,"r":4}}`},
		{name: "merge of several", dec: y, in: "- &a {p: 1}\n- &b {p: 2, q: 2, <<: {r: 5, q: 6}}\n- {<<: [*a, *b, {s: 1}], t: 0}", want: `[{"p":1},{"p":2,"q":2,"r":5},{"p":1,"q":2,"r":5,"s":1,"t":0}]`},
		{name: "merge of no object", dec: y, in: "<<: 1", fail: "takes an object", at: 0},
		{name: "merge of lists of lists", dec: y, in: "<<: [[]]", fail: "takes an object", at: 0},
		{name: "quoted merge key", dec: y, in: "\"<<\": 1", want: `{"<<":1}`},
		{name: "tags", dec: y, in: "- !!str 12\n- !!int '12'\n- !!float 3\n- !!binary |\n  R0lG\n  ODlh\n- !!timestamp 2026-01-02\n- !!set {a, b}\n- !!null ''\n- !!bool true", want: `["12",12,3,"R0lGODlh","2026-01-02",{"a":null,"b":null},null,true]`},
		{name: "wrong tag", dec: y, in: "!!int x", fail: "line 1: the value x is no int", at: 0},
		{name: "unknown tag", dec: y, in: "{a: !Ref b, c: !Sub [1], d: !x 1, e: !<tag:x> '1'}", want: `{"a":"b","c":[1],"d":1,"e":"1"}`},
		{name: "unknown tag, object", dec: &YAML{Tags: "object"}, in: "{a: !Ref b, c: !Sub [1], d: !!str 1}", want: `{"a":{"!Ref":"b"},"c":{"!Sub":[1]},"d":"1"}`},
		{name: "unknown tag, error", dec: &YAML{Tags: "error"}, in: "a: !Ref b", fail: "the tag !Ref is unknown", at: 0},
		{name: "empty document", dec: y, in: "---\n", want: "null"},
		{name: "empty", dec: y, in: "\n", fail: "the body is empty", at: 0},
		{name: "comments", dec: y, in: "# nothing\n", fail: "the body is empty", at: 0},
		{name: "no documents", dec: docs, in: "", want: "[]"},
		{name: "documents", dec: docs, in: "a: 1\n---\nb\n...\n---\n- c\n", want: `[{"a":1},"b",["c"]]`},
		{name: "documents of json", dec: docs, in: `{"a":"\ud83d\ude00"}`, want: `[{"a":"😀"}]`},
		{name: "two documents", dec: y, in: "a: 1\n---\nb: 1\n", fail: "there is more than one document; see the option documents", at: 5},
		{name: "a document and its end", dec: y, in: "--- # x\na: 1\n...\n", want: `{"a":1}`},
		{name: "version 1.2", dec: y, in: "# x\n%YAML 1.2\n---\na: 1\n", want: `{"a":1}`},
		{name: "versions", dec: docs, in: "%YAML 1.1\n--- a\n...\n%YAML 1.2\n--- |\n %YAML 1.2\n", want: `["a","%YAML 1.2\n"]`},
		{name: "version 2", dec: y, in: "%YAML 2.0\n--- a\n", fail: "incompatible", at: 10},
		{name: "json", dec: y, in: " {\"a\": [1.10, \"\\ud83d\\ude00\"]}\n", want: `{"a":[1.10,"😀"]}`},
		{name: "nearly json", dec: y, in: "{\"a\":1, b: [x,y,],}", want: `{"a":1,"b":["x","y"]}`},
		{name: "tabs", dec: y, in: "a:\n\tb: 1", fail: "near line 2: found character that cannot start any token", at: 3},
		{name: "tabs behind a value", dec: y, in: "a:\t1\t# x\n", want: `{"a":1}`},
		{name: "carriage returns", dec: y, in: "a: 1\r\nb:\r\n- 2\r\n", want: `{"a":1,"b":[2]}`},
		{name: "indentation", dec: y, in: "a: 1\nb:\n  c: 1\n d: 1\n", fail: "near line 4: did not find expected", at: 15},
		{name: "open string", dec: y, in: "a: \"x\nb: 1\n", fail: "unexpected end of stream", at: 6},
		{name: "control character", dec: y, in: "a: \x01", fail: "control characters are not allowed", at: 0},
		{name: "one word", dec: y, in: "OK\n", want: `"OK"`},
		{name: "one line", dec: y, in: "# x\nAll is well.\n", want: `"All is well."`},
		{name: "one line and an end", dec: y, in: "All is well.\n...\n", want: `"All is well."`},
		{name: "prose", dec: y, in: "Service unavailable.\nPlease try again later.\n", fail: "the body is lines of text", at: 0},
		{name: "a page", dec: y, in: "\n<html>", fail: "markup, where a document begins", at: 1},
		{name: "deep", dec: y, in: strings.Repeat("[", DefaultDepth+1) + strings.Repeat("]", DefaultDepth+1) + " # not json", fail: "more than 512 depth", at: -1},
		{name: "deeper", dec: y, in: strings.Repeat("- ", yamlDepth+10), fail: "more than 10000 depth", at: -1},
	})
}

func TestYAMLOptions(t *testing.T) {
	t.Parallel()
	for _, d := range []*YAML{{NaN: "x"}, {Duplicates: "x"}, {Tags: "x"}} {
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), `"x": want `) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// TestYAMLBombs checks that what is small as text and huge as a value ends at a limit.
func TestYAMLBombs(t *testing.T) {
	t.Parallel()
	laughs := func(line string) string {
		text := "a0: &a0 [lol, lol]\nm0: &m0 {x: 1, y: 2}\n"
		for i := range 60 {
			text += fmt.Sprintf(line+"\n", i+1, i, i, i, i)
		}
		return text
	}
	long := "- &a " + strings.Repeat("x", 1<<20) + "\n"
	for name, body := range map[string]string{
		"aliases":             laughs("a%[1]d: &a%[1]d [*a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d]"),
		"two aliases":         laughs("a%[1]d: &a%[1]d [*a%[2]d, *a%[2]d]"),
		"merges":              laughs("m%[1]d: &m%[1]d {<<: [*m%[2]d, *m%[2]d, *m%[2]d]}"),
		"nothing but lists":   strings.Replace(laughs("a%[1]d: &a%[1]d [*a%[2]d, *a%[2]d, *a%[2]d]"), "[lol, lol]", "[]", 1),
		"a long text":         long + strings.Repeat("- *a\n", 1<<10),
		"a long name":         long + strings.Repeat("- {*a : 1}\n", 1<<10),
		"a long merge":        "- &a\n  ? " + strings.Repeat("x", 1<<20) + "\n  : 1\n" + strings.Repeat("- <<: *a\n", 1<<10),
		"single characters":   "[" + strings.Repeat("a,", 1<<19) + "]",
		"nothing, often":      strings.Repeat("-\n", 1<<19),
		"comments":            strings.Repeat("- #\n", 1<<18),
		"characters in block": "a: \"x |\n " + "\", b: 1}" + strings.Repeat("a,", 1<<19),
	} {
		for _, d := range []*YAML{new(YAML), {Documents: true, Duplicates: "last"}} {
			_, err := both(t, d, []byte(body))
			var limit *LimitError
			if !errors.As(err, &limit) && name != "characters in block" || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestYAMLIsLeft checks that reading ends when nobody waits for it.
func TestYAMLIsLeft(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := []byte(strings.Repeat("a: [b, c]\n---\n", 10))
	if err := (&YAML{Documents: true}).Decode(ctx, &Input{Body: body}, new(Trial)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := newYAMLReader(ctx, body).document(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestYAMLOfJSON checks that JSON, written by the library as YAML in its two styles, comes back.
func TestYAMLOfJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"a":[1,2.50,"x",null,true,{"b c":"d: e"}],"":"- x","n":"012","m":"yes","o":"1e3","l":"line\nline\n","t":"\t","u":"é😀","q":"'\""}`,
		`[[],{},[[]],[{}],"","~","null","#","a #b","*a","&a","!x","%","@","` + "`" + `","---","...","<<","=","0x1f",".5"," x "]`,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		block, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := both(t, new(YAML), block)
		if err != nil {
			t.Fatalf("%v in\n%s", err, block)
		}
		var again any
		if err := json.Unmarshal(got, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Errorf("%s\n%s", block, diff)
		}
	}
}

// withPyYAML gives what a program prints, in Python with PyYAML, which reads and writes YAML 1.1.
func withPyYAML(t *testing.T, program, in string) ([]byte, error) {
	t.Helper()
	if exec.CommandContext(t.Context(), "python3", "-c", "import yaml").Run() != nil {
		if strings.Contains(os.Getenv("FAIRWAY_REQUIRE"), "python3") {
			t.Fatal("python3 has no yaml")
		}
		t.Skip("python3 has no yaml")
	}
	c := exec.CommandContext(t.Context(), "python3", "-c", program)
	c.Stdin = strings.NewReader(in)
	return c.Output()
}

// TestYAMLOfPython compares with PyYAML.
func TestYAMLOfPython(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"a: &x {b: 1, c: [d, e]}\nf: {<<: *x, b: 2}\n", "a: |+\n  x\n\n\nb: >\n  p\n  q\n\n  r\n   s\n", "- yes\n- 017\n- 0b11\n- 1_000\n- 0x1f\n- 08\n- 1.5\n- 1e3\n- ~\n-\n",
		"? a\n: - b\n  - c\n", "'a b': \"\\u00e9\\\n   x\"\n", "a: b: c", "- - 1\n  - 2\n- {a: [1, 2], b: {c: d}}\n", "a: x\n  y\n  z\nb: 'x\n\n  y'\n",
	} {
		want, wrong := withPyYAML(t, "import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin.read()), sys.stdout)", body)
		got, err := both(t, &YAML{YAML11: true}, []byte(body))
		if (wrong == nil) != (err == nil) {
			t.Errorf("%q: %v, Python: %v", body, err, wrong)
			continue
		}
		if err == nil {
			if diff := cmp.Diff(parse(t, want), parse(t, got)); diff != "" {
				t.Errorf("%q (-Python +ours):\n%s", body, diff)
			}
		}
	}
}

// TestYAMLFromPython reads values of every kind, as PyYAML writes them in every style that it has.
func TestYAMLFromPython(t *testing.T) {
	t.Parallel()
	const program = `
import json, random, sys, yaml
random.seed(7)
words = ["a", "b c", "true", "no", "~", "null", "1", "1.5", "0x1f", "", "- x", "a: b", "#c", "x #y", "é😀", "line\nline\n", "  lead", "trail ", "\t", "'q'", '"dq"', "{", "[", "*a", "&b", "!c", "%d",
  "@e", "|", "> ", "2026-01-02", "12:30", "a\u2028b", "key" * 20, "word " * 40, "\\n", "?", "? x", "-", "--- ", "...", "<<", "=", ".inf", "1e3", "0o17", "1_0", "007", "\x7f", "\u00a0", "\n\n x", "x:", "a,b"]
def value(depth):
  r = random.random()
  if depth > 4 or r < .5:
    return random.choice([random.choice(words), random.choice(words), random.randint(-10**20, 10**20), random.random() * 1e5, True, None])
  if r < .75:
    return [value(depth + 1) for _ in range(random.randint(0, 4))]
  return {random.choice(words) + str(i): value(depth + 1) for i in range(random.randint(0, 4))}
out = []
for i in range(400):
  v = value(0)
  if random.random() < .3 and isinstance(v, (dict, list)):
    v = [v, v, {"x": v}]
  text = yaml.dump(v, default_flow_style=random.choice([True, False, None]), allow_unicode=random.choice([True, False]), sort_keys=False, width=random.choice([20, 80, 1000]),
    default_style=random.choice([None] * 3 + ['"', "'"]), explicit_start=random.choice([True, False]), canonical=random.random() < .05)
  out.append({"text": text, "value": v})
json.dump(out, sys.stdout)
`
	raw, err := withPyYAML(t, program, "")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Text  string
		Value any
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		got, err := both(t, &YAML{YAML11: true}, []byte(one.Text))
		if err != nil {
			t.Errorf("%v in\n%s", err, one.Text)
			continue
		}
		var value any
		if err := json.Unmarshal(got, &value); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(one.Value, value); diff != "" {
			t.Errorf("%s\n-Python +ours:\n%s", one.Text, diff)
		}
	}
	if len(all) < 400 {
		t.Errorf("only %d values were written", len(all))
	}
}

func TestCorpusYAML(t *testing.T) {
	t.Parallel()
	corpus(t, "yaml", 8, func() checked { return new(YAML) })
}

// TestFactorYAML measures all memory that a value takes, also what is thrown away meanwhile.
func TestFactorYAML(t *testing.T) {
	const size = 256 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	names := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	bodies := []string{
		names("usual_name_%d: value\n"), names("k%x: 0\n"), names("k%x:\n"), names("k%x: 1 # c\n"), fill("- 0\n"), fill("- -1a\n"), fill("- a: 1\n"), fill("- {a: b}\n"), "[" + fill("0, ") + "a]", "[" + fill("1a, ") + "a]",
		fill("- 'a'\n"), fill("- \"\\n\"\n"), "a: |\n" + fill(" x\n"), "a: >\n" + fill(" x\n"), fill("word "), fill("- word\n  # c\n"), fill("- &a b\n"), "- &a b\n" + fill("- *a\n"), "- &a {x: y}\n" + fill("- <<: *a\n"),
		fill("- !a b\n"), "[" + fill("[a], ") + "a]", "[" + fill("{}, ") + "a]", "[" + fill("a: b, ") + "a]", fill("- - a\n"), fill("- 2026-01-02\n"), fill("- 12:30:01\n"), "{" + names("%x, ") + "z}", fill("? a\n"), "[" + fill("0,") + "0]",
		fill("- name: build-linux\n  id: 12345\n  tags: [a, b]\n"), "[" + fill(" &a a,") + "a]", "[" + fill("- ,") + "a]", "[" + fill("\"a\",") + "a]", "[" + fill("''  ,") + "a]",
	}
	checkFactor(t, "yaml", new(YAML), bodies)
	checkFactor(t, "yaml tags", &YAML{Tags: "object"}, append(bodies, fill("- !a b\n")))
	checkFactor(t, "yaml last", &YAML{Duplicates: "last"}, bodies)
}

func FuzzYAML(f *testing.F) {
	fuzzDecoder(f, []string{
		"a: 1\nb: [x, 'y', \"z\"]\n", "- &a {b: c}\n- *a\n- <<: *a\n", "--- |\n x\n...\n--- >-\n y\n", "? a\n: b\n", "%YAML 1.2\n---\n!!binary YQ==", "{a: !x b}", "# c\na: # d\n # e\n- f", "a: &a [*a]", ".inf", "0x1f",
		"!!set {a}", "\"\\x41\\u00e9\"", "a:\n  - b\n -c", "[a,b,,]", "'", "%TAG ! tag:x,2000:\n--- !a b", "\t- a", "a: b: c", "*a", "&a", "- - - - x", "\ufeffa: 1", "<<: {a: 1}\na: 2", "{\"a\":1}", "1_0: 017",
	}, new(YAML), &YAML{Documents: true}, &YAML{YAML11: true, NaN: "null", Duplicates: "list"}, &YAML{NaN: "string", Tags: "object", Duplicates: "first"}, &YAML{Tags: "error"})
}
