package queries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// fewRows is how many rows there are where FAIRWAY_ROWS does not say it.
const fewRows = 100_000

// manyWeeks is over how many weeks they are spread, the last of which has just ended.
const manyWeeks = 5

// appendedRows writes rows of the tables that are only ever added to, as executions leave them: of ten, four are of logs, four of moves,
// one of the audit log and one an event. It gives an execution in the middle of the time.
func appendedRows(t *testing.T, s *Store, all int) uuid.UUID {
	t.Helper()
	week := s.clock.Now().UTC().Truncate(partitionWidth)
	begin := week.Add(-manyWeeks * partitionWidth)
	e := s.engine.(*server)
	// The audit log of a store that is new begins with this week's, which is that of all before, too.
	if err := execute(t, s, "drop table "+appended{name: "audit_log"}.partitionName(week)); err != nil {
		t.Fatal(err)
	}
	for i := range manyWeeks { // as it was then
		if _, err := e.maintain(t.Context(), begin.Add(time.Duration(i)*partitionWidth), Retention{}); err != nil {
			t.Fatal(err)
		}
	}
	u := create(t, s, aUser("many@x.org"))
	sc := aScript(t, s, u.ID, "many")
	executions := all / 10
	at := fmt.Sprintf("(timestamptz '%s' + n * interval '%d microseconds')", begin.Format(time.RFC3339), (manyWeeks*partitionWidth).Microseconds()/int64(executions))
	// An id of version 7: milliseconds, and what is as good as random.
	id := "(lpad(to_hex(floor(extract(epoch from " + at + ") * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid"
	series := fmt.Sprintf("generate_series(0, %d) n", executions-1)
	of := "(select " + id + " as id, " + at + " as at, n from " + series + ") e"
	for _, text := range []string{
		"alter table executions disable trigger user",
		`insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms,
			is_plugin_execution, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at)
			select id, '` + sc.ID.String() + "', 1, '" + u.ID.String() + "', 'FINISHED', '', 100, '{}', '', '{}', '', 0, 'default', 0, 1, 1, '', 0, 1000, false, 4, 800, at as created_at, at as queued_at, at as dispatched_at, at as started_at, at as ended_at, at as updated_at from " + of,
		"alter table executions enable trigger user",
		"insert into log_chunks (execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at) select id, 1, seq as seq, seq as first_id, seq as last_id, at as first_at, at as last_at, decode(repeat(md5(n::text), 6), 'hex'), '', '', at from " + of + ", generate_series(1, 4) seq",
		"insert into status_log (execution_id, at, status_from, status_to, reason, attempt) select id, at, (array['', 'PENDING', 'READY', 'RUNNING'])[m], (array['PENDING', 'READY', 'RUNNING', 'FINISHED'])[m], '', 1 from " + of + ", generate_series(1, 4) m",
		"insert into audit_log (id, at, actor, request_id, action, subject, diff) select id, at, 'user', '', 'user.change', 'user ' || n % 1000, '{}' from " + of,
		"insert into events (at, type, subject, data) select at, 'execution.finished', 'execution/' || id, '{\"execution_id\":\"' || id || '\"}' from " + of,
		"analyze",
	} {
		begun := time.Now()
		if err := execute(t, s, text); err != nil {
			t.Fatal(text, err)
		}
		t.Logf("%6.1f s %.60s", time.Since(begun).Seconds(), text)
	}
	middle := "select id::text from executions order by id offset " + strconv.Itoa(executions/2) + " limit 1"
	var some string
	if err := e.pool.QueryRow(t.Context(), middle).Scan(&some); err != nil {
		t.Fatal(err)
	}
	return uuid.MustParse(some)
}

