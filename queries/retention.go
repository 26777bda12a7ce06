package queries

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Retention says for how long what is only ever added to is kept. 0: without end.
type Retention struct {
	// Logs are the logs of executions, by when the execution was made. They stay as long as it has not ended.
	Logs time.Duration
	// StatusLog is the log of moves, by when the execution was made.
	StatusLog time.Duration
	// Audit is the audit log.
	Audit time.Duration
	// Events are changes that are to be told: who has not told them then never does.
	Events time.Duration
	// Firings are what became of the times of schedules. What became of the last one of each is a part of the schedule, and stays.
	Firings time.Duration
	// Arrivals are what became of events that arrived.
	Arrivals time.Duration
	// Executions are those that ended, by when that was, with all that the store has of them: whatever else is said here, their logs and moves go with
	// them. Those that have not ended stay.
	Executions time.Duration
	// MostEvents is how many events are kept, the newest, however young they are: nobody may have told them. 0: DefaultMostEvents.
	MostEvents int64
}

// DefaultMostEvents is about 1 GB.
const DefaultMostEvents = 5_000_000

// DefaultRetention is what gateways keep: logs of executions and what schedules and events that arrived did for 90 days, moves for a year, events for a week, the audit log and executions without end.
func DefaultRetention() Retention {
	const day = 24 * time.Hour
	return Retention{Logs: 90 * day, StatusLog: 365 * day, Events: 7 * day, Firings: 90 * day, Arrivals: 90 * day, MostEvents: DefaultMostEvents}
}

// Keep says for how long what is only ever added to is kept from now on. Before, and of nil, the store does not look after it.
func (s *Store) Keep(r *Retention) {
	s.retention.Store(r)
	ring(s.kept)
}

// MaintainEvery is how often a store looks after what it keeps.
const MaintainEvery = time.Hour

// maintainEvery maintains until ctx ends.
func (s *Store) maintainEvery(ctx context.Context) {
	tick := time.NewTicker(MaintainEvery)
	defer tick.Stop()
	for {
		var done Maintained
		var err error
		if r := s.retention.Load(); r != nil {
			done, err = s.Maintain(ctx, *r)
		}
		if ctx.Err() != nil {
			return
		}
		s.tellMaintained(ctx, done)
		switch {
		case codeOf(err) == "42501":
			// Somebody else migrates, and is to call it too; until then all is in the partitions that there are.
			s.log.InfoContext(ctx, "the store may not make partitions", slog.Any("error", err))
		case err != nil:
			s.log.WarnContext(ctx, "the store could not be maintained", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.kept:
		}
	}
}

// tellMaintained says what was done, if anything was.
func (s *Store) tellMaintained(ctx context.Context, done Maintained) {
	if done != (Maintained{}) {
		s.log.InfoContext(ctx, "the store was maintained", slog.Int("made", done.Made), slog.Int("dropped", done.Dropped), slog.Int64("deleted", done.Deleted), slog.Int64("executions", done.Executions))
	}
}

// Maintained is what Maintain did.
type Maintained struct {
	// Made and Dropped count partitions of PostgreSQL, Deleted rows of SQLite.
	Made, Dropped int
	Deleted       int64
	// Executions counts those that were removed.
	Executions int64
}

// Maintain makes the partitions of the weeks to come, and has what was kept for long enough be gone: with PostgreSQL whole partitions,
// each of a week, with SQLite rows; and executions one by one. Any gateway may call it at any time: what one does, the others have not to do.
// Partitions need the right to change the schema; without it everything is in those that there are.
func (s *Store) Maintain(ctx context.Context, r Retention) (Maintained, error) {
	now := s.clock.Now()
	done, err := s.maintain(ctx, now, r)
	if r.Executions <= 0 {
		return done, err
	}
	removed, also := s.removeEnded(ctx, now.Add(-r.Executions))
	done.Executions = removed
	return done, errors.Join(err, also)
}

const (
	// partitionWidth is the time of a partition; they begin on Mondays.
	partitionWidth = 7 * 24 * time.Hour
	// partitionsAhead is how many are made before they are needed.
	partitionsAhead = 4
	// lockOfPartitions is the number of the lock under which they are made and dropped.
	lockOfPartitions = 0x6661697277617902
)

// appended is a table that is only ever added to.
type appended struct {
	name string
	keep time.Duration
	// byExecution: it is partitioned by the ids of executions, which begin with the time. If not, by time.
	byExecution bool
	// running: what belongs to an execution that has not ended stays.
	running bool
}

func (r Retention) tables() []appended {
	return []appended{
		{name: "log_chunks", keep: r.Logs, byExecution: true, running: true},
		{name: "status_log", keep: r.StatusLog, byExecution: true, running: true},
		{name: "audit_log", keep: r.Audit},
		{name: "events", keep: r.Events},
		{name: "schedule_firings", keep: r.Firings},
		{name: "arrivals", keep: r.Arrivals},
	}
}

// idAt is before the ids that are made from a time on, and not before any that was made earlier.
func idAt(t time.Time) uuid.UUID {
	var id uuid.UUID
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t.UnixMilli()))
	copy(id[:6], ms[2:])
	return id
}

