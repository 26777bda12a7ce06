package integration_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLocal runs scripts without a gateway, as whoever runs the tests and, if that is root, as nobody.
func TestLocal(t *testing.T) {
	t.Parallel()
	users := map[string]uint32{"oneself": uint32(os.Getuid())}
	if os.Getuid() == 0 {
		users["nobody"] = 65534
	}
	for name, uid := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := openDirectory(t)
			own := filepath.Join(dir, "fairway")
			copyProgram(t, own)
			call := func(in string, args ...string) called {
				cmd := exec.CommandContext(t.Context(), own, args...)
				cmd.Dir, cmd.Env, cmd.Stdin = filepath.Join(dir, "home"), isolated(filepath.Join(dir, "home")), strings.NewReader(in)
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: os.Getuid() != 0}}
				return ran(t, cmd)
			}
			if err := os.Mkdir(filepath.Join(dir, "home"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(filepath.Join(dir, "home"), int(uid), int(uid)); err != nil {
				t.Fatal(err)
			}
			for _, language := range []string{"python", "shell"} {
				if c := call("", "script", "create", "In "+language, "--language", language); c.code != 0 {
					t.Fatalf("%+v", c)
				}
				c := call(`{"name":"Ada"}`, "script", "run", "--local", "in-"+language, "--params", "-")
				if c.code == 1 && strings.Contains(c.err, "This machine lacks") {
					t.Skip(c.err)
				}
				if c.code != 0 || c.out != `{"greeting": "Hello, Ada!"}`+"\n" || !strings.Contains(said(c.err), "T INFO Greeting Ada") || !strings.Contains(c.err, "progress 50%") {
					t.Errorf("%+v", c)
				}
			}
			script := func(text string) {
				if err := os.WriteFile(filepath.Join(dir, "home", "x.sh"), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			// It is kept from what is whose it is.
			if err := os.WriteFile(filepath.Join(dir, "home", "secret"), []byte("s3cret"), 0o644); err != nil {
				t.Fatal(err)
			}
			script("cat " + filepath.Join(dir, "home", "secret") + "\necho $FAIRWAY_URL $ENV\ncat /proc/$PPID/environ\nexit 9\n")
			if c := call("", "script", "run", "--local", "x.sh"); c.code != 9 || strings.Contains(c.err+c.out, "s3cret") || !strings.Contains(c.err, "INFO dev") {
				t.Errorf("%+v", c)
			}
			script("kill -KILL $$\n")
			if c := call("", "script", "run", "--local", "x.sh", "--json"); c.code != 137 || !strings.Contains(c.out, `"outcome":"FAILED","exit_code":137`) {
				t.Errorf("%+v", c)
			}
			script("echo no JSON >$FAIRWAY_RESULTS\n")
			if c := call("", "script", "run", "--local", "x.sh"); c.code != 1 || !strings.Contains(c.err, "its results cannot be kept: they are no JSON") {
				t.Errorf("%+v", c)
			}
			script("exec sleep 1000\n")
			if c := call("", "script", "run", "--local", "x.sh", "--timeout", "1s"); c.code == 0 || !strings.Contains(c.err, "the script ended with TIMEOUT") {
				t.Errorf("%+v", c)
			}
			for _, args := range [][]string{{"absent"}, {".", "name=1"}, {"x.sh", "a"}, {"x.sh", "--connect", "0"}, {"x.sh", "--params", "nowhere"}} {
				if c := call("", append([]string{"script", "run", "--local"}, args...)...); c.code != 2 || strings.Count(c.err, "\n") != 1 {
					t.Errorf("%v: %+v", args, c)
				}
			}
		})
	}
}

// copyProgram puts the binary where another user can run it.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, from); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
