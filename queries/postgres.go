package queries

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// server is PostgreSQL as an engine.
type server struct {
	pool *pgxpool.Pool
	// pooled says that a pooler stands before it; see Connect.
	pooled bool
}

func openPostgres(ctx context.Context, dsn string) (*server, error) {
	pool, pooled, err := Connect(ctx, dsn, nil)
	if err != nil {
		return nil, err
	}
	e := &server{pool: pool, pooled: pooled}
	if err := e.ping(ctx); err != nil {
		pool.Close()
		return nil, &UnavailableError{Err: err}
	}
	return e, nil
}

func (e *server) queries() db.Querier { return db.New(e.pool) }

func (e *server) inTx(ctx context.Context, f func(db.Querier) error) error {
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error { return f(serverTx{db.New(tx), tx}) })
}

// serverTx is a transaction as a db.Querier.
type serverTx struct {
	*db.Queries
	tx pgx.Tx
}

// Postgres gives the transaction of a db.Querier that InTx or a Dispatch has given; false: it is of SQLite. It is for who
// writes tables of their own in it, like a queue; end it not.
func Postgres(q db.Querier) (pgx.Tx, bool) {
	if c, ok := q.(*counted); ok {
		q = c.Querier
	}
	of, ok := q.(serverTx)
	return of.tx, ok
}

func (e *server) list(ctx context.Context, s rows.Statement, each func(scan func(...any) error) error) error {
	found, err := e.pool.Query(ctx, s.Text(), s.Args()...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := each(found.Scan); err != nil {
			return err
		}
	}
	return found.Err()
}

func (e *server) dialect() rows.Dialect { return rows.PostgreSQL }

func (e *server) ping(ctx context.Context) error { return e.pool.Ping(ctx) }

func (e *server) stats() Stats {
	s := e.pool.Stat()
	return Stats{
		InUse: int(s.AcquiredConns()), Idle: int(s.IdleConns()),
		Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
	}
}

func (e *server) close() { e.pool.Close() }

//go:embed migrations/postgres/*.sql
var postgresMigrations embed.FS

func (e *server) migrations(files fs.FS, log *slog.Logger) (*Migrations, error) {
	table := goose.DefaultTablename
	if files == nil {
		var err error
		if files, err = fs.Sub(postgresMigrations, "migrations/postgres"); err != nil {
			return nil, err
		}
		table = storeTable
	}
	conn := stdlib.OpenDBFromPool(e.pool)
	lock := func(ctx context.Context) (func(), error) { return Lock(ctx, e.pool, lockNumber) }
	return newMigrations(goose.DialectPostgres, conn, files, table, lock, func() { _ = conn.Close() }, log)
}

// lockNumber is that of goose, so that its own command waits, too.
const lockNumber int64 = lock.DefaultLockID

// Lock takes an advisory lock of a database, with a connection of its own: the pool may have no second one. It is held by a
// transaction, since a pooler in between gives a session to others. It is not waited for in the server, since who waits there
// is in the way of indexes that are made concurrently, nor in a transaction, of which a pooler has few.
func Lock(ctx context.Context, of *pgxpool.Pool, number int64) (unlock func(), err error) {
	conn, err := pgx.ConnectConfig(ctx, of.Config().ConnConfig)
	if err != nil {
		return nil, &UnavailableError{Err: err}
	}
	unlock = func() { _ = conn.Close(context.WithoutCancel(ctx)) } // the end of the connection is that of the lock
	err = untilLocked(ctx, func() (ok bool, err error) {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return false, &UnavailableError{Err: err}
		}
		if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", number).Scan(&ok); err != nil {
			return false, err
		}
		if !ok {
			return false, tx.Rollback(ctx)
		}
		_, err = tx.Exec(ctx, "set local idle_in_transaction_session_timeout = 0")
		return true, err
	})
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}
