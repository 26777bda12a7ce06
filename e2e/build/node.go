package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// NodeModules gives the directory node_modules of a directory's package-lock.json, which npm fills from its registry. It is kept in
// the user's cache, by the lock and the version of Node.js.
func NodeModules(ctx context.Context, dir string) (string, error) {
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("node: %w", err)
	}
	h := sha256.New()
	_, _ = h.Write(version)
	for _, name := range []string{"package.json", "package-lock.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // ours
		if err != nil {
			return "", err
		}
		_, _ = h.Write(raw)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(cache, "fairway-e2e", "node-"+hex.EncodeToString(h.Sum(nil))[:16])
	modules := filepath.Join(kept, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(kept), "node-unfinished-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // ours
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(unfinished, name), raw, 0o600); err != nil {
			return "", err
		}
	}
	// Nothing that a package brings is run.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = unfinished
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	// Another run may have filled it meanwhile with the same.
	if err := os.Rename(unfinished, kept); err != nil {
		if _, there := os.Stat(modules); there != nil {
			return "", err
		}
	}
	return modules, nil
}
