package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBinaryIsAKeeper has the binary be what runs beside a script, which it has to be before Caddy sees its arguments.
func TestBinaryIsAKeeper(t *testing.T) {
	t.Parallel()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	line := os.NewFile(uintptr(pair[1]), "line")
	dir := t.TempDir()
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.CommandContext(t.Context(), bin)
	cmd.Args = []string{"fairway-keeper", "keep"}
	cmd.ExtraFiles = []*os.File{line}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line.Close()
	// There is nothing to keep in an empty directory, and a keeper says so there.
	if err := unix.Sendmsg(pair[0], []byte(dir), unix.UnixRights(int(said.Fd()), int(said.Fd()), int(said.Fd())), nil, 0); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	exit, err := os.ReadFile(filepath.Join(dir, "exit.json"))
	if err != nil || !strings.Contains(string(exit), "REFUSED") || !strings.Contains(string(exit), "spec.json") {
		t.Errorf("%s %v", exit, err)
	}
}
