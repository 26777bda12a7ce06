package markup

import (
	"bytes"
	"errors"
	"hash/maphash"
	"io"
	"slices"

	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// Bounds on what is parsed: a tree may have a node for so many bytes of text, and elements so many attributes. The
// parser has one of its own: 512 elements inside each other.
const (
	htmlDepth      = 512
	htmlAttributes = 256
	htmlUnclosed   = 128
)

// parseHTML makes the tree of a document, as a browser without scripts would.
func parseHTML(body []byte, b *htmlBudget) (*html.Node, error) {
	g := htmlGuard{budget: b, nodes: len(body)/2 + 1<<13, seed: maphash.MakeSeed()}
	if err := g.check(body); err != nil {
		return nil, err
	}
	root, err := html.ParseWithOptions(bytes.NewReader(body), html.ParseOptionEnableScripting(false))
	if err != nil {
		// Reading from memory fails never, so this is the depth.
		return nil, &decode.LimitError{What: "elements inside each other", Limit: htmlDepth}
	}
	return root, b.chargeTree(root)
}

// chargeTree charges the memory that the nodes really take.
func (b *htmlBudget) chargeTree(n *html.Node) error {
	if err := b.take(htmlNodeRoom + htmlAttrRoom*len(n.Attr)); err != nil {
		return err
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := b.chargeTree(c); err != nil {
			return err
		}
	}
	return nil
}

// htmlGuard looks through the tokens for what would make the parser's tree many times as large as the text. Each of
// <b>, <font> and the like that is still open when its block ends is opened again in the next one, by the standard;
// a few hundred of them make hundreds of nodes of every <p>. The guard counts at least as many nodes as there will be.
type htmlGuard struct {
	budget  *htmlBudget
	nodes   int // that are still allowed
	seed    maphash.Seed
	open    []htmlOpen // elements, by their names
	pending []htmlOpen // formatting elements that the parser may have to open again
	closed  bool       // pending elements may be closed, so the next text or element in a line opens them again
	strange int        // end tags without their element on top, and elements that end tags do not see beyond
}

type htmlOpen struct {
	name    string
	hash    uint64 // of the whole tag
	strange int
	depth   int
}

func (g *htmlGuard) check(body []byte) error {
	limit := g.nodes
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		if err := g.budget.poll.Err(); err != nil {
			return err
		}
		tt := z.Next()
		if tt == html.ErrorToken {
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		}
		g.nodes--
		switch tt {
		case html.StartTagToken, html.SelfClosingTagToken:
			if err := g.start(z); err != nil {
				return err
			}
		case html.EndTagToken:
			g.end(z)
		case html.TextToken:
			g.reopen()
		}
		if g.nodes < 0 {
			return &decode.LimitError{What: "elements, for its size", Limit: limit}
		}
	}
}

// reopen counts the elements that are opened again before a text or an element in a line.
func (g *htmlGuard) reopen() {
	if g.closed {
		g.nodes -= len(g.pending)
		g.closed = false
	}
}

func (g *htmlGuard) start(z *html.Tokenizer) error {
	tag := z.Raw()
	if bytes.Count(tag, []byte("=")) > htmlAttributes || len(tag) > 2*htmlAttributes {
		n := 0
		for _, more := z.TagName(); more; n++ {
			_, _, more = z.TagAttr()
		}
		if n > htmlAttributes {
			return &decode.LimitError{What: "attributes in one element", Limit: htmlAttributes}
		}
		tag = z.Raw()
	}
	end := 1
	for end < len(tag) && tag[end] > ' ' && tag[end] != '/' && tag[end] != '>' {
		end++
	}
	name := internHTMLTag(tag[1:end])
	if !htmlStructure(name) {
		g.reopen()
	}
	switch {
	case htmlFormatting(name):
		return g.format(name, maphash.Bytes(g.seed, tag))
	case htmlVoid(name):
		return nil
	}
	g.closed = true
	if htmlBarrier(name) {
		g.strange++
	}
	if len(g.open) < 2*htmlDepth {
		g.open = append(g.open, htmlOpen{name: name})
	}
	return nil
}

