package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme does what the README says: it starts the shipped Caddyfile, asks what the page asks and compares.
func TestReadme(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	legacy := strings.TrimPrefix(freeAddress(t), "127.0.0.1:")
	g := startGateway(t, string(raw), "LEGACY_PORT="+legacy)
	wantPage(t, g, "README.md")
}

// fence is a block of a page, with the HTML comment before it that says what it is a part of.
var fence = regexp.MustCompile("(?m)(?:^<!-- (.*) -->\n)?^```(\\w+)\n((?s:.*?))^```$")

// TestSnippets adapts every Caddyfile snippet of the pages that no other test looks at, and refuses blocks of a kind
// that nobody runs.
func TestSnippets(t *testing.T) { //nolint:paralleltest // Caddy's adapter reads the environment that goldens set
	for _, page := range []string{"README.md", "docs/architecture.md"} {
		raw, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fence.FindAllStringSubmatch(string(raw), -1) {
			hint, language, body := f[1], f[2], f[3]
			switch language {
			case "caddyfile":
				if _, _, err := adapt(t, inSite(hint, body)); err != nil {
					t.Errorf("%s: %v\n%s", page, err, body)
				}
			case "console":
			case "sh", "text":
				if hint == "" && language == "text" {
					t.Errorf("%s: a text block without a comment that says why it is not run:\n%s", page, body)
				}
			default:
				t.Errorf("%s: nobody runs blocks of %s", page, language)
			}
		}
	}
}

// inSite makes a whole Caddyfile of a snippet.
func inSite(hint, body string) string {
	const service = "service /x {\nversion 1\nrepository https://example.org\ndescription x\nbackend http://127.0.0.1:1\n"
	switch hint {
	case "in site":
		body = "http://127.0.0.1:8080 {\n" + body + "}\n"
	case "in service":
		body = "http://127.0.0.1:8080 {\n" + service + body + "}\n}\n"
	case "in route":
		body = "http://127.0.0.1:8080 {\n" + service + "GET /{part} {\n" + body + "}\n}\n}\n"
	}
	return body
}
