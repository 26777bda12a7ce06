package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	tryPage = "docs/try.md"
	// tryLegacy is where the page's backends are.
	tryLegacy = "127.0.0.1:8079"
)

// tryCurl is how the page saves an answer.
var tryCurl = regexp.MustCompile(`^curl -s(i?) (http://\S+) > (\S+)$`)

// tryCommand is what else the page lets a shell do.
var tryCommand = regexp.MustCompile(`^([A-Z_]+=\w+ )?(fairway try|sed -i) [^|&;<>$]*$`)

// TestTryPage runs the commands of the page about fairway try, in its order and in one folder, beside the shipped
// configuration, and compares what they print with what the page shows.
func TestTryPage(t *testing.T) {
	t.Parallel()
	all := pageFences(t, tryPage)
	_, legacy := startPage(t, nil)
	dir := t.TempDir()
	raw, err := os.ReadFile(filepath.Join(root, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s := tryShell{dir: dir, legacy: legacy, env: append(isolated(t.TempDir()), "LEGACY_PORT="+legacy[strings.LastIndexByte(legacy, ':')+1:])}
	s.env = append(s.env, "PATH="+filepath.Dir(binary)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	tried := 0
	for _, f := range all {
		where := fmt.Sprintf("%s:%d", f.page, f.line)
		switch {
		case f.elsewhere():
		case f.language == "sh":
			for line := range strings.Lines(f.text) {
				line = strings.TrimSuffix(line, "\n")
				if out, code := s.run(t, where, line); code != 0 {
					t.Errorf("%s: %s\nends with %d:\n%s", where, line, code, out)
				}
			}
		case f.language == "console":
			tried++
			s.shown(t, where, f.text)
		default:
			t.Errorf("%s: nobody executes a block of %q", where, f.language)
		}
	}
	if tried < 5 {
		t.Errorf("only %d examples were tried", tried)
	}
}

// tryShell runs the page's commands.
type tryShell struct {
	dir, legacy string
	env         []string
}

// run gives all that a command prints, and its exit code.
func (s tryShell) run(t *testing.T, where, line string) (out string, code int) {
	t.Helper()
	line = strings.ReplaceAll(line, tryLegacy, s.legacy)
	if m := tryCurl.FindStringSubmatch(line); m != nil {
		s.save(t, m[2], m[3], m[1] != "")
		return "", 0
	}
	if !tryCommand.MatchString(line) {
		t.Fatalf("%s: a command that is not tried: %s", where, line)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = s.dir, s.env
	printed, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("%s: %v", where, err)
	}
	return string(printed), cmd.ProcessState.ExitCode()
}

// save does what curl would do.
func (s tryShell) save(t *testing.T, url, file string, headers bool) {
	t.Helper()
	rest := strings.TrimPrefix(url, "http://"+s.legacy)
	a := (&gateway{t: t, url: "http://" + s.legacy}).ask(t, request{path: rest})
	text := a.body
	if headers {
		var head strings.Builder
		fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
		if err := a.header.Write(&head); err != nil {
			t.Fatal(err)
		}
		text = head.String() + "\r\n" + text
	}
	if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shown runs a command and compares what it prints with what the page shows: all of it, but for the request id and what an
// ellipsis stands for.
func (s tryShell) shown(t *testing.T, where, text string) {
	t.Helper()
	line, want, _ := strings.Cut(strings.TrimPrefix(text, "$ "), "\n")
	got, code := s.run(t, where, line)
	got = strings.ReplaceAll(got, s.legacy, tryLegacy)
	wantCode := 1
	switch {
	case strings.Contains(want, "\n  status    2"):
		wantCode = 0
	case strings.HasPrefix(want, "fairway try: "):
		wantCode = 2
	}
	if code != wantCode {
		t.Errorf("%s: %s\nends with %d, want %d", where, line, code, wantCode)
	}
	id := regexp.MustCompile(`"request_id": "[0-9a-f]{32}"`)
	want, got = id.ReplaceAllString(want, `"request_id": "…"`), id.ReplaceAllString(got, `"request_id": "…"`)
	if before, ok := strings.CutSuffix(want, "…\n"); ok {
		if !strings.HasPrefix(got, before) {
			t.Errorf("%s: %s\n-shown +got:\n%s", where, line, cmp.Diff(before, got[:min(len(before), len(got))]))
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s\n-shown +got:\n%s", where, line, diff)
	}
}
