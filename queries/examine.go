package queries

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// Examined is what a database says of itself.
type Examined struct {
	// Server is what it is: "SQLite 3.51.0", "PostgreSQL 17.2".
	Server string
	// Applied is the last migration that was applied, 0: none; Newest the last one there is.
	Applied, Newest int64
	// Ahead is by how much the clock of the server goes before the one here, known to within Unsure; both are 0 for a file.
	Ahead, Unsure time.Duration
	// Standby says that it is a server that takes no changes.
	Standby bool
	// Pooled says that a pooler stands before the server.
	Pooled bool
}

// Examine asks a database how it is, and changes nothing: no file is made, no table, and nothing is migrated. files are its migrations, as for
// OpenMigrations. The error is fs.ErrNotExist where there is no file, and an *UnavailableError where a server does not answer.
func Examine(ctx context.Context, dsn string, files fs.FS) (Examined, error) {
	table, folder := goose.DefaultTablename, "."
	path, isFile := strings.CutPrefix(dsn, sqliteScheme)
	if files == nil {
		table = storeTable
		files, folder = postgresMigrations, "migrations/postgres"
		if isFile {
			files, folder = sqliteMigrations, "migrations/sqlite"
		}
	}
	newest, err := newestOf(files, folder)
	if err != nil {
		return Examined{}, err
	}
	out := Examined{Newest: newest}
	if isFile {
		return out, out.file(ctx, path, table)
	}
	return out, out.server(ctx, dsn, table)
}

// newestOf is the highest number that a migration of a folder begins with.
func newestOf(files fs.FS, folder string) (newest int64, err error) {
	entries, err := fs.ReadDir(files, folder)
	for _, entry := range entries {
		number, _, _ := strings.Cut(entry.Name(), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && strings.HasSuffix(entry.Name(), ".sql") {
			newest = max(newest, n)
		}
	}
	return newest, err
}

// applied asks for the last migration of a table that there is.
func applied(table string) string { return "select coalesce(max(version_id), 0) from " + table }

func (e *Examined) file(ctx context.Context, path, table string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	// Where nobody has it open there is no log beside it, and to read it SQLite would make one.
	options := ""
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		options = "immutable=1"
	}
	d, err := folding()
	if err != nil {
		return err
	}
	conn := sql.OpenDB(connector{d, addressFor("ro", path, options)})
	defer conn.Close()
	ask := func(query string, to any) error {
		return whileBusy(ctx, func() error { return conn.QueryRowContext(ctx, query).Scan(to) })
	}
	var version string
	var tables int
	err = errors.Join(ask("select sqlite_version()", &version), ask("select count(*) from sqlite_master where type = 'table' and name = '"+table+"'", &tables))
	e.Server = "SQLite " + version
	if err != nil {
		return fmt.Errorf("%s is no database of SQLite, or damaged: %w", path, err)
	}
	if tables == 0 {
		return nil
	}
	return ask(applied(table), &e.Applied)
}

func (e *Examined) server(ctx context.Context, dsn, table string) error {
	pool, pooled, err := connectToAny(ctx, dsn)
	if err != nil {
		return err
	}
	e.Pooled = pooled
	defer pool.Close()
	err = pool.QueryRow(ctx, "select 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1), pg_is_in_recovery()").Scan(&e.Server, &e.Standby)
	if err != nil {
		return &UnavailableError{Err: err}
	}
	// The first answer on a connection comes later than others.
	for range 2 {
		before := time.Now()
		var theirs time.Time
		if err := pool.QueryRow(ctx, "select clock_timestamp()").Scan(&theirs); err != nil {
			return &UnavailableError{Err: err}
		}
		took := time.Since(before)
		e.Ahead, e.Unsure = theirs.Sub(before.Add(took/2)), took/2
	}
	var there bool
	if err := pool.QueryRow(ctx, "select to_regclass($1::text) is not null", table).Scan(&there); err != nil || !there {
		return err
	}
	err = pool.QueryRow(ctx, applied(pgx.Identifier{table}.Sanitize())).Scan(&e.Applied)
	return err
}
