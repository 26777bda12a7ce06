package accounts_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/queries"
)

// startServer starts PostgreSQL when a test first wants it, once; TestMain stops it.
var startServer = sync.OnceValues(func() (*pgtest.Server, error) {
	s, err := pgtest.Start()
	started.Store(s)
	return s, err
})

var started atomic.Pointer[pgtest.Server]

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	// What waits for the server to end is pgtest's own.
	if err := goleak.Find(goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"), goleak.IgnoreAnyFunction("os/exec.(*Cmd).writerDescriptor.func1")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if s := started.Load(); s != nil {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// databases counts those that tests have made.
var databases atomic.Int64

func postgresDSN(t testing.TB) string {
	t.Helper()
	s, err := startServer()
	pgtest.Check(t, err)
	name := fmt.Sprintf("t%d", databases.Add(1))
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres"))
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), "create database "+name)
	must(t, err)
	return s.DSN(name) + "&pool_max_conns=4"
}

func liteDSN(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "store.db")
}

// both runs a test with each engine.
func both(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, liteDSN(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgresDSN(t))
	})
}

func open(t testing.TB, dsn string) *queries.Store {
	t.Helper()
	s, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

func by() queries.By { return queries.By{Actor: "test"} }

// until waits for something that another gateway has to hear of.
func until(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("it never came")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
