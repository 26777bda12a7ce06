// Package metadata is the Caddy handler and directive `metadata`: the metadata document of plain Caddy routes.
package metadata

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/requestid"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler answers /metadata and its other spellings under each prefix; other requests go on to the next handler.
type Handler struct {
	// Prefixes under which the document stands. Default: the root.
	Prefixes []string `json:"prefixes,omitempty"`
	wrap.Metadata

	document *wrap.Document
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.metadata", New: func() caddy.Module { return new(Handler) }}
}

// Provision makes the document.
func (h *Handler) Provision(caddy.Context) error {
	h.defaults()
	if err := h.checkPrefixes(); err != nil {
		return err
	}
	if err := h.Check(); err != nil {
		return err
	}
	var err error
	h.document, err = h.Document()
	return err
}

// checkPrefixes refuses prefixes that no path begins with, and one that is there twice.
func (h *Handler) checkPrefixes() error {
	for i, p := range h.Prefixes {
		switch {
		case p != "/" && (!strings.HasPrefix(p, "/") || path.Clean(p) != p || strings.ContainsAny(p, "{}*?#")):
			return fmt.Errorf("the prefix %q must be a plain path like /name", p)
		case slices.Contains(h.Prefixes[:i], p):
			return fmt.Errorf("the prefix %s is there twice", p)
		}
	}
	return nil
}

func (h *Handler) defaults() {
	h.APIVersion = cmp.Or(h.APIVersion, "1.0")
	h.Auth = cmp.Or(h.Auth, session.ModeNone)
	if len(h.Prefixes) == 0 {
		h.Prefixes = []string{"/"}
	}
}

// ServeHTTP answers r, or hands it on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	for _, prefix := range h.Prefixes {
		rest, ok := strings.CutPrefix(r.URL.Path, strings.TrimSuffix(prefix, "/"))
		if !ok || !h.document.Has(rest) {
			continue
		}
		id := request.ID(r)
		w.Header()[requestid.Header] = []string{id}
		h.document.Write(w, r, id)
		return nil
	}
	return next.ServeHTTP(w, r)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
