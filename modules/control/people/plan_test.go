package people_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"modernc.org/sqlite"

	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/people"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// planner says how an engine would run a statement over many users.
type planner func(rows.Statement) (string, error)

const insertUsers = `insert into users (id, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, version, created_at, updated_at, last_login_at) `

// onServer fills PostgreSQL, whose store is at dsn.
func onServer(t *testing.T, dsn string) planner {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn)
	must(t, err)
	t.Cleanup(pool.Close)
	for _, text := range []string{insertUsers + `select gen_random_uuid(), 'u' || n || '@x.org', 'u' || n || '@x.org', 'n' || n, 'n' || n, 'Name ' || n % 5000, 'First' || n % 500, '', 'Last' || n % 2000,
		(array['Kenya', 'Uganda', 'Peru', 'Nepal', 'Fiji'])[1 + n % 5], 'I' || n % 50, '{}', case when n % 10 = 0 then 'ADMIN' else 'USER' end,
		n % 20 > 0, n % 7 > 0, false, n % 3 > 0, n % 4 = 0, '', '', 1, timestamptz '2026-01-01' + n * interval '1 minute', timestamptz '2026-03-01' + n * interval '7 minutes',
		case when n % 2 = 0 then timestamptz '2026-04-01' + n * interval '1 minute' end from generate_series(1, 100000) n`, "analyze users"} {
		_, err := pool.Exec(t.Context(), text)
		must(t, err)
	}
	return func(st rows.Statement) (string, error) {
		found, err := pool.Query(t.Context(), "explain "+st.Text(), st.Args()...)
		if err != nil {
			return "", err
		}
		lines, err := pgx.CollectRows(found, pgx.RowTo[string])
		return strings.Join(lines, "\n"), err
	}
}

// inFile fills SQLite, whose store is the file of dsn. It knows nothing of how many rows there are, since nobody has counted them
// (analyze): with a few it does what it does with many.
func inFile(t *testing.T, dsn string) planner {
	t.Helper()
	d := &sqlite.Driver{}
	must(t, d.RegisterDeterministicScalarFunction(rows.FoldFunction, 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) { return args[0], nil }))
	pool := sql.OpenDB(opener{d, strings.TrimPrefix(dsn, "sqlite:")})
	t.Cleanup(func() { _ = pool.Close() })
	_, err := pool.ExecContext(t.Context(), insertUsers+`select printf('%08x-0000-0000-0000-%012d', (n * 7919) % 100003, n), 'u' || n || '@x.org', 'u' || n || '@x.org', 'n' || n, 'n' || n, 'Name ' || n % 5000, 'First' || n % 500, '', 'Last' || n % 2000,
		case n % 5 when 0 then 'Kenya' when 1 then 'Uganda' when 2 then 'Peru' when 3 then 'Nepal' else 'Fiji' end, 'I' || n % 50, cast('{}' as blob), case when n % 10 = 0 then 'ADMIN' else 'USER' end,
		n % 20 > 0, n % 7 > 0, false, n % 3 > 0, n % 4 = 0, '', '', 1, strftime('%Y-%m-%d %H:%M:%f+00:00', '2026-01-01', n || ' minutes'), strftime('%Y-%m-%d %H:%M:%f+00:00', '2026-03-01', (7 * n) || ' minutes'),
		case when n % 2 = 0 then strftime('%Y-%m-%d %H:%M:%f+00:00', '2026-04-01', n || ' minutes') end
		from (with recursive c(n) as (select 1 union all select n + 1 from c where n < 1000) select n from c)`)
	must(t, err)
	return func(st rows.Statement) (string, error) {
		found, err := pool.QueryContext(t.Context(), "explain query plan "+st.Text(), st.Args()...)
		if err != nil {
			return "", err
		}
		defer found.Close()
		var out []string
		for found.Next() {
			var line string
			var id, parent, unused int
			if err := found.Scan(&id, &parent, &unused, &line); err != nil {
				return "", err
			}
			out = append(out, line)
		}
		return strings.Join(out, "\n"), found.Err()
	}
}

// opener opens connections by a driver that nobody has registered.
type opener struct {
	driver *sqlite.Driver
	file   string
}

func (o opener) Connect(context.Context) (driver.Conn, error) { return o.driver.Open(o.file) }
func (o opener) Driver() driver.Driver                        { return o.driver }

// indexed are the fields by which pages come from an index, in both directions; docs/users.md says so. Lists that are sorted by
// others read all users for whom the filter holds, and sort them.
func indexed(d rows.Dialect) []string {
	out := []string{"", "id", "email", "created_at", "created"}
	if d == rows.SQLite {
		out = append(out, "username")
	}
	return out
}

