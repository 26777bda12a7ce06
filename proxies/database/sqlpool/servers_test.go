package sqlpool

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// TestPooler asks by way of a pgbouncer that pools transactions, has two connections and takes no settings: values are written as without, whatever
// the role has for settings, and types that somebody made are known.
func TestPooler(t *testing.T) {
	t.Parallel()
	direct, behind := server.Pooled(t, "transaction", 2)
	name, _, _ := strings.Cut(strings.TrimPrefix(direct, "postgres://postgres@/"), "?")
	command(t, direct, "create type mood as enum ('fine'); alter database "+name+" set intervalstyle = 'postgres_verbose'; alter database "+name+" set bytea_output = 'escape'; alter database "+name+" set extra_float_digits = -4")
	unsaid := open(t, behind, Options{})
	if f := wantFailure(t, unsaid, upstream.Unreachable, query(t, unsaid, "select 1 as n")); !strings.Contains(f.Err.Error(), "unsupported startup parameter") {
		t.Error(f.Err)
	}
	var all sync.WaitGroup
	for _, dsn := range []string{direct, behind} {
		p := open(t, dsn+"&default_query_exec_mode=exec&pool_max_conns=4", Options{})
		for range 8 {
			all.Go(func() {
				for range 10 {
					want(
						t, p, `[{"s":"a","n":3,"f":0.30000000000000004,"b":true,"z":null,"i":"P1DT2H","x":"AP8=","m":["fine"]}]`,
						"select {s}::text as s, {n}::int as n, {f}::float8 as f, {b}::bool as b, {z}::text as z, {i}::interval as i, '\\x00ff'::bytea as x, array['fine'::mood] as m",
						"a", json.Number("3"), json.Number("0.30000000000000004"), true, nil, "1 day 2 hours",
					)
				}
			})
		}
	}
	all.Wait()
}

// TestStandby asks a standby, which follows and takes no changes until it leads.
func TestStandby(t *testing.T) {
	t.Parallel()
	first := pgtest.For(t)
	command(t, first.DSN("postgres"), items)
	second := first.Standby(t, false)
	p := open(t, second.DSN("postgres"), Options{})
	read := func() { want(t, p, `[{"name":"a"}]`, "select name from items where id = {n}", json.Number("1")) }
	read()
	f := wantFailure(t, p, upstream.Judged, query(t, p, "delete from items where id = {n}", json.Number("2")))
	if f.Verdict != http.StatusServiceUnavailable || f.Detail != "The database takes no changes now." {
		t.Errorf("%d %s", f.Verdict, f.Detail)
	}
	read()
	if p.breaker.Counts().ConsecutiveFailures != 0 {
		t.Error("the breaker counts what was refused, so that reading ends")
	}
	if err := second.Promote(); err != nil {
		t.Fatal(err)
	}
	want(t, p, `{"rows_affected":1}`, "delete from items where id = {n}", json.Number("2"))
	read()
}
