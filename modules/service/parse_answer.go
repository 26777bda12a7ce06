package service

import (
	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// reply reads:
//
//	reply <jq>
//	reply status <jq>
//	reply header <name> <jq>
//	reply each [<jq>] {
//		on_error abort|record
//		limit    <size>
//	}
func (p *parser) reply(n caddyfiles.Node, r *wrap.Route, at string) error {
	program := p.program(at+"/reply", &r.Reply)
	kind := ""
	if len(n.Args) > 0 && !n.Args[0].Quoted() {
		kind = n.Args[0].Text
	}
	switch {
	case kind == "status":
		if r.Status != "" {
			return n.Errorf("reply status is there twice in this route")
		}
		line := n
		line.Args = n.Args[1:]
		return p.program(at+"/status", &r.Status).Parse(line)
	case kind == "header":
		return p.replyHeader(n, r, at)
	case r.Reply != "" || r.Each != nil:
		return n.Errorf("reply is there twice in this route")
	case kind != "each":
		return program.Parse(n)
	}
	p.place[at+"/each"] = n.Word
	r.Each = new(wrap.Each)
	if len(n.Args) > 1 {
		line := n
		line.Args, line.HasBlock, line.Block = n.Args[1:], false, nil
		if err := program.Parse(line); err != nil {
			return err
		}
	}
	return caddyfiles.Words{Owner: "reply each", Known: map[string]caddyfiles.Word{
		"on_error": p.text(at+"/each", "on_error record", &r.Each.OnError),
		"limit": {Parse: func(n caddyfiles.Node) error {
			t, err := n.One("limit 1GiB")
			if err != nil {
				return err
			}
			if r.Each.Limit, err = wrap.ParseSize(t.Text); err != nil {
				return caddyfiles.Errorf(t, "%w", err)
			}
			return nil
		}},
	}}.Parse(n)
}

// output reads: output json|csv|ndjson... [suffix].
func (p *parser) output(n caddyfiles.Node, r *wrap.Route, at string) error {
	if len(n.Args) == 0 || n.HasBlock {
		return n.Errorf("output takes what callers may ask for, the default first: output json csv ndjson")
	}
	p.place[at+"/output"] = n.Word
	for i, t := range n.Args {
		if t.Text == "suffix" {
			if i != len(n.Args)-1 {
				return caddyfiles.Errorf(t, "suffix is the last word of output: output json csv suffix")
			}
			r.OutputSuffix = true
			break
		}
		r.Output = append(r.Output, t.Text)
	}
	return nil
}

// columns reads, on one line, in a block with one column on each, or both:
//
//	columns id:integer name:string? {
//		since:date
//	}
func (p *parser) columns(n caddyfiles.Node, r *wrap.Route, at string) error {
	p.place[at+"/columns"] = n.Word
	tokens := n.Args
	for _, line := range n.Block {
		if len(line.Args) > 0 || line.HasBlock {
			return line.Errorf("a column is one word: %s:string", line.Word.Text)
		}
		tokens = append(tokens, line.Word)
	}
	if len(tokens) == 0 {
		return n.Errorf("columns takes names with types: columns id:integer name:string")
	}
	for _, t := range tokens {
		c, err := wrap.ParseColumn(t.Text)
		if err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		r.Columns = append(r.Columns, c)
	}
	return nil
}

// replyHeader reads: reply header <name> <jq>.
func (p *parser) replyHeader(n caddyfiles.Node, r *wrap.Route, at string) error {
	if len(n.Args) != 3 {
		return n.Errorf("reply header takes a name and one jq program in backquotes: reply header Location `$created.url`")
	}
	r.Header = append(r.Header, wrap.ReplyHeader{Name: n.Args[1].Text})
	line := n
	line.Args = n.Args[2:]
	return p.program(at+"/header/"+itoa(len(r.Header)-1), &r.Header[len(r.Header)-1].JQ).Parse(line)
}
