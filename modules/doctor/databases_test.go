package doctor

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib" // to change the store

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/queries"
)

// TestStore looks at stores of each version of the schema, and at some that are none.
func TestStore(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, c := range []struct {
			name   string
			change func(t *testing.T, dsn string)
			state  State
			words  []string
		}{
			{"current", func(t *testing.T, dsn string) { t.Helper(); migrate(t, dsn, 0) }, OK, []string{" of "}},
			{"older", func(t *testing.T, dsn string) { t.Helper(); migrate(t, dsn, 1) }, Warning, []string{"schema 1 of", "fairway db up"}},
			{"newer", func(t *testing.T, dsn string) {
				t.Helper()
				migrate(t, dsn, 0)
				execute(t, dsn, "insert into fairway_migrations (version_id, is_applied) values (99999, true)")
			}, Failure, []string{"schema 99999 of", "newer version"}},
		} {
			t.Run(engine+" "+c.name, func(t *testing.T) {
				dsn := "sqlite:" + filepath.Join(t.TempDir(), "some.db")
				if engine == "postgres" {
					dsn = server.Database(t)
				}
				c.change(t, dsn)
				t.Setenv("DOCTOR_STORE", dsn)
				found := of(t, `{"apps":{"fairway":{"databases":[{"dsn":"{env.DOCTOR_STORE}"}],"secret":"{env.DOCTOR_SECRET}"}}}`).store(t.Context())
				want(t, found[0], c.state, c.words...)
				if engine == "postgres" && (len(found) != 2 || found[1].State != OK) {
					t.Errorf("the clock of a server on this machine: %v", found)
				}
			})
		}
	}
}

