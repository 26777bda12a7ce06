package markup

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// htmlLinks makes references absolute.
type htmlLinks struct {
	base *url.URL // nil: links stay as they are
}

// linksOf finds what the links of a document are relative to: <base href>, else where it came from.
func (d *HTML) linksOf(root *html.Node, from *url.URL, b *htmlBudget) (htmlLinks, error) {
	if d.Links == "as_is" {
		return htmlLinks{}, nil
	}
	base, err := firstNamed(root, "base", b, func(n *html.Node) bool { return hasAttr(n, "href") })
	if err != nil || base == nil {
		return htmlLinks{from}, err
	}
	if ref, err := url.Parse(strings.Trim(attrOf(base, "href"), ascii.Space)); err == nil {
		if from != nil {
			ref = from.ResolveReference(ref)
		}
		if ref.IsAbs() {
			return htmlLinks{ref}, nil
		}
	}
	return htmlLinks{from}, nil
}

// attr gives the value of an attribute, made absolute if it is one of those that are links.
func (l htmlLinks) attr(n *html.Node, name string) string {
	value := attrOf(n, name)
	switch name {
	case "href", "src", "action", "formaction", "cite", "poster", "background", "longdesc":
		return l.absolute(value)
	case "data":
		if n.Data == "object" {
			return l.absolute(value)
		}
	}
	return value
}

// absolute leaves alone what is no reference.
func (l htmlLinks) absolute(link string) string {
	link = strings.Trim(link, ascii.Space)
	if strings.ContainsAny(link, "\t\r\n") {
		link = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(link)
	}
	if l.base == nil {
		return link
	}
	ref, err := url.Parse(strings.ReplaceAll(link, " ", "%20"))
	if err != nil || ref.IsAbs() {
		return link
	}
	return l.base.ResolveReference(ref).String()
}

// firstNamed finds the first element of a name inside n of which the question is true; nil: there is none.
func firstNamed(n *html.Node, name string, b *htmlBudget, ask func(*html.Node) bool) (*html.Node, error) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := b.step(1); err != nil {
			return nil, err
		}
		if c.Type == html.ElementNode && c.Data == name && ask(c) {
			return c, nil
		}
		if found, err := firstNamed(c, name, b, ask); err != nil || found != nil {
			return found, err
		}
	}
	return nil, nil
}
