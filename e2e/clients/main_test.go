// Package clients_test makes clients of the API document of the shipped configuration by other people's generators, and has them
// ask the running gateway, on both engines.
package clients_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/process"
	"github.com/fairway-gateway/fairway/internal/pgtest"
)

// repository is the top of fairway's source, seen from here.
const repository = "../.."

// The first administrator.
const (
	adminEmail    = "first@example.org"
	adminPassword = "The first one at the 1st tee"
)

var builder = &build.Builder{Module: "..", Race: build.Race}

func TestMain(m *testing.M) { os.Exit(builder.Main(m)) }

// document is what `fairway openapi` prints of the shipped Caddyfile: a file with it.
var document = sync.OnceValues(func() (string, error) {
	path, err := builder.Fairway()
	if err != nil {
		return "", err
	}
	home := filepath.Join(builder.Temporary, "home")
	cmd := exec.CommandContext(context.Background(), path, "openapi", "--config", filepath.Join(repository, "Caddyfile")) //nolint:gosec // ours
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("fairway openapi: %w\n%s", err, stderr.String())
	}
	file := filepath.Join(builder.Temporary, "openapi.json")
	return file, os.WriteFile(file, raw, 0o600)
})

// described gives the file with the document.
func described(t *testing.T) string {
	t.Helper()
	file, err := document()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// onEngines runs a test before a gateway with the shipped configuration, over SQLite and over PostgreSQL.
func onEngines(t *testing.T, run func(t *testing.T, address string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		run(t, shipped(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db")))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := pgtest.For(t)
		run(t, shipped(t, server.DSN("postgres")))
	})
}

// shipped runs the shipped Caddyfile, with a store of the test's.
func shipped(t *testing.T, dsn string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	const options = "\tskip_install_trust\n"
	text := strings.Replace(string(raw), options, options+"\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t}\n", 1)
	if text == string(raw) {
		t.Fatal("the shipped Caddyfile has no options to add the store to")
	}
	legacy, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return gateway.Start(t, builder, gateway.Options{Caddyfile: text, Env: []string{
		"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + gateway.NewSecret(), "LEGACY_PORT=" + legacy,
		"FAIRWAY_ADMIN_EMAIL=" + adminEmail, "FAIRWAY_ADMIN_PASSWORD=" + adminPassword,
	}}).URL
}

// command runs a program to its end, and gives what it printed.
func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// copied copies the files of a directory of this package into another.
func copied(t *testing.T, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !f.Type().IsRegular() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, f.Name()), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
