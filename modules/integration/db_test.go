package integration_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// appliedAt is when a migration was applied, in what is printed.
var appliedAt = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// dbShell is a folder with a Caddyfile in which fairway db is called.
type dbShell struct {
	dir string
	env []string
}

func newDBShell(t *testing.T, options string, env ...string) dbShell {
	t.Helper()
	s := dbShell{dir: t.TempDir(), env: append(isolated(t.TempDir()), append(env, "SITE_ADDRESS=http://127.0.0.1:1")...)}
	s.write(t, "Caddyfile", siteWith("\tfairway {\n"+options+"\n\t}", "\thealth\n"))
	return s
}

func (s dbShell) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run gives what a command prints, its times as T, and its exit code.
func (s dbShell) run(t *testing.T, line string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"db"}, strings.Fields(line)...)...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return appliedAt.ReplaceAllString(string(out), "T"), code
}

func (s dbShell) want(t *testing.T, line, want string) {
	t.Helper()
	got, code := s.run(t, line)
	if diff := cmp.Diff(want, got); diff != "" || code != 0 {
		t.Errorf("fairway db %s ends with %d (-want +got):\n%s", line, code, diff)
	}
}

func (s dbShell) refused(t *testing.T, line string, code int, says ...string) {
	t.Helper()
	got, ended := s.run(t, line)
	if ended != code || strings.Contains(got, "s3cret") {
		t.Errorf("fairway db %s ends with %d, want %d:\n%s", line, ended, code, got)
	}
	for _, word := range says {
		if !strings.Contains(got, word) {
			t.Errorf("fairway db %s does not say %q:\n%s", line, word, got)
		}
	}
}

// eachEngine runs a test with the address of an empty database.
func eachEngine(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "some.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn, _ := makePostgres(t, "select 1")
		test(t, dsn)
	})
}

// storeMigrations are those of the store, in order.
func storeMigrations() []string {
	return []string{"00001_sessions.sql", "00002_users.sql", "00003_tokens.sql", "00004_outbox.sql", "00005_recovery.sql", "00006_lists.sql", "00007_idempotency.sql", "00008_refusals.sql", "00009_user_clients.sql", "00010_scripts.sql", "00011_executions.sql", "00012_partitions.sql", "00013_said.sql", "00014_events.sql", "00015_schedules.sql", "00016_long_answers.sql", "00017_webhooks.sql", "00018_arrivals.sql", "00019_schedule_events.sql", "00020_purges.sql", "00021_pods.sql", "00022_removal.sql", "00023_begun_ready.sql"}
}

// TestDBOfStore migrates the store to and fro, and as its page says.
func TestDBOfStore(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := newDBShell(t, "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}", "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		names := storeMigrations()
		newest := len(names)
		table, list := "VERSION  APPLIED  NAME\n", make([]string, newest)
		for i, name := range names {
			table += fmt.Sprintf("%-9dpending  %s\n", i+1, name)
			list[i] = fmt.Sprintf(`{"version":%d,"name":%q,"applied":"T"}`, i+1, name)
		}
		s.want(t, "version", fmt.Sprintf("store is at version 0 of %d\n", newest))
		s.want(t, "status store", table)
		s.want(t, "down", fmt.Sprintf("store is at version 0 of %d\n", newest))
		steps := 0
		for _, f := range pageFences(t, filepath.Join("docs", "store.md")) {
			if f.hint != "run by modules/integration/db_test.go" {
				continue
			}
			for _, block := range strings.Split("\n"+f.text, "\n$ fairway db ")[1:] {
				steps++
				line, shown, _ := strings.Cut(block, "\n")
				s.want(t, line, appliedAt.ReplaceAllString(strings.TrimSuffix(shown, "\n")+"\n", "T"))
			}
		}
		if steps < 5 {
			t.Errorf("the page has %d steps", steps)
		}
		s.refused(t, "down", 2, "nothing was taken back", names[newest-1], "--yes")
		s.want(t, "version --json", fmt.Sprintf(`{"database":"store","version":%[1]d,"newest":%[1]d}`+"\n", newest))
		s.want(t, "status --json", `{"database":"store","migrations":[`+strings.Join(list, ",")+"]}\n")
		g := startGateway(t, siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t}", "\thealth\n"), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		g.get(t, "/ready").wantJSON(t, 200, `{"status":"ready","checks":{"config":"ok","databases":{"store":"ok"}}}`)
	})
}

