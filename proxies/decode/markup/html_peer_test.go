package markup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// htmlPeer reads tables with Python's html.parser: one array of rows for each document of a JSON array.
const htmlPeer = `
import sys, json
from html.parser import HTMLParser
class P(HTMLParser):
    def __init__(self):
        super().__init__(); self.rows = []; self.cell = None; self.drop = None
    def close_cell(self):
        if self.cell is not None: self.rows[-1].append(" ".join("".join(self.cell).replace("\u00ad", "").split())); self.cell = None
    def handle_starttag(self, tag, attrs):
        if tag in ("script", "style"): self.drop = tag
        elif tag == "tr": self.close_cell(); self.rows.append([])
        elif tag in ("td", "th"): self.close_cell(); self.cell = []
        elif tag in ("p", "br", "div", "li", "ul") and self.cell is not None: self.cell.append(" ")
    def handle_endtag(self, tag):
        if tag == self.drop: self.drop = None
        if tag in ("td", "th", "tr", "table"): self.close_cell()
        elif tag in ("p", "div", "li", "ul") and self.cell is not None: self.cell.append(" ")
    def handle_data(self, data):
        if self.cell is not None and not self.drop: self.cell.append(data)
out = []
for doc in json.load(sys.stdin):
    p = P(); p.feed(doc); p.close(); p.close_cell(); out.append([r for r in p.rows if any(r)])
json.dump(out, sys.stdout)
`

// TestHTMLAgainstPython compares tables made at random with what Python's parser finds in them.
func TestHTMLAgainstPython(t *testing.T) {
	t.Parallel()
	python := decodetest.Peer(t, "python3")
	rng := rand.New(rand.NewPCG(1, 2))
	docs := make([]string, 300)
	for i := range docs {
		docs[i] = randomTable(rng)
	}
	in, err := json.Marshal(docs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", htmlPeer)
	cmd.Stdin = bytes.NewReader(in)
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want [][][]string
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	d := &HTML{Table: new(""), Header: "none"}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	for i, doc := range docs {
		sameTable(t, doc)
		w := decode.NewWriter(nil, decode.Limits{})
		if err := d.Decode(t.Context(), &decode.Input{Body: []byte(doc)}, w); err != nil {
			t.Fatal(err)
		}
		var got [][]*string
		if err := json.Unmarshal(w.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], withoutMissing(got), cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Fatalf("%s (-python +ours):\n%s", doc, diff)
		}
	}
}

func withoutMissing(rows [][]*string) [][]string {
	out := [][]string{}
	for _, row := range rows {
		texts := []string{}
		for _, cell := range row {
			if cell != nil {
				texts = append(texts, *cell)
			}
		}
		out = append(out, texts)
	}
	return out
}

// randomTable writes a table with the usual neglect, but without spans.
func randomTable(rng *rand.Rand) string {
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	var b strings.Builder
	b.WriteString(pick("<table>", "<TABLE border=1>", "<table class='x'\n id=y>") + pick("", "<thead>", "<tbody>", "\n"))
	for range rng.IntN(5) {
		b.WriteString(pick("<tr>", "<TR>", "<tr class=x>", " <tr\n>"))
		for range rng.IntN(4) {
			b.WriteString(pick("<td>", "<th>", "<TD align=right>", `<td title="a>b">`))
			for range rng.IntN(4) {
				b.WriteString(pick("a", " b ", "&amp;", "&lt;td&gt;", "&nbsp;", "&#228;", "é", "<b>c</b>", "<br>", "<p>d</p>", "<i>e", "</i>", "<!-- </td> -->",
					"<script>'</td>'</script>", "<ul><li>f<li>g</ul>", "<div>h</div>", "\n", "1 < 2", "<a href='x'>i</a>", "&eacute;", "&copy", "<span></span>", "\u00ad", "\u3000"))
			}
			b.WriteString(pick("", "</td>", "</TD >", "</th>"))
		}
		b.WriteString(pick("", "</tr>", "</tr>\n"))
	}
	return b.String() + pick("</table>", "</tbody></table>", "")
}

// TestHTMLRowsBack writes rows as a table and reads them again.
func TestHTMLRowsBack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	d := &HTML{Table: new("")}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		width := 1 + rng.IntN(5)
		var doc strings.Builder
		doc.WriteString("<table><tr>")
		for i := range width {
			fmt.Fprintf(&doc, "<th>name %d", i)
		}
		want := []any{}
		for r := range rng.IntN(6) {
			doc.WriteString("<tr>")
			row := map[string]any{}
			for i := range width {
				text := strings.Join(strings.Fields(string([]rune{rune(33 + rng.IntN(3000)), 'x', rune(33 + rng.IntN(60)), rune('0' + r)})), " ")
				text = strings.NewReplacer("\u0085", "", "\u00a0", "", "\u00ad", "", "\u1680", "").Replace(text)
				doc.WriteString("<td>" + html.EscapeString(text))
				row[fmt.Sprint("name ", i)] = text
			}
			want = append(want, row)
		}
		tree := decode.NewTree(decode.Limits{})
		if err := d.Decode(t.Context(), &decode.Input{Body: []byte(doc.String())}, tree); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(want), tree.Value()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", doc.String(), diff)
		}
	}
}
