package queries

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestModelsAgree holds that both engines have the same tables, columns and types, also those that no statement uses.
func TestModelsAgree(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"models.go", "querier.go"} {
		ofServer, err := os.ReadFile(filepath.Join("db", name))
		if err != nil {
			t.Fatal(err)
		}
		ofFile, err := os.ReadFile(filepath.Join("internal", "lite", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(ofServer), strings.Replace(string(ofFile), "package lite", "package db", 1)); diff != "" {
			t.Errorf("%s (-PostgreSQL +SQLite):\n%s", name, diff)
		}
	}
}

func TestNoRows(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		if _, err := s.Queries().GetSession(t.Context(), index(1)); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("%v", err)
		}
	})
}

func TestInTx(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, other := openStore(t, dsn), openStore(t, dsn)
		insert := func(q db.Querier, n byte) {
			t.Helper()
			if _, err := q.InsertSession(t.Context(), db.InsertSessionParams{SessionIndex: index(n), Generation: 1, Sealed: []byte("a"), LifetimeMs: 1 << 20}); err != nil {
				t.Fatal(err)
			}
		}
		is := func(n byte, want bool) {
			t.Helper()
			if _, live, err := other.Session(t.Context(), index(n)); err != nil || live != want {
				t.Errorf("%d is there: %v, %v", n, live, err)
			}
		}
		mine := errors.New("mine")
		err := s.InTx(t.Context(), func(q db.Querier) error {
			insert(q, 1)
			is(1, false)
			if _, err := q.GetSession(t.Context(), index(1)); err != nil {
				t.Error(err)
			}
			return mine
		})
		if !errors.Is(err, mine) {
			t.Error(err)
		}
		is(1, false)
		func() {
			defer func() { _ = recover() }()
			_ = s.InTx(t.Context(), func(q db.Querier) error {
				insert(q, 2)
				panic("no")
			})
		}()
		is(2, false)
		ctx, cancel := context.WithCancel(t.Context())
		err = s.InTx(ctx, func(q db.Querier) error {
			insert(q, 3)
			cancel()
			return nil
		})
		if err == nil {
			t.Error("who has gone has committed")
		}
		is(3, false)
		if err := s.InTx(t.Context(), func(q db.Querier) error { insert(q, 4); insert(q, 5); return nil }); err != nil {
			t.Error(err)
		}
		is(4, true)
		is(5, true)
	})
}

