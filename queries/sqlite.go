package queries

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/internal/lite"
	"github.com/fairway-gateway/fairway/queries/rows"
)

const (
	// readers is how many connections read at once. One writes.
	readers = 4
	// busyWait is how long SQLite waits by itself for the lock of another process, busyPause how long we wait before we try
	// again: in between a caller may have gone. After busyPatience it is an error for who has no deadline, too.
	busyWait     = 20 * time.Millisecond
	busyPause    = 5 * time.Millisecond
	busyPatience = 30 * time.Second
)

// file is SQLite as an engine: connections that can only read, and one that writes.
type file struct {
	path        string
	read, write *sql.DB
}

func openSQLite(ctx context.Context, path string, ours bool) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the path of the store: %w", err)
	}
	// Nobody else needs to read it. What SQLite puts beside it gets the same rights.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &UnavailableError{Err: err}
	}
	f.Close()
	e := &file{path: path}
	options := "_txlock=immediate"
	if ours {
		options += "&_pragma=journal_mode(wal)"
	}
	d, err := folding()
	if err != nil {
		return nil, err
	}
	e.write = sql.OpenDB(connector{d, address(path, options)})
	e.write.SetMaxOpenConns(1)
	e.read = sql.OpenDB(connector{d, address(path, "_query_only=1")})
	e.read.SetMaxOpenConns(readers)
	e.read.SetMaxIdleConns(readers)
	if err := e.ping(ctx); err != nil {
		e.close()
		return nil, &UnavailableError{Err: err}
	}
	return e, nil
}

// folding is a driver of our own whose connections know the function by which lists compare texts.
func folding() (*sqlite.Driver, error) {
	d := &sqlite.Driver{}
	return d, d.RegisterDeterministicScalarFunction(rows.FoldFunction, 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if text, ok := args[0].(string); ok {
			return rows.Fold(text), nil
		}
		return args[0], nil
	})
}

// connector makes connections to a DSN.
type connector struct {
	driver *sqlite.Driver
	dsn    string
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// address is a DSN of the driver. Times are written so that their texts are ordered as they are.
func address(path, options string) string { return addressFor("rw", path, options) }

// addressFor is address in a mode of SQLite's.
func addressFor(mode, path, options string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	u.RawQuery = "mode=" + mode + "&_busy_timeout=" + strconv.FormatInt(busyWait.Milliseconds(), 10) + "&_foreign_keys=1&_time_format=sqlite&" + options
	return u.String()
}

func (e *file) queries() db.Querier {
	return lite.Adapt(lite.New(split{read: patient{e.read}, write: patient{e.write}}))
}

func (e *file) inTx(ctx context.Context, f func(db.Querier) error) (err error) {
	var tx *sql.Tx
	if err := whileBusy(ctx, func() (err error) {
		tx, err = e.write.BeginTx(ctx, nil)
		return err
	}); err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := f(lite.Adapt(lite.New(patient{tx}))); err != nil {
		return err
	}
	return whileBusy(ctx, tx.Commit)
}

func (e *file) list(ctx context.Context, s rows.Statement, each func(scan func(...any) error) error) error {
	found, err := patient{e.read}.QueryContext(ctx, s.Text(), s.Args()...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := errors.Join(ctx.Err(), each(found.Scan)); err != nil {
			return err
		}
	}
	return found.Err()
}

func (e *file) dialect() rows.Dialect { return rows.SQLite }

// ping asks the connection that writes, too: it finds a file that was made anew, or that nobody may write.
func (e *file) ping(ctx context.Context) error {
	var version int
	return errors.Join(
		whileBusy(ctx, func() error { return e.write.QueryRowContext(ctx, "pragma schema_version").Scan(&version) }),
		whileBusy(ctx, func() error { return e.read.QueryRowContext(ctx, "pragma schema_version").Scan(&version) }),
	)
}

func (e *file) stats() Stats {
	r, w := e.read.Stats(), e.write.Stats()
	return Stats{InUse: r.InUse + w.InUse, Idle: r.Idle + w.Idle, Waits: r.WaitCount + w.WaitCount, Waited: r.WaitDuration + w.WaitDuration}
}

func (e *file) close() {
	if e.read != nil {
		e.read.Close()
	}
	e.write.Close()
}

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

func (e *file) migrations(files fs.FS, log *slog.Logger) (*Migrations, error) {
	table := goose.DefaultTablename
	if files == nil {
		var err error
		if files, err = fs.Sub(sqliteMigrations, "migrations/sqlite"); err != nil {
			return nil, err
		}
		table = storeTable
	}
	return newMigrations(goose.DialectSQLite3, e.write, files, table, e.lock, func() {}, log)
}

// lock takes a lock that all systems have: a transaction in a second file.
func (e *file) lock(ctx context.Context) (func(), error) {
	path := e.path + ".lock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &UnavailableError{Err: err}
	}
	f.Close()
	beside, err := sql.Open("sqlite", address(path, "_txlock=exclusive"))
	if err != nil {
		return nil, err
	}
	var tx *sql.Tx
	err = untilLocked(ctx, func() (bool, error) {
		var err error
		// Not the caller's context: the lock is released by who has it.
		tx, err = beside.BeginTx(context.WithoutCancel(ctx), nil)
		if busy(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		beside.Close()
		return nil, err
	}
	return func() {
		_ = tx.Rollback() // nothing was written
		beside.Close()
	}, nil
}

// split sends statements that read to the connections that can only read. That a statement reads is told by its first word.
type split struct{ read, write patient }

func (s split) of(query string) patient {
	if reads(query) {
		return s.read
	}
	return s.write
}

// ExecContext implements lite.DBTX.
func (s split) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return s.write.ExecContext(ctx, query, args...)
}

// PrepareContext implements lite.DBTX.
func (s split) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return s.of(query).PrepareContext(ctx, query)
}

