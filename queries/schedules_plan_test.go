package queries

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/internal/lite"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// manySchedules writes 100,000 of them: one in a hundred is paused and wakes never, the others wake in the next days, a second after
// each other. A tenth has something that is not over.
func manySchedules(t *testing.T, s *Store) (user uuid.UUID) {
	t.Helper()
	u := create(t, s, aUser("many@x.org"))
	other := create(t, s, aUser("other@x.org"))
	sc := aScript(t, s, u.ID, "many")
	id, at, series, json := "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid", "timestamptz '2026-01-01' + n * interval '1 second'", "generate_series(1, 100000) n", "'{}'"
	owner := func(text string) string { return text + "::uuid" }
	if s.dialect() == rows.SQLite {
		id, at, series, json = "printf('00000000-0000-7000-8000-%012d', n)", "strftime('%Y-%m-%d %H:%M:%f+00:00', '2026-01-01', n || ' seconds')", "(with recursive c(n) as (select 1 union all select n + 1 from c where n < 100000) select n from c)", "cast('{}' as blob)"
		owner = func(text string) string { return text }
	}
	for _, text := range []string{
		`insert into schedules (id, user_id, script_id, name, description, params, cron, every_ms, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert,
			paused_reason, due_at, wake_at, awaited_since, last_outcome, last_status, failures, version, created_at, updated_at)
			select ` + id + ", " + owner("(case when n % 1000 = 0 then '"+u.ID.String()+"' else '"+other.ID.String()+"' end)") + ", " + owner("'"+sc.ID.String()+"'") + ", 'n', '', " + json + `, '@daily', 0, 'UTC', 'later', 'first', 'one', 1, 'skip', ` + json + ", " + json + `, 1, 0, 0, '',
			'', ` + at + ", case when n % 100 <> 1 then " + at + " end, " + at + ", '', '', 0, 1, " + at + ", " + at + " from " + series,
		"insert into schedule_runs (schedule_id, due_at, execution_id, manual) select id, due_at, null, 1 = 2 from schedules where cast(substr(cast(id as text), 36, 1) as integer) = 7",
		"analyze",
	} {
		if err := execute(t, s, text); err != nil {
			t.Fatal(text, err)
		}
	}
	return u.ID
}

// TestSchedulePlans holds that what every gateway asks all the time of many schedules is read from an index, in its order.
func TestSchedulePlans(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		user := manySchedules(t, s)
		var said string
		var q db.Querier
		switch e := s.engine.(type) {
		case *server:
			q = db.New(explains{pool: e.pool, said: &said})
		case *file:
			q = lite.Adapt(lite.New(liteExplains{db: e.write, said: &said}))
		}
		now := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
		some := uuid.MustParse("00000000-0000-7000-8000-000000000005")
		for name, c := range map[string]struct {
			run   func() error
			index string
		}{
			"due": {func() error {
				_, err := q.LockDueSchedules(t.Context(), db.LockDueSchedulesParams{Now: &now, AtMost: 100})
				return err
			}, "schedules_to_wake"},
			"next":          {func() error { _, err := q.NextWake(t.Context()); return err }, "schedules_to_wake"},
			"one":           {func() error { _, err := q.GetSchedule(t.Context(), some); return err }, "schedules_pkey"},
			"how many":      {func() error { _, err := q.CountSchedulesOf(t.Context(), user); return err }, "schedules_by_user"},
			"what they run": {func() error { _, err := q.ListScheduleRuns(t.Context(), idList([]uuid.UUID{some})); return err }, "schedule_runs_pkey"},
		} {
			said = ""
			if err := c.run(); err != nil && !errors.Is(err, errExplained) && said == "" {
				t.Fatal(name, err)
			}
			ofIndex(t, name, said, c.index)
		}
		created := rows.NewColumn("created_at", rows.Time)
		mine, err := rows.Compare(rows.NewColumn("user_id", rows.ID), rows.Equal, user)
		if err != nil {
			t.Fatal(err)
		}
		for index, where := range map[string]rows.Condition{"schedules_by_created": rows.All(), "schedules_by_user": mine} {
			st, err := ListedSchedules().Select(s.dialect(), rows.Request{Where: where, Order: []rows.Order{{Column: created}}, Limit: 50})
			if err != nil {
				t.Fatal(err)
			}
			ofIndex(t, st.Text(), plan(t, s, st), index)
		}
	})
}

// ofIndex holds that a plan reads schedules by an index alone, and sorts nothing.
func ofIndex(t *testing.T, name, said, index string) {
	t.Helper()
	by := strings.Contains(said, index) || strings.Contains(said, "sqlite_autoindex_"+strings.TrimSuffix(index, "_pkey"))
	for _, table := range []string{"schedules", "schedule_runs"} {
		if strings.Contains(said, "Seq Scan on "+table) || strings.Contains(said, "SCAN "+table) && !strings.Contains(said, "USING") {
			by = false
		}
	}
	if !by || strings.Contains(said, "Sort") || strings.Contains(said, "TEMP B-TREE") {
		t.Errorf("%s:\n%s", name, said)
	}
}
