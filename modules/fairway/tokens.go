package fairway

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Tokens is how the tokens are that the gateway gives out.
type Tokens struct {
	// Issuer is the name under which tokens are given out, iss and aud of each: an address or a word of at most 256 bytes. All
	// gateways that share a store have the same. Default "fairway".
	Issuer string `json:"issuer,omitempty"`
	// Access is how long an access token lasts. Default 1h, at most 24h.
	Access caddy.Duration `json:"access,omitempty"`
	// Refresh is how long a refresh token lasts that nobody uses. Default 14 days.
	Refresh caddy.Duration `json:"refresh,omitempty"`
	// Login is how long a login lasts at most, however often its token is refreshed. Default 180 days.
	Login caddy.Duration `json:"login,omitempty"`
	// PasswordGrant "off" refuses the OAuth2 grant password. Default "on".
	PasswordGrant string `json:"password_grant,omitempty"`
	// QuerySecrets "off" refuses passwords, secrets and tokens in a query. Default "on": they are taken, and in no log.
	QuerySecrets string `json:"query_secrets,omitempty"`
	// Scopes are those of `callers users <scope>...`, which clients and tokens may be given beside those of the control API. All
	// gateways that share a store have the same. Default none.
	Scopes []string `json:"scopes,omitempty"`
}

const (
	defaultIssuer = "fairway"
	longestIssuer = 256
	longestAccess = caddy.Duration(24 * time.Hour)
)

func (t *Tokens) check() error {
	for _, d := range []struct {
		word string
		is   caddy.Duration
	}{{"access", t.Access}, {"refresh", t.Refresh}, {"login", t.Login}} {
		if d.is < 0 {
			return fmt.Errorf("%s is how long tokens last, which is not negative", d.word)
		}
	}
	switch {
	case len(t.Issuer) > longestIssuer:
		return fmt.Errorf("an issuer has at most %d bytes", longestIssuer)
	case t.Access > longestAccess:
		return errors.New("access is at most 24h: tokens are refreshed, and what is long is refresh")
	}
	if err := t.checkScopes(); err != nil {
		return err
	}
	for _, s := range []string{t.PasswordGrant, t.QuerySecrets} {
		if s != "" && s != "on" && s != "off" {
			return fmt.Errorf("%s is neither on nor off", strconv.Quote(s))
		}
	}
	return nil
}

// mostScopes is how many scopes there may be beside those of the control API, longestScope how many bytes one has at most.
const (
	mostScopes   = 200
	longestScope = 100
)

func (t *Tokens) checkScopes() error {
	if len(t.Scopes) > mostScopes {
		return fmt.Errorf("there are at most %d scopes", mostScopes)
	}
	for i, name := range t.Scopes {
		switch {
		case !wrap.IsScope(name) || len(name) > longestScope:
			return fmt.Errorf("%q is no scope: letters, digits and signs of ASCII, without blanks, quotes and backslashes, at most %d", name, longestScope)
		case slices.Contains(t.Scopes[:i], name):
			return fmt.Errorf("the scope %s is there twice", name)
		case slices.ContainsFunc(permit.Scopes(), func(s permit.Scope) bool { return s.Name == name }):
			return fmt.Errorf("the scope %s is one of the control API, and there already", name)
		}
	}
	return nil
}

// ScopesOfServices are the scopes that the configuration names beside those of the control API.
func (a *App) ScopesOfServices() []permit.Scope {
	if a.Tokens == nil {
		return nil
	}
	out := make([]permit.Scope, len(a.Tokens.Scopes))
	for i, name := range a.Tokens.Scopes {
		out[i] = permit.Scope{Name: name, Doc: "Use services that ask for " + name}
	}
	return out
}

// config is what package tokens is told.
func (t *Tokens) config() tokens.Config {
	if t == nil {
		t = new(Tokens)
	}
	return tokens.Config{
		Issuer: cmp.Or(t.Issuer, defaultIssuer),
		Access: time.Duration(t.Access), Refresh: time.Duration(t.Refresh), Family: time.Duration(t.Login),
		NoPasswordGrant: t.PasswordGrant == "off", NoQuerySecrets: t.QuerySecrets == "off",
	}
}

// parseTokens reads:
//
//	tokens {
//		issuer         <name>
//		access         <duration>
//		refresh        <duration>
//		login          <duration>
//		password_grant on|off
//		query_secrets  on|off
//		scopes         <scope>...
//	}
func parseTokens(d *caddyfile.Dispenser, app *App) error {
	if app.Tokens != nil {
		return d.Err("tokens is there twice")
	}
	t := new(Tokens)
	app.Tokens = t
	if d.NextArg() {
		return d.Err("tokens takes nothing on its line; write: tokens { access 1h }")
	}
	texts := map[string]*string{"issuer": &t.Issuer, "password_grant": &t.PasswordGrant, "query_secrets": &t.QuerySecrets}
	durations := map[string]*caddy.Duration{"access": &t.Access, "refresh": &t.Refresh, "login": &t.Login}
	seen := map[string]bool{}
	for d.NextBlock(1) {
		word := d.Val()
		if seen[word] {
			return d.Errf("%s is there twice", word)
		}
		seen[word] = true
		args := d.RemainingArgs()
		if word == "scopes" && len(args) > 0 {
			t.Scopes = args
			if err := t.check(); err != nil {
				return d.WrapErr(err)
			}
			if d.NextBlock(2) {
				return d.Err("scopes takes no block")
			}
			continue
		}
		text, duration := texts[word], durations[word]
		switch {
		case word == "scopes":
			return d.Err("scopes takes at least one scope, like reports:read")
		case text == nil && duration == nil:
			return d.Errf("tokens has no word %s%s", word, wrap.Suggest(word, tokenWords()))
		case len(args) != 1 || args[0] == "":
			return d.Errf("%s takes one value", word)
		case text != nil:
			*text = args[0]
		default:
			v, err := caddy.ParseDuration(args[0])
			if err != nil || v <= 0 {
				return d.Errf("%s takes a duration above 0, like 1h or 30d", word)
			}
			*duration = caddy.Duration(v)
		}
		if err := t.check(); err != nil {
			return d.WrapErr(err)
		}
		if d.NextBlock(2) {
			return d.Errf("%s takes no block", word)
		}
	}
	return nil
}

func tokenWords() []string {
	return []string{"issuer", "access", "refresh", "login", "password_grant", "query_secrets", "scopes"}
}
