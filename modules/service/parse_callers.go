package service

import (
	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// callers reads:
//
//	callers anyone
//	callers users [<scope>...]
func (p *parser) callers(n caddyfiles.Node) error {
	if len(n.Args) == 0 || n.HasBlock {
		_, err := n.One("callers anyone")
		return err
	}
	p.place["callers"] = n.Args[0]
	c := wrap.Callers{Who: n.Args[0].Text}
	for i, t := range n.Args[1:] {
		p.place["callers/scopes/"+itoa(i)] = t
		c.Scopes = append(c.Scopes, t.Text)
	}
	if err := c.Check(); err != nil {
		return p.place.Locate(wrap.Under("callers", err), n.Word)
	}
	if c.Who != wrap.Anyone { // the default
		p.config.Callers = c
	}
	return nil
}

// identity reads: identity <header>...
func (p *parser) identity(n caddyfiles.Node, b *wrap.Backend, at string) error {
	if len(n.Args) == 0 || n.HasBlock {
		return n.Errorf("identity takes headers that tell the backend who the user is: identity X-Forwarded-User X-Forwarded-Email")
	}
	for i, t := range n.Args {
		p.place[at+"/identity/"+itoa(i)] = t
		b.Identity = append(b.Identity, t.Text)
	}
	return nil
}
