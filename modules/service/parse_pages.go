package service

import (
	"strconv"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// paginate reads:
//
//	paginate link | next <jq> | cursor <jq> <param> | page <param> {
//		items     <jq>
//		first     <n>
//		max_pages <n>
//		max_items <n>
//	}
func (p *parser) paginate(n caddyfiles.Node, f *wrap.Fetch, at string) error {
	at += "/pages"
	p.place[at] = n.Word
	f.Pages = new(wrap.Pages)
	if len(n.Args) == 0 {
		return n.Errorf("paginate takes how the next page is found: paginate link, next `<jq>`, cursor `<jq>` <param>, or page <param>")
	}
	p.place[at+"/by"] = n.Args[0]
	f.Pages.By = n.Args[0].Text
	rest := n.Args[1:]
	if f.Pages.By == wrap.PagesNext || f.Pages.By == wrap.PagesCursor {
		line := n
		line.Args, line.HasBlock, line.Block = rest[:min(len(rest), 1)], false, nil
		if err := p.program(at+"/jq", &f.Pages.JQ).Parse(line); err != nil {
			return err
		}
		rest = rest[1:]
	}
	if f.Pages.By == wrap.PagesCursor || f.Pages.By == wrap.PagesNumber {
		if len(rest) == 0 {
			return n.Errorf("paginate %s takes the name of a query parameter", f.Pages.By)
		}
		f.Pages.Param, rest = rest[0].Text, rest[1:]
	}
	if len(rest) > 0 {
		return caddyfiles.Errorf(rest[0], "paginate %s takes nothing more", f.Pages.By)
	}
	return caddyfiles.Words{Owner: "paginate", Known: map[string]caddyfiles.Word{
		"items":     p.program(at+"/items", &f.Pages.Items),
		"max_pages": p.count(at+"/max_pages", "max_pages 100", &f.Pages.MaxPages),
		"max_items": p.count(at+"/max_items", "max_items 1000", &f.Pages.MaxItems),
		"first": {Parse: func(n caddyfiles.Node) error {
			t, err := n.One("first 0")
			if err != nil {
				return err
			}
			first, err := strconv.Atoi(t.Text)
			if err != nil || first < 0 {
				return caddyfiles.Errorf(t, "first takes a whole number, not %q", t.Text)
			}
			f.Pages.First = &first
			return nil
		}},
	}}.Parse(n)
}
