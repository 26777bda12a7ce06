package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
)

func init() { caddy.RegisterModule(new(Regexp)) }

// Regexp is lines.Regexp.
type Regexp struct{ lines.Regexp }

// CaddyModule returns the Caddy module information.
func (*Regexp) CaddyModule() caddy.ModuleInfo {
	return info("regexp", func() caddy.Module { return new(Regexp) })
}

// Provision checks and compiles the pattern.
func (m *Regexp) Provision(caddy.Context) error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode regexp [<pattern>] {
//		grok      <pattern with %{NAME:group:type}>
//		pattern   <NAME> <pattern>
//		mode      one|all|lines
//		unmatched error|skip|null
//		begins    <pattern>
//		type      <group> string|int|float|number|bool
//	}
func (m *Regexp) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	switch {
	case len(n.Args) > 1:
		return n.Errorf("decode regexp takes one argument in backquotes: decode regexp `...`")
	case len(n.Args) == 1:
		m.Pattern = n.Args[0].Text
	case !n.HasBlock:
		return n.Errorf("decode regexp takes one argument in backquotes: decode regexp `...`, or grok in its block")
	}
	return caddyfiles.Words{Owner: "decode regexp", Known: map[string]caddyfiles.Word{
		"grok":      word("grok `%{IP:client} %{INT:bytes:int}`", same, &m.Grok),
		"pattern":   {Parse: m.pattern, Many: true},
		"mode":      word("mode lines", same, &m.Mode),
		"unmatched": word("unmatched skip", same, &m.Unmatched),
		"begins":    word("begins `^\\S`", same, &m.Begins),
		"type":      {Parse: m.groupType, Many: true},
	}}.Parse(n)
}

func (m *Regexp) pattern(n caddyfiles.Node) error {
	if len(n.Args) != 2 || n.HasBlock {
		return n.Errorf("pattern takes a name and a regular expression: pattern JOB `[A-Z]{3}[0-9]+`")
	}
	m.Patterns = append(m.Patterns, lines.GrokPattern{Name: n.Args[0].Text, Pattern: n.Args[1].Text})
	return nil
}

func (m *Regexp) groupType(n caddyfiles.Node) error {
	if len(n.Args) != 2 || n.HasBlock {
		return n.Errorf("type takes a group and its type: type bytes int")
	}
	name := n.Args[0].Text
	if _, twice := m.Types[name]; twice {
		return n.Errorf("the group %s has a type already", name)
	}
	if m.Types == nil {
		m.Types = make(map[string]string)
	}
	m.Types[name] = n.Args[1].Text
	return nil
}

// Interface guards.
var (
	_ decode.Streamer       = (*Regexp)(nil)
	_ caddy.Provisioner     = (*Regexp)(nil)
	_ caddyfile.Unmarshaler = (*Regexp)(nil)
)
