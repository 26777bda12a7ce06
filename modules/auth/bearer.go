package auth

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
)

func init() { caddy.RegisterModule(new(Bearer)) }

// Bearer sends a fixed token.
type Bearer struct {
	// Token is {env.X} or {file./path}, resolved when the configuration is loaded. Required.
	Token string `json:"token,omitempty"`

	session.Bearer `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*Bearer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.bearer", New: func() caddy.Module { return new(Bearer) }}
}

// Check refuses a token that would stand in the configuration for everybody to read.
func (b *Bearer) Check() error {
	if b.Token == "" {
		return errors.New("a token is needed: auth bearer {env.TOKEN}")
	}
	return hidden("token", b.Token)
}

// Provision resolves the token.
func (b *Bearer) Provision(caddy.Context) error {
	if err := b.Check(); err != nil {
		return fmt.Errorf("auth bearer: %w", err)
	}
	var err error
	if b.Bearer.Token, err = fairway.Resolve(b.Token); err != nil {
		return fmt.Errorf("auth bearer: token %w", err)
	}
	if err := b.Bearer.Check(); err != nil {
		return fmt.Errorf("auth bearer: %w", err)
	}
	return nil
}

// UnmarshalCaddyfile reads:
//
//	auth bearer <token>
func (b *Bearer) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the mode
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Err("auth bearer takes a token: auth bearer {env.TOKEN}")
	}
	b.Token = args[0]
	return noBlock(d, "auth bearer")
}

// Interface guards.
var (
	_ session.HeaderSetter  = (*Bearer)(nil)
	_ caddy.Provisioner     = (*Bearer)(nil)
	_ caddyfile.Unmarshaler = (*Bearer)(nil)
)
