package queries

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/internal/lite"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// errExplained is what a statement gives that is explained and not run.
var errExplained = errors.New("explained")

// explains is a db.DBTX and a lite.DBTX that says how a statement would be run.
type explains struct {
	pool *pgxpool.Pool
	said *string
	// how is what stands between explain and the statement. Default: nothing.
	how string
}

func (e explains) explain(ctx context.Context, query string, args []any) error {
	tx, err := e.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	found, err := tx.Query(ctx, "explain "+e.how+" "+query, args...)
	if err != nil {
		return err
	}
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	*e.said = strings.Join(lines, "\n")
	return errors.Join(err, errExplained)
}

func (e explains) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, e.explain(ctx, query, args)
}

func (e explains) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	return nil, e.explain(ctx, query, args)
}

func (e explains) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	return failed{e.explain(ctx, query, args)}
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// liteExplains is the same for a file.
type liteExplains struct {
	split
	db   *sql.DB
	said *string
}

func (e liteExplains) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return nil, e.explain(ctx, query, args)
}

func (e liteExplains) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return nil, e.explain(ctx, query, args)
}

func (e liteExplains) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	_ = e.explain(ctx, query, args) // it is said then
	return e.db.QueryRowContext(ctx, "select 0")
}

func (e liteExplains) explain(ctx context.Context, query string, args []any) error {
	inUTC(args)
	found, err := e.db.QueryContext(ctx, "explain query plan "+query, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	var lines []string
	for found.Next() {
		var line string
		var id, parent, unused int
		if err := found.Scan(&id, &parent, &unused, &line); err != nil {
			return err
		}
		lines = append(lines, line)
	}
	*e.said = strings.Join(lines, "\n")
	return errors.Join(found.Err(), errExplained)
}

// manyExecutions writes 100,000 executions of 100 users that have ended, with an attempt and a chunk each, and 2,000 that wait, half of
// them for a runner.
func manyExecutions(t *testing.T, s *Store) (user, script uuid.UUID) {
	t.Helper()
	u := create(t, s, aUser("many@x.org"))
	sc := aScript(t, s, u.ID, "many")
	// What the statements have as times and ids.
	id, at, series, json, blob := "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid", "timestamptz '2026-01-01' + n * interval '1 second'", "generate_series(1, 102000) n", "'{}'", "''::bytea"
	if s.dialect() == rows.SQLite {
		id, at, series, json, blob = "printf('00000000-0000-7000-8000-%012d', n)", "strftime('%Y-%m-%d %H:%M:%f+00:00', '2026-01-01', n || ' seconds')", "(with recursive c(n) as (select 1 union all select n + 1 from c where n < 102000) select n from c)", "cast('{}' as blob)", "x''"
	}
	const users = "insert into users (id, email, email_key, name, first_name, middle_name, last_name, country, institution, profile, role, is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, version, created_at, updated_at) "
	owner := "(case when n % 100 = 0 then '" + u.ID.String() + "' else '" + uuid.Nil.String() + "' end)"
	if s.dialect() == rows.PostgreSQL {
		owner += "::uuid"
	}
	for _, text := range []string{
		users + "select " + map[rows.Dialect]string{rows.PostgreSQL: "'" + uuid.Nil.String() + "'::uuid", rows.SQLite: "'" + uuid.Nil.String() + "'"}[s.dialect()] + ", 'n', 'n', 'n', '', '', '', '', '', profile, role, 1 = 1, 1 = 2, 1 = 3, 1 = 4, 1 = 5, '', '', 1, created_at, updated_at from users",
		"alter table executions disable trigger user", "alter table execution_attempts disable trigger user",
		`insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms,
			is_plugin_execution, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at)
			select ` + id + ", '" + sc.ID.String() + "', 1, " + owner + `, case when n <= 100000 then 'FINISHED' when n <= 101000 then 'PENDING' else 'READY' end, '', case when n <= 100000 then 100 else 0 end, ` + json + ", '', " + json + `, '', 0, 'default', n % 3, 1, 1, '', 0, 1000,
			n < 0, 0, 0, ` + at + ", " + at + ", " + at + ", " + at + ", case when n <= 100000 then " + at + " end, " + at + " from " + series,
		`insert into execution_attempts (id, execution_id, number, state, outcome, reason, stop, queue, priority, available_at, timeout_ms, fence, handle, log_seq, created_at, ended_at)
			select e.id, id, 1, case when status = 'FINISHED' then 'ENDED' else 'QUEUED' end, case when status = 'FINISHED' then 'SUCCEEDED' else '' end, '', '', 'default', priority, created_at, 1000, 0, '', 0, created_at, ended_at from executions e where status <> 'PENDING'`,
		"insert into log_chunks (execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at) select id, 1, 1, 1, 1, created_at, updated_at, " + blob + ", '', '', created_at from executions",
		"analyze",
	} {
		if s.dialect() == rows.SQLite && strings.HasPrefix(text, "alter") {
			text = map[string]string{"executions": "drop trigger executions_begin", "execution_attempts": "drop trigger execution_attempts_move"}[strings.Fields(text)[2]]
		}
		if err := execute(t, s, text); err != nil {
			t.Fatal(text, err)
		}
	}
	return u.ID, sc.ID
}

// TestJobPlans holds that what is asked all the time of many executions is read from an index, and that what is in an order is not sorted.
func TestJobPlans(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		if _, err := s.Maintain(t.Context(), Retention{}); err != nil {
			t.Fatal(err)
		}
		user, _ := manyExecutions(t, s)
		var said string
		var q db.Querier
		switch e := s.engine.(type) {
		case *server:
			q = db.New(explains{pool: e.pool, said: &said})
		case *file:
			q = lite.Adapt(lite.New(liteExplains{db: e.write, said: &said}))
		}
		now, runner, one := time.Now(), fresh(), idList([]uuid.UUID{fresh()})
		some := uuid.MustParse("00000000-0000-7000-8000-000000000005")
		for name, c := range map[string]struct {
			run     func() error
			index   string
			sorting bool // what is sorted is little
		}{
			"claim": {func() error {
				_, err := q.ClaimAttempts(t.Context(), db.ClaimAttemptsParams{Queue: "default", AtMost: 10, RunnerID: &runner, LeaseUntil: &now, DeadlineAt: &now, Now: &now})
				return err
			}, "execution_attempts_queued", false},
			"claim these": {func() error {
				_, err := q.ClaimTheseAttempts(t.Context(), db.ClaimTheseAttemptsParams{Ids: one, RunnerID: &runner, LeaseUntil: &now, DeadlineAt: &now, Now: &now})
				return err
			}, "execution_attempts_pkey", true},
			"start": {func() error {
				_, err := q.StartAttempts(t.Context(), db.StartAttemptsParams{Batch: `{"` + runner.String() + `": {}}`, LeaseUntil: &now, Now: &now})
				return err
			}, "execution_attempts_pkey", false},
			"held": {func() error {
				_, err := q.ListHeldAttempts(t.Context(), `[{"id": "`+runner.String()+`", "fence": 1}]`)
				return err
			}, "execution_attempts_pkey", false},
			"states": {func() error { _, err := q.ListStates(t.Context(), one); return err }, "executions_pkey", false},
			"work":   {func() error { _, err := q.ListWork(t.Context(), one); return err }, "executions_pkey", false},
			"renew": {func() error {
				_, err := q.RenewAttempts(t.Context(), db.RenewAttemptsParams{Batch: `[{"id": "` + runner.String() + `", "fence": 1}]`, LeaseUntil: &now, Now: &now})
				return err
			}, "execution_attempts_pkey", false},
			"lock": {func() error { _, err := q.LockExecutions(t.Context(), one); return err }, "executions_pkey", true},
			"move": {func() error {
				_, err := q.MoveExecutions(t.Context(), db.MoveExecutionsParams{Batch: `{"` + runner.String() + `": {}}`, Now: now})
				return err
			}, "executions", false},
			"end": {func() error {
				_, err := q.EndAttempts(t.Context(), db.EndAttemptsParams{Batch: `{"` + runner.String() + `": {}}`, Now: &now})
				return err
			}, "execution_attempts_pkey", false},
			"overdue": {func() error {
				_, err := q.ListOverdueAttempts(t.Context(), db.ListOverdueAttemptsParams{Now: &now, Late: &now, AtMost: 10})
				return err
			}, "execution_attempts_held", false},
			"waiting users": {func() error { _, err := q.ListWaitingUsers(t.Context()); return err }, "executions_waiting", true},
			"waiting of a user": {func() error {
				_, err := q.ListWaitingOf(t.Context(), db.ListWaitingOfParams{UserID: &user, AtMost: 10})
				return err
			}, "executions_waiting", false},
			"active of a user": {func() error { _, err := q.CountActiveOf(t.Context(), &user); return err }, "executions_active", false},
			"by key": {func() error {
				_, err := q.GetExecutionByKey(t.Context(), db.GetExecutionByKeyParams{UserID: &user, IdempotencyKey: index(1)})
				return err
			}, "executions_once", false},
			"log": {func() error {
				_, err := q.ListLogChunks(t.Context(), db.ListLogChunksParams{ExecutionID: some, LastID: 3, Since: now, AtMost: 10})
				return err
			}, "log_chunks", false},
			"end of a log": {func() error {
				_, err := q.ListLogChunksBackward(t.Context(), db.ListLogChunksBackwardParams{ExecutionID: some, Before: 30, AtMost: 10})
				return err
			}, "log_chunks", false},
			"token": {func() error {
				_, err := q.GetAttemptByToken(t.Context(), db.GetAttemptByTokenParams{TokenHash: index(1), Now: &now})
				return err
			}, "execution_attempts_by_token", false},
			"what may be removed": {func() error {
				before := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
				_, err := q.LockRemovable(t.Context(), db.LockRemovableParams{Since: &time.Time{}, Before: &before, AtMost: removeRows})
				return err
			}, "executions_ended", false},
			"remove attempts": {func() error { _, err := q.DeleteAttemptsOf(t.Context(), one); return err }, "execution_attempts", false},
			"remove logs": {func() error {
				_, err := q.DeleteLogChunksOf(t.Context(), db.DeleteLogChunksOfParams{First: some, Last: some, Ids: one})
				return err
			}, "log_chunks", false},
			"remove": {func() error { _, err := q.RemoveExecutions(t.Context(), one); return err }, "executions_pkey", false},
			"blobs that nobody needs": {func() error {
				_, err := q.ListBlobRemovals(t.Context(), db.ListBlobRemovalsParams{AtMost: 10})
				return err
			}, "executions_by_params", true},
		} {
			said = ""
			if err := c.run(); err != nil && !errors.Is(err, errExplained) && said == "" {
				t.Fatal(name, err)
			}
			index := strings.Contains(said, "Index Scan using "+c.index) || strings.Contains(said, "Index Only Scan using "+c.index) || strings.Contains(said, "Index Scan Backward using "+c.index) || strings.Contains(said, "on "+c.index) ||
				strings.Contains(said, "USING INDEX "+c.index) || strings.Contains(said, "USING COVERING INDEX "+c.index) || strings.Contains(said, "sqlite_autoindex_"+strings.TrimSuffix(c.index, "_pkey"))
			if strings.HasSuffix(c.index, "_pkey") && (strings.Contains(said, "execution_attempts_held") || strings.Contains(said, "execution_attempts_queued") || strings.Contains(said, "executions_by_")) {
				index = false // it goes through many
			}
			if strings.Contains(c.index, "log_chunks") && IsPostgres(dsn) { // of one partition
				index = strings.Count(said, "Index Scan") == 1
			}
			for _, table := range []string{"executions", "execution_attempts", "log_chunks"} {
				if strings.Contains(said, "Seq Scan on "+table) || strings.Contains(said, "SCAN "+table) && !strings.Contains(said, "SCAN "+table+" USING") {
					index = false
				}
			}
			if !index || !c.sorting && (strings.Contains(said, "Sort") || strings.Contains(said, "TEMP B-TREE")) {
				t.Errorf("%s:\n%s", name, said)
			}
		}
		jobLists(t, s, user)
	})
}

