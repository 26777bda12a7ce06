package service

import (
	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// sql reads:
//
//	sql <name> <database> [exec] <statement> {
//		limit_rows <n>
//		limit      <size>
//		timeout    <duration>
//		budget     <duration>
//		optional | fallback <jq>
//	}
func (p *parser) sql(n caddyfiles.Node, to *[]wrap.Fetch, at string) error {
	const usage = "sql <name> <database> [exec] `select ...`"
	at += "/fetches/" + itoa(len(*to))
	*to = append(*to, wrap.Fetch{SQL: new(wrap.SQL)})
	f := &(*to)[len(*to)-1]
	p.place[at] = n.Word
	exec := len(n.Args) == 4 && n.Args[2].Text == "exec"
	if len(n.Args) != 3 && !exec {
		return n.Errorf("sql takes a name, a database and one statement; put the statement in backquotes: %s", usage)
	}
	statement := n.Args[len(n.Args)-1]
	p.place[at+"/name"], p.place[at+"/sql/database"], p.place[at+"/sql/query"] = n.Args[0], n.Args[1], statement
	p.programs = append(p.programs, statement)
	if exec {
		p.place[at+"/sql/exec"] = n.Args[2]
	}
	f.Name = n.Args[0].Text
	f.SQL.Database, f.SQL.Query, f.SQL.Exec = n.Args[1].Text, statement.Text, exec
	return caddyfiles.Words{Owner: "sql", Known: map[string]caddyfiles.Word{
		"limit_rows": p.count(at+"/sql/limit_rows", "limit_rows 1000", &f.SQL.LimitRows),
		"limit":      p.size(at+"/sql/limit", "limit 10MiB", &f.SQL.Limit),
		"timeout":    p.duration(at+"/timeout", &f.Timeout),
		"budget":     p.duration(at+"/budget", &f.Budget),
		"optional":   p.flag(at+"/optional", &f.Optional),
		"fallback":   p.program(at+"/fallback", &f.Fallback),
	}}.Parse(n)
}

// size reads a word with one size into to.
func (p *parser) size(path, usage string, to *wrap.Size) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		p.place[path] = t
		if *to, err = wrap.ParseSize(t.Text); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		return nil
	}}
}