// TestBusy holds that who waits for another's transaction goes when its context ends, and that reading waits for nobody.
func TestBusy(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, other := openStore(t, dsn), openStore(t, dsn)
		replace(t, s, index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
		err := s.InTx(t.Context(), func(q db.Querier) error {
			_, err := q.UpdateSession(t.Context(), db.UpdateSessionParams{SessionIndex: index(1), OldGeneration: 1, Generation: 2, Sealed: []byte("b"), LifetimeMs: 1 << 20})
			for _, one := range []*Store{s, other} {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				_, waited := one.ReplaceSession(ctx, index(1), Version{1, 0}, Session{Version: Version{3, 0}, Sealed: []byte("c"), Expires: in(time.Hour)})
				cancel()
				if !errors.Is(waited, context.DeadlineExceeded) {
					t.Errorf("who waits is told %v", waited)
				}
				wantStored(t, one, index(1), stored{Version{1, 0}, "a", true})
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		wantStored(t, other, index(1), stored{Version{2, 0}, "b", true})
	})
}

func TestSweep(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		err := s.InTx(t.Context(), func(q db.Querier) error {
			for i := range 2*sweepRows + 10 {
				n := index(byte(i))
				n[0] = byte(i >> 8)
				p := db.InsertSessionParams{SessionIndex: n, Generation: 1, Sealed: []byte("a")}
				if i < 10 {
					p.LifetimeMs = 600_000
				}
				if _, err := q.InsertSession(t.Context(), p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"old", "live"} {
			if _, _, err := s.Lease(t.Context(), name, "h", map[string]time.Duration{"live": time.Hour}[name]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.sweep(t.Context(), -time.Second); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "sessions"); n != 10 {
			t.Errorf("%d sessions are left, want 10", n)
		}
		if n := count(t, s, "leases"); n != 1 {
			t.Errorf("%d leases are left, want 1", n)
		}
		if _, ok, err := s.Lease(t.Context(), "live", "other", time.Hour); ok || err != nil {
			t.Error("a lease that somebody has is deleted", err)
		}
	})
}

// count counts the rows of a table.
func count(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	query := "select count(*) from " + table
	var err error
	switch e := s.engine.(type) {
	case *file:
		err = e.read.QueryRowContext(t.Context(), query).Scan(&n)
	case *server:
		err = e.pool.QueryRow(t.Context(), query).Scan(&n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSweepEvery holds that it is done in the background, and ends with the store.
func TestSweepEvery(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, err := Open(t.Context(), Config{DSN: dsn, Sweep: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, err = s.Queries().InsertSession(t.Context(), db.InsertSessionParams{SessionIndex: index(1), Generation: 1, Sealed: []byte("a")})
		if err != nil {
			t.Fatal(err)
		}
		for count(t, s, "sessions") > 0 {
			if t.Context().Err() != nil {
				t.Fatal("it stays")
			}
		}
	})
}

// TestUnavailable holds that a database that is not there is told from one that is wrong, and that no DSN is told.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dsn  string
		lost bool
	}{
		"no server":    {"postgres://someone:s3cret@127.0.0.1:1/db?sslmode=disable", true},
		"no folder":    {"sqlite:" + filepath.Join(t.TempDir(), "none", "x.db"), true},
		"a folder":     {"sqlite:" + t.TempDir(), true},
		"no DSN":       {"s3cret", false},
		"no types":     {"postgres://someone:s3cret@127.0.0.1:1/db?default_query_exec_mode=simple_protocol", false},
		"a broken DSN": {"postgres://someone:s3cret@h:port/db", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(t.Context(), Config{DSN: c.dsn})
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Fatalf("%v", err)
			}
			if _, lost := errors.AsType[*UnavailableError](err); lost != c.lost || Away(err) != c.lost {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestRestart holds that a store that is open outlives its server: it fails while that is away, and works when it is back.
func TestRestart(t *testing.T) {
	t.Parallel()
	own := pgtest.For(t)
	s, err := Open(t.Context(), Config{DSN: own.DSN("postgres")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	replace(t, s, index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
	if err := own.Halt(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Session(t.Context(), index(1)); !Away(err) || !Away(s.Ping(t.Context())) {
		t.Errorf("a server that is not there answers, or fails otherwise: %v", err)
	}
	if err := own.Restart(); err != nil {
		t.Fatal(err)
	}
	wantStored(t, s, index(1), stored{Version{1, 0}, "a", true})
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPrivate holds that nobody else can read the file, nor what SQLite puts beside it.
func TestPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("rights are another matter there")
	}
	dir := t.TempDir()
	s := openStore(t, "sqlite:"+filepath.Join(dir, "fairway.db"))
	replace(t, s, index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the rights %v", f.Name(), info.Mode())
		}
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		"-- name: X :one\nselect 1": true, "SELECT\n1": true, "(select 1)": true, "-- a\n-- b\n\tselect 1": true,
		"-- name: X :one\ninsert into x select 1": false, "with a as (select 1) delete from x": false, "": false, "--": false, "update x": false, "selection": false,
	} {
		if got := reads(query); got != want {
			t.Errorf("%q reads: %v", query, got)
		}
	}
}

func TestInUTC(t *testing.T) {
	t.Parallel()
	east := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 5*3600))
	args := []any{east, &east, (*time.Time)(nil), "x", nil}
	inUTC(args)
	want := time.Date(2026, 1, 1, 22, 4, 5, 678901000, time.UTC)
	if diff := cmp.Diff([]any{want, want, (*time.Time)(nil), "x", nil}, args); diff != "" {
		t.Error(diff)
	}
}
