package markup

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/cascadia"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// TestHTMLSelectorsAgainstCascadia holds our way down to cascadia's way up, for selectors and documents made at random.
func TestHTMLSelectorsAgainstCascadia(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	found := 0
	for range 3000 {
		css := randomSelector(rng)
		doc, err := html.Parse(strings.NewReader(randomTree(rng)))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := cascadia.ParseGroup(css)
		if err != nil {
			t.Fatalf("%s: %v", css, err)
		}
		ours, err := compileHTMLSelector(css)
		if err != nil {
			t.Fatalf("%s: %v", css, err)
		}
		want := cascadia.QueryAll(doc, theirs)
		var got []*html.Node
		if err := ours.find(doc, newHTMLBudget(t.Context(), 1<<16), func(n *html.Node) bool {
			got = append(got, n)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		found += len(want)
		if len(want) != len(got) {
			t.Fatalf("%s: they find %d, we %d in %s", css, len(want), len(got), rendered(t, doc))
		}
		for i := range want {
			if want[i] != got[i] {
				t.Fatalf("%s: -theirs +ours in %s:\n%s", css, rendered(t, doc), cmp.Diff(rendered(t, want[i]), rendered(t, got[i])))
			}
		}
	}
	if found < 3000 {
		t.Errorf("only %d elements were found, so this says little", found)
	}
}

func rendered(t *testing.T, n *html.Node) string {
	t.Helper()
	var b strings.Builder
	if err := html.Render(&b, n); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func randomSelector(rng *rand.Rand) string {
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	var b strings.Builder
	for i := range 1 + rng.IntN(2) {
		if i > 0 {
			b.WriteString(pick(",", " , "))
		}
		for k := range 1 + rng.IntN(3) {
			if k > 0 {
				b.WriteString(pick(" ", " > ", ">", "+", " ~ ", "  "))
			}
			b.WriteString(pick("*", "div", "p", "b", ".x", "#y", "[class]", "p.x", `[class="x y"]`, "div[id='y']", ":not(p)", ":has(b)", "body", "p:not(.x, b)"))
			b.WriteString(pick("", "", "", ":first-child", ":last-child", ":only-child", ":nth-child(2)", ":nth-child( 2n + 1 )", ":nth-last-child(odd)", ":nth-of-type(2)",
				":nth-last-of-type(-n+2)", ":only-of-type", ":first-of-type", ":last-of-type", ":nth-child(even):not(:first-child)", ":nth-of-type(n+2)"))
		}
	}
	return b.String()
}

func randomTree(rng *rand.Rand) string {
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	var b strings.Builder
	for range rng.IntN(25) {
		b.WriteString(pick("<div>", "<div class=x>", "<div id=y class='x y'>", "<p>", "<p class=x>", "<b>", "<b id=y>", "</div>", "</p>", "</b>", "text", "<!-- c -->", "<i></i>", "<div class>"))
	}
	return b.String()
}

// TestHTMLSelectorInRecord holds what a record's fields may say to their meaning.
func TestHTMLSelectorInRecord(t *testing.T) {
	t.Parallel()
	doc, err := html.Parse(strings.NewReader(`<div class=r><p>1</p><div><p>2</p><p>3</p></div></div><p>4</p>`))
	if err != nil {
		t.Fatal(err)
	}
	record := cascadia.Query(doc, cascadia.MustCompile(".r"))
	for css, want := range map[string]string{
		"p": "123", "> p": "1", ">p, > div > p": "123", ".r p": "123", ".r > p": "1", "body p": "", "p + p": "3", ".r:first-child > p:first-child": "1",
		".r:nth-child(2) p": "", "p:nth-of-type(1)": "12", "div p:last-child": "3", "div ~ p": "",
	} {
		s, err := compileHTMLSelector(css)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := s.find(record, newHTMLBudget(t.Context(), 1000), func(n *html.Node) bool {
			got += n.FirstChild.Data
			return true
		}); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", css, got, err, want)
		}
	}
	for _, css := range []string{"+ p", "~p", "> ", "p >", "p,,b", "p::before", ":nth-child(x)", ":nth-child", "p:foo", "", " , p"} {
		if _, err := compileHTMLSelector(css); err == nil {
			t.Errorf("%q is accepted", css)
		}
	}
}

// TestHTMLWithoutTree holds usual pages to the short way.
func TestHTMLWithoutTree(t *testing.T) {
	t.Parallel()
	for css, sel := range map[string]simpleSelector{"": {}, "table": {tag: "table"}, "#nodes": {id: "nodes"}, "table.data": {tag: "table", class: "data"}} {
		if got, ok := simple(css); !ok || got != sel {
			t.Errorf("%q is read as %+v, %t", css, got, ok)
		}
		grid := new(htmlGrid)
		body := []byte("<html lang=en><body class=x><a id=top href=/>x</a>" + htmlTable64K())
		read := htmlTokenTable{grid: grid, budget: newHTMLBudget(t.Context(), len(body)), sel: sel}
		if found, err := read.read(body); !found || err != nil || len(grid.rows) < 100 {
			t.Errorf("%q: %t, %v, %d rows", css, found, err, len(grid.rows))
		}
	}
}