// bound is where a partition of a time begins, as SQL.
func (a appended) bound(t time.Time) string {
	if a.byExecution {
		return "'" + idAt(t).String() + "'"
	}
	return "'" + t.UTC().Format(time.RFC3339) + "'"
}

func (a appended) column() string {
	if a.byExecution {
		return "execution_id"
	}
	return "at"
}

// partitionName is that of the week that begins at a time, and its reverse.
func (a appended) partitionName(t time.Time) string { return a.name + "_" + t.Format("20060102") }

func (a appended) partitionTime(name string) (time.Time, bool) {
	t, err := time.Parse(a.name+"_20060102", name)
	return t, err == nil
}

// tryAlone and waitAlone take the lock of partitions, or say that somebody else has it.
const (
	tryAlone  = "select pg_try_advisory_xact_lock($1)"
	waitAlone = "select pg_advisory_xact_lock($1) is not null"
)

// partitions implements engine.
func (e *server) partitions(ctx context.Context, now time.Time, lock string) (made int, err error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	week := now.UTC().Truncate(partitionWidth)
	for _, table := range (Retention{}).tables() {
		for i := range partitionsAhead + 1 {
			did, err := alone(ctx, conn.Conn(), lock, func(tx pgx.Tx) (bool, error) { return table.make(ctx, tx, week.Add(time.Duration(i)*partitionWidth)) })
			if err != nil {
				return made, fmt.Errorf("a partition of %s: %w", table.name, err)
			}
			if did {
				made++
			}
		}
	}
	return made, nil
}

// maintain implements engine.
func (e *server) maintain(ctx context.Context, now time.Time, r Retention) (done Maintained, err error) {
	if done.Made, err = e.partitions(ctx, now, tryAlone); err != nil {
		return done, err
	}
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return done, err
	}
	defer conn.Release()
	for _, table := range r.tables() {
		if table.keep <= 0 {
			continue
		}
		old, err := table.old(ctx, conn.Conn(), now)
		if err != nil {
			return done, err
		}
		for _, t := range old {
			dropped, err := alone(ctx, conn.Conn(), tryAlone, func(tx pgx.Tx) (bool, error) { return table.drop(ctx, tx, t) })
			if err != nil {
				return done, fmt.Errorf("a partition of %s: %w", table.name, err)
			}
			if dropped {
				done.Dropped++
			}
		}
	}
	return done, nil
}

// alone runs something in a transaction, if nobody else does such a thing or when that is over, and waits for the locks of tables for a short while only:
// whoever wants to write waits behind it.
func alone(ctx context.Context, conn *pgx.Conn, lock string, f func(pgx.Tx) (bool, error)) (did bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, lock, int64(lockOfPartitions)).Scan(&mine); err != nil || !mine {
			return err
		}
		if _, err := tx.Exec(ctx, "set local lock_timeout = '2s'"); err != nil {
			return err
		}
		did, err = f(tx)
		return err
	})
	if err != nil {
		return false, err
	}
	return did, nil
}

