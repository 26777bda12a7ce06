package sqlpool

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// server is the one that the tests share.
var server pgtest.Shared

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// command runs statements on a connection of its own.
func command(t testing.TB, dsn, text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// sqliteDSN is the address of a new file, made by the statements.
func sqliteDSN(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a b#%.db")
	db, err := openSQLite(path, "rwc", "foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "pragma user_version=1;"+text); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// both runs a test with each engine, on a database that the statements made.
func both(t *testing.T, made string, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteDSN(t, made))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := server.Database(t)
		command(t, dsn, made)
		test(t, dsn)
	})
}

// open makes a pool that is closed with the test.
func open(t testing.TB, dsn string, o Options) *Pool {
	t.Helper()
	p, err := Open(Config{Name: "main", DSN: dsn}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// query makes a Query of a statement with placeholders.
func query(t testing.TB, p *Pool, text string, args ...any) *database.Query {
	t.Helper()
	s, err := database.Parse(text, p.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	return &database.Query{
		Text: s.Text(p.Dialect()), Args: args, Exec: s.Verb != "select" && s.Verb != "with" && s.Verb != "values",
		Rows: database.DefaultRows, Limit: database.DefaultLimit, Factor: 6,
	}
}

// ask runs a query and gives its value as JSON text. It checks that the tree is the same value.
func ask(t testing.TB, p *Pool, q *database.Query) (string, error) {
	t.Helper()
	w, tree := decode.NewWriter(nil, decode.Limits{}), decode.NewTree(decode.Limits{})
	q.Sinks = []decode.Sink{w, tree}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := p.Run(ctx, q)
	if err != nil {
		return "", err
	}
	res.Release()
	sorted, err := json.Marshal(tree.Value())
	if err != nil {
		t.Fatal(err)
	}
	var again any
	if err := json.Unmarshal(w.Bytes(), &again); err != nil {
		t.Fatalf("%v: %s", err, w.Bytes())
	}
	if other, _ := json.Marshal(again); len(other) == 0 || string(sorted) == "null" {
		t.Errorf("the tree is %s", sorted)
	}
	return string(w.Bytes()), nil
}

// want asks and compares.
func want(t testing.TB, p *Pool, wanted, text string, args ...any) {
	t.Helper()
	got, err := ask(t, p, query(t, p, text, args...))
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if got != wanted {
		t.Errorf("%s\ngot  %s\nwant %s", text, got, wanted)
	}
}

// wantFailure asks and compares the kind of the failure.
func wantFailure(t testing.TB, p *Pool, kind upstream.Kind, q *database.Query) *upstream.Failure {
	t.Helper()
	got, err := ask(t, p, q)
	f, ok := errors.AsType[*upstream.Failure](err)
	if !ok {
		t.Fatalf("%s: %s, %v", q.Text, got, err)
	}
	if f.Kind != kind {
		t.Errorf("%s: the failure is %v, want %v", q.Text, f, kind)
	}
	return f
}
