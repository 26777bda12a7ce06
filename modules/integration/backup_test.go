package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// storeUsers lists the addresses of a store's users, by the command.
func (s dbShell) storeUsers(t *testing.T) string {
	t.Helper()
	var emails []string
	for line := range strings.Lines(s.call(t, "", "user", "list").out) {
		if words := strings.Fields(line); len(words) > 1 && strings.Contains(words[1], "@") {
			emails = append(emails, words[1])
		}
	}
	return strings.Join(emails, " ")
}

// TestBackupsPage backs up and restores a store of each engine as the page says.
func TestBackupsPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		s.wantCall(t, 0, "user 1, ann@example.org, was added as USER\n", goodPassword, "user", "add", "ann@example.org")
		program, steps := "fairway", 0
		if !strings.HasPrefix(dsn, "sqlite:") {
			program = "p" // psql, pg_dump and pg_restore
		}
		sizes := regexp.MustCompile(`\d+ bytes`)
		for _, f := range pageFences(t, "docs/backups.md") {
			for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
				line, shown, _ := strings.Cut(block, "\n")
				if !strings.HasPrefix(line, program) {
					continue
				}
				steps++
				if strings.Contains(line, "restore") && program == "fairway" || strings.HasPrefix(line, "psql") {
					s.call(t, goodPassword, "user", "add", fmt.Sprintf("later%d@example.org", steps))
				}
				shown = strings.ReplaceAll(sizes.ReplaceAllString(shown, "N bytes"), "schema 17", fmt.Sprintf("schema %d", len(storeMigrations())))
				want := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(shown)), "…", ".*")
				if got := sizes.ReplaceAllString(strings.TrimSpace(s.typed(t, line)), "N bytes"); !regexp.MustCompile("^" + want + "$").MatchString(got) {
					t.Errorf("%s prints %q, the page %q", line, got, shown)
				}
			}
		}
		if steps < 2 {
			t.Errorf("the page has %d steps", steps)
		}
		if got := s.storeUsers(t); got != "ann@example.org" {
			t.Errorf("there are %s", got)
		}
	})
}

// typed gives what a line of a shell prints, in which fairway is the program.
func (s dbShell) typed(t *testing.T, line string) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(bin, "fairway")); err != nil {
		t.Fatal(err)
	}
	path := bin + string(os.PathListSeparator) + os.Getenv("PATH")
	for _, dir := range append([]string{}, debianPostgres()...) {
		path = dir + string(os.PathListSeparator) + path
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = s.dir, append(append([]string{}, s.env...), "PATH="+path)
	out, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended { //nolint:errorlint // it is what Run gives
		t.Fatal(err)
	}
	return string(out)
}

// debianPostgres are where Debian has the programs of PostgreSQL.
func debianPostgres() []string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is one
	return found
}

// TestRestoreBesideGateway: a store that a gateway has is not replaced, and a backup of it is.
func TestRestoreBesideGateway(t *testing.T) {
	t.Parallel()
	s := commandShell(t, "sqlite:"+filepath.Join(t.TempDir(), "some.db"))
	s.wantCall(t, 0, "user 1, ann@example.org, was added as USER\n", goodPassword, "user", "add", "ann@example.org")
	g := s.controlled(t, "{env.FAIRWAY_SECRET}")
	login(t, g, "ann@example.org", goodPassword)
	if out, code := s.run(t, "backup copy.db"); code != 0 {
		t.Fatal(out)
	}
	s.refused(t, "restore --yes copy.db", 1, "stop the gateway first")
	login(t, g, "ann@example.org", goodPassword)
	s.refused(t, "restore --yes Caddyfile", 1, "this is no backup of a store")
	s.refused(t, "backup", 2)
	s.refused(t, "backup no/such/folder.db", 1, "no such file")
}
