package queries

import (
	"compress/gzip"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"
)

// freeze writes a store of the version before this one into testdata/upgrade, if there is none. What is there stays: it is what that version wrote.
var freeze = flag.Bool("freeze", false, "write testdata/upgrade") //nolint:gochecknoglobals // as all flags

// rawly asks a store as anybody who knows SQL does.
type rawly struct {
	t        *testing.T
	db       *sql.DB
	postgres bool
}

func raw(t *testing.T, e engine) rawly {
	t.Helper()
	switch e := e.(type) {
	case *file:
		return rawly{t, e.write, false}
	case *server:
		conn := stdlib.OpenDBFromPool(e.pool)
		t.Cleanup(func() { conn.Close() })
		return rawly{t, conn, true}
	}
	t.Fatalf("%T is no engine", e)
	return rawly{}
}

// texts gives the only column of what a statement finds.
func (r rawly) texts(statement string) []string {
	r.t.Helper()
	found, err := r.db.QueryContext(r.t.Context(), statement)
	if err != nil {
		r.t.Fatalf("%s: %v", statement, err)
	}
	defer found.Close()
	var out []string
	for found.Next() {
		var text string
		if err := found.Scan(&text); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := found.Err(); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// tables are those of the schema, partitions left out.
func (r rawly) tables() []string {
	if r.postgres {
		return r.texts(`select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'fairway_migrations' order by relname`)
	}
	return r.texts(`select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name <> 'fairway_migrations' order by name`)
}

func (r rawly) columns(table string) []string {
	if r.postgres {
		return r.texts(`select attname::text from pg_attribute where attrelid = '` + table + `'::regclass and attnum > 0 and not attisdropped order by attnum`)
	}
	return r.texts(`select name from pragma_table_info('` + table + `') order by cid`)
}

// held is what tables have: by table and column.
type held map[string]*contents

// contents are the columns of a table, and its rows as texts.
type contents struct{ Columns, Rows []string }

// hold reads all tables, or, where there was something before, what there is now of that.
func (r rawly) hold(before held) held {
	r.t.Helper()
	out := held{}
	tables := r.tables()
	for _, table := range tables {
		columns := r.columns(table)
		if before != nil {
			if before[table] == nil {
				continue
			}
			columns = before[table].Columns
		}
		out[table] = &contents{columns, r.rows(table, columns)}
	}
	return out
}

// rows are those of a table, each a text, in order.
func (r rawly) rows(table string, columns []string) []string {
	r.t.Helper()
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = `'` + c + `=' || quote("` + c + `")`
		if r.postgres {
			quoted[i] = `'` + c + `=' || quote_nullable("` + c + `"::text)`
		}
	}
	out := r.texts("select " + strings.Join(quoted, " || ' ' || ") + ` from "` + table + `"`)
	slices.Sort(out)
	return out
}

// TestUpgrade takes a store with rows in its tables to each earlier schema, as a store of that version has it, and opens it with this one: what
// was there is there, column by column, and can be read and written.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for _, version := range []int64{2, 10, 11, 12, 14, 15, 17, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, dsn string) {
				t.Helper()
				before := older(t, dsn, version)
				s := openStore(t, dsn)
				if diff := cmp.Diff(before, raw(t, s.engine).hold(before)); diff != "" {
					t.Errorf("what schema %d had (-before +after):\n%s", version, diff)
				}
				wantUpgraded(t, s, version)
			})
		})
	}
}

// older makes a store of an earlier schema, and gives what is in it.
func older(t *testing.T, dsn string, version int64) held {
	t.Helper()
	s, err := Open(t.Context(), Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	sc, err := s.Queries().GetScriptBySlug(t.Context(), "script")
	if err != nil {
		t.Fatal(err)
	}
	aSchedule(t, s, sc, time.Now().Add(time.Hour))
	m, err := s.migrations(nil, s.log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.DownTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	out := raw(t, s.engine).hold(nil)
	m.Close()
	s.Close()
	empty := 0
	for _, table := range out {
		if len(table.Rows) == 0 {
			empty++
		}
	}
	if full := len(out) - empty; full < 2 || version > 10 && full < 15 {
		t.Fatalf("at schema %d only %d of %d tables have rows", version, full, len(out))
	}
	return out
}

// wantUpgraded reads by the statements of this version, and writes.
func wantUpgraded(t *testing.T, s *Store, version int64) {
	t.Helper()
	u, err := s.FindUser(t.Context(), "a@x.org")
	if err != nil {
		t.Fatal(err)
	}
	if version >= 10 {
		if sc, err := s.Queries().GetScriptBySlug(t.Context(), "script"); err != nil || sc.UserID != u.ID {
			t.Errorf("the script is %v, %v", sc, err)
		}
	}
	sc := aScript(t, s, u.ID, "another")
	run1(t, s, Limits{}, execution(sc))
	aSchedule(t, s, sc, time.Now().Add(time.Hour))
}

// TestUpgradeOfFrozen opens files that earlier versions wrote.
func TestUpgradeOfFrozen(t *testing.T) {
	t.Parallel()
	const folder = "testdata/upgrade"
	newest, err := newestOf(sqliteMigrations, "migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	if *freeze {
		freezeStore(t, fmt.Sprintf("%s/schema%d.db.gz", folder, newest-1), newest-1)
	}
	files, err := filepath.Glob(folder + "/*.db.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is none: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "frozen.db")
			copyOf(t, path, func(to io.Writer) error {
				from, err := os.Open(name)
				if err != nil {
					return err
				}
				defer from.Close()
				plain, err := gzip.NewReader(from)
				if err != nil {
					return err
				}
				_, err = io.Copy(to, plain) // it is ours
				return err
			})
			found, err := Examine(t.Context(), sqliteScheme+path, nil)
			if err != nil || found.Applied == 0 || found.Applied >= found.Newest {
				t.Fatalf("it is no older store: %v, %v", found, err)
			}
			s := openStore(t, sqliteScheme+path)
			wantUpgraded(t, s, found.Applied)
		})
	}
}

func freezeStore(t *testing.T, name string, version int64) {
	t.Helper()
	if _, err := os.Stat(name); err == nil {
		return
	}
	path := filepath.Join(t.TempDir(), "some.db")
	older(t, sqliteScheme+path, version)
	if err := Backup(t.Context(), path, path+".copy"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { // of the source
		t.Fatal(err)
	}
	copyOf(t, name, func(to io.Writer) error {
		packed, err := gzip.NewWriterLevel(to, gzip.BestCompression)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path + ".copy")
		if err != nil {
			return err
		}
		if _, err := packed.Write(text); err != nil {
			return err
		}
		return packed.Close()
	})
}

// copyOf writes a file.
func copyOf(t *testing.T, path string, fill func(io.Writer) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := fill(f); err != nil {
		t.Fatal(err)
	}
}
