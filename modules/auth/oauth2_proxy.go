package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
	"github.com/fairway-gateway/fairway/proxies/session/grant"
	"github.com/fairway-gateway/fairway/proxies/session/login"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
	"github.com/fairway-gateway/fairway/proxies/session/reauth"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func init() { caddy.RegisterModule(new(OAuth2Proxy)) }

// The strategies of OAuth2Proxy.
const (
	loginForm     = "login_form"
	htpasswdForm  = "htpasswd_form"
	passwordGrant = "password_grant"
	passBasic     = "basic"
)

// proxyCookie is what the names of the proxy's cookies begin with.
const proxyCookie = "_oauth2_proxy"

// OAuth2Proxy logs in through the OAuth2 proxy that stands before the backend, and again when that wants it.
type OAuth2Proxy struct {
	// Start is where a login begins: a path of the backend or a whole URL. Default: /oauth2/start.
	Start string `json:"start,omitempty"`
	// Strategy is how to log in: login_form fills in the login page of the identity provider, htpasswd_form that of the proxy
	// itself, password_grant asks the identity provider for a token, basic sends the credentials with each request. Default:
	// login_form.
	Strategy string `json:"strategy,omitempty"`
	// Account is a service account. Default: each caller's own Basic credentials.
	Account *Account `json:"account,omitempty"`
	// LoginOrigins are where a login may lead to, credentials and all, beside the backend itself: https://host[:port]. Default: none.
	LoginOrigins []string `json:"login_origins,omitempty"`
	// UsernameField and PasswordField are the names of the login form's fields. Default: found out.
	UsernameField string `json:"username_field,omitempty"`
	PasswordField string `json:"password_field,omitempty"`
	// ExtraFields are set in the login form. Default: none.
	ExtraFields []Field `json:"extra_fields,omitempty"`
	// Consent says what to do where the identity provider asks whether the proxy may know the user: approve or refuse, which
	// fails the login. Default: refuse.
	Consent string `json:"consent,omitempty"`
	// TokenURL is the token endpoint of password_grant, Client the client that asks there, Scopes what for.
	TokenURL string   `json:"token_url,omitempty"`
	Client   *Client  `json:"client,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`
	// RetryOn are the statuses that mean that the session is over. Default: what the proxy says of itself.
	RetryOn []int `json:"retry_on,omitempty"`
	Life

	loggedIn
	account  *session.Credentials
	basic    *reauth.Basic
	resolved struct {
		start, tokenURL string
		origins         []string
		fields          []login.Field
		client          session.Credentials
	}
}

