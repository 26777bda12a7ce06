package caddyfiles

import (
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// RateWord reads, as often as it is there:
//
//	rate <n>/<unit> [by caller|address]
//
// Place learns where each limit stands, as "rate/0" below path.
func RateWord(place Place, path string, to *[]rate.Limit) Word {
	return Word{Many: true, Parse: func(n Node) error {
		if n.HasBlock {
			return n.Errorf("rate takes no block; write: rate 100/m by address")
		}
		args := make([]string, len(n.Args))
		for i, t := range n.Args {
			args[i] = t.Text
		}
		l, err := rate.ParseWord(args...)
		if err != nil {
			return n.Errorf("%w", err)
		}
		place[below(path, "rate/"+strconv.Itoa(len(*to)))] = n.Word
		*to = append(*to, l)
		return nil
	}}
}

// CORSWord reads:
//
//	cors <origin>... {
//		methods     <method>...
//		headers     <header>... | *
//		expose      <header>...
//		credentials
//		max_age     <duration> | off
//	}
//
// Place learns where each origin stands, as "cors/origins/0" below path.
func CORSWord(place Place, path string, to **cors.Config) Word {
	return Word{Parse: func(n Node) error {
		c := new(cors.Config)
		*to = c
		path := below(path, "cors")
		place[path] = n.Word
		list := func(name, usage string, to *[]string) Word {
			return Word{Parse: func(n Node) error {
				if len(n.Args) == 0 || n.HasBlock {
					return n.Errorf("%s takes at least one word: %s", name, usage)
				}
				*to = place.list(path+"/"+name, n.Args)
				return nil
			}}
		}
		c.Origins = place.list(path+"/origins", n.Args)
		return Words{Owner: "cors", Known: map[string]Word{
			"methods": list("methods", "methods GET POST", &c.Methods),
			"headers": list("headers", "headers X-Api-Version", &c.Headers),
			"expose":  list("expose", "expose X-Total-Count", &c.Expose),
			"credentials": {Parse: func(n Node) error {
				c.Credentials = true
				return n.Flag()
			}},
			"max_age": {Parse: func(n Node) error { return maxAge(n, c) }},
		}}.Parse(n)
	}}
}

func maxAge(n Node, c *cors.Config) error {
	t, err := n.One("max_age 10m")
	if err != nil {
		return err
	}
	if t.Text == "off" {
		c.MaxAge = -1
		return nil
	}
	d, err := wrap.ParseDuration(t.Text)
	if err != nil {
		return Errorf(t, "%w", err)
	}
	if time.Duration(d)%time.Second != 0 || time.Duration(d) > 24*time.Hour {
		return Errorf(t, "max_age is whole seconds, at most a day, or off; not %s", t.Text)
	}
	c.MaxAge = int(time.Duration(d) / time.Second)
	return nil
}

// list gives the texts of tokens, and remembers where each stands.
func (p Place) list(path string, tokens []caddyfile.Token) []string {
	out := make([]string, 0, len(tokens))
	for i, t := range tokens {
		p[path+"/"+strconv.Itoa(i)] = t
		out = append(out, t.Text)
	}
	return out
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
