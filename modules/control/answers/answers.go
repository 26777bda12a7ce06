// Package answers keeps the answers of services that take longer than their callers wait. Each is an execution, whose attempt is held
// by the gateway that makes the answer, under a lease: when that gateway is not heard of any more, the attempt is lost, and another one makes
// the answer again where that does no harm. What was made is the store's, or a blob's where it is long, until it has been kept for long enough.
package answers

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// Config is what a Keeper needs. A zero is the default.
type Config struct {
	// Store gives the store, or the error of why it is not open. Required.
	Store func(context.Context) (*queries.Store, error)
	// Blobs gives the place of long bodies. Required.
	Blobs func(context.Context) (*blobs.Blobs, error)
	// Keys gives keys of 32 bytes for a purpose, of which the first seals and all open. All gateways of the store have the same. Required.
	Keys func(purpose string) ([][]byte, error)
	// Lease is for how long an answer is this gateway's after it was heard of. Default 30s.
	Lease time.Duration
	// Drain is for how long answers are still made when the gateway ends. Default: none is.
	Drain time.Duration
	// Every is how often it is looked for what may have been missed. Default 5s.
	Every time.Duration
	// Logger is told of what fails. Default none.
	Logger *slog.Logger
}

const (
	// DefaultLease is for how long an answer is a gateway's after it was heard of.
	DefaultLease = 30 * time.Second
	// mostKept is how long a body is that the store keeps, in bytes; longer ones become blobs.
	mostKept = 64 << 10
	// keepNothing is for how long it is told of an answer that was never made.
	keepNothing = 24 * time.Hour
	// purpose is what the keys are for.
	purpose = "long answers"
	// fullRetry is after what time somebody is told to come back for whom there is no room.
	fullRetry = 10 * time.Second
	// endTries is for how long an end is tried to be written; then the lease is over.
	endTries = time.Minute
	// leaveTimeout is how long the ends of what is given up may take.
	leaveTimeout = 10 * time.Second
)

// Why the context of a run ends.
var (
	errCancelled = errors.New("the execution was cancelled")     //nolint:gochecknoglobals // a sentinel
	errTaken     = errors.New("somebody else has the execution") //nolint:gochecknoglobals // a sentinel
	errLeft      = errors.New("the gateway ends")                //nolint:gochecknoglobals // a sentinel
)

// Service is one whose answers may be made again.
type Service interface {
	// LongRoutes are its routes, and how many of each may be made at once.
	LongRoutes() map[string]int
	// AskAgain makes an answer again, and ends the run. False: it cannot.
	AskAgain(route string, asked []byte, run wrap.LongRun) bool
}

// Keeper has the long answers of a gateway. It is used concurrently.
type Keeper struct {
	cfg  Config
	id   uuid.UUID
	keys keyring

	background context.Context //nolint:containedctx // answers are nobody's request any more
	stop       context.CancelFunc
	done       sync.WaitGroup

	mu       sync.Mutex
	runs     map[uuid.UUID]*run // by attempt
	counts   map[string]int     // by route, and by route and caller
	empty    chan struct{}      // closed when there is no run; nil: nobody asks
	leaving  bool
	started  bool
	changed  chan struct{}
	services func() map[string][]Service
	wake     chan struct{}
}

