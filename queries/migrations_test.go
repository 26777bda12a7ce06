package queries

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries/db"
)

func migrationsOf(t *testing.T, s *Store) *Migrations {
	t.Helper()
	m, err := s.migrations(nil, s.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// TestMigrations goes down to nothing, step by step, and up again, with data in the tables.
func TestMigrations(t *testing.T) {
	t.Parallel()
	names := []string{"00001_sessions.sql", "00002_users.sql", "00003_tokens.sql", "00004_outbox.sql", "00005_recovery.sql", "00006_lists.sql", "00007_idempotency.sql", "00008_refusals.sql", "00009_user_clients.sql", "00010_scripts.sql", "00011_executions.sql", "00012_partitions.sql", "00013_said.sql", "00014_events.sql", "00015_schedules.sql", "00016_long_answers.sql", "00017_webhooks.sql", "00018_arrivals.sql", "00019_schedule_events.sql", "00020_purges.sql", "00021_pods.sql", "00022_removal.sql", "00023_begun_ready.sql"}
	versions := []int64{0} // of none, of the first and so on
	for _, name := range names {
		n, err := strconv.ParseInt(name[:5], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, n)
	}
	all := len(names)
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		m := migrationsOf(t, s)
		want := func(n int) {
			t.Helper()
			applied := versions[n]
			got, newest, err := m.Version(t.Context())
			if err != nil || got != applied || newest != versions[len(names)] {
				t.Fatalf("version %d of %d, %v; want %d", got, newest, err, applied)
			}
			all, err := m.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, one := range all {
				if one.Applied.IsZero() != (one.Version > applied) || one.Applied.Location() != time.UTC {
					t.Errorf("%+v", one)
				}
				all[i].Applied = time.Time{}
			}
			for i, name := range names {
				if diff := cmp.Diff(Migration{Version: versions[i+1], Name: name}, all[i]); diff != "" {
					t.Error(diff)
				}
			}
		}
		steps := func(names []string, err error) int {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return len(names)
		}
		want(all)
		fill(t, s)
		replace(t, s, index(9), Version{}, Version{1, 0}, "kept", in(time.Hour), true)
		for i := all - 1; i > 0; i-- {
			steps(m.Down(t.Context()))
			want(i)
		}
		wantStored(t, s, index(9), stored{Version{1, 0}, "kept", true})
		if n := steps(m.Up(t.Context())); n != len(names)-1 {
			t.Errorf("%d were applied", n)
		}
		wantStored(t, s, index(9), stored{Version{1, 0}, "kept", true})
		fill(t, s)
		for i := all - 1; ; i-- {
			if steps(m.Down(t.Context())) == 0 {
				break
			}
			want(i)
		}
		if _, _, err := s.Session(t.Context(), index(1)); err == nil {
			t.Error("the tables are still there")
		}
		if n := steps(m.Up(t.Context())); n != len(names) {
			t.Errorf("%d were applied", n)
		}
		if n := steps(m.Up(t.Context())); n != 0 {
			t.Errorf("%d were applied again", n)
		}
		want(all)
		replace(t, s, index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
		if n := steps(m.DownTo(t.Context(), 0)); n != len(names) {
			t.Errorf("%d were taken back", n)
		}
		want(0)
		steps(m.Up(t.Context()))
		wantStored(t, s, index(1), stored{})
	})
}

// fill writes into every table.
func fill(t *testing.T, s *Store) {
	t.Helper()
	u := create(t, s, aUser("a@x.org"))
	_, err1 := s.CreateTeam(t.Context(), by(), "team", u.ID)
	_, err2 := s.CreateClient(t.Context(), by(), db.OauthClient{ClientID: "c", OwnerID: &u.ID}, 0)
	_, err3 := s.CreateAPIToken(t.Context(), by(), db.ApiToken{Hash: index(1), Kind: "user", UserID: &u.ID})
	_, err4 := s.AddSigningKey(t.Context(), SigningKey{KID: "k", Public: index(1), Sealed: index(2), RetiresIn: time.Hour}, "")
	_, err5 := s.TakeRate(t.Context(), []byte("k"), 1, time.Hour)
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			t.Fatal(err)
		}
	}
	login(t, s, u.ID, "c", index(1))
	wantRotated(t, s, rotation(1, 2, "c"), RefreshFresh, "")
	wantBegun(t, s, once(1, 1), Begun{Fence: 1, SameBody: true})
	enqueue(t, s, Letter{Topic: "mail", Payload: []byte("{}")})
	addLink(t, s, Link{Hash: index(1), User: &u.ID, Email: u.Email, Purpose: LinkRecover, Lasts: time.Hour})
	sc := aScript(t, s, u.ID, "script")
	run1(t, s, Limits{}, execution(sc))
	start1(t, s, claim1(t, s, fresh()))
	if err := s.SeeClient(t.Context(), u.ID, UserClient{Type: "cli"}, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := Mark(t.Context(), s.Queries(), "m"); err != nil {
		t.Fatal(err)
	}
}

// TestTwoProcesses holds that processes that start at once on an empty database all find it migrated.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				cmd := exec.CommandContext(t.Context(), self)
				cmd.Env = append(os.Environ(), openEnv+"="+dsn)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		all.Wait()
	})
}

// TestKilledWriter holds that what a process was told is written is there when it was killed, and that others go on.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), writeEnv+"="+dsn)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if last == 500 {
				if err := cmd.Process.Kill(); err != nil { // it goes on writing until it notices
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		if last < 500 {
			t.Fatalf("it ended after %d", last)
		}
		s := openStore(t, dsn)
		for n := 1; n <= last; n++ {
			want := stored{Version{int64(n), 0}, string(numbered(n)), true}
			if got := get(t, s, numbered(n)); got != want {
				t.Fatalf("%d of %d is lost: %+v", n, last, got)
			}
		}
		if got := count(t, s, "sessions"); got < last || got > last+1 {
			t.Errorf("%d are there, %d were told", got, last)
		}
		replace(t, s, index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
	})
}

// TestMigrationLock holds that the lock is waited for as long as one may, and free when its holder is done.
func TestMigrationLock(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		m := migrationsOf(t, s)
		unlock, err := m.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := Open(ctx, Config{DSN: dsn}); err == nil {
			t.Error("somebody else migrates, too")
		}
		unlock()
		openStore(t, dsn)
	})
}

// TestModestRole holds that a gateway needs no right to change the schema that somebody else has migrated, and one connection.
func TestModestRole(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	role := "modest" + strconv.FormatInt(time.Now().UnixNano(), 10)
	modest := strings.Replace(strings.TrimSuffix(dsn, poolOption), "postgres@", role+"@", 1) + "&pool_max_conns=1"
	command(t, dsn, "create role "+role+" login; revoke create on schema public from public")
	if _, err := Open(t.Context(), Config{DSN: modest}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("an empty database: %v", err)
	}
	openStore(t, dsn)
	command(t, dsn, "grant select, insert, update, delete on all tables in schema public to "+role)
	s := openStore(t, modest)
	replace(t, s, index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
}

// TestNewerSchema holds that a gateway of this version still works on a schema that a later one has migrated.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		const later = "insert into fairway_migrations (version_id, is_applied) values (99, true)"
		if IsPostgres(dsn) {
			command(t, dsn, later)
		} else if _, err := s.engine.(*file).write.ExecContext(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		replace(t, openStore(t, dsn), index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
	})
}
