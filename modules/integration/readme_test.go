package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// curlLine is how the READMEs ask: a user or none, and a path.
var curlLine = regexp.MustCompile(`^\$ curl -k (?:-u (\S+) )?https://localhost:8443(/\S*)$`)

// wantReadme runs every curl line of an example's README against g, whose backend is a fake of the one that the
// README was written with, and compares what comes with what stands there.
func wantReadme(t *testing.T, g *gateway, name string) {
	t.Helper()
	wantPage(t, g, filepath.Join("docs", "examples", name, "README.md"))
}

// wantPage does the same for any page, by its path from the root.
func wantPage(t *testing.T, g *gateway, page string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	found := 0
	for i, line := range lines {
		call := curlLine.FindStringSubmatch(line)
		if call == nil {
			if strings.HasPrefix(line, "$ curl") {
				t.Errorf("%s has a line that is not tried: %s", page, line)
			}
			continue
		}
		found++
		var shown strings.Builder
		for _, l := range lines[i+1:] {
			if l == "" || l == "```" || strings.HasPrefix(l, "$ ") {
				break
			}
			shown.WriteString(l + "\n")
		}
		t.Run("README"+call[2], func(t *testing.T) {
			t.Parallel()
			wantShown(t, shown.String(), g.ask(t, request{path: call[2], user: call[1]}).body)
		})
	}
	if found == 0 {
		t.Errorf("%s has no curl line", page)
	}
}

// wantShown compares an answer with the one in a text: the same but for the request id.
func wantShown(t testing.TB, shown, got string) {
	t.Helper()
	clean := func(s string) any {
		var v any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Errorf("not JSON: %v\n%s", err, s)
		}
		if members, ok := v.(map[string]any); ok {
			delete(members, "request_id")
		}
		return v
	}
	if diff := cmp.Diff(clean(shown), clean(got)); diff != "" {
		t.Errorf("the answer is not what the README shows (-shown +got):\n%s", diff)
	}
}
