package fairway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
)

const (
	// storeTimeout is how long opening the store may take, with its migrations. storePatience is for how long a configuration
	// that is started waits for it; then it goes on without.
	storeTimeout  = 10 * time.Minute
	storePatience = 10 * time.Second
	// storeRetry is how long after a failure the store is not tried again.
	storeRetry = time.Second
	// pingTimeout is for one ping, pingEvery how long its result is told again.
	pingTimeout = 2 * time.Second
	pingEvery   = time.Second
	// closePatience is how long a reload waits for what still uses a store that nobody needs any more.
	closePatience = time.Second
)

// errClosed is told to who still holds the store of a configuration that is gone.
var errClosed = errors.New("the store is closed")

// store opens the store when it is first needed, and again as long as that fails. It outlives a reload.
type store struct {
	dsn string
	log *slog.Logger
	// guest: the schema is others' to change.
	guest bool
	// dispatches: this process makes executions.
	dispatches atomic.Bool

	background context.Context //nolint:containedctx // what is opened is not the caller's who wants it first
	stop       context.CancelFunc
	opening    sync.WaitGroup
	metrics    *observe.DatabaseMetrics
	executions *observe.ExecutionMetrics

	mu      sync.Mutex
	closed  bool
	attempt *attempt // the last one; nil: none yet
	keep    queries.Retention

	queueing sync.Mutex
	queue    dispatcher // nil: nobody needed it

	pinging sync.Mutex
	pinged  time.Time // when health was found
	health  error
}

// attempt is one opening.
type attempt struct {
	done   chan struct{} // closed when it is over
	store  *queries.Store
	err    error
	failed time.Time
}

func newStore(dsn string, guest bool, metrics *observe.Metrics, log *slog.Logger) *store {
	s := &store{dsn: dsn, guest: guest, keep: queries.DefaultRetention(), log: log.With(slog.String("database", storeName))}
	s.background, s.stop = context.WithCancel(context.Background())
	s.metrics = metrics.Database(storeName, s.stats)
	s.executions = metrics.Executions(queries.Statuses(), queries.Outcomes())
	return s
}

// get gives the store, which is opened when nobody has yet.
func (s *store) get(ctx context.Context) (*queries.Store, error) {
	a, err := s.current() //nolint:contextcheck // see background
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		return a.store, a.err
	case <-ctx.Done():
		return nil, &queries.UnavailableError{Err: fmt.Errorf("it is being opened: %w", ctx.Err())}
	}
}

// current gives the attempt that counts, which may be a new one.
func (s *store) current() (*attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.attempt != nil {
		select {
		case <-s.attempt.done:
			if s.attempt.err == nil || time.Since(s.attempt.failed) < storeRetry {
				return s.attempt, nil
			}
		default:
			return s.attempt, nil
		}
	}
	a := &attempt{done: make(chan struct{})}
	s.attempt = a
	s.opening.Go(func() {
		defer close(a.done)
		a.store, a.err = s.open()
		a.failed = time.Now()
	})
	return a, nil
}

func (s *store) open() (*queries.Store, error) {
	ctx, cancel := context.WithTimeout(s.background, storeTimeout)
	defer cancel()
	s.mu.Lock()
	keep := s.keep
	s.mu.Unlock()
	return queries.Open(ctx, queries.Config{DSN: s.dsn, Logger: s.log, Retention: &keep, Guest: s.guest, Observer: s.executions})
}

// stats is for metrics; a store that is not open has no connections.
func (s *store) stats() observe.PoolStats {
	s.mu.Lock()
	a := s.attempt
	s.mu.Unlock()
	if a == nil {
		return observe.PoolStats{}
	}
	select {
	case <-a.done:
	default:
		return observe.PoolStats{}
	}
	if a.store == nil {
		return observe.PoolStats{}
	}
	return observe.PoolStats(a.store.Stats())
}

// Destruct closes the store.
func (s *store) Destruct() error {
	defer s.metrics.Close()
	defer s.executions.Close()
	s.mu.Lock()
	s.closed = true
	a := s.attempt
	s.mu.Unlock()
	s.stop()
	s.opening.Wait()
	s.queueing.Lock()
	if s.queue != nil {
		s.queue.close()
	}
	s.queueing.Unlock()
	if a == nil || a.store == nil {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.store.Close()
	}()
	select {
	case <-ended:
	case <-time.After(closePatience):
	}
	return nil
}

// start opens the store, and fails where trying again would not help.
func (s *store) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	_, err := s.get(ctx)
	if _, ok := errors.AsType[*queries.UnavailableError](err); ok {
		s.log.WarnContext(ctx, "the store is not open yet", slog.Any("error", err))
		return nil
	}
	if err != nil {
		return fmt.Errorf("database %s: %w", storeName, err)
	}
	return nil
}

