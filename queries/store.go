// Package queries is the store: the database that all gateways and runners share. It has the migrations of the schema, the
// SQL for PostgreSQL and SQLite, and the code that sqlc makes of it, which is the same for both but for the engine.
//
//	sql/<engine>/*.sql     one statement for each thing that can be done
//	migrations/<engine>/   the schema, by goose, up and down
//	db/                    made by sqlc for PostgreSQL; its Querier is the interface of both
//	internal/lite/         made by sqlc for SQLite, and by internal/adapt as a db.Querier
//
// Times are the database's, since the clocks of gateways differ: statements ask it, and those of scripts and executions are told
// the time of a clock that is set by it. Who wins is decided by a single statement or a constraint, never by reading first.
package queries

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Config is where a store is, and how it behaves.
type Config struct {
	// DSN is sqlite:<path of a file>, which is made where there is none, or postgres://user:password@host:port/name?options
	// as libpq and pgxpool have them (pool_max_conns, sslmode, ...). It has no placeholders.
	DSN string
	// Sweep is how often what has expired long ago is deleted. Default one minute.
	Sweep time.Duration
	// Logger is told what is migrated, and what fails in the background. Default none.
	Logger *slog.Logger
	// Retention says for how long what is only ever added to is kept: the store looks after it by itself, at the beginning and each
	// MaintainEvery, as Maintain does. Default nil: it does not, until Keep says something else.
	Retention *Retention
	// Guest says that the schema is others' to change, and what is in the store theirs to sweep, as it is for runners, whose roles may do
	// neither: opening fails where the schema is of another version.
	Guest bool
	// Clock is what time it is, for executions, as long as the database says nothing else. Default time.Now. With one given the
	// database is not asked.
	Clock func() time.Time
	// Observer is told what this process does to executions. Default none.
	Observer Observer
}

// Store is an open store whose schema is that of this version. It is used concurrently.
type Store struct {
	engine
	log   *slog.Logger
	clock *clock
	// observer is told of executions; nil: none.
	observer Observer
	// fixed: the clock is given, and not set.
	fixed bool
	ready atomic.Pointer[Dispatch]
	// retention is how long what is kept is; kept rings when it is another.
	retention atomic.Pointer[Retention]
	kept      chan struct{}
	// watchers are told of executions.
	watchers *watchers
	stop     context.CancelFunc
	// ending is closed when the store is to be closed.
	ending chan struct{}
	done   sync.WaitGroup
}

// engine is what the two databases do differently.
type engine interface {
	// queries are single statements.
	queries() db.Querier
	// inTx runs f in a transaction, which is committed if f gives no error.
	inTx(ctx context.Context, f func(db.Querier) error) error
	// list runs a statement that reads, and has each read every row of it.
	list(ctx context.Context, s rows.Statement, each func(scan func(...any) error) error) error
	dialect() rows.Dialect
	// appendChunks writes chunks of a log, all or none; errNotNext: none.
	appendChunks(ctx context.Context, now time.Time, h Holder, chunks []LogChunk) error
	// clock asks what time it is; zero: the same as here.
	clock(ctx context.Context) (time.Time, error)
	// partitions makes those of this week and the ones to come, alone by a lock.
	partitions(ctx context.Context, now time.Time, lock string) (made int, err error)
	// maintain makes partitions, and drops or deletes what was kept for long enough.
	maintain(ctx context.Context, now time.Time, r Retention) (Maintained, error)
	ping(ctx context.Context) error
	stats() Stats
	// listen calls heard whenever something was told on a channel, until ctx ends. It may do nothing.
	listen(ctx context.Context, channel string, heard func())
	// notify tells a channel something.
	notify(ctx context.Context, channel string) error
	// migrations has those of files; nil: the store's.
	migrations(files fs.FS, log *slog.Logger) (*Migrations, error)
	close()
}

