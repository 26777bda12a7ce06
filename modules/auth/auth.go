// Package auth holds the guest modules of the namespace fairway.auth: how a backend knows who calls.
package auth

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
)

func init() {
	caddy.RegisterModule(new(None))
	caddy.RegisterModule(new(Basic))
}

// None sends no credentials.
type None struct{ session.None }

// CaddyModule returns the Caddy module information.
func (*None) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.none", New: func() caddy.Module { return new(None) }}
}

// UnmarshalCaddyfile reads: auth none.
func (*None) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the mode
	if d.NextArg() {
		return d.Err("auth none takes nothing more")
	}
	return nil
}

// Basic sends HTTP Basic credentials: the caller's own, or fixed ones.
type Basic struct {
	// User of the fixed credentials; {env.X} and {file./path} are resolved. Default: none, the caller's own are sent.
	User string `json:"user,omitempty"`
	// Password of the fixed credentials; {env.X} and {file./path} are resolved.
	Password string `json:"password,omitempty"`

	session.Basic `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*Basic) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.basic", New: func() caddy.Module { return new(Basic) }}
}

// Provision resolves the fixed credentials.
func (b *Basic) Provision(caddy.Context) error {
	if err := b.Check(); err != nil {
		return err
	}
	var err error
	if b.Basic.User, err = fairway.Resolve(b.User); err != nil {
		return fmt.Errorf("auth basic: user %w", err)
	}
	if strings.Contains(b.Basic.User, ":") {
		return errors.New("auth basic: the user has a colon, which ends the name in what is sent")
	}
	if b.Basic.Password, err = fairway.Resolve(b.Password); err != nil {
		return fmt.Errorf("auth basic: password %w", err)
	}
	return nil
}

// Check refuses half of the credentials, and a password that would stand in the configuration for everybody to read.
func (b *Basic) Check() error {
	if user := secrets().ReplaceAllString(b.User, ""); strings.Contains(user, ":") && b.Password != "" {
		return fmt.Errorf("the user %q has a colon, which ends the name in what is sent", b.User)
	}
	return checkAccount(b.User, b.Password)
}

// checkAccount refuses half of fixed credentials, and a password that would stand in the configuration for everybody to read.
func checkAccount(user, password string) error {
	if (user == "") != (password == "") {
		return errors.New("fixed credentials need both a user and a password; without both the caller's own are sent")
	}
	return hidden("password", password)
}

// hidden refuses a secret that would stand in the configuration for everybody to read. An empty one is none.
func hidden(what, value string) error {
	if value != "" && !secrets().MatchString(value) {
		return fmt.Errorf("a %s must not stand in the configuration; write {env.NAME} or {file./run/secrets/name}", what)
	}
	return nil
}

// noBlock refuses a block, of an auth that has none.
func noBlock(d *caddyfile.Dispenser, who string) error {
	if d.NextBlock(d.Nesting()) {
		return d.Errf("%s has no word %s", who, d.Val())
	}
	return nil
}

// secrets finds what is resolved later.
func secrets() *regexp.Regexp { return regexp.MustCompile(`\{(env|file)\.[^{}]*\}`) }

// PerCaller says whether the caller's own credentials are sent; it is known before secrets are resolved.
func (b *Basic) PerCaller() bool { return b.User == "" }

// ServiceAccount says whether fixed credentials are sent.
func (b *Basic) ServiceAccount() bool { return b.User != "" }

// Mode is basic where the caller must send credentials.
func (b *Basic) Mode() session.Mode {
	if b.PerCaller() {
		return session.ModeBasic
	}
	return session.ModeNone
}

// RoundTrip sends req with the credentials.
func (b *Basic) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	return b.Basic.RoundTrip(req, caller, next)
}

// UnmarshalCaddyfile reads:
//
//	auth basic [<user> <password>]
func (b *Basic) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the mode
	args := d.RemainingArgs()
	switch len(args) {
	case 0:
	case 2:
		b.User, b.Password = args[0], args[1]
	default:
		return d.Err("auth basic takes nothing (the caller's own credentials) or a user and a password: auth basic {env.USER} {env.PASSWORD}")
	}
	return noBlock(d, "auth basic")
}

// Interface guards.
var (
	_ session.Strategy      = (*None)(nil)
	_ session.Strategy      = (*Basic)(nil)
	_ caddy.Provisioner     = (*Basic)(nil)
	_ caddyfile.Unmarshaler = (*None)(nil)
	_ caddyfile.Unmarshaler = (*Basic)(nil)
)
