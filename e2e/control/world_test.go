package control_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/queries"
)

// password is that of every user whom a scene makes.
const password = "Fairway-e2e: 9 irons & 1 putter"

// The first administrator.
const (
	adminEmail    = "first@example.org"
	adminPassword = "The first one at the 1st tee"
)

// engine is a database that a test runs on.
type engine struct {
	name string
	// dsn is for {env.DATABASE_URL}.
	dsn    string
	secret string
	// rateless: gateways over it count the requests of the word rate each for itself.
	rateless bool
	// server is PostgreSQL's; nil: there is none.
	server *pgtest.Server
	// dump is all that the store holds.
	dump func() string
}

// another is an empty one of the same kind.
func (e engine) another(t testing.TB) engine {
	t.Helper()
	if e.server == nil {
		return sqlite(t)
	}
	return postgres(t)
}

// options are those of a gateway over it.
func (e engine) options() gateway.Options {
	return gateway.Options{
		// The tests say from where they call.
		Global:  "\tservers {\n\t\ttrusted_proxies static 127.0.0.1/32\n\t}",
		Fairway: "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\trunner off", // scripts stay what they are
		Env:     []string{"DATABASE_URL=" + e.dsn, "FAIRWAY_SECRET=" + e.secret, "FAIRWAY_ADMIN_EMAIL=" + adminEmail, "FAIRWAY_ADMIN_PASSWORD=" + adminPassword},
		Site:    "\tcontrol",
	}
}

// onEngines runs a test on both engines, at the same time.
func onEngines(t *testing.T, run func(t *testing.T, e engine)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		run(t, sqlite(t))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		run(t, postgres(t))
	})
}

func sqlite(t testing.TB) engine {
	t.Helper()
	file := filepath.Join(t.TempDir(), "store.db")
	return engine{name: "SQLite", rateless: true, dsn: "sqlite:" + file, secret: gateway.NewSecret(), dump: func() string {
		var all string
		for _, suffix := range []string{"", "-wal"} {
			content, err := os.ReadFile(file + suffix) //nolint:gosec // ours
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			all += string(content)
		}
		return all
	}}
}

func postgres(t testing.TB) engine {
	t.Helper()
	server := pgtest.For(t)
	return engine{name: "PostgreSQL", server: server, dsn: server.DSN("postgres"), secret: gateway.NewSecret(), dump: func() string {
		out, err := exec.CommandContext(context.Background(), "pg_dump", "--inserts", "-h", server.Dir(), "-U", "postgres", "postgres").CombinedOutput() //nolint:gosec // ours
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}}
}

// world is a gateway over an engine, and the test's own way into its store.
type world struct {
	engine
	gateway *gateway.Gateway
	store   *queries.Store
	// hash is that of password.
	hash string
	// mail is where its letters go, if it has a server.
	mail *sink
}

// cheap is the scheme of the gateways that are built here, so that no password is hashed anew at a login.
func cheap() passwords.Scheme {
	return passwords.Scheme{Algorithm: passwords.Argon2id, Passes: 1, MemoryKiB: 1 << 10, Lanes: 1}
}

// start runs a gateway with options over an engine until the test ends.
func start(t *testing.T, e engine, o gateway.Options) *world {
	t.Helper()
	w := &world{engine: e, gateway: gateway.Start(t, builder, o)}
	// What a store has from the start is there once the API answers, and not made where there are users already. A busy machine's
	// first answers may be that the store is not there yet.
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		a := w.gateway.Get("/.well-known/jwks.json", "", "")
		if a.Status == http.StatusOK {
			break
		}
		if a.Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			t.Fatalf("the API does not answer: %s", a)
		}
	}
	store, err := queries.Open(context.Background(), queries.Config{DSN: e.dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	w.store = store
	checker, err := passwords.New(accounts.NewDirectory(store, accounts.DirectoryConfig{}), passwords.Config{Realm: "users", Scheme: cheap()})
	if err != nil {
		t.Fatal(err)
	}
	if w.hash, err = checker.Hash(context.Background(), netip.Addr{}, password); err != nil {
		t.Fatal(err)
	}
	return w
}