// New makes a keeper. Close it.
func New(cfg Config) *Keeper {
	cfg.Lease, cfg.Every = cmp.Or(cfg.Lease, DefaultLease), cmp.Or(cfg.Every, 5*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	k := &Keeper{
		cfg: cfg, id: uuid.New(), runs: map[uuid.UUID]*run{}, counts: map[string]int{}, changed: make(chan struct{}), wake: make(chan struct{}, 1),
		services: func() map[string][]Service { return nil },
	}
	k.background, k.stop = context.WithCancel(context.Background())
	return k
}

// Serve begins what the keeper does in the background, and says of which services answers may be made again, by their names; the last
// call counts.
func (k *Keeper) Serve(services func() map[string][]Service) {
	k.mu.Lock()
	k.services = services
	if !k.started && !k.leaving {
		k.started = true
		k.done.Go(func() { k.keep(k.background) })
	}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Close gives what is made the time to be ended, and then gives it up: others make it again where that does no harm.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.leaving = true
	empty := make(chan struct{})
	if k.empty = empty; len(k.runs) == 0 {
		close(empty)
		k.empty = nil
	}
	k.mu.Unlock()
	if !within(empty, k.cfg.Drain) {
		k.mu.Lock()
		for _, r := range k.runs {
			r.cancel(errLeft)
		}
		k.mu.Unlock()
		if !within(empty, leaveTimeout) {
			k.cfg.Logger.Warn("answers that take long could not be given up in time; they are found to be lost later")
		}
	}
	k.stop()
	k.done.Wait()
}

// within waits for something for a time.
func within(done <-chan struct{}, d time.Duration) bool {
	select { // it may be so already
	case <-done:
		return true
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// Begin implements wrap.Executions.
func (k *Keeper) Begin(ctx context.Context, l wrap.LongRequest) (wrap.LongRun, *problem.Problem) {
	route := queries.GatewayQueue(l.Service, l.Route)
	caller := route + "\x00" + l.Counted
	if p := k.take(route, l.AtOnce, caller, l.PerCaller); p != nil {
		return nil, p
	}
	r, err := k.begin(ctx, l)
	if err != nil {
		k.give(route, caller)
		if ctx.Err() == nil || k.background.Err() == nil {
			k.cfg.Logger.WarnContext(ctx, "an answer that takes long cannot become an execution", slog.Any("error", err))
		}
		return nil, away(err)
	}
	r.counted = []string{route, caller}
	k.add(r)
	return r, nil
}

func (k *Keeper) begin(ctx context.Context, l wrap.LongRequest) (*run, error) {
	store, err := k.cfg.Store(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := k.keys.get(k.cfg.Keys)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	n := queries.NewLongAnswer{
		ID: id, Service: l.Service, Route: l.Route, Params: l.Params, Caller: keys.caller(l.Caller), Attempts: l.Attempts, Timeout: l.Timeout,
		Gateway: k.id, Lease: k.cfg.Lease,
	}
	r := &run{keeper: k, store: store}
	if l.Secret {
		r.token = newToken()
		n.TokenHash = tokenHash(r.token)
	}
	if l.User != nil {
		if user, err := uuid.Parse(l.User.ID); err == nil {
			n.User = &user
		}
		n.At = l.At(id.String())
	}
	if l.Again != nil {
		if n.Request, err = keys.seal(l.Again, id[:]); err != nil {
			return nil, err
		}
	}
	if r.holder, err = store.BeginLongAnswer(ctx, n); err != nil {
		return nil, err
	}
	return r, nil
}

// take counts one that begins, if there is room.
func (k *Keeper) take(route string, atOnce int, caller string, perCaller int) *problem.Problem {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.leaving:
		return away(errLeft)
	case k.counts[caller] >= perCaller:
		return &problem.Problem{Code: problem.RateLimited, Status: http.StatusTooManyRequests, Detail: "As many long answers of yours are being made as may be at once.", RetryAfter: fullRetry}
	case k.counts[route] >= atOnce:
		return &problem.Problem{Code: problem.Busy, Status: http.StatusServiceUnavailable, Detail: "As many long answers are being made as may be at once.", RetryAfter: fullRetry}
	}
	k.counts[route]++
	k.counts[caller]++
	return nil
}

func (k *Keeper) give(names ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.giveLocked(names...)
}

func (k *Keeper) giveLocked(names ...string) {
	for _, n := range names {
		if k.counts[n]--; k.counts[n] <= 0 {
			delete(k.counts, n)
		}
	}
}

// add has a run be looked after until it has ended.
func (k *Keeper) add(r *run) {
	r.ctx, r.cancel = context.WithCancelCause(k.background)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs[r.holder.Attempt] = r
	if k.leaving { // it came while the keeper was closed
		r.cancel(errLeft)
	}
}

func (k *Keeper) remove(r *run) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.runs, r.holder.Attempt)
	k.giveLocked(r.counted...)
	if len(k.runs) == 0 && k.empty != nil {
		close(k.empty)
		k.empty = nil
	}
}

// Changed implements wrap.Executions.
func (k *Keeper) Changed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changed
}

func (k *Keeper) tell() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.changed)
	k.changed = make(chan struct{})
}

// away is what is told where the store cannot be reached.
func away(err error) *problem.Problem {
	return &problem.Problem{
		Code: problem.StoreUnavailable, Status: http.StatusServiceUnavailable, Detail: "The store of executions does not answer.", RetryAfter: 2 * time.Second, Cause: err,
	}
}

var _ wrap.Executions = (*Keeper)(nil)
