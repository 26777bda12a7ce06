package markup

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// feedReader finds the members of a feed in the nodes of its document.
type feedReader struct {
	t     *xmlTeller
	atom  bool
	plain []uint32 // the namespaces of the feed's own elements
	err   error
}

func newFeedReader(ctx context.Context, format, text string) (*feedReader, error) {
	options := XMLOptions{Lenient: true, Mixed: "text"} // so that all white space is kept
	plan, err := options.compile(format)
	if err != nil {
		return nil, err
	}
	p := newXMLParser(plan, []byte(text))
	r := &feedReader{t: &xmlTeller{plan: plan, poll: interrupt.Poll{Ctx: ctx}}}
	for event := xmlNone; event != xmlEnd; {
		if err := r.t.poll.Err(); err != nil {
			return nil, err
		}
		if event, err = p.step(); err != nil {
			return nil, err
		}
	}
	r.t.open(p, text, false)
	root := strings.ToLower(r.t.name(0))
	r.atom = root == "feed"
	if !r.atom && root != "rss" && root != "rdf" && root != "channel" {
		return nil, &decode.SyntaxError{Format: format, Offset: int64(r.t.nodes[0].from), Msg: "the document is no feed"}
	}
	if p.cut {
		return nil, p.fail(p.pos, "the text ends inside the feed")
	}
	r.plain = []uint32{0, r.t.nodes[0].ns}
	return r, nil
}

// tell tells the feed. Items are in the root, as in Atom and RDF, or in its channel.
func (r *feedReader) tell(t *feedTeller) error {
	if base, err := url.Parse(r.attribute(0, "base")); err == nil && base.IsAbs() {
		t.base = base
	}
	channel := 0
	for i := range r.elements(0) {
		if r.t.name(i) == "channel" {
			channel = i
			r.plain = append(r.plain, r.t.nodes[i].ns)
			break
		}
	}
	head := r.item(channel)
	t.head(&head)
	for i := range r.elements(0) {
		switch {
		case t.err != nil:
		case i == channel && i != 0:
			for i := range r.elements(channel) {
				r.tellItem(t, i, "")
			}
		case channel == 0 || !r.atom:
			r.tellItem(t, i, head.author)
		}
	}
	if r.err != nil {
		return r.err
	}
	return t.tail()
}

func (r *feedReader) tellItem(t *feedTeller, i int, author string) {
	if name := strings.ToLower(r.t.name(i)); name != "item" && name != "entry" || t.err != nil || r.err != nil {
		return
	}
	item := r.item(i)
	if item.author == "" {
		item.author = author
	}
	t.item(&item)
}

// elements goes through the elements in an element.
func (r *feedReader) elements(i int) func(func(int) bool) {
	return func(yield func(int) bool) {
		from, to := r.t.children(i)
		for ; from < to && r.err == nil; from = r.t.nodes[from].end(from) {
			if r.t.nodes[from].kind != xmlElement {
				continue
			}
			if r.err = r.t.poll.Err(); r.err != nil || !yield(from) {
				return
			}
		}
	}
}

// item reads what an item has, or a channel.
func (r *feedReader) item(i int) feedItem {
	var f feedItem
	var authors, other []string
	for e := range r.elements(i) {
		name := strings.ToLower(r.t.name(e))
		switch r.prefix(r.t.nodes[e].ns) + name {
		case "title":
			if s := r.value(e); r.atom && !strings.Contains(r.attribute(e, "type"), "html") {
				first(&f.title, s)
			} else {
				first(&f.title, plainTitle(s))
			}
		case "link":
			r.link(&f, e)
		case "guid", "id":
			first(&f.id, r.value(e))
			if name == "guid" && !strings.EqualFold(r.attribute(e, "isPermaLink"), "false") && strings.HasPrefix(f.id, "http") {
				other = append(other, f.id)
			}
		case "description", "summary", "subtitle", "tagline":
			first(&f.summary, r.value(e))
		case "content", "content:encoded", "encoded":
			first(&f.content, r.value(e))
		case "pubdate", "published", "issued", "created", "dc:date":
			first(&f.published, r.value(e))
		case "updated", "modified", "lastbuilddate", "dcterms:modified", "atom:updated":
			first(&f.updated, r.value(e))
		case "author", "dc:creator", "dc:author":
			authors = appendNew(authors, r.person(e))
		case "itunes:author":
			if len(authors) == 0 {
				authors = appendNew(authors, r.person(e))
			}
		case "category", "dc:subject":
			r.category(&f, e)
		case "enclosure":
			f.enclosures = append(f.enclosures, enclosure{r.attribute(e, "url"), r.attribute(e, "type"), r.attribute(e, "length")})
		}
	}
	if f.link == "" && len(other) > 0 {
		f.link = other[0]
	}
	if f.id == "" {
		f.id = r.attribute(i, "about")
	}
	f.author = strings.Join(authors, ", ")
	return f
}

func first(to *string, s string) {
	if *to == "" {
		*to = strings.TrimSpace(s)
	}
}

// appendNew appends a name unless it is empty or, of the first few, there already.
func appendNew(to []string, s string) []string {
	if s == "" || slices.Contains(to[:min(len(to), 8)], s) {
		return to
	}
	return append(to, s)
}

