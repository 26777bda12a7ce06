package integration_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is a command that runs in one.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File
	shown  lockedBuffer
	read   chan struct{}
}

// inTerminal starts a command with a terminal of its own.
func (s dbShell) inTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, slave: slave, read: make(chan struct{})}
	x.cmd = exec.CommandContext(t.Context(), binary, args...)
	x.cmd.Dir, x.cmd.Env = s.dir, s.env
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.read)
		_, _ = io.Copy(&x.shown, master)
	}()
	t.Cleanup(func() {
		_ = slave.Close()
		_ = master.Close()
		<-x.read
	})
	return x
}

// sees waits for a text.
func (x *terminal) sees(text string) {
	x.t.Helper()
	if err := waitFor(func() error {
		if strings.Contains(x.shown.String(), text) {
			return nil
		}
		return errors.New("it is not shown")
	}); err != nil {
		x.t.Fatalf("%q: %v\n%s", text, err, x.shown.String())
	}
}

// silent waits until what is typed is not shown: before that it would be.
func (x *terminal) silent() {
	x.t.Helper()
	if err := waitFor(func() error {
		if echoes(x.slave) {
			return errors.New("it shows what is typed")
		}
		return nil
	}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) types(text string) {
	x.t.Helper()
	x.silent()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// ends gives the exit code, and holds that the terminal is as it was.
func (x *terminal) ends() int {
	x.t.Helper()
	kill := time.AfterFunc(patience, func() { _ = x.cmd.Process.Kill() })
	defer kill.Stop()
	err := x.cmd.Wait()
	if !echoes(x.slave) {
		x.t.Error("the terminal does not show what is typed any more")
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		x.t.Fatal(err)
	}
	return 0
}

// TestPasswordPrompt types passwords in a terminal.
func TestPasswordPrompt(t *testing.T) {
	t.Parallel()
	s := newDBShell(t, "\t\tdatabase")
	if out, code := s.run(t, "up"); code != 0 {
		t.Fatal(out)
	}
	x := s.inTerminal(t, "user", "add", "ann@example.org")
	x.sees("Password of ann@example.org: ")
	x.types(goodPassword + "\n")
	x.sees("Once more: ")
	x.types(goodPassword + "\n")
	x.sees("user 1, ann@example.org, was added as USER")
	if code := x.ends(); code != 0 || strings.Contains(x.shown.String(), "Correct") {
		t.Errorf("it ends with %d and shows\n%s", code, x.shown.String())
	}

	x = s.inTerminal(t, "user", "passwd", "1")
	x.sees("Password of ann@example.org: ")
	x.types(goodPassword + "\n")
	x.sees("Once more: ")
	x.types(anotherPassword + "\n")
	x.sees("fairway user: the two passwords are not the same")
	if code := x.ends(); code != 2 {
		t.Errorf("two passwords that differ end with %d", code)
	}

	x = s.inTerminal(t, "user", "passwd", "1")
	x.sees("Password of ann@example.org: ")
	x.types("\n")
	x.sees("fairway user: no password was typed")
	if code := x.ends(); code != 2 {
		t.Errorf("no password ends with %d", code)
	}

	x = s.inTerminal(t, "user", "passwd", "1")
	x.sees("Password of ann@example.org: ")
	x.types("\x03")
	x.sees("fairway user: interrupted")
	if code := x.ends(); code != 1 {
		t.Errorf("an interrupt ends with %d", code)
	}
	// Not by what was typed in vain.
	s.wantCall(t, 0, "user 1, ann@example.org, has another password; all logins have ended\n", anotherPassword, "user", "passwd", "1")

	x = s.inTerminal(t, "db", "down")
	x.sees("Write yes: ")
	if _, err := x.master.WriteString("no\n"); err != nil {
		t.Fatal(err)
	}
	x.sees("nothing was taken back")
	if code := x.ends(); code != 2 {
		t.Errorf("no ends with %d", code)
	}
}

// echoes says that a terminal shows what is typed.
func echoes(f *os.File) bool {
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO != 0
}
