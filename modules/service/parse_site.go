package service

import (
	"encoding/json"
	"reflect"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
)

const sitesKey = "fairway.sites"

// site is the one route of a site's services while its directives are read, one after the other: handlers are the route's, and
// what is in them counts when the last directive of the site was read.
type site struct {
	handlers []json.RawMessage
}

// siteOf gives the site whose own directive h is for; nil for a directive inside of others, such as route, whose order counts.
func siteOf(h httpcaddyfile.Helper) *site {
	block := blockOf(h)
	if block == 0 || !caddyfiles.InSite(h) {
		return nil
	}
	sites, ok := h.State[sitesKey].(map[uintptr]*site)
	if !ok {
		sites = map[uintptr]*site{}
		h.State[sitesKey] = sites
	}
	s, ok := sites[block]
	if !ok {
		s = new(site)
		sites[block] = s
	}
	return s
}

// blockOf tells the sites of a Caddyfile apart, 0 if it cannot. Caddy does not tell directives which site they are in, but
// where it keeps the site's directives differs. What a token's file and line say would not do: sites may import the same.
func blockOf(h httpcaddyfile.Helper) uintptr {
	block := reflect.ValueOf(h).FieldByName("parentBlock")
	if !block.IsValid() {
		return 0
	}
	segments := block.FieldByName("Segments")
	if !segments.IsValid() || segments.Kind() != reflect.Slice {
		return 0
	}
	return segments.Pointer()
}

// add appends a service. The first makes the route. The text is appended to, since to write that of a thousand services
// anew for each would take seconds.
func (s *site) add(h httpcaddyfile.Helper, m *Member) []httpcaddyfile.ConfigValue {
	const opening, closing = `{"handler":"services","services":[`, `]}`
	text := h.JSON(m)
	if s.handlers != nil {
		list := s.handlers[0][:len(s.handlers[0])-len(closing)]
		s.handlers[0] = append(append(append(list, ','), text...), closing...)
		return nil
	}
	s.handlers = []json.RawMessage{append(append([]byte(opening), text...), closing...)}
	return []httpcaddyfile.ConfigValue{{Class: "route", Value: caddyhttp.Route{HandlersRaw: s.handlers}}}
}

// setsOf is the one set of matchers that a directive can have.
func setsOf(matcher caddy.ModuleMap) caddyhttp.RawMatcherSets {
	if matcher == nil {
		return nil
	}
	return caddyhttp.RawMatcherSets{matcher}
}