// Open connects to a database and brings its schema up to this version, alone among all processes that try. An error that
// is an *UnavailableError may be over later. ctx is for the opening. Close it.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Sweep <= 0 {
		cfg.Sweep = time.Minute
	}
	e, err := open(ctx, cfg.DSN, true)
	if err != nil {
		return nil, err
	}
	if e, ok := e.(*server); ok && e.pooled {
		cfg.Logger.InfoContext(ctx, "a pooler stands before the store: what other processes do is looked for, and not heard of at once")
	}
	schema := up
	if cfg.Guest {
		schema = ours
	}
	if err := schema(ctx, e, cfg.Logger); err != nil {
		e.close()
		return nil, err
	}
	s := &Store{engine: e, log: cfg.Logger, clock: newClock(cfg.Clock), observer: cfg.Observer, fixed: cfg.Clock != nil, watchers: newWatchers(), kept: make(chan struct{}, 1), ending: make(chan struct{})}
	s.retention.Store(cfg.Retention)
	if err := s.setClock(ctx); err != nil {
		e.close()
		return nil, &UnavailableError{Err: err}
	}
	if !cfg.Guest && cfg.Retention != nil {
		// Before anybody writes: what is just being written to a partition that another takes rows from is refused.
		made, _ := e.partitions(ctx, s.clock.Now(), waitAlone) // it is tried again, and what is in the way is told then
		s.tellMaintained(ctx, Maintained{Made: made})
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	sweep := func(ctx context.Context) error { return s.sweep(ctx, keepLeases) }
	if cfg.Guest {
		sweep = s.setClock
	} else {
		s.done.Go(func() { s.maintainEvery(background) })
	}
	s.done.Go(func() { s.sweepEvery(background, cfg.Sweep, sweep) })
	s.done.Go(func() { s.tellChanges(background) })
	return s, nil
}

// open opens a database, ours or another's, whose settings are left alone.
func open(ctx context.Context, dsn string, ours bool) (engine, error) {
	switch {
	case strings.HasPrefix(dsn, sqliteScheme):
		return openSQLite(ctx, strings.TrimPrefix(dsn, sqliteScheme), ours)
	case IsPostgres(dsn):
		return openPostgres(ctx, dsn)
	}
	return nil, errors.New("a store is sqlite:<path> or postgres://user@host:port/name")
}

// sqliteScheme is before the path of a file.
const sqliteScheme = "sqlite:"

// IsPostgres says whether a DSN is that of a server, which several gateways may share.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// UnavailableError says that a database does not answer now, or that another process migrates it for long.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return "the store is not available: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

func up(ctx context.Context, e engine, log *slog.Logger) error {
	m, err := e.migrations(nil, log)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Up(ctx)
	return err
}

// ours says whether the schema is that of this version. It changes nothing and waits for nobody.
func ours(ctx context.Context, e engine, log *slog.Logger) error {
	m, err := e.migrations(nil, log)
	if err != nil {
		return err
	}
	defer m.Close()
	applied, newest, err := m.provider.GetVersions(ctx)
	switch {
	case err != nil:
		return &UnavailableError{Err: fmt.Errorf("the version of its schema: %w", err)}
	case applied < newest:
		return &UnavailableError{Err: fmt.Errorf("its schema has version %d, and this program needs %d, which a gateway of its version makes", applied, newest)}
	case applied > newest:
		return fmt.Errorf("the schema of the store has version %d, and this program knows %d: it is older than the gateway", applied, newest)
	}
	return nil
}

// Close ends what the store does in the background and closes its connections.
func (s *Store) Close() {
	s.stop()
	close(s.ending)
	s.done.Wait()
	s.close()
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.ping(ctx) }

// Stats says what the connections of a store are doing.
type Stats struct {
	// InUse and Idle count connections.
	InUse, Idle int
	// Waits is how often somebody had to wait for one since the store was opened, Waited how long, together.
	Waits  int64
	Waited time.Duration
}

// Stats says what the connections are doing.
func (s *Store) Stats() Stats { return s.stats() }

// OneWriter says that the store makes one transaction after the other, as SQLite does.
func (s *Store) OneWriter() bool { return s.dialect() == rows.SQLite }

// Queries are the statements of the store, each by itself. Where one gives no row, its error is sql.ErrNoRows.
func (s *Store) Queries() db.Querier { return s.queries() }

// InTx runs f in a transaction: what it does becomes true as a whole, or, where it gives an error or panics, not at all. On
// SQLite there is one such at a time.
func (s *Store) InTx(ctx context.Context, f func(db.Querier) error) error { return s.inTx(ctx, f) }

