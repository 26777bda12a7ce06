// Package pgtest runs a PostgreSQL server for tests: a cluster of its own in a temporary directory, on a socket there.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
)

// ErrAbsent says that PostgreSQL is not installed.
var ErrAbsent = errors.New("PostgreSQL is not installed")

// owner is whose process the server is; the zero value is who runs the test.
type owner struct{ uid, gid uint32 }

// patience is how long a server may take to start or stop.
const patience = time.Minute

// Server is a running server. Its superuser is postgres, who needs no password on the socket.
type Server struct {
	dir   string
	bin   string
	cmd   *exec.Cmd
	ended chan error
	as    owner
	log   bytes.Buffer
}

// For starts a server for a test, which stops it when it ends. It ends the test as Check does.
func For(t testing.TB) *Server {
	t.Helper()
	s, err := Start()
	Check(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Check ends a test for which Start gave an error: where PostgreSQL is not installed as required.Absent does.
func Check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, ErrAbsent):
		required.Absent(t, "postgres", err)
	case err != nil:
		t.Fatal(err)
	}
}

// Start makes a cluster and starts its server. The error is ErrAbsent where there is none to start. The caller stops it.
func Start() (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if s.dir, err = os.MkdirTemp("", "fairway-pg"); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, fmt.Errorf("%w\n%s", err, s.log.String())
	}
	return s, nil
}

// binaries finds the newest server of Debian, or that of the path.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is one
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrAbsent
	}
	return filepath.Dir(path), nil
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // 0 is the oldest
	return n
}

func (s *Server) start() error {
	if os.Getuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return fmt.Errorf("root needs a user for the server: %w", err)
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32) // numbers on Unix
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		s.as = owner{uid: uint32(uid), gid: uint32(gid)}
		if err := os.Chown(s.dir, int(uid), int(gid)); err != nil {
			return err
		}
	}
	if err := s.command("initdb", "-D", filepath.Join(s.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").Run(); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	return s.Restart()
}

// command runs a program of the server as the user who may.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, name), args...) //nolint:gosec // ours
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + s.dir, "LC_ALL=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	s.as.run(cmd)
	return cmd
}

// Restart starts the server again after Halt, and waits until it answers.
func (s *Server) Restart() error {
	s.log.Reset()
	s.cmd = s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=300")
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	ended := make(chan error, 1)
	go func(cmd *exec.Cmd) { ended <- cmd.Wait() }(s.cmd)
	s.ended = ended
	deadline := time.Now().Add(patience)
	for {
		ready := exec.CommandContext(context.Background(), filepath.Join(s.bin, "pg_isready"), "-q", "-h", s.dir, "-U", "postgres") //nolint:gosec // ours
		if ready.Run() == nil {
			return nil
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the server ended: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.Join(errors.New("the server does not answer"), s.Halt())
		}
	}
}

// Halt ends the server as a crash would, for its clients, and keeps its data.
func (s *Server) Halt() error {
	if err := s.cmd.Process.Signal(quit); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.ended:
		_ = err // a crash is no good end
		return nil
	case <-time.After(patience):
		return s.cmd.Process.Kill()
	}
}

// Crash kills the server's first process, which no server survives; the others end when they see that. Its data is kept, and Restart may have to be tried until they are gone.
func (s *Server) Crash() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	s.ended <- <-s.ended // Halt looks, too
	return nil
}

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	return errors.Join(s.Halt(), os.RemoveAll(s.dir))
}

// DSN is the address of a database of the server.
func (s *Server) DSN(name string) string {
	return "postgres://postgres@/" + name + "?host=" + url.QueryEscape(s.dir)
}

// Dir is where the socket is.
func (s *Server) Dir() string { return s.dir }
