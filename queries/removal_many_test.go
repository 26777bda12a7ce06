package queries

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestManyRemoved holds that many executions are removed beside those who write, and that these do.
//
//	FAIRWAY_REMOVED=1000000 go test -run TestManyRemoved -v ./queries
func TestManyRemoved(t *testing.T) {
	t.Parallel()
	all := 5000
	if n, err := strconv.Atoi(os.Getenv("FAIRWAY_REMOVED")); err == nil {
		all = max(n, 1000)
	}
	dsn := postgresDSN(t)
	s := openStore(t, dsn)
	if _, err := s.Maintain(t.Context(), Retention{}); err != nil {
		t.Fatal(err)
	}
	u := create(t, s, aUser("many@x.org"))
	sc := aScript(t, s, u.ID, "many")
	// Nine of ten ended within the ten days before the last fifty.
	begin := s.clock.Now().Add(-60 * day)
	at := fmt.Sprintf("(timestamptz '%s' + case when n %% 10 = 0 then interval '20 days' else n * interval '%d microseconds' end)", begin.Format(time.RFC3339), (10*day).Microseconds()/int64(all))
	id := "(lpad(to_hex(floor(extract(epoch from " + at + ") * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid"
	of := fmt.Sprintf("(select %s as id, %s as at, n from generate_series(1, %d) n) e", id, at, all)
	for _, text := range []string{
		"alter table executions disable trigger user",
		`insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms,
			is_plugin_execution, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at)
			select id, '` + sc.ID.String() + "', 1, '" + u.ID.String() + "', 'FINISHED', '', 100, ('{\"n\": ' || n || '}')::json, '', '{}', case when n % 100 = 1 then 'results/' || n else '' end, 0, 'default', 0, 1, 1, '', 0, 1000, false, 1, 200, at as created_at, at as queued_at, at as dispatched_at, at as started_at, at as ended_at, at as updated_at from " + of,
		"alter table executions enable trigger user",
		`insert into execution_attempts (id, execution_id, number, state, outcome, reason, stop, queue, priority, available_at, timeout_ms, fence, handle, log_seq, created_at, ended_at)
			select gen_random_uuid(), e.id, 1, 'ENDED', 'SUCCEEDED', '', '', 'default', 0, created_at, 1000, 1, '', 1, created_at, ended_at from executions e`,
		"insert into log_chunks (execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at) select id, 1, 1, 1, 1, at as first_at, at as last_at, decode(repeat(md5(n::text), 6), 'hex'), '', '', at from " + of,
		"insert into status_log (execution_id, at, status_from, status_to, reason, attempt) select id, at, (array['', 'PENDING', 'READY', 'RUNNING'])[m], (array['PENDING', 'READY', 'RUNNING', 'FINISHED'])[m], '', 1 from " + of + ", generate_series(1, 4) m",
		"analyze",
	} {
		begun := time.Now()
		if err := execute(t, s, text); err != nil {
			t.Fatal(text, err)
		}
		t.Logf("%6.1f s %.60s", time.Since(begun).Seconds(), text)
	}
	before, moves := count(t, s, "executions"), count(t, s, "status_log")
	// Who writes makes an execution, cancels it, and goes on at once.
	beside := func(what string, f func()) {
		t.Helper()
		writing, stop := context.WithCancel(t.Context())
		took := make([][]time.Duration, 2)
		var writers sync.WaitGroup
		for i := range took {
			writers.Go(func() {
				for writing.Err() == nil {
					begun := time.Now()
					e, err := s.CreateExecution(t.Context(), Limits{}, execution(sc))
					if err == nil {
						_, err = s.Cancel(t.Context(), by(), e.ID, "enough")
					}
					if err != nil {
						t.Error(err)
						return
					}
					took[i] = append(took[i], time.Since(begun))
				}
			})
		}
		begun := time.Now()
		f()
		seconds := time.Since(begun).Seconds()
		stop()
		writers.Wait()
		wrote := slices.Concat(took...)
		if len(wrote) == 0 {
			t.Fatal("nobody wrote")
		}
		slices.Sort(wrote)
		t.Logf("%s: %.1f s; beside it %d executions were made and cancelled, %.0f a second, in %v (median), %v (99 %%), at most %v",
			what, seconds, len(wrote), float64(len(wrote))/seconds, wrote[len(wrote)/2], wrote[len(wrote)*99/100], wrote[len(wrote)-1])
		before += len(wrote)
		moves += 4 * len(wrote)
	}
	if all > 100_000 { // what there is to compare with
		beside("nothing", func() { time.Sleep(20 * time.Second) })
	}
	other := openStore(t, dsn)
	var removed [2]int64
	beside("to remove them", func() {
		var both sync.WaitGroup
		for i, store := range []*Store{s, other} {
			both.Go(func() {
				done, err := store.Maintain(t.Context(), Retention{Executions: 45 * day})
				if err != nil {
					t.Error(err)
				}
				removed[i] = done.Executions
			})
		}
		both.Wait()
	})
	want := all - all/10
	if got := removed[0] + removed[1]; got != int64(want) {
		t.Errorf("%v are removed, want %d", removed, want)
	}
	t.Logf("two gateways removed %v", removed)
	if n := count(t, s, "executions"); n != before-want {
		t.Errorf("%d executions are there, want %d", n, before-want)
	}
	if n := count(t, s, "status_log"); n != moves-4*want {
		t.Errorf("%d moves are there, want %d", n, moves-4*want)
	}
	if n := count(t, s, "blob_removals"); n != (all+99)/100 {
		t.Errorf("%d blobs are to be removed", n)
	}
}
