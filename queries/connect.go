package queries

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairway-gateway/fairway/internal/pgtypes"
)

// connectTimeout is for one connection, where the DSN says nothing else.
const connectTimeout = 5 * time.Second

// Connect makes a pool of connections to the PostgreSQL of a store: to the first of the hosts of its DSN that takes changes, unless
// target_session_attrs says which it is to be. settings are those of their sessions, like synchronous_commit.
//
// pooled says that a pooler stands in between, like pgbouncer, which may give each transaction to another session: what is known of statements is then kept here,
// and nothing there (unless default_query_exec_mode says otherwise), settings are left out, since it takes none, and nobody can listen.
func Connect(ctx context.Context, dsn string, settings map[string]string) (_ *pgxpool.Pool, pooled bool, err error) {
	return connect(ctx, dsn, settings, pgconn.ValidateConnectTargetSessionAttrsReadWrite)
}

// connectToAny is Connect that takes a server that takes no changes, where there is no other.
func connectToAny(ctx context.Context, dsn string) (*pgxpool.Pool, bool, error) {
	pool, pooled, err := Connect(ctx, dsn, nil)
	if errors.Is(err, pgconn.ErrReadOnlyConnection) {
		return connect(ctx, dsn, nil, nil)
	}
	return pool, pooled, err
}

// connect has connections be to the first host that is as it has to be, where the DSN says nothing of that.
func connect(ctx context.Context, dsn string, settings map[string]string, otherwise pgconn.ValidateConnectFunc) (_ *pgxpool.Pool, pooled bool, err error) {
	cfg, err := poolConfig(dsn)
	if err != nil {
		return nil, false, err
	}
	if cfg.ConnConfig.ValidateConnect == nil {
		cfg.ConnConfig.ValidateConnect = otherwise
	}
	if pooled, err = between(ctx, cfg.ConnConfig); err != nil {
		return nil, false, &UnavailableError{Err: err}
	}
	switch {
	case !pooled:
		written := maps.Clone(cfg.ConnConfig.RuntimeParams)
		maps.Copy(cfg.ConnConfig.RuntimeParams, settings)
		maps.Copy(cfg.ConnConfig.RuntimeParams, written) // what the DSN says goes before
	case !strings.Contains(cfg.ConnString(), "default_query_exec_mode"):
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg)
	return pool, pooled, err
}

// poolConfig reads a DSN.
func poolConfig(dsn string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// What it says may show pieces of the DSN.
		return nil, errors.New("the address of the store cannot be read; write it like postgres://user:password@host:5432/name?sslmode=verify-full, with what is no letter or digit escaped in user and password")
	}
	// The server says of which types values are; see package pgtypes. So exec, by which databases of services say that there is a pooler, is here what does the same.
	switch cfg.ConnConfig.DefaultQueryExecMode {
	case pgx.QueryExecModeExec:
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	case pgx.QueryExecModeSimpleProtocol:
		return nil, errors.New("the store takes no default_query_exec_mode=simple_protocol")
	case pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec:
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
	return cfg, nil
}

// between says whether a pooler stands before a server: it tells clients a number of its own, by which they cancel, instead of the server's process.
func between(ctx context.Context, cfg *pgx.ConnConfig) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	results, err := conn.PgConn().Exec(ctx, "select pg_backend_pid()").ReadAll()
	if err != nil {
		return false, err
	}
	return string(results[0].Rows[0][0]) != strconv.FormatUint(uint64(conn.PgConn().PID()), 10), nil
}

// Sockets are the directories of the sockets by which the DSN of a store reaches PostgreSQL, and Password is what it shows there, which need not stand in the DSN.
func Sockets(dsn string) (directories []string, password string) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, ""
	}
	hosts := []string{cfg.ConnConfig.Host}
	for _, f := range cfg.ConnConfig.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	slices.Sort(hosts)
	return slices.DeleteFunc(slices.Compact(hosts), func(host string) bool { return !strings.HasPrefix(host, "/") }), cfg.ConnConfig.Password
}
