package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pageLink is a link to another page of the repository, maybe to a heading of it.
var pageLink = regexp.MustCompile(`\]\(([^)#\s:]*)(#[^)\s]+)?\)`)

// anchors are those of a page's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	inFence := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			inFence = !inFence
		}
		if m := regexp.MustCompile(`^#+ (.+)\n`).FindStringSubmatch(line); m != nil && !inFence {
			heading := regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(strings.ToLower(m[1]), "")
			heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
			out["#"+strings.ReplaceAll(strings.TrimSpace(heading), " ", "-")] = true
		}
	}
	return out
}

// TestLinks: links between pages lead somewhere, and the index of the documentation has every page.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/formats/*.md", "docs/examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			page, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
		}
	}
	if len(pages) < 60 {
		t.Fatalf("%d pages", len(pages))
	}
	texts := map[string]string{}
	for _, page := range pages {
		raw, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.ToSlash(page)] = string(raw)
	}
	for page, text := range texts {
		text = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`").ReplaceAllString(text, "")
		for _, m := range pageLink.FindAllStringSubmatch(text, -1) {
			to := page
			if m[1] != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(page), m[1]))
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[0])
			} else if other, isPage := texts[to]; isPage && m[2] != "" && !anchors(other)[m[2]] {
				t.Errorf("%s: %s: there is no such heading", page, m[0])
			}
		}
	}
	index := texts["docs/README.md"]
	for page := range texts {
		name, below := strings.CutPrefix(page, "docs/")
		if below && name != "README.md" && !strings.HasPrefix(name, "formats/") && !strings.Contains(index, "("+name) {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
}
