package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Standby makes a server that follows this one, as an operator would by pg_basebackup, until the test ends. With synchronous, what this one says to be
// committed the other has, too.
func (s *Server) Standby(t testing.TB, synchronous bool) *Server {
	t.Helper()
	f, err := s.standby(synchronous)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (s *Server) standby(synchronous bool) (_ *Server, err error) {
	f := &Server{bin: s.bin, as: s.as}
	if f.dir, err = os.MkdirTemp("", "fairway-pg"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("a standby: %w\n%s", err, f.log.String())
			_ = os.RemoveAll(f.dir)
		}
	}()
	if f.as.uid != 0 {
		if err := os.Chown(f.dir, int(f.as.uid), int(f.as.gid)); err != nil {
			return nil, err
		}
	}
	copied := f.command("pg_basebackup", "-h", s.dir, "-U", "postgres", "-D", filepath.Join(f.dir, "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err := copied.Run(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w", err)
	}
	if err := f.Restart(); err != nil {
		return nil, err
	}
	if synchronous { // after the copy, which is not to wait for anybody once it leads
		_, err = s.Ask("alter system set synchronous_standby_names = '*'")
		if err == nil {
			_, err = s.Ask("select pg_reload_conf()")
		}
	}
	if err == nil {
		err = s.followed(synchronous)
	}
	if err != nil {
		err = errors.Join(err, f.Halt())
	}
	return f, err
}

// followed waits until a standby gets what is written.
func (s *Server) followed(synchronous bool) error {
	states := "('sync', 'async')"
	if synchronous {
		states = "('sync')"
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		n, err := s.Ask("select count(*) from pg_stat_replication where state = 'streaming' and sync_state in " + states)
		switch {
		case err != nil:
			return err
		case n != "0":
			return nil
		case time.Now().After(deadline):
			return errors.New("it does not follow")
		}
	}
}

// Promote has a standby lead, and waits until it takes changes.
func (s *Server) Promote() error {
	if ok, err := s.Ask("select pg_promote(true, 60)"); err != nil || ok != "t" {
		return fmt.Errorf("it is not promoted: %s, %w", ok, err)
	}
	return nil
}

// Ask asks a server something in its first database, and gives the rows as psql writes them.
func (s *Server) Ask(statement string) (string, error) {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, "psql"), "-h", s.dir, "-U", "postgres", "-tAXc", statement, "postgres") //nolint:gosec // ours
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", statement, err, complaints.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// DSNOf is the address of a database that is at whichever of some servers takes changes.
func DSNOf(name string, servers ...*Server) string {
	hosts := make([]string, len(servers))
	for i, s := range servers {
		hosts[i] = s.dir
	}
	return "postgres://postgres@/" + name + "?host=" + url.QueryEscape(strings.Join(hosts, ",")) + "&target_session_attrs=read-write"
}
