package service

import (
	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// cache reads:
//
//	cache <ttl> {
//		honour
//		stale_while_revalidate <duration>
//		stale_if_error         <duration>
//		negative               <duration>|off
//	}
func (p *parser) cache(n caddyfiles.Node, f *wrap.Fetch, at string) error {
	at += "/cache"
	p.place[at] = n.Word
	if len(n.Args) != 1 {
		return n.Errorf("cache takes how long a value is fresh: cache 1m")
	}
	f.Cache = new(wrap.Cache)
	var err error
	if f.Cache.TTL, err = wrap.ParseDuration(n.Args[0].Text); err != nil {
		return caddyfiles.Errorf(n.Args[0], "%w", err)
	}
	return caddyfiles.Words{Owner: "cache", Known: map[string]caddyfiles.Word{
		"honour":                 p.flag(at+"/honour", &f.Cache.Honour),
		"stale_while_revalidate": p.duration(at+"/stale_while_revalidate", &f.Cache.StaleWhileRevalidate),
		"stale_if_error":         p.duration(at+"/stale_if_error", &f.Cache.StaleIfError),
		"negative": {Parse: func(n caddyfiles.Node) error {
			if len(n.Args) == 1 && n.Args[0].Text == "off" && !n.HasBlock {
				f.Cache.NegativeOff = true
				return nil
			}
			return p.duration(at+"/negative", &f.Cache.Negative).Parse(n)
		}},
	}}.Parse(n)
}

// refresh reads: refresh every <duration> [ready].
func (p *parser) refresh(n caddyfiles.Node, f *wrap.Fetch, at string) error {
	const usage = "refresh every 1h"
	p.place[at+"/refresh"] = n.Word
	if n.HasBlock || len(n.Args) < 2 || len(n.Args) > 3 || n.Args[0].Text != "every" {
		return n.Errorf("refresh takes how often the value is loaded: %s, or %s ready", usage, usage)
	}
	f.Refresh = new(wrap.Refresh)
	var err error
	if f.Refresh.Every, err = wrap.ParseDuration(n.Args[1].Text); err != nil {
		return caddyfiles.Errorf(n.Args[1], "%w", err)
	}
	if len(n.Args) == 3 {
		if n.Args[2].Text != "ready" {
			return caddyfiles.Errorf(n.Args[2], "refresh does not know %q%s", n.Args[2].Text, wrap.Suggest(n.Args[2].Text, []string{"ready"}))
		}
		f.Refresh.Ready = true
	}
	return nil
}
