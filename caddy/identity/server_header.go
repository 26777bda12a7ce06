package identity

import (
	_ "unsafe" // for go:linkname

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// serverHeader is what Caddy's server puts into every answer. Caddy copies it from the exported ServerHeader when its
// package is initialised, before any code of ours can run, so setting the exported variable alone changes only what
// metrics and traces say. Setting it with -ldflags would leave out `go run`, `go install` and xcaddy.
//
//go:linkname serverHeader github.com/caddyserver/caddy/v2/modules/caddyhttp.serverHeader
var serverHeader []string

func setServerHeader(name string) {
	caddyhttp.ServerHeader = name
	serverHeader = []string{name}
}
