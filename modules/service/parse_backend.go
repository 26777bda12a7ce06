package service

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// backend reads:
//
//	backend [<name>] <address>... {
//		auth      <mode> ...
//		timeout   <duration>
//		retries   <n>
//		breaker   <consecutive failures> <open for>
//		limit     <size>
//		redirects <n>
//		origins   <origin>...
//		charset   <label>
//		charset_errors fail | replace
//		header    <name> <value>
//		identity  <header>...
//		tls       { ... }
//		proxy     <url> | environment
//	}
func (p *parser) backend(n caddyfiles.Node) error {
	at := "backends/" + itoa(len(p.config.Backends))
	p.config.Backends = append(p.config.Backends, wrap.Backend{})
	b := &p.config.Backends[len(p.config.Backends)-1]
	p.place[at] = n.Word
	args := n.Args
	if len(args) > 0 && !isAddress(args[0].Text) {
		if !wrap.IsName(args[0].Text) {
			return caddyfiles.Errorf(args[0], "%q is neither a name nor an address; add http:// or https:// to an address", args[0].Text)
		}
		b.Name = args[0].Text
		args = args[1:]
	}
	if len(args) == 0 {
		return n.Errorf("a backend needs an address: backend %s", strings.TrimSpace(b.Name+" https://host"))
	}
	for i, a := range args {
		if !isAddress(a.Text) {
			return caddyfiles.Errorf(a, "%q is no address; add http:// or https://", a.Text)
		}
		p.place[at+"/addresses/"+itoa(i)] = a
		b.Addresses = append(b.Addresses, a.Text)
	}
	return caddyfiles.Words{Owner: "backend", Known: map[string]caddyfiles.Word{
		"auth":           {Parse: func(n caddyfiles.Node) error { return p.auth(n, b, at) }},
		"timeout":        p.duration(at+"/timeout", &b.Timeout),
		"retries":        {Parse: func(n caddyfiles.Node) error { return p.retries(n, b) }},
		"breaker":        {Parse: func(n caddyfiles.Node) error { return breaker(n, b) }},
		"limit":          {Parse: func(n caddyfiles.Node) error { return limit(n, b) }},
		"origins":        {Parse: func(n caddyfiles.Node) error { return p.origins(n, b, at) }},
		"redirects":      {Parse: func(n caddyfiles.Node) error { return count(n, "redirects 3", &b.Redirects) }},
		"charset":        p.text(at+"/charset", "charset iso-8859-1", &b.Charset),
		"charset_errors": p.text(at+"/charset_errors", "charset_errors replace", &b.CharsetErrors),
		"header":         {Many: true, Parse: func(n caddyfiles.Node) error { return p.header(n, at, &b.Header) }},
		"tls":            {Parse: func(n caddyfiles.Node) error { return tls(n, &b.TLS) }},
		"identity":       {Parse: func(n caddyfiles.Node) error { return p.identity(n, b, at) }},
		"proxy":          p.text(at+"/proxy", "proxy http://host:3128", &b.Proxy),
	}}.Parse(n)
}

func (p *parser) origins(n caddyfiles.Node, b *wrap.Backend, at string) error {
	if len(n.Args) == 0 || n.HasBlock {
		return n.Errorf("origins takes what URLs in values may lead to: origins https://files.example.org")
	}
	for i, t := range n.Args {
		p.place[at+"/origins/"+itoa(i)] = t
		b.Origins = append(b.Origins, t.Text)
	}
	return nil
}

// isAddress says whether a word of a backend line is meant as an address.
func isAddress(s string) bool {
	return strings.Contains(s, "://") || strings.HasPrefix(s, "unix/") || strings.HasPrefix(s, "{")
}

func (p *parser) auth(n caddyfiles.Node, b *wrap.Backend, at string) error {
	p.place[at+"/auth"] = n.Word
	strategy, raw, _, err := caddyfiles.Guest[session.Strategy](n, "fairway.auth", "mode", p.known.auth)
	if err != nil {
		return err
	}
	b.Auth, b.AuthRaw = strategy, raw
	return nil
}

