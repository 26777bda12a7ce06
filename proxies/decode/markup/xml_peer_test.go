package markup

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// xmlPeer reads documents with Python's xml.etree: for each of a JSON array its value, or null for one that it refuses.
const xmlPeer = `
import sys, json
import xml.etree.ElementTree as ET
def value(e):
    o = {"@" + k: v for k, v in e.attrib.items()}
    c = [e.text] if e.text else []
    for child in e:
        c.append({child.tag: value(child)})
        if child.tail: c.append(child.tail)
    o["#content"] = c
    return o
out = []
for doc in json.load(sys.stdin):
    try:
        root = ET.fromstring(doc)
        out.append({root.tag: value(root)})
    except ET.ParseError:
        out.append(None)
json.dump(out, sys.stdout)
`

// TestXMLAgainstPython holds documents made at random, many of them broken, to what Python makes of them: what it
// reads we read, and alike.
func TestXMLAgainstPython(t *testing.T) {
	t.Parallel()
	python := decodetest.Peer(t, "python3")
	rng := rand.New(rand.NewPCG(3, 4))
	docs := make([]string, 2000)
	for i := range docs {
		var b strings.Builder
		b.WriteString("<!DOCTYPE a [")
		for _, name := range []string{"e", "f", "g", "e"} {
			b.WriteString("<!ENTITY " + name + pick(rng, " ", "\n") + "'" + pick(rng, "", "x", "a\tb", "c\r\nd", "&#10;&#13;", "&#38;#60;", "&lt;&#38;amp;", "&g;&g;", "&f; ü &f;", "\"", ">", "&f;&e;") + "'>")
		}
		b.WriteString("]>")
		randomXML(rng, &b, 0)
		docs[i] = b.String()
		if i%3 == 0 {
			docs[i] = broken(rng, docs[i])
		}
	}
	in, err := json.Marshal(docs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", xmlPeer)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []any
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	d := xmlWith(XMLOptions{Content: []string{"*"}, Space: "preserve", Root: "keep", Namespaces: "keep"})
	read := 0
	for i, doc := range docs {
		if want[i] == nil {
			continue
		}
		read++
		w := decode.NewWriter(nil, decode.Limits{})
		if err := d.Decode(t.Context(), &decode.Input{Body: []byte(doc)}, w); err != nil {
			t.Errorf("%q: %v", doc, err)
			continue
		}
		if diff := cmp.Diff(want[i], decodetest.Value(t, w.Bytes())); diff != "" {
			t.Errorf("%q (-Python +ours):\n%s", doc, diff)
		}
	}
	if read < len(docs)/2 {
		t.Errorf("Python reads only %d of %d", read, len(docs))
	}
}

func pick(rng *rand.Rand, from ...string) string { return from[rng.IntN(len(from))] }

func randomXML(rng *rand.Rand, b *strings.Builder, depth int) {
	name := pick(rng, "a", "b", "item", "été", "x-1.y", "_z")
	b.WriteString("<" + name)
	for _, attr := range []string{"id", "q", "日"}[:rng.IntN(4)] {
		quote := pick(rng, `"`, `'`)
		b.WriteString(pick(rng, " ", "\n\t", "  ") + attr + pick(rng, "=", " = ") + quote + pick(rng, "", "1", "a&amp;b", "x\ty", "l\r\nm", "&#10;&#x41;", ">", "ü  z", "&e;", "x&f;y&g;") + quote)
	}
	if rng.IntN(5) == 0 {
		b.WriteString(pick(rng, "/>", " />"))
		return
	}
	b.WriteString(pick(rng, ">", " >"))
	for range rng.IntN(5) {
		switch rng.IntN(7) {
		case 0, 1:
			if depth < 6 {
				randomXML(rng, b, depth+1)
			}
		case 2:
			b.WriteString(pick(rng, "<!-- c <b> & -->", "<?php echo '<a>' ?>", "<!---->"))
		case 3:
			b.WriteString("<![CDATA[" + pick(rng, "", "x", "<a>&amp;", "] ]> ]]", "\r\n") + "]]>")
		default:
			b.WriteString(pick(rng, "text", " ", "\n\t", "&lt;&gt;&quot;&apos;", "&#228;&#xE4;", "a\rb", "a\r\nb", "€ 𝄞", ">", "]]", "&e;", " &f;&g;"))
		}
	}
	b.WriteString("</" + name + pick(rng, ">", " >"))
}

// broken takes a few bytes of ASCII out, or puts one in.
func broken(rng *rand.Rand, doc string) string {
	runes := []rune(doc)
	at := rng.IntN(len(runes))
	if rng.IntN(2) == 0 {
		return string(slices.Delete(runes, at, min(len(runes), at+1+rng.IntN(3))))
	}
	return string(slices.Insert(runes, at, []rune(pick(rng, "<", ">", "&", "'", "/", "x", "\x01", "]]>", "<!--"))...))
}

// TestXMLAgainstXmllint reads documents of the corpus as libxml2 writes them anew: without CDATA, references, prolog.
func TestXMLAgainstXmllint(t *testing.T) {
	t.Parallel()
	xmllint := decodetest.Peer(t, "xmllint")
	files, err := filepath.Glob("testdata/*/*.xml")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		if strings.Contains(file, "wrong-encoding") {
			continue // it is read by the charset of its Content-Type
		}
		if strings.Contains(file, "external") {
			continue // libxml2 would read the file
		}
		canonical, err := exec.CommandContext(t.Context(), xmllint, "--nonet", "--noent", "--c14n", file).Output()
		if err != nil {
			continue // it is broken, or libxml2 does not know the charset
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := xmlWith(XMLOptions{Repeated: "array", Namespaces: "prefix"})
		text, _, err := charset.Text(body, charset.Options{Document: d.DeclaredCharset})
		if err != nil {
			t.Fatal(err)
		}
		w, again := decode.NewWriter(nil, decode.Limits{}), decode.NewWriter(nil, decode.Limits{})
		err = d.Decode(t.Context(), &decode.Input{Body: text}, w)
		if err != nil {
			continue // entities of a document type
		}
		if err := d.Decode(t.Context(), &decode.Input{Body: canonical}, again); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		compared++
		if diff := cmp.Diff(decodetest.Value(t, again.Bytes()), decodetest.Value(t, w.Bytes())); diff != "" {
			t.Errorf("%s (-by way of libxml2 +ours):\n%s", file, diff)
		}
	}
	if compared < 30 {
		t.Errorf("only %d documents were compared", compared)
	}
}
