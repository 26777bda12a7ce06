package sqlpool

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairway-gateway/fairway/proxies/database"
)

// Config is one database, resolved: no placeholders.
type Config struct {
	// Name labels metrics, logs and errors.
	Name string
	// DSN says which database: sqlite:<path of a file that exists>, or postgres://user:password@host:port/name?options as libpq and
	// pgxpool have them (pool_max_conns, sslmode, ...).
	DSN string
}

// sqliteScheme is before the path of a file.
const sqliteScheme = "sqlite:"

// Dialect says which engine a DSN is for; Any where it is for none.
func Dialect(dsn string) database.Dialect {
	switch {
	case strings.HasPrefix(dsn, sqliteScheme):
		return database.SQLite
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		return database.Postgres
	}
	return database.Any
}

// Check says what is wrong with the DSN, without a word of it: it may hold a password.
func (c *Config) Check() error {
	switch Dialect(c.DSN) {
	case database.SQLite:
		_, err := sqlitePath(c.DSN)
		return err
	case database.Postgres:
		_, err := postgresConfig(c.DSN)
		return err
	case database.Any:
	}
	return errors.New("a database is sqlite:<path> or postgres://user@host:port/name")
}

// sqlitePath gives the path of the file.
func sqlitePath(dsn string) (string, error) {
	path := strings.TrimPrefix(dsn, sqliteScheme)
	switch {
	case path == "", strings.HasSuffix(path, "/"):
		return "", errors.New("sqlite: needs the path of a file: sqlite:/var/lib/fairway/jobs.db")
	case strings.HasPrefix(path, "//"):
		return "", errors.New("sqlite: is followed by the path alone: sqlite:/var/lib/fairway/jobs.db")
	case strings.Contains(path, ":memory:"):
		return "", errors.New("a database of SQLite is a file; one in memory would be another for each connection")
	case strings.ContainsAny(path, "?\x00"):
		return "", errors.New("sqlite: takes no options behind the path")
	}
	return path, nil
}

// postgresConfig reads a DSN, and sets what the text of values depends on.
func postgresConfig(dsn string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// Its message shows the DSN, and what it wraps may show pieces of it.
		if _, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
			return nil, errors.New("the address of the database cannot be read; write it like postgres://user:password@host:5432/name?sslmode=verify-full, with what is no letter or digit escaped in user and password")
		}
		return nil, fmt.Errorf("the address of the database: %w", err)
	}
	if cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, errors.New("default_query_exec_mode=simple_protocol writes values into the text of queries; use exec for a pooler in between")
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "fairway"
	}
	maps.Copy(params, map[string]string{"client_encoding": "UTF8", "datestyle": "ISO, YMD", "standard_conforming_strings": "on"})
	if !pooled(cfg.ConnConfig) {
		maps.Copy(params, unpooled())
	}
	return cfg, nil
}

// unpooled are the settings that a pooler like pgbouncer takes from no client: behind one each transaction has them instead.
func unpooled() map[string]string {
	return map[string]string{"intervalstyle": "iso_8601", "bytea_output": "hex", "extra_float_digits": "1"}
}

// Pooled says whether a DSN says that a pooler stands before its server.
func Pooled(dsn string) bool {
	cfg, err := postgresConfig(dsn)
	return err == nil && pooled(cfg.ConnConfig)
}

// pooled says that somebody wrote that there is a pooler, by the mode that it takes.
func pooled(cfg *pgx.ConnConfig) bool { return cfg.DefaultQueryExecMode == pgx.QueryExecModeExec }
