package decode

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// plainFeed makes of any feed in XML, however dirty, a small well-formed one for the library: only the elements that are
// told, no CDATA, no declarations, prefixes by their namespaces, markup inside of elements as text. The library loses
// text after CDATA, keeps a map for each element, and goes as deep as the feed does.
func plainFeed(ctx context.Context, format, text string) (string, error) {
	options := XMLOptions{Lenient: true, Repeated: RepeatedFirst}
	plan, err := options.compile(format)
	if err != nil {
		return "", err
	}
	p := newXMLParser(plan, []byte(text))
	t := xmlTeller{plan: plan, poll: poll{ctx: ctx}}
	for {
		if err := t.poll.err(); err != nil {
			return "", err
		}
		event, err := p.step()
		if err != nil {
			return "", err
		}
		if event == xmlEnd {
			break
		}
	}
	t.open(p, text, false)
	f := feedPlainer{t: &t}
	if !f.root() {
		return "", &SyntaxError{Format: format, Offset: int64(t.nodes[0].from), Msg: "the document is no feed"}
	}
	return f.out.String(), f.err
}

// feedPlainer writes a feed anew from its nodes.
type feedPlainer struct {
	t     *xmlTeller
	out   strings.Builder
	plain []uint32 // the namespaces of the feed's own elements
	err   error
}

// root writes the feed and says whether it is one.
func (f *feedPlainer) root() bool {
	root := strings.ToLower(f.t.name(0))
	if !slices.Contains([]string{"rss", "rdf", "feed"}, root) {
		return false
	}
	f.plain = []uint32{0, f.t.nodes[0].ns}
	from, to := f.t.children(0)
	for i := from; i < to; i = f.t.nodes[i].end(i) {
		if name := f.t.name(i); f.t.nodes[i].kind == xmlElement && (name == "channel" || name == "item") {
			f.plain = append(f.plain, f.t.nodes[i].ns)
			break
		}
	}
	f.block(0, root, root)
	return true
}

// block writes an element that holds others.
func (f *feedPlainer) block(i int, name, root string) {
	f.out.WriteString("<" + name)
	f.attributes(i)
	f.out.WriteByte('>')
	from, to := f.t.children(i)
	for i := from; i < to && f.err == nil; i = f.t.nodes[i].end(i) {
		if f.t.nodes[i].kind != xmlElement {
			continue
		}
		if f.err = f.t.poll.err(); f.err != nil {
			return
		}
		f.element(i, root)
	}
	f.out.WriteString("</" + name + ">")
}

func (f *feedPlainer) element(i int, root string) {
	prefix, ok := f.prefix(f.t.nodes[i].ns)
	if !ok {
		return
	}
	name := strings.ToLower(f.t.name(i))
	if prefix == "" {
		switch name {
		case "channel", "item", "entry":
			f.block(i, name, root)
			return
		case "author", "contributor":
			if root == "feed" {
				f.block(i, name, root)
				return
			}
		case "title", "link", "description", "pubdate", "lastbuilddate", "managingeditor", "guid", "category", "enclosure", "encoded",
			"subtitle", "tagline", "id", "updated", "modified", "published", "issued", "created", "summary", "content", "name", "email", "uri":
		default:
			return
		}
	} else if !slices.Contains([]string{"encoded", "title", "description", "date", "creator", "author", "subject", "summary", "subtitle", "keywords"}, name) {
		return
	}
	f.leaf(i, prefix+name)
}

// leaf writes an element with its text; markup in it becomes text.
func (f *feedPlainer) leaf(i int, name string) {
	from, to := f.t.children(i)
	f.out.WriteString("<" + name)
	f.attributes(i)
	f.out.WriteByte('>')
	if f.t.nodes[i].flags&xmlHasElements != 0 {
		var markup strings.Builder
		f.markup(&markup, i)
		f.out.WriteString(html.EscapeString(markup.String()))
	} else if s, err := f.t.joined(from, to); err != nil {
		f.err = err
	} else {
		f.out.WriteString(html.EscapeString(s))
	}
	f.out.WriteString("</" + name + ">")
}

// markup writes what is in an element as HTML; the one div of Atom's xhtml is left out.
func (f *feedPlainer) markup(b *strings.Builder, i int) {
	from, to := f.t.children(i)
	only := f.t.child(i, "")
	if f.t.nodes[i].flags&xmlHasText == 0 && f.t.name(only) == "div" {
		from, to = f.t.children(only)
	}
	ends := []struct { // elements that are open, and where they end
		at   int
		name string
	}{}
	for ; from < to && f.err == nil; from++ {
		for n := len(ends); n > 0 && ends[n-1].at <= from; n-- {
			b.WriteString("</" + ends[n-1].name + ">")
			ends = ends[:n-1]
		}
		n := &f.t.nodes[from]
		switch n.kind {
		case xmlElement:
			name := f.t.name(from)
			b.WriteString("<" + name)
			inner, end := f.t.children(from)
			for a := from + 1; a < inner; a++ {
				value, err := f.t.decoded(f.t.text[f.t.nodes[a].a:f.t.nodes[a].b], xmlAttr, f.t.nodes[a].a)
				if err != nil {
					f.err = err
				}
				b.WriteString(" " + f.t.name(a) + `="` + html.EscapeString(value) + `"`)
			}
			b.WriteByte('>')
			if inner < end || !slices.Contains([]string{"br", "img", "hr", "input", "wbr"}, name) {
				ends = append(ends, struct {
					at   int
					name string
				}{end, name})
			}
		case xmlText, xmlCData:
			s, err := f.t.decoded(f.t.name(from), n.kind, n.from)
			if err != nil {
				f.err = err
			}
			b.WriteString(html.EscapeString(s))
		case xmlAttr, xmlAbsent:
		}
	}
	for n := len(ends); n > 0; n-- {
		b.WriteString("</" + ends[n-1].name + ">")
	}
}

// attributes writes those that say something of a feed. XHTML is text by now, so its type is HTML.
func (f *feedPlainer) attributes(i int) {
	from, _ := f.t.children(i)
	seen := map[string]bool{}
	for a := i + 1; a < from; a++ {
		name := f.t.name(a)
		if seen[name] || !slices.Contains([]string{"href", "rel", "type", "mode", "url", "length", "term", "label", "ispermalink", "version", "text", "base"}, strings.ToLower(name)) {
			continue
		}
		seen[name] = true
		value, err := f.t.decoded(f.t.text[f.t.nodes[a].a:f.t.nodes[a].b], xmlAttr, f.t.nodes[a].a)
		if err != nil {
			f.err = err
		}
		switch {
		case name == "base":
			name = "xml:base"
		case name == "type" && f.t.nodes[i].flags&xmlHasElements != 0:
			value = "html"
		}
		f.out.WriteString(" " + name + `="` + html.EscapeString(value) + `"`)
	}
}

// prefix gives the prefix under which the library knows a namespace, and whether it is of use at all.
func (f *feedPlainer) prefix(space uint32) (string, bool) {
	if slices.Contains(f.plain, space) {
		return "", true
	}
	for _, known := range []struct{ prefix, name string }{
		{"content:", "http://purl.org/rss/1.0/modules/content/"},
		{"dc:", "http://purl.org/dc/elements/1.1/"},
		{"itunes:", "http://www.itunes.com/dtds/podcast-1.0.dtd"},
		{"itunes:", "http://www.itunes.com/DTDs/PodCast-1.0.dtd"},
		{"content:", "content"}, {"dc:", "dc"}, {"itunes:", "itunes"},
	} {
		if spaceOf(known.name) == space {
			return known.prefix, true
		}
	}
	return "", false
}
