package queries

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"time"

	"github.com/pressly/goose/v3"
)

const (
	// storeTable is where the store's migrations are counted: not where goose does by default, since a database of one's own
	// may be the store too.
	storeTable = "fairway_migrations"
	// lockPause is how long who waits for the lock of migrations waits before it tries again.
	lockPause = 50 * time.Millisecond
)

// Migrations change the schema of a database, one process at a time. It is used by one goroutine.
type Migrations struct {
	provider *goose.Provider
	lock     locker
	log      *slog.Logger
	close    func()
	wait     time.Duration // for the lock; 0: as long as a context
}

// locker takes the lock under which a database is migrated, and gives what releases it.
type locker func(ctx context.Context) (unlock func(), err error)

// Migration is one step of a schema.
type Migration struct {
	// Version is the number that its file begins with, Name the file's.
	Version int64
	Name    string
	// Applied is when it was, in UTC; zero: it is pending.
	Applied time.Time
}

// OpenMigrations opens a database for its migrations alone: those of the store, or, where files are given, *.sql of the folder,
// as goose has them, for a database of somebody else's. Close it.
func OpenMigrations(ctx context.Context, dsn string, files fs.FS, log *slog.Logger) (*Migrations, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e, err := open(ctx, dsn, files == nil)
	if err != nil {
		return nil, err
	}
	m, err := e.migrations(files, log)
	if err != nil {
		e.close()
		return nil, err
	}
	conn := m.close
	m.close = func() {
		conn()
		e.close()
	}
	return m, nil
}

func newMigrations(d goose.Dialect, conn *sql.DB, files fs.FS, table string, lock locker, end func(), log *slog.Logger) (*Migrations, error) {
	p, err := goose.NewProvider(d, conn, files, goose.WithTableName(table), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if errors.Is(err, goose.ErrNoMigrations) {
		err = errors.New("there is no file like 00001_tables.sql")
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return &Migrations{provider: p, lock: lock, log: log, close: end}, nil
}

// Up applies what is pending, in order, and gives the names of what it applied, also where one failed. Each is a transaction
// of its own.
func (m *Migrations) Up(ctx context.Context) ([]string, error) {
	return m.locked(ctx, m.provider.Up)
}

// Down takes back the last one that was applied; none: there is none.
func (m *Migrations) Down(ctx context.Context) ([]string, error) {
	done, err := m.locked(ctx, func(ctx context.Context) ([]*goose.MigrationResult, error) {
		one, err := m.provider.Down(ctx)
		if one == nil {
			return nil, err
		}
		return []*goose.MigrationResult{one}, err
	})
	if errors.Is(err, goose.ErrNoNextVersion) {
		return nil, nil
	}
	return done, err
}

// DownTo takes back all that are later than a version; 0: all.
func (m *Migrations) DownTo(ctx context.Context, version int64) ([]string, error) {
	return m.locked(ctx, func(ctx context.Context) ([]*goose.MigrationResult, error) { return m.provider.DownTo(ctx, version) })
}

// Version gives the last one that was applied (0: none) and the last one there is.
func (m *Migrations) Version(ctx context.Context) (applied, newest int64, err error) {
	unlock, err := m.alone(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	return m.provider.GetVersions(ctx)
}

// Status lists all of them, in order.
func (m *Migrations) Status(ctx context.Context) ([]Migration, error) {
	unlock, err := m.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	all, err := m.provider.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Migration, len(all))
	for i, s := range all {
		out[i] = Migration{Version: s.Source.Version, Name: path.Base(s.Source.Path), Applied: s.AppliedAt.UTC()}
		if s.State == goose.StatePending {
			out[i].Applied = time.Time{}
		}
	}
	return out, nil
}

// Wait says for how long each method waits for another process that migrates. Default: as long as its context.
func (m *Migrations) Wait(d time.Duration) { m.wait = d }

// alone takes the lock.
func (m *Migrations) alone(ctx context.Context) (unlock func(), err error) {
	if m.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.wait)
		defer cancel()
	}
	return m.lock(ctx)
}

// Close closes what it has opened for itself.
func (m *Migrations) Close() { m.close() }

// locked runs migrations under the lock and tells the log of each.
func (m *Migrations) locked(ctx context.Context, run func(context.Context) ([]*goose.MigrationResult, error)) ([]string, error) {
	unlock, err := m.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	done, err := run(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		done = partial.Applied
		err = fmt.Errorf("%s: %w", path.Base(partial.Failed.Source.Path), partial.Err)
	}
	names := make([]string, len(done))
	for i, r := range done {
		names[i] = path.Base(r.Source.Path)
		m.log.InfoContext(ctx, "migrated", slog.String("direction", r.Direction), slog.String("migration", names[i]), slog.Duration("duration", r.Duration))
	}
	if err != nil {
		return names, fmt.Errorf("migrating the schema: %w", err)
	}
	return names, nil
}

// untilLocked tries to take a lock until it has it, fails, or ctx ends.
func untilLocked(ctx context.Context, try func() (bool, error)) error {
	for {
		ok, err := try()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return &UnavailableError{Err: fmt.Errorf("another process migrates its schema: %w", ctx.Err())}
		case <-time.After(lockPause):
		}
	}
}
