package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestYAML(t *testing.T) {
	t.Parallel()
	y, y11, docs := new(YAML), &YAML{YAML11: true}, &YAML{Documents: true}
	decodetest.Run(t, []decodetest.Test{
		{Name: "order and digits", Dec: y, In: "z: 1.10\na: [12345678901234567890123, -0, 1e+2]\n", Want: `{"z":1.10,"a":[12345678901234567890123,-0,1e+2]}`},
		{Name: "words", Dec: y, In: "[true, True, FALSE, ~, null, NULL, , yes, No, on, tRUE]", Fail: "near line 1", At: 0},
		{Name: "words of 1.2", Dec: y, In: "[true, True, FALSE, ~, null, NULL, yes, No, on, y, tRUE]", Want: `[true,true,false,null,null,null,"yes","No","on","y","tRUE"]`},
		{Name: "words of 1.1", Dec: y11, In: "[yes, No, on, OFF, y, true]", Want: `[true,false,true,false,"y",true]`},
		{Name: "numbers of 1.2", Dec: y, In: "[+1, 007, 00.5, 0.5, .5, 1., -.5e3, +1.50, 0x1F, 0o17, 1_000, 0b11, 1e, 1e+-2, 1.2.3, 12:30:45, 2026-01-02, 0x, 1e5, ., -, +.]", Want: `[1,"007","00.5",0.5,0.5,1,-0.5e3,1.50,31,15,"1_000","0b11","1e","1e+-2","1.2.3","12:30:45","2026-01-02","0x",1e5,".","-","+."]`},
		{Name: "numbers of 1.1", Dec: y11, In: "[1_000, 0b11, 017, -0x_1f, 08, 0, 0.5, 0o17, 1_0.5_0, _1, 12:30, 1e3, 1.5e3, 1.5e+3]", Want: `[1000,3,15,-31,"08",0,0.5,"0o17",10.50,"_1","12:30","1e3","1.5e3",1.5e+3]`},
		{Name: "long hex", Dec: y, In: "0xffffffffffffffffffff", Want: "1208925819614629174706175"},
		{Name: "hex too long", Dec: y, In: "0x" + strings.Repeat("f", decode.MaxNumber+1), Fail: "more than 1000 bytes in a number", At: -1},
		{Name: "number too long", Dec: y, In: strings.Repeat("1", decode.MaxNumber+1), Fail: "more than 1000 bytes in a number", At: -1},
		{Name: "infinity", Dec: y, In: "a: 1\nb: -.inf", Fail: "line 2: -.inf is no number of JSON; see the option nan", At: 5},
		{Name: "infinity as null", Dec: &YAML{NaN: "null"}, In: "[.inf, -.INF, .NaN]", Want: "[null,null,null]"},
		{Name: "infinity as string", Dec: &YAML{NaN: "string"}, In: "[.inf, -.INF, .NaN, +-.inf, -.nan]", Want: `[".inf","-.INF",".NaN","+-.inf","-.nan"]`},
		{Name: "strings", Dec: y, In: "- \"a\\tb\\x41\"\n- 'it''s'\n- |\n  x\n   y\n- >-\n  x\n  y\n- '1'\n- \"true\"\n- plain text # comment", Want: `["a\tbA","it's","x\n y\n","x y","1","true","plain text"]`},
		{Name: "names that are no strings", Dec: y, In: "1: a\ntrue: b\n~: c\n2026-01-02: d\n? e\n: f\n1.50: g", Want: `{"1":"a","true":"b","~":"c","2026-01-02":"d","e":"f","1.50":"g"}`},
		{Name: "list as a name", Dec: y, In: "a: 1\n? [b]\n: 1", Fail: "line 2: a list or an object where a name is due", At: 5},
		{Name: "alias as a name", Dec: y, In: "a: &x b\n*x : 2", Want: `{"a":"b","b":2}`},
		{Name: "name twice", Dec: y, In: "b: 1\na: {a: 1}\na: 2", Fail: `line 3: the name "a" occurs twice in one object, first in line 2; see the option duplicates`, At: 15},
		{Name: "name twice inside", Dec: y, In: "- x: 1\n- {x: 1,\n   x: 2}", Fail: `line 3: the name "x" occurs twice in one object, first in line 2`, At: 16},
		{Name: "name twice as an alias", Dec: y, In: "&x a: 1\n*x : 2", Fail: `line 2: the name "a" occurs twice in one object, first in line 1`, At: 8},
		{Name: "name twice, last", Dec: &YAML{Duplicates: "last"}, In: "a: 1\nb: 2\na: 3", Want: `{"a":3,"b":2}`},
		{Name: "name twice, list", Dec: &YAML{Duplicates: "list"}, In: "a: 1\nb: {c: 1}\na: 3", Want: `{"a":[1,3],"b":{"c":1}}`},
		{Name: "anchors", Dec: y, In: "a: &x [1, &y two]\nb: *x\nc: *y", Want: `{"a":[1,"two"],"b":[1,"two"],"c":"two"}`},
		{Name: "an anchor again", Dec: y, In: "- &x 1\n- *x\n- &x 2\n- *x", Want: `[1,1,2,2]`},
		{Name: "unknown anchor", Dec: y, In: "a: 1\nb: *x\n", Fail: `there is no anchor "x"`, At: 5},
		{Name: "alias inside", Dec: y, In: "a: &x\n  - *x", Fail: "line 2: the alias *x stands inside", At: 6},
		{Name: "merge inside", Dec: y, In: "a: &x\n  <<: *x", Fail: "the alias *x stands inside", At: 6},
		{Name: "merge", Dec: y, In: "b: &b {p: 1, q: 2}\nw:\n  <<: *b\n  q: 3\n  r: 4", Want: `{"b":{"p":1,"q":2},"w":{"p":1,"q":3,"r":4}}`},
		{Name: "merge of several", Dec: y, In: "- &a {p: 1}\n- &b {p: 2, q: 2, <<: {r: 5, q: 6}}\n- {<<: [*a, *b, {s: 1}], t: 0}", Want: `[{"p":1},{"p":2,"q":2,"r":5},{"p":1,"q":2,"r":5,"s":1,"t":0}]`},
		{Name: "merge of no object", Dec: y, In: "<<: 1", Fail: "takes an object", At: 0},
		{Name: "merge of lists of lists", Dec: y, In: "<<: [[]]", Fail: "takes an object", At: 0},
		{Name: "quoted merge key", Dec: y, In: "\"<<\": 1", Want: `{"<<":1}`},
		{Name: "tags", Dec: y, In: "- !!str 12\n- !!int '12'\n- !!float 3\n- !!binary |\n  R0lG\n  ODlh\n- !!timestamp 2026-01-02\n- !!set {a, b}\n- !!null ''\n- !!bool true", Want: `["12",12,3,"R0lGODlh","2026-01-02",{"a":null,"b":null},null,true]`},
		{Name: "wrong tag", Dec: y, In: "!!int x", Fail: "line 1: the value x is no int", At: 0},
		{Name: "unknown tag", Dec: y, In: "{a: !Ref b, c: !Sub [1], d: !x 1, e: !<tag:x> '1'}", Want: `{"a":"b","c":[1],"d":1,"e":"1"}`},
		{Name: "unknown tag, object", Dec: &YAML{Tags: "object"}, In: "{a: !Ref b, c: !Sub [1], d: !!str 1}", Want: `{"a":{"!Ref":"b"},"c":{"!Sub":[1]},"d":"1"}`},
		{Name: "unknown tag, error", Dec: &YAML{Tags: "error"}, In: "a: !Ref b", Fail: "the tag !Ref is unknown", At: 0},
		{Name: "empty document", Dec: y, In: "---\n", Want: "null"},
		{Name: "empty", Dec: y, In: "\n", Fail: "the body is empty", At: 0},
		{Name: "comments", Dec: y, In: "# nothing\n", Fail: "the body is empty", At: 0},
		{Name: "no documents", Dec: docs, In: "", Want: "[]"},
		{Name: "documents", Dec: docs, In: "a: 1\n---\nb\n...\n---\n- c\n", Want: `[{"a":1},"b",["c"]]`},
		{Name: "documents of json", Dec: docs, In: `{"a":"\ud83d\ude00"}`, Want: `[{"a":"😀"}]`},
		{Name: "two documents", Dec: y, In: "a: 1\n---\nb: 1\n", Fail: "there is more than one document; see the option documents", At: 5},
		{Name: "a document and its end", Dec: y, In: "--- # x\na: 1\n...\n", Want: `{"a":1}`},
		{Name: "version 1.2", Dec: y, In: "# x\n%YAML 1.2\n---\na: 1\n", Want: `{"a":1}`},
		{Name: "versions", Dec: docs, In: "%YAML 1.1\n--- a\n...\n%YAML 1.2\n--- |\n %YAML 1.2\n", Want: `["a","%YAML 1.2\n"]`},
		{Name: "version 2", Dec: y, In: "%YAML 2.0\n--- a\n", Fail: "incompatible", At: 10},
		{Name: "json", Dec: y, In: " {\"a\": [1.10, \"\\ud83d\\ude00\"]}\n", Want: `{"a":[1.10,"😀"]}`},
		{Name: "nearly json", Dec: y, In: "{\"a\":1, b: [x,y,],}", Want: `{"a":1,"b":["x","y"]}`},
		{Name: "tabs", Dec: y, In: "a:\n\tb: 1", Fail: "near line 2: found character that cannot start any token", At: 3},
		{Name: "tabs behind a value", Dec: y, In: "a:\t1\t# x\n", Want: `{"a":1}`},
		{Name: "carriage returns", Dec: y, In: "a: 1\r\nb:\r\n- 2\r\n", Want: `{"a":1,"b":[2]}`},
		{Name: "indentation", Dec: y, In: "a: 1\nb:\n  c: 1\n d: 1\n", Fail: "near line 4: did not find expected", At: 15},
		{Name: "open string", Dec: y, In: "a: \"x\nb: 1\n", Fail: "unexpected end of stream", At: 6},
		{Name: "control character", Dec: y, In: "a: \x01", Fail: "control characters are not allowed", At: 0},
		{Name: "one word", Dec: y, In: "OK\n", Want: `"OK"`},
		{Name: "one line", Dec: y, In: "# x\nAll is well.\n", Want: `"All is well."`},
		{Name: "one line and an end", Dec: y, In: "All is well.\n...\n", Want: `"All is well."`},
		{Name: "prose", Dec: y, In: "Service unavailable.\nPlease try again later.\n", Fail: "the body is lines of text", At: 0},
		{Name: "a page", Dec: y, In: "\n<html>", Fail: "markup, where a document begins", At: 1},
		{Name: "deep", Dec: y, In: strings.Repeat("[", decode.DefaultDepth+1) + strings.Repeat("]", decode.DefaultDepth+1) + " # not json", Fail: "more than 512 depth", At: -1},
		{Name: "deeper", Dec: y, In: strings.Repeat("- ", yamlDepth+10), Fail: "more than 10000 depth", At: -1},
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
			_, err := decodetest.Both(t, d, []byte(body))
			var limit *decode.LimitError
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
	if err := (&YAML{Documents: true}).Decode(ctx, &decode.Input{Body: body}, new(decode.Trial)); !errors.Is(err, context.Canceled) {
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
		got, err := decodetest.Both(t, new(YAML), block)
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
	c := exec.CommandContext(t.Context(), decodetest.PyYAML(t), "-c", program)
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
		got, err := decodetest.Both(t, &YAML{YAML11: true}, []byte(body))
		if (wrong == nil) != (err == nil) {
			t.Errorf("%q: %v, Python: %v", body, err, wrong)
			continue
		}
		if err == nil {
			if diff := cmp.Diff(decodetest.Parse(t, want), decodetest.Parse(t, got)); diff != "" {
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
		got, err := decodetest.Both(t, &YAML{YAML11: true}, []byte(one.Text))
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
	decodetest.Corpus(t, "yaml", 8, func() decodetest.Checked { return new(YAML) })
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
	decodetest.CheckFactor(t, "yaml", new(YAML), bodies)
	decodetest.CheckFactor(t, "yaml tags", &YAML{Tags: "object"}, append(bodies, fill("- !a b\n")))
	decodetest.CheckFactor(t, "yaml last", &YAML{Duplicates: "last"}, bodies)
}

func FuzzYAML(f *testing.F) {
	decodetest.Fuzz(f, []string{
		"a: 1\nb: [x, 'y', \"z\"]\n", "- &a {b: c}\n- *a\n- <<: *a\n", "--- |\n x\n...\n--- >-\n y\n", "? a\n: b\n", "%YAML 1.2\n---\n!!binary YQ==", "{a: !x b}", "# c\na: # d\n # e\n- f", "a: &a [*a]", ".inf", "0x1f",
		"!!set {a}", "\"\\x41\\u00e9\"", "a:\n  - b\n -c", "[a,b,,]", "'", "%TAG ! tag:x,2000:\n--- !a b", "\t- a", "a: b: c", "*a", "&a", "- - - - x", "\ufeffa: 1", "<<: {a: 1}\na: 2", "{\"a\":1}", "1_0: 017",
	}, new(YAML), &YAML{Documents: true}, &YAML{YAML11: true, NaN: "null", Duplicates: "list"}, &YAML{NaN: "string", Tags: "object", Duplicates: "first"}, &YAML{Tags: "error"})
}