// lookups are filters for which there is one user at most, and the index that finds him.
func lookups(d rows.Dialect) map[string]string {
	if d == rows.SQLite {
		return map[string]string{"email=u77@x.org": "users_email_key", "username=n77": "users_username_key", "id=77": "INTEGER PRIMARY KEY", "id=00000000-0000-0000-0000-000000000077": "sqlite_autoindex_users_1"}
	}
	return map[string]string{"email=u77@x.org": "users_email_key", "username=n77": "users_username_key", "id=77": "users_number_key", "id=00000000-0000-0000-0000-000000000077": "users_pkey"}
}

// TestPlans holds that 100 of 100,000 users are read from an index, without sorting them, for each filter with each order of which
// that is said, on the first page and behind another; and that the others are those of which it is not said. Filters that compare
// texts are not among them: PostgreSQL takes them to hold for one user in 200, and may rather sort those.
func TestPlans(t *testing.T) {
	t.Parallel()
	trends, houston, _ := people.Lists()
	email, username := "u50000@x.org", "n50000"
	behind := db.User{
		ID: uuid.MustParse("80000000-0000-0000-0000-000000000000"), Number: 50_000, EmailKey: email, UsernameKey: &username,
		CreatedAt: time.Date(2026, 2, 4, 0, 0, 0, 0, time.UTC), UpdatedAt: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		must(t, err)
		store.Close()
		explain, dialect := planner(nil), rows.SQLite
		if queries.IsPostgres(dsn) {
			explain, dialect = onServer(t, dsn), rows.PostgreSQL
		} else {
			explain = inFile(t, dsn)
		}
		asked := func(t *testing.T, list *listing.Resource, filter, sort string, after bool) string {
			t.Helper()
			q, err := list.Parse(listing.Params{Filter: filter, Sort: sort, Limit: "100"}, true)
			must(t, err)
			if after {
				q.Request.After, err = queries.Users().Values(behind, q.Request)
				must(t, err)
			}
			st, err := queries.Users().Select(dialect, q.Request)
			must(t, err)
			plan, err := explain(st)
			must(t, err)
			return plan
		}
		for _, c := range []struct {
			name    string
			of      listing.Resource
			filters []string
		}{
			{"trends", trends, []string{"", "role=ADMIN", "is_plugin_user=true", "created_at>=2026-02-01", "(role=ADMIN OR is_in_mailing_list=true)", "last_login_at>2026-04-10,role=USER", "updated_at<2026-09-01"}},
			{"houston", houston, []string{"", "is_active=true", "is_regular_user=true", "created>=2026-02-01", "(is_active=false OR updated>2026-05-01)"}},
		} {
			list, err := listing.New(c.of)
			must(t, err)
			sorts := []string{""}
			for _, f := range c.of.Fields {
				if !f.NoSort {
					sorts = append(sorts, f.Name)
				}
			}
			for _, sort := range sorts {
				t.Run(c.name+" "+sort, func(t *testing.T) {
					if !slices.Contains(indexed(dialect), sort) {
						if plan := asked(t, list, "", sort, false); !sorted(plan) {
							t.Errorf("there is an index, and docs/users.md says that there is none: %s\n%s", sort, plan)
						}
						return
					}
					for _, filter := range c.filters {
						for _, direction := range []string{"", "-"} {
							for _, after := range []bool{false, true} {
								// The other index is as good.
								if sort == "" && direction != "" || sort == "id" && strings.HasPrefix(filter, "created_at") {
									continue
								}
								if plan := asked(t, list, filter, direction+sort, after); sorted(plan) || !strings.Contains(plan, "Index Scan") && !strings.Contains(plan, "INDEX") && !strings.Contains(plan, "INTEGER PRIMARY KEY") && plan != "SCAN users" {
									t.Errorf("filter %q, sort %q, behind another page: %t:\n%s", filter, direction+sort, after, plan)
								}
							}
						}
					}
				})
			}
		}
		for filter, index := range lookups(dialect) {
			list := houston
			if len(filter) > len("id=00000000-") {
				list = trends
			}
			made, err := listing.New(list)
			must(t, err)
			if plan := asked(t, made, filter, "", false); !strings.Contains(plan, index) || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN") {
				t.Errorf("filter %q:\n%s", filter, plan)
			}
		}
	})
}

// sorted says that a plan reads all, or sorts what it has read. Behind the rows of an index that are alike in what is asked for,
// PostgreSQL sorts by the key some at a time, and stops when there are enough: that is no such thing.
func sorted(plan string) bool {
	return regexp.MustCompile(`Seq Scan|TEMP B-TREE|(?m:^\s*(->)?\s*Sort +\()`).MatchString(plan)
}
