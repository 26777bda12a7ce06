package stanzas

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const repository = "../../.."

// TestWithXcaddy does what a user of the plugin does: a line in xcaddy.json, a build, a Caddyfile.
func TestWithXcaddy(t *testing.T) {
	if !slices.Contains(strings.Split(os.Getenv("FAIRWAY_REQUIRE"), ","), "xcaddy") {
		t.Skip("this builds a whole binary: make test-plugin")
	}
	bin := build(t)

	modules := run(t, bin, "", "list-modules")
	for _, want := range []string{"fairway.decoders.stanzas", "http.handlers.sunset"} {
		if !slices.Contains(strings.Split(modules, "\n"), want) {
			t.Errorf("list-modules lacks %s:\n%s", want, modules)
		}
	}

	if help := run(t, bin, "", "help"); !strings.Contains(help, "Reads stanzas from standard input") {
		t.Errorf("the help lacks the subcommand:\n%s", help)
	}
	if got := run(t, bin, "Host= a1\nLoad= 0.5\n\nHost= b2\n", "stanzas", "--separator", "="); got != `[{"Host":"a1","Load":"0.5"},{"Host":"b2"}]`+"\n" {
		t.Errorf("fairway stanzas printed %s", got)
	}
	if version := run(t, bin, "", "version"); !strings.HasPrefix(version, "fairway ") {
		t.Errorf("fairway version printed %s", version)
	}

	t.Run("Caddyfile", func(t *testing.T) {
		config := run(t, bin, "", "adapt", "--validate", "--config", "testdata/Caddyfile")
		var tree any
		if err := json.Unmarshal([]byte(config), &tree); err != nil {
			t.Fatalf("fairway adapt: %v\n%s", err, config)
		}
		if !holds(tree, "separator", "=") {
			t.Errorf("the option of the decoder is not in the configuration:\n%s", config)
		}
		if !holds(tree, "handler", "sunset") {
			t.Errorf("the directive is not in the configuration:\n%s", config)
		}
	})
}

// build makes the binary with the repository's own recipe and builder, both modules taken from disk.
func build(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(repository + "/xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	var recipe map[string]any
	if err := json.Unmarshal(raw, &recipe); err != nil {
		t.Fatal(err)
	}
	plugins, _ := recipe["plugins"].([]any)
	if len(plugins) == 0 {
		t.Fatal("xcaddy.json lists no plugins")
	}
	recipe["plugins"] = append(plugins, map[string]any{"module_path": "example.org/stanzas", "version": "v0.1.0"})
	raw, err = json.Marshal(recipe)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	recipePath, bin := filepath.Join(dir, "xcaddy.json"), filepath.Join(dir, "fairway")
	if err := os.WriteFile(recipePath, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	fairway, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "-C", repository+"/tools/xcaddy", ".",
		"-recipe", recipePath, "-output", bin,
		"-replace", "github.com/fairway-gateway/fairway="+fairway,
		"-replace", "example.org/stanzas="+plugin)
	// The builder's module is made on the spot: it has no go.mod that could be complete beforehand.
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building with xcaddy: %v\n%s", err, out)
	}
	return bin
}

// run runs the binary and returns its standard output.
func run(t *testing.T, bin, stdin string, args ...string) string {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(context.Background(), bin, args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("fairway %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String()
}

// holds says whether an object anywhere in tree has the member.
func holds(tree any, key string, value any) bool {
	switch node := tree.(type) {
	case map[string]any:
		if node[key] == value {
			return true
		}
		for _, child := range node {
			if holds(child, key, value) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(node, func(child any) bool { return holds(child, key, value) })
	}
	return false
}
