package auth

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
)

func init() { caddy.RegisterModule(new(Header)) }

// Header sends a fixed value in a header of any name.
type Header struct {
	// Name of the header, like X-Api-Key. Required.
	Name string `json:"name,omitempty"`
	// Value holds {env.X} or {file./path}, resolved when the configuration is loaded, and may hold more: "Token {env.X}". Required.
	Value string `json:"value,omitempty"`

	session.Header `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*Header) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.header", New: func() caddy.Module { return new(Header) }}
}

// Check refuses a name that carries no credentials, and a value that would stand in the configuration for everybody to read.
func (h *Header) Check() error {
	if h.Name == "" || h.Value == "" {
		return errors.New("a name and a value are needed: auth header X-Api-Key {env.KEY}")
	}
	name, err := session.HeaderName(h.Name)
	if err != nil {
		return err
	}
	h.Header.Name = name // before secrets are resolved, for who looks for headers that are set twice
	return hidden("value", h.Value)
}

// Provision resolves the value.
func (h *Header) Provision(caddy.Context) error {
	if err := h.Check(); err != nil {
		return fmt.Errorf("auth header: %w", err)
	}
	var err error
	if h.Header.Value, err = fairway.Resolve(h.Value); err != nil {
		return fmt.Errorf("auth header: value %w", err)
	}
	if err := h.Header.Check(); err != nil {
		return fmt.Errorf("auth header: %w", err)
	}
	return nil
}

// UnmarshalCaddyfile reads:
//
//	auth header <name> <value>
func (h *Header) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the mode
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("auth header takes a name and a value; put a value with blanks in quotes: auth header X-Api-Key {env.KEY}")
	}
	h.Name, h.Value = args[0], args[1]
	return noBlock(d, "auth header")
}

// Interface guards.
var (
	_ session.HeaderSetter  = (*Header)(nil)
	_ caddy.Provisioner     = (*Header)(nil)
	_ caddyfile.Unmarshaler = (*Header)(nil)
)
