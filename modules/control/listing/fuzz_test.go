package listing_test

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// lexemes are all that a statement of the tests' resource may consist of. What a caller wrote is none, unless he wrote one of
// these, and then the grammar below says where it may stand.
func lexemes() *regexp.Regexp {
	words := []string{
		"select", "from", "users", "where", "deleted_at", "is", "null", "not", "and", "or", "like", "escape", "between", "order", "by", "desc", "nulls", "first", "last",
		"limit", "offset", "collate", "fairway_fold", "count",
		"id", "number", "email", "email_key", "username", "username_key", "name", "first_name", "middle_name", "last_name", "country", "institution", "profile", "role",
		"is_active", "is_regular_user", "is_internal", "is_plugin_user", "is_in_mailing_list", "password_hash", "password_parameters", "password_changed_at",
		"email_verified_at", "last_login_at", "last_activity_at", "version", "created_at", "updated_at",
	}
	return regexp.MustCompile(`^(?:\s+|` + strings.Join([]string{
		`(?:` + strings.Join(words, "|") + `)\b`, `"C"`, `'\\'`, `[$?][1-9][0-9]*\b`, `[01]\b`, `<>|<=|>=|[=<>]`, `[(),*]`,
	}, "|") + `)`)
}

// skeleton is a statement with its parameters counted, or why it is none of ours.
func skeleton(s rows.Statement) error {
	lexeme, parameters, open := lexemes(), 0, 0
	for rest := s.Text(); rest != ""; {
		found := lexeme.FindString(rest)
		switch {
		case found == "":
			return errors.New("a lexeme that is not ours: " + rest)
		case found == "(":
			open++
		case found == ")":
			open--
		case found[0] == '$' || found[0] == '?':
			// They are bound in their order, each once.
			if parameters++; found[1:] != strconv.Itoa(parameters) {
				return errors.New("parameters in disorder")
			}
		}
		if open < 0 {
			return errors.New("parentheses that are closed too often")
		}
		rest = rest[len(found):]
	}
	if open != 0 || parameters != len(s.Args()) {
		return errors.New("parentheses or parameters are wrong")
	}
	return nil
}

// FuzzNoCallerInSQL holds that a statement consists of our own lexemes, whatever a caller says, that SQLite runs it, that errors
// are short and typed, and that nothing takes long.
func FuzzNoCallerInSQL(f *testing.F) {
	for _, seed := range [][3]string{
		{`(role='ADMIN' OR name like '%a\_%'),created_at>=2026-01-31 12:30,email!="x"`, "-name,role desc", ""},
		{`name='; drop table users; --',id=0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee`, "name;select 1", ""},
		{`username=null,last_login_at!=null,number<-1,is_active=true`, "username,-last_login_at", "eyJwIjoiQUFBQUFBQUFBQUE9IiwiYSI6WyJzYSJdfQ"},
		{`name=$1,name=?1,name=a"b,name="a""b"`, "$1", "*"},
		{"name like '\\\\%',name='\\'", "-", ""},
		{",,(((name=a))),,", " , ", ""},
		{`created_at>'2026-01-31T00:00:00 05:00'`, "created_at", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	r := resource(f, listing.Always)
	s, err := queries.Open(f.Context(), queries.Config{DSN: "sqlite:" + f.TempDir() + "/store.db"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, filter, sort, cursor string) {
		begun := time.Now()
		q, err := r.Parse(listing.Params{Filter: filter, Sort: sort, Cursor: cursor}, true)
		if err != nil {
			if said, ok := errors.AsType[*listing.Error](err); !ok || len(said.Error()) > 500 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		for _, d := range []rows.Dialect{rows.PostgreSQL, rows.SQLite} {
			statement, err := queries.Users().Select(d, q.Request)
			if err == nil {
				err = skeleton(statement)
			}
			if err == nil {
				err = skeleton(queries.Users().Count(d, q.Request.Where))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := queries.List(t.Context(), s, queries.Users(), q.Request); err != nil {
			t.Fatalf("SQLite: %v", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Fatalf("it took %s", took)
		}
	})
}

// FuzzCursor holds that a cursor that somebody made up is refused or harmless.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "*", "e30", "bnVsbA", "W10"} {
		f.Add(seed)
	}
	r := resource(f, listing.Always)
	f.Fuzz(func(t *testing.T, cursor string) {
		q, err := r.Parse(listing.Params{Sort: "username,-last_login_at", Cursor: cursor}, true)
		if err != nil {
			if _, ok := errors.AsType[*listing.Error](err); !ok {
				t.Fatal(err)
			}
			return
		}
		s, err := queries.Users().Select(rows.PostgreSQL, q.Request)
		if err == nil {
			err = skeleton(s)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
