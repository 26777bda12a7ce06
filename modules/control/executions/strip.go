package executions

import (
	"slices"
	"strings"
)

// stripHTML leaves tags and comments of HTML out of a text. What looks like one and is no element of HTML, as <module> in a
// traceback, is text.
func stripHTML(text string) string {
	if !strings.Contains(text, "<") {
		return text
	}
	// A tag is looked for backwards from where it ends, so that none can be made of what stands around another.
	out := make([]byte, 0, len(text))
	var opened []int // where there is a < in out that may begin one
	for i := range len(text) {
		switch text[i] {
		case '<':
			opened = append(opened, len(out))
		case '>':
			n := len(opened) - 1
			for n >= 0 && !isTag(out[opened[n]+1:]) {
				n--
			}
			if n >= 0 {
				out, opened = out[:opened[n]], opened[:n]
				continue
			}
			opened = opened[:0] // each of them has a name by now that is none
		}
		out = append(out, text[i])
	}
	return string(out)
}

// isTag says whether the inside of < and > is that of a tag, a comment or a declaration.
func isTag(inside []byte) bool {
	const longest = len("/blockquote") + 1
	s := string(inside[:min(len(inside), longest)])
	if strings.HasPrefix(s, "!--") || strings.HasPrefix(strings.ToLower(s), "!doctype") {
		return true
	}
	s = strings.TrimPrefix(s, "/")
	end := strings.IndexAny(s, " \t\r\n\f/>")
	if end >= 0 {
		s = s[:end]
	}
	_, found := slices.BinarySearch(elements(), strings.ToLower(s))
	return found
}

// elements are those of HTML, sorted.
func elements() []string {
	return []string{
		"a", "abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base", "basefont", "bdi", "bdo", "bgsound", "big",
		"blink", "blockquote", "body", "br", "button", "canvas", "caption", "center", "cite", "code", "col", "colgroup", "data", "datalist", "dd",
		"del", "details", "dfn", "dialog", "dir", "div", "dl", "dt", "em", "embed", "fieldset", "figcaption", "figure", "font", "footer", "form",
		"frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html", "i", "iframe", "image", "img", "input",
		"ins", "isindex", "kbd", "keygen", "label", "legend", "li", "link", "listing", "main", "map", "mark", "marquee", "math", "menu", "meta",
		"meter", "nav", "nobr", "noembed", "noframes", "noscript", "object", "ol", "optgroup", "option", "output", "p", "param", "picture",
		"plaintext", "pre", "progress", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "script", "search", "section", "select", "slot", "small",
		"source", "spacer", "span", "strike", "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td", "template", "textarea",
		"tfoot", "th", "thead", "time", "title", "tr", "track", "tt", "u", "ul", "var", "video", "wbr", "xmp",
	}
}
