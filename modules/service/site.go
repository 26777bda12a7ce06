package service

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/discreet"
	"github.com/fairway-gateway/fairway/modules/request"
)

func init() { caddy.RegisterModule(new(Site)) }

// Site is the handler `services`: all services of a site. A request goes to the one with the longest prefix, which takes the
// same time however many there are; the routes of a site Caddy tries one after the other, and makes a handler of each for
// every request. What is under no prefix goes on to the next handler.
//
// The directive `service` makes one for the services that stand in a site itself.
type Site struct {
	// Services are tried by the length of their prefix, those of the same prefix in this order.
	Services []*Member `json:"services,omitempty"`

	prefixes map[string][]place // without the last slash
	deepest  int                // segments in the longest of them
	logs     discreet.Logs
}

// place is a service at one of its prefixes.
type place struct {
	*Member
	prefix string
	// path is Caddy's view of what is under the prefix, dots resolved. What other directives are told by it, such as who must
	// sign in, holds for the service too. Empty for the root.
	path caddyhttp.MatchPath
}

// Member is a service of a site.
type Member struct {
	// MatcherSetsRaw are Caddy's matchers of the requests that the service is for. Default: all under its prefixes.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`
	Handler

	matchers caddyhttp.MatcherSets
}

// CaddyModule returns the Caddy module information.
func (*Site) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.services", New: func() caddy.Module { return new(Site) }}
}

// Provision compiles the services.
func (s *Site) Provision(ctx caddy.Context) error {
	s.logs = discreet.New(ctx)
	for _, m := range s.Services {
		sets, err := ctx.LoadModule(m, "MatcherSetsRaw")
		if err != nil {
			return fmt.Errorf("service %v: match: %w", m.Prefixes, err)
		}
		if err := m.matchers.FromInterface(sets); err != nil {
			return fmt.Errorf("service %v: match: %w", m.Prefixes, err)
		}
		if err := m.Handler.Provision(ctx); err != nil {
			return err
		}
	}
	return s.index(ctx)
}

func (s *Site) index(ctx caddy.Context) error {
	s.prefixes = make(map[string][]place, len(s.Services))
	for _, m := range s.Services {
		for _, prefix := range m.Prefixes {
			p := place{Member: m, prefix: prefix}
			if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" {
				p.path = caddyhttp.MatchPath{prefix + "*"}
				if err := p.path.Provision(ctx); err != nil {
					return fmt.Errorf("service %s: %w", prefix, err)
				}
			}
			s.prefixes[prefix] = append(s.prefixes[prefix], p)
			s.deepest = max(s.deepest, strings.Count(prefix, "/"))
		}
	}
	return nil
}

// wants says whether the service is for r, whose path begins with the prefix.
func (p place) wants(r *http.Request) (bool, error) {
	if len(p.path) > 0 {
		if under, err := p.path.MatchWithError(r); err != nil || !under {
			return false, err //nolint:wrapcheck // for the site's error route
		}
	}
	return p.matchers.AnyMatchWithError(r) //nolint:wrapcheck // as above
}

// Cleanup gives back the backends' pools.
func (s *Site) Cleanup() error {
	for _, m := range s.Services {
		if err := m.Handler.Cleanup(); err != nil {
			return err
		}
	}
	return nil
}

// ServeHTTP has the service with the longest prefix answer r, or hands it on.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if s.logs.Hides(r) {
		return s.logs.Serve(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return s.serve(w, r, next) }))
	}
	return s.serve(w, r, next)
}

func (s *Site) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	path := r.URL.EscapedPath()
	for end := s.deep(path); end >= 0; end = strings.LastIndexByte(path[:end], '/') {
		for _, p := range s.prefixes[plain(path[:end])] {
			wanted, err := p.wants(r)
			if err != nil {
				return err
			}
			if !wanted {
				continue
			}
			answered := false
			err = p.discreetly(w, r, func(w http.ResponseWriter) { answered = p.service.ServeUnder(w, r, p.prefix, request.ID(r), nil) })
			if answered || err != nil {
				return err
			}
		}
	}
	return next.ServeHTTP(w, r)
}

// deep gives where the segments of path end that a prefix may have.
func (s *Site) deep(path string) int {
	end := 0
	for range s.deepest {
		if end == len(path) || path[end] != '/' {
			return end
		}
		i := strings.IndexByte(path[end+1:], '/')
		if i < 0 {
			return len(path)
		}
		end += 1 + i
	}
	return end
}

// plain is a path without escapes. Whether they hide a slash the service looks at itself.
func plain(escaped string) string {
	if !strings.Contains(escaped, "%") {
		return escaped
	}
	p, _ := url.PathUnescape(escaped) // else it is no prefix
	return p
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Site)(nil)
	_ caddy.CleanerUpper          = (*Site)(nil)
	_ caddyhttp.MiddlewareHandler = (*Site)(nil)
)
