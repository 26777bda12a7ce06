package queries

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

const day = 24 * time.Hour

// failed runs an execution, with a line of its log, and has it fail.
func failedRun(t *testing.T, s *Store, n NewExecution) uuid.UUID {
	t.Helper()
	e := run1(t, s, Limits{}, n)
	c := claim1(t, s, fresh())
	now := s.clock.Now()
	if err := s.AppendLog(t.Context(), c.Holder, []LogChunk{{Seq: 1, Lines: 1, First: now, Last: now, Data: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	finish1(t, s, c.Holder, OutcomeFailed, StatusFailed)
	return e.ID
}

// there gives which tables have rows of an execution.
func there(t *testing.T, s *Store, id uuid.UUID) string {
	t.Helper()
	var in []string
	for _, of := range []struct{ table, column string }{{"executions", "id"}, {"execution_attempts", "execution_id"}, {"log_chunks", "execution_id"}, {"status_log", "execution_id"}} {
		if scalar(t, s, fmt.Sprintf("select count(*) from %s where %s = '%s'", of.table, of.column, id)) > 0 {
			in = append(in, of.table)
		}
	}
	return strings.Join(in, " ")
}

const everywhere = "executions execution_attempts log_chunks status_log"

// TestRemovesEnded holds that what ended long ago is removed, with all that there is of it, and nothing else.
func TestRemovesEnded(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		keyed := execution(sc)
		keyed.ParamsKey, keyed.Key, keyed.BodyHash = "params/1.json", index(1), index(2)
		old := failedRun(t, s, keyed)
		deleted := failedRun(t, s, execution(sc))
		if err := s.DeleteExecution(t.Context(), By{Actor: "a"}, deleted); err != nil {
			t.Fatal(err)
		}
		fired := func() uuid.UUID { // of which its schedule has not heard yet that it ended
			t.Helper()
			scheduled(t, s, aSchedule(t, s, sc, h.now()))
			if _, err := s.FireSchedules(t.Context(), Firing{Times: onceAt}); err != nil {
				t.Fatal(err)
			}
			c := claim1(t, s, fresh())
			finish1(t, s, c.Holder, OutcomeFailed, StatusFailed)
			return c.Execution
		}()
		answer := beginLong(t, s, longAnswer())
		if _, err := s.EndLongAnswer(t.Context(), FinishRequest{Holder: answer, Outcome: OutcomeSucceeded}, &KeptAnswer{Status: 200, Header: []byte("{}"), Expires: 90 * day}); err != nil {
			t.Fatal(err)
		}
		repeated, err := s.Rerun(t.Context(), Limits{}, old, sc.UserID, 0)
		if err != nil {
			t.Fatal(err)
		}
		running := claim1(t, s, fresh())
		if running.Execution != repeated.ID {
			t.Fatal("another one runs")
		}
		h.turn(29 * day)
		young := failedRun(t, s, execution(sc))
		r := Retention{Executions: 30 * day}
		remove := func(want int64) {
			t.Helper()
			if done, err := s.Maintain(t.Context(), r); err != nil || done.Executions != want || done.Deleted != 0 || done.Dropped != 0 {
				t.Errorf("%+v, %v; want %d", done, err, want)
			}
		}
		blobs := func(want ...string) {
			t.Helper()
			got, err := s.BlobsToRemove(t.Context(), "", 10)
			if diff := cmp.Diff(want, got); err != nil || len(want)+len(got) > 0 && diff != "" {
				t.Error(diff, err)
			}
		}
		remove(0)
		h.turn(2 * day)
		remove(2)
		remove(0)
		for id, want := range map[uuid.UUID]string{old: "", deleted: "", young: everywhere, fired: everywhere, answer.Execution: "executions execution_attempts status_log", running.Execution: "executions execution_attempts status_log"} {
			if got := there(t, s, id); got != want {
				t.Errorf("%s: %q, want %q", id, got, want)
			}
		}
		blobs() // who repeated it has its parameters
		if _, err := s.Rerun(t.Context(), Limits{}, old, sc.UserID, 0); !errors.Is(err, sql.ErrNoRows) {
			t.Error("what is gone is repeated:", err)
		}
		gone := execution(sc)
		gone.ParamsKey, gone.RerunOf = "params/1.json", &old
		if _, err := s.CreateExecution(t.Context(), Limits{}, gone); !errors.Is(err, sql.ErrNoRows) {
			t.Error("the blob of what is gone is taken:", err)
		}
		// The key of a request is forgotten with its execution.
		if e := run1(t, s, Limits{}, keyed); e.Existing {
			t.Error("what is gone is there")
		} else if _, err := s.Cancel(t.Context(), by(), e.ID, "enough"); err != nil {
			t.Error(err)
		}
		finish1(t, s, running.Holder, OutcomeFailed, StatusFailed)
		// The schedule hears of its execution.
		if woke, err := s.WakeSchedules(t.Context()); err != nil || !woke {
			t.Error(woke, err)
		}
		if _, err := s.FireSchedules(t.Context(), Firing{Times: onceAt}); err != nil {
			t.Error(err)
		}
		remove(1)
		if there(t, s, fired) != "" {
			t.Error("what its schedule knows to be over is there")
		}
		h.turn(60 * day)
		for _, over := range sweptAnswers(t, s) {
			if err := s.ForgetLongAnswer(t.Context(), over); err != nil {
				t.Error(err)
			}
		}
		remove(4) // the young one, the answer, what was repeated, what was cancelled
		if n := count(t, s, "executions"); n != 0 {
			t.Errorf("%d executions are there", n)
		}
		blobs("params/1.json")
		if err := s.BlobsRemoved(t.Context(), []string{"params/1.json", "x"}); err != nil {
			t.Error(err)
		}
		blobs()
	})
}

func sweptAnswers(t *testing.T, s *Store) (out []uuid.UUID) {
	t.Helper()
	over, err := s.SweepLongAnswers(t.Context(), day, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range over {
		out = append(out, o.Execution)
	}
	return out
}

// cancelledRuns makes executions that have ended, at once.
func cancelledRuns(t *testing.T, s *Store, sc db.Script, n int) {
	t.Helper()
	id, series, blob := "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid", fmt.Sprintf("generate_series(1, %d) n", n), "'{}'"
	if s.dialect() == rows.SQLite {
		id, series, blob = "printf('00000000-0000-7000-8000-%012d', n)", fmt.Sprintf("(with recursive c(n) as (select 1 union all select n + 1 from c where n < %d) select n from c)", n), "cast('{}' as blob)"
	}
	at := "'" + s.clock.Now().Format("2006-01-02 15:04:05.000000-07:00") + "'"
	if s.dialect() == rows.PostgreSQL {
		at += "::timestamptz"
	}
	for _, text := range []string{
		`insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms,
			is_plugin_execution, last_log, log_bytes, created_at, queued_at, updated_at)
			select ` + id + ", '" + sc.ID.String() + "', 1, '" + sc.UserID.String() + "', 'PENDING', '', 0, " + blob + ", 'params/' || (n % 7), " + blob + ", '', 0, 'default', 0, 0, 1, '', 0, 1000, n < 0, 0, 0, " + at + ", " + at + ", " + at + " from " + series,
		"update executions set status = 'CANCELLED', progress = 100, ended_at = " + at,
	} {
		if err := execute(t, s, text); err != nil {
			t.Fatal(text, err)
		}
	}
}

// TestRemovedOnce holds that several that remove at once remove each once, and none fails; and that a batch that breaks off leaves all of it.
func TestRemovedOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		const n = 5*removeRows + 7
		cancelledRuns(t, s, sc, n)
		h.turn(2 * day)
		breaks := "create function breaks() returns trigger language plpgsql as 'begin raise exception ''killed''; end'; create trigger breaks before delete on executions for each row when (old.id = '%s') execute function breaks()"
		mends := "drop trigger breaks on executions"
		if s.dialect() == rows.SQLite {
			breaks, mends = "create trigger breaks before delete on executions when old.id = '%s' begin select raise(abort, 'killed'); end", "drop trigger breaks"
		}
		// One in the third batch.
		if err := execute(t, s, fmt.Sprintf(breaks, fmt.Sprintf("00000000-0000-7000-8000-%012d", 2*removeRows+100))); err != nil {
			t.Fatal(err)
		}
		r := Retention{Executions: day}
		if done, err := s.Maintain(t.Context(), r); err == nil || !strings.Contains(err.Error(), "killed") || done.Executions != 2*removeRows {
			t.Fatalf("%+v, %v", done, err)
		}
		if e, moves := count(t, s, "executions"), scalar(t, s, "select count(distinct execution_id) from status_log"); e != n-2*removeRows || moves != e {
			t.Errorf("%d executions are there, and moves of %d", e, moves)
		}
		if err := execute(t, s, mends); err != nil {
			t.Fatal(err)
		}
		others := []*Store{s, openAt(t, dsn, h), openAt(t, dsn, h)}
		removed := make([]int64, len(others))
		var all sync.WaitGroup
		for i, o := range others {
			all.Go(func() {
				done, err := o.Maintain(t.Context(), r)
				if err != nil {
					t.Error(err)
				}
				removed[i] = done.Executions
			})
		}
		all.Wait()
		if sum := removed[0] + removed[1] + removed[2]; sum != n-2*removeRows || count(t, s, "executions") != 0 || count(t, s, "status_log") != 0 {
			t.Errorf("%v are removed, %d are there", removed, count(t, s, "executions"))
		}
		if keys, err := s.BlobsToRemove(t.Context(), "", 10); err != nil || len(keys) != 7 {
			t.Error(keys, err)
		}
	})
}