// format notes a formatting element. Of those that are alike the parser keeps three.
func (g *htmlGuard) format(name string, hash uint64) error {
	alike, first := 0, -1
	for i, p := range g.pending {
		if p.hash != hash && (name != "a" || p.name != "a") {
			continue
		}
		if alike++; first < 0 {
			first = i
		}
	}
	if alike >= 3 || alike > 0 && name == "a" {
		g.pending = slices.Delete(g.pending, first, first+1)
	}
	if len(g.pending) == htmlUnclosed {
		return &decode.LimitError{What: "formatting elements left open", Limit: htmlUnclosed}
	}
	g.closed = g.closed || name == "a" || name == "nobr" // one inside another ends that
	o := htmlOpen{name: name, hash: hash, strange: g.strange, depth: len(g.open)}
	g.pending = append(g.pending, o)
	if len(g.open) < 2*htmlDepth {
		g.open = append(g.open, o)
	}
	return nil
}

func (g *htmlGuard) end(z *html.Tokenizer) {
	raw, _ := z.TagName()
	name := internHTMLTag(raw)
	format := htmlFormatting(name)
	if n := len(g.open); n > 0 && g.open[n-1].name == name {
		top := g.open[n-1]
		g.open = g.open[:n-1]
		g.closed = g.closed || !format || top.strange != g.strange
		if format {
			g.forget(name, func(p htmlOpen) bool { return p.hash == top.hash })
		}
		return
	}
	if name == "br" {
		g.reopen()
	}
	g.closed = true
	if format {
		// The parser moves elements about, in at most eight rounds with at most four clones each.
		g.nodes -= min(8, g.since(name)) * (1 + min(3, len(g.pending)))
		g.forget(name, func(p htmlOpen) bool { return p.strange == g.strange && len(g.open)-p.depth < 8 })
		return
	}
	g.strange++
	for i := len(g.open) - 1; i >= max(0, len(g.open)-64); i-- {
		if g.open[i].name == name {
			g.open = g.open[:i]
			return
		}
	}
}

// since is how many elements were opened, and not closed, after the last pending one of a name.
func (g *htmlGuard) since(name string) int {
	for _, p := range slices.Backward(g.pending) {
		if p.name == name {
			return max(1, len(g.open)-p.depth)
		}
	}
	return 0
}

// forget drops the last pending element of a name, if it is sure that the parser does so too.
func (g *htmlGuard) forget(name string, sure func(htmlOpen) bool) {
	for i, p := range slices.Backward(g.pending) {
		if p.name != name {
			continue
		}
		if sure(p) {
			g.pending = slices.Delete(g.pending, i, i+1)
		}
		return
	}
}

// internHTMLTag gives the name of a tag in lower case, without memory for the usual ones; others are all alike here.
func internHTMLTag(raw []byte) string {
	var lower [12]byte
	if len(raw) > len(lower) {
		return "?"
	}
	for i, c := range raw {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	for _, known := range [...]string{
		"td", "tr", "th", "table", "div", "span", "p", "li", "ul", "a", "b", "i", "font", "br", "img", "tbody", "thead", "big", "code",
		"em", "nobr", "s", "small", "strike", "strong", "tt", "u", "input", "hr", "meta", "link", "col", "area", "base", "caption",
		"applet", "object", "marquee", "template", "svg", "math",
	} {
		if string(lower[:len(raw)]) == known {
			return known
		}
	}
	return "?"
}

func htmlFormatting(name string) bool {
	switch name {
	case "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u":
		return true
	}
	return false
}

// htmlStructure are elements before which the parser opens nothing again.
func htmlStructure(name string) bool {
	switch name {
	case "td", "tr", "th", "table", "div", "p", "li", "ul", "tbody", "thead", "caption", "hr", "col", "meta", "link", "base", "template":
		return true
	}
	return false
}

func htmlVoid(name string) bool {
	switch name {
	case "br", "img", "input", "hr", "meta", "link", "col", "area", "base":
		return true
	}
	return false
}

// htmlBarrier are the elements beyond which an end tag finds no element to end.
func htmlBarrier(name string) bool {
	switch name {
	case "applet", "object", "marquee", "template", "svg", "math", "table", "td", "th", "caption":
		return true
	}
	return false
}
