package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
	"github.com/fairway-gateway/fairway/proxies/session/grant"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
	"github.com/fairway-gateway/fairway/proxies/session/reauth"
)

func init() { caddy.RegisterModule(new(ClientCredentials)) }

// ClientCredentials sends a token that the gateway gets as an OAuth2 client of its own. It is fetched once for all requests of all
// gateways, and again when it ends or the backend answers 401.
type ClientCredentials struct {
	// TokenURL is the token endpoint: https, or on this machine. {env.X} and {file./path} are resolved. Required.
	TokenURL string `json:"token_url,omitempty"`
	// ClientID is text, {env.X} or {file./path}. Required.
	ClientID string `json:"client_id,omitempty"`
	// ClientSecret is {env.X} or {file./path}. Required.
	ClientSecret string `json:"client_secret,omitempty"`
	// Scopes are asked for. Default: none, the server's own.
	Scopes []string `json:"scopes,omitempty"`
	// Audience is who the token is for, where the server wants to be told. Default: none.
	Audience string `json:"audience,omitempty"`
	// AuthStyle is how the client tells who it is: basic in a header, post in the body. Default: basic.
	AuthStyle string `json:"auth_style,omitempty"`
	// RetryOn are the statuses that mean that the token is not good any more. Default: 401.
	RetryOn []int `json:"retry_on,omitempty"`

	loggedIn
	account  session.Credentials
	endpoint grant.Endpoint
}

// CaddyModule returns the Caddy module information.
func (*ClientCredentials) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.client_credentials", New: func() caddy.Module { return new(ClientCredentials) }}
}

// Check refuses what cannot work, as far as it is known before placeholders are resolved.
func (c *ClientCredentials) Check() error {
	if c.TokenURL == "" || c.ClientID == "" || c.ClientSecret == "" {
		return errors.New("a token endpoint, a client id and a client secret are needed: auth client_credentials https://login.example.org/oauth2/token fairway {env.CLIENT_SECRET}")
	}
	if err := hidden("client secret", c.ClientSecret); err != nil {
		return err
	}
	if err := checkStatuses(c.RetryOn); err != nil {
		return err
	}
	e := grant.Endpoint{URL: c.TokenURL, Scopes: c.Scopes, Audience: c.Audience, Style: grant.Style(c.AuthStyle)}
	if unresolved(e.URL) {
		e.URL = "https://unresolved.invalid/"
	}
	return e.Check()
}

// Provision resolves the placeholders and gets the pool of sessions.
func (c *ClientCredentials) Provision(ctx caddy.Context) error {
	if err := c.provisioned(ctx); err != nil {
		return fmt.Errorf("auth client_credentials: %w", err)
	}
	return nil
}

func (c *ClientCredentials) provisioned(ctx caddy.Context) error {
	if err := c.Check(); err != nil {
		return err
	}
	c.endpoint = grant.Endpoint{Scopes: c.Scopes, Style: grant.Style(c.AuthStyle)}
	for _, r := range []struct {
		what, text string
		to         *string
	}{
		{"token URL", c.TokenURL, &c.endpoint.URL},
		{"client id", c.ClientID, &c.account.User},
		{"client secret", c.ClientSecret, &c.account.Password},
		{"audience", c.Audience, &c.endpoint.Audience},
	} {
		var err error
		if *r.to, err = fairway.Resolve(r.text); err != nil {
			return fmt.Errorf("%s %w", r.what, err)
		}
	}
	if err := c.endpoint.Check(); err != nil {
		return err
	}
	if len(c.account.User) > longestClient || len(c.account.Password) > longestSecret {
		return fmt.Errorf("a client id has at most %d bytes, and a secret %d", longestClient, longestSecret)
	}
	return c.provision(ctx)
}

// What the pool of sessions takes for credentials, in bytes.
const (
	longestClient = 256
	longestSecret = 1024
)

// Bind implements session.Bound.
func (c *ClientCredentials) Bind(b session.Backend) error {
	endpoint := c.endpoint
	endpoint.Transport = b.Elsewhere
	kind, err := json.Marshal([]any{"client_credentials", endpoint.URL, c.Scopes, endpoint.Audience})
	if err != nil {
		return err
	}
	return c.bind(b, reauth.Config{
		Account: &c.account, Kind: string(kind),
		Sessions:  pool.Config{Login: &grant.ClientCredentials{Endpoint: endpoint}},
		Challenge: challenge.Detector{Statuses: c.retryOn()},
	})
}

// retryOn is 401, by which a token is said to be over; 403 is one that may not do this, as the next one may not (RFC 6750, section
// 3.1), but not everybody keeps to that.
func (c *ClientCredentials) retryOn() []int {
	if len(c.RetryOn) == 0 {
		return []int{http.StatusUnauthorized}
	}
	return c.RetryOn
}

// Mode is none: a caller sends nothing.
func (*ClientCredentials) Mode() session.Mode { return session.ModeNone }

// PerCaller is false: the token is the gateway's.
func (*ClientCredentials) PerCaller() bool { return false }

// ServiceAccount is true.
func (*ClientCredentials) ServiceAccount() bool { return true }

// UnmarshalCaddyfile reads:
//
//	auth client_credentials <token url> <client id> <client secret> {
//		scope      <scope>...
//		audience   <audience>
//		auth_style basic | post
//		retry_on   <status>...
//	}
func (c *ClientCredentials) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	if len(n.Args) != 3 {
		return n.Errorf("auth client_credentials takes a token endpoint, a client id and a client secret: auth client_credentials https://login.example.org/oauth2/token fairway {env.CLIENT_SECRET}")
	}
	c.TokenURL, c.ClientID, c.ClientSecret = n.Args[0].Text, n.Args[1].Text, n.Args[2].Text
	return caddyfiles.Words{Owner: "auth client_credentials", Known: map[string]caddyfiles.Word{
		"scope":      listWord("scope builds:read", &c.Scopes),
		"audience":   textWord("audience https://api.example.org", &c.Audience),
		"auth_style": textWord("auth_style post", &c.AuthStyle),
		"retry_on": {Parse: func(n caddyfiles.Node) error {
			var err error
			c.RetryOn, err = statuses(n, "retry_on 401 403")
			return err
		}},
	}}.Parse(n)
}

// Interface guards.
var (
	_ session.HeaderSetter  = (*ClientCredentials)(nil)
	_ session.Bound         = (*ClientCredentials)(nil)
	_ caddy.Provisioner     = (*ClientCredentials)(nil)
	_ caddy.CleanerUpper    = (*ClientCredentials)(nil)
	_ caddyfile.Unmarshaler = (*ClientCredentials)(nil)
)
