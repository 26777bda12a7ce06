// Package required is for tests before real programs and servers, which not every machine has: who lacks one skips them, unless the
// environment's FAIRWAY_REQUIRE, words with commas between them, says that none may be left out.
package required

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Is says whether a word is among those of FAIRWAY_REQUIRE.
func Is(word string) bool {
	return slices.Contains(strings.Split(os.Getenv("FAIRWAY_REQUIRE"), ","), word)
}

// Absent ends a test that cannot run without what a word stands for, because of err: it is skipped, or fails where that is
// required.
func Absent(t testing.TB, word string, err error) {
	t.Helper()
	if Is(word) {
		t.Fatalf("%s is required and not there: %v", word, err)
	}
	t.Skipf("%s is not there: %v", word, err)
}

// Program gives the path of a program, or ends the test as Absent does.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Absent(t, name, err)
	}
	return path
}
