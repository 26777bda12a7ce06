package stanzas

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Sunset{})
	httpcaddyfile.RegisterHandlerDirective("sunset", parseSunset)
	// The anchor of an order must be one of Caddy's own directives.
	httpcaddyfile.RegisterDirectiveOrder("sunset", httpcaddyfile.Before, "header")
}

// Sunset is an HTTP handler that tells callers until when an API will be there, with the header of RFC 8594.
type Sunset struct {
	// Date is the last day, as YYYY-MM-DD in UTC. Required.
	Date string `json:"date"`
	// Link is where to read more. Default: none.
	Link string `json:"link,omitempty"`

	header string
}

// CaddyModule returns the Caddy module information.
func (Sunset) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.sunset",
		New: func() caddy.Module { return new(Sunset) },
	}
}

// Provision checks the configuration and prepares the header.
func (s *Sunset) Provision(caddy.Context) error {
	day, err := time.Parse(time.DateOnly, s.Date)
	if err != nil {
		return fmt.Errorf("date of sunset: %w", err)
	}
	if link, err := url.Parse(s.Link); err != nil || (s.Link != "" && link.Host == "") {
		return fmt.Errorf("link of sunset is not an absolute URL: %q", s.Link)
	}
	s.header = day.AddDate(0, 0, 1).Add(-time.Second).Format(http.TimeFormat)
	return nil
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (s *Sunset) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	w.Header().Set("Sunset", s.header)
	if s.Link != "" {
		w.Header().Add("Link", "<"+s.Link+`>; rel="sunset"`)
	}
	return next.ServeHTTP(w, r)
}

// parseSunset sets up the handler from
//
//	sunset [<matcher>] <YYYY-MM-DD> [<link>]
func parseSunset(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive
	s := new(Sunset)
	switch args := h.RemainingArgs(); len(args) {
	case 2:
		s.Link = args[1]
		fallthrough
	case 1:
		s.Date = args[0]
	default:
		return nil, h.ArgErr()
	}
	// Here file and line are known; later only the module's name is.
	if err := s.Provision(caddy.Context{}); err != nil {
		return nil, h.WrapErr(err)
	}
	return s, nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Sunset)(nil)
	_ caddyhttp.MiddlewareHandler = (*Sunset)(nil)
)
