package decoders

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/parts"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() { caddy.RegisterModule(new(Multipart)) }

// Multipart is parts.Multipart.
type Multipart struct {
	parts.Multipart
	// DecodeRaw is the format of the one part that is taken. Default: none, the part's kind says what its value is.
	DecodeRaw json.RawMessage `json:"decode,omitempty" caddy:"namespace=fairway.decoders inline_key=format"`
}

// CaddyModule returns the Caddy module information.
func (*Multipart) CaddyModule() caddy.ModuleInfo {
	return info("multipart", func() caddy.Module { return new(Multipart) })
}

// Provision loads the part's decoder and checks the options.
func (m *Multipart) Provision(ctx caddy.Context) error {
	if m.Decoder == nil && m.DecodeRaw != nil {
		loaded, err := ctx.LoadModule(m, "DecodeRaw")
		if err != nil {
			return fmt.Errorf("the format of part %q: %w", m.Part, err)
		}
		dec, ok := loaded.(decode.Decoder)
		if !ok {
			return fmt.Errorf("the format of part %q: %T is no decoder", m.Part, loaded)
		}
		m.Decoder = dec
	}
	return m.Check()
}

// UnmarshalCaddyfile reads:
//
//	decode multipart {
//		part      <name> [<format> { <options of the format> }]
//		headers
//		json_text
//		max_parts <number>
//	}
func (m *Multipart) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "multipart", map[string]caddyfiles.Word{
		"part":      {Parse: m.part},
		"headers":   flag(&m.Headers),
		"json_text": flag(&m.JSONText),
		"max_parts": count("max_parts 5000", &m.MaxParts),
	})
}

// part reads the name of the one part and the format that follows it.
func (m *Multipart) part(n caddyfiles.Node) error {
	if len(n.Args) == 0 || n.Args[0].Text == "" {
		return n.Errorf("part needs a name, and takes a format behind it: part data csv")
	}
	m.Part = n.Args[0].Text
	if len(n.Args) == 1 {
		if n.HasBlock {
			return n.Errorf("part takes a block only with a format: part %s csv { ... }", m.Part)
		}
		return nil
	}
	name := n.Args[1].Text
	var known []string
	for _, module := range caddy.GetModules(namespace[:len(namespace)-1]) {
		known = append(known, module.ID.Name())
	}
	if !slices.Contains(known, name) {
		return caddyfiles.Errorf(n.Args[1], "there is no format %q%s", name, wrap.Suggest(name, known))
	}
	d := caddyfile.NewDispenser(n.Segment)
	d.Next()
	d.Next()
	d.Next()
	loaded, err := caddyfile.UnmarshalModule(d, namespace+name)
	if err != nil {
		return err
	}
	dec, ok := loaded.(decode.Decoder)
	if !ok {
		return caddyfiles.Errorf(n.Args[1], "the module %s%s is no decoder", namespace, name)
	}
	if c, ok := loaded.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return n.Errorf("part %s, %s: %w", m.Part, name, err)
		}
	}
	m.Decoder, m.DecodeRaw = dec, caddyconfig.JSONModuleObject(loaded, "format", name, nil)
	return nil
}

// count reads a number of things, from 1.
func count(usage string, to *int) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		if *to, err = strconv.Atoi(t.Text); err != nil || *to < 1 {
			return caddyfiles.Errorf(t, "%s takes a whole number of 1 or more; write: %s", n.Word.Text, usage)
		}
		return nil
	}}
}

// Interface guards.
var (
	_ decode.Binary         = (*Multipart)(nil)
	_ caddy.Provisioner     = (*Multipart)(nil)
	_ caddyfile.Unmarshaler = (*Multipart)(nil)
)