// jobLists are pages of the lists of executions.
func jobLists(t *testing.T, s *Store, user uuid.UUID) {
	t.Helper()
	created, ended := rows.NewColumn("e.created_at", rows.Time), rows.NewColumn("e.ended_at", rows.Time).Nullable()
	mine, err := rows.Compare(rows.NewColumn("e.user_id", rows.ID), rows.Equal, user)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		index string
		r     rows.Request
	}{
		{"executions_by_created", rows.Request{Order: []rows.Order{{Column: created, Descending: true}}}},
		{"executions_by_user", rows.Request{Where: mine, Order: []rows.Order{{Column: created, Descending: true}}}},
		{"executions_ended", rows.Request{Order: []rows.Order{{Column: ended, Descending: true}, {Column: created, Descending: true}}}},
	} {
		if c.index == "executions_ended" && s.dialect() == rows.SQLite {
			continue // it has NULL first in its indexes
		}
		for range 2 {
			c.r.Limit = 50
			st, err := ExecutionHeads().Select(s.dialect(), c.r)
			if err != nil {
				t.Fatal(err)
			}
			if said := plan(t, s, st); !strings.Contains(said, c.index) || strings.Contains(said, "Sort") || strings.Contains(said, "TEMP B-TREE") {
				t.Errorf("%s\n%s", st.Text(), said)
			}
			page, err := List(t.Context(), s, ExecutionHeads(), c.r)
			if err != nil || len(page) != 50 {
				t.Fatal(len(page), err)
			}
			if c.r.After, err = ExecutionHeads().Values(page[49], c.r); err != nil {
				t.Fatal(err)
			}
		}
	}
}
