package integration_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestManual: each command has a manual page, the page of the command line has each of them, and shells complete them.
func TestManual(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fairway := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(context.Background(), binary, args...)
		cmd.Env = isolated(dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("fairway %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	fairway("manpage", "--directory", filepath.Join(dir, "man"))
	entries, err := os.ReadDir(filepath.Join(dir, "man"))
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, e := range entries {
		pages = append(pages, strings.TrimSuffix(e.Name(), ".8"))
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	// Caddy adds these two when it starts; the head of the page tells of them.
	told := []string{"fairway", "fairway-completion", "fairway-manpage"}
	for _, m := range regexp.MustCompile(`(?m)^#+ (fairway .+)$`).FindAllStringSubmatch(string(page), -1) {
		told = append(told, strings.ReplaceAll(m[1], " ", "-"))
	}
	slices.Sort(told)
	slices.Sort(pages)
	if diff := cmp.Diff(told, pages); diff != "" {
		t.Errorf("commands (-docs/cli.md +manual pages); make generate:\n%s", diff)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		script := fairway("completion", shell)
		if !strings.Contains(script, "fairway") {
			t.Errorf("completion %s: %.200s", shell, script)
		}
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		read := exec.CommandContext(t.Context(), shell, "-n")
		read.Stdin = strings.NewReader(script)
		if out, err := read.CombinedOutput(); err != nil && shell != "powershell" {
			t.Errorf("%s cannot read it: %v\n%s", shell, err, out)
		}
	}
}
