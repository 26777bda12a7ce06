package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fairway-gateway/fairway/bench/process"
)

// field is what is started for W0 to W9, W11, W12, W14, W15 and W25: backend and gateways, nil when absent.
type field struct {
	backend, caddy, nginx, lura, fairway, csv *process.Process
	// fairwayGC is fairway that collects garbage as often as Go programs do by default, as Caddy and Lura do.
	fairwayGC *process.Process
	// user is that of fairway's store; zero: there is none.
	user enrolled
	// people are those of W14.
	people people
	// documented has the services of W15.
	documented *process.Process
	// watched are those of W25.
	watched []watched
	// addresses, host:port; fairwayPass is fairway's site with Caddy's reverse_proxy, failing the backend's port for W9
	backendAt, failingAt, caddyAt, nginxAt, luraAt, fairwayAt, fairwayPassAt, fairwayAdminAt, fairwayGCAt, staticAt, csvAt, documentedAt string
}

// startBackend starts the backend on two ports and returns them.
func (b *bench) startBackend(ctx context.Context) (*process.Process, [2]string, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, [2]string{}, err
	}
	backend, err := b.start(process.Spec{
		Name: "backend", Path: b.programs.backend, Cores: b.cores.rest, Log: filepath.Join(b.directory, "backend.log"),
		Args: []string{"-listen", local(ports[0]) + "," + local(ports[1])},
	})
	if err != nil {
		return nil, [2]string{}, err
	}
	if _, err := backend.AwaitOK(ctx, "http://"+local(ports[1])+"/kv", startLimit); err != nil {
		return nil, [2]string{}, err
	}
	return backend, [2]string(ports), nil
}

func local(port string) string { return "127.0.0.1:" + port }

// startField starts the backend and every gateway there is. A gateway that does not start is noted as a failure.
func (b *bench) startField(ctx context.Context) (*field, error) {
	backend, backendPorts, err := b.startBackend(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := process.FreePorts(12)
	if err != nil {
		return nil, err
	}
	f := &field{
		backend: backend, backendAt: local(backendPorts[0]), failingAt: local(backendPorts[1]),
		caddyAt: local(ports[0]), nginxAt: local(ports[2]), luraAt: local(ports[3]),
		fairwayAt: local(ports[4]), fairwayPassAt: local(ports[5]), fairwayAdminAt: local(ports[6]), fairwayGCAt: local(ports[7]), staticAt: local(ports[10]), csvAt: local(ports[11]),
	}

	if f.caddy, err = b.startCaddy(ctx, "caddy", b.programs.caddy, "http://"+f.caddyAt+"/json", map[string]string{
		"Admin": ports[1], "Port": ports[0], "Backend": backendPorts[0], "Static": ports[10],
	}); err != nil {
		b.fail("Caddy", err)
	}
	if b.programs.nginx != "" {
		if f.nginx, err = b.startNginx(ctx, ports[2], backendPorts[0]); err != nil {
			b.fail("nginx", err)
		}
	}
	if f.lura, err = b.start(b.gatewaySpec("lura", b.programs.lura, "-port", ports[3], "-backend", "http://"+f.backendAt, "-keepalive", "512")); err == nil {
		_, err = f.lura.AwaitOK(ctx, "http://"+f.luraAt+"/pass", startLimit)
	}
	if err != nil {
		f.lura = nil
		b.fail("Lura", err)
	}
	if f.csv, err = b.start(b.gatewaySpec("csv", b.programs.csv, "-listen", f.csvAt, "-from", "http://"+f.backendAt+"/csv")); err == nil {
		_, err = f.csv.AwaitOK(ctx, "http://"+f.csvAt+"/", startLimit)
	}
	if err != nil {
		f.csv = nil
		b.fail(bareCSVName, err)
	}
	if f.fairway, err = b.startCaddy(ctx, "fairway", b.programs.fairway, "http://"+f.fairwayAt+"/w2/status", map[string]string{
		"Admin": ports[6], "Port": ports[4], "Pass": ports[5], "Backend": backendPorts[0], "Failing": backendPorts[1],
	}); err != nil {
		b.fail("fairway", err)
		return f, ctx.Err()
	}
	if b.wants("W11") || b.wants("W12") {
		if f.user, err = b.enroll(ctx, "fairway", ports[4]); err != nil {
			b.fail(callersName, err)
		}
	}
	if b.wants("W14") {
		if f.people, err = b.startPeople(ctx); err != nil {
			b.fail("W14", err)
		}
	}
	if b.wants("W15") {
		if f.documented, f.documentedAt, err = b.startDocumented(ctx, backendPorts[0]); err != nil {
			f.documented = nil
			b.fail("W15", err)
		}
	}
	if b.wants("W25") {
		if f.watched, err = b.startWatched(ctx, backendPorts[0], backendPorts[1]); err != nil {
			b.fail("W25", err)
		}
	}
	if f.fairwayGC, err = b.startCaddy(ctx, "fairway", b.programs.fairway, "http://"+f.fairwayGCAt+"/w2/status", map[string]string{
		"Admin": ports[8], "Port": ports[7], "Pass": ports[9], "Backend": backendPorts[0], "Failing": backendPorts[1],
	}, "GOGC=100"); err != nil {
		b.fail(fairwayGCName, err)
	}
	return f, ctx.Err()
}

// startCaddy starts Caddy, or fairway, which has the same command line, and returns nil unless ready answers.
func (b *bench) startCaddy(ctx context.Context, name, binary, ready string, data map[string]string, env ...string) (*process.Process, error) {
	path, err := b.configure(name+".Caddyfile", name+"-"+data["Port"]+".Caddyfile", data)
	if err != nil {
		return nil, err
	}
	spec := b.gatewaySpec(name+"-"+data["Port"], binary, "run", "--config", path, "--adapter", "caddyfile")
	spec.Env = append(spec.Env, env...)
	p, err := b.start(spec)
	if err != nil {
		return nil, err
	}
	if _, err := p.AwaitOK(ctx, ready, startLimit); err != nil {
		return nil, err
	}
	return p, nil
}

func (b *bench) startNginx(ctx context.Context, port, backendPort string) (*process.Process, error) {
	directory := filepath.Join(b.directory, "nginx")
	if err := os.Mkdir(directory, 0o700); err != nil {
		return nil, fmt.Errorf("nginx: %w", err)
	}
	script, err := filepath.Abs(filepath.Join("configs", "kv.js"))
	if err != nil {
		return nil, fmt.Errorf("nginx: %w", err)
	}
	data := map[string]any{
		"Module": b.programs.njs, "Script": "", "User": "", "Workers": b.cores.gatewayCount,
		"Dir": directory, "Port": port, "Backend": backendPort,
	}
	if b.programs.njs != "" {
		data["Script"] = script
	}
	if os.Geteuid() == 0 {
		data["User"] = "www-data" // Debian's; only root may and must name one
	}
	path, err := b.configure("nginx.conf", "nginx.conf", data)
	if err != nil {
		return nil, err
	}
	p, err := b.start(b.gatewaySpec("nginx", b.programs.nginx, "-c", path, "-p", directory, "-e", "stderr"))
	if err != nil {
		return nil, err
	}
	if _, err := p.AwaitOK(ctx, "http://"+local(port)+"/json", startLimit); err != nil {
		return nil, err
	}
	return p, nil
}
