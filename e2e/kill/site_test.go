package kill_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/process"
	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/queries"
)

const (
	adminEmail    = "root@example.org"
	adminPassword = "Correct-horse-4-battery"
)

// site is what is killed: gateways, those that run executions, and the server of their store.
type site struct {
	t       *testing.T
	dir     string
	effects *effects
	// gateway has the API. With SQLite it does everything, with PostgreSQL there are runners.
	gateway *gateway.Gateway
	// victims are all that is killed, the gateway first.
	victims []victim
	// tell is how scripts tell the effects.
	tell string
	// left says what is left of executions that have all ended.
	left    func() error
	forgets bool
	// api is asked of the gateway.
	api *api.Client
	// shot are attempts whose own processes were killed, by id.
	shot  sync.Map
	store *queries.Store
}

// victim is something that is killed, and started again.
type victim struct {
	name string
	kill func()
}

// program is a process of fairway.
type program interface {
	Kill()
	Run()
}

// isolation is what executions run in.
type isolation struct {
	// executor is the word of a Caddyfile for a runner that keeps what runs in a directory.
	executor func(s *site, home string) string
	// host is where effects are listened for, tell how scripts reach it.
	host, tell string
	// left says what is left of executions when all have ended.
	left func(s *site, homes []string) error
	// forgets says that what scripts print just before their end may be lost with what they run on.
	forgets bool
}

// processes are those of the machine.
func processes() isolation {
	return isolation{
		executor: func(s *site, home string) string {
			return fmt.Sprintf("executor process {\n\t\t\t\tdirectory %s\n\t\t\t\tconnect %s\n\t\t\t}", home, s.effects.port)
		},
		host: "127.0.0.1", tell: tellByBash,
		left: func(s *site, homes []string) error { return errors.Join(noDirectory(homes), noProcess(s.dir)) },
	}
}

// onEngines runs a test with each engine, at the same time.
func onEngines(t *testing.T, run func(t *testing.T, s *site)) {
	t.Helper()
	if os.Geteuid() != 0 {
		required.Absent(t, "root", errors.New("executions of one runner are not to find those of others, which takes root"))
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		run(t, open(t, nil, processes()))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := pgtest.For(t)
		run(t, open(t, server, processes()))
	})
}

// open starts all of it. With a server of PostgreSQL there are runners, without one the gateway is one.
func open(t *testing.T, server *pgtest.Server, in isolation) *site {
	t.Helper()
	s := &site{t: t, effects: listen(t, in.host), tell: in.tell, forgets: in.forgets, api: &api.Client{Email: adminEmail, Password: adminPassword, Patience: patience}}
	var err error
	// Users of scripts must be able to enter it.
	if s.dir, err = os.MkdirTemp("", "fairway-kill-site"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o711); err != nil { //nolint:gosec // its users
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	if server != nil {
		dsn = server.DSN("postgres")
	}
	env := []string{
		"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + gateway.NewSecret(),
		"FAIRWAY_ADMIN_EMAIL=" + adminEmail, "FAIRWAY_ADMIN_PASSWORD=" + adminPassword,
	}
	blobs := filepath.Join(t.TempDir(), "blobs")
	block := func(i int, mode string) string {
		return fmt.Sprintf("\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\tblobs file://%s\n\t\trunner %s {\n\t\t\tname r%d\n\t\t\tslots 6\n\t\t\tlease 30s\n\t\t\t%s\n\t\t}",
			blobs, mode, i, in.executor(s, s.home(i)))
	}
	mode, runners := "embedded", 0
	if server != nil {
		mode, runners = "off", 2
	}
	s.gateway = gateway.Start(t, builder, gateway.Options{Fairway: block(0, mode), Env: env, Site: "\tcontrol"})
	homes := []string{s.home(0)}
	s.killed("the gateway", s.gateway)
	for i := range runners {
		s.killed(fmt.Sprintf("runner %d", i+1), gateway.StartRunner(t, builder, block(i+1, "off"), env))
		homes = append(homes, s.home(i+1))
	}
	if server != nil {
		s.victims = append(s.victims, victim{"PostgreSQL", func() {
			if err := server.Crash(); err != nil {
				t.Fatal(err)
			}
			s.await("PostgreSQL", server.Restart)
		}})
	}
	s.left = func() error { return in.left(s, homes) }
	s.reached()
	s.await("the store", func() error {
		s.store, err = queries.Open(t.Context(), queries.Config{DSN: dsn})
		return err
	})
	t.Cleanup(s.store.Close)
	return s
}

// killed has a process of fairway among the victims.
func (s *site) killed(name string, p program) {
	s.victims = append(s.victims, victim{name, func() {
		p.Kill()
		p.Run()
		s.reached()
	}})
}

// home is where a runner keeps what runs.
func (s *site) home(i int) string { return filepath.Join(s.dir, fmt.Sprintf("runs%d", i)) }

// reached says where the API is.
func (s *site) reached() { s.api.At(s.gateway.URL) }

// await waits until something is as it must be.
func (s *site) await(what string, is func() error) {
	s.t.Helper()
	if err := process.Until(patience, 20*time.Millisecond, is); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}
