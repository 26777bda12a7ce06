// Package runner takes attempts at executions from the store, has an executor run them, and says what became of them.
//
// The store is the truth about an execution. A runner holds an attempt under a lease, which it renews, and names its fence
// in everything that it writes: what another one has taken meanwhile it can change no more. It writes to the store alone; mail and
// events leave from gateways. Scripts see neither the store nor the runner, but a token for their own attempt.
package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// Queue tells of attempts that wait.
type Queue interface {
	// Listen calls take with attempts that wait, or with none where it does not know which: then there may be some in one of
	// the queues. It ends with ctx, and not before its calls have returned. take returns when the runner has the attempts, or has no business with them; an error says
	// that it could not ask, and is to be told of them again.
	Listen(ctx context.Context, take func(ctx context.Context, attempts []uuid.UUID) error) error
}

// Config is what a runner needs. A zero is the default.
type Config struct {
	// ID is the runner's, the same after it was started anew: what it left is found by it. Required.
	ID uuid.UUID
	// Name and Host, and Version of the program, are for people who look at runners. Default the id, and nothing.
	Name, Host, Version string
	// Store and Executor, Blobs and Queue are the caller's, who closes them after the runner has ended. Required.
	Store    *queries.Store
	Executor executor.Executor
	Blobs    *blobs.Blobs
	Queue    Queue
	// Queues are those whose executions it takes: its labels, of the first one first. Default "default".
	Queues []string
	// Slots are how many executions it runs at once. Default 4.
	Slots int
	// Lease is for how long an attempt is its own after it was heard of. Default one minute.
	Lease time.Duration
	// Poll is how often it looks for what it was not told of, and whether something is to be cancelled. Default 1s.
	Poll time.Duration
	// Limits are those of admission.
	Limits queries.Limits
	// Guest says that others admit executions and end attempts whose runners are gone, as it is for a runner whose role may do neither.
	Guest bool
	// Bounds are how much of everything an attempt may have where its script asks for more or says nothing.
	Bounds executor.Limits
	// APIURL is told to scripts, by executors that let them reach it. Default none.
	APIURL string
	// Secrets are left out of logs. Default none.
	Secrets []string
	// Results is how long results may be that are kept in the store, in bytes; longer ones become blobs. Default 64 KiB.
	Results int64
	// Observer is told what it does. Default nobody.
	Observer Observer
	// Tracer makes a span of each attempt. Default none.
	Tracer trace.Tracer
	// Logger is told of what fails. Default none.
	Logger *slog.Logger
}

// Observer is told what a runner does. It is called concurrently, and must not wait.
type Observer interface {
	// Started tells how long after it was asked for an execution was started for the first time.
	Started(waited time.Duration)
	// LeaseLost tells that an attempt was given up since it is somebody else's, or has ended.
	LeaseLost()
	// Built tells that a version of a script was made ready, or cannot be.
	Built(ok bool)
}

// nobody is who is told where nobody is.
type nobody struct{}

func (nobody) Started(time.Duration) {}
func (nobody) LeaseLost()            {}
func (nobody) Built(bool)            {}

