// Package identity gives a Caddy binary Fairway's name, version, Server header and help.
//
// It is a package of its own, not part of main, so that a binary built by xcaddy from Fairway's modules is the same
// program as the one built from ./caddy. Importing it is all there is to do.
package identity

import (
	"runtime/debug"
	"strings"
	// A container made from scratch has no time zones of its own.
	_ "time/tzdata"

	"github.com/caddyserver/caddy/v2"
)

const (
	modulePath = "github.com/fairway-gateway/fairway"
	// release is the version of this source tree.
	release = "0.1.0"
)

// version replaces what the source says, when a build sets it:
//
//	-ldflags '-X github.com/fairway-gateway/fairway/caddy/identity.version=0.1.0-3-gabc1234'
var version string

func init() {
	caddy.CustomBinaryName = "fairway"
	// Caddy prints its own version behind this one.
	caddy.CustomVersion = "fairway " + Version() + ", caddy"
	caddy.CustomLongDescription = longDescription
	setServerHeader("Fairway")
	renameInHelp("fairway")
}

// Version returns the version of Fairway in this binary, without a leading "v": what the build set, else the tagged
// version of the module the binary was built from, else the version of the source tree.
func Version() string {
	if version != "" {
		return strings.TrimPrefix(version, "v")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	return fromModules(info)
}

// fromModules looks for a version of ours in info. Pseudo-versions and "(devel)" say nothing a reader can use, and
// a replaced module is a working copy whatever version its require line names.
func fromModules(info *debug.BuildInfo) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path != modulePath || m.Replace != nil {
			continue
		}
		v, _, _ := strings.Cut(strings.TrimPrefix(m.Version, "v"), "+")
		if v == "" || v == "(devel)" || strings.HasPrefix(v, "0.0.0-") || strings.Contains(v, "-0.") {
			continue
		}
		return v
	}
	return release
}

const longDescription = `Fairway puts a clean front on services that have none: it logs in to ill-behaved
backends, turns what they answer into documented JSON under one set of metadata,
health, error and auth rules, joins several of them into one answer, and runs
scripts that users upload. It is one binary, configured by one Caddyfile.

	- 'fairway run' runs in the foreground with ./Caddyfile (recommended).
	- 'fairway start' runs in the background until 'fairway stop'.
	- 'fairway reload' gives a running Fairway a changed Caddyfile, without
	  interruption.
	- 'fairway validate' says whether a Caddyfile can be loaded.
	- 'fairway login', 'fairway script' and 'fairway execution' are for who has
	  scripts run by a gateway.

Fairway is built on Caddy: everything Caddy's standard distribution can do, from
automatic HTTPS to serving files, works in the same Caddyfile. Fairway's own
directives are 'service', 'metadata', 'health' and 'control'.

When running, it opens a locally bound administrative socket, as Caddy does:
https://caddyserver.com/docs/api
`
