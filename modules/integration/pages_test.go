package integration_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// elsewhere says that another test runs the block, or that nobody does.
func (f pageFence) elsewhere() bool {
	return strings.HasPrefix(f.hint, "run by ") || strings.HasPrefix(f.hint, "not run: ")
}

// ownPages are executed here. Their curl lines go to the shipped Caddyfile, with what the page adds to it.
func ownPages() []string {
	return []string{"README.md", "docs/wrap-a-backend.md", "docs/observability.md", "docs/joining.md", "docs/writing.md", "docs/sql.md", "docs/store.md", "docs/mail.md", "docs/events.md", "docs/credentials.md", "docs/caching.md", "docs/limits.md", "docs/streaming.md", "docs/output.md", "docs/pass-through.md", "docs/identity.md", "docs/architecture.md", "docs/runners.md", "docs/tracing.md", "docs/log-schema.md", "docs/tls.md", "docs/console-jobs.md", "docs/README.md"}
}

// pageTest is who executes a page that is not ours, and what of it: each block of one of these languages, or the test fails.
type pageTest struct{ file, languages string }

// otherPages says who sees to the pages that are not ours.
func otherPages() map[string]pageTest {
	return map[string]pageTest{
		"docs/caddyfile.md":                       {"modules/integration/docs_test.go", "caddyfile"},
		"docs/errors.md":                          {"modules/integration/docs_test.go", "caddyfile"},
		"docs/tutorial.md":                        {"modules/integration/tutorial_test.go", "caddyfile console json"},
		"docs/backups.md":                         {"modules/integration/backup_test.go", ""},
		"docs/monitoring.md":                      {"modules/integration/monitoring_test.go", "caddyfile"},
		"docs/try.md":                             {"modules/integration/try_page_test.go", "console sh"},
		"docs/callers.md":                         {"modules/integration/callers_page_test.go", "caddyfile console"},
		"docs/tokens.md":                          {"modules/integration/tokens_page_test.go", "caddyfile console"},
		"docs/api-document.md":                    {"modules/integration/apidocument_test.go", "caddyfile"},
		"docs/users.md":                           {"modules/integration/users_page_test.go", "caddyfile console"},
		"docs/scripts.md":                         {"modules/integration/scripts_page_test.go", "caddyfile console"},
		"docs/live.md":                            {"modules/integration/live_linux_test.go", "caddyfile console"},
		"docs/executions.md":                      {"modules/integration/executions_page_test.go", "caddyfile console json"},
		"docs/schedules.md":                       {"modules/integration/schedules_page_test.go", "caddyfile console"},
		"docs/long-answers.md":                    {"modules/integration/long_answers_test.go", "caddyfile console"},
		"docs/teams.md":                           {"modules/integration/teams_page_test.go", "caddyfile console"},
		"docs/charsets.md":                        {"modules/integration/charsets_page_test.go", "caddyfile answer json error header"},
		"docs/jq.md":                              {"proxies/reply/pages_test.go", "jq input output error"},
		"docs/script-protocol.md":                 {"runner/process/page_linux_test.go", "sh python"},
		"docs/docker.md":                          {"e2e/image/page_test.go", "sh console"},
		"docs/containers.md":                      {"modules/integration/containers_page_test.go", "caddyfile"},
		"docs/kubernetes.md":                      {"modules/integration/containers_page_test.go", "caddyfile"},
		"docs/swarm.md":                           {"modules/integration/containers_page_test.go", "caddyfile"},
		"docs/logging-in.md":                      {"e2e/docs_test.go", "caddyfile console"},
		"docs/examples/toy/README.md":             {"modules/integration/examples_test.go", "console"},
		"docs/examples/metricdeviation/README.md": {"modules/integration/metricdeviation_test.go", "console"},
		"docs/examples/buildstatus/README.md":     {"modules/integration/examples_test.go", "console"},
		"docs/examples/status/README.md":          {"modules/integration/examples_test.go", "console"},
		"docs/examples/ltdstatus/README.md":       {"modules/integration/example_ltdstatus_test.go", "console"},
		"docs/examples/ltdindexer/README.md":      {"modules/integration/example_ltdindexer_test.go", "console"},
		"docs/examples/ghslacker/README.md":       {"modules/integration/example_ghslacker_test.go", "console"},
		"docs/examples/nbreport/README.md":        {"modules/integration/example_nbreport_test.go", "console"},
		"docs/examples/behindproxy/README.md":     {"e2e/docs_test.go", "console"},
	}
}

// TestEveryPageIsExecuted fails for a block that no test runs and that does not say why, and for one whose test does not know its page.
func TestEveryPageIsExecuted(t *testing.T) {
	t.Parallel()
	for page, by := range otherPages() {
		if _, err := os.Stat(filepath.Join(root, page)); err != nil {
			t.Error(err)
		}
		knows(t, by.file, page)
	}
	pages, blocks := []string{"README.md"}, 0
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		page, relative := filepath.Rel(root, path)
		if filepath.Ext(path) == ".md" {
			pages = append(pages, filepath.ToSlash(page))
		}
		return errors.Join(err, relative)
	})
	if err != nil {
		t.Error(err)
	}
	for _, page := range pages {
		languages := strings.Fields(otherPages()[page].languages)
		if strings.HasPrefix(page, "docs/formats/") { // modules/decoders runs these
			languages = []string{"caddyfile", "answer", "answer-file", "json", "error"}
		}
		for _, f := range pageFences(t, page) {
			blocks++
			if file, ok := strings.CutPrefix(f.hint, "run by "); ok {
				file, _, _ = strings.Cut(file, ",") // where there is what it needs
				knows(t, file, page)
			}
			word, _, _ := strings.Cut(f.language, " ")
			switch {
			case f.elsewhere(), slices.Contains(ownPages(), page), slices.Contains(languages, word), strings.HasPrefix(f.hint, "file "), word == "text":
			case word == "json" && json.Valid([]byte(f.text)):
			default:
				t.Errorf("%s:%d: nobody executes this block of %q", page, f.line, f.language)
			}
		}
	}
	if blocks < 400 {
		t.Errorf("there are %d blocks", blocks)
	}
}

// knows fails where there is no such file, or it does not speak of the page.
func knows(t *testing.T, file, page string) {
	t.Helper()
	name := filepath.Base(page)
	if name == "README.md" && page != name { // of an example
		name = filepath.Base(filepath.Dir(page))
	}
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil || !strings.Contains(string(text), name) {
		t.Errorf("%s is to run %s, and does not know it: %v", file, page, err)
	}
}
