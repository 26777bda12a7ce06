package integration_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scriptSite is a gateway that runs scripts.
func scriptSite(runner string) string {
	return siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\trunner embedded {\n\t\t\texecutor process {\n\t\t\t\tdirectory "+runner+"\n\t\t\t}\n\t\t}\n\t}", "\thealth\n\tcontrol\n")
}

// openDirectory is one that other users can enter, as those of scripts have to.
func openDirectory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fairway-scripting-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startScriptGateway runs one, with the administrator ann@example.org.
func startScriptGateway(t testing.TB, dsn string) *gateway {
	t.Helper()
	newUser(t, dsn, "ann@example.org", goodPassword, "ADMIN")
	return startGateway(t, scriptSite(filepath.Join(openDirectory(t), "runner")), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
}

// userShell is a shell of somebody who uses a gateway.
func userShell(t testing.TB, env ...string) dbShell {
	t.Helper()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return dbShell{dir: dir, env: append(isolated(dir), env...)}
}

// said takes out what is of the day, and what is a bar on a terminal.
func said(text string) string {
	text = printed(text)
	text = regexp.MustCompile(`request [0-9a-f]{32}`).ReplaceAllString(text, "request R")
	text = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`).ReplaceAllString(text, "ID")
	return regexp.MustCompile(`(?m)^(progress \d+%|PENDING|READY|RUNNING)\n`).ReplaceAllString(text+"\n", "")
}

// runShell executes the blocks of a page in a shell, line after line. What a line gives the variable id is there in the next.
func (s dbShell) runShell(t *testing.T, page string, replace ...string) (steps int) {
	t.Helper()
	for name, text := range pageFiles(t, page) {
		s.write(t, name, text)
		if strings.HasPrefix(text, "#!") {
			if err := os.Chmod(filepath.Join(s.dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.env[0] = "PATH=" + filepath.Dir(binary) + string(filepath.ListSeparator) + os.Getenv("PATH")
	for _, f := range pageFences(t, page) {
		hint, is := strings.CutPrefix(f.hint, "run by modules/integration/scripting_page_test.go")
		if !is {
			continue
		}
		if program, asks := strings.CutPrefix(hint, ", where there is "); asks {
			if _, err := exec.LookPath(program); err != nil {
				t.Logf("%s:%d: there is no %s", f.page, f.line, program)
				continue
			}
		}
		for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
			steps++
			line, shown, _ := strings.Cut(block, "\n")
			r := strings.NewReplacer(replace...)
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "sh", "-c", "[ ! -e .id ] || id=$(cat .id)\n"+r.Replace(line)+"\nprintf %s \"$id\" >.id")
			cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, strings.NewReader(goodPassword+"\n")
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			want := r.Replace(strings.TrimRight(shown, "\n"))
			if diff := cmp.Diff(said(want), said(strings.TrimRight(out.String(), "\n"))); diff != "" {
				t.Errorf("%s:%d: %s (-want +got):\n%s\n%s", f.page, f.line, line, diff, out.String())
			}
		}
	}
	return steps
}

// TestFirstScriptPage executes the page.
func TestFirstScriptPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := startScriptGateway(t, dsn)
		if steps := userShell(t).runShell(t, "docs/first-script.md", "https://localhost:8443", g.url); steps < 12 {
			t.Errorf("the page has %d steps", steps)
		}
	})
}

// TestReadmeScript executes the block of README.md, whose lines print what docs/first-script.md shows.
func TestReadmeScript(t *testing.T) {
	t.Parallel()
	g := startScriptGateway(t, "sqlite:"+filepath.Join(t.TempDir(), "some.db"))
	s := userShell(t)
	s.env[0] = "PATH=" + filepath.Dir(binary) + string(filepath.ListSeparator) + os.Getenv("PATH")
	var out strings.Builder
	for _, f := range pageFences(t, "README.md") {
		if f.hint != "run by modules/integration/scripting_page_test.go" {
			continue
		}
		for line := range strings.Lines(f.text) {
			line = strings.Replace(strings.TrimPrefix(line, "$ "), "https://localhost:8443", g.url+" --email ann@example.org", 1)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
			cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, strings.NewReader(goodPassword+"\n")
			printed, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", line, err, printed)
			}
			out.Write(printed)
		}
	}
	if strings.Count(out.String(), `"Hello, Ada!"`) != 2 {
		t.Error(out.String())
	}
}

// TestScriptsInAnyLanguagePage executes the page, as far as the languages are installed.
func TestScriptsInAnyLanguagePage(t *testing.T) {
	t.Parallel()
	s := userShell(t)
	gopath, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(errors.Join(errors.New("go env"), err))
	}
	s.env = append(s.env, "GOCACHE="+strings.TrimSpace(string(gopath)), "GOFLAGS=", "GO111MODULE=off")
	if steps := s.runShell(t, "docs/scripts-in-any-language.md"); steps < 3 {
		t.Errorf("the page has %d steps", steps)
	}
}
