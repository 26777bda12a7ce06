package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
	"github.com/fairway-gateway/fairway/proxies/session/login"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
	"github.com/fairway-gateway/fairway/proxies/session/reauth"
)

func init() { caddy.RegisterModule(new(Form)) }

// Form logs in with the login page of the backend itself, or of what it sends people to, and again when that wants it.
type Form struct {
	// Login is the page: a path of the backend or a whole URL. Required.
	Login string `json:"login,omitempty"`
	// Account is a service account. Default: each caller's own Basic credentials.
	Account *Account `json:"account,omitempty"`
	// LoginOrigins are where a login may lead to, credentials and all, beside the backend itself: https://host[:port]. Default: none.
	LoginOrigins []string `json:"login_origins,omitempty"`
	// UsernameField and PasswordField are the names of the login form's fields. Default: found out.
	UsernameField string `json:"username_field,omitempty"`
	PasswordField string `json:"password_field,omitempty"`
	// ExtraFields are set in the login form. Default: none.
	ExtraFields []Field `json:"extra_fields,omitempty"`
	// Challenge are the statuses that mean that the session is over, and Redirect is a path that the backend then redirects to.
	// Default: 401, 403, a redirect to the login page or a login server, and a page with a field for a password.
	Challenge []int  `json:"challenge,omitempty"`
	Redirect  string `json:"redirect,omitempty"`
	Life

	loggedIn
	account *session.Credentials
	cfg     login.Config
}

// CaddyModule returns the Caddy module information.
func (*Form) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.form", New: func() caddy.Module { return new(Form) }}
}

// Check refuses what cannot work, as far as it is known before placeholders are resolved.
func (f *Form) Check() error {
	if f.Login == "" {
		return errors.New("the login page is needed: auth form /login")
	}
	if err := errors.Join(f.Account.Check(), f.Life.Check(), checkStatuses(f.Challenge)); err != nil {
		return err
	}
	if f.Redirect != "" && !strings.HasPrefix(f.Redirect, "/") {
		return fmt.Errorf("%q is no path to be redirected to: challenge redirect /login", f.Redirect)
	}
	cfg := login.Config{Kind: login.Page, Start: f.Login, Timeout: time.Duration(f.LoginTimeout)}
	if unresolved(cfg.Start) {
		cfg.Start = "/"
	}
	for _, o := range f.LoginOrigins {
		if !unresolved(o) {
			cfg.Origins = append(cfg.Origins, o)
		}
	}
	_, err := login.New(cfg)
	return err
}

// Provision resolves the placeholders and gets the pool of sessions.
func (f *Form) Provision(ctx caddy.Context) error {
	if err := f.provisioned(ctx); err != nil {
		return fmt.Errorf("auth form: %w", err)
	}
	return nil
}

func (f *Form) provisioned(ctx caddy.Context) error {
	err := f.Check()
	if err != nil {
		return err
	}
	if f.account, err = f.Account.resolve(); err != nil {
		return err
	}
	f.cfg = login.Config{
		Kind: login.Page, UsernameField: f.UsernameField, PasswordField: f.PasswordField, Timeout: time.Duration(f.LoginTimeout),
	}
	if f.cfg.Start, err = fairway.Resolve(f.Login); err != nil {
		return fmt.Errorf("login page: %w", err)
	}
	if f.cfg.Origins, err = resolveAll("login_origins", f.LoginOrigins); err != nil {
		return err
	}
	if f.cfg.ExtraFields, err = resolveFields(f.ExtraFields); err != nil {
		return err
	}
	return f.provision(ctx)
}

// Bind implements session.Bound.
func (f *Form) Bind(b session.Backend) error {
	if f.pool == nil {
		return nil
	}
	cfg := f.cfg
	cfg.Elsewhere = b.Elsewhere
	in, err := login.New(cfg)
	if err != nil {
		return err
	}
	kind, err := json.Marshal([]any{"form", cfg.Start, cfg.UsernameField, cfg.ExtraFields})
	if err != nil {
		return err
	}
	return f.bind(b, reauth.Config{
		Account: f.account, Kind: string(kind),
		Sessions:  pool.Config{Login: in, TTL: time.Duration(f.SessionTTL), Timeout: time.Duration(f.LoginTimeout)},
		Challenge: challenge.Detector{Start: cfg.Start, Origins: cfg.Origins, Statuses: f.Challenge, Redirect: f.Redirect},
	})
}

// Mode is basic where the caller must send credentials.
func (f *Form) Mode() session.Mode {
	if f.PerCaller() {
		return session.ModeBasic
	}
	return session.ModeNone
}

// PerCaller says whether the caller's own credentials log in.
func (f *Form) PerCaller() bool { return f.Account == nil }

// ServiceAccount says whether those of an account do.
func (f *Form) ServiceAccount() bool { return f.Account != nil }

// UnmarshalCaddyfile reads:
//
//	auth form <login page> {
//		account        <user> <password>
//		login_origins  <origin>...
//		username_field <name>
//		password_field <name>
//		extra_fields   { <name> <value> }
//		challenge      <status>... | redirect <path>
//		session_ttl    <duration>
//		login_timeout  <duration>
//	}
func (f *Form) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	if len(n.Args) != 1 {
		return n.Errorf("auth form takes the login page: auth form /login")
	}
	f.Login = n.Args[0].Text
	words := lifeWords(&f.Life)
	maps.Copy(words, map[string]caddyfiles.Word{
		"account":        accountWord(&f.Account),
		"login_origins":  listWord("login_origins https://login.example.org", &f.LoginOrigins),
		"username_field": textWord("username_field login", &f.UsernameField),
		"password_field": textWord("password_field password", &f.PasswordField),
		"extra_fields":   fieldsWord(&f.ExtraFields),
		"challenge":      {Many: true, Parse: f.challenge},
	})
	return caddyfiles.Words{Owner: "auth form", Known: words}.Parse(n)
}

// challenge reads: challenge <status>... | redirect <path>.
func (f *Form) challenge(n caddyfiles.Node) error {
	const usage = "challenge 401 403, or challenge redirect /login"
	if len(n.Args) > 0 && n.Args[0].Text == "redirect" {
		switch {
		case len(n.Args) != 2 || n.HasBlock:
			return n.Errorf("challenge redirect takes a path; write: %s", usage)
		case f.Redirect != "":
			return n.Errorf("challenge redirect is there twice")
		}
		f.Redirect = n.Args[1].Text
		return nil
	}
	if len(f.Challenge) > 0 {
		return n.Errorf("challenge with statuses is there twice; write them on one line")
	}
	var err error
	f.Challenge, err = statuses(n, usage)
	return err
}

// Interface guards.
var (
	_ session.HeaderSetter  = (*Form)(nil)
	_ session.Bound         = (*Form)(nil)
	_ caddy.Provisioner     = (*Form)(nil)
	_ caddy.CleanerUpper    = (*Form)(nil)
	_ caddyfile.Unmarshaler = (*Form)(nil)
)
