package controltest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/queries"
)

// Engines are the two that a test is run with. The server is started when it is first wanted.
type Engines struct{ server pgtest.Shared }

// NewEngines makes Engines, one for the tests of a package. Run them by Main.
func NewEngines() *Engines { return &Engines{} }

// Main runs the tests, looks for goroutines that they have left, and stops the server.
func (e *Engines) Main(m *testing.M) int { return e.server.Main(m) }

// Both runs a test with each engine, over an empty database.
func (e *Engines) Both(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, e.SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, e.Postgres(t))
	})
}

// SQLite is the address of an empty database.
func (e *Engines) SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "store.db")
}

// Postgres is the address of an empty database, or the test is left out.
func (e *Engines) Postgres(t testing.TB) string {
	t.Helper()
	return e.server.Database(t) + "&pool_max_conns=5"
}

// Store opens a store until the test ends.
func Store(t testing.TB, dsn string) *queries.Store {
	t.Helper()
	s, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	Must(t, err)
	t.Cleanup(s.Close)
	return s
}

// Must ends a test that has met an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually waits until something is so, for as long as a busy machine may take.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}
