// Package grant logs in at an OAuth2 token endpoint (RFC 6749): with somebody's user name and password, or as a client of its own.
package grant

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Password exchanges a user's name and password for a token (RFC 6749, section 4.3).
type Password struct {
	Endpoint
	// IDToken says that the bearer is the ID token (OpenID Connect), which is what oauth2-proxy takes with its option
	// --skip-jwt-bearer-tokens. Default: the access token.
	IDToken bool
}

// Login implements session.Login.
func (p *Password) Login(ctx context.Context, site session.Site, c session.Credentials) (*session.State, error) {
	form := url.Values{"grant_type": {"password"}, "username": {c.User}, "password": {c.Password}}
	if scopes := p.scopes(); scopes != "" {
		form.Set("scope", scopes)
	}
	return p.state(ctx, site, form, ofUser)
}

// scopes are those of the endpoint; an ID token is only given to who asks for openid.
func (p *Password) scopes() string {
	if len(p.Scopes) == 0 && p.IDToken {
		return "openid email profile"
	}
	return strings.Join(p.Scopes, " ")
}

// Refresh implements session.Refresher (RFC 6749, section 6).
func (p *Password) Refresh(ctx context.Context, site session.Site, old *session.State) (*session.State, error) {
	if old.Refresh == "" {
		return nil, errors.New("the state has no refresh token")
	}
	state, err := p.state(ctx, site, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.Refresh}}, ofSession)
	if err != nil {
		return nil, err
	}
	if state.Refresh == "" { // the old one stays good
		state.Refresh = old.Refresh
	}
	return state, nil
}

func (p *Password) state(ctx context.Context, site session.Site, form url.Values, of owner) (*session.State, error) {
	a, asked, err := p.ask(ctx, site, form, session.Credentials{User: p.ClientID, Password: p.ClientSecret}, of)
	if err != nil {
		return nil, err
	}
	state := &session.State{Refresh: a.refresh, Expires: expiry(asked, a.life)}
	if !p.IDToken {
		return a.bear(state)
	}
	if a.idToken == "" {
		return nil, unavailable("The token endpoint gave no ID token; the scope openid asks for one", nil)
	}
	if !sendable(a.idToken) {
		return nil, unavailable("The token endpoint gave an ID token that cannot be sent", nil)
	}
	if life := lifeOf(a.idToken, asked); life > 0 && (a.life <= 0 || life < a.life) {
		state.Expires = expiry(asked, life)
	}
	state.Authorization = "Bearer " + a.idToken
	return state, nil
}

// ClientCredentials gets a token for a client of its own (RFC 6749, section 4.4). The credentials of Login are its id and secret;
// ClientID and ClientSecret of the endpoint are not used.
type ClientCredentials struct{ Endpoint }

// Login implements session.Login.
func (g *ClientCredentials) Login(ctx context.Context, site session.Site, c session.Credentials) (*session.State, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(g.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Scopes, " "))
	}
	a, asked, err := g.ask(ctx, site, form, c, ofClient)
	if err != nil {
		return nil, err
	}
	// A refresh token is not due here (section 4.4.3), and would save nothing.
	return a.bear(&session.State{Expires: expiry(asked, a.life)})
}

// bear puts the access token into a state.
func (a *answer) bear(state *session.State) (*session.State, error) {
	switch {
	case a.access == "":
		return nil, unavailable("The token endpoint gave no access token", nil)
	case a.kind != "" && !strings.EqualFold(a.kind, "bearer"):
		return nil, unavailable("The token endpoint gave a token that is no bearer token", nil)
	case !sendable(a.access):
		return nil, unavailable("The token endpoint gave an access token that cannot be sent", nil)
	}
	state.Authorization = "Bearer " + a.access
	return state, nil
}

// longestToken is how long a token may be that goes into a header, in bytes.
const longestToken = 32 << 10

// sendable says that a token can stand in a header.
func sendable(token string) bool {
	return len(token) <= longestToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Interface guards.
var (
	_ session.Login     = (*Password)(nil)
	_ session.Refresher = (*Password)(nil)
	_ session.Login     = (*ClientCredentials)(nil)
)
