package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoClient has oapi-codegen make a client in Go, compiles it with a program that uses it, and runs that. It is made here and
// not committed, so that no commit has to carry it on.
func TestGoClient(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copied(t, "golang", dir)
	if err := os.Mkdir(filepath.Join(dir, "client"), 0o700); err != nil {
		t.Fatal(err)
	}
	tools, err := filepath.Abs(filepath.Join(repository, "tools", "oapi-codegen", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	command(t, dir, nil, "go", "tool", "-modfile="+tools, "oapi-codegen", "-generate", "types,client", "-package", "client", "-o", "client/client.go", described(t))
	command(t, dir, []string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly"}, "go", "build", "-o", "smoke", ".")
	onEngines(t, func(t *testing.T, address string) {
		if out := command(t, dir, nil, filepath.Join(dir, "smoke"), address, adminEmail, adminPassword); !strings.Contains(out, "smoke: ok") {
			t.Errorf("the client said %s", out)
		}
	})
}
