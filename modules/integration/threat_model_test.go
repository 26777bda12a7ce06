package integration_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThreatModelNamesTests holds that each test that docs/threat-model.md names is there, and that each trust boundary names one.
func TestThreatModelNamesTests(t *testing.T) {
	t.Parallel()
	there := testsOf(t, "../..")
	page, err := os.ReadFile("../../docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	_, boundaries, _ := strings.Cut(string(page), "## Trust boundaries")
	boundaries, _, _ = strings.Cut(boundaries, "\n## ")
	n, named := 0, regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+|\\.ci/[a-z-]+)`")
	for line := range strings.Lines(boundaries) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| boundary") || strings.HasPrefix(line, "| ---") {
			continue
		}
		n++
		guards := named.FindAllStringSubmatch(line, -1)
		if len(guards) == 0 {
			t.Errorf("nothing guards: %s", line)
		}
		for _, one := range guards {
			if _, err := os.Stat("../../" + one[1]); err != nil && !slices.Contains(there, one[1]) {
				t.Errorf("there is no %s", one[1])
			}
		}
	}
	if n < 10 {
		t.Errorf("the page has %d boundaries", n)
	}
}

// testsOf are the names of all tests below a directory, of other modules, too.
func testsOf(t *testing.T, root string) (out []string) {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // of the source
		for _, one := range declared.FindAllSubmatch(text, -1) {
			out = append(out, string(one[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