// Client is an OAuth2 client.
type Client struct {
	// ID is the client's id at the provider. Required.
	ID string `json:"id"`
	// Secret is {env.X} or {file./path}. Default: none, it is a public client.
	Secret string `json:"secret,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*OAuth2Proxy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.oauth2_proxy", New: func() caddy.Module { return new(OAuth2Proxy) }}
}

func (o *OAuth2Proxy) strategy() string {
	if o.Strategy == "" {
		return loginForm
	}
	return o.Strategy
}

// Check refuses what cannot work, as far as it is known before placeholders are resolved.
func (o *OAuth2Proxy) Check() error {
	strategies := []string{loginForm, htpasswdForm, passwordGrant, passBasic}
	if !slices.Contains(strategies, o.strategy()) {
		return fmt.Errorf("strategy is %s, not %q%s", strings.Join(strategies, ", "), o.Strategy, wrap.Suggest(o.Strategy, strategies))
	}
	if err := o.checkWords(); err != nil {
		return err
	}
	if err := errors.Join(o.Account.Check(), o.Life.Check()); err != nil {
		return err
	}
	if o.Consent != "" && o.Consent != "approve" && o.Consent != "refuse" {
		return fmt.Errorf("consent is approve or refuse, not %q%s", o.Consent, wrap.Suggest(o.Consent, []string{"approve", "refuse"}))
	}
	if err := checkStatuses(o.RetryOn); err != nil {
		return err
	}
	if o.strategy() == passwordGrant {
		return o.checkGrant()
	}
	cfg := o.login(o.Start, o.LoginOrigins, nil)
	if unresolved(cfg.Start) {
		cfg.Start = ""
	}
	cfg.Origins = slices.DeleteFunc(slices.Clone(cfg.Origins), unresolved)
	_, err := login.New(cfg)
	return err
}

// checkWords refuses words that mean nothing to a strategy.
func (o *OAuth2Proxy) checkWords() error {
	form := []string{loginForm}
	logins := []string{loginForm, htpasswdForm, passwordGrant}
	for _, w := range []struct {
		name string
		set  bool
		of   []string
	}{
		{"a start", o.Start != "", logins},
		{"login_origins", len(o.LoginOrigins) > 0, form},
		{"username_field", o.UsernameField != "", form},
		{"password_field", o.PasswordField != "", form},
		{"extra_fields", len(o.ExtraFields) > 0, []string{loginForm, htpasswdForm}},
		{"consent", o.Consent != "", form},
		{"token_url", o.TokenURL != "", []string{passwordGrant}},
		{"client", o.Client != nil, []string{passwordGrant}},
		{"scope", len(o.Scopes) > 0, []string{passwordGrant}},
		{"retry_on", len(o.RetryOn) > 0, logins},
		{"session_ttl", o.SessionTTL != 0, logins},
		{"login_timeout", o.LoginTimeout != 0, logins},
	} {
		if w.set && !slices.Contains(w.of, o.strategy()) {
			return fmt.Errorf("strategy %s has no use for %s, which is for %s", o.strategy(), w.name, strings.Join(w.of, ", "))
		}
	}
	return nil
}

func (o *OAuth2Proxy) checkGrant() error {
	if o.TokenURL == "" {
		return errors.New("strategy password_grant needs the token endpoint: token_url https://login.example.org/oauth2/token")
	}
	if o.Client != nil {
		if o.Client.ID == "" {
			return errors.New("client needs an id")
		}
		if err := hidden("client secret", o.Client.Secret); err != nil {
			return err
		}
	}
	e := grant.Endpoint{URL: o.TokenURL, Scopes: o.Scopes}
	if unresolved(e.URL) {
		e.URL = "https://unresolved.invalid/"
	}
	return e.Check()
}

// login is the configuration of the driver.
func (o *OAuth2Proxy) login(start string, origins []string, fields []login.Field) login.Config {
	kind := login.Proxy
	if o.strategy() == htpasswdForm {
		kind = login.Htpasswd
	}
	return login.Config{
		Kind: kind, Start: start, Origins: origins, UsernameField: o.UsernameField, PasswordField: o.PasswordField,
		ExtraFields: fields, Consent: o.Consent == "approve", Timeout: time.Duration(o.LoginTimeout),
	}
}

// Provision resolves the placeholders and gets the pool of sessions.
func (o *OAuth2Proxy) Provision(ctx caddy.Context) error {
	if err := o.provisioned(ctx); err != nil {
		return fmt.Errorf("auth oauth2_proxy: %w", err)
	}
	return nil
}

func (o *OAuth2Proxy) provisioned(ctx caddy.Context) error {
	err := o.Check()
	if err != nil {
		return err
	}
	if o.account, err = o.Account.resolve(); err != nil {
		return err
	}
	r := &o.resolved
	if r.start, err = fairway.Resolve(o.Start); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if r.start == "" {
		r.start = login.DefaultStart
	}
	if r.tokenURL, err = fairway.Resolve(o.TokenURL); err != nil {
		return fmt.Errorf("token_url: %w", err)
	}
	if r.origins, err = resolveAll("login_origins", o.LoginOrigins); err != nil {
		return err
	}
	if r.fields, err = resolveFields(o.ExtraFields); err != nil {
		return err
	}
	if o.Client != nil {
		if r.client.User, err = fairway.Resolve(o.Client.ID); err != nil {
			return fmt.Errorf("client: id %w", err)
		}
		if r.client.Password, err = fairway.Resolve(o.Client.Secret); err != nil {
			return fmt.Errorf("client: secret %w", err)
		}
	}
	if o.strategy() == passBasic {
		return nil
	}
	return o.provision(ctx)
}

// resolveFields resolves the values of fields.
func resolveFields(fields []Field) ([]login.Field, error) {
	out := make([]login.Field, 0, len(fields))
	for _, f := range fields {
		v, err := fairway.Resolve(f.Value)
		if err != nil {
			return nil, fmt.Errorf("extra_fields: %s: %w", f.Name, err)
		}
		out = append(out, login.Field{Name: f.Name, Value: v})
	}
	return out, nil
}

// Bind implements session.Bound.
func (o *OAuth2Proxy) Bind(b session.Backend) error {
	r := &o.resolved
	if o.strategy() == passBasic {
		o.basic = &reauth.Basic{
			Account: o.account, Hidden: proxyCookie, Probe: reauth.Beside(login.DefaultStart, "auth"),
			Challenge: challenge.Detector{Start: login.DefaultStart, Slow: len(b.Addresses) == 0},
		}
		return nil
	}
	in, err := o.driver(b.Elsewhere)
	if err != nil {
		return err
	}
	// What a session is for: a login to another place, or as another client, or tenant, is another one.
	kind, err := json.Marshal([]any{"oauth2_proxy", o.strategy(), r.start, r.tokenURL, r.client.User, o.Scopes, o.UsernameField, r.fields})
	if err != nil {
		return err
	}
	return o.bind(b, reauth.Config{
		Account: o.account, Kind: string(kind),
		Sessions: pool.Config{
			Login: in, TTL: time.Duration(o.SessionTTL), Timeout: time.Duration(o.LoginTimeout), Hidden: []string{proxyCookie},
		},
		Challenge: challenge.Detector{Start: r.start, Origins: r.origins, Statuses: o.RetryOn},
		Probe:     reauth.Beside(r.start, "auth"),
	})
}

// driver makes what logs in.
func (o *OAuth2Proxy) driver(elsewhere http.RoundTripper) (session.Login, error) {
	r := &o.resolved
	if o.strategy() != passwordGrant {
		cfg := o.login(r.start, r.origins, r.fields)
		cfg.Elsewhere = elsewhere
		return login.New(cfg)
	}
	out := &grant.Password{IDToken: true, Endpoint: grant.Endpoint{
		URL: r.tokenURL, ClientID: r.client.User, ClientSecret: r.client.Password, Scopes: o.Scopes, Transport: elsewhere,
	}}
	return out, out.Check()
}

// Mode is bitly-proxy where the caller must send credentials, whatever the strategy.
func (o *OAuth2Proxy) Mode() session.Mode {
	if o.PerCaller() {
		return session.ModeBitlyProxy
	}
	return session.ModeNone
}

// PerCaller says whether the caller's own credentials log in.
func (o *OAuth2Proxy) PerCaller() bool { return o.Account == nil }

// ServiceAccount says whether those of an account do.
func (o *OAuth2Proxy) ServiceAccount() bool { return o.Account != nil }

// RoundTrip sends req with a session, or with the credentials where the proxy takes them.
func (o *OAuth2Proxy) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	if o.strategy() != passBasic {
		return o.loggedIn.RoundTrip(req, caller, next)
	}
	if o.basic == nil {
		return nil, errUnbound
	}
	return o.basic.RoundTrip(req, caller, next) //nolint:wrapcheck // a strategy is transparent
}