// TestRemovesBeside holds that nobody waits for a row that somebody else has, and that what is being repeated is not removed meanwhile.
func TestRemovesBeside(t *testing.T) {
	t.Parallel()
	h := newHands()
	s := openAt(t, postgresDSN(t), h)
	sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
	n := execution(sc)
	n.ParamsKey = "params/1.json"
	old := failedRun(t, s, n)
	failedRun(t, s, execution(sc))
	h.turn(2 * day)
	r := Retention{Executions: day}
	if err := s.InTx(t.Context(), func(q db.Querier) error {
		if _, err := q.HoldExecution(t.Context(), old); err != nil {
			return err
		}
		if done, err := s.Maintain(t.Context(), r); err != nil || done.Executions != 1 {
			t.Errorf("%+v, %v", done, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if there(t, s, old) != everywhere {
		t.Error("what somebody had is gone")
	}
	if done, err := s.Maintain(t.Context(), r); err != nil || done.Executions != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestRemovalStops holds that nothing more is removed when somebody says something else of what is kept: what was said may have been a mistake.
func TestRemovalStops(t *testing.T) {
	t.Parallel()
	h := newHands()
	var s *Store
	var asked atomic.Int64
	asked.Store(math.MinInt32)
	s, err := Open(t.Context(), Config{DSN: sqliteDSN(t), Sweep: time.Hour, Clock: func() time.Time {
		if asked.Add(1) == 2 { // the first batch asks what time it is
			s.retention.Store(new(Retention))
		}
		return h.now()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	cancelledRuns(t, s, aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one"), 3*removeRows)
	h.turn(2 * day)
	asked.Store(0)
	if done, err := s.Maintain(t.Context(), Retention{Executions: day}); err != nil || done.Executions != removeRows || count(t, s, "executions") != 2*removeRows {
		t.Errorf("%+v, %v", done, err)
	}
}