// make makes the partition of a week, if it is not there. What the default one has of it goes there.
func (a appended) make(ctx context.Context, tx pgx.Tx, week time.Time) (bool, error) {
	name := a.partitionName(week)
	var there bool
	if err := tx.QueryRow(ctx, "select to_regclass($1) is not null", name).Scan(&there); err != nil || there {
		return false, err
	}
	from, to := a.bound(week), a.bound(week.Add(partitionWidth))
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf("create table %s partition of %s for values from (%s) to (%s)", name, a.name, from, to))
		return err
	})
	switch code := codeOf(err); code {
	case "42P17": // another has some of it: the first one of the audit log has this week
		return false, nil
	case "23514": // the default one has some of it
	default:
		return err == nil, err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`
		alter table %[1]s_rest disable trigger user;
		create table %[2]s (like %[1]s including defaults including constraints including storage including compression);
		insert into %[2]s select * from %[1]s_rest where %[3]s >= %[4]s and %[3]s < %[5]s;
		delete from %[1]s_rest where %[3]s >= %[4]s and %[3]s < %[5]s;
		alter table %[1]s attach partition %[2]s for values from (%[4]s) to (%[5]s);
		alter table %[1]s_rest enable trigger user`, a.name, name, a.column(), from, to))
	return err == nil, err
}

// codeOf is that of an error of PostgreSQL.
func codeOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// old gives the weeks whose partitions are not kept any more.
func (a appended) old(ctx context.Context, conn *pgx.Conn, now time.Time) ([]time.Time, error) {
	found, err := conn.Query(ctx, "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = to_regclass($1) order by c.relname", a.name)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var out []time.Time
	for _, name := range names {
		if t, ok := a.partitionTime(name); ok && !t.Add(partitionWidth+a.keep).After(now) {
			out = append(out, t)
		}
	}
	return out, nil
}

// drop drops the partition of a week, unless something in it belongs to an execution that has not ended.
func (a appended) drop(ctx context.Context, tx pgx.Tx, week time.Time) (bool, error) {
	end := week.Add(partitionWidth)
	if a.running {
		var running bool
		err := tx.QueryRow(ctx, "select exists (select 1 from executions where id >= $1 and id < $2 and ended_at is null)", idAt(week), idAt(end)).Scan(&running)
		if err != nil || running {
			return false, err
		}
	}
	if _, err := tx.Exec(ctx, "drop table if exists "+a.partitionName(week)); err != nil {
		return false, err
	}
	_, err := tx.Exec(ctx, "insert into retention (name, kept_since) values ($1, $2) on conflict (name) do update set kept_since = greatest(retention.kept_since, excluded.kept_since)", a.name, end)
	return err == nil, err
}

// partitions implements engine: a file has none.
func (e *file) partitions(context.Context, time.Time, string) (int, error) { return 0, nil }

// maintain implements engine.
func (e *file) maintain(ctx context.Context, now time.Time, r Retention) (Maintained, error) {
	var done Maintained
	for _, table := range r.tables() {
		if table.keep <= 0 {
			continue
		}
		since := now.Add(-table.keep).UTC().Truncate(time.Microsecond)
		write := patient{e.write}
		if _, err := write.ExecContext(ctx, "insert into retention (name, kept_since) values (?1, ?2) on conflict (name) do update set kept_since = max(kept_since, excluded.kept_since)", table.name, since); err != nil {
			return done, err
		}
		var bound any = since
		if table.byExecution {
			bound = idAt(since)
		}
		where := table.column() + " < ?1"
		if table.running {
			where += " and not exists (select 1 from executions e where e.id = execution_id and e.ended_at is null)"
		}
		statement := fmt.Sprintf("delete from %[1]s where rowid in (select rowid from %[1]s where %[2]s limit ?2)", table.name, where)
		err := rounds(func() (int64, error) {
			res, err := write.ExecContext(ctx, statement, bound, sweepRows)
			if err != nil {
				return 0, err
			}
			n, err := res.RowsAffected()
			done.Deleted += n
			return n, err
		})
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
