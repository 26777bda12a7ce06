package sqlpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

const (
	// rowSlack is how many bytes more than the limit of a query a message of the server may have: lengths, and what it
	// says of errors.
	rowSlack = 1 << 20
	// serverGrace is how much later than we the server ends a query by itself, should nobody be there to end it.
	serverGrace = time.Second
	// endTimeout is for the end of a transaction that gave nothing.
	endTimeout = time.Second
)

// errStandby says that a server takes no changes until it is promoted.
var errStandby = errors.New("the server is a standby")

// postgres is an engine.
type postgres struct {
	pool  *pgxpool.Pool
	types *types
	// settings are statements that begin each transaction; empty: its session has them.
	settings string
}

func newPostgres(cfg *Config) (*postgres, error) {
	c, err := postgresConfig(cfg.DSN)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("making a pool: %w", err)
	}
	e := &postgres{pool: pool, types: newTypes()}
	if pooled(c.ConnConfig) {
		for name, value := range unpooled() {
			e.settings += "; set local " + name + " = '" + value + "'"
		}
	}
	return e, nil
}

func (e *postgres) close() { e.pool.Close() }

func (e *postgres) ping(ctx context.Context) error { return e.pool.Ping(ctx) }

func (e *postgres) stats() observe.PoolStats {
	s := e.pool.Stat()
	return observe.PoolStats{
		InUse: int(s.AcquiredConns()), Idle: int(s.IdleConns()),
		Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
	}
}

// run implements engine. When ctx ends the connection is closed at once, and pgx tells the server to cancel the query.
func (e *postgres) run(ctx context.Context, q *database.Query, out *teller) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := e.begin(ctx, q)
	if err != nil {
		return err
	}
	defer conn.Release() // a connection that is inside a transaction is closed
	conn.Conn().PgConn().Frontend().SetMaxBodyLen(int(min(q.Limit+rowSlack, 1<<30)))
	if err := e.types.learn(ctx, conn.Conn(), q.Text); err != nil {
		return e.end(ctx, conn, err)
	}
	args := make([]any, 0, len(q.Args)+1)
	args = append(args, pgx.QueryResultFormats{pgx.TextFormatCode})
	for _, a := range q.Args {
		args = append(args, postgresArg(a))
	}
	rows, err := conn.Query(ctx, q.Text, args...)
	if err != nil {
		return e.end(ctx, conn, err)
	}
	err = e.tell(rows, out) //nolint:contextcheck // a document of one value is not asked for its end
	if err != nil {
		cancel() // what is still to come is not waited for
	}
	rows.Close()
	switch {
	case err != nil:
		return err
	case rows.Err() != nil:
		return e.end(ctx, conn, rows.Err())
	case len(rows.FieldDescriptions()) == 0:
		err = out.affected(rows.CommandTag().RowsAffected())
	default:
		err = out.end()
	}
	if err != nil {
		return e.end(ctx, conn, err)
	}
	if _, err := conn.Exec(ctx, "commit"); err != nil {
		return err
	}
	return nil
}

// begin gives a connection inside a transaction. A connection that the server has closed meanwhile shows it here, where
// another one may be tried.
func (e *postgres) begin(ctx context.Context, q *database.Query) (*pgxpool.Conn, error) {
	text := "begin read only"
	if q.Exec {
		text = "begin read write"
	}
	text += e.settings
	if until, ok := ctx.Deadline(); ok {
		left := max(time.Millisecond, time.Until(until)+serverGrace)
		text += "; set local statement_timeout = " + strconv.FormatInt(left.Milliseconds(), 10)
	}
	for try := 0; ; try++ {
		conn, err := e.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		_, err = conn.Conn().PgConn().Exec(ctx, text).ReadAll()
		if err == nil {
			return conn, nil
		}
		stale := conn.Conn().IsClosed() && ctx.Err() == nil
		conn.Release()
		if said, ok := errors.AsType[*pgconn.PgError](err); ok && said.Code == "0A000" { // it has no transactions that write
			return nil, fmt.Errorf("%w: %w", errStandby, err)
		}
		if !stale || try == int(e.pool.Config().MaxConns) {
			return nil, err
		}
	}
}

