package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
)

func init() { caddy.RegisterModule(new(XML)) }

// XML is markup.XML.
type XML struct{ markup.XML }

// CaddyModule returns the Caddy module information.
func (*XML) CaddyModule() caddy.ModuleInfo {
	return info("xml", func() caddy.Module { return new(XML) })
}

// Provision checks and compiles the options.
func (m *XML) Provision(caddy.Context) error { return m.Check() }

// UnmarshalCaddyfile reads:
//
//	decode xml {
//		list       <path>...
//		arrays
//		repeated   error|first|last|array
//		content    <path>...
//		mixed      content|text
//		attributes all|data|none
//		empty      null|string|object
//		namespaces strip|prefix|keep
//		entities   xml|html
//		root       drop|keep
//		select     <path>
//		records    <path>
//		numbers
//		space      trim|preserve
//		lenient
//	}
func (m *XML) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "xml", xmlWords(&m.XMLOptions))
}

// xmlWords are the words of XML and SOAP.
func xmlWords(o *markup.XMLOptions) map[string]caddyfiles.Word {
	return map[string]caddyfiles.Word{
		"list":       paths("list orders/order", &o.List),
		"arrays":     flag(&o.Arrays),
		"repeated":   word("repeated first", same, &o.Repeated),
		"content":    paths("content text/p", &o.Content),
		"mixed":      word("mixed text", same, &o.Mixed),
		"attributes": word("attributes none", same, &o.Attributes),
		"empty":      word("empty string", same, &o.Empty),
		"namespaces": word("namespaces prefix", same, &o.Namespaces),
		"entities":   word("entities html", same, &o.Entities),
		"root":       word("root keep", same, &o.Root),
		"select":     word("select orders/order", same, &o.Select),
		"records":    word("records orders/order", same, &o.Records),
		"numbers":    flag(&o.Numbers),
		"space":      word("space preserve", same, &o.Space),
		"lenient":    flag(&o.Lenient),
	}
}

// paths reads a line of paths, of which there may be several lines.
func paths(usage string, to *[]string) caddyfiles.Word {
	return caddyfiles.Word{Many: true, Parse: func(n caddyfiles.Node) error {
		if len(n.Args) == 0 || n.HasBlock {
			return n.Errorf("%s takes paths of elements; write: %s", n.Word.Text, usage)
		}
		for _, t := range n.Args {
			*to = append(*to, t.Text)
		}
		return nil
	}}
}

// Interface guards.
var (
	_ decode.Streamer       = (*XML)(nil)
	_ decode.Declarer       = (*XML)(nil)
	_ caddy.Provisioner     = (*XML)(nil)
	_ caddyfile.Unmarshaler = (*XML)(nil)
)
