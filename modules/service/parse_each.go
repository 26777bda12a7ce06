package service

import (
	"strconv"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// each reads:
//
//	each <name> <jq> {
//		concurrency <n>
//		limit       <n>
//		budget      <duration>
//		optional | fallback <jq>
//		fetch       ...
//		sql         ...
//	}
func (p *parser) each(n caddyfiles.Node, r *wrap.Route, at string) error {
	const usage = "each <name> `<jq>` { fetch ... }"
	at += "/fetches/" + itoa(len(r.Fetches))
	p.place[at] = n.Word
	if len(n.Args) != 2 {
		return n.Errorf("each takes a name and one jq program that gives a list; put the program in backquotes: %s", usage)
	}
	if !n.HasBlock {
		return n.Errorf("each needs a block with a fetch: %s", usage)
	}
	r.Fetches = append(r.Fetches, wrap.Fetch{Name: n.Args[0].Text, Each: new(wrap.FanOut)})
	f := &r.Fetches[len(r.Fetches)-1]
	p.place[at+"/name"] = n.Args[0]
	line := n
	line.Args, line.HasBlock, line.Block = n.Args[1:], false, nil
	if err := p.program(at+"/each/list", &f.Each.List).Parse(line); err != nil {
		return err
	}
	return caddyfiles.Words{Owner: "each", Known: map[string]caddyfiles.Word{
		"concurrency": p.count(at+"/each/concurrency", "concurrency 8", &f.Each.Concurrency),
		"limit":       p.count(at+"/each/limit", "limit 1000", &f.Each.Limit),
		"budget":      p.duration(at+"/budget", &f.Budget),
		"optional":    p.flag(at+"/optional", &f.Optional),
		"fallback":    p.program(at+"/fallback", &f.Fallback),
		"sql":         {Many: true, Parse: func(n caddyfiles.Node) error { return p.sql(n, &f.Each.Fetches, at+"/each") }},
		"fetch":       {Many: true, Parse: func(n caddyfiles.Node) error { return p.fetch(n, &f.Each.Fetches, at+"/each") }},
	}}.Parse(n)
}

// count reads a word with one whole number above 0 into to.
func (p *parser) count(path, usage string, to *int) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		p.place[path] = t
		v, err := strconv.Atoi(t.Text)
		if err != nil || v < 1 {
			return caddyfiles.Errorf(t, "%s takes a whole number above 0, not %q", n.Word.Text, t.Text)
		}
		*to = v
		return nil
	}}
}

// flag reads a word that stands alone into to.
func (p *parser) flag(path string, to *bool) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		p.place[path] = n.Word
		*to = true
		return n.Flag()
	}}
}
