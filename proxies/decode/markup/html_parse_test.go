package markup

import (
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestHTMLGuard holds the guard to its word: for documents made at random of what makes trees grow, it counts at least as
// many nodes as the parser makes.
func TestHTMLGuard(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	for range 3000 {
		var b strings.Builder
		for range rng.IntN(60) {
			b.WriteString(pick("<b>", "<b a=1>", "<i>", "<font size=1>", "<font size=2>", "<a href=x>", "<nobr>", "</b>", "</i>", "</font>", "</a>", "<p>", "</p>", "<div>", "</div>", "x", " ",
				"<table>", "<tr>", "<td>", "</td>", "</table>", "<object>", "</object>", "<span>", "</span>", "<br>", "</br>", "<li>", "<ul>", "</ul>", "<button>", "</button>", "<select>", "<svg>", "</svg>", "<template>", "</template>"))
		}
		text := b.String()
		root, err := html.ParseWithOptions(strings.NewReader(text), html.ParseOptionEnableScripting(false))
		if err != nil {
			continue
		}
		made := countNodes(root) - 5 // the document, html, head, body, and a tbody
		const room = 1 << 20
		g := htmlGuard{budget: newHTMLBudget(t.Context(), len(text)), nodes: room, seed: maphash.MakeSeed()}
		if err := g.check([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if counted := room - g.nodes; counted+strings.Count(text, "<t") < made {
			t.Fatalf("%d nodes were counted, %d were made of %s", counted, made, text)
		}
	}
}

func countNodes(n *html.Node) int {
	count := 1
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		count += countNodes(c)
	}
	return count
}
