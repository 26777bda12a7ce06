package decoders

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
)

func init() {
	caddy.RegisterModule(new(RSS))
	caddy.RegisterModule(new(Atom))
}

// RSS is markup.Feed.
type RSS struct{ markup.Feed }

// Atom is markup.Feed under another name; both read every kind of feed.
type Atom struct{ markup.Feed }

// CaddyModule returns the Caddy module information.
func (*RSS) CaddyModule() caddy.ModuleInfo {
	return info("rss", func() caddy.Module { return &RSS{markup.Feed{Format: "rss"}} })
}

// CaddyModule returns the Caddy module information.
func (*Atom) CaddyModule() caddy.ModuleInfo {
	return info("atom", func() caddy.Module { return &Atom{markup.Feed{Format: "atom"}} })
}

// UnmarshalCaddyfile reads: decode rss.
func (*RSS) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return options(d, "rss", nil) }

// UnmarshalCaddyfile reads: decode atom.
func (*Atom) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return options(d, "atom", nil) }

// Interface guards.
var (
	_ decode.Declarer       = (*RSS)(nil)
	_ decode.Declarer       = (*Atom)(nil)
	_ caddyfile.Unmarshaler = (*RSS)(nil)
	_ caddyfile.Unmarshaler = (*Atom)(nil)
)
