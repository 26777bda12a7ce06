package integration_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairway-gateway/fairway/queries"
)

// alone is a process of `fairway runner`.
type alone struct {
	*gateway // its url is where it listens
	args     []string
}

// startAlone runs `fairway runner` with an environment until the test ends.
func startAlone(t *testing.T, args []string, env ...string) *alone {
	t.Helper()
	dir := t.TempDir()
	g := &gateway{t: t, addr: freeAddress(t), config: filepath.Join(dir, "none")}
	g.url = "http://" + g.addr
	g.env = append(append(isolated(dir), "STATE_DIRECTORY="+stateDirectory(t), "FAIRWAY_LISTEN="+g.addr), env...)
	a := &alone{g, args}
	a.begin(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the runner:\n%s", g.log.String())
		}
		a.kill()
	})
	return a
}

// begin starts the process, and waits until it is ready.
func (a *alone) begin(t *testing.T) {
	t.Helper()
	a.ended = make(chan struct{})
	a.cmd = exec.CommandContext(context.Background(), binary, append([]string{"runner"}, a.args...)...)
	a.cmd.Env, a.cmd.Dir, a.cmd.Stdout, a.cmd.Stderr = a.env, filepath.Dir(a.config), &a.log, &a.log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		a.err = cmd.Wait()
		close(ended)
	}(a.cmd, a.ended)
	if err := a.waitUntilItAnswers(); err != nil {
		t.Fatalf("%v\n%s", err, a.log.String())
	}
	a.isolates(t)
	a.waitReady(t, `"state":"running"`)
}

// signals sends signals, and waits for the end of the process, which is in order.
func (a *alone) signals(t *testing.T, all ...func()) {
	t.Helper()
	for _, before := range append([]func(){func() {}}, all...) {
		before()
		if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-a.ended:
	case <-time.After(patience):
		t.Fatal("the runner did not end")
	}
	if a.err != nil {
		t.Fatalf("the runner ended badly: %v", a.err)
	}
}