// TestManyRows holds that with many rows, over weeks, what is asked all the time of the tables that are only ever added to is asked of the
// partitions that may have it and read from an index, and that what was kept for long enough is gone at once, beside those who write.
//
//	FAIRWAY_ROWS=5000000 go test -run TestManyRows -v ./queries
func TestManyRows(t *testing.T) {
	t.Parallel()
	all := fewRows
	if n, err := strconv.Atoi(os.Getenv("FAIRWAY_ROWS")); err == nil {
		all = max(n, fewRows/10)
	}
	s := openStore(t, postgresDSN(t))
	execution := appendedRows(t, s, all)
	e := s.engine.(*server)
	plansOfMany(t, e, execution)
	count := func(table string) int { return count(t, s, table) }
	before := map[string]int{}
	appendOnly := []string{"log_chunks", "status_log", "audit_log", "events"}
	for _, table := range appendOnly {
		before[table] = count(table)
	}
	if sum := before["log_chunks"] + before["status_log"] + before["audit_log"] + before["events"]; sum < all {
		t.Errorf("%d rows", sum)
	}
	// What it would cost to delete a week of logs.
	oldest := appended{name: "log_chunks"}.partitionName(s.clock.Now().UTC().Truncate(partitionWidth).Add(-manyWeeks * partitionWidth))
	begun := time.Now()
	if err := e.inTx(t.Context(), func(q db.Querier) error {
		tx, _ := Postgres(q)
		if _, err := tx.Exec(t.Context(), "delete from "+oldest); err != nil {
			return err
		}
		return errExplained
	}); !errors.Is(err, errExplained) {
		t.Fatal(err)
	}
	t.Logf("to delete the %d rows of %s, and take it back, takes %.2f s", count(oldest), oldest, time.Since(begun).Seconds())
	// Three weeks are kept, so that two go, beside those who write.
	writing, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	wrote, longest := 0, time.Duration(0)
	writer.Go(func() {
		for writing.Err() == nil {
			begun := time.Now()
			if err := e.inTx(t.Context(), func(q db.Querier) error {
				return q.InsertLogChunk(t.Context(), db.InsertLogChunkParams{ExecutionID: fresh(), Attempt: 1, Seq: 1, FirstID: 1, LastID: 1, FirstAt: begun, LastAt: begun, Data: []byte("x"), Now: begun})
			}); err != nil {
				t.Error(err)
				return
			}
			wrote++
			longest = max(longest, time.Since(begun))
		}
	})
	const keep = 3 * partitionWidth
	begun = time.Now()
	done, err := e.maintain(t.Context(), s.clock.Now(), Retention{Logs: keep, StatusLog: keep, Audit: keep, Events: keep})
	took := time.Since(begun)
	stop()
	writer.Wait()
	if err != nil || done.Dropped < 2*len(appendOnly) || done.Deleted > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	gone := 0
	for _, table := range appendOnly {
		after := count(table)
		if table == "log_chunks" {
			after -= wrote
		}
		gone += before[table] - after
		if share := float64(after) / float64(before[table]); share < 0.55 || share > 0.65 { // three weeks of five
			t.Errorf("%s: %d of %d rows are left", table, after, before[table])
		}
	}
	t.Logf("%d partitions with %d rows were dropped in %.3f s, of %d rows; meanwhile %d transactions wrote, the longest took %v", done.Dropped, gone, took.Seconds(), all, wrote, longest)
}

// plansOfMany asks how statements would be run that are run all the time.
func plansOfMany(t *testing.T, e *server, execution uuid.UUID) {
	t.Helper()
	var said string
	q := db.New(explains{pool: e.pool, said: &said, how: "(analyze, costs off, timing off, summary off)"})
	for name, c := range map[string]struct {
		run   func() error
		table string
		// most is how many partitions are looked at; all of them have indexes.
		most int
	}{
		"lines of a log": {func() error {
			_, err := q.ListLogChunks(t.Context(), db.ListLogChunksParams{ExecutionID: execution, AtMost: 100})
			return err
		}, "log_chunks", 1},
		"lines of a log, backward": {func() error {
			_, err := q.ListLogChunksBackward(t.Context(), db.ListLogChunksBackwardParams{ExecutionID: execution, Before: 1 << 40, AtMost: 100})
			return err
		}, "log_chunks", 1},
		"a chunk": {func() error {
			_, err := q.ListLastChunk(t.Context(), db.ListLastChunkParams{ExecutionID: execution, Attempt: 1, Seq: 4})
			return err
		}, "log_chunks", 1},
		"moves": {func() error {
			_, err := q.ListStatusLog(t.Context(), db.ListStatusLogParams{ExecutionID: execution, AtMost: 100})
			return err
		}, "status_log", 1},
		"moves after one": {func() error {
			_, err := q.ListStatusLogAfter(t.Context(), db.ListStatusLogAfterParams{ExecutionID: execution, AtMost: 100})
			return err
		}, "status_log", 1},
		// The newest come first: since there is a default partition, PostgreSQL reads a row of each and merges them, by their indexes.
		"the audit log": {func() error {
			_, err := q.ListAudit(t.Context(), db.ListAuditParams{AtMost: 20})
			return err
		}, "audit_log", manyWeeks + partitionsAhead + 2},
		// Their numbers say nothing of the time, so it is each partition that is asked, by its index.
		"events": {func() error {
			_, err := q.ListEvents(t.Context(), db.ListEventsParams{Gaps: "[]", AfterID: 1000, AtMost: 100})
			return err
		}, "events", manyWeeks + partitionsAhead + 2},
	} {
		if err := c.run(); !errors.Is(err, errExplained) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		looked := map[string]bool{}
		for line := range strings.SplitSeq(said, "\n") {
			found := regexp.MustCompile(`^(.*) on (` + c.table + `_(?:rest|\d{8}))`).FindStringSubmatch(line)
			if found == nil || strings.Contains(line, "never executed") {
				continue
			}
			looked[found[2]] = true
			if strings.Contains(found[1], "Seq Scan") && !strings.Contains(line, "rows=0") {
				t.Errorf("%s: %s", name, line)
			}
		}
		if len(looked) == 0 || len(looked) > c.most {
			t.Errorf("%s: %d partitions were looked at:\n%s", name, len(looked), said)
		}
	}
}
