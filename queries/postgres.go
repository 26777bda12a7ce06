package queries

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/fairway-gateway/fairway/internal/pgtypes"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// connectTimeout is for one connection, where the DSN says nothing else.
const connectTimeout = 5 * time.Second

// server is PostgreSQL as an engine.
type server struct{ pool *pgxpool.Pool }

func openPostgres(ctx context.Context, dsn string) (*server, error) {
	pool, err := postgresPool(ctx, dsn)
	if err != nil {
		return nil, err
	}
	e := &server{pool: pool}
	if err := e.ping(ctx); err != nil {
		pool.Close()
		return nil, &UnavailableError{Err: err}
	}
	return e, nil
}

func postgresPool(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// What it says may show pieces of the DSN.
		return nil, errors.New("the address of the store cannot be read; write it like postgres://user:password@host:5432/name?sslmode=verify-full, with what is no letter or digit escaped in user and password")
	}
	// The server says of which types values are; see package pgtypes.
	if mode := cfg.ConnConfig.DefaultQueryExecMode; mode == pgx.QueryExecModeExec || mode == pgx.QueryExecModeSimpleProtocol {
		return nil, errors.New("the store takes no default_query_exec_mode=exec and no simple_protocol")
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if params := cfg.ConnConfig.RuntimeParams; params["application_name"] == "" {
		params["application_name"] = "fairway"
	}
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgtypes.Register(conn.TypeMap())
		conn.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
		return nil
	}
	return pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg)
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
	return newMigrations(goose.DialectPostgres, conn, files, table, e.lock, func() { _ = conn.Close() }, log)
}

// lockNumber is that of goose, so that its own command waits, too.
const lockNumber = lock.DefaultLockID

// lock takes an advisory lock of the database, with a connection of its own: the pool may have no second one. It is held by a
// transaction, since a pooler in between gives a session to others. It is not waited for in the server, since who waits there
// is in the way of indexes that are made concurrently.
func (e *server) lock(ctx context.Context) (func(), error) {
	conn, err := pgx.ConnectConfig(ctx, e.pool.Config().ConnConfig)
	if err != nil {
		return nil, &UnavailableError{Err: err}
	}
	unlock := func() { _ = conn.Close(context.WithoutCancel(ctx)) } // the end of the connection is that of the lock
	tx, err := conn.Begin(ctx)
	if err != nil {
		unlock()
		return nil, &UnavailableError{Err: err}
	}
	err = untilLocked(ctx, func() (ok bool, err error) {
		err = tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", lockNumber).Scan(&ok)
		return ok, err
	})
	if err == nil {
		_, err = tx.Exec(ctx, "set local idle_in_transaction_session_timeout = 0")
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}