// ping says whether the store answers; who asks often is told what was found lately.
func (s *store) ping(ctx context.Context) error {
	s.pinging.Lock()
	defer s.pinging.Unlock()
	if time.Since(s.pinged) < pingEvery {
		return s.health
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	was := s.health
	open, err := s.get(ctx)
	if err == nil {
		err = open.Ping(ctx)
	}
	s.health, s.pinged = err, time.Now()
	switch {
	case was == nil && err != nil:
		s.log.WarnContext(ctx, "the database does not answer", slog.Any("error", err))
	case was != nil && err == nil:
		s.log.InfoContext(ctx, "the database answers again")
	}
	return err
}

// useStore finds or makes the store of this configuration. Nothing is connected.
func (a *App) useStore() error {
	if a.store != nil {
		return nil
	}
	d, dsn, err := a.storeAddress()
	if err != nil {
		return err
	}
	if d.DSN != "" && d.ofDefault() {
		a.ctx.Slogger().Warn("the variable of the store's address is not set: it is a file of this machine", slog.String("database", d.DSN), slog.String("file", dsn))
	}
	if a.Secret == "" && queries.IsPostgres(dsn) && !a.alone() {
		return errNoSecret()
	}
	v, err := a.take("store "+dsn, func() (caddy.Destructor, error) {
		if err := d.makeFolder(dsn); err != nil {
			return nil, err
		}
		return newStore(dsn, a.alone(), a.process.metrics, a.ctx.Slogger()), nil
	})
	if err != nil {
		return err
	}
	a.store = v.(*store)
	if err := a.usePurges(); err != nil {
		return err
	}
	return a.useRefusals()
}

// storeAddress says what the store of this configuration is, and where.
func (a *App) storeAddress() (d Database, dsn string, err error) {
	if i := slices.IndexFunc(a.Databases, func(d Database) bool { return d.Name == "" }); i >= 0 {
		d = a.Databases[i]
	}
	if dsn, err = d.resolve(); err == nil {
		err = d.checkResolved(dsn)
	}
	if err != nil {
		return d, "", fmt.Errorf("database %s: %w", storeName, err)
	}
	return d, dsn, nil
}

// makeFolder makes the folder of the default.
func (d *Database) makeFolder(dsn string) error {
	if !d.ofDefault() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(strings.TrimPrefix(dsn, "sqlite:")), 0o700); err != nil {
		return fmt.Errorf("the folder of the store: %w", err)
	}
	return nil
}

// Sessions gives the store of sessions to a module that is being provisioned; that one asks is why this configuration has a
// store: what the nameless database is, by default the file fairway.db. Nothing is connected before App.Start or the first
// call. Where it does not answer, calls fail and are tried anew, and /ready says so.
func (a *App) Sessions() (session.Store, error) {
	if err := a.useStore(); err != nil {
		return nil, err
	}
	return sessions{a.store}, nil
}

// sessions is the store as package session wants it.
type sessions struct{ *store }

// Session implements session.Store.
func (s sessions) Session(ctx context.Context, index []byte) (session.Record, bool, error) {
	open, err := s.get(ctx)
	if err != nil {
		return session.Record{}, false, err
	}
	got, ok, err := open.Session(ctx, index)
	return session.Record{Version: session.Version(got.Version), Sealed: got.Sealed, Expires: got.Expires}, ok, err
}

// ReplaceSession implements session.Store.
func (s sessions) ReplaceSession(ctx context.Context, index []byte, old session.Version, next session.Record) (bool, error) {
	open, err := s.get(ctx)
	if err != nil {
		return false, err
	}
	return open.ReplaceSession(ctx, index, queries.Version(old), queries.Session{Version: queries.Version(next.Version), Sealed: next.Sealed, Expires: next.Expires})
}

// DeleteSession implements session.Store.
func (s sessions) DeleteSession(ctx context.Context, index []byte, old session.Version) error {
	open, err := s.get(ctx)
	if err != nil {
		return err
	}
	return open.DeleteSession(ctx, index, queries.Version(old))
}

// Lease implements session.Store.
func (s sessions) Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error) {
	open, err := s.get(ctx)
	if err != nil {
		return false, err
	}
	_, ok, err := open.Lease(ctx, name, holder, d)
	return ok, err
}

// Release implements session.Store.
func (s sessions) Release(ctx context.Context, name, holder string) error {
	open, err := s.get(ctx)
	if err != nil {
		return err
	}
	return open.Release(ctx, name, holder)
}

// Interface guards.
var (
	_ session.Store    = sessions{}
	_ queries.Observer = (*observe.ExecutionMetrics)(nil)
	_ runner.Observer  = (*observe.ExecutionMetrics)(nil)
	_ observe.Slots    = (*runners)(nil)
)
