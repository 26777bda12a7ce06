package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-gateway/fairway/bench/proc"
	"github.com/fairway-gateway/fairway/bench/process"
	"github.com/fairway-gateway/fairway/bench/report"
)

const (
	// idleFor is how long W21 leaves processes alone. Go collects garbage every two minutes of a process that does nothing, and gives it back then.
	idleFor = 150 * time.Second
	// idleLimit is what a gateway and its runner may have together, in MB.
	idleLimit = 120
)

// measureIdle measures W21: what a gateway and a runner have of the machine's memory when nobody asks for anything, once in two processes over PostgreSQL and once in one over SQLite.
func (b *bench) measureIdle(ctx context.Context) error {
	if !b.wants("W21") {
		return nil
	}
	dsn, err := b.startPostgres(ctx)
	if err != nil {
		b.fail("W21", err)
		return nil
	}
	for _, m := range []struct{ name, store, runner string }{
		{"gateway and runner", dsn, "off"},
		{"gateway with embedded runner", "sqlite:" + filepath.Join(b.directory, "idle.db"), "embedded"},
	} {
		value, err := b.idle(ctx, m.store, m.runner)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			b.fail("W21 "+m.name, err)
			continue
		}
		b.say("W21 %s: %.1f MB", m.name, value)
		b.targets = append(b.targets, report.Target{Name: "W21 memory of an idle " + m.name, Value: value, Limit: idleLimit, Unit: " MB", Below: true})
	}
	return nil
}

// idle starts a gateway, and a runner beside it where the gateway has none, and says what both have after a while, in MB.
func (b *bench) idle(ctx context.Context, store, mode string) (mb float64, err error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return 0, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	state := filepath.Join(b.directory, "idle-"+mode)
	if err := os.MkdirAll(state, 0o755); err != nil { //nolint:gosec // users of scripts enter it
		return 0, err
	}
	env := []string{"STORE=" + store, "FAIRWAY_SECRET=" + base64.StdEncoding.EncodeToString(secret), "STATE_DIRECTORY=" + state}
	path, err := b.configure("idle.Caddyfile", "idle-"+mode+".Caddyfile", map[string]any{"Admin": ports[1], "Port": ports[0], "Runner": mode})
	if err != nil {
		return 0, err
	}
	start := func(name string, args ...string) (*process.Process, error) {
		spec := b.gatewaySpec("idle-"+name+"-"+mode, b.programs.fairway, append(args, "--config", path, "--adapter", "caddyfile")...)
		spec.Env = append(spec.Env, env...)
		return process.Start(spec)
	}
	all := make([]*process.Process, 0, 2)
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.Stop())
		}
	}()
	gateway, err := start("gateway", "run")
	if err != nil {
		return 0, err
	}
	all = append(all, gateway)
	if _, err := gateway.AwaitOK(ctx, "http://"+local(ports[0])+"/ready", startLimit); err != nil {
		return 0, err
	}
	if mode == "off" {
		runner, err := start("runner", "runner")
		if err != nil {
			return 0, err
		}
		all = append(all, runner)
	}
	if err := pause(ctx, idleFor); err != nil {
		return 0, err
	}
	for _, p := range all {
		bytes, err := proc.Shared(p.PID())
		if err != nil {
			return 0, fmt.Errorf("%s: %w", store, err)
		}
		mb += megabytes(bytes)
	}
	return mb, nil
}
