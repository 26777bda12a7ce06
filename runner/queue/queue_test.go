package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/queue"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

func TestMain(m *testing.M) { runnertest.Main(m) }

// heard takes attempts, and those that wait where it is told of none, as runners do.
type heard struct {
	store *queries.Store
	fail  func() error // asked before; nil: never fails

	mu  sync.Mutex
	ids []uuid.UUID
	got chan struct{}
}

func (h *heard) take(ctx context.Context, attempts []uuid.UUID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		if err := h.fail(); err != nil {
			return err
		}
	}
	claimed, err := h.store.Claim(ctx, queries.ClaimRequest{Runner: uuid.New(), Attempts: attempts, Queues: []string{queries.DefaultQueue}, Most: 100})
	for _, c := range claimed {
		h.ids = append(h.ids, c.Execution)
	}
	select {
	case h.got <- struct{}{}:
	default:
	}
	return err
}

// await waits until executions were heard of, each once.
func (h *heard) await(t *testing.T, want []uuid.UUID) {
	t.Helper()
	timer := time.NewTimer(runnertest.Patience)
	defer timer.Stop()
	for {
		h.mu.Lock()
		got := slices.Clone(h.ids)
		h.mu.Unlock()
		if len(got) >= len(want) {
			compare := func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
			slices.SortFunc(got, compare)
			want = slices.Clone(want)
			slices.SortFunc(want, compare)
			if !slices.Equal(got, want) {
				t.Fatalf("heard of %v, not of %v", got, want)
			}
			return
		}
		select {
		case <-h.got:
		case <-timer.C:
			t.Fatalf("heard of %d of %d", len(got), len(want))
		}
	}
}

// listen listens until the test ends.
func listen(t *testing.T, q runner.Queue, h *heard) (end func()) {
	t.Helper()
	h.got = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- q.Listen(ctx, h.take) }() // ends with end
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return end
}

func TestTells(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		q, h := s.Queue(t), &heard{store: s.Store}
		before := s.Execute(t, 2, "{}", nil) // before anybody listens
		end := listen(t, q, h)
		h.await(t, before)
		after := s.Execute(t, 20, "{}", nil)
		h.await(t, append(before, after...))
		end()
	})
}

// TestTellsAgain tells whoever could not ask the store.
func TestTellsAgain(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		if !queries.IsPostgres(s.DSN) {
			t.Skip("whoever is in the process looks again himself")
		}
		left := 2
		h := &heard{store: s.Store, fail: func() error {
			if left--; left >= 0 {
				return errors.New("the store is away")
			}
			return nil
		}}
		listen(t, s.Queue(t), h)
		h.await(t, s.Execute(t, 1, "{}", nil))
	})
}

// TestNothingIsTold of what was never true.
func TestNothingIsTold(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		q := s.Queue(t)
		dispatch := q.(interface {
			Dispatch(context.Context, db.Querier, []queries.Ready) error
		}).Dispatch
		undone := errors.New("undone")
		err := s.Store.InTx(t.Context(), func(tx db.Querier) error {
			ready := []queries.Ready{{Attempt: uuid.New(), Execution: uuid.New(), Number: 1, Queue: queries.DefaultQueue, Available: time.Now()}}
			return errors.Join(dispatch(t.Context(), tx, ready), undone)
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		h := &heard{store: s.Store}
		listen(t, q, h)
		h.await(t, s.Execute(t, 3, "{}", func(n *queries.NewExecution) { n.Priority = 7 }))
	})
}

// TestManyOpen opens the queue of an empty database in many places at once.
func TestManyOpen(t *testing.T) {
	t.Parallel()
	s := runnertest.New(t, runnertest.Postgres(t))
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			r, err := queue.OpenRiver(t.Context(), s.DSN, queue.RiverConfig{})
			if err != nil {
				t.Error(err)
				return
			}
			r.Close()
		})
	}
	group.Wait()
}

// TestPooler opens the queue in many places at once behind a pgbouncer that has fewer connections: no lock is left there, and jobs are found, although nobody can
// be told of them.
func TestPooler(t *testing.T) {
	t.Parallel()
	s := runnertest.New(t, runnertest.Pooled(t, 3))
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			r, err := queue.OpenRiver(t.Context(), s.DSN, queue.RiverConfig{})
			if err != nil {
				t.Error(err)
				return
			}
			r.Close()
		})
	}
	group.Wait()
	q, h := s.Queue(t), &heard{store: s.Store}
	before := s.Execute(t, 2, "{}", nil)
	listen(t, q, h)
	h.await(t, before)
	h.await(t, append(before, s.Execute(t, 20, "{}", nil)...))
}

// TestToldAtOnce wants jobs that a runner can have without River's leader, who would look at them once in five seconds.
func TestToldAtOnce(t *testing.T) {
	t.Parallel()
	s := runnertest.New(t, runnertest.Postgres(t))
	s.Queue(t)
	s.Execute(t, 3, "{}", nil)
	conn, err := pgx.Connect(t.Context(), strings.Replace(s.DSN, "&pool_max_conns=8", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var there int
	if err := conn.QueryRow(t.Context(), "select count(*) from river_job where state = 'available'").Scan(&there); err != nil || there != 3 {
		t.Errorf("%v: %d jobs are there of 3", err, there)
	}
}

func TestRiverNeedsPostgres(t *testing.T) {
	t.Parallel()
	if _, err := queue.OpenRiver(t.Context(), "postgres://nobody@127.0.0.1:1/x", queue.RiverConfig{}); err == nil {
		t.Error("a server that is not there was opened")
	}
	s := runnertest.New(t, runnertest.SQLite(t))
	err := s.Store.InTx(t.Context(), func(q db.Querier) error { return new(queue.River).Dispatch(t.Context(), q, nil) })
	if err == nil {
		t.Error("SQLite has no queue of River's")
	}
}