// end ends a transaction that failed of err, and gives err. Where the connection is lost there is nothing to end.
func (e *postgres) end(ctx context.Context, conn *pgxpool.Conn, err error) error {
	if ctx.Err() == nil && !conn.Conn().IsClosed() {
		short, cancel := context.WithTimeout(ctx, endTimeout)
		defer cancel()
		_, _ = conn.Exec(short, "rollback") // else the connection is closed
	}
	return err
}

// tell tells the rows.
func (e *postgres) tell(rows pgx.Rows, out *teller) error {
	fields := rows.FieldDescriptions()
	if len(fields) == 0 {
		return nil
	}
	names, tellers := make([]string, len(fields)), make([]cell, len(fields))
	for i, f := range fields {
		names[i], tellers[i] = f.Name, e.types.cell(f.DataTypeOID)
	}
	if err := out.begin(names); err != nil {
		return err
	}
	for rows.Next() {
		values := rows.RawValues()
		var size int64
		for _, v := range values {
			size += int64(len(v))
		}
		if err := out.row(size); err != nil {
			return err
		}
		err := out.object(func(s sink, i int) error {
			if values[i] == nil {
				return s.Null()
			}
			return tellers[i](s, string(values[i]))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// postgresArg is a parameter as text, whose type is what the server finds that it must be.
func postgresArg(v any) any {
	switch v := v.(type) {
	case json.Number:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return v
}

// fail implements engine. What the server says is for the log, but neither its detail, which quotes rows, nor the query.
func (e *postgres) fail(err error) *upstream.Failure {
	if _, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
		return tooLarge("A row of the query is larger than its limit.")
	}
	if errors.Is(err, errStandby) {
		return &upstream.Failure{Kind: upstream.Judged, Verdict: http.StatusServiceUnavailable, Err: err, Detail: "The database takes no changes now."}
	}
	said, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if _, connecting := errors.AsType[*pgconn.ConnectError](err); !connecting && errors.Is(err, context.DeadlineExceeded) {
			return &upstream.Failure{Kind: upstream.Timeout, Err: err}
		}
		return &upstream.Failure{Kind: upstream.Unreachable, Err: err}
	}
	return stateFailure(said.Code, fmt.Errorf("%s: %.200s (SQLSTATE %s)", said.Severity, said.Message, said.Code))
}

// stateFailure is what an SQLSTATE means.
func stateFailure(code string, cause error) *upstream.Failure {
	switch code {
	case "57014": // statement_timeout, or an operator who ended it
		return &upstream.Failure{Kind: upstream.Timeout, Err: cause}
	case "40001", "40P01", "55P03": // a conflict with another transaction that would not come again
		return &upstream.Failure{
			Kind: upstream.Judged, Verdict: http.StatusServiceUnavailable, RetryAfter: time.Second, Err: cause,
			Detail: "The database is busy with another change of the same.",
		}
	case "22P02", "22003", "22007", "22008", "22021", "22P03":
		return &upstream.Failure{Kind: upstream.Unusable, Err: &database.ValueError{Err: cause}}
	}
	switch code[:min(2, len(code))] {
	case "23":
		return &upstream.Failure{
			Kind: upstream.Judged, Verdict: http.StatusConflict, Err: cause,
			Detail: "The database has a rule that the change would break.",
		}
	case "08", "28", "3D", "53", "57", "58", "F0", "XX": // it cannot be used, whatever is asked
		return &upstream.Failure{Kind: upstream.Unreachable, Err: cause}
	}
	return &upstream.Failure{Kind: upstream.Judged, Err: cause}
}

var _ engine = (*postgres)(nil)
