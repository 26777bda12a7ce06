package decodetest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Peer gives the path of a program that is a second opinion. Where it is not installed the test is skipped, or fails if
// FAIRWAY_REQUIRE names it.
func Peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		absent(t, name)
	}
	return path
}

// PyYAML gives the path of a Python that has it, as Peer does.
func PyYAML(t *testing.T) string {
	t.Helper()
	python := Peer(t, "python3")
	if exec.CommandContext(t.Context(), python, "-c", "import yaml").Run() != nil {
		absent(t, "python3")
	}
	return python
}

func absent(t *testing.T, name string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("FAIRWAY_REQUIRE"), ","), name) {
		t.Fatalf("%s is required and not there, or not whole", name)
	}
	t.Skipf("%s is not installed", name)
}
