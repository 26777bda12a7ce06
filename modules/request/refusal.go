package request

import (
	"context"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// refusalVariable is where a refusal waits for the site's error route, among Caddy's variables.
const refusalVariable = "fairway.refusal"

// Refuse has the site's error route answer p where Caddy's handler `authentication` says no more than 401.
func Refuse(ctx context.Context, p *problem.Problem) { caddyhttp.SetVar(ctx, refusalVariable, p) }

// Refused gives what Refuse was told, nil where it was not.
func Refused(ctx context.Context) *problem.Problem {
	p, _ := caddyhttp.GetVar(ctx, refusalVariable).(*problem.Problem)
	return p
}