// Settings of the sweep.
const (
	// keepLeases is for how long an expired lease is kept for its fence. It goes on without, since it begins with the time,
	// unless the lease changed hands more than once in a millisecond. There is one for each login that was tried, so that
	// whoever guesses passwords makes many.
	keepLeases = time.Minute
	// keepFamilies is for how long the family of a login is kept that has ended, so that reuse of its tokens is known as such.
	keepFamilies = 24 * time.Hour
	// keepTokens is for how long a program's token is kept that has expired. Nothing asks for it; people may.
	keepTokens = 24 * time.Hour
	// keepBuckets is for how long a bucket is kept that is empty: longer than the longest delay.
	keepBuckets = 10 * time.Minute
	// keepDead is for how long letters are kept that could not be sent.
	keepDead = 30 * 24 * time.Hour
	// keepRefusals is for how long it is kept whom a limit refused, mostRefusals how many rows of that, about 50 MB: whoever has
	// many addresses could fill the disk.
	keepRefusals = 30 * 24 * time.Hour
	mostRefusals = 100_000
	// eventRows is how many events one statement deletes.
	eventRows = 10_000
	// keepGone is for how long runners are kept that have gone.
	keepGone = 30 * 24 * time.Hour
	// sweepRows is how many rows one statement deletes, sweepRounds how many statements run for one table at a time.
	sweepRows   = 500
	sweepRounds = 200
)

// sweepEvery deletes what has expired, until ctx ends.
func (s *Store) sweepEvery(ctx context.Context, every time.Duration, sweep func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "what has expired could not be deleted", slog.Any("error", err))
		}
	}
}

func (s *Store) sweep(ctx context.Context, leases time.Duration) error {
	q := s.queries()
	events := int64(DefaultMostEvents)
	if r := s.retention.Load(); r != nil && r.MostEvents > 0 {
		events = r.MostEvents
	}
	gone := s.clock.Now().Add(-keepGone)
	return errors.Join(
		s.setClock(ctx),
		rounds(func() (int64, error) {
			return q.DeleteGoneRunners(ctx, db.DeleteGoneRunnersParams{Before: &gone, AtMost: sweepRows})
		}),
		rounds(func() (int64, error) { return q.DeleteExpiredSessions(ctx, sweepRows) }),
		rounds(func() (int64, error) { return q.DeleteExpiredRevocations(ctx, sweepRows) }),
		rounds(func() (int64, error) { return q.DeleteExpiredLinks(ctx, sweepRows) }),
		rounds(func() (int64, error) { return q.DeleteExpiredIdempotencyKeys(ctx, sweepRows) }),
		rounds(func() (int64, error) {
			return q.DeleteEmptyBuckets(ctx, db.DeleteEmptyBucketsParams{KeepMs: keepBuckets.Milliseconds(), AtMost: sweepRows})
		}),
		rounds(func() (int64, error) {
			return q.DeleteDeadOutbox(ctx, db.DeleteDeadOutboxParams{KeepMs: keepDead.Milliseconds(), AtMost: sweepRows})
		}),
		rounds(func() (int64, error) {
			return q.DeleteOldRefusals(ctx, db.DeleteOldRefusalsParams{KeepMs: keepRefusals.Milliseconds(), AtMost: sweepRows})
		}),
		rounds(func() (int64, error) {
			return q.DeleteSurplusRefusals(ctx, db.DeleteSurplusRefusalsParams{Keep: mostRefusals, AtMost: sweepRows})
		}),
		rounds(func() (int64, error) {
			return q.DeleteSurplusEvents(ctx, db.DeleteSurplusEventsParams{Keep: events, AtMost: eventRows})
		}),
		rounds(func() (int64, error) {
			return q.DeleteEndedFamilies(ctx, db.DeleteEndedFamiliesParams{KeepMs: keepFamilies.Milliseconds(), AtMost: sweepRows})
		}),
		rounds(func() (int64, error) {
			return q.DeleteExpiredAPITokens(ctx, db.DeleteExpiredAPITokensParams{KeepMs: keepTokens.Milliseconds(), AtMost: sweepRows})
		}),
		rounds(func() (int64, error) {
			return q.DeleteExpiredLeases(ctx, db.DeleteExpiredLeasesParams{KeepMs: leases.Milliseconds(), AtMost: sweepRows})
		}),
	)
}

// rounds repeats a statement as long as it deletes as much as it may.
func rounds(once func() (int64, error)) error {
	for range sweepRounds {
		n, err := once()
		if err != nil {
			return fmt.Errorf("sweeping: %w", err)
		}
		if n < sweepRows {
			return nil
		}
	}
	return nil
}
