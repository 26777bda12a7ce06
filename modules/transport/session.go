// Package transport is the reverse_proxy transport `session`: pass-through to a backend that has to be logged in to, or told
// who calls, with what `auth` in a service's backend can do.
package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
)

func init() { caddy.RegisterModule(new(Session)) }

// DefaultName is the name of a transport that has none.
const DefaultName = "session"

// Session sends the requests of a reverse_proxy through another transport, with the session or the credentials that the
// backend needs. Answers and requests are streamed; connections may be upgraded. Identity headers (see the package identity)
// pass in neither direction unless they are named here, and a caller's Authorization never does: it is what auth makes of it.
type Session struct {
	// Name is in metrics, spans, logs, and the realm of the credentials that are asked for. Default: session.
	Name string `json:"name,omitempty"`
	// Origin is what the backend takes itself for: scheme, host and port of its own redirects. Logins and sessions are of this
	// origin, whatever the upstream, and several upstreams are one backend. Default: that of the upstream, each for itself.
	Origin string `json:"origin,omitempty"`
	// AuthRaw says who the gateway is towards the backend. Default: none.
	AuthRaw json.RawMessage `json:"auth,omitempty" caddy:"namespace=fairway.auth inline_key=mode"`
	// BaseRaw is the transport that requests are sent through. Default: http, with Caddy's defaults.
	BaseRaw json.RawMessage `json:"transport,omitempty" caddy:"namespace=http.reverse_proxy.transport inline_key=protocol"`
	// Identity are the identity headers that pass, and those that are sent.
	Identity Identity `json:"identity,omitzero"`

	auth     session.Strategy
	base     http.RoundTripper
	request  identity.Pass
	answer   identity.Pass
	origin   origin // zero: that of the upstream
	metrics  *observe.PassMetrics
	log      *slog.Logger
	released []func()
	line     caddyfile.Token // where it stands in a Caddyfile
}

// Identity is what a configuration says of identity headers.
type Identity struct {
	// Request are those of a caller's that the backend is sent. Default: none.
	Request []string `json:"request,omitempty"`
	// Answer are those of the backend's that a caller is sent. None of them may hold a token. Default: none.
	Answer []string `json:"answer,omitempty"`
	// Set are sent instead of whatever a caller says. Default: none.
	Set []Header `json:"set,omitempty"`
}

// Header is an identity header that the backend is sent.
type Header struct {
	// Name of the header.
	Name string `json:"name"`
	// Value may hold Caddy's placeholders. Where they leave nothing, no header is sent.
	Value string `json:"value"`
}

// CaddyModule returns the Caddy module information.
func (*Session) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.session", New: func() caddy.Module { return new(Session) }}
}

// Provision loads the guest modules and tells the strategy of its backend.
func (s *Session) Provision(ctx caddy.Context) error {
	if s.Name == "" {
		s.Name = DefaultName
	}
	if err := s.Identity.Check(); err != nil {
		return err
	}
	s.request, _ = identity.NewPass(s.Identity.Request...)
	s.answer, _ = identity.NewPass(s.Identity.Answer...)
	if s.Origin != "" {
		var err error
		if s.origin, err = parseOrigin(s.Origin); err != nil {
			return err
		}
	}
	if err := s.loadAuth(ctx); err != nil {
		return err
	}
	if err := s.loadBase(ctx); err != nil {
		return err
	}
	v, err := ctx.App("fairway")
	if err != nil {
		return err
	}
	deps := v.(*fairway.App).Deps(ctx)
	s.log = deps.Logger
	s.metrics = deps.Metrics.Pass(s.Name)
	s.released = append(s.released, s.metrics.Close)
	return s.bind()
}

func (s *Session) loadAuth(ctx caddy.Context) error {
	s.auth = session.None{}
	if len(s.AuthRaw) > 0 {
		v, err := ctx.LoadModule(s, "AuthRaw")
		if err != nil {
			return fmt.Errorf("auth: %w", err)
		}
		strategy, ok := v.(session.Strategy)
		if !ok {
			return fmt.Errorf("auth: %T is no strategy", v)
		}
		s.auth = strategy
	}
	setter, ok := s.auth.(session.HeaderSetter)
	if !ok {
		return nil
	}
	for _, h := range s.Identity.Set {
		if slices.Contains(setter.SetsHeaders(), http.CanonicalHeaderKey(h.Name)) {
			return fmt.Errorf("auth sets the header %s already", h.Name)
		}
	}
	return nil
}

func (s *Session) loadBase(ctx caddy.Context) error {
	raw, err := s.certified()
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		raw = json.RawMessage(`{"protocol":"http"}`)
	}
	configured := s.BaseRaw
	s.BaseRaw = raw
	v, err := ctx.LoadModule(s, "BaseRaw")
	s.BaseRaw = configured
	if err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	base, ok := v.(http.RoundTripper)
	if !ok {
		return fmt.Errorf("transport: %T is no transport", v)
	}
	if _, ok := base.(*Session); ok {
		return errNested
	}
	s.base = base
	return nil
}

var errNested = errors.New("transport: session stands in itself")

// Check refuses names that are no identity headers, and tokens in answers.
func (i *Identity) Check() error {
	if _, err := identity.NewPass(i.Request...); err != nil {
		return fmt.Errorf("identity request: %w", err)
	}
	if _, err := identity.NewPass(i.Answer...); err != nil {
		return fmt.Errorf("identity answer: %w", err)
	}
	for _, name := range i.Answer {
		if identity.HoldsToken(name) {
			return fmt.Errorf("identity answer: %s holds what somebody could log in with, and is in no answer", name)
		}
	}
	var names []string
	for _, h := range i.Set {
		name, err := identity.Check(h.Name)
		switch {
		case err != nil:
			return fmt.Errorf("identity set: %w; header_up sends others", err)
		case h.Value == "":
			return fmt.Errorf("identity set: %s has no value", name)
		case slices.Contains(names, name):
			return fmt.Errorf("identity set: the header %s is there twice", name)
		case slices.ContainsFunc(i.Request, func(r string) bool { return http.CanonicalHeaderKey(r) == name }):
			return fmt.Errorf("identity: %s is set, and a caller's cannot pass, too", name)
		}
		names = append(names, name)
	}
	return nil
}

// Cleanup gives back what Provision took, as far as it came.
func (s *Session) Cleanup() error {
	for _, release := range s.released {
		release()
	}
	s.released = nil
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner                                = (*Session)(nil)
	_ caddy.CleanerUpper                               = (*Session)(nil)
	_ http.RoundTripper                                = (*Session)(nil)
	_ reverseproxy.TLSTransport                        = (*Session)(nil)
	_ reverseproxy.H2CTransport                        = (*Session)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Session)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Session)(nil)
	_ reverseproxy.BufferedTransport                   = (*Session)(nil)
	_ reverseproxy.ContentLengthRequiredTransport      = (*Session)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Session)(nil)
)
