package service

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// route reads:
//
//	<METHOD> <pattern> {
//		param     <name> [in path|query|header] <type> [required | default <v>] [enum <v>... | pattern <re> | min <n> | max <n>] ["text"]
//		params    strict
//		body      json|form { ... }
//		fetch     [<name>] [<METHOD>] <target> { ... }
//		sql       <name> <database> [exec] <statement> { ... }
//		each      <name> <jq> { ... }
//		fail_when <jq>
//		reply     <jq> | each [<jq>] { ... } | status <jq> | header <name> <jq>
//		output    json|csv|ndjson... [suffix]
//		schema    <file>
//		columns   <name>[:<type>][?]... { ... }
//		on_drift  fail|count|header
//		execute   after <duration> { timeout <duration>, at_once <n>, per_caller <n>, keep <duration> }
//		budget    <duration>
//		rate      <n>/<unit> [by caller|address]
//		cors      <origin>... { ... }
//		summary   <text>
//		describe  <text>
//		example   <json>
//	}
func (p *parser) route(n caddyfiles.Node) error {
	at := "routes/" + itoa(len(p.config.Routes))
	p.config.Routes = append(p.config.Routes, wrap.Route{Method: n.Word.Text})
	r := &p.config.Routes[len(p.config.Routes)-1]
	p.place[at] = n.Word
	if len(n.Args) != 1 {
		return n.Errorf("a route has one pattern: %s /path/{name} { ... }", n.Word.Text)
	}
	p.place[at+"/pattern"] = n.Args[0]
	r.Pattern = n.Args[0].Text
	if !n.HasBlock {
		return n.Errorf("a route needs a block with a fetch: %s %s { ... }", r.Method, r.Pattern)
	}
	return caddyfiles.Words{Owner: "route", Known: map[string]caddyfiles.Word{
		"param":     {Many: true, Parse: func(n caddyfiles.Node) error { return p.param(n, r, at) }},
		"params":    {Parse: func(n caddyfiles.Node) error { return params(n, r) }},
		"body":      {Parse: func(n caddyfiles.Node) error { return p.requestBody(n, r, at) }},
		"fetch":     {Many: true, Parse: func(n caddyfiles.Node) error { return p.fetch(n, &r.Fetches, at) }},
		"sql":       {Many: true, Parse: func(n caddyfiles.Node) error { return p.sql(n, &r.Fetches, at) }},
		"each":      {Many: true, Parse: func(n caddyfiles.Node) error { return p.each(n, r, at) }},
		"fail_when": p.program(at+"/fail_when", &r.FailWhen),
		"reply":     {Many: true, Parse: func(n caddyfiles.Node) error { return p.reply(n, r, at) }},
		"output":    {Parse: func(n caddyfiles.Node) error { return p.output(n, r, at) }},
		"schema":    p.text(at+"/schema", "schema file.json", &r.Schema),
		"columns":   {Parse: func(n caddyfiles.Node) error { return p.columns(n, r, at) }},
		"on_drift":  p.text(at+"/on_drift", "on_drift fail|count|header", &r.OnDrift),
		"execute":   {Parse: func(n caddyfiles.Node) error { return p.execute(n, r, at) }},
		"budget":    p.duration(at+"/budget", &r.Budget),
		"rate":      caddyfiles.RateWord(p.place, at, &r.Rate),
		"cors":      caddyfiles.CORSWord(p.place, at, &r.CORS),
		"summary":   p.text(at+"/summary", `summary "What it gives"`, &r.Summary),
		"describe":  p.text(at+"/describe", `describe "How it works"`, &r.Describe),
		"example":   p.text(at+"/example", "example `{\"a\": 1}`", &r.Example),
	}}.Parse(n)
}

// program reads a word with one jq program into to.
func (p *parser) program(path string, to *string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.Program()
		if err != nil {
			return err
		}
		p.place[path] = t
		p.programs = append(p.programs, t)
		if strings.TrimSpace(t.Text) == "" {
			return caddyfiles.Errorf(t, "the jq program of %s is empty", n.Word.Text)
		}
		*to = t.Text
		return nil
	}}
}

