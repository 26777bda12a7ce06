// Package sqlpool has the engines: pools of connections to SQLite and PostgreSQL, with a breaker, metrics and the budget for
// buffered bytes, as package upstream has them for HTTP.
package sqlpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// Settings of every pool.
const (
	connectTimeout  = 5 * time.Second
	breakerFailures = 5
	breakerOpen     = 30 * time.Second
	// pingTimeout is for one ping, pingEvery how long its result is told again.
	pingTimeout = 2 * time.Second
	pingEvery   = time.Second
	// closePatience is how long Close waits for connections to end in order. A server that does not answer is told for up to
	// fifteen seconds, behind its back.
	closePatience = time.Second
)

// Options are the parts of the process that a Pool uses. Each may be nil: then it has its own, or none.
type Options struct {
	Metrics *observe.Metrics
	Memory  *upstream.Memory
	Logger  *slog.Logger
}

// Pool is a database with its connections. It is used concurrently; close it when it is gone.
type Pool struct {
	cfg     Config
	dialect database.Dialect
	memory  *upstream.Memory
	metrics *observe.DatabaseMetrics
	log     *slog.Logger
	breaker *gobreaker.TwoStepCircuitBreaker[*database.Result]
	until   atomic.Int64 // when an open breaker lets a probe through, in nanoseconds since 1970

	pinging sync.Mutex
	pinged  time.Time // when health was found
	health  error

	mu     sync.Mutex
	engine engine // nil: nobody uses it
	users  int
	closed bool
}

// engine is the connections to a database.
type engine interface {
	// run runs a query once and tells out what it gives. Errors that are no *upstream.Failure are made one by fail.
	run(ctx context.Context, q *database.Query, out *teller) error
	// fail says what an error of run, or of ping, is.
	fail(err error) *upstream.Failure
	ping(ctx context.Context) error
	stats() observe.PoolStats
	close()
}

// Open makes a Pool. It connects nowhere: the first query does.
func Open(cfg Config, o Options) (*Pool, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if o.Metrics == nil {
		o.Metrics = observe.New()
	}
	if o.Memory == nil {
		o.Memory = upstream.NewMemory(0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Pool{cfg: cfg, dialect: Dialect(cfg.DSN), memory: o.Memory, log: o.Logger.With(slog.String("database", cfg.Name))}
	p.metrics = o.Metrics.Database(cfg.Name, p.stats)
	p.breaker = gobreaker.NewTwoStepCircuitBreaker[*database.Result](gobreaker.Settings{
		MaxRequests:   1,
		Timeout:       breakerOpen,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
		IsExcluded:    func(err error) bool { return blame(err) == nobody },
		IsSuccessful:  func(err error) bool { return blame(err) == caller },
		OnStateChange: func(_ string, _, to gobreaker.State) { p.changed(to) },
	})
	return p, nil
}

// Dialect is the language of the database.
func (p *Pool) Dialect() database.Dialect { return p.dialect }

// Breaker is closed, half-open or open.
func (p *Pool) Breaker() string { return p.breaker.State().String() }

// Close closes the connections when the queries that are under way have ended. A request that still holds the pool may use
// it: connections are then made for it, and closed when it has ended.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	e := p.idle()
	p.mu.Unlock()
	if e != nil {
		end(e)
	}
	p.metrics.Close()
}

func end(e engine) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.close()
	}()
	select {
	case <-ended:
	case <-time.After(closePatience):
	}
}

// idle takes away the engine of a closed pool that nobody uses.
func (p *Pool) idle() engine {
	if !p.closed || p.users > 0 {
		return nil
	}
	e := p.engine
	p.engine = nil
	return e
}

// use gives the engine, and what gives it back.
func (p *Pool) use() (engine, func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.engine == nil {
		e, err := newEngine(&p.cfg)
		if err != nil {
			return nil, nil, err
		}
		p.engine = e
	}
	p.users++
	return p.engine, p.leave, nil
}

func (p *Pool) leave() {
	p.mu.Lock()
	p.users--
	e := p.idle()
	p.mu.Unlock()
	if e != nil {
		end(e)
	}
}

func newEngine(cfg *Config) (engine, error) {
	if Dialect(cfg.DSN) == database.SQLite {
		return newSQLite(cfg)
	}
	return newPostgres(cfg)
}

func (p *Pool) stats() observe.PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.engine == nil {
		return observe.PoolStats{}
	}
	return p.engine.stats()
}

