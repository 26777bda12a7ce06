package decodetest

import (
	"os/exec"
	"testing"

	"github.com/fairway-gateway/fairway/internal/required"
)

// Peer gives the path of a program that is a second opinion. Where it is not installed the test is skipped, or fails if
// FAIRWAY_REQUIRE names it.
func Peer(t *testing.T, name string) string {
	t.Helper()
	return required.Program(t, name)
}

// PyYAML gives the path of a Python that has it, as Peer does.
func PyYAML(t *testing.T) string {
	t.Helper()
	python := Peer(t, "python3")
	if err := exec.CommandContext(t.Context(), python, "-c", "import yaml").Run(); err != nil {
		required.Absent(t, "python3", err)
	}
	return python
}