// QueryContext implements lite.DBTX.
func (s split) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.of(query).QueryContext(ctx, query, args...)
}

// QueryRowContext implements lite.DBTX.
func (s split) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return s.of(query).QueryRowContext(ctx, query, args...)
}

// patient tries statements again while another process holds the lock of the file, and has times be written in UTC.
type patient struct{ db lite.DBTX }

// ExecContext implements lite.DBTX.
func (p patient) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	inUTC(args)
	err = whileBusy(ctx, func() error {
		res, err = p.db.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

// PrepareContext implements lite.DBTX.
func (p patient) PrepareContext(ctx context.Context, query string) (stmt *sql.Stmt, err error) {
	err = whileBusy(ctx, func() error {
		stmt, err = p.db.PrepareContext(ctx, query) //nolint:sqlclosecheck // the caller does
		return err
	})
	return stmt, err
}

// QueryContext implements lite.DBTX.
func (p patient) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	inUTC(args)
	err = whileBusy(ctx, func() error {
		rows, err = p.db.QueryContext(ctx, query, args...) //nolint:rowserrcheck,sqlclosecheck // the caller does
		return err
	})
	return rows, err
}

// QueryRowContext implements lite.DBTX.
func (p patient) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	inUTC(args)
	_ = whileBusy(ctx, func() error { // the row has the error
		row = p.db.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	return row
}

// inUTC makes times such that their texts are ordered as they are, and have no more digits than PostgreSQL keeps.
func inUTC(args []any) {
	for i, a := range args {
		switch t := a.(type) {
		case time.Time:
			args[i] = t.UTC().Truncate(time.Microsecond)
		case *time.Time:
			if t != nil {
				args[i] = t.UTC().Truncate(time.Microsecond)
			}
		}
	}
}

// whileBusy tries again while another process holds the lock of the file.
func whileBusy(ctx context.Context, try func() error) error {
	end := time.Now().Add(busyPatience)
	for {
		err := try()
		if !busy(err) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(busyPause):
		}
	}
}

func busy(err error) bool {
	said, ok := errors.AsType[*sqlite.Error](err)
	return ok && said.Code()&0xff == sqlite3.SQLITE_BUSY
}
