package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are the paths of what is measured; empty when it is absent.
type programs struct {
	backend, caddy, lura, csv, pgx, executions, fairway string
	nginx, njs                                          string // njs is nginx's module
}

// buildAll compiles backend, Go peers and fairway into directory, the last three alike.
func buildAll(ctx context.Context, repository, directory string) (programs, error) {
	var p programs
	for _, target := range []struct {
		path          *string
		name, in, dir string
	}{
		{&p.backend, "backend", "./backend", "."},
		{&p.caddy, "caddy", "./peers/caddy", "."},
		{&p.lura, "lura", "./peers/lura", "."},
		{&p.csv, "csv", "./peers/csv", "."},
		{&p.pgx, "pgx", "./peers/pgx", "."},
		{&p.executions, "executions", "./executions", "."},
		{&p.fairway, "fairway", "./caddy", repository},
	} {
		*target.path = filepath.Join(directory, target.name)
		command := exec.CommandContext(ctx, "go", "build", "-tags", "nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes", "-trimpath", //nolint:gosec // the repository's own source
			"-ldflags", "-s -w", "-o", *target.path, target.in)
		command.Dir = target.dir
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			return programs{}, fmt.Errorf("build %s: %w\n%s", target.name, err, out)
		}
	}
	return p, nil
}

// njsPath is where Debian puts nginx's JavaScript module.
const njsPath = "/usr/lib/nginx/modules/ngx_http_js_module.so"

// findNginx looks for nginx and njs and, as root and with leave to, installs them. What is absent stays empty.
func (p *programs) findNginx(ctx context.Context, install bool) error {
	if err := p.lookUpNginx(); err != nil {
		return err
	}
	if p.njs != "" && p.nginx != "" || !install || os.Geteuid() != 0 {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return nil //nolint:nilerr // no Debian: nginx stays absent, and the report says so
	}
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "nginx-light", "libnginx-mod-http-js"}} {
		command := exec.CommandContext(ctx, apt, args...) //nolint:gosec // constant arguments
		// with a run level the packages start no service
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return p.lookUpNginx()
}

func (p *programs) lookUpNginx() error {
	for _, candidate := range []string{"nginx", "/usr/sbin/nginx"} {
		if found, err := exec.LookPath(candidate); err == nil {
			p.nginx = found
			break
		}
	}
	switch _, err := os.Stat(njsPath); {
	case err == nil:
		p.njs = njsPath
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("njs: %w", err)
	}
	return nil
}

// versions says what is compared.
func (p programs) versions(ctx context.Context) string {
	const caddy, lura = "github.com/caddyserver/caddy/v2", "github.com/luraproject/lura/v2"
	words := []string{
		"fairway on Caddy " + moduleVersion(p.fairway, caddy),
		"Caddy " + moduleVersion(p.caddy, caddy),
		"Lura " + moduleVersion(p.lura, lura),
	}
	if p.nginx != "" {
		words = append(words, strings.TrimPrefix(output(ctx, p.nginx, "-v"), "nginx version: "))
	}
	if p.njs != "" {
		words = append(words, "njs "+output(ctx, "dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-http-js"))
	}
	return "Versions: " + strings.Join(words, ", ")
}

func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
