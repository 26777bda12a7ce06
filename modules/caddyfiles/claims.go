package caddyfiles

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Claims are the paths that directives of a site have taken; one lives while one Caddyfile is adapted.
type Claims struct {
	taken map[string]claim
	used  map[string]claim // by routes, several of which may have one path for different requests
}

type claim struct {
	by caddyfile.Token
}

const claimsKey = "fairway.claims"

// ClaimsOf finds or makes the Claims of one adaptation. State is that of the directive's helper.
func ClaimsOf(state map[string]any) *Claims {
	c, ok := state[claimsKey].(*Claims)
	if !ok {
		c = &Claims{taken: map[string]claim{}, used: map[string]claim{}}
		state[claimsKey] = c
	}
	return c
}

// Claim takes path in a site for the directive at t. What is the words for it in the message of a second claim.
func (c *Claims) Claim(site, path string, t caddyfile.Token, what string) error {
	key := site + " " + path
	for _, there := range []map[string]claim{c.taken, c.used} {
		if first, ok := there[key]; ok {
			return first.refuse(t, what)
		}
	}
	c.taken[key] = claim{by: t}
	return nil
}

// Use says that a route at t has path in a site. Others may, too, but nobody who claims it.
func (c *Claims) Use(site, path string, t caddyfile.Token, what string) error {
	key := site + " " + path
	if first, ok := c.taken[key]; ok {
		return first.refuse(t, what)
	}
	c.used[key] = claim{by: t}
	return nil
}

func (c claim) refuse(t caddyfile.Token, what string) error {
	return Errorf(t, "%s is taken already by %s at %s:%d", what, c.by.Text, c.by.File, c.by.Line)
}