func (p *parser) retries(n caddyfiles.Node, b *wrap.Backend) error {
	var v int
	if err := count(n, "retries 2", &v); err != nil {
		return err
	}
	b.Retries = &v
	return nil
}

// count reads a word with one whole number from 0 to 100.
func count(n caddyfiles.Node, usage string, to *int) error {
	t, err := n.One(usage)
	if err != nil {
		return err
	}
	v, err := strconv.Atoi(t.Text)
	if err != nil || v < 0 || v > 100 {
		return caddyfiles.Errorf(t, "%s takes a whole number from 0 to 100, not %q", n.Word.Text, t.Text)
	}
	*to = v
	return nil
}

func breaker(n caddyfiles.Node, b *wrap.Backend) error {
	if len(n.Args) != 2 || n.HasBlock {
		return n.Errorf("breaker takes a number of consecutive failures and a duration: breaker 5 30s")
	}
	failures, err := strconv.Atoi(n.Args[0].Text)
	if err != nil || failures < 1 {
		return caddyfiles.Errorf(n.Args[0], "breaker takes a number of consecutive failures from 1, not %q", n.Args[0].Text)
	}
	open, err := wrap.ParseDuration(n.Args[1].Text)
	if err != nil {
		return caddyfiles.Errorf(n.Args[1], "%w", err)
	}
	b.Breaker = wrap.Breaker{Failures: failures, Open: open}
	return nil
}

func limit(n caddyfiles.Node, b *wrap.Backend) error {
	t, err := n.One("limit 10MiB")
	if err != nil {
		return err
	}
	if b.Limit, err = wrap.ParseSize(t.Text); err != nil {
		return caddyfiles.Errorf(t, "%w", err)
	}
	return nil
}

// text reads a word with one text into to.
func (p *parser) text(path, usage string, to *string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		p.place[path] = t
		*to = t.Text
		return nil
	}}
}

// header reads: header <name> <value>.
func (p *parser) header(n caddyfiles.Node, at string, to *[]wrap.Header) error {
	if len(n.Args) != 2 || n.HasBlock {
		return n.Errorf("header takes a name and a value; put a value with blanks in quotes: header X-Name \"a value\"")
	}
	name := n.Args[0].Text
	for _, h := range *to {
		if strings.EqualFold(h.Name, name) {
			return n.Errorf("the header %s is there twice", name)
		}
	}
	p.place[at+"/header/"+itoa(len(*to))] = n.Args[1]
	*to = append(*to, wrap.Header{Name: name, Value: n.Args[1].Text})
	return nil
}

// tls reads:
//
//	tls {
//		ca                   <file>...
//		server_name          <name>
//		client_certificate   <certificate file> <key file>
//		insecure_skip_verify
//	}
func tls(n caddyfiles.Node, t *wrap.TLS) error {
	if len(n.Args) > 0 || len(n.Block) == 0 {
		return n.Errorf("tls takes a block: tls { ca /path/to/ca.pem }")
	}
	return caddyfiles.Words{Owner: "tls", Known: map[string]caddyfiles.Word{
		"ca": {Parse: func(n caddyfiles.Node) error {
			if len(n.Args) == 0 || n.HasBlock {
				return n.Errorf("ca takes files: ca /path/to/ca.pem")
			}
			t.CA = texts(n.Args)
			return nil
		}},
		"server_name": {Parse: func(n caddyfiles.Node) error {
			name, err := n.One("server_name backend.example.org")
			t.ServerName = name.Text
			return err
		}},
		"client_certificate": {Parse: func(n caddyfiles.Node) error {
			if len(n.Args) != 2 || n.HasBlock {
				return n.Errorf("client_certificate takes two files: client_certificate cert.pem key.pem")
			}
			t.ClientCertificate, t.ClientKey = n.Args[0].Text, n.Args[1].Text
			return nil
		}},
		"insecure_skip_verify": {Parse: func(n caddyfiles.Node) error {
			t.InsecureSkipVerify = true
			return n.Flag()
		}},
	}}.Parse(n)
}

func texts(tokens []caddyfile.Token) []string {
	out := make([]string, 0, len(tokens))
	for _, t := range tokens {
		out = append(out, t.Text)
	}
	return out
}
