package service

import (
	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// requestBody reads:
//
//	body json|form {
//		type     <media type>...
//		list     <field>...
//		schema   <file>
//		limit    <size>
//		optional
//	}
func (p *parser) requestBody(n caddyfiles.Node, r *wrap.Route, at string) error {
	at += "/body"
	p.place[at] = n.Word
	switch {
	case len(n.Args) == 0:
		return n.Errorf("body takes what callers send: body json, or body form")
	case len(n.Args) > 1:
		return caddyfiles.Errorf(n.Args[1], "the body of a route takes one word, json or form; a program makes the body of a fetch, and stands in its block")
	}
	p.place[at] = n.Args[0]
	r.Body = &wrap.RequestBody{Kind: n.Args[0].Text}
	return caddyfiles.Words{Owner: "body", Known: map[string]caddyfiles.Word{
		"type":     {Parse: func(n caddyfiles.Node) error { return p.words(n, at+"/types", "type application/json", &r.Body.Types) }},
		"list":     {Parse: func(n caddyfiles.Node) error { return p.words(n, at+"/list", "list tags", &r.Body.List) }},
		"schema":   p.text(at+"/schema", "schema file.json", &r.Body.Schema),
		"optional": p.flag(at+"/optional", &r.Body.Optional),
		"limit": {Parse: func(n caddyfiles.Node) error {
			t, err := n.One("limit 1MiB")
			if err != nil {
				return err
			}
			p.place[at+"/limit"] = t
			if r.Body.Limit, err = wrap.ParseSize(t.Text); err != nil {
				return caddyfiles.Errorf(t, "%w", err)
			}
			return nil
		}},
	}}.Parse(n)
}

// words reads a word with one or more texts into to.
func (p *parser) words(n caddyfiles.Node, path, usage string, to *[]string) error {
	if len(n.Args) == 0 || n.HasBlock {
		return n.Errorf("%s takes at least one word: %s", n.Word.Text, usage)
	}
	p.place[path] = n.Word
	for i, t := range n.Args {
		p.place[path+"/"+itoa(i)] = t
		*to = append(*to, t.Text)
	}
	return nil
}
