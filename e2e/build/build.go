// Package build makes the programs that the tests need: the peers, from the modules under tools, and fairway, from the source
// beside this module.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Peer is a program of somebody else.
type Peer struct {
	// Module is its directory under tools, whose go.mod says the version.
	Module string
	// Package is what to build there.
	Package string
}

// OAuth2Proxy is github.com/oauth2-proxy/oauth2-proxy.
func OAuth2Proxy() Peer {
	return Peer{Module: "oauth2-proxy", Package: "github.com/oauth2-proxy/oauth2-proxy/v7"}
}

// Dex is the identity provider github.com/dexidp/dex.
func Dex() Peer { return Peer{Module: "dex", Package: "github.com/dexidp/dex/cmd/dex"} }

// DexNext is a newer Dex, with sessions and second factors.
func DexNext() Peer { return Peer{Module: "dex-next", Package: "github.com/dexidp/dex/cmd/dex"} }

// ZitadelOP is the example OpenID provider of github.com/zitadel/oidc.
func ZitadelOP() Peer { return Peer{Module: "zitadel-op", Package: "."} }

// VersityGW is github.com/versity/versitygw, which speaks as S3 does and keeps objects in a directory.
func VersityGW() Peer {
	return Peer{Module: "versitygw", Package: "github.com/versity/versitygw/cmd/versitygw"}
}

// OTelCollector is the OpenTelemetry Collector, go.opentelemetry.io/collector, with a few of its components.
func OTelCollector() Peer { return Peer{Module: "otel-collector", Package: "."} }

// Builder builds each program once, when it is first wanted.
type Builder struct {
	// Module is this module's directory: the peers' modules are in its tools, fairway's source is above it.
	Module string
	// Temporary takes fairway, which is built in each run. Main makes it.
	Temporary string
	// Race builds fairway with the race detector.
	Race bool

	mu    sync.Mutex
	built map[string]func() (string, error)
}

// Main runs the tests of a package. What is built for them goes when they end. It gives the code to exit with.
func (b *Builder) Main(m *testing.M) int {
	var err error
	if b.Temporary, err = os.MkdirTemp("", "fairway-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(b.Temporary); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return code
}

// Peer gives the path of a peer's program. It is kept in the user's cache, by the versions in its go.mod and of Go.
func (b *Builder) Peer(p Peer) (string, error) {
	return b.once(p.Module, func() (string, error) {
		dir := filepath.Join(b.Module, "tools", p.Module)
		key, err := fingerprint(dir)
		if err != nil {
			return "", err
		}
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		path := filepath.Join(cache, "fairway-e2e", p.Module+"-"+key)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
		// Another run may build the same: the last one wins, and both are right.
		unfinished := fmt.Sprintf("%s.%d", path, os.Getpid())
		if err := build(dir, unfinished, []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags", "-s -w", p.Package); err != nil {
			return "", err
		}
		return path, os.Rename(unfinished, path)
	})
}

// Fairway gives the path of the gateway's program.
func (b *Builder) Fairway() (string, error) {
	return b.once("fairway", func() (string, error) {
		path := filepath.Join(b.Temporary, "fairway")
		// Tests log in thousands of times: hashes of passwords cost nothing in this program. What they cost is package passwords' to test.
		flags, env := []string{"-tags", "nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes,fairway_cheap_hashes"}, []string{"CGO_ENABLED=0"}
		if b.Race {
			// SQLite is C that became Go: to have it looked at as well takes most of the time, and tells nothing.
			flags, env = append(flags, "-race", "-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/libc/...=-race=false"), []string{"CGO_ENABLED=1"}
		}
		return path, build(filepath.Join(b.Module, ".."), path, env, append(flags, "./caddy")...)
	})
}

func (b *Builder) once(name string, program func() (string, error)) (string, error) {
	b.mu.Lock()
	if b.built == nil {
		b.built = map[string]func() (string, error){}
	}
	f, ok := b.built[name]
	if !ok {
		f = sync.OnceValues(program)
		b.built[name] = f
	}
	b.mu.Unlock()
	return f()
}

func build(dir, output string, env []string, args ...string) error {
	cmd := exec.CommandContext(context.Background(), "go", append([]string{"build", "-buildvcs=false", "-o", output}, args...)...) //nolint:gosec // ours
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", filepath.Base(output), err, out)
	}
	return nil
}

// fingerprint is made of all that a peer's program is made of.
func fingerprint(dir string) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, file := range files {
		f, err := os.Open(filepath.Join(dir, file.Name()))
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		_ = f.Close() // only read
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
