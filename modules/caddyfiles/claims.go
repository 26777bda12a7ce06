package caddyfiles

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Claims are the paths that directives of a site have taken; one lives while one Caddyfile is adapted.
type Claims struct {
	taken map[string]claim
}

type claim struct {
	by caddyfile.Token
}

const claimsKey = "fairway.claims"

// ClaimsOf finds or makes the Claims of one adaptation. State is that of the directive's helper.
func ClaimsOf(state map[string]any) *Claims {
	c, ok := state[claimsKey].(*Claims)
	if !ok {
		c = &Claims{taken: map[string]claim{}}
		state[claimsKey] = c
	}
	return c
}

// Reserved says whether the directive health answers the path.
func Reserved(path string) bool { return path == "/" || path == "/ready" || path == "/services" }

// Claim takes path in a site for the directive at t. What is the words for it in the message of a second claim.
func (c *Claims) Claim(site, path string, t caddyfile.Token, what string) error {
	key := site + " " + path
	if first, ok := c.taken[key]; ok {
		return Errorf(t, "%s is taken already by %s at %s:%d", what, first.by.Text, first.by.File, first.by.Line)
	}
	c.taken[key] = claim{by: t}
	return nil
}
