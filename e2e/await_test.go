package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/process"
)

// errNotYet is why await asks again.
var errNotYet = errors.New("not yet")

// await asks again until there is no error, which fails the test in the end.
func await(t testing.TB, condition func() error) {
	t.Helper()
	if err := process.Until(patience, 50*time.Millisecond, condition); err != nil {
		t.Fatal(err)
	}
}

// list writes a file of lines.
func list(t testing.TB, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
