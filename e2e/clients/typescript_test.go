package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/internal/required"
)

// TestTypeScriptClient has openapi-typescript make the types of a client, checks a program against them, and runs that.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	node := required.Program(t, "node")
	modules, err := build.NodeModules(t.Context(), "typescript")
	if err != nil {
		required.Absent(t, "node", err)
	}
	dir := t.TempDir()
	copied(t, "typescript", dir)
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	tool := func(path ...string) string { return filepath.Join(append([]string{modules}, path...)...) }
	// A member with a default is one that may be absent, in a request.
	command(t, dir, nil, node, tool("openapi-typescript", "bin", "cli.js"), described(t), "--default-non-nullable=false", "--output", "client.d.ts")
	// It is checked as strictly as can be, and becomes smoke.js only if nothing is wrong.
	command(t, dir, nil, node, tool("typescript", "bin", "tsc"), "--project", ".")
	onEngines(t, func(t *testing.T, address string) {
		if out := command(t, dir, nil, node, "smoke.js", address, adminEmail, adminPassword); !strings.Contains(out, "smoke: ok") {
			t.Errorf("the client said %s", out)
		}
	})
}
