package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/fairway-gateway/fairway/bench/process"
)

// errNoPostgres says that there is no server to start.
var errNoPostgres = errors.New("PostgreSQL is not installed")

// startPostgres starts a server on a socket in a directory of its own, once, and returns the address of its database.
func (b *bench) startPostgres(ctx context.Context) (string, error) {
	if b.postgres == "" {
		dsn, err := b.newPostgres(ctx)
		if err != nil {
			return "", err
		}
		b.postgres = dsn
	}
	return b.postgres, nil
}

func (b *bench) newPostgres(ctx context.Context) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNoPostgres
	}
	slices.Sort(found)
	programs := filepath.Dir(found[len(found)-1])
	directory := filepath.Join(b.directory, "postgres")
	if err := os.Mkdir(directory, 0o700); err != nil {
		return "", err
	}
	as := func(program string, args ...string) []string {
		return append([]string{filepath.Join(programs, program)}, args...)
	}
	if os.Geteuid() == 0 { // the server refuses to run as root
		if out, err := exec.CommandContext(ctx, "chown", "postgres", directory).CombinedOutput(); err != nil { //nolint:gosec // our directory
			return "", fmt.Errorf("chown: %w: %s", err, out)
		}
		if err := os.Chmod(b.directory, 0o711); err != nil { //nolint:gosec // its server must reach its directory
			return "", err
		}
		bare := as
		as = func(program string, args ...string) []string {
			return append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"}, bare(program, args...)...)
		}
	}
	data := filepath.Join(directory, "data")
	command := as("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil { //nolint:gosec // found above
		return "", fmt.Errorf("initdb: %w: %.600s", err, out)
	}
	command = as("postgres", "-D", data, "-k", directory, "-c", "listen_addresses=")
	if _, err := b.start(process.Spec{Name: "postgres", Path: command[0], Args: command[1:], Cores: b.cores.rest, Log: filepath.Join(b.directory, "postgres.log")}); err != nil {
		return "", err
	}
	for deadline := time.Now().Add(startLimit); ; {
		err := exec.CommandContext(ctx, filepath.Join(programs, "pg_isready"), "-q", "-h", directory, "-U", "postgres").Run() //nolint:gosec // found above
		if err == nil {
			return "postgres://postgres@/postgres?host=" + url.QueryEscape(directory), nil
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("postgres: %w", err)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
}
