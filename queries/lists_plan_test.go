package queries

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// manyRows writes 100,000 users.
func manyRows(t *testing.T, s *Store) {
	t.Helper()
	const columns = "insert into users (id, email, email_key, name, first_name, middle_name, last_name, country, institution, profile, role, is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, version, created_at, updated_at) "
	text := columns + `select gen_random_uuid(), 'u' || n, 'u' || n, 'n' || n, '', '', '', '', '', '{}', case when n % 10 = 0 then 'ADMIN' else 'USER' end, n > 0, n > 1, n < 0, n < -1, n < -2, '', '', 1,
		timestamptz '2026-01-01' + n * interval '1 minute', timestamptz '2026-01-01' from generate_series(1, 100000) n; analyze users`
	if s.dialect() == rows.SQLite {
		text = columns + `select printf('00000000-0000-0000-0000-%012d', n), 'u' || n, 'u' || n, 'n' || n, '', '', '', '', '', cast('{}' as blob), case when n % 10 = 0 then 'ADMIN' else 'USER' end, n > 0, n > 1, n < 0, n < -1, n < -2, '', '', 1,
			strftime('%Y-%m-%d %H:%M:%f+00:00', '2026-01-01', n || ' minutes'), '2026-01-01 00:00:00+00:00' from (with recursive c(n) as (select 1 union all select n + 1 from c where n < 100000) select n from c)`
	}
	for one := range strings.SplitSeq(text, ";") {
		if err := execute(t, s, one); err != nil {
			t.Fatal(err)
		}
	}
}

// plan gives what an engine would do.
func plan(t *testing.T, s *Store, st rows.Statement) string {
	t.Helper()
	var b strings.Builder
	var err error
	switch e := s.engine.(type) {
	case *server:
		found, qerr := e.pool.Query(t.Context(), "explain "+st.Text(), st.Args()...)
		if qerr != nil {
			t.Fatal(qerr)
		}
		defer found.Close()
		for found.Next() {
			var line string
			if err := found.Scan(&line); err != nil {
				t.Fatal(err)
			}
			b.WriteString(line + "\n")
		}
		err = found.Err()
	case *file:
		found, qerr := e.read.QueryContext(t.Context(), "explain query plan "+st.Text(), st.Args()...)
		if qerr != nil {
			t.Fatal(qerr)
		}
		defer found.Close()
		for found.Next() {
			var line string
			var id, parent, unused int
			if err := found.Scan(&id, &parent, &unused, &line); err != nil {
				t.Fatal(err)
			}
			b.WriteString(line + "\n")
		}
		err = found.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestListPlans holds that a page of many rows, with a condition and an order, is read from an index, and that nothing is sorted.
func TestListPlans(t *testing.T) {
	t.Parallel()
	admins, err := rows.Compare(columnOf("role"), rows.Equal, "ADMIN")
	if err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		manyRows(t, s)
		for name, c := range map[string]struct {
			r     rows.Request
			index map[rows.Dialect]string
		}{
			"by time": {
				rows.Request{Where: admins, Order: []rows.Order{{Column: columnOf("created_at")}}},
				map[rows.Dialect]string{rows.PostgreSQL: "users_by_created", rows.SQLite: "users_by_created"},
			},
			"by time, descending": {
				rows.Request{Where: admins, Order: []rows.Order{{Column: columnOf("created_at"), Descending: true}, {Column: columnOf("number"), Descending: true}}},
				map[rows.Dialect]string{rows.PostgreSQL: "users_by_created", rows.SQLite: "users_by_created"},
			},
			"by address": {
				rows.Request{Where: admins, Order: []rows.Order{{Column: columnOf("email")}}},
				map[rows.Dialect]string{rows.PostgreSQL: "users_by_email", rows.SQLite: "users_email_key"},
			},
			"as they are": {
				rows.Request{Where: admins},
				map[rows.Dialect]string{rows.PostgreSQL: "users_number_key", rows.SQLite: "SCAN users\n"},
			},
		} {
			t.Run(name, func(t *testing.T) {
				check := func(r rows.Request) []db.User {
					t.Helper()
					r.Limit = 100
					st, err := Users().Select(s.dialect(), r)
					if err != nil {
						t.Fatal(err)
					}
					said := plan(t, s, st)
					if !strings.Contains(said, c.index[s.dialect()]) && !strings.Contains(said, "INTEGER PRIMARY KEY") || strings.Contains(said, "Seq Scan") || strings.Contains(said, "TEMP B-TREE") || strings.Contains(said, "  Sort") {
						t.Errorf("%s\n%s", st.Text(), said)
					}
					all, err := List(t.Context(), s, Users(), r)
					if err != nil || len(all) != 100 {
						t.Fatalf("%d rows, %v", len(all), err)
					}
					return all
				}
				page := check(c.r)
				after, err := Users().Values(page[99], c.r)
				if err != nil {
					t.Fatal(err)
				}
				c.r.After = after
				if next := check(c.r); next[0].ID == page[99].ID {
					t.Error("the second page begins with the last of the first")
				}
			})
		}
	})
}
