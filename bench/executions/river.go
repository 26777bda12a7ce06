package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/fairway-gateway/fairway/internal/pgtypes"
)

// args are those of a job of bare River.
type args struct {
	N int `json:"n"`
}

// Kind implements river.JobArgs.
func (args) Kind() string { return "bench" }

// sleeper does what an execution of drain does.
type sleeper struct {
	river.WorkerDefaults[args]
	sleep time.Duration
	left  atomic.Int64
	all   chan struct{}
	begun chan time.Time
}

// Work implements river.Worker.
func (w *sleeper) Work(ctx context.Context, _ *river.Job[args]) error {
	if w.begun != nil {
		w.begun <- time.Now()
		return nil
	}
	if w.sleep > 0 {
		if err := pause(ctx, w.sleep); err != nil {
			return err
		}
	}
	if w.left.Add(-1) == 0 {
		close(w.all)
	}
	return nil
}

// openRiver migrates a database and makes a client of it.
func openRiver(ctx context.Context, set settings, w *sleeper) (*river.Client[pgx.Tx], *pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(set.store)
	if err != nil {
		return nil, nil, err
	}
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgtypes.Register(conn.TypeMap())
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: set.slots}}, Workers: workers,
		FetchCooldown: 2 * time.Millisecond, Logger: log,
	})
	return client, pool, err
}

// bareRiver works off jobs that sleep.
func bareRiver(ctx context.Context, set settings) (Result, error) {
	w := &sleeper{sleep: set.sleep, all: make(chan struct{})}
	w.left.Store(int64(set.count))
	client, pool, err := openRiver(ctx, set, w)
	if err != nil {
		return Result{}, err
	}
	defer pool.Close()
	begun := time.Now()
	const batch = 500
	for n := set.count; n > 0; n -= batch {
		some := make([]river.InsertManyParams, min(n, batch))
		for i := range some {
			some[i] = river.InsertManyParams{Args: args{N: i}}
		}
		if _, err := client.InsertManyFast(ctx, some); err != nil {
			return Result{}, err
		}
	}
	out := Result{Made: perSecond(set.count, time.Since(begun))}
	begun = time.Now()
	if err := client.Start(ctx); err != nil {
		return Result{}, err
	}
	select {
	case <-w.all:
	case <-ctx.Done():
	}
	// The last ones are written when it stops.
	if err := client.Stop(ctx); err != nil {
		return Result{}, err
	}
	out.Done = perSecond(set.count, time.Since(begun))
	var done int
	if err := pool.QueryRow(ctx, "select count(*) from river_job where state = 'completed'").Scan(&done); err != nil {
		return Result{}, err
	}
	if done != set.count {
		return Result{}, fmt.Errorf("%d of %d are completed", done, set.count)
	}
	return out, nil
}

// start measures both parts of the yardstick of a first line: bare River from the insertion to its worker, and a process from its start to its first line.
func start(ctx context.Context, set settings) (Result, error) {
	w := &sleeper{begun: make(chan time.Time, 1)}
	client, pool, err := openRiver(ctx, set, w)
	if err != nil {
		return Result{}, err
	}
	defer pool.Close()
	if err := client.Start(ctx); err != nil {
		return Result{}, err
	}
	path := filepath.Join(set.directory, "main.sh")
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil { //nolint:gosec // it is a program
		return Result{}, err
	}
	var starts, processes []time.Duration
	for n := range set.count {
		begun := time.Now()
		if _, err := client.Insert(ctx, args{N: n}, nil); err != nil {
			return Result{}, err
		}
		starts = append(starts, (<-w.begun).Sub(begun))
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return Result{}, err
		}
		begun = time.Now()
		if err := says(ctx, path); err != nil {
			return Result{}, err
		}
		processes = append(processes, time.Since(begun))
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return Result{}, err
		}
	}
	return Result{Start: quantile(starts, 0.5), Process: quantile(processes, 0.5)}, client.Stop(ctx)
}

// says starts a program and waits for its first line.
func says(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return err
	}
	return cmd.Wait()
}
