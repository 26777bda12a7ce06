package service

import (
	"cmp"
	"maps"
	"path"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() {
	httpcaddyfile.RegisterDirective("service", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("service", httpcaddyfile.Before, "respond")
}

// parseDirective reads:
//
//	service [@matcher] <prefix>... {
//		name        <word>
//		version     <text>
//		repository  <url>
//		description <text>
//		api_version <word>
//		callers     anyone | users [<scope>...]
//		rate        <n>/<unit> [by caller|address]
//		cors        <origin>... { ... }
//		budget      <duration>
//		debug
//		backend     [<name>] <address>... { ... }
//		<METHOD>    <pattern> { ... }
//	}
//
// The services of a site become one handler, see Site; those inside of other directives as many routes as they have prefixes.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	matcher, err := matcherOf(h)
	if err != nil {
		return nil, err
	}
	h.Reset()
	n, err := caddyfiles.Read(h.Dispenser)
	if err != nil {
		return nil, err
	}
	p := &parser{place: caddyfiles.Place{}, known: guestsOf(h.State)}
	parseErr := p.service(n)
	// First, because what Caddy has replaced is often what cannot be parsed.
	if err := checkRaw(caddyfiles.FilesOf(h.State), n, p.programs); err != nil {
		return nil, err
	}
	if parseErr != nil {
		return nil, parseErr
	}
	databases, err := fairway.Declared(h.Option("fairway"))
	if err != nil {
		return nil, err
	}
	checked, err := wrap.Compile(&p.config, wrap.Deps{Databases: databases})
	if err != nil {
		return nil, p.place.Locate(err, n.Word)
	}
	defer checked.Close()
	scopes, err := fairway.DeclaredScopes(h.Option("fairway"))
	if err != nil {
		return nil, err
	}
	if i, err := scopes.Check(p.config.Callers.Scopes); err != nil {
		return nil, caddyfiles.Errorf(p.place["callers/scopes/"+itoa(i)], "%w", err)
	}
	if err := claim(h, n, p); err != nil {
		return nil, err
	}
	if name := path.Base(p.config.Prefixes[0]); p.config.Name == name {
		p.config.Name = "" // the default; what is not there Caddy need not parse, five times at each reload
	}
	if of := siteOf(h); of != nil {
		return of.add(h, &Member{MatcherSetsRaw: setsOf(matcher), Handler: Handler{Config: p.config}}), nil
	}
	return routes(h, matcher, p.config), nil
}

// routes makes a route of each prefix of a service, so that Caddy sorts each by its path; they share pools and breakers,
// which are found by what the backends are.
func routes(h httpcaddyfile.Helper, matcher caddy.ModuleMap, c wrap.Config) []httpcaddyfile.ConfigValue {
	name := cmp.Or(c.Name, path.Base(c.Prefixes[0]))
	values := make([]httpcaddyfile.ConfigValue, 0, len(c.Prefixes))
	for _, prefix := range c.Prefixes {
		handler := &Handler{Config: c}
		handler.Prefixes = []string{prefix}
		if handler.Name = name; name == path.Base(prefix) {
			handler.Name = ""
		}
		values = append(values, h.NewRoute(withPath(h, matcher, prefix), handler)...)
	}
	return values
}

// matcherOf takes the matcher token, which a prefix is not: both may start with a slash.
func matcherOf(h httpcaddyfile.Helper) (caddy.ModuleMap, error) {
	h.Next() // the directive's name
	if !h.NextArg() || !strings.HasPrefix(h.Val(), "@") {
		return nil, nil
	}
	h.Prev()
	set, _, err := h.MatcherToken()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	if _, ok := set["path"]; ok {
		return nil, h.Errf("the matcher %s has a path of its own; a service's path is its prefix", h.Val())
	}
	return set, nil
}

// withPath adds the matcher of a prefix: exactly one path, so that Caddy sorts the longest first. The handler looks
// at the border of the segment.
func withPath(h httpcaddyfile.Helper, matcher caddy.ModuleMap, prefix string) caddy.ModuleMap {
	if prefix == "/" {
		return matcher
	}
	set := caddy.ModuleMap{"path": h.JSON(caddyhttp.MatchPath{prefix + "*"})}
	maps.Copy(set, matcher)
	return set
}

// checkRaw looks for what Caddy has replaced in the raw text, once for each file.
func checkRaw(files *caddyfiles.Files, n caddyfiles.Node, programs []caddyfile.Token) error {
	looked, err := files.Check(n, programs)
	if err != nil {
		return err
	}
	if !looked && files.FirstUnread(n.Word.File) {
		caddy.Log().Named("caddyfile").Info("cannot look at the raw text of this Caddyfile: a {$ that is no environment variable would go unnoticed")
	}
	return nil
}

// claim says what the service's paths are, so that another claim on them is an error.
func claim(h httpcaddyfile.Helper, n caddyfiles.Node, p *parser) error {
	block := caddyfiles.FilesOf(h.State).Block(n.Word)
	if block == "" {
		return nil
	}
	claims := caddyfiles.ClaimsOf(h.State)
	scope := block
	if len(n.Args) > 0 && strings.HasPrefix(n.Args[0].Text, "@") {
		scope += " " + n.Args[0].Text
	}
	for i, prefix := range p.config.Prefixes {
		at := p.place["prefixes/"+itoa(i)]
		if err := claims.Claim(scope, prefix+" (prefix)", at, "the prefix "+prefix); err != nil {
			return err
		}
		for j, rt := range p.config.Routes {
			full := strings.TrimSuffix(prefix, "/") + rt.Pattern
			if err := claims.Use(block, full, p.place["routes/"+itoa(j)], "the path "+full); err != nil {
				return err
			}
		}
	}
	return nil
}
