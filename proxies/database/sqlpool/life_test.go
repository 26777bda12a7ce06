package sqlpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// TestBreaker holds that a database that is not there is left alone, and that nothing of its address is told.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"no server":  "postgres://someone:s3cret@127.0.0.1:1/db?sslmode=disable",
		"no file":    "sqlite:" + filepath.Join(t.TempDir(), "none.db"),
		"no folder":  "sqlite:" + filepath.Join(t.TempDir(), "none", "none.db"),
		"a database": "sqlite:" + t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lockedText
			p := open(t, dsn, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			q := query(t, p, "select 1")
			for range breakerFailures {
				_ = wantFailure(t, p, upstream.Unreachable, q)
			}
			f := wantFailure(t, p, upstream.BreakerOpen, q)
			if f.RetryAfter <= 0 || f.RetryAfter > breakerOpen {
				t.Errorf("Retry-After is %v", f.RetryAfter)
			}
			if err := p.Ping(t.Context()); err == nil {
				t.Error("the ping is answered")
			}
			if text := log.String(); !strings.Contains(text, "breaker changed") || !strings.Contains(text, "does not answer") || strings.Contains(text, "s3cret") {
				t.Errorf("the log says:\n%s", text)
			}
		})
	}
}

// TestHang holds that a server that says nothing costs the time that a query has, and that its pool can be closed.
func TestHang(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := open(t, "postgres://someone@"+l.Addr().String()+"/db?sslmode=disable", Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = p.Run(ctx, query(t, p, "select 1"))
	if f, ok := errors.AsType[*upstream.Failure](err); !ok || f.Kind != upstream.Timeout {
		t.Errorf("%v", err)
	}
}

type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestRestart holds that connections that the server has closed meanwhile cost nobody an answer.
func TestRestart(t *testing.T) {
	t.Parallel()
	own := pgtest.For(t)
	p := open(t, own.DSN("postgres"), Options{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { want(t, p, `[{"pg_sleep":""}]`, "select pg_sleep(0.1)") })
	}
	all.Wait()
	if err := own.Halt(); err != nil {
		t.Fatal(err)
	}
	_ = wantFailure(t, p, upstream.Unreachable, query(t, p, "select 1"))
	if err := own.Restart(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		want(t, p, `[{"n":1}]`, "select 1 as n")
	}
	if err := p.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestClose holds that a pool that was given back still serves who holds it, and keeps no connection then.
func TestClose(t *testing.T) {
	t.Parallel()
	both(t, items, func(t *testing.T, dsn string) {
		t.Helper()
		p, err := Open(Config{DSN: dsn}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want(t, p, `[{"n":3}]`, "select count(*) as n from items")
		if s := p.stats(); s.InUse+s.Idle == 0 {
			t.Error("no connection is kept")
		}
		p.Close()
		if s := p.stats(); s.InUse+s.Idle != 0 {
			t.Errorf("connections are kept: %+v", s)
		}
		want(t, p, `[{"n":3}]`, "select count(*) as n from items")
		if p.engine != nil {
			t.Error("an engine is kept")
		}
	})
}

// TestManyWriters holds that writers wait for each other and for another process, and readers for nobody.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	both(t, items, func(t *testing.T, dsn string) {
		t.Helper()
		pools := []*Pool{open(t, dsn, Options{}), open(t, dsn, Options{})} // each as a process of its own
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				p := pools[i%2]
				want(t, p, `{"rows_affected":1}`, "insert into items values ({i}, {n}, 1)", json.Number(fmt.Sprint(100+i)), fmt.Sprint("w", i))
				want(t, p, `[{"n":1}]`, "select count(*) as n from items where id = {i}", json.Number(fmt.Sprint(100+i)))
			})
		}
		all.Wait()
		want(t, pools[0], `[{"n":43}]`, "select count(*) as n from items")
	})
}

// TestWAL holds that a database whose log lies beside it can be read.
func TestWAL(t *testing.T) {
	t.Parallel()
	p := open(t, sqliteDSN(t, "pragma journal_mode=wal;"+items), Options{})
	want(t, p, `[{"n":3}]`, "select count(*) as n from items")
	want(t, p, `{"rows_affected":1}`, "insert into items values (10, 'k', 1)")
	want(t, p, `[{"n":4}]`, "select count(*) as n from items")
}

// TestCrashedWriter holds that what a writer has left half done is undone before it is read.
func TestCrashedWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := openSQLite(filepath.Join(dir, "a.db"), "rwc", "cache_size(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), items+"; begin; with recursive n(i) as (select 10 union all select i+1 from n where i < 2000) insert into items select i, 'name' || i || hex(zeroblob(200)), 1 from n; delete from items where id < 5"); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-journal"} { // as a crash leaves them: in use by nobody
		raw, err := os.ReadFile(filepath.Join(dir, "a.db"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "b.db"+suffix), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := open(t, "sqlite:"+filepath.Join(dir, "b.db"), Options{})
	want(t, p, `[{"n":3}]`, "select count(*) as n from items")
	if _, err := os.Stat(filepath.Join(dir, "b.db-journal")); err == nil {
		t.Error("the journal is still there")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for dsn, says := range map[string]string{
		"":                                    "a database is sqlite:<path> or postgres://",
		"mysql://user:s3cret@host/db":         "a database is",
		"/var/lib/x.db":                       "a database is",
		"sqlite:":                             "needs the path",
		"sqlite:///var/x.db":                  "the path alone",
		"sqlite::memory:":                     "a file",
		"sqlite:x.db?mode=rwc":                "no options",
		"postgres://user:s3cret@host:port/db": "cannot be read",
		"postgres://user:s3cret%zz@host/db":   "cannot be read",
		"postgres://u:s3cret@h/db?pool_max_conns=many":                           "address",
		"postgres://u:s3cret@h/db?sslmode=sometimes":                             "cannot be read",
		"postgres://u:s3cret@h/db?default_query_exec_mode=simple_protocol":       "simple_protocol",
		"postgres://u:s3cret@h/db?pool_max_conns=3&default_query_exec_mode=exec": "",
		"postgresql:///db?host=/var/run/postgresql":                              "",
		"sqlite:relative/path.db":                                                "",
	} {
		_, err := Open(Config{DSN: dsn}, Options{})
		switch {
		case says == "" && err != nil, says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v", dsn, err)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("it tells the password: %v", err)
		}
	}
}
