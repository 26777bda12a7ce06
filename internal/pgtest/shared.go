package pgtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// Shared is one server for all tests of a package, started when the first of them wants it. Its zero value is ready. Main or Stop ends it.
type Shared struct {
	once   sync.Once
	server *Server
	err    error
	made   atomic.Int64
}

// For gives the server to a test. It ends the test as Check does.
func (s *Shared) For(t testing.TB) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = Start() })
	Check(t, s.err)
	return s.server
}

// Database makes an empty database for a test and gives its address.
func (s *Shared) Database(t testing.TB) (dsn string) {
	t.Helper()
	server := s.For(t)
	conn, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	name := fmt.Sprintf("t%d", s.made.Add(1))
	if _, err := conn.Exec(t.Context(), "create database "+name); err != nil {
		t.Fatal(err)
	}
	return server.DSN(name)
}

// Pooled makes an empty database for a test and gives its address, and that behind a Pooler of its own.
func (s *Shared) Pooled(t testing.TB, mode string, connections int) (direct, behind string) {
	t.Helper()
	direct = s.Database(t)
	name, _, _ := strings.Cut(strings.TrimPrefix(direct, "postgres://postgres@/"), "?")
	return direct, s.server.Pooler(t, mode, connections).DSN(name)
}

// Stop stops the server, if a test wanted it.
func (s *Shared) Stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// Main runs the tests of a package, looks for goroutines that they have left, and stops the server. It gives the code to exit with.
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	// What waits for the server to end is ours.
	if err := goleak.Find(goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"), goleak.IgnoreAnyFunction("os/exec.(*Cmd).writerDescriptor.func1")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := s.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}