func params(n caddyfiles.Node, r *wrap.Route) error {
	t, err := n.One("params strict")
	if err != nil {
		return err
	}
	if t.Text != "strict" {
		return caddyfiles.Errorf(t, "params takes only the word strict, not %q; a parameter is declared by param", t.Text)
	}
	r.ParamsStrict = true
	return nil
}

func (p *parser) param(n caddyfiles.Node, r *wrap.Route, at string) error {
	p.place[at+"/params/"+itoa(len(r.Params))] = n.Word
	const usage = "param <name> [in path|query|header] string|integer|number|bool|date ..."
	if n.HasBlock || len(n.Args) < 2 {
		return n.Errorf("param takes at least a name and a type: %s", usage)
	}
	out := wrap.Param{Name: n.Args[0].Text}
	rest := n.Args[1:]
	if rest[0].Text == "in" {
		if len(rest) < 3 {
			return n.Errorf("param takes a type: %s", usage)
		}
		out.In, rest = rest[1].Text, rest[2:]
	}
	out.Type = rest[0].Text
	if err := paramRules(&out, rest[1:]); err != nil {
		return err
	}
	r.Params = append(r.Params, out)
	return nil
}

// paramRules reads what follows the type.
func paramRules(out *wrap.Param, rest []caddyfile.Token) error {
	words := []string{"required", "default", "enum", "pattern", "min", "max"}
	isWord := func(t caddyfile.Token) bool { return !t.Quoted() && slices.Contains(words, t.Text) }
	for i := 0; i < len(rest); i++ {
		t := rest[i]
		if !isWord(t) {
			if out.Description != "" || i != len(rest)-1 {
				return caddyfiles.Errorf(t, "param does not know %q%s; a description is one text in quotes at the end", t.Text, wrap.Suggest(t.Text, words))
			}
			if !t.Quoted() && !strings.Contains(t.Text, " ") {
				return caddyfiles.Errorf(t, "param does not know %q%s; a description stands in quotes", t.Text, wrap.Suggest(t.Text, words))
			}
			out.Description = t.Text
			continue
		}
		if t.Text == "required" {
			out.Required = true
			continue
		}
		if i+1 == len(rest) {
			return caddyfiles.Errorf(t, "%s needs a value", t.Text)
		}
		i++
		switch t.Text {
		case "enum":
			for ; i < len(rest) && !isWord(rest[i]); i++ {
				if rest[i].Quoted() && i == len(rest)-1 && len(out.Enum) > 0 {
					break
				}
				out.Enum = append(out.Enum, rest[i].Text)
			}
			i--
		default:
			if err := paramRule(out, t.Text, rest[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func paramRule(out *wrap.Param, word string, value caddyfile.Token) error {
	switch word {
	case "default":
		out.Default = &value.Text
		return nil
	case "pattern":
		out.Pattern = value.Text
		return nil
	}
	v, err := strconv.ParseFloat(value.Text, 64)
	if err != nil {
		return caddyfiles.Errorf(value, "%s takes a number, not %q", word, value.Text)
	}
	if word == "min" {
		out.Min = &v
	} else {
		out.Max = &v
	}
	return nil
}

// fetch reads:
//
//	fetch [<name>] [<METHOD>] <target> {
//		backend   <name>
//		header    <name> <value>
//		body      json|form|xml|text <jq>
//		idempotent | idempotency_key
//		meta
//		timeout   <duration>
//		budget    <duration>
//		optional | fallback <jq>
//		decode    <format> { ... }
//		charset   <label>
//		charset_errors fail | replace
//		fail_when <jq>
//		cache     <ttl> { ... }
//		stale     <duration>
//		refresh   every <duration> [ready]
//		paginate  link | next <jq> | cursor <jq> <param> | page <param> { ... }
//	}
func (p *parser) fetch(n caddyfiles.Node, to *[]wrap.Fetch, at string) error {
	at += "/fetches/" + itoa(len(*to))
	*to = append(*to, wrap.Fetch{})
	f := &(*to)[len(*to)-1]
	p.place[at] = n.Word
	if err := p.fetchLine(n, f, at); err != nil {
		return err
	}
	return caddyfiles.Words{Owner: "fetch", Known: map[string]caddyfiles.Word{
		"backend":        p.text(at+"/backend", "backend <name>", &f.Backend),
		"header":         {Many: true, Parse: func(n caddyfiles.Node) error { return p.header(n, at, &f.Header) }},
		"body":           {Parse: func(n caddyfiles.Node) error { return p.body(n, f, at) }},
		"idempotent":     p.flag(at+"/idempotent", &f.Idempotent),
		"meta":           p.flag(at+"/meta", &f.Meta),
		"timeout":        p.duration(at+"/timeout", &f.Timeout),
		"budget":         p.duration(at+"/budget", &f.Budget),
		"optional":       p.flag(at+"/optional", &f.Optional),
		"fallback":       p.program(at+"/fallback", &f.Fallback),
		"decode":         {Parse: func(n caddyfiles.Node) error { return p.decode(n, f, at) }},
		"cache":          {Parse: func(n caddyfiles.Node) error { return p.cache(n, f, at) }},
		"refresh":        {Parse: func(n caddyfiles.Node) error { return p.refresh(n, f, at) }},
		"stale":          p.duration(at+"/stale", &f.Stale),
		"paginate":       {Parse: func(n caddyfiles.Node) error { return p.paginate(n, f, at) }},
		"charset":        p.text(at+"/charset", "charset iso-8859-1", &f.Charset),
		"charset_errors": p.text(at+"/charset_errors", "charset_errors replace", &f.CharsetErrors),

		"idempotency_key": p.flag(at+"/idempotency_key", &f.IdempotencyKey),
		"fail_when":       p.program(at+"/fail_when", &f.FailWhen),
	}}.Parse(n)
}

// fetchLine reads the words before the block; the target is the last.
func (p *parser) fetchLine(n caddyfiles.Node, f *wrap.Fetch, at string) error {
	const usage = "fetch [name] [METHOD] /path"
	if len(n.Args) == 0 || len(n.Args) > 3 {
		return n.Errorf("a fetch has a target, and before it may have a name and a method: %s", usage)
	}
	last := len(n.Args) - 1
	target := n.Args[last]
	p.place[at+"/target"] = target
	if program, ok := strings.CutPrefix(target.Text, "url("); ok {
		program, ok = strings.CutSuffix(program, ")")
		if !ok || strings.TrimSpace(program) == "" {
			return caddyfiles.Errorf(target, "url takes a jq program that gives a URL; put it in backquotes where it has blanks: fetch x `url($a.next)`")
		}
		p.place[at+"/url"] = target
		p.programs = append(p.programs, target)
		f.URL = program
	} else {
		f.Target = target.Text
	}
	before := n.Args[:last]
	if len(before) > 0 {
		if m := before[len(before)-1]; m.Text == strings.ToUpper(m.Text) && strings.ToLower(m.Text) != m.Text {
			p.place[at+"/method"] = m
			f.Method = m.Text
			before = before[:len(before)-1]
		}
	}
	switch len(before) {
	case 0:
	case 1:
		p.place[at+"/name"] = before[0]
		f.Name = before[0].Text
	default:
		return caddyfiles.Errorf(before[1], "%q is no method; a backend is named inside the block: backend %s", before[1].Text, before[1].Text)
	}
	return nil
}

func (p *parser) decode(n caddyfiles.Node, f *wrap.Fetch, at string) error {
	p.place[at+"/decode"] = n.Word
	if len(n.Args) > 0 && slices.Contains([]string{"csv", "fixed", "xml", "html", "auto"}, n.Args[0].Text) && !slices.Contains(p.known.decoders, n.Args[0].Text) {
		return caddyfiles.Errorf(n.Args[0], "decode %s is not available in this version of Fairway", n.Args[0].Text)
	}
	decoder, raw, name, err := caddyfiles.Guest[decode.Decoder](n, "fairway.decoders", "format", p.known.decoders)
	if err != nil {
		return err
	}
	f.Decoder, f.DecodeRaw, f.Format = decoder, raw, name
	return nil
}

func (p *parser) body(n caddyfiles.Node, f *wrap.Fetch, at string) error {
	if len(n.Args) != 2 || n.HasBlock {
		return n.Errorf("body takes a kind and a jq program in backquotes: body json `{a: 1}`")
	}
	p.place[at+"/body"] = n.Args[1]
	p.programs = append(p.programs, n.Args[1])
	f.Body = &wrap.Body{Kind: n.Args[0].Text, JQ: n.Args[1].Text}
	return nil
}
