package markup

import (
	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// oneTable tells the table that the option Table names.
func (p *htmlPage) oneTable(root *html.Node, out decode.Sink) error {
	table, err := p.plainTable(root)
	if p.d.tables != nil {
		var at *html.Node
		err = p.d.tables.find(root, p.budget, func(n *html.Node) bool {
			at = n
			return false
		})
		table = nil
		if err == nil && at != nil {
			table, err = p.tableOf(at)
		}
	}
	if err != nil {
		return err
	}
	if table == nil {
		return p.d.nothing("there is no table "+p.d.named(*p.d.Table), out)
	}
	return p.table(table, out)
}

// allTables tells the tables that the option Tables names.
func (p *htmlPage) allTables(root *html.Node, out decode.Sink) error {
	var tables []*html.Node
	var err error
	if p.d.tables == nil {
		tables, _, err = p.plainTables(root, nil)
	} else {
		err = p.d.tables.find(root, p.budget, func(n *html.Node) bool {
			tables = append(tables, n)
			return true
		})
	}
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		return p.d.nothing("there is no table "+p.d.named(*p.d.Tables), out)
	}
	return p.tablesOf(tables, out)
}

func (p *htmlPage) tablesOf(nodes []*html.Node, out decode.Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	for _, n := range nodes {
		table, err := p.tableOf(n)
		if err != nil {
			return err
		}
		if table == nil {
			return htmlErrorf("there is no table inside %s, in the document", excerpt.Of(n.Data))
		}
		if err := p.table(table, out); err != nil {
			return err
		}
	}
	return out.EndArray()
}

// tableOf gives the element itself, if it is a table, or the first table inside; nil: there is none.
func (p *htmlPage) tableOf(n *html.Node) (*html.Node, error) {
	if n.Type == html.ElementNode && n.Data == "table" {
		return n, nil
	}
	return firstNamed(n, "table", p.budget, func(*html.Node) bool { return true })
}

func (p *htmlPage) table(table *html.Node, out decode.Sink) error {
	p.grid.reset(p.d.Breaks == "newline")
	if err := p.grid.ofNode(table, p.budget); err != nil {
		return err
	}
	if err := p.budget.told(len(p.grid.text.buf)); err != nil {
		return err
	}
	return p.d.tellGrid(&p.grid, p.budget, out)
}

// plainTable finds the first table without another inside.
func (p *htmlPage) plainTable(root *html.Node) (*html.Node, error) {
	all, _, err := p.plainTables(root, nil)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// plainTables appends the tables inside n that have no other inside, and says whether n has any table at all.
func (p *htmlPage) plainTables(n *html.Node, all []*html.Node) (_ []*html.Node, some bool, err error) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := p.budget.step(1); err != nil {
			return nil, false, err
		}
		var inside bool
		if all, inside, err = p.plainTables(c, all); err != nil {
			return nil, false, err
		}
		if c.Type == html.ElementNode && c.Data == "table" {
			if !inside {
				all = append(all, c)
			}
			inside = true
		}
		some = some || inside
	}
	return all, some, nil
}

// overview tells what most pages have: title, text, links and tables.
func (p *htmlPage) overview(root *html.Node, out decode.Sink) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	if err := out.Key("title"); err != nil {
		return err
	}
	title, err := firstNamed(root, "title", p.budget, func(n *html.Node) bool { return n.Namespace == "" })
	switch {
	case err != nil:
		return err
	case title == nil:
		err = out.Null()
	default:
		err = p.string(title, out)
	}
	if err != nil {
		return err
	}
	if err := out.Key("text"); err != nil {
		return err
	}
	p.text.lines = p.d.Breaks != "space"
	if err := p.string(root, out); err != nil {
		return err
	}
	p.text.lines = p.d.Breaks == "newline"
	if err := p.overviewLinks(root, out); err != nil {
		return err
	}
	tables, _, err := p.plainTables(root, nil)
	if err != nil {
		return err
	}
	if err := out.Key("tables"); err != nil {
		return err
	}
	if err := p.tablesOf(tables, out); err != nil {
		return err
	}
	return out.EndObject()
}

func (p *htmlPage) string(n *html.Node, out decode.Sink) error {
	if err := p.textOf(n); err != nil {
		return err
	}
	return out.String(string(p.text.buf))
}

func (p *htmlPage) overviewLinks(root *html.Node, out decode.Sink) error {
	if err := out.Key("links"); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	// Looking for all of them one after the other keeps no list.
	if err := p.linksInside(root, out); err != nil {
		return err
	}
	return out.EndArray()
}

func (p *htmlPage) linksInside(n *html.Node, out decode.Sink) error {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := p.budget.step(1); err != nil {
			return err
		}
		if c.Type == html.ElementNode && (c.Data == "a" || c.Data == "area") && hasAttr(c, "href") {
			if err := p.link(c, out); err != nil {
				return err
			}
		}
		if err := p.linksInside(c, out); err != nil {
			return err
		}
	}
	return nil
}

func (p *htmlPage) link(a *html.Node, out decode.Sink) error {
	if err := p.budget.object(2); err != nil {
		return err
	}
	if err := out.BeginObject(); err != nil {
		return err
	}
	if err := out.Key("text"); err != nil {
		return err
	}
	if err := p.string(a, out); err != nil {
		return err
	}
	if err := out.Key("href"); err != nil {
		return err
	}
	href := p.links.absolute(attrOf(a, "href"))
	if err := p.budget.told(len(href)); err != nil {
		return err
	}
	if err := out.String(href); err != nil {
		return err
	}
	return out.EndObject()
}
