package service

import (
	"strconv"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// execute reads:
//
//	execute after <duration> {
//		timeout    <duration>
//		at_once    <n>
//		per_caller <n>
//		keep       <duration>
//	}
func (p *parser) execute(n caddyfiles.Node, r *wrap.Route, at string) error {
	const usage = "execute after 5s"
	at += "/execute"
	p.place[at] = n.Word
	e := new(wrap.Execute)
	r.Execute = e
	if len(n.Args) == 0 || n.Args[0].Text != "after" {
		return n.Errorf("execute says after what time an answer becomes an execution: %s", usage)
	}
	if len(n.Args) != 2 {
		return caddyfiles.Errorf(n.Args[0], "after takes one duration: %s", usage)
	}
	d, err := wrap.ParseDuration(n.Args[1].Text)
	if err != nil {
		return caddyfiles.Errorf(n.Args[1], "%w", err)
	}
	e.After = d
	if !n.HasBlock {
		return nil
	}
	return caddyfiles.Words{Owner: "execute", Known: map[string]caddyfiles.Word{
		"timeout":    p.duration(at+"/timeout", &e.Timeout),
		"keep":       p.duration(at+"/keep", &e.Keep),
		"at_once":    number("at_once 100", &e.AtOnce),
		"per_caller": number("per_caller 10", &e.PerCaller),
	}}.Parse(n)
}

// number reads a word with one number from 1.
func number(usage string, to *int) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		if *to, err = strconv.Atoi(t.Text); err != nil || *to < 1 {
			return caddyfiles.Errorf(t, "%s takes a number from 1, and not %q", n.Word.Text, t.Text)
		}
		return nil
	}}
}
