package sqlpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/database/pgtest"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

const items = `create table items (id integer primary key, name text not null unique, price numeric(10,2));
	insert into items values (1, 'a', 1.5), (2, 'b', 2.25), (3, 'c', null)`

// endless never ends, and has its first row at once.
func endless(d database.Dialect) string {
	if d == database.Postgres {
		return "select 1 where pg_sleep(0) is not null union all select 2 where pg_sleep(600) is null"
	}
	return "with recursive r(n) as (select 1 union all select n + 1 from r) select n from r where n = 1 or n < 0"
}

func TestRows(t *testing.T) {
	t.Parallel()
	both(t, items, func(t *testing.T, dsn string) {
		t.Helper()
		p := open(t, dsn, Options{})
		want(t, p, `[{"id":1,"name":"a"},{"id":3,"name":"c"}]`, "select id, name from items where id <> {n} order by id;", json.Number("2"))
		want(t, p, `[]`, "select * from items where name = {name}", "' or 1=1 --")
		want(t, p, `[{"name":"b"}]`, "with x as (select * from items) select name from x where id = {n} -- {no}", json.Number("2"))
		f := wantFailure(t, p, upstream.Undecodable, query(t, p, "select id, name as id from items"))
		if f.Detail != "The query gives two columns of one name." {
			t.Error(f.Detail)
		}
		for _, text := range []string{"select nothing from items", "select 1 from nowhere", "selec 1", "select 1 from items where"} {
			f := wantFailure(t, p, upstream.Judged, query(t, p, text))
			if f.Detail != "" {
				t.Errorf("callers are told %q", f.Detail)
			}
		}
		if p.breaker.Counts().ConsecutiveFailures != 0 {
			t.Error("the breaker counts queries that were refused")
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	both(t, items, func(t *testing.T, dsn string) {
		t.Helper()
		memory := upstream.NewMemory(1 << 20)
		p := open(t, dsn, Options{Memory: memory})
		q := query(t, p, "select id from items order by id")
		q.Rows = 3
		if got, err := ask(t, p, q); err != nil || got != `[{"id":1},{"id":2},{"id":3}]` {
			t.Error(got, err)
		}
		q.Rows = 2
		_ = wantFailure(t, p, upstream.TooLarge, q)
		large := "select 'x' || {s} as v from items"
		q = query(t, p, large, strings.Repeat("x", 100))
		q.Limit = 250
		_ = wantFailure(t, p, upstream.TooLarge, q)
		q.Limit = 310
		if _, err := ask(t, p, q); err != nil {
			t.Error(err)
		}
		one := query(t, p, "select {s} as v", strings.Repeat("x", 3<<20)) // larger than a message or value may be
		one.Limit = 1 << 20
		_ = wantFailure(t, p, upstream.TooLarge, one)
		one.Limit = 10 << 20
		_ = wantFailure(t, p, upstream.MemorySpent, one)
		if memory.InUse() != 0 {
			t.Errorf("%d bytes are not given back", memory.InUse())
		}
		one = query(t, p, "select {s} as v", strings.Repeat("x", 1<<16))
		one.Sinks = []decode.Sink{decode.NewWriter(nil, decode.Limits{})}
		res, err := p.Run(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		if memory.InUse() < 6<<16 || memory.InUse() > 8<<16 {
			t.Errorf("%d bytes are charged", memory.InUse())
		}
		res.Release()
		res.Release()
		if memory.InUse() != 0 {
			t.Errorf("%d bytes are not given back", memory.InUse())
		}
		want(t, p, `[{"id":1}]`, "select id from items where id = 1") // the connections still work
	})
}

func TestExec(t *testing.T) {
	t.Parallel()
	both(t, items, func(t *testing.T, dsn string) {
		t.Helper()
		p := open(t, dsn, Options{})
		want(t, p, `{"rows_affected":1}`, "insert into items values ({i}, {n}, {p})", json.Number("4"), "d", json.Number("0.10"))
		want(t, p, `{"rows_affected":2}`, "update items set price = {p} where id > {i}", nil, json.Number("2"))
		want(t, p, `[{"id":4,"name":"d"}]`, "delete from items where id = {i} returning id, name", json.Number("4"))
		want(t, p, `{"rows_affected":0}`, "delete from items where id = {i}", json.Number("4"))
		for _, bad := range []*database.Query{
			query(t, p, "insert into items values (5, 'a', 1)"),
			query(t, p, "insert into items values (1, 'x', 1)"),
			query(t, p, "insert into items values (5, {n}, 1)", nil),
		} {
			f := wantFailure(t, p, upstream.Judged, bad)
			if f.Verdict != http.StatusConflict || strings.Contains(f.Detail, "items") {
				t.Errorf("%d %q", f.Verdict, f.Detail)
			}
		}
		over := query(t, p, "update items set name = name returning id")
		over.Rows = 1
		_ = wantFailure(t, p, upstream.TooLarge, over)
		twice := query(t, p, "insert into items values (7, 'g', 1), (7, 'h', 1)")
		_ = wantFailure(t, p, upstream.Judged, twice)
		want(t, p, `[{"n":3}]`, "select count(*) as n from items")
		// A query that reads cannot write, whatever it says.
		for _, text := range []string{"insert into items values (9, 'z', 1)", "delete from items", "with x as (select 1) insert into items values (9, 'z', 1)"} {
			q := query(t, p, text)
			q.Exec = false
			_ = wantFailure(t, p, upstream.Judged, q)
		}
		want(t, p, `[{"n":3}]`, "select count(*) as n from items")
	})
}

// TestCancelled holds that a query ends with its caller, in the midst of its rows too, and that its connection is nobody's
// afterwards.
func TestCancelled(t *testing.T) {
	t.Parallel()
	both(t, items, func(t *testing.T, dsn string) {
		t.Helper()
		p := open(t, dsn, Options{})
		for _, exec := range []bool{false, true} {
			q := query(t, p, endless(p.Dialect()))
			q.Exec = exec
			q.Sinks = []decode.Sink{decode.NewWriter(nil, decode.Limits{})}
			ctx, cancel := context.WithCancel(t.Context())
			q.Sinks[0] = &signal{Sink: q.Sinks[0], tell: cancel}
			if p.Dialect() == database.Postgres {
				go func() { // the server sends the first row when it has more of them
					waitUntil(t, func() bool { return running(t, dsn) == 1 })
					cancel()
				}()
			}
			_, err := p.Run(ctx, q)
			cancel()
			if f, ok := errors.AsType[*upstream.Failure](err); !ok || f.Kind != upstream.Cancelled {
				t.Fatalf("%v", err)
			}
			if p.Dialect() == database.Postgres {
				waitUntil(t, func() bool { return running(t, dsn) == 0 })
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := p.Run(ctx, query(t, p, endless(p.Dialect())))
		if f, ok := errors.AsType[*upstream.Failure](err); !ok || f.Kind != upstream.Timeout {
			t.Fatalf("%v", err)
		}
		want(t, p, `[{"n":3}]`, "select count(*) as n from items")
		waitUntil(t, func() bool { return p.stats().InUse == 0 })
	})
}

// signal calls tell with the first value.
type signal struct {
	decode.Sink
	tell func()
}

func (s *signal) Number(text string) error {
	s.tell()
	return s.Sink.Number(text)
}

// running counts the queries of others that sleep on a server.
func running(t testing.TB, dsn string) int {
	t.Helper()
	p, err := Open(Config{DSN: dsn}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, err := ask(t, p, query(t, p, "select count(*) as n from pg_stat_activity where datname = current_database() and query like '%pg_sleep(6%' and state = 'active' and pid <> pg_backend_pid()"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ N int }
	if err := json.Unmarshal([]byte(got), &rows); err != nil {
		t.Fatal(err)
	}
	return rows[0].N
}

func waitUntil(t testing.TB, what func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !what(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Error("it does not come to pass")
			return
		}
	}
}

func TestValueErrors(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	command(t, dsn, items)
	p := open(t, dsn, Options{})
	for _, q := range []*database.Query{
		query(t, p, "select 1 from items where id = {n}", "secret-value"),
		query(t, p, "select 1 from items where id = {n}", json.Number("99999999999999")),
		query(t, p, "select {d}::date", "2024-02-30"),
		query(t, p, "select {d}::jsonb", "{no"),
	} {
		f := wantFailure(t, p, upstream.Unusable, q)
		if _, ok := errors.AsType[*database.ValueError](f.Err); !ok || f.Detail != "" {
			t.Errorf("%q %v", f.Detail, f.Err)
		}
	}
	f := wantFailure(t, p, upstream.Judged, query(t, p, "select 1/(id-1) from items"))
	if f.Verdict != 0 {
		t.Errorf("%d", f.Verdict)
	}
}

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
	postgresServer(t)
	own, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
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

func TestCreate(t *testing.T) {
	t.Parallel()
	p, err := Open(Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "new.db"), Create: true}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Ping(t.Context()); err != nil {
		t.Error(err)
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
