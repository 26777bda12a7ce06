package database

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text     string
		postgres, lite string // empty: refused by that dialect
		names          []string
	}{
		{"none", "select 1", "select 1", "select 1", nil},
		{"one", "select * from t where a = {job}", "select * from t where a = $1", "select * from t where a = ?1", []string{"job"}},
		{"twice the same", "select {a}, {b.c}, {a}", "select $1, $2, $1", "select ?1, ?2, ?1", []string{"a", "b.c"}},
		{"a header", "select {header.X-Foo}||{query.a_b}", "select $1||$2", "select ?1||?2", []string{"header.X-Foo", "query.a_b"}},
		{"the rest of a path", "select {p...}", "select $1", "select ?1", []string{"p..."}},
		{"semicolon at the end", "select 1 ; \n -- done\n", "select 1", "select 1", nil},
		{"an array", "select '{1,2}'::int[], {a}", "select '{1,2}'::int[], $1", "select '{1,2}'::int[], ?1", []string{"a"}},
		{"braces of JSON", `select '{"a": {"b": 1}}'::jsonb, '{}', '{ x }', {a}`, `select '{"a": {"b": 1}}'::jsonb, '{}', '{ x }', $1`, `select '{"a": {"b": 1}}'::jsonb, '{}', '{ x }', ?1`, []string{"a"}},
		{"a quote inside", "select 'it''s', {a}", "select 'it''s', $1", "select 'it''s', ?1", []string{"a"}},
		{"a name in quotes", `select "a'b", {a} as "x""y"`, `select "a'b", $1 as "x""y"`, `select "a'b", ?1 as "x""y"`, []string{"a"}},
		{"a comment of a line", "select 1 -- {a} it's; {\n, {b}", "select 1 -- {a} it's; {\n, $1", "select 1 -- {a} it's; {\n, ?1", []string{"b"}},
		{"a comment", "/* {a} ' ; */ select {b} /* x */", "/* {a} ' ; */ select $1", "/* {a} ' ; */ select ?1", []string{"b"}},
		{"a text with escapes", `select E'it\'s {1}', {b}`, `select E'it\'s {1}', $1`, "", []string{"b"}},
		{"no text with escapes", `select x like'a\', {b}`, `select x like'a\', $1`, `select x like'a\', ?1`, []string{"b"}},
		{"dollar quotes", "select $$it's {1} \" $$, $x$ $$ ' $x$, {b}", "select $$it's {1} \" $$, $x$ $$ ' $x$, $1", "", []string{"b"}},
		{"dollars in a name", "select a$b$c, {b}", "select a$b$c, $1", "select a$b$c, ?1", []string{"b"}},
		{"operators of JSON", "select a->>{k}, a ? 'b', a @> {j}", "select a->>$1, a ? 'b', a @> $2", "", []string{"k", "j"}},
		{"subscripts", "select a[{i}], array[{b}, 'x']", "select a[$1], array[$2, 'x']", "", []string{"i", "b"}},
		{"a cast", "select {a}::int", "select $1::int", "select ?1::int", []string{"a"}},
		{"names of SQLite", "select [it's], `a'b`, {a}", "", "select [it's], `a'b`, ?1", []string{"a"}},
		{"brackets first", "(select {a}) union (select 2)", "(select $1) union (select 2)", "(select ?1) union (select 2)", []string{"a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for d, want := range map[Dialect]string{Postgres: test.postgres, SQLite: test.lite} {
				s, err := Parse(test.text, d)
				if want == "" {
					if err == nil && s.Text(d) == want {
						t.Errorf("dialect %d takes it: %s", d, s.Text(d))
					}
					continue
				}
				if err != nil {
					t.Errorf("dialect %d: %v", d, err)
					continue
				}
				if got := s.Text(d); got != want {
					t.Errorf("dialect %d\ngot  %s\nwant %s", d, got, want)
				}
				if diff := cmp.Diff(test.names, s.Names); diff != "" {
					t.Errorf("dialect %d: the names (-want +got):\n%s", d, diff)
				}
				if s.Verb != "select" {
					t.Errorf("the verb is %q", s.Verb)
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	all := []Dialect{Any, SQLite, Postgres}
	for _, test := range []struct {
		name, text, says string
		offset           int
		in               []Dialect
	}{
		{"a placeholder in quotes", "select '{job}'", "inside quotes", 8, all},
		{"with a dot", "select 'x{query.job}y'", "{query.job}", 9, all},
		{"in a name", `select "{job}"`, "inside quotes", 8, all},
		{"behind braces", "select '{1,2}{job}'", "{job}", 13, all},
		{"inside braces", "select '{{job}}'", "{job}", 9, all},
		{"in escapes", `select E'\'{job}'`, "inside quotes", 11, []Dialect{Any, Postgres}},
		{"in dollars", "select $x${job}$x$", "inside quotes", 10, []Dialect{Any, Postgres}},
		{"in brackets", "select [{job}]", "inside quotes", 8, []Dialect{SQLite}},
		{"in backticks", "select `{job}`", "inside quotes", 8, []Dialect{SQLite}},
		{"two statements", "select 1; delete from t", "more than one", 10, all},
		{"a placeholder after the end", "select 1; {a}", "more than one", 10, all},
		{"part of a name", "select * from t_{job}", "part of the name", 16, all},
		{"before a name", "select {job}x", "part of a name", 7, all},
		{"before a number", "select {job}5", "part of a name", 7, all},
		{"before another", "select {a}{b}", "part of a name", 7, all},
		{"behind a dollar", "select ${job}", "placeholders", 7, all},
		{"a parameter", "select $1", "placeholders", 7, all},
		{"a question mark", "select ?", "placeholders", 7, []Dialect{SQLite}},
		{"a colon", "select :a", "placeholders", 7, []Dialect{SQLite}},
		{"an at", "select @a", "placeholders", 7, []Dialect{SQLite}},
		{"a dollar", "select $a", "placeholders", 7, []Dialect{SQLite}},
		{"no end", "select {job", "without its }", 7, all},
		{"no begin", "select job}", "without its {", 10, all},
		{"a quote", "select 'job", "no end", 7, all},
		{"a quote with escapes", `select e'job\'`, "no end", 8, []Dialect{Any, Postgres}},
		{"escapes that go on", "select E'a'\n'\\' {b}'", "write it as one", 11, []Dialect{Any, Postgres}},
		{"a dollar quote", "select $x$job", "no end", 7, []Dialect{Any, Postgres}},
		{"a comment", "select /* 1", "no end", 7, all},
		{"a comment in another", "select /* /* */ {a} */ 1", "inside another", 7, all},
		{"nothing", " \n", "empty", 0, all},
		{"a comment alone", "-- select 1", "empty", 0, all},
		{"a placeholder first", "{job}", "begins with a word", 0, all},
		{"NUL", "select 1\x00", "no text", 0, all},
		{"no UTF-8", "select '\xff'", "no text", 0, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, d := range test.in {
				s, err := Parse(test.text, d)
				syntax, ok := errors.AsType[*SyntaxError](err)
				if !ok {
					t.Errorf("dialect %d: it is accepted: %v", d, s)
					continue
				}
				if !strings.Contains(syntax.Msg, test.says) || syntax.Offset != test.offset {
					t.Errorf("dialect %d: %q at %d, want %q at %d", d, syntax.Msg, syntax.Offset, test.says, test.offset)
				}
			}
		})
	}
}

// FuzzParse compares where placeholders are found with a plain automaton for the quotes of SQLite, and holds for all
// dialects that nothing of a statement is lost but what follows its end.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"select {a} from t where b = '{1}' and c = {b.c}", "select 'it''s', \"x\", [y'], `z`, {a} -- {b}\n;", "select E'\\'{1}' $x$ $x$ {a}",
		"/* ' */ select {a}/*{b}*/", "select '{job}'", "with x as (select {a}) select * from x;", "select a$b$ {c} $b$", "select {} {\"} {0}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range []Dialect{Any, SQLite, Postgres} {
			s, err := Parse(text, d)
			if err != nil {
				if syntax, ok := errors.AsType[*SyntaxError](err); !ok || syntax.Offset < 0 || syntax.Offset > len(text) {
					t.Fatalf("%v", err)
				}
				continue
			}
			var again strings.Builder
			var at []int
			for i, p := range s.parts {
				again.WriteString(p)
				if i < len(s.order) {
					at = append(at, again.Len())
					again.WriteString("{" + s.Names[s.order[i]] + "}")
				}
			}
			if !strings.HasPrefix(text, again.String()) {
				t.Fatalf("%q became %q", text, again.String())
			}
			if d == SQLite {
				if diff := cmp.Diff(plainPlaces(text), at); diff != "" {
					t.Fatalf("%q (-automaton +scanner):\n%s", text, diff)
				}
			}
		}
	})
}

// plainPlaces finds the braces outside of quotes and comments, byte by byte.
func plainPlaces(text string) []int {
	var out []int
	var until string
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		if until != "" {
			if strings.HasPrefix(rest, until) || until == "\n" && rest[0] == '\r' {
				i += len(until) - 1
				until = ""
			}
			continue
		}
		switch {
		case strings.HasPrefix(rest, "--"):
			until = "\n"
		case strings.HasPrefix(rest, "/*"):
			until = "*/"
			i++
		case rest[0] == '\'', rest[0] == '"', rest[0] == '`':
			until = rest[:1]
		case rest[0] == '[':
			until = "]"
		case rest[0] == '{':
			out = append(out, i)
			i += strings.IndexByte(rest, '}') // a name is no text, whatever stands in it
		}
	}
	return out
}
