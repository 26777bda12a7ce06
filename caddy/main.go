// Package main is the fairway binary: Caddy with its standard modules, Fairway's modules and commands.
//
// xcaddy.json says the same in the words of xcaddy; a test holds the two together.
package main

import (
	"os"
	"runtime/debug"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/fairway-gateway/fairway/caddy/identity"
	_ "github.com/fairway-gateway/fairway/modules"
)

// gcPercent is what GOGC is where the environment does not set it. The gateway keeps a few megabytes and allocates
// some kilobytes for each request: with Go's 100 it would collect twenty times a second under load, a fifth of its CPU
// time. The memory limit that Caddy sets (GOMEMLIMIT) still holds.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	caddycmd.Main()
}