// TestDBOfOne migrates a database of somebody's own.
func TestDBOfOne(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := newDBShell(t, "\t\tdatabase scheduler {env.DATABASE_URL} {\n\t\t\tmigrations {env.HERE}/migrations\n\t\t}\n\t\tdatabase bare sqlite:bare.db", "DATABASE_URL="+dsn)
		s.env = append(s.env, "HERE="+s.dir)
		s.refused(t, "up scheduler", 2, "the migrations cannot be read")
		s.write(t, "migrations/readme.txt", "nothing\n")
		s.refused(t, "up scheduler", 1, "there is no file like 00001_tables.sql")
		s.write(t, "migrations/00001_tables.sql", "-- +goose Up\ncreate table jobs (id integer primary key);\n-- +goose Down\ndrop table jobs;\n")
		s.write(t, "migrations/00002_more.sql", "-- +goose Up\ncreate table more (id integer);\ninsert into more values (1);\n-- +goose Down\ndrop table more;\n")
		s.want(t, "up scheduler", "applied 00001_tables.sql\napplied 00002_more.sql\nscheduler is at version 2\n")
		s.want(t, "up scheduler", "scheduler is at version 2\n")
		s.write(t, "migrations/00003_wrong.sql", "-- +goose Up\ninsert into more values (2);\ncreate table jobs (id integer);\n")
		s.refused(t, "up scheduler", 1, "scheduler is at version 2 of 3", "00003_wrong.sql", "already exists")
		s.want(t, "status scheduler", "VERSION  APPLIED               NAME\n1        T  00001_tables.sql\n2        T  00002_more.sql\n3        pending               00003_wrong.sql\n")
		if err := os.Remove(filepath.Join(s.dir, "migrations", "00003_wrong.sql")); err != nil {
			t.Fatal(err)
		}
		s.want(t, "down scheduler --yes --to 1", "took back 00002_more.sql\nscheduler is at version 1 of 2\n")
		s.want(t, "up scheduler --json", `{"database":"scheduler","applied":["00002_more.sql"],"version":2,"newest":2}`+"\n")
		s.want(t, "down scheduler --yes --to=0", "took back 00002_more.sql\ntook back 00001_tables.sql\nscheduler is at version 0 of 2\n")
		s.refused(t, "up bare", 2, "the database bare has no migrations", "migrations <folder>")
		s.refused(t, "up schedular", 2, `the configuration has no database schedular; did you mean "scheduler"?`)
	})
}

// TestDBRefuses holds what the command says of lines and databases that are wrong.
func TestDBRefuses(t *testing.T) {
	t.Parallel()
	s := newDBShell(t, "\t\tdatabase postgres://u:{env.PW}@127.0.0.1:1/x\n\t\tsecret {env.FAIRWAY_SECRET}", "PW=s3cret")
	s.refused(t, "", 2, "role")
	s.refused(t, "sideways", 2, "db has no command sideways")
	s.refused(t, "up a b", 2, "db up takes [<name>], not 2 arguments")
	s.refused(t, "up --sideways", 2, "unknown flag: --sideways")
	s.refused(t, "up --config nowhere", 2, "nowhere")
	s.refused(t, "up", 1, "the store is not available")
	s.refused(t, "status", 1, "the store is not available")
	// Without an option, and with a variable that is not set, the store is the file in the data directory.
	for _, option := range []string{"memory 1GiB", "database", "database {env.DATABASE_URL_UNSET}"} {
		none := newDBShell(t, "\t\t"+option)
		names := storeMigrations()
		none.want(t, "up", "applied "+strings.Join(names, "\napplied ")+fmt.Sprintf("\nstore is at version %d\n", len(names)))
	}
}
