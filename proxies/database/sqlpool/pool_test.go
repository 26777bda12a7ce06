package sqlpool

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/database"
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
	dsn := server.Database(t)
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
