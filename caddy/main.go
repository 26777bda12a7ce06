// Package main is the fairway binary: Caddy with its standard modules, Fairway's modules and commands.
//
// xcaddy.json says the same in the words of xcaddy; a test holds the two together.
package main

//go:generate go run -C ../tools/bom . -source ../.. -markdown ../../docs/licences.md

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/fairway-gateway/fairway/caddy/identity"
	_ "github.com/fairway-gateway/fairway/modules"
)

func main() { caddycmd.Main() }
