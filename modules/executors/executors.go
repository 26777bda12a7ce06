// Package executors holds the guest modules of the namespace fairway.executors: how a runner isolates executions, as the word
// executor in `runner { ... }` names it.
package executors

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
)

const namespace = "fairway.executors."

func init() {
	caddy.RegisterModule(new(Docker))
	caddy.RegisterModule(new(Kubernetes))
	caddy.RegisterModule(new(Noop))
	caddy.RegisterModule(new(Process))
	caddy.RegisterModule(new(Swarm))
}

func info(name string, fresh func() caddy.Module) caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(namespace + name), New: fresh}
}

// Noop runs nothing: what it starts ends by itself, as its parameters say. It is for benchmarks.
type Noop struct{}

// CaddyModule returns the Caddy module information.
func (*Noop) CaddyModule() caddy.ModuleInfo {
	return info("noop", func() caddy.Module { return new(Noop) })
}

// UnmarshalCaddyfile reads: executor noop.
func (*Noop) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return options(d, "noop", nil) }

// Home implements fairway.Executor.
func (*Noop) Home() string { return "" }

// Open implements fairway.Executor.
func (*Noop) Open(fairway.Place) (executor.Executor, error) { return noop.New(noop.Plan{}), nil }

// options reads the words of an executor's block; its line has none.
func options(d *caddyfile.Dispenser, name string, words map[string]caddyfiles.Word) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	if len(n.Args) > 0 {
		return caddyfiles.Errorf(n.Args[0], "executor %s takes nothing more on its line, options stand in its block", name)
	}
	return caddyfiles.Words{Owner: "executor " + name, Known: words}.Parse(n)
}

// Interface guards.
var (
	_ fairway.Executor      = (*Noop)(nil)
	_ caddyfile.Unmarshaler = (*Noop)(nil)
)
