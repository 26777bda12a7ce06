package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
)

// Pooler is a pgbouncer before a server.
type Pooler struct {
	dir   string
	cmd   *exec.Cmd
	ended chan error
	log   bytes.Buffer // read when it has ended
}

// poolerPort is in the name of its socket.
const poolerPort = "6432"

// Pooler starts a pgbouncer with the settings that it comes with, which has at most so many connections to a database of this server and stops when the test ends. mode is what
// a connection is given for: session or transaction. Where there is none to start it ends the test as required.Absent does.
func (s *Server) Pooler(t testing.TB, mode string, connections int) *Pooler {
	t.Helper()
	path := "/usr/sbin/pgbouncer" // which is on nobody's path but root's
	if _, err := os.Stat(path); err != nil {
		path = required.Program(t, "pgbouncer")
	}
	p, err := s.pooler(path, mode, connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (s *Server) pooler(path, mode string, connections int) (_ *Pooler, err error) {
	p := new(Pooler)
	if p.dir, err = os.MkdirTemp("", "fairway-pgbouncer"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(p.dir)
		}
	}()
	settings := fmt.Sprintf(`[databases]
* = host=%s
[pgbouncer]
unix_socket_dir = %s
listen_port = %s
auth_type = trust
auth_file = %s/users
pool_mode = %s
default_pool_size = %d
max_client_conn = 1000
`, s.dir, p.dir, poolerPort, p.dir, mode, connections)
	for name, text := range map[string]string{"users": `"postgres" ""` + "\n", "ini": settings} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // the server's owner reads it
			return nil, err
		}
	}
	if s.as.uid != 0 { // it refuses to run as root, too
		if err := os.Chown(p.dir, int(s.as.uid), int(s.as.gid)); err != nil {
			return nil, err
		}
	}
	p.cmd = exec.CommandContext(context.Background(), path, "-q", filepath.Join(p.dir, "ini")) //nolint:gosec // ours
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, &p.log, &p.log
	s.as.run(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting pgbouncer: %w", err)
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.cmd.Wait() }()
	return p, p.await()
}

// await waits until it answers.
func (p *Pooler) await() error {
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("unix", filepath.Join(p.dir, ".s.PGSQL."+poolerPort)) //nolint:noctx // at once
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-p.ended:
			return fmt.Errorf("pgbouncer ended: %w\n%s", err, p.log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.Join(errors.New("pgbouncer does not answer"), p.stop())
		}
	}
}

// stop ends it with all its connections.
func (p *Pooler) stop() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := <-p.ended
	_ = err // it was killed
	return os.RemoveAll(p.dir)
}

// DSN is the address of a database behind it.
func (p *Pooler) DSN(name string) string {
	return "postgres://postgres@/" + name + "?host=" + url.QueryEscape(p.dir) + "&port=" + poolerPort
}
