package rows_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// thing is a row of a join.
type thing struct {
	Number int64      `db:"number"`
	Name   *string    `db:"name"`
	Seen   *time.Time `db:"seen"`
	Hidden string
}

func things() *rows.Table[thing] {
	return rows.NewTable[thing]("things t join users u on u.id = t.owner", rows.NewColumn("t.number", rows.Integer)).Of("t").Where("t.gone is null")
}

func TestSelect(t *testing.T) {
	t.Parallel()
	name, seen := rows.NewColumn("t.name", rows.Text).Nullable(), rows.NewColumn("t.seen", rows.Time).Nullable()
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	given, err := rows.Compare(rows.NewColumn("g.to", rows.Integer), rows.Equal, int64(7))
	if err != nil {
		t.Fatal(err)
	}
	const from = "select t.number, t.name, t.seen from things t join users u on u.id = t.owner where (t.gone is null) and "
	for _, c := range []struct {
		name string
		d    rows.Dialect
		r    rows.Request
		sql  string
		args []any
	}{
		{"all", rows.SQLite, rows.Request{Limit: 3}, "1 = 1 order by t.number limit ?1", []any{int64(3)}},
		{
			"what belongs to it", rows.PostgreSQL,
			rows.Request{Limit: 3, Where: rows.Exists("given g where g.thing = t.number", given)},
			"exists (select 1 from given g where g.thing = t.number and (g.to = $1)) order by t.number limit $2",
			[]any{int64(7), int64(3)},
		},
		{"from", rows.PostgreSQL, rows.Request{Limit: 3, Offset: 5}, "1 = 1 order by t.number limit $1 offset $2", []any{int64(3), int64(5)}},
		{"behind a key", rows.PostgreSQL, rows.Request{Limit: 3, After: []any{int64(7)}}, "(1 = 1 and (t.number >= $1 and ((t.number > $2)))) order by t.number limit $3", nil},
		{
			"behind a text", rows.PostgreSQL,
			rows.Request{Limit: 3, Order: []rows.Order{{Column: name}}, After: []any{"x", int64(7)}},
			`((fairway_fold(t.name) collate "C" > fairway_fold($1) or t.name is null)) or (fairway_fold(t.name) collate "C" = fairway_fold($2) and t.number > $3)`, nil,
		},
		{
			"behind NULL", rows.SQLite,
			rows.Request{Limit: 3, Order: []rows.Order{{Column: seen}}, After: []any{nil, int64(7)}},
			"(t.seen is null and t.number > ?1)", nil,
		},
		{
			"behind NULL, descending", rows.SQLite,
			rows.Request{Limit: 3, Order: []rows.Order{{Column: seen, Descending: true}}, After: []any{nil, int64(7)}},
			"((t.seen is not null) or (t.seen is null and t.number < ?1))", nil,
		},
		{
			"behind a time, descending", rows.SQLite,
			rows.Request{Limit: 3, Order: []rows.Order{{Column: seen, Descending: true}}, After: []any{noon, int64(7)}},
			"(t.seen <= ?1 and ((t.seen < ?2) or (t.seen between ?3 and ?4 and t.number < ?5)))", nil,
		},
	} {
		s, err := things().Select(c.d, c.r)
		if err != nil || !strings.HasPrefix(s.Text(), from) || !strings.Contains(s.Text(), c.sql) {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, s.Text(), c.sql)
		}
		if diff := cmp.Diff(c.args, s.Args()); c.args != nil && diff != "" {
			t.Error(diff)
		}
	}
}