// migrate brings a store to the newest schema, or back to one.
func migrate(t *testing.T, dsn string, to int64) {
	t.Helper()
	m, err := queries.OpenMigrations(t.Context(), dsn, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if to > 0 {
		if _, err := m.DownTo(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
}

func execute(t *testing.T, dsn, statement string) {
	t.Helper()
	driver, address := "pgx", dsn
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, address = "sqlite", path
	}
	conn, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestStoreAbsent: what is not there is not made by looking.
func TestStoreAbsent(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	want(t, of(t, `{"apps":{"fairway":{"databases":[{"dsn":"sqlite:`+folder+`/some.db"}]}}}`).store(t.Context())[0], OK, "none yet")
	want(t, of(t, `{"apps":{"fairway":{"databases":[{"name":"other","dsn":"sqlite:`+folder+`/other.db"}]}}}`).database(t.Context(), "other")[0], Failure, "other.db")
	if err := os.WriteFile(folder+"/text.db", []byte("this is no database, but a long text that says so again and again"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, of(t, `{"apps":{"fairway":{"databases":[{"dsn":"sqlite:`+folder+`/text.db"}]}}}`).store(t.Context())[0], Failure, "no database of SQLite")
	want(t, of(t, `{"apps":{"fairway":{"databases":[{"dsn":"postgres://somebody@127.0.0.1:1/none"}]}}}`).store(t.Context())[0], Failure, "not available")
	if names := listed(t, folder); len(names) != 1 {
		t.Errorf("looking made %v", names)
	}
}

// TestStoreUntouched: looking at a store leaves beside it what was there, and makes no table in an empty database.
func TestStoreUntouched(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	dsn := "sqlite:" + filepath.Join(folder, "some.db")
	migrate(t, dsn, 0)
	before := listed(t, folder)
	for range 2 {
		want(t, of(t, `{"apps":{"fairway":{"databases":[{"dsn":"`+dsn+`"}]}}}`).store(t.Context())[0], OK)
	}
	if diff := cmp.Diff(before, listed(t, folder)); diff != "" {
		t.Errorf("looking changed the folder (-want +got):\n%s", diff)
	}
	empty := server.Database(t)
	want(t, of(t, `{"apps":{"fairway":{"databases":[{"dsn":"`+empty+`"}]}}}`).store(t.Context())[0], Warning, "schema 0 of")
	conn, err := sql.Open("pgx", empty)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var tables int
	if err := conn.QueryRowContext(t.Context(), "select count(*) from pg_class where relnamespace = 'public'::regnamespace").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("looking made %d tables (%v)", tables, err)
	}
}

func listed(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestDatabase looks at one of somebody's own with migrations.
func TestDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/00002_jobs.sql", []byte("-- +goose Up\ncreate table jobs (id integer);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	raw := `{"apps":{"fairway":{"databases":[{"name":"jobs","dsn":"` + server.Database(t) + `","migrations":"` + folder + `"}]}}}`
	want(t, of(t, raw).database(t.Context(), "jobs")[0], Failure, "schema 0 of 2", "fairway db up jobs")
	want(t, of(t, strings.ReplaceAll(raw, folder, folder+"/no")).database(t.Context(), "jobs")[0], Failure, "no such file")
	want(t, of(t, strings.ReplaceAll(raw, `,"migrations":"`+folder+`"`, "")).database(t.Context(), "jobs")[0], OK, "PostgreSQL", "answers")
}

// TestPooler: of a database behind a pooler its address has to say so, but for the store's.
func TestPooler(t *testing.T) {
	direct, dsn := server.Pooled(t, "transaction", 3)
	migrate(t, dsn, 0)
	t.Setenv("DOCTOR_STORE", dsn)
	raw := `{"apps":{"fairway":{"databases":[{"dsn":"{env.DOCTOR_STORE}"},{"name":"other","dsn":"{env.DOCTOR_STORE}"},{"name":"said","dsn":"` + dsn + `&default_query_exec_mode=exec"}]}}}`
	want(t, of(t, raw).store(t.Context())[0], OK, "behind a pooler")
	want(t, of(t, raw).database(t.Context(), "other")[0], Failure, "default_query_exec_mode=exec")
	want(t, of(t, raw).database(t.Context(), "said")[0], OK, "answers")
	// Of several hosts one may be away.
	t.Setenv("DOCTOR_STORE", strings.Replace(direct, "host=", "host=/nowhere,", 1)+"&target_session_attrs=read-write")
	want(t, of(t, raw).store(t.Context())[0], OK, "schema")
}

// TestClock: what cannot be told from chance is no difference.
func TestClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ahead, unsure time.Duration
		state         State
		words         string
	}{
		{time.Second, 0, OK, "1s before"},
		{-time.Second, 0, OK, "1s after"},
		{3 * time.Second, 0, Warning, "NTP"},
		{-3 * time.Second, 0, Warning, "3s after"},
		{3 * time.Second, 2 * time.Second, OK, "give or take 2s"},
		{2 * time.Minute, time.Second, Failure, "NTP"},
		{-time.Hour, time.Second, Failure, "1h0m0s after"},
	} {
		want(t, clock(fairway.Examined{Shared: true, Examined: queries.Examined{Ahead: c.ahead, Unsure: c.unsure}})[0], c.state, c.words)
	}
	if found := clock(fairway.Examined{}); found != nil {
		t.Errorf("a file has a clock: %v", found)
	}
}

// TestSecret: one that is missing where gateways share it, one that is too short, and none that the gateway makes.
func TestSecret(t *testing.T) {
	t.Setenv("DOCTOR_SECRET", "short")
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	want(t, of(t, `{"apps":{"fairway":{"databases":[{"dsn":"postgres://a@b/c"}]}}}`).secret(t.Context())[0], Failure, "openssl rand")
	short := of(t, `{"apps":{"fairway":{"secret":"{env.DOCTOR_SECRET}"}}}`).secret(t.Context())[0]
	want(t, short, Failure, "DOCTOR_SECRET")
	if strings.Contains(short.Found, "short") && strings.Contains(short.Found, "\"short\"") {
		t.Errorf("it is told: %s", short.Found)
	}
	want(t, of(t, `{}`).secret(t.Context())[0], OK, "makes one")
}
