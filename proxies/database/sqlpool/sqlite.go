package sqlpool

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

const (
	// readers is how many connections read at once. One writes.
	readers = 8
	// idleConnection is after how long a connection that nobody uses is closed.
	idleConnection = 5 * time.Minute
	// busyWait is how long SQLite waits by itself for the lock of another process, busyPause how long we wait before we try
	// again: in between a caller may have gone.
	busyWait  = 20 * time.Millisecond
	busyPause = 5 * time.Millisecond
	// interruptAgain is after how long a query is interrupted once more: an interrupt between two statements is lost.
	interruptAgain = 10 * time.Millisecond
)

// lite is SQLite as an engine: connections that can only read, and one that writes.
type lite struct {
	read, write *sql.DB
}

func newSQLite(cfg *Config) (*lite, error) {
	path, err := sqlitePath(cfg.DSN)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("the path of the database: %w", err)
	}
	e := new(lite)
	if e.read, err = openSQLite(path, "ro", "query_only(1)"); err != nil {
		return nil, err
	}
	if e.write, err = openSQLite(path, "rw", "foreign_keys(1)"); err != nil {
		e.read.Close()
		return nil, err
	}
	e.read.SetMaxOpenConns(readers)
	e.read.SetMaxIdleConns(readers)
	e.write.SetMaxOpenConns(1)
	return e, nil
}

func openSQLite(path, mode, pragma string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: url.Values{
		"mode": {mode}, "_pragma": {pragma}, "_busy_timeout": {strconv.FormatInt(busyWait.Milliseconds(), 10)},
	}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db.SetConnMaxIdleTime(idleConnection)
	return db, nil
}

func (e *lite) close() {
	e.read.Close()
	e.write.Close()
}

func (e *lite) stats() observe.PoolStats {
	r, w := e.read.Stats(), e.write.Stats()
	return observe.PoolStats{
		InUse: r.InUse + w.InUse, Idle: r.Idle + w.Idle, Waits: r.WaitCount + w.WaitCount, Waited: r.WaitDuration + w.WaitDuration,
	}
}

func (e *lite) ping(ctx context.Context) error {
	conn, err := e.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var version int
	return whileBusy(ctx, func() error { return conn.QueryRowContext(ctx, "pragma schema_version").Scan(&version) })
}

// run implements engine. When ctx ends the query is interrupted.
func (e *lite) run(ctx context.Context, q *database.Query, out *teller) error {
	err := e.once(ctx, q, out)
	said, ok := errors.AsType[*sqlite.Error](err)
	if q.Exec || !ok || out.names != nil || said.Code()&0xff != sqlite3.SQLITE_READONLY || said.Code() == sqlite3.SQLITE_READONLY {
		return err
	}
	// A writer has crashed, and who may only read cannot undo what it has begun.
	if _, again := e.write.ExecContext(ctx, "select count(*) from sqlite_schema"); again != nil {
		return err
	}
	return e.once(ctx, q, out)
}

// once is one try of a query.
func (e *lite) once(ctx context.Context, q *database.Query, out *teller) error {
	db, begin, end := e.read, "begin", "rollback"
	if q.Exec {
		db, begin, end = e.write, "begin immediate", "commit"
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop, err := interruptWith(ctx, conn)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_LENGTH, int(min(q.Limit+rowSlack, 1_000_000_000))); err != nil {
		return err
	}
	// The context is not given to the driver, which would interrupt only the first row.
	still := context.WithoutCancel(ctx)
	exec := func(text string) error {
		return whileBusy(ctx, func() error {
			_, err := conn.ExecContext(still, text)
			return err
		})
	}
	if err := exec(begin); err != nil {
		return err
	}
	err = e.ask(ctx, conn, q, out)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = exec(end)
	}
	if err != nil {
		stop()
		_, _ = conn.ExecContext(still, "rollback") // there may be no transaction any more
		return err
	}
	return nil
}

