package listing_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

func declared() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "number", Column: rows.NewColumn("number", rows.Integer)},
			{Name: "email", Column: rows.NewColumn("email_key", rows.Key)},
			{Name: "name", Column: rows.NewColumn("name", rows.Text)},
			{Name: "username", Column: rows.NewColumn("username", rows.Text).Nullable()},
			{Name: "role", Column: rows.NewColumn("role", rows.Word), Words: []string{"USER", "ADMIN", "SUPERADMIN"}},
			{Name: "is_active", Column: rows.NewColumn("is_active", rows.Bool)},
			{Name: "created_at", Column: rows.NewColumn("created_at", rows.Time)},
			{Name: "last_login_at", Column: rows.NewColumn("last_login_at", rows.Time).Nullable(), Admin: true},
			{Name: "institution", Column: rows.NewColumn("institution", rows.Text), NoSort: true},
			{Name: "version", Column: rows.NewColumn("version", rows.Integer), NoFilter: true},
		},
		Key:      rows.NewColumn("number", rows.Integer),
		Includes: []listing.Extra{{Name: "scripts"}, {Name: "secrets", Admin: true}},
		Ignored:  []string{"google_groups"},
		Sort:     "-created_at",
		Paging:   listing.Always,
	}
}

func resource(t testing.TB, p listing.Paging) *listing.Resource {
	t.Helper()
	d := declared()
	d.Paging = p
	r, err := listing.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// where gives the condition of a filter, as SQL of SQLite or PostgreSQL, and what is bound.
func where(t *testing.T, d rows.Dialect, filter string) (string, []any, error) {
	t.Helper()
	q, err := resource(t, listing.Always).Parse(listing.Params{Filter: filter}, true)
	if err != nil {
		return "", nil, err
	}
	s := queries.Users().Count(d, q.Request.Where)
	_, text, _ := strings.Cut(s.Text(), "(deleted_at is null) and ")
	return text, s.Args(), nil
}

func TestFilter(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	noon := day.Add(12*time.Hour + 30*time.Minute)
	id := uuid.MustParse("0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee")
	for _, c := range []struct {
		filter, sql string
		args        []any
	}{
		{``, `1 = 1`, nil},
		{` , `, `1 = 1`, nil},
		{`name='Ann'`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"Ann"}},
		{`NAME = "Ann"`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"Ann"}},
		{`name=Ann`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"Ann"}},
		{`name!=''`, `(fairway_fold(name) collate "C" <> fairway_fold($1))`, []any{""}},
		{`name='O''Neil'`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"O'Neil"}},
		{`name="say ""a"" b"`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{`say "a" b`}},
		{`name like '%a_\%'`, `(fairway_fold(name) like fairway_fold($1) escape '\')`, []any{`%a_\%`}},
		{`name LIKE%a%`, `(fairway_fold(name) like fairway_fold($1) escape '\')`, []any{`%a%`}},
		{`email='ANN@x.org'`, `(email_key = $1)`, []any{"ann@x.org"}},
		{`email like 'ANN%'`, `(email_key like $1 escape '\')`, []any{"ann%"}},
		{`role=admin`, `(role collate "C" = $1)`, []any{"ADMIN"}},
		{`role>=b`, `(role collate "C" >= $1)`, []any{"b"}},
		{`role like 'super%'`, `(fairway_fold(role) like fairway_fold($1) escape '\')`, []any{"super%"}},
		{`is_active=TRUE`, `(is_active = $1)`, []any{true}},
		{`is_active!=0`, `(is_active <> $1)`, []any{false}},
		{`number<12`, `(number < $1)`, []any{int64(12)}},
		{`number>-12`, `(number > $1)`, []any{int64(-12)}},
		{`number<=12.0`, `(number <= $1)`, []any{int64(12)}},
		{`id='` + id.String() + `'`, `(id = $1)`, []any{id}},
		{`created_at>=2026-01-31`, `(created_at >= $1)`, []any{day}},
		{`created_at>='2026-01-31T12:30:00Z'`, `(created_at >= $1)`, []any{noon}},
		{`created_at>=2026-01-31T13:30:00.000+01:00`, `(created_at >= $1)`, []any{noon}},
		{`created_at>=2026-01-31T13:30:00.000 01:00`, `(created_at >= $1)`, []any{noon}},
		{`created_at>=2026-01-31T13:30:00 01:00,name=a`, `(created_at >= $1 and fairway_fold(name) collate "C" = fairway_fold($2))`, []any{noon, "a"}},
		{`created_at>=2026-01-31 12:30`, `(created_at >= $1)`, []any{noon}},
		{`created_at>='2026-01-31 12:30:00.000000'`, `(created_at >= $1)`, []any{noon}},
		{`(created_at>=2026-01-31 12:30:00+00:00)`, `(((created_at >= $1)))`, []any{noon}},
		{`username=null`, `(username is null)`, nil},
		{`username!=NULL`, `(username is not null)`, nil},
		{`username='null'`, `(fairway_fold(username) collate "C" = fairway_fold($1))`, []any{"null"}},
		{`name=null`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"null"}},
		{`name=a,role=USER`, `(fairway_fold(name) collate "C" = fairway_fold($1) and role collate "C" = $2)`, []any{"a", "USER"}},
		{`name=Ann B. Example `, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"Ann B. Example"}},
		{`(name=Ann Example and role=USER)`, `(((fairway_fold(name) collate "C" = fairway_fold($1) and role collate "C" = $2)))`, []any{"Ann Example", "USER"}},
		{`(name=Ann  Orson OR name=Ben)`, `(((fairway_fold(name) collate "C" = fairway_fold($1)) or (fairway_fold(name) collate "C" = fairway_fold($2))))`, []any{"Ann  Orson", "Ben"}},
		{`name=a AND role=USER`, `(fairway_fold(name) collate "C" = fairway_fold($1) and role collate "C" = $2)`, []any{"a", "USER"}},
		{`(role='USER' OR role='ADMIN'),number>1`, `(((role collate "C" = $1) or (role collate "C" = $2)) and number > $3)`, []any{"USER", "ADMIN", int64(1)}},
		{`(number=1,number=2 or (number=3))`, `(((number = $1 and number = $2) or (((number = $3)))))`, []any{int64(1), int64(2), int64(3)}},
		{`name='a,(b) OR c'`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"a,(b) OR c"}},
		{`name=orange`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"orange"}},
		{`name='; drop table users; --'`, `(fairway_fold(name) collate "C" = fairway_fold($1))`, []any{"; drop table users; --"}},
	} {
		t.Run(c.filter, func(t *testing.T) {
			t.Parallel()
			sql, args, err := where(t, rows.PostgreSQL, c.filter)
			if err != nil {
				t.Fatal(err)
			}
			if sql != c.sql {
				t.Errorf("%s\nwant\n%s", sql, c.sql)
			}
			if diff := cmp.Diff(c.args, args); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTimesInSQLite holds that a time is found whatever zeros its text has.
func TestTimesInSQLite(t *testing.T) {
	t.Parallel()
	const first, last = "2026-01-31 00:00:00+00:00", "2026-01-31 00:00:00.000000000+00:00"
	for filter, want := range map[string][]any{
		"created_at=2026-01-31":  {"(created_at between ?1 and ?2)", first, last},
		"created_at!=2026-01-31": {"(created_at not between ?1 and ?2)", first, last},
		"created_at<2026-01-31":  {"(created_at < ?1)", first},
		"created_at<=2026-01-31": {"(created_at <= ?1)", last},
		"created_at>2026-01-31":  {"(created_at > ?1)", last},
		"created_at>=2026-01-31": {"(created_at >= ?1)", first},
	} {
		sql, args, err := where(t, rows.SQLite, filter)
		if diff := cmp.Diff(want, append([]any{sql}, args...)); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
}

func TestWrongFilters(t *testing.T) {
	t.Parallel()
	const known = "; there are id, number, email, name, username, role, is_active, created_at, institution"
	for filter, want := range map[string]string{
		`password='x'`:                `filter: there is no field "password"` + known,
		`version=1`:                   `filter: there is no field "version"` + known,
		`last_login_at=2026-01-01`:    `filter: last_login_at is for administrators`,
		`'name'='x'`:                  `filter: the name of a field is wanted before "'name'='x'"`,
		`name`:                        `filter: one of = != < <= > >= and like is missing at the end`,
		`name=`:                       `filter: a value; an empty one is '' is missing at the end`,
		`name=,role=USER`:             `filter: a value; an empty one is '' is wanted before ",role=USER"`,
		`name='x`:                     `filter: a value has no ' at its end`,
		`name='x'y`:                   `filter: a comma is wanted before "y"`,
		`name=John role=USER`:         `filter: a comma is wanted before "role=USER"`,
		`name=John 'Smith'`:           `filter: a comma is wanted before "'Smith'"`,
		`role=USER x`:                 `filter: a comma is wanted before "x"`,
		`name=John OR Smith`:          `filter: OR is in parentheses only: (a=1 OR b=2)`,
		`name=x OR role=USER`:         `filter: OR is in parentheses only: (a=1 OR b=2)`,
		`(name=x`:                     `filter: OR, AND or ) is missing at the end`,
		`(name=x))`:                   `filter: a comma is wanted before ")"`,
		`()`:                          `filter: the name of a field is wanted before ")"`,
		`(name=x OR )`:                `filter: the name of a field is wanted before ")"`,
		`name<>x`:                     `filter: a value; an empty one is '' is wanted before ">x"`,
		`name~x`:                      `filter: one of = != < <= > >= and like is wanted before "~x"`,
		`name likes x`:                `filter: one of = != < <= > >= and like is wanted before "likes x"`,
		`name like 'a\b'`:             `filter: name: a pattern has \ only before %, _ and \`,
		`name like 'a\'`:              `filter: name: a pattern has \ only before %, _ and \`,
		`name like '%%%%%%%%%%%'`:     `filter: name: a pattern has at most 10 times % or _`,
		`number like '1%'`:            `filter: number: a string is no value of this column`,
		`number=one`:                  `filter: number: "one" is no whole number of 64 bits`,
		`number=99999999999999999999`: `filter: number: "99999999999999999999" is no whole number of 64 bits`,
		`number=1.5`:                  `filter: number: "1.5" is no whole number of 64 bits`,
		`id=7`:                        `filter: id: "7" is no UUID`,
		`id={0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee}`: `filter: id: "{0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee}" is no UUID`,
		`is_active=maybe`:       `filter: is_active: "maybe" is neither true nor false`,
		`is_active>false`:       `filter: is_active: true and false have no order`,
		`role=root`:             `filter: role: "root" is none of USER, ADMIN, SUPERADMIN`,
		`created_at>yesterday`:  `filter: created_at: "yesterday" is no date like 2026-01-31 or 2026-01-31T12:30:00Z`,
		`created_at>2026-02-30`: `filter: created_at: "2026-02-30" is no date like 2026-01-31 or 2026-01-31T12:30:00Z`,
		`created_at>0000-01-01`: `filter: created_at: "0000-01-01" is no date like 2026-01-31 or 2026-01-31T12:30:00Z`,
		`username>null`:         `filter: null is compared by = and != only`,
		"name='a\x00'":          `filter: text is UTF-8 without NUL`,
		"name='\xff'":           `filter: text is UTF-8 without NUL`,
		"name='" + strings.Repeat("x", 1001) + "'":                 `filter: a value has at most 1000 bytes`,
		strings.Repeat("name=x,", 600):                             `filter: it has at most 4096 bytes`,
		strings.Repeat("name=x,", 51):                              `filter: there are at most 50 comparisons`,
		strings.Repeat("(", 6) + "name=x" + strings.Repeat(")", 6): `filter: parentheses are at most 5 deep`,
		strings.Repeat("(", 4000):                                  `filter: parentheses are at most 5 deep`,
	} {
		_, err := resource(t, listing.Always).Parse(listing.Params{Filter: filter}, false)
		said, ok := errors.AsType[*listing.Error](err)
		if !ok || said.Error() != want {
			t.Errorf("%s: %v\nwant %s", filter, err, want)
			continue
		}
		if status := said.Status(); status != map[bool]int{true: 403, false: 400}[said.Forbidden] {
			t.Errorf("%s: %d", filter, status)
		}
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	for sort, want := range map[string]string{
		"":                                   `created_at desc, number desc`,
		"name":                               `fairway_fold(name) collate "C", number`,
		"-name":                              `fairway_fold(name) collate "C" desc, number desc`,
		"name desc, role":                    `fairway_fold(name) collate "C" desc, role collate "C", number`,
		" Name  ASC ,-number":                `fairway_fold(name) collate "C", number desc`,
		"-name desc":                         `fairway_fold(name) collate "C", number`,
		"username":                           `fairway_fold(username) collate "C", number`,
		"password":                           `sort: there is no field "password"; there are id, number, email, name, username, role, is_active, created_at, version`,
		"institution":                        `sort: there is no field "institution"; there are id, number, email, name, username, role, is_active, created_at, version`,
		"last_login_at":                      `sort: last_login_at is for administrators`,
		"name,":                              `sort: a field, with asc or desc behind it or - before it, is wanted, and not ""`,
		"name down":                          `sort: behind a field is asc or desc, and not "down"`,
		"name asc nulls first":               `sort: a field, with asc or desc behind it or - before it, is wanted, and not "name asc nulls first"`,
		"name,-name":                         `sort: name is there twice`,
		"name;drop table users":              `sort: a field, with asc or desc behind it or - before it, is wanted, and not "name;drop table users"`,
		"(select 1)":                         `sort: there is no field "(select"`,
		"id,number,email,name,username,role": `sort: there are at most 5 fields`,
	} {
		q, err := resource(t, listing.Always).Parse(listing.Params{Sort: sort}, false)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			s, err := queries.Users().Select(rows.PostgreSQL, q.Request)
			if err != nil {
				t.Fatal(err)
			}
			_, got, _ = strings.Cut(s.Text(), " order by ")
			got = strings.TrimSuffix(got, " limit $1")
		}
		if got != want && !(sort == "(select 1)" && strings.HasPrefix(got, `sort: behind a field`)) {
			t.Errorf("%q: %s\nwant %s", sort, got, want)
		}
	}
	q, err := resource(t, listing.Always).Parse(listing.Params{Sort: "username,-last_login_at"}, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := queries.Users().Select(rows.SQLite, q.Request)
	if err != nil || !strings.HasSuffix(s.Text(), " order by fairway_fold(username) nulls last, last_login_at desc nulls first, number desc limit ?1") {
		t.Error(s.Text(), err)
	}
}

func TestIncludeAndExclude(t *testing.T) {
	t.Parallel()
	r := resource(t, listing.Always)
	for _, c := range []struct {
		p                listing.Params
		admin            bool
		include, exclude []string
		err              string
	}{
		{p: listing.Params{Include: "scripts, Scripts,,secrets,google_groups"}, include: []string{"scripts"}},
		{p: listing.Params{Include: "scripts,secrets"}, admin: true, include: []string{"scripts", "secrets"}},
		{p: listing.Params{Include: "passwords"}, err: `include: there is no "passwords" to be included; there are scripts`},
		{p: listing.Params{Exclude: "name,email"}, exclude: []string{"name", "email"}},
		{p: listing.Params{Exclude: "data"}, err: `exclude: there is no "data" to be excluded; there are id, number, email, name, username, role, is_active, created_at, last_login_at, institution, version, scripts, secrets`},
	} {
		q, err := r.Parse(c.p, c.admin)
		if err != nil {
			if err.Error() != c.err {
				t.Errorf("%v, want %s", err, c.err)
			}
			continue
		}
		if diff := cmp.Diff([][]string{c.include, c.exclude}, [][]string{q.Include, q.Exclude}); diff != "" {
			t.Error(diff)
		}
		if q.Includes("passwords") || q.Excludes("passwords") || q.Includes("scripts") != (len(c.include) > 0) {
			t.Error(q)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		paging              listing.Paging
		query               string
		paged               bool
		limit, offset, page int
		err                 string
	}{
		{listing.OnRequest, "", false, 100_000, 0, 0, ""},
		{listing.OnRequest, "sort=name", false, 100_000, 0, 0, ""},
		{listing.OnRequest, "page=", false, 100_000, 0, 0, ""},
		{listing.OnRequest, "page=3", true, 20, 40, 3, ""},
		{listing.OnRequest, "per_page=50", true, 50, 0, 1, ""},
		{listing.OnRequest, "page=2&per_page=500", true, 100, 100, 2, ""},
		{listing.OnRequest, "page=0&per_page=0", true, 1, 0, 1, ""},
		{listing.OnRequest, "page=-5&per_page=x", true, 20, 0, 1, ""},
		{listing.OnRequest, "page=99999999999999999999", true, 20, 0, 1, ""},
		{listing.OnRequest, "page=999999999", true, 20, 199999980, 10_000_000, ""},
		{listing.OnRequest, "limit=10&offset=20", true, 10, 20, 3, ""},
		{listing.OnRequest, "limit=1000", true, 100, 0, 1, ""},
		{listing.OnRequest, "offset=x", true, 20, 0, 1, ""},
		{listing.OnRequest, "page=1&limit=10", false, 0, 0, 0, "page: there are page and per_page, or limit and offset"},
		{listing.OnRequest, "page=1&page=2", false, 0, 0, 0, "page: it is there twice"},
		{listing.Always, "", true, 20, 0, 1, ""},
		{listing.Always, "limit=5&offset=7", true, 5, 7, 0, ""},
		{listing.Always, "page=2&per_page=5", true, 5, 5, 2, ""},
		{listing.Always, "limit=0", false, 0, 0, 0, "limit: it is a number from 1 to 100"},
		{listing.Always, "limit=101", false, 0, 0, 0, "limit: it is a number from 1 to 100"},
		{listing.Always, "limit=x", false, 0, 0, 0, "limit: it is a number from 1 to 100"},
		{listing.Always, "limit=1.5", false, 0, 0, 0, "limit: it is a number from 1 to 100"},
		{listing.Always, "offset=-1", false, 0, 0, 0, "offset: it is a number from 0 to 1000000000"},
		{listing.Always, "page=0", false, 0, 0, 0, "page: it is a number from 1 to 10000000"},
		{listing.Always, "cursor=*", true, 20, 0, 0, ""},
		{listing.Always, "cursor=*&limit=7", true, 7, 0, 0, ""},
		{listing.Always, "cursor=*&offset=7", false, 0, 0, 0, "cursor: with a cursor there is limit alone"},
		{listing.Always, "cursor=x", false, 0, 0, 0, "cursor: it is no cursor of this list, with this filter and sort"},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		var q *listing.Query
		p, err := listing.ParamsOf(values)
		if err == nil {
			q, err = resource(t, c.paging).Parse(p, false)
		}
		if err != nil || c.err != "" {
			said, ok := errors.AsType[*listing.Error](err)
			if !ok || said.Error() != c.err || said.OutOfRange != (said.Status() == 422) || said.OutOfRange != strings.Contains(c.err, "a number from") {
				t.Errorf("%q: %v, want %s", c.query, err, c.err)
			}
			continue
		}
		if q.Paged != c.paged || q.Request.Limit != c.limit || q.Request.Offset != c.offset || q.Page != c.page {
			t.Errorf("%q: %v %d %d %d", c.query, q.Paged, q.Request.Limit, q.Request.Offset, q.Page)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target string
		total  int64
		next   string
		want   string
	}{
		{"/users?sort=name", 20, "", ``},
		{"/users?sort=name", 21, "", `</users?limit=20&offset=0&sort=name>; rel="first", </users?limit=20&offset=20&sort=name>; rel="next", </users?limit=20&offset=20&sort=name>; rel="last"`},
		{"/users?page=2&per_page=10", 35, "", `</users?page=1&per_page=10>; rel="first", </users?page=1&per_page=10>; rel="prev", </users?page=3&per_page=10>; rel="next", </users?page=4&per_page=10>; rel="last"`},
		{"/users?limit=10&offset=5", 12, "", `</users?limit=10&offset=0>; rel="first", </users?limit=10&offset=0>; rel="prev", </users?limit=10&offset=10>; rel="last"`},
		{"/users?limit=10&offset=500", 12, "", `</users?limit=10&offset=0>; rel="first", </users?limit=10&offset=10>; rel="prev", </users?limit=10&offset=10>; rel="last"`},
		{"/users?cursor=*", 0, "abc", `</users?cursor=abc&limit=20>; rel="next"`},
		{"/users?cursor=*", 0, "", ``},
		{"/a%3Eb%22?filter=name%3D%3E%22", 21, "", `</a%3Eb%22?filter=name%3D%3E%22&limit=20&offset=0>; rel="first", </a%3Eb%22?filter=name%3D%3E%22&limit=20&offset=20>; rel="next", </a%3Eb%22?filter=name%3D%3E%22&limit=20&offset=20>; rel="last"`},
	} {
		u, err := url.Parse(c.target)
		if err != nil {
			t.Fatal(err)
		}
		p, err := listing.ParamsOf(u.Query())
		if err != nil {
			t.Fatal(err)
		}
		p.Filter = ""
		q, err := resource(t, listing.Always).Parse(p, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Links(u, c.total, c.next); got != c.want {
			t.Errorf("%s\n%s\nwant\n%s", c.target, got, c.want)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*listing.Resource){
		"no paging":      func(r *listing.Resource) { r.Paging = 0 },
		"no key":         func(r *listing.Resource) { r.Key = rows.Column{} },
		"a name":         func(r *listing.Resource) { r.Fields[0].Name = "Id" },
		"two of a name":  func(r *listing.Resource) { r.Fields[0].Name = "email" },
		"no column":      func(r *listing.Resource) { r.Fields[0].Column = rows.Column{} },
		"another order":  func(r *listing.Resource) { r.Sort = "-nothing" },
		"an order of it": func(r *listing.Resource) { r.Sort = "institution" },
	} {
		d := declared()
		spoil(&d)
		if _, err := listing.New(d); err == nil {
			t.Error(name + " is taken")
		}
	}
}
