package markup

import (
	"unicode/utf8"

	"golang.org/x/net/html"
)

// htmlText collects the text of elements with white space made regular: every run of it, no-break spaces and borders of
// blocks included, is one space, or one line feed where lines are kept and the run had a border, a <br> or an end of
// line inside <pre>. None stands at the beginning or the end. Soft hyphens and spaces without width are left out.
type htmlText struct {
	buf   []byte
	start int  // of the text being collected
	gap   byte // what stands before the next character: 0, ' ' or '\n'
	lines bool
}

func (t *htmlText) begin() {
	t.start, t.gap = len(t.buf), 0
}

// border marks the beginning or end of a block, or a <br>.
func (t *htmlText) border() {
	if t.lines {
		t.gap = '\n'
		return
	}
	t.space()
}

func (t *htmlText) space() {
	if t.gap == 0 {
		t.gap = ' '
	}
}

func (t *htmlText) fill() {
	if t.gap != 0 && len(t.buf) > t.start {
		t.buf = append(t.buf, t.gap)
	}
	t.gap = 0
}

// addHTMLText appends text as it stands in the document.
func addHTMLText[T string | []byte](t *htmlText, s T, pre bool) {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\n' && pre:
			t.border()
			i++
		case c == ' ' || c >= '\t' && c <= '\r':
			t.space()
			i++
		case c == 0:
			i++
		case c < utf8.RuneSelf || !oddSpaceLead(c):
			from := i
			for i++; i < len(s) && s[i] > ' ' && !oddSpaceLead(s[i]); i++ {
			}
			t.fill()
			t.buf = append(t.buf, s[from:i]...)
		default:
			i += addOdd(t, s[i:min(i+4, len(s))])
		}
	}
}

// oddSpaceLead says whether a white space beyond ASCII, or a character to leave out, may begin with the byte.
func oddSpaceLead(c byte) bool {
	switch c {
	case 0xC2, 0xE1, 0xE2, 0xE3, 0xEF:
		return true
	}
	return false
}

// addOdd adds one character that may be an odd space, and gives its size.
func addOdd[T string | []byte](t *htmlText, s T) int {
	r, size := utf8.DecodeRuneInString(string(s))
	switch {
	case r == 0xAD || r == 0x200B || r == 0xFEFF:
	case r == 0xA0 || r == 0x85 || r == 0x1680 || r >= 0x2000 && r <= 0x200A || r == 0x2028 || r == 0x2029 ||
		r == 0x202F || r == 0x205F || r == 0x3000:
		t.space()
	default:
		t.fill()
		t.buf = append(t.buf, s[:size]...)
	}
	return size
}

// text gives the text of an element; b is charged with the nodes it has.
func (t *htmlText) element(n *html.Node, b *htmlBudget) error {
	t.begin()
	return t.inside(n, b, preformatted(n.Data))
}

// preformatted says whether lines of the text of an element are lines.
func preformatted(name string) bool {
	switch name {
	case "pre", "textarea", "listing", "xmp", "plaintext":
		return true
	}
	return false
}

func (t *htmlText) inside(n *html.Node, b *htmlBudget, pre bool) error {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := b.step(1); err != nil {
			return err
		}
		switch c.Type {
		case html.TextNode:
			addHTMLText(t, c.Data, pre)
			continue
		case html.ElementNode:
		default:
			continue
		}
		if htmlSilent(c.Data) {
			continue
		}
		edge := htmlBlock(c.Data)
		if edge {
			t.border()
		}
		if err := t.inside(c, b, pre || preformatted(c.Data)); err != nil {
			return err
		}
		if edge {
			t.border()
		}
	}
	return nil
}

// htmlSilent are the elements inside others whose text nobody sees.
func htmlSilent(name string) bool {
	switch name {
	case "script", "style", "template", "head", "iframe", "noembed", "noframes":
		return true
	}
	return false
}

// htmlBlock are the elements whose text is apart from the text around; br is one for this purpose.
func htmlBlock(name string) bool {
	switch name {
	case "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog", "dir", "div",
		"dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5", "h6",
		"header", "hgroup", "hr", "legend", "li", "listing", "main", "menu", "nav", "ol", "optgroup", "option", "p",
		"plaintext", "pre", "search", "section", "select", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
		"ul", "xmp":
		return true
	}
	return false
}
