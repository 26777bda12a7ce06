package service

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func itoa(n int) string { return strconv.Itoa(n) }

// parser makes the configuration of one service and remembers where each part of it stands.
type parser struct {
	config   wrap.Config
	place    caddyfiles.Place
	programs []caddyfile.Token
	known    guests
}

// guests are the names of the guest modules of our namespaces.
type guests struct{ decoders, auth []string }

// guestsKey is the guests' place in a helper's State: a thousand services ask for them.
const guestsKey = "fairway.guests"

func guestsOf(state map[string]any) guests {
	if g, ok := state[guestsKey].(guests); ok {
		return g
	}
	g := guests{decoders: caddyfiles.Modules("fairway.decoders"), auth: caddyfiles.Modules("fairway.auth")}
	state[guestsKey] = g
	return g
}

func (p *parser) service(n caddyfiles.Node) error {
	args := n.Args
	if len(args) > 0 && strings.HasPrefix(args[0].Text, "@") {
		args = args[1:]
	}
	if len(args) == 0 {
		return n.Errorf("a service needs a prefix: service /name { ... }")
	}
	for i, a := range args {
		p.place["prefixes/"+itoa(i)] = a
		p.config.Prefixes = append(p.config.Prefixes, a.Text)
	}
	if !n.HasBlock {
		return n.Errorf("a service needs a block: service %s { ... }", args[0].Text)
	}
	words := caddyfiles.MetadataWords(&p.config.Metadata, p.place)
	words["callers"] = caddyfiles.Word{Parse: p.callers}
	words["budget"] = p.duration("budget", &p.config.Budget)
	words["debug"] = caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		p.config.Debug = true
		return n.Flag()
	}}
	words["rate"] = caddyfiles.RateWord(p.place, "", &p.config.Rate)
	words["cors"] = caddyfiles.CORSWord(p.place, "", &p.config.CORS)
	words["backend"] = caddyfiles.Word{Parse: p.backend, Many: true}
	return caddyfiles.Words{Owner: "service", Known: words, Other: p.routeLine}.Parse(n)
}

// duration reads a word with one duration into to.
func (p *parser) duration(path string, to *wrap.Duration) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(n.Word.Text + " 10s")
		if err != nil {
			return err
		}
		p.place[path] = t
		d, err := wrap.ParseDuration(t.Text)
		if err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		*to = d
		return nil
	}}
}

// routeLine reads a line that begins with a method, and helps where one is meant.
func (p *parser) routeLine(n caddyfiles.Node) (bool, error) {
	word := n.Word.Text
	switch {
	case slices.Contains(wrap.Methods(), word):
		return true, p.route(n)
	case slices.Contains(wrap.Methods(), strings.ToUpper(word)):
		return true, n.Errorf("write methods in capitals: %s", strings.ToUpper(word))
	case word == "HEAD" || word == "OPTIONS":
		return true, n.Errorf("%s is answered by itself; there is no route for it", word)
	case strings.Contains(word, ",") && slices.Contains(wrap.Methods(), strings.SplitN(word, ",", 2)[0]):
		return true, n.Errorf("a route has one method; HEAD comes with GET: write one route for each")
	case word == strings.ToUpper(word) && wrap.IsName(word):
		return true, n.Errorf("%q is no method of a route; it is one of %s%s", word, strings.Join(wrap.Methods(), ", "), wrap.Suggest(word, wrap.Methods()))
	case strings.HasPrefix(word, "@"):
		return true, n.Errorf("a matcher stands behind the directive: service %s /prefix { ... }", word)
	case strings.HasPrefix(word, "/"):
		return true, n.Errorf("a route begins with its method: GET %s { ... }", word)
	}
	return false, nil
}
