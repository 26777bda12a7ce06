package integration_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shown is what a terminal has shown, without the ends of lines that it makes.
func (x *terminal) text() string { return strings.ReplaceAll(x.shown.String(), "\r\n", "\n") }

// TestLoginInTerminal types an address and a password, which is not shown; the login is kept for the user alone.
func TestLoginInTerminal(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	g := startScriptGateway(t, dsn)
	s := userShell(t)
	x := s.inTerminal(t, "login", "--url", g.url)
	x.sees("E-mail address at " + g.url + ": ")
	if _, err := x.master.WriteString("ann@example.org\n"); err != nil {
		t.Fatal(err)
	}
	x.sees("Password of ann@example.org: ")
	x.types("wrong\n")
	x.sees("fairway login: Bad username or password (401, request ")
	if code := x.ends(); code != 4 {
		t.Errorf("a wrong password ends with %d", code)
	}
	x = s.inTerminal(t, "login", "--url", g.url, "--email", "ann@example.org")
	x.sees("Password of ann@example.org: ")
	x.types("\x03")
	x.sees("fairway login: interrupted")
	if code := x.ends(); code != 130 && code != 1 {
		t.Errorf("an interrupt ends with %d", code)
	}
	x = s.inTerminal(t, "login", "--url", g.url, "--email", "ann@example.org")
	x.sees("Password of ann@example.org: ")
	x.types(goodPassword + "\n")
	x.sees("logged in to " + g.url + " as ann@example.org")
	if code := x.ends(); code != 0 || strings.Contains(x.shown.String(), goodPassword) {
		t.Errorf("it ends with %d and shows\n%s", code, x.shown.String())
	}
	kept := filepath.Join(s.dir, "config", "fairway", "logins.json")
	for path, want := range map[string]fs.FileMode{kept: 0o600, filepath.Dir(kept): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	if text, err := os.ReadFile(kept); err != nil || strings.Contains(string(text), goodPassword) {
		t.Errorf("%v %s", err, text)
	}
	// Another version is asked about.
	if c := s.call(t, "", "script", "create", "Asked"); c.code != 0 {
		t.Fatal(c)
	}
	if c := s.call(t, "", "script", "publish", "asked"); c.code != 0 {
		t.Fatal(c)
	}
	for answer, code := range map[string]int{"no": 2, "yes": 0} {
		x = s.inTerminal(t, "script", "publish", "asked")
		x.sees("asked was published before, and is version 1. Upload another? Write yes: ")
		if _, err := x.master.WriteString(answer + "\n"); err != nil {
			t.Fatal(err)
		}
		want := "nothing was uploaded"
		if code == 0 {
			want = "asked, version 2, was built"
		}
		x.sees(want)
		if got := x.ends(); got != code {
			t.Errorf("%s ends with %d\n%s", answer, got, x.text())
		}
		if code == 0 {
			break
		}
	}
}

// write makes a script of one file.
func (s dbShell) script(t *testing.T, name, text string) {
	t.Helper()
	s.write(t, name, text)
	if err := os.Chmod(filepath.Join(s.dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// keeps says whether scripts can be run on this machine.
func (s dbShell) keeps(t *testing.T) {
	t.Helper()
	s.script(t, "nothing.sh", "#!/bin/sh\n")
	if c := s.call(t, "", "script", "run", "--local", "nothing.sh"); c.code == 1 && strings.Contains(c.err, "This machine lacks") {
		t.Skip(c.err)
	} else if c.code != 0 {
		t.Fatal(c)
	}
}

// TestLocalInTerminal holds that a bar tells how far a script is, that nothing of it stays, that what a script prints gives the terminal no orders, and that
// an interrupt ends the script.
func TestLocalInTerminal(t *testing.T) {
	t.Parallel()
	s := userShell(t, "TERM=xterm")
	s.keeps(t)
	s.script(t, "bar.sh", "#!/bin/sh\nprintf '\\033]0;owned\\007\\033[2Jhello\\n'\necho '::fairway progress 50'\necho '::fairway log ERROR bad'\necho '{\"a\":\"\\033[2Jb\"}' >\"$FAIRWAY_RESULTS\"\nexit 3\n")
	x := s.inTerminal(t, "script", "run", "--local", "bar.sh")
	x.sees("fairway script: the script ended with FAILED: it exited with 3")
	if code := x.ends(); code != 3 {
		t.Errorf("it ends with %d", code)
	}
	shown := x.text()
	for _, want := range []string{"INFO hello\n", "[####################--------------------]  50%", "\x1b[31mERROR\x1b[0m bad\n", "\r\x1b[Kfairway script: "} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in %q", want, shown)
		}
	}
	for _, bad := range []string{"\x1b]0", "\x1b[2J", "\a"} {
		if strings.Contains(shown, bad) {
			t.Errorf("%q is in %q", bad, shown)
		}
	}
	s.env = append(s.env, "NO_COLOR=1")
	x = s.inTerminal(t, "script", "run", "--local", "bar.sh")
	x.sees("ended with FAILED")
	x.ends()
	if strings.Contains(x.text(), "\x1b[31m") {
		t.Errorf("there are colours in %q", x.text())
	}

	s.script(t, "slow.sh", "#!/bin/sh\necho begun\nexec sleep 1000\n")
	x = s.inTerminal(t, "script", "run", "--local", "slow.sh")
	x.sees("begun")
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	x.sees("interrupted: the script is asked to end; a second interrupt kills it")
	x.sees("the script ended with CANCELLED")
	if code := x.ends(); code != 143 {
		t.Errorf("an interrupt ends with %d", code)
	}

	s.script(t, "stubborn.sh", "#!/bin/sh\ntrap '' TERM\necho begun\nwhile :; do sleep 1; done\n")
	x = s.inTerminal(t, "script", "run", "--local", "stubborn.sh")
	x.sees("begun")
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	x.sees("interrupted: ")
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	x.sees("the script ended with CANCELLED")
	if code := x.ends(); code != 137 {
		t.Errorf("two interrupts end with %d", code)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "fairway-local-*"))
	if err != nil || len(left) > 0 {
		t.Logf("%v %v: of another test, it may be", left, err)
	}
}

// TestFollowInTerminal holds that an interrupt ends the following and says how to go on, while the execution goes on.
func TestFollowInTerminal(t *testing.T) {
	t.Parallel()
	g := startScriptGateway(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	s := userShell(t, "TERM=xterm", "FAIRWAY_URL="+g.url)
	if c := s.call(t, goodPassword+"\n", "login", "--email", "ann@example.org"); c.code != 0 {
		t.Fatal(c)
	}
	s.script(t, "slow.sh", "#!/bin/sh\nprintf '\\033[2Jbegun\\n'\necho '::fairway progress 30'\nexec sleep 1000\n")
	if c := s.call(t, "", "script", "publish", "slow.sh"); c.code != 0 {
		t.Fatal(c)
	}
	x := s.inTerminal(t, "script", "run", "slow", "--follow")
	x.sees("INFO begun")
	x.sees(" 30% RUNNING")
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	x.sees("interrupted; the execution goes on: fairway execution logs --follow ")
	if code := x.ends(); code != 130 || strings.Contains(x.text(), "\x1b[2J") {
		t.Errorf("it ends with %d and shows %q", code, x.text())
	}
	c := s.call(t, "", "execution", "list", "--json")
	var list struct {
		Executions []struct{ ID, Status string }
	}
	if err := json.Unmarshal([]byte(c.out), &list); err != nil || len(list.Executions) != 1 || list.Executions[0].Status != "RUNNING" {
		t.Fatalf("%v %+v", err, c)
	}
	id := list.Executions[0].ID
	x = s.inTerminal(t, "execution", "logs", "--follow", id)
	x.sees("INFO begun")
	s.wantSaid(t, 0, "execution ID is CANCELLING\n", "execution", "cancel", id)
	x.sees("fairway execution: execution " + id + " is CANCELLED: ")
	if code := x.ends(); code != 5 {
		t.Errorf("it ends with %d", code)
	}
}
