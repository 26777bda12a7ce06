package caddyfiles

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Modules are the names of the modules in a namespace, of which a Caddyfile may name one.
func Modules(namespace string) []string {
	modules := caddy.GetModules(namespace)
	out := make([]string, 0, len(modules))
	for _, m := range modules {
		out = append(out, m.ID.Name())
	}
	return out
}

// Guest reads a line that names a guest module, which reads the rest of it, and gives the module with its JSON and its name. Key
// is where the JSON has the name; known are the names that there are. A module with Check is checked.
func Guest[T any](n Node, namespace, key string, known []string) (T, []byte, string, error) {
	var none T
	if len(n.Args) == 0 {
		return none, nil, "", n.Errorf("%s needs a name: %s %s", n.Word.Text, n.Word.Text, strings.Join(known, " | "))
	}
	name := n.Args[0].Text
	if !slices.Contains(known, name) {
		return none, nil, "", Errorf(n.Args[0], "there is no %s %q; there is %s%s", n.Word.Text, name, strings.Join(known, ", "), wrap.Suggest(name, known))
	}
	d := caddyfile.NewDispenser(n.Segment)
	d.Next()
	d.Next()
	unm, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
	if err != nil {
		return none, nil, "", err //nolint:wrapcheck // it has its place
	}
	v, ok := unm.(T)
	if !ok {
		return none, nil, "", n.Errorf("the module %s.%s is no %s", namespace, name, n.Word.Text)
	}
	if c, ok := unm.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return none, nil, "", n.Errorf("%s %s: %w", n.Word.Text, name, err)
		}
	}
	return v, caddyconfig.JSONModuleObject(unm, key, name, nil), name, nil
}

// Expanded is the line with Caddy's shorthands as Caddy expands them, for what Caddy itself reads or replaces.
func (n Node) Expanded() Node {
	seg := slices.Clone(n.Segment)
	httpcaddyfile.NewShorthandReplacer().ApplyToSegment(&seg)
	return read(seg)
}
