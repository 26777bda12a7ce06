package reply

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
)

func TestMarshalXML(t *testing.T) {
	t.Parallel()
	deep := any("x")
	for range 600 {
		deep = map[string]any{"a": deep}
	}
	for _, c := range []struct {
		v    any
		want string // without the declaration; or the end of the error
	}{
		{map[string]any{"a": nil}, `<a/>`},
		{map[string]any{"a": ""}, `<a></a>`},
		{map[string]any{"a": map[string]any{}}, `<a/>`},
		{map[string]any{"a": json.Number("1.50")}, `<a>1.50</a>`},
		{map[string]any{"a": true}, `<a>true</a>`},
		{map[string]any{"a": `<&>"']]>`}, `<a>&lt;&amp;&gt;"']]&gt;</a>`},
		{map[string]any{"a": map[string]any{"@x": "\"<&>'\t\n\r", "@n": 1, "@none": nil, "#text": "t\r"}}, `<a n="1" x="&quot;&lt;&amp;&gt;'&#9;&#10;&#13;">t&#13;</a>`},
		{map[string]any{"a": map[string]any{"i": []any{1, nil, map[string]any{"@k": "v"}}, "none": []any{}, "b": "z"}}, `<a><b>z</b><i>1</i><i/><i k="v"/></a>`},
		{map[string]any{"p": map[string]any{"#content": []any{"With ", map[string]any{"b": "bold"}, " ", map[string]any{"i": nil}}}}, `<p>With <b>bold</b> <i/></p>`},
		{map[string]any{"s:E": map[string]any{"@xmlns:s": "urn:s", "s:B": "ü"}}, `<s:E xmlns:s="urn:s"><s:B>ü</s:B></s:E>`},
		{map[string]any{"a": []any{1}}, "no array of them"},
		{map[string]any{"a": 1, "b": 2}, "the root element"},
		{map[string]any{}, "the root element"},
		{"text", "the root element"},
		{map[string]any{"a": map[string]any{"b": []any{[]any{1}}}}, "no list of elements"},
		{map[string]any{"a b": 1}, "that no element can have"},
		{map[string]any{"a><b": 1}, "that no element can have"},
		{map[string]any{"": 1}, "that no element can have"},
		{map[string]any{"1a": 1}, "that no element can have"},
		{map[string]any{"a:b:c": 1}, "that no element can have"},
		{map[string]any{":a": 1}, "that no element can have"},
		{map[string]any{"a\xff": 1}, "that no element can have"},
		{map[string]any{"#text": 1}, "that no element can have"},
		{map[string]any{"@a": 1}, "that no element can have"},
		{map[string]any{"a": map[string]any{"#other": 1}}, "that no element can have"},
		{map[string]any{"a": map[string]any{"@x=\"1\" y": 1}}, "that no attribute can have"},
		{map[string]any{"a": map[string]any{"@x": map[string]any{}}}, "a text, number or boolean"},
		{map[string]any{"a": map[string]any{"#text": []any{1}}}, "a text, number or boolean"},
		{map[string]any{"a": map[string]any{"#content": "x"}}, "with one member each"},
		{map[string]any{"a": map[string]any{"#content": []any{map[string]any{"@x": 1}}}}, "has one member, the element"},
		{map[string]any{"a": "\x00"}, "that XML cannot hold"},
		{map[string]any{"a": "\uffff"}, "that XML cannot hold"},
		{map[string]any{"a": "\xff"}, "is not UTF-8"},
		{map[string]any{"a": deep}, "nested deeper than 512"},
		{map[string]any{"a": map[string]any{strings.Repeat("n", 1<<20): make([]any, 100)}}, errValue().Error()},
	} {
		got, err := MarshalXML(c.v)
		if err != nil {
			if !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("%.100v: %v, want %s", c.v, err, c.want)
			}
			continue
		}
		if want := xmlDocument + c.want + "\n"; string(got) != want {
			t.Errorf("%.100v: %.200s, want %s", c.v, got, want)
		}
	}
}

// shape makes a value of a kind that comes back from XML as it went in.
func shape(random *rand.Rand, depth int) any {
	text := func() string {
		const letters = "abcXYZ019äß漢😀<>&\"'];-\t\n\r "
		runes := []rune(letters)
		out := "x"
		for range random.IntN(8) {
			out += string(runes[random.IntN(len(runes))])
		}
		return out + "x" // white space at the ends is cut off
	}
	if depth > 3 || random.IntN(3) == 0 {
		if random.IntN(5) == 0 {
			return nil
		}
		return text()
	}
	out := map[string]any{}
	for range random.IntN(3) {
		out[fmt.Sprintf("@a%d", random.IntN(5))] = text()
	}
	if random.IntN(4) == 0 {
		out["@a"] = text() // without an attribute it would be a string
		out["#text"] = text()
		return out
	}
	for range 1 + random.IntN(4) {
		name := []string{"b", "c-d", "e.f", "_g", "ü", "h:i"}[random.IntN(6)]
		list := []any{}
		for range 1 + random.IntN(3) {
			list = append(list, shape(random, depth+1))
		}
		out[name] = list
	}
	return out
}

// TestXMLComesBack: decode(encode(v)) is v.
func TestXMLComesBack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	var longest []byte
	for range 2000 {
		want := map[string]any{"root": shape(random, 0)}
		text, err := MarshalXML(want)
		if err != nil {
			t.Fatalf("%v: %v", want, err)
		}
		tree := decode.NewTree(decode.Limits{})
		decoder := &markup.XML{XMLOptions: markup.XMLOptions{Arrays: true, Root: "keep", Namespaces: "keep"}}
		if err := decoder.Check(); err != nil {
			t.Fatal(err)
		}
		if err := decoder.Decode(t.Context(), &decode.Input{Body: text}, tree); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(any(want), tree.Value()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", text, diff)
		}
		if len(text) > len(longest) {
			longest = text
		}
	}
	lint, err := exec.LookPath("xmllint")
	if err != nil {
		return // a second opinion where there is one
	}
	cmd := exec.CommandContext(t.Context(), lint, "--noout", "-")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(string(longest), "h:i", "h.i")) // its prefix is not declared
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("xmllint: %v\n%s", err, out)
	}
}