// Run runs a query within the deadline of ctx. The error is an *upstream.Failure.
func (p *Pool) Run(ctx context.Context, q *database.Query) (*database.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, ended(ctx, err)
	}
	done, err := p.breaker.Allow()
	if err != nil {
		wait := max(0, time.Until(time.Unix(0, p.until.Load())))
		return nil, &upstream.Failure{Kind: upstream.BreakerOpen, RetryAfter: wait, Err: err}
	}
	out := newTeller(q, p.memory)
	if f := p.once(ctx, q, out); f != nil {
		out.release()
		f.Attempts = 1
		done(f)
		return nil, f
	}
	done(nil)
	return database.NewResult(out.rows, out.release), nil
}

// once runs a query; a panic is a failure too.
func (p *Pool) once(ctx context.Context, q *database.Query, out *teller) (f *upstream.Failure) {
	defer func() {
		if v := recover(); v != nil {
			p.log.ErrorContext(ctx, "a query panicked", slog.String("type", fmt.Sprintf("%T", v)), slog.String("stack", string(debug.Stack())))
			f = &upstream.Failure{Kind: upstream.Defect, Err: fmt.Errorf("panic of type %T", v)}
		}
	}()
	e, leave, err := p.use() //nolint:contextcheck // what it opens is not the query's
	if err != nil {
		return &upstream.Failure{Kind: upstream.Unreachable, Err: err}
	}
	defer leave()
	err = e.run(ctx, q, out)
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*upstream.Failure](err); ok {
		return f
	}
	if ctx.Err() != nil {
		return ended(ctx, err)
	}
	return e.fail(err)
}

// ended is the failure of a query whose context is over.
func ended(ctx context.Context, err error) *upstream.Failure {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &upstream.Failure{Kind: upstream.Cancelled, Err: err}
	}
	return &upstream.Failure{Kind: upstream.Timeout, Err: err}
}

// blamed is who a failure tells something of.
type blamed int

const (
	engineer blamed = iota // the database fails
	caller                 // it works, and did not like the query
	nobody
)

// blame says what a failure means for the breaker: a query that is refused is a sign of health.
func blame(err error) blamed {
	if err == nil {
		return caller
	}
	f, ok := errors.AsType[*upstream.Failure](err)
	if !ok {
		return engineer
	}
	switch f.Kind {
	case upstream.Unreachable, upstream.Timeout, upstream.Cut:
		return engineer
	case upstream.MemorySpent, upstream.Cancelled, upstream.Defect, upstream.BreakerOpen:
		return nobody
	case upstream.TooLarge, upstream.Judged, upstream.Undecodable, upstream.Unusable, upstream.Status, upstream.Redirected,
		upstream.Empty, upstream.Login, upstream.Unsendable:
	}
	return caller
}

// changed is called under the breaker's lock and must not ask the breaker anything.
func (p *Pool) changed(to gobreaker.State) {
	state, level := observe.BreakerClosed, slog.LevelInfo
	p.until.Store(0)
	switch to {
	case gobreaker.StateOpen:
		state, level = observe.BreakerOpen, slog.LevelWarn
		p.until.Store(time.Now().Add(breakerOpen).UnixNano())
	case gobreaker.StateHalfOpen:
		state = observe.BreakerHalfOpen
	case gobreaker.StateClosed:
	}
	p.metrics.Change(state)
	p.log.LogAttrs(context.Background(), level, "breaker changed", slog.String("to", state.String()))
}

// Ping says whether the database answers; who asks often is told what was found lately. What it says of why it does not is
// for the log, where a change is written.
func (p *Pool) Ping(ctx context.Context) error {
	p.pinging.Lock()
	defer p.pinging.Unlock()
	if time.Since(p.pinged) < pingEvery {
		return p.health
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	was := p.health
	p.health = p.ping(ctx)
	p.pinged = time.Now()
	switch {
	case was == nil && p.health != nil:
		p.log.WarnContext(ctx, "the database does not answer", slog.Any("error", p.health))
	case was != nil && p.health == nil:
		p.log.InfoContext(ctx, "the database answers again")
	}
	return p.health
}

func (p *Pool) ping(ctx context.Context) error {
	e, leave, err := p.use() //nolint:contextcheck // as above
	if err != nil {
		return err
	}
	defer leave()
	if err := e.ping(ctx); err != nil {
		return fmt.Errorf("%w", e.fail(err))
	}
	return nil
}