// ask runs the statement and tells its rows.
func (e *lite) ask(ctx context.Context, conn *sql.Conn, q *database.Query, out *teller) error {
	args := make([]any, len(q.Args))
	for i, a := range q.Args {
		args[i] = sqliteArg(a)
	}
	still := context.WithoutCancel(ctx)
	var rows *sql.Rows
	err := whileBusy(ctx, func() (err error) {
		rows, err = conn.QueryContext(still, q.Text, args...) //nolint:rowserrcheck,sqlclosecheck // both below
		return err
	})
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	if len(columns) == 0 {
		var n int64
		if err := rows.Close(); err != nil {
			return err
		}
		if err := conn.QueryRowContext(still, "select changes()").Scan(&n); err != nil {
			return err
		}
		return out.affected(n)
	}
	if err := tellRows(ctx, rows, columns, out); err != nil {
		return err
	}
	return out.end()
}

func tellRows(ctx context.Context, rows *sql.Rows, columns []*sql.ColumnType, out *teller) error {
	names, declared := make([]string, len(columns)), make([]string, len(columns))
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		names[i], declared[i] = c.Name(), declaredType(c.DatabaseTypeName())
		to[i] = &values[i]
	}
	if err := out.begin(names); err != nil {
		return err
	}
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		var size int64
		for _, v := range values {
			size += sqliteSize(v)
		}
		if err := out.row(size); err != nil {
			return err
		}
		err := out.object(func(s sink, i int) error { return tellSQLite(s, values[i], declared[i]) }) //nolint:contextcheck // as for PostgreSQL
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// sqliteArg is a parameter in the storage class that SQLite would give it.
func sqliteArg(v any) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	if i, err := n.Int64(); err == nil {
		return i
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return string(n)
}

// whileBusy tries again while another process holds the lock of the file.
func whileBusy(ctx context.Context, try func() error) error {
	for {
		err := try()
		var said *sqlite.Error
		if !errors.As(err, &said) || said.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(busyPause):
		}
	}
}

// interruptWith interrupts what runs on a connection when ctx ends, until stop is called. The driver does so only until
// the first row of a query is there.
func interruptWith(ctx context.Context, conn *sql.Conn) (stop func(), err error) {
	var handle uintptr
	err = conn.Raw(func(c any) error {
		field := reflect.Indirect(reflect.ValueOf(c)).FieldByName("db")
		if !field.IsValid() || field.Kind() != reflect.Uintptr || field.Uint() == 0 {
			return errors.New("the driver of SQLite is another one than expected")
		}
		handle = uintptr(field.Uint())
		return nil
	})
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		tls := libc.NewTLS()
		defer tls.Close()
		for {
			sqlite3.Xsqlite3_interrupt(tls, handle)
			select {
			case <-done:
				return
			case <-time.After(interruptAgain):
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		watcher.Wait()
	}), nil
}

// fail implements engine. What SQLite says is for the log; it quotes names, but no values.
func (e *lite) fail(err error) *upstream.Failure {
	said, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return &upstream.Failure{Kind: upstream.Unreachable, Err: err}
	}
	cause := fmt.Errorf("%.200s", strings.ToValidUTF8(said.Error(), "?"))
	switch said.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT:
		return &upstream.Failure{Kind: upstream.Timeout, Err: cause}
	case sqlite3.SQLITE_TOOBIG:
		return tooLarge("A value of the query is larger than its limit.")
	case sqlite3.SQLITE_CONSTRAINT:
		return stateFailure("23000", cause)
	case sqlite3.SQLITE_MISMATCH:
		return &upstream.Failure{Kind: upstream.Unusable, Err: &database.ValueError{Err: cause}}
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERNAL, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS:
		return &upstream.Failure{Kind: upstream.Unreachable, Err: cause}
	}
	return &upstream.Failure{Kind: upstream.Judged, Verdict: http.StatusBadGateway, Err: cause}
}

var _ engine = (*lite)(nil)
