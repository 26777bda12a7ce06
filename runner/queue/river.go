package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// RiverConfig says how River is used. A zero is the default.
type RiverConfig struct {
	// Queues are those that are worked on, by this process. Default none: it only inserts.
	Queues []string
	// Workers are how many attempts are asked for at once: more than a runner has slots. Default 100.
	Workers int
	// Cooldown is how long River waits between two looks, and between telling of two jobs. Default 2ms; with River's own, 100ms, a runner of 100 slots begins
	// 1,000 attempts a second at most.
	Cooldown time.Duration
	// Keep is for how long jobs that were done are kept, for whoever looks at the queue. Default one hour.
	Keep time.Duration
	// Guest says that the tables are others' to make, as it is for runners, whose roles may not: opening fails where they are of another version.
	Guest bool
	// Logger is told what River has to say. Default none.
	Logger *slog.Logger
}

// River tells the runners of all processes, by River's tables in the PostgreSQL of the store: a job for each attempt, made by the transaction that makes the attempt. A job is done when
// a runner has claimed its attempt; from then on the attempt's lease says whether it is alive.
type River struct {
	config RiverConfig
	pool   *pgxpool.Pool
	// pooled says that a pooler stands before the server, so that jobs are looked for and nobody tells of them.
	pooled bool
	insert *river.Client[pgx.Tx]
}

// job is what River keeps of an attempt.
type job struct {
	Attempt uuid.UUID `json:"attempt"`
	// Execution and Number are for people who look at the queue.
	Execution uuid.UUID `json:"execution"`
	Number    int64     `json:"number"`
}

// Kind implements river.JobArgs.
func (job) Kind() string { return "attempt" }

const (
	// lockOfMigrations is the number of the lock under which River's tables are made.
	lockOfMigrations = 0x6661697277617910
	// lockOfAgain is that of the lock under which jobs are looked for that were lost.
	lockOfAgain = 0x6661697277617911
)

// OpenRiver connects to the PostgreSQL of a store and brings River's tables up to date there, alone among all processes that try. Close it.
func OpenRiver(ctx context.Context, dsn string, c RiverConfig) (_ *River, err error) {
	if c.Workers <= 0 {
		c.Workers = 100
	}
	if c.Cooldown <= 0 {
		c.Cooldown = 2 * time.Millisecond
	}
	if c.Keep <= 0 {
		c.Keep = time.Hour
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	// Over these connections River looks for jobs and says that they are done; jobs are made over those of the store. Nothing is waited for here until it is on the disk:
	// if PostgreSQL dies and forgets that a job was taken or done, it is taken again, and its attempt has been claimed.
	pool, pooled, err := queries.Connect(ctx, dsn, map[string]string{"synchronous_commit": "off"})
	if err != nil {
		return nil, fmt.Errorf("the queue: %w", err)
	}
	defer func() {
		if err != nil {
			pool.Close()
		}
	}()
	if err := schema(ctx, pool, c); err != nil {
		return nil, fmt.Errorf("the queue's tables: %w", err)
	}
	// A job that is made within the cooldown after another one is told to nobody, so with River's own, 100ms, it would wait for a look, a second.
	insert, err := river.NewClient(riverpgxv5.New(pool), &river.Config{FetchCooldown: c.Cooldown, Logger: c.Logger})
	if err != nil {
		return nil, fmt.Errorf("the queue: %w", err)
	}
	return &River{config: c, pool: pool, pooled: pooled, insert: insert}, nil
}

// schema has River's tables be those of this version, or says that they are not.
func schema(ctx context.Context, pool *pgxpool.Pool, c RiverConfig) error {
	if !c.Guest {
		return migrate(ctx, pool, c.Logger)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: c.Logger})
	if err != nil {
		return err
	}
	is, err := migrator.Validate(ctx, nil)
	if err != nil {
		return err
	}
	if !is.OK {
		return fmt.Errorf("they are not those of this version, which a gateway of it makes: %s", strings.Join(is.Messages, ", "))
	}
	return nil
}

func migrate(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	unlock, err := queries.Lock(ctx, pool, lockOfMigrations)
	if err != nil {
		return err
	}
	defer unlock()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: log})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// For is the queue as a runner listens to it: to some queues, of which it asks for so many attempts at once. It has the same connections.
func (r *River) For(queues []string, workers int) *River {
	of := *r
	of.config.Queues, of.config.Workers = queues, workers
	return &of
}

// Close ends the connections.
func (r *River) Close() { r.pool.Close() }