// link reads the text of RSS and the references of Atom.
func (r *feedReader) link(f *feedItem, e int) {
	href := r.attribute(e, "href")
	if href == "" {
		first(&f.link, r.value(e))
		return
	}
	switch r.attribute(e, "rel") {
	case "", "alternate":
		first(&f.link, href)
	case "enclosure":
		f.enclosures = append(f.enclosures, enclosure{href, r.attribute(e, "type"), r.attribute(e, "length")})
	}
}

func (r *feedReader) category(f *feedItem, e int) {
	s := r.value(e)
	if s == "" {
		s = r.attribute(e, "label")
	}
	if s == "" {
		s = r.attribute(e, "term")
	}
	if s = strings.TrimSpace(s); s != "" {
		f.categories = append(f.categories, s)
	}
}

// person gives the name of Atom's author, or its address; of RSS "joe@example.org (Joe)" it is Joe.
func (r *feedReader) person(e int) string {
	for _, name := range []string{"name", "email", "uri"} {
		if i := r.t.child(e, name); i >= 0 {
			if s := strings.TrimSpace(r.value(i)); s != "" {
				return s
			}
		}
	}
	if r.t.nodes[e].flags&xmlHasElements != 0 {
		return ""
	}
	s := strings.TrimSpace(r.value(e))
	if mail, name, ok := strings.Cut(s, " ("); ok && strings.Contains(mail, "@") && strings.HasSuffix(name, ")") {
		return strings.TrimSuffix(name, ")")
	}
	return s
}

// attribute gives the value of an attribute, "" where there is none.
func (r *feedReader) attribute(i int, name string) string {
	from, _ := r.t.children(i)
	for a := i + 1; a < from; a++ {
		n := &r.t.nodes[a]
		if !strings.EqualFold(r.t.name(a), name) {
			continue
		}
		s := r.t.text[n.a:n.b]
		if n.flags&xmlCoded != 0 {
			s = r.decoded(s, xmlAttr, n.a)
		}
		return strings.TrimSpace(s)
	}
	return ""
}

func (r *feedReader) decoded(s string, kind xmlKind, at uint32) string {
	s, err := r.t.decoded(s, kind, at)
	if err != nil && r.err == nil {
		r.err = err
	}
	return s
}

// value gives the text in an element; elements in it are markup.
func (r *feedReader) value(i int) string {
	if r.t.nodes[i].flags&xmlHasElements != 0 {
		return r.markup(i)
	}
	s, err := r.t.joined(r.t.children(i))
	if err != nil && r.err == nil {
		r.err = err
	}
	return s
}

// markup writes what is in an element as HTML, without the one div that Atom's xhtml has around it.
func (r *feedReader) markup(i int) string {
	from, to := r.t.children(i)
	if only := r.t.child(i, ""); r.t.nodes[i].flags&xmlHasText == 0 && r.t.name(only) == "div" && r.attribute(i, "type") == "xhtml" {
		from, to = r.t.children(only)
	}
	var b strings.Builder
	var open []int // elements of which the end is to be written
	ends := func(at int) {
		for n := len(open); n > 0 && r.t.nodes[open[n-1]].end(open[n-1]) <= at; n-- {
			b.WriteString("</" + r.t.name(open[n-1]) + ">")
			open = open[:n-1]
		}
	}
	for ; from < to; from++ {
		ends(from)
		n := &r.t.nodes[from]
		switch n.kind {
		case xmlElement:
			name := r.t.name(from)
			b.WriteString("<" + name)
			inner, end := r.t.children(from)
			for a := from + 1; a < inner; a++ {
				b.WriteString(" " + r.t.name(a) + `="` + html.EscapeString(r.decoded(r.t.text[r.t.nodes[a].a:r.t.nodes[a].b], xmlAttr, r.t.nodes[a].a)) + `"`)
			}
			b.WriteByte('>')
			if inner < end || !slices.Contains([]string{"br", "img", "hr", "input", "wbr"}, name) {
				open = append(open, from)
			}
		case xmlText, xmlCData:
			b.WriteString(html.EscapeString(r.decoded(r.t.name(from), n.kind, n.from)))
		case xmlAttr, xmlAbsent:
		}
	}
	ends(to)
	return b.String()
}

// prefix gives the prefix under which a namespace is known here; elements of others are not looked at.
func (r *feedReader) prefix(space uint32) string {
	if slices.Contains(r.plain, space) {
		return ""
	}
	for _, known := range []struct{ prefix, name string }{
		{"content:", "http://purl.org/rss/1.0/modules/content/"},
		{"content:", "content"},
		{"dc:", "http://purl.org/dc/elements/1.1/"},
		{"dc:", "dc"},
		{"dcterms:", "http://purl.org/dc/terms/"},
		{"dcterms:", "dcterms"},
		{"itunes:", "http://www.itunes.com/dtds/podcast-1.0.dtd"},
		{"itunes:", "http://www.itunes.com/DTDs/PodCast-1.0.dtd"},
		{"itunes:", "itunes"},
		{"atom:", "http://www.w3.org/2005/Atom"},
		{"atom:", "atom"},
	} {
		if spaceOf(known.name) == space {
			return known.prefix
		}
	}
	return "other:"
}