// fenced is a gateway that runs nothing, with PostgreSQL, and the address of its store for a role of runners.
func fenced(t *testing.T, words string) (g *gateway, owner, asRunner, blobs string) {
	t.Helper()
	owner, name := makePostgres(t, "select 1")
	blobs = "file://" + filepath.Join(t.TempDir(), "blobs")
	g = startGateway(t, runs("\t\trunner off\n\t\tblobs "+blobs+"\n"+words), "DATABASE_URL="+owner, "FAIRWAY_SECRET="+someSecret,
		"FAIRWAY_ADMIN_EMAIL="+runnerUser, "FAIRWAY_ADMIN_PASSWORD="+runnerPassword)
	if err := waitFor(func() error { // apps are started in any order: it answers before its tables are there
		if g.logsIn(t, runnerUser, runnerPassword) == "" {
			return errors.New("nobody can log in yet")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	role := "runner_of_" + name
	out, err := g.command("db", "role", role, "--config", g.config)
	if err != nil {
		t.Fatal(out)
	}
	onServer(t, name, out)
	onServer(t, name, out) // it may be run again
	asRunner = strings.Replace(owner, "postgres@", role+"@", 1)
	if asRunner == owner {
		t.Fatal(owner)
	}
	return g, owner, asRunner, blobs
}

// TestRunnerAlone: a process of its own, whose role in the database may do little, runs executions through all that there is.
func TestRunnerAlone(t *testing.T) {
	t.Parallel()
	g, owner, asRunner, blobs := fenced(t, "")
	a := startAlone(t, nil, "FAIRWAY_DATABASE="+asRunner, "FAIRWAY_BLOBS="+blobs, "FAIRWAY_NAME=alone-1", "FAIRWAY_SLOTS=3", "FAIRWAY_DRAIN=1h")
	a.waitReady(t, `"slots":3`)

	// One that gives results, long ones as well, and says how far it is.
	giving := "#!/bin/sh\necho '::fairway progress 40'\ncat\nprintf '{\"long\":\"%0100000d\"}' 0 > \"$FAIRWAY_RESULTS\"\n"
	done := g.waitStatus(t, g.runsScript(t, g.uploads(t, "giving.sh", giving), `{"a":1}`), "FINISHED")
	if done["results_size"] != 100011.0 {
		t.Errorf("%v", done)
	}
	if err := waitFor(func() error { // what is committed is counted a moment later
		if !strings.Contains(a.get(t, "/metrics").body, `fairway_execution_attempts_total{outcome="SUCCEEDED"} 1`) {
			return errors.New("it was not counted")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	// One that cannot be built.
	id := g.runsScript(t, g.uploads(t, "failing.sh", "#!/bin/sh\necho no; exit 3\n"), "{}")
	if got := g.waitStatus(t, id, "FAILED"); !strings.Contains(g.logOf(t, id), "no") || got["attempt"] != 1.0 {
		t.Errorf("%v", got)
	}
	// One that is tried again, by the runner itself.
	again := triedAgain(t, owner, id)
	if got := g.waitStatus(t, again, "FAILED"); got["attempt"] != 2.0 {
		t.Errorf("%v", got)
	}

	// Ones that wait until they are admitted: three are run at once, of a user who is no administrator.
	slug := g.uploads(t, "counting.sh", counting)
	id = g.runsScript(t, slug, "{}")
	g.waitTicks(t, id, 2)
	out, err := g.command("runner", "list", "--config", g.config)
	if err != nil || !strings.Contains(out, "alone-1") || !strings.Contains(out, "READY") {
		t.Errorf("%v %s", err, out)
	}

	// It drains, until somebody is impatient; who is the runner next goes on.
	a.signals(t, func() { // after the first signal
		a.waitLog(t, "takes nothing more")
		g.waitTicks(t, id, 2)
	})
	a.begin(t)
	a.waitReady(t, `"running":1`)
	g.waitTicks(t, id, 3)
	// It is killed.
	a.kill()
	a.begin(t)
	a.waitReady(t, `"running":1`)
	g.waitTicks(t, id, 3)
	g.cancels(t, id)

	// It waits for what runs.
	short := g.runsScript(t, g.uploads(t, "short.sh", "#!/bin/sh\necho begins\nsleep 2\necho ends\n"), "{}")
	g.waitStatus(t, short, "RUNNING")
	a.signals(t)
	g.waitStatus(t, short, "FINISHED")
	if log := a.log.String(); strings.Contains(log, "permission denied") || strings.Contains(log, "panic") {
		t.Error("something was not permitted, or a panic")
	}
}

// waitLog waits for a text in the log.
func (a *alone) waitLog(t *testing.T, text string) {
	t.Helper()
	if err := waitFor(func() error {
		if !strings.Contains(a.log.String(), text) {
			return errors.New("the log lacks " + text)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// triedAgain is an execution like another, which is tried twice where it fails.
func triedAgain(t *testing.T, owner, like string) string {
	t.Helper()
	store, err := queries.Open(t.Context(), queries.Config{DSN: owner})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	of, err := store.Execution(t.Context(), uuid.MustParse(like))
	if err != nil {
		t.Fatal(err)
	}
	next := queries.Again(of)
	next.MaxAttempts, next.RetryOn = 2, []queries.Outcome{queries.OutcomeFailed}
	made, err := store.CreateExecution(t.Context(), queries.Limits{}, next)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID.String()
}

// roleOf is the address of a store for a role of runners.
func roleOf(t *testing.T) string {
	t.Helper()
	_, _, asRunner, _ := fenced(t, "") //nolint:dogsled // nothing runs
	return asRunner
}

// TestRoleOfRunners holds what the role may do, table by table and column by column.
func TestRoleOfRunners(t *testing.T) {
	t.Parallel()
	asRunner := roleOf(t)
	conn, err := pgx.Connect(t.Context(), asRunner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, forbidden := range []string{
		"select password_hash from users", "select * from users", "select * from oauth_clients", "select * from signing_keys", "select * from outbox", "select * from sessions", "select * from account_links",
		"select * from audit_log", "select * from events", "select * from idempotency_keys", "delete from executions", "delete from status_log", "update executions set user_id = null", "update executions set params = 'null'",
		"update status_log set reason = ''", "update script_versions set blob_key = ''", "insert into executions default values", "insert into scripts default values", "update users set role = 'ADMIN'",
		"create table mine (x int)", "truncate log_chunks", "drop table executions", "update log_chunks set notice = ''", "alter table executions disable trigger all", "create temporary table mine (x int); drop table runners",
	} {
		_, err := conn.Exec(t.Context(), forbidden)
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || pg.Code != "42501" && pg.Code != "42P01" {
			t.Errorf("%s: %v", forbidden, err)
		}
		if ok && pg.Code == "42P01" {
			t.Errorf("%s: there is no such table", forbidden)
		}
	}
	rows, err := conn.Query(t.Context(), `
		select c.relname || ' ' || p.privilege from pg_class c, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as p(privilege)
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname not like 'river\_%'
			and (has_table_privilege(c.oid, p.privilege) or p.privilege <> 'DELETE' and has_any_column_privilege(c.oid, p.privilege))`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{
		"events INSERT", "execution_attempts INSERT", "execution_attempts SELECT", "execution_attempts UPDATE", "executions SELECT", "executions UPDATE", "fairway_migrations SELECT", "log_chunks INSERT", "log_chunks SELECT",
		"runners INSERT", "runners SELECT", "runners UPDATE", "script_logs INSERT", "script_logs SELECT", "script_versions SELECT", "script_versions UPDATE", "scripts SELECT", "scripts UPDATE", "status_log INSERT",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRunnersPage makes a role, and starts a runner of the gateway's configuration, by the command lines of docs/runners.md.
func TestRunnersPage(t *testing.T) {
	t.Parallel()
	g, owner, asRunner, _ := fenced(t, "")
	address, err := url.Parse(asRunner)
	if err != nil {
		t.Fatal(err)
	}
	var started bool
	for _, f := range pageFences(t, "docs/runners.md") {
		for _, line := range strings.Split("\n"+f.text, "\n$ ")[1:] {
			line = strings.TrimSpace(line)
			if words, ok := strings.CutPrefix(line, "fairway runner "); ok {
				started = true
				words = strings.NewReplacer("/etc/fairway/Caddyfile", g.config, "127.0.0.1:9090", freeAddress(t)).Replace(words)
				args := strings.Fields(words)
				startAlone(t, args[:len(args)-2], "DATABASE_URL="+owner, "FAIRWAY_SECRET="+someSecret, "SITE_ADDRESS=http://127.0.0.1:1")
				continue
			}
			// The role is the test's own, since all tests share a server; whoever types the password has no terminal here.
			line = strings.NewReplacer("role runner", "role "+address.User.Username(), "password runner", "password "+address.User.Username()).Replace(line)
			cmd := exec.CommandContext(t.Context(), "setsid", "--wait", "sh", "-ec", line)
			cmd.Dir, cmd.Stdin = filepath.Dir(g.config), strings.NewReader(strings.Repeat(runnerPassword+"\n", 2))
			cmd.Env = append(append([]string{}, g.env...), "DATABASE_URL="+owner, "PATH="+filepath.Dir(binary)+string(filepath.ListSeparator)+os.Getenv("PATH"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
	if !started {
		t.Error("the page starts no runner")
	}
}

// TestRunnerAloneRefuses what it cannot be.
func TestRunnerAloneRefuses(t *testing.T) {
	t.Parallel()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Wrong"), []byte(runs("\t\trunner embedded {\n\t\t\tslot 3\n\t\t}")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Named"), []byte(siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t}", "\thealth\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, env []string
		code      int
		says      string
	}{
		{nil, nil, 2, "the store is SQLite"},
		{[]string{"--database", "sqlite:/tmp/x.db"}, nil, 2, "the store is SQLite"},
		{[]string{"--config", "Named"}, nil, 2, "the store is SQLite"},
		{[]string{"--config", "Wrong"}, nil, 2, `did you mean "slots"?`},
		{[]string{"--config", "None"}, nil, 2, "--config"},
		{[]string{"--database", "postgres://a:secret@127.0.0.1/x"}, nil, 2, "the password of a database must be"},
		{nil, []string{"FAIRWAY_DATABASE=postgres://a@127.0.0.1:1/x", "FAIRWAY_SLOTS=many"}, 2, `FAIRWAY_SLOTS: "many" is no number from 1`},
		{[]string{"--slots", "0"}, []string{"FAIRWAY_DATABASE=postgres://a@127.0.0.1:1/x"}, 2, `--slots: "0" is no number from 1`},
		{nil, []string{"FAIRWAY_DATABASE=postgres://a@127.0.0.1:1/x", "FAIRWAY_LEASE=soon"}, 2, `FAIRWAY_LEASE: "soon" is no length of time`},
		{nil, []string{"FAIRWAY_DATABASE=postgres://a@127.0.0.1:1/x", "FAIRWAY_LISTEN=9090"}, 2, "is no address"},
		{nil, []string{"FAIRWAY_DATABASE=postgres://a@127.0.0.1:1/x", "FAIRWAY_EXECUTOR={"}, 2, "it is no JSON"},
		{nil, []string{"FAIRWAY_DATABASE=postgres://a@127.0.0.1:1/x", "FAIRWAY_EXECUTOR=other"}, 1, "fairway.executors.other"},
		{nil, []string{"FAIRWAY_DATABASE=postgres://a@127.0.0.1:1/x", "FAIRWAY_QUEUES=Large"}, 1, `"Large" is no name for a queue`},
		{[]string{"stop"}, nil, 2, "runner has no command stop"},
	} {
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"runner"}, c.args...)...)
		cmd.Dir, cmd.Env = dir, append(append(isolated(dir), "SITE_ADDRESS=http://127.0.0.1:1"), c.env...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%v %v: %v\n%s", c.args, c.env, err, out)
		}
	}
}

// TestRunnerAloneReads a Caddyfile's block, above which are variables and options, and takes nothing where it is drained.
func TestRunnerAloneReads(t *testing.T) {
	t.Parallel()
	g, _, asRunner, blobs := fenced(t, "")
	config := filepath.Join(t.TempDir(), "Caddyfile")
	text := siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tblobs "+blobs+"\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\trunner off {\n\t\t\tname file\n\t\t\tslots 7\n\t\t\tqueues default large\n\t\t}\n\t}", "\tcontrol\n")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := startAlone(t, []string{"--config", config, "--adapter", "caddyfile", "--slots", "6"}, "DATABASE_URL="+asRunner, "SITE_ADDRESS=http://127.0.0.1:1", "FAIRWAY_SLOTS=5", "FAIRWAY_NAME=variable")
	a.waitReady(t, `"slots":6`)
	out, err := g.command("runner", "list", "--json", "--config", g.config)
	if err != nil || !strings.Contains(out, `"name":"variable"`) || !strings.Contains(out, `"slots":6`) || !strings.Contains(out, `["default","large"]`) && !strings.Contains(out, `["default", "large"]`) {
		t.Errorf("%v %s", err, out)
	}
	if out, err := g.command("runner", "drain", "nobody", "--config", g.config); err == nil {
		t.Error(out)
	}
	if out, err := g.command("runner", "drain", "variable", "--config", g.config); err != nil {
		t.Error(out)
	}
	a.waitReady(t, `"state":"draining"`)
	if got := a.get(t, "/ready"); got.status != http.StatusServiceUnavailable {
		t.Errorf("it is ready: %d %s", got.status, got.body)
	}
	if got := a.get(t, "/metrics"); !strings.Contains(got.body, "\nfairway_runner_slots 6\n") {
		t.Error("the slots are not among the metrics")
	}
	a.signals(t)
}