// Dispatch implements queries.Dispatch.
func (r *River) Dispatch(ctx context.Context, q db.Querier, ready []queries.Ready) error {
	tx, ok := queries.Postgres(q)
	if !ok {
		return errors.New("the queue is in PostgreSQL, and the store is not")
	}
	return r.put(ctx, tx, ready)
}

// clocksDiffer is by how much the store's clock may be ahead of the process's: what may be taken by the former is not to wait for the latter.
const clocksDiffer = 500 * time.Millisecond

// put makes jobs.
func (r *River) put(ctx context.Context, tx pgx.Tx, ready []queries.Ready) error {
	if len(ready) == 0 {
		return nil
	}
	jobs, now := make([]river.InsertManyParams, len(ready)), time.Now()
	for i, a := range ready {
		o := &river.InsertOpts{Queue: a.Queue, Priority: priority(a.Priority)}
		if a.Available.Sub(now) > clocksDiffer {
			o.ScheduledAt = a.Available // a job with a time, whichever, waits until River's leader has looked at the times, once in five seconds
		}
		jobs[i] = river.InsertManyParams{Args: job{Attempt: a.Attempt, Execution: a.Execution, Number: a.Number}, InsertOpts: o}
	}
	var err error
	if len(jobs) == 1 { // one statement; many are copied, which is three
		_, err = r.insert.InsertTx(ctx, tx, jobs[0].Args, jobs[0].InsertOpts)
	} else {
		_, err = r.insert.InsertManyFastTx(ctx, tx, jobs)
	}
	return err
}

// Again makes jobs of attempts that have none: theirs were lost, or rescued too often.
func (r *River) Again(ctx context.Context, waiting []queries.Ready) error {
	ids := make([]string, len(waiting))
	for i, a := range waiting {
		ids[i] = a.Attempt.String()
	}
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		// One process at a time, so that nobody makes two.
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(lockOfAgain)); err != nil {
			return err
		}
		found, err := tx.Query(ctx, `select args->>'attempt' from river_job
			where kind = $1 and state in ('available', 'pending', 'retryable', 'running', 'scheduled') and args->>'attempt' = any($2)`, job{}.Kind(), ids)
		if err != nil {
			return err
		}
		have, err := pgx.CollectRows(found, pgx.RowTo[string])
		if err != nil {
			return err
		}
		lost := slices.DeleteFunc(slices.Clone(waiting), func(a queries.Ready) bool { return slices.Contains(have, a.Attempt.String()) })
		return r.put(ctx, tx, lost)
	})
}

// priority is River's, of which there are four and the lowest number is the highest.
func priority(of int64) int {
	switch {
	case of > 0:
		return 1
	case of == 0:
		return 2
	}
	return 3
}

// Listen implements runner.Queue.
func (r *River) Listen(ctx context.Context, take func(context.Context, []uuid.UUID) error) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{take: take}); err != nil {
		return fmt.Errorf("the queue: %w", err)
	}
	queues := make(map[string]river.QueueConfig, len(r.config.Queues))
	for _, name := range r.config.Queues {
		queues[name] = river.QueueConfig{MaxWorkers: r.config.Workers}
	}
	client, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{
		Queues: queues, Workers: workers, Logger: r.config.Logger, PollOnly: r.pooled,
		FetchCooldown: r.config.Cooldown, CompletedJobRetentionPeriod: r.config.Keep,
		// A job waits for a slot, however long that takes; if its process dies, runners look for attempts themselves.
		JobTimeout: -1, RescueStuckJobsAfter: 24 * time.Hour,
	})
	if err != nil {
		return fmt.Errorf("the queue: %w", err)
	}
	// Jobs end with ctx, and River after them.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("the queue: %w", err)
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := client.StopAndCancel(stop); err != nil {
		return fmt.Errorf("the queue did not end: %w", err)
	}
	return nil
}

// stopWithin is how long River may take to end.
const stopWithin = 30 * time.Second

// worker hands attempts to a runner.
type worker struct {
	river.WorkerDefaults[job]
	take func(context.Context, []uuid.UUID) error
}

// Work implements river.Worker: it has done its work when the attempt is claimed.
func (w *worker) Work(ctx context.Context, j *river.Job[job]) error {
	return w.take(ctx, []uuid.UUID{j.Args.Attempt})
}

// NextRetry implements river.Worker: what could not be claimed since the store did not answer is tried soon.
func (w *worker) NextRetry(*river.Job[job]) time.Time { return time.Now().Add(time.Second) }