func (c Config) complete() (Config, error) {
	if c.ID == uuid.Nil || c.Store == nil || c.Executor == nil || c.Blobs == nil || c.Queue == nil {
		return c, errors.New("a runner needs an id, a store, an executor, a place for blobs, and a queue")
	}
	if c.Name == "" {
		c.Name = c.ID.String()
	}
	if len(c.Queues) == 0 {
		c.Queues = []string{queries.DefaultQueue}
	}
	if c.Slots <= 0 {
		c.Slots = 4
	}
	if c.Lease <= 0 {
		c.Lease = queries.DefaultLease
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.Results <= 0 {
		c.Results = 64 << 10
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Runner runs executions.
type Runner struct {
	Config
	claims   *batcher[uuid.UUID, *attempt]
	starts   *batcher[queries.StartRequest, queries.Verdict]
	finishes *batcher[queries.FinishRequest, queries.Finished]
	free     chan struct{} // as many as there are free slots
	news     chan struct{} // there may be something that waits
	ended    chan struct{} // an execution has ended, and another may be admitted
	uploads  chan struct{} // there may be something that is to be built
	leave    chan struct{} // closed: what runs is not waited for
	leaving  sync.Once
	running  sync.WaitGroup
	// forgetting is what removes what could not be removed at once.
	forgetting sync.WaitGroup
	wanting    atomic.Int64    // how many that were told of an attempt wait for a slot
	draining   atomic.Bool     // somebody wished that it takes nothing more
	work       context.Context // of what runs: it ends when the runner has drained //nolint:containedctx // the same
	calls      context.Context // of what is asked of the store together: nobody's end is an end for the others //nolint:containedctx // batches outlive who asks

	mu   sync.Mutex
	held map[uuid.UUID]*attempt

	// claiming is held, for reading, from a claim until what was claimed is in held; doubt says that the store did not answer one.
	claiming sync.RWMutex
	doubt    atomic.Bool

	// secret is what tokens of attempts are made of; prepared are versions of scripts that the executor has made ready.
	secret   [32]byte
	prepared sync.Map
}

// storeCalls is how many transactions of a kind a runner makes at once: where they are made one after the other, a second one would only have either do half as much.
func storeCalls(s *queries.Store) int {
	if s.OneWriter() {
		return 1
	}
	return 2
}

// New makes a runner, which does nothing until it is run.
func New(c Config) (*Runner, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	r := &Runner{
		Config: c,
		free:   make(chan struct{}, c.Slots), news: make(chan struct{}, 1), ended: make(chan struct{}, 1), uploads: make(chan struct{}, 1), leave: make(chan struct{}),
		held: make(map[uuid.UUID]*attempt),
	}
	_, _ = rand.Read(r.secret[:]) // never fails
	for range c.Slots {
		r.free <- struct{}{}
	}
	calls := storeCalls(c.Store)
	r.claims = &batcher[uuid.UUID, *attempt]{most: calls, do: r.claimFor}
	r.starts = &batcher[queries.StartRequest, queries.Verdict]{most: calls, do: func(ctx context.Context, all []queries.StartRequest) ([]queries.Verdict, error) {
		return r.Store.Start(ctx, all, r.Lease)
	}}
	r.finishes = &batcher[queries.FinishRequest, queries.Finished]{most: calls, do: r.Store.Finish}
	return r, nil
}

// Run takes up what the runner left when it ended the last time, and then takes and runs executions until ctx ends. What runs then goes on for at most drain, and after that
// without the runner: the executor keeps it, and whoever is the runner next takes it up, if it comes within the lease. Run returns when nothing of the runner is left.
func (r *Runner) Run(ctx context.Context, drain time.Duration) error {
	// Attempts outlive ctx, by drain.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCalls()
	r.work, r.calls = work, calls
	if err := r.adopt(ctx); err != nil {
		return err
	}
	var own sync.WaitGroup
	beat, stopBeat := context.WithCancel(work)
	defer stopBeat()
	own.Go(func() { r.beat(beat) })
	own.Go(func() { r.watch(beat) })
	if !r.Guest {
		own.Go(func() { r.admit(beat) })
	}
	var taking sync.WaitGroup
	taking.Go(func() { r.poll(ctx) })
	taking.Go(func() { r.hear(ctx) })
	taking.Go(func() { r.build(ctx) })
	err := r.Queue.Listen(ctx, func(told context.Context, attempts []uuid.UUID) error { return r.take(ctx, told, attempts) })
	taking.Wait()
	r.drained(drain)
	stop(errDetached)
	r.running.Wait()
	r.forgetting.Wait()
	stopBeat()
	own.Wait()
	if _, endErr := r.Store.EndRunner(calls, r.ID); endErr != nil {
		r.Logger.WarnContext(calls, "the store could not be told that this runner has ended", slog.Any("error", endErr))
	}
	r.claims.close()
	r.starts.close()
	r.finishes.close()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// errDetached ends what the runner does for attempts that go on without it.
var errDetached = errors.New("the runner ends")

// drained waits until nothing of the runner runs, or as long as it may. Nothing is begun meanwhile.
func (r *Runner) drained(most time.Duration) {
	nothing := make(chan struct{})
	go func() { // ends when Run does, which waits for the same
		r.running.Wait()
		close(nothing)
	}()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-nothing:
	case <-timer.C:
	case <-r.leave:
	}
}

// Leave has Run, whose context has ended or will, not wait for what runs: it goes on without the runner, for whoever is the runner next. It may be called at any time, and again.
func (r *Runner) Leave() { r.leaving.Do(func() { close(r.leave) }) }

// Draining says whether somebody wished that it takes nothing more.
func (r *Runner) Draining() bool { return r.draining.Load() }

// Held is how many attempts it holds.
func (r *Runner) Held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held)
}

// Busy is how many of its slots are in use.
func (r *Runner) Busy() int { return cap(r.free) - len(r.free) }

// Look has the runner look at once for what waits.
func (r *Runner) Look() { wake(r.news) }

// wake wakes whoever waits, or the next who will.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
