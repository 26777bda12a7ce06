// Package runnertest has what tests of runners and queues need: a store of each engine with a user and a script.
package runnertest

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/logs"
	"github.com/fairway-gateway/fairway/runner/queue"
)

// Patience is how long a test waits for what must come.
const Patience = 2 * time.Minute

// server is the one that the tests of a package share.
var server pgtest.Shared

// Main runs the tests of a package, looks for goroutines that were left, and ends the server.
func Main(m *testing.M) { os.Exit(server.Main(m)) }

// Site is a store with a user and a script, and what a runner needs.
type Site struct {
	// DSN is the store's.
	DSN    string
	Store  *queries.Store
	Blobs  *blobs.Blobs
	Script db.Script
}

// Sites runs a test with each engine.
func Sites(t *testing.T, test func(t *testing.T, s *Site)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, New(t, SQLite(t)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, New(t, Postgres(t)))
	})
}

// SQLite is the address of a database of its own for the test.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "store.db")
}

// Postgres is the address of a database of its own for the test.
func Postgres(t testing.TB) string {
	t.Helper()
	return server.Database(t) + "&pool_max_conns=8"
}

// Pooled is the address of a database of its own for the test, behind a pgbouncer that pools transactions in so many connections.
func Pooled(t testing.TB, connections int) string {
	t.Helper()
	_, dsn := server.Pooled(t, "transaction", connections)
	return dsn + "&pool_max_conns=8"
}

// New opens a store with a user and a script that is built.
func New(t testing.TB, dsn string) *Site {
	t.Helper()
	return NewObserved(t, dsn, nil)
}

// NewObserved is New with somebody who is told of executions.
func NewObserved(t testing.TB, dsn string, by queries.Observer) *Site {
	t.Helper()
	s := &Site{DSN: dsn}
	var err error
	if s.Store, err = queries.Open(t.Context(), queries.Config{DSN: dsn, Observer: by}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Store.Close)
	if s.Blobs, err = blobs.Open(t.Context(), "", filepath.Join(t.TempDir(), "blobs")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	user, err := s.Store.CreateUser(t.Context(), queries.By{Actor: "test"}, db.User{Email: "ann@example.org", Role: "USER", IsActive: true})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	if s.Script, err = s.Store.CreateScript(t.Context(), queries.By{Actor: "test"}, queries.ScriptUpload{
		Slug: "a", Name: "A", User: user.ID, Version: queries.VersionUpload{BlobKey: "scripts/a", BlobSHA256: digest[:]},
	}); err != nil {
		t.Fatal(err)
	}
	build, ok, err := s.Store.ClaimBuild(t.Context(), uuid.New(), time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := s.Store.FinishBuild(t.Context(), build, queries.Built{OK: true}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Queue is the queue that belongs to the store's engine.
func (s *Site) Queue(t testing.TB) runner.Queue {
	t.Helper()
	if !queries.IsPostgres(s.DSN) {
		l := queue.NewLocal()
		s.Store.OnReady(l.Dispatch)
		return l
	}
	r, err := queue.OpenRiver(t.Context(), s.DSN, queue.RiverConfig{Queues: []string{queries.DefaultQueue}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	s.Store.OnReady(r.Dispatch)
	return r
}

// Start runs a runner until its end is called, at the latest when the test ends.
func (s *Site) Start(t testing.TB, c runner.Config, drain time.Duration) (_ *runner.Runner, end func()) {
	t.Helper()
	c.Store, c.Blobs = s.Store, s.Blobs
	if c.ID == uuid.Nil {
		c.ID = uuid.New()
	}
	if c.Queue == nil {
		c.Queue = s.Queue(t)
	}
	c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	r, err := runner.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, drain) }() // ends with end
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the runner: %v", err)
		}
	})
	t.Cleanup(end)
	return r, end
}

// Execute asks for executions of the script with parameters.
func (s *Site) Execute(t testing.TB, n int, params string, change func(*queries.NewExecution)) []uuid.UUID {
	t.Helper()
	all := make([]queries.NewExecution, n)
	for i := range all {
		all[i] = queries.NewExecution{Script: s.Script.ID, Version: 1, User: s.Script.UserID, Params: []byte(params)}
		if change != nil {
			change(&all[i])
		}
	}
	made, err := s.Store.CreateExecutions(t.Context(), queries.Limits{}, all)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]uuid.UUID, n)
	for i := range made {
		ids[i] = made[i].ID
	}
	return ids
}

// Await waits until an execution has a status.
func (s *Site) Await(t testing.TB, id uuid.UUID, status string) db.Execution {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	for {
		e, err := s.Store.Execution(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if e.Status == status {
			return e
		}
		if queries.Ended(e.Status) {
			t.Fatalf("it is %s (%s), not %s", e.Status, e.Reason, status)
		}
		pause()
	}
}

// pause keeps who waits for something from taking the processor from who does it.
func pause() { <-time.After(5 * time.Millisecond) }

// Forgotten waits until an executor has nothing left.
func Forgotten(t testing.TB, e executor.Executor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	for {
		ids, err := e.Attempts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 0 {
			return
		}
		pause()
	}
}

// Log is the texts of an execution's log.
func (s *Site) Log(t testing.TB, execution uuid.UUID) []string {
	t.Helper()
	chunks, err := s.Store.ReadLog(t.Context(), execution, 0, time.Time{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, c := range chunks {
		if len(c.Data) == 0 {
			texts = append(texts, c.Notice)
			continue
		}
		lines, _, err := logs.Unpack(c.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			texts = append(texts, l.Text)
		}
	}
	return texts
}

// Built waits until a script is built, or cannot be.
func (s *Site) Built(t testing.TB, id uuid.UUID) db.Script {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	for {
		script, err := s.Store.FindScript(ctx, id.String())
		if err != nil {
			t.Fatal(err)
		}
		if script.Status == queries.BuildSuccess || script.Status == queries.BuildFail {
			return script
		}
		pause()
	}
}
