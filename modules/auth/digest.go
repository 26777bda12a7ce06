package auth

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/digest"
)

func init() { caddy.RegisterModule(new(Digest)) }

// Digest answers the challenges of HTTP Digest with the caller's own credentials, or with fixed ones. No password is sent.
type Digest struct {
	// User of the fixed credentials; {env.X} and {file./path} are resolved. Default: none, the caller's own are used.
	User string `json:"user,omitempty"`
	// Password of the fixed credentials; {env.X} and {file./path} are resolved.
	Password string `json:"password,omitempty"`

	strategy digest.Strategy
}

// CaddyModule returns the Caddy module information.
func (*Digest) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.digest", New: func() caddy.Module { return new(Digest) }}
}

// Check refuses half of the credentials, and a password that would stand in the configuration for everybody to read.
func (d *Digest) Check() error { return checkAccount(d.User, d.Password) }

// Provision resolves the fixed credentials.
func (d *Digest) Provision(caddy.Context) error {
	if err := d.Check(); err != nil {
		return fmt.Errorf("auth digest: %w", err)
	}
	var err error
	if d.strategy.User, err = fairway.Resolve(d.User); err != nil {
		return fmt.Errorf("auth digest: user %w", err)
	}
	if d.strategy.Password, err = fairway.Resolve(d.Password); err != nil {
		return fmt.Errorf("auth digest: password %w", err)
	}
	return nil
}

// PerCaller says whether the caller's own credentials are used; it is known before secrets are resolved.
func (d *Digest) PerCaller() bool { return d.User == "" }

// ServiceAccount says whether fixed credentials are used.
func (d *Digest) ServiceAccount() bool { return d.User != "" }

// Mode is basic where the caller must send credentials.
func (d *Digest) Mode() session.Mode {
	if d.PerCaller() {
		return session.ModeBasic
	}
	return session.ModeNone
}

// SetsHeaders gives Authorization.
func (d *Digest) SetsHeaders() []string { return d.strategy.SetsHeaders() }

// RoundTrip sends req with a digest.
func (d *Digest) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	return d.strategy.RoundTrip(req, caller, next)
}

// UnmarshalCaddyfile reads:
//
//	auth digest [<user> <password>]
func (d *Digest) UnmarshalCaddyfile(disp *caddyfile.Dispenser) error {
	disp.Next() // the mode
	args := disp.RemainingArgs()
	switch len(args) {
	case 0:
	case 2:
		d.User, d.Password = args[0], args[1]
	default:
		return disp.Err("auth digest takes nothing (the caller's own credentials) or a user and a password: auth digest {env.USER} {env.PASSWORD}")
	}
	return noBlock(disp, "auth digest")
}

// Interface guards.
var (
	_ session.HeaderSetter  = (*Digest)(nil)
	_ caddy.Provisioner     = (*Digest)(nil)
	_ caddyfile.Unmarshaler = (*Digest)(nil)
)