// TestEmbedded holds that a row has the columns of what is embedded in it.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	type more struct {
		thing
		Owner string `db:"owner"`
	}
	table := rows.NewTable[more]("things", rows.NewColumn("number", rows.Integer))
	s, err := table.Select(rows.SQLite, rows.Request{Limit: 1})
	if want := "select number, name, seen, owner from things"; err != nil || !strings.HasPrefix(s.Text(), want) {
		t.Errorf("%v\n%s\nwant\n%s", err, s.Text(), want)
	}
	got, err := table.Values(more{thing: thing{Number: 7}, Owner: "x"}, rows.Request{Order: []rows.Order{{Column: rows.NewColumn("owner", rows.Word)}}})
	if diff := cmp.Diff([]any{"x", int64(7)}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	t.Parallel()
	name := []rows.Order{{Column: rows.NewColumn("t.name", rows.Text)}}
	for what, r := range map[string]rows.Request{
		"no limit":             {},
		"a limit below 0":      {Limit: -1},
		"an offset below 0":    {Limit: 1, Offset: -1},
		"an offset and a row":  {Limit: 1, Offset: 1, After: []any{int64(1)}},
		"too few values":       {Limit: 1, Order: name, After: []any{"x"}},
		"too many values":      {Limit: 1, After: []any{int64(1), int64(2)}},
		"a value of a kind":    {Limit: 1, After: []any{"1"}},
		"NULL that cannot be":  {Limit: 1, After: []any{nil}},
		"no text of the store": {Limit: 1, Order: name, After: []any{"\x00", int64(1)}},
	} {
		if s, err := things().Select(rows.PostgreSQL, r); err == nil {
			t.Errorf("%s: %s", what, s.Text())
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind  rows.Kind
		op    rows.Op
		value any
	}{
		{rows.Text, rows.Equal, 1},
		{rows.Text, 0, "x"},
		{rows.Text, 99, "x"},
		{rows.Text, rows.Equal, "\xff"},
		{rows.Text, rows.Like, `\`},
		{rows.Key, rows.Like, `\x`},
		{rows.Word, rows.Like, strings.Repeat("_", 11)},
		{rows.ID, rows.Equal, "x"},
		{rows.ID, rows.Like, uuid.UUID{}},
		{rows.Integer, rows.Equal, 1.5},
		{rows.Integer, rows.Equal, 1},
		{rows.Bool, rows.Less, true},
		{rows.Time, rows.Equal, "2026-01-01"},
		{rows.Time, rows.Equal, time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)},
		{0, rows.Equal, "x"},
	} {
		if _, err := rows.Compare(rows.NewColumn("c", c.kind), c.op, c.value); err == nil {
			t.Errorf("%v is taken", c)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	r := rows.Request{Order: []rows.Order{{Column: rows.NewColumn("t.name", rows.Text)}, {Column: rows.NewColumn("t.seen", rows.Time)}}}
	name := "x"
	got, err := things().Values(thing{Number: 7, Name: &name}, r)
	if diff := cmp.Diff([]any{"x", nil, int64(7)}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	r.Order[0].Column = rows.NewColumn("u.email", rows.Key)
	if _, err := things().Values(thing{}, r); err == nil {
		t.Error("a row has what it has not")
	}
}

// TestOnlyConstants holds that SQL is taken as a type that other packages cannot name, so that only constants of the source can be
// one, and that a statement has no field that others could set.
func TestOnlyConstants(t *testing.T) {
	t.Parallel()
	table := reflect.TypeFor[*rows.Table[thing]]()
	of, _ := table.MethodByName("Of")
	where, _ := table.MethodByName("Where")
	exists := reflect.TypeOf(rows.Exists).In(0)
	for name, is := range map[string]reflect.Type{
		"NewColumn": reflect.TypeOf(rows.NewColumn).In(0), "NewTable": reflect.TypeOf(rows.NewTable[thing]).In(0), "Of": of.Type.In(1), "Where": where.Type.In(1), "Exists": exists,
	} {
		if is.Kind() != reflect.String || is.PkgPath() == "" || strings.ToLower(is.Name()) != is.Name() {
			t.Errorf("%s takes a %s", name, is)
		}
	}
	for _, is := range []reflect.Type{reflect.TypeFor[rows.Statement](), reflect.TypeFor[rows.Column](), reflect.TypeFor[rows.Condition](), reflect.TypeFor[rows.Table[thing]]()} {
		for f := range is.Fields() {
			if f.IsExported() {
				t.Errorf("%s.%s can be set", is, f.Name)
			}
		}
	}
}
