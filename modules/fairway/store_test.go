package fairway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// loaded is an app with databases, provisioned.
func loaded(t *testing.T, a *App) (*App, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return a, a.Provision(ctx)
}

func mustLoad(t *testing.T, a *App) *App {
	t.Helper()
	a, err := loaded(t, a)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestStoreOfDefault holds that a configuration has a store when a module asks for it, and that a reload finds it open.
func TestStoreOfDefault(t *testing.T) { //nolint:paralleltest // the environment is set
	home := t.TempDir()
	t.Setenv("XDG_DATA_HOME", home)
	file := filepath.Join(caddy.AppDataDir(), "fairway.db")
	none := mustLoad(t, new(App))
	if states, _ := none.DatabaseHealth(t.Context()); states != nil {
		t.Errorf("there is a store that nobody asked for: %v", states)
	}
	old := mustLoad(t, new(App))
	sessions, err := old.Sessions()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the store is made before the configuration is started")
	}
	if err := old.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	useSessions(t, sessions)
	fresh := mustLoad(t, new(App))
	after, err := fresh.Sessions()
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := after.Session(t.Context(), make([]byte, 32)); !ok || err != nil {
		t.Errorf("after a reload: %v, %v", ok, err)
	}
	if old.store != fresh.store {
		t.Error("a reload has opened another store")
	}
	if states, lost := fresh.DatabaseHealth(t.Context()); lost || !cmp.Equal(states, map[string]string{"store": "ok"}) {
		t.Errorf("%v, %v", states, lost)
	}
	if err := fresh.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := after.Session(t.Context(), make([]byte, 32)); !errors.Is(err, errClosed) {
		t.Errorf("a store that nobody has any more: %v", err)
	}
}

// useSessions goes through what package session wants of a store, and leaves a session with the index of zeros.
func useSessions(t *testing.T, s session.Store) {
	t.Helper()
	ctx, index := t.Context(), make([]byte, 32)
	first := session.Record{Version: session.Version{Generation: 7, Revision: 1}, Sealed: []byte("sealed"), Expires: time.Now().Add(time.Hour)}
	next := first
	next.Revision++
	must := func(want bool) func(bool, error) {
		return func(got bool, err error) {
			t.Helper()
			if got != want || err != nil {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		}
	}
	must(true)(s.ReplaceSession(ctx, index, session.Version{}, first))
	must(false)(s.ReplaceSession(ctx, index, session.Version{}, first))
	got, ok, err := s.Session(ctx, index)
	must(true)(ok, err)
	if d := got.Expires.Sub(first.Expires); d.Abs() > time.Minute {
		t.Errorf("it ends %v too late", d)
	}
	got.Expires = first.Expires
	if diff := cmp.Diff(first, got); diff != "" {
		t.Error(diff)
	}
	must(true)(s.ReplaceSession(ctx, index, first.Version, next))
	must(true)(true, s.DeleteSession(ctx, index, next.Version))
	_, ok, err = s.Session(ctx, index)
	must(false)(ok, err)
	must(true)(s.Lease(ctx, "n", "me", time.Hour))
	must(false)(s.Lease(ctx, "n", "you", time.Hour))
	must(true)(true, s.Release(ctx, "n", "me"))
	must(true)(s.Lease(ctx, "n", "you", time.Hour))
	must(true)(s.ReplaceSession(ctx, index, session.Version{}, first))
}

// TestStoreOnServer goes through a store of PostgreSQL, which needs a secret of its own, and comes back when it does.
func TestStoreOnServer(t *testing.T) { //nolint:paralleltest // the environment is set
	server := pgtest.For(t)
	t.Setenv("DATABASE_URL", server.DSN("postgres"))
	t.Setenv("FAIRWAY_SECRET", fmt.Sprintf("%x", drawn()))
	databases := []Database{{DSN: "{env.DATABASE_URL}"}}
	if _, err := loaded(t, &App{Databases: databases}); err == nil || !strings.Contains(err.Error(), "secret {env.FAIRWAY_SECRET}") {
		t.Errorf("without a secret: %v", err)
	}
	if err := server.Halt(); err != nil {
		t.Fatal(err)
	}
	a := mustLoad(t, &App{Databases: databases, Secret: "{env.FAIRWAY_SECRET}"})
	sessions, err := a.Sessions()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatalf("a gateway does not start without its store: %v", err)
	}
	if _, _, err := sessions.Session(t.Context(), make([]byte, 32)); err == nil {
		t.Error("a server that is not there answers")
	}
	if states, lost := a.DatabaseHealth(t.Context()); !lost || states["store"] != "failed" {
		t.Errorf("%v, %v", states, lost)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	for {
		_, _, err := sessions.Session(t.Context(), make([]byte, 32))
		if err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	useSessions(t, sessions)
	for states, lost := a.DatabaseHealth(t.Context()); lost; states, lost = a.DatabaseHealth(t.Context()) {
		if t.Context().Err() != nil {
			t.Fatal(states)
		}
	}
}

// TestStoreHangs holds that who waits for a store that is being opened goes when his time is over.
func TestStoreHangs(t *testing.T) { //nolint:paralleltest // what outlives a reload is one for the process
	path := filepath.Join(t.TempDir(), "x.db")
	lock, err := sql.Open("sqlite", path+".lock?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	migrating, err := lock.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := mustLoad(t, &App{Databases: []Database{{DSN: "sqlite:" + path}}})
	sessions, err := a.Sessions()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := sessions.Session(ctx, make([]byte, 32)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if err := migrating.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := sessions.Session(t.Context(), make([]byte, 32)); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// TestStoreRefused holds that a store that can never be opened is an error of the configuration.
func TestStoreRefused(t *testing.T) { //nolint:paralleltest // the environment is set
	t.Setenv("DATABASE_URL", "mysql://u:s3cret@h/x")
	for dsn, says := range map[string]string{
		"{env.DATABASE_URL}":              "a database is sqlite:<path> or postgres://",
		"sqlite:{env.DATABASE_URL_UNSET}": "is not set or empty",
		"{file./nowhere/at/all}":          "cannot be read",
	} {
		if _, err := loaded(t, &App{Databases: []Database{{DSN: dsn}}}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	a := mustLoad(t, &App{Databases: []Database{{DSN: "sqlite:" + text}}})
	if err := a.Start(); err != nil {
		t.Logf("told as an error: %v", err)
	}
	if states, lost := a.DatabaseHealth(t.Context()); !lost {
		t.Errorf("%v", states)
	}
}
