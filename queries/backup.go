package queries

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrInUse says that a file cannot be replaced, since some process has it open.
var ErrInUse = errors.New("some process has the store open: stop the gateway first") //nolint:gochecknoglobals // a sentinel

// NoBackupError says of a file that it cannot become the store, and why.
type NoBackupError struct{ Reason string }

func (e *NoBackupError) Error() string { return "this is no backup of a store: " + e.Reason }

// Backup writes what is in a file of SQLite at one moment into a new file, which only its owner may read, and which is there whole or not at all. Others read
// and write meanwhile. The error is fs.ErrExist where there is something already.
func Backup(ctx context.Context, path, to string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "back up to", Path: to, Err: fs.ErrExist}
	}
	part, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // where it was not named anew
	defer part.Close()
	conn, err := openAlone(path, "")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := whileBusy(ctx, func() error {
		_, err := conn.ExecContext(ctx, "vacuum into ?", part.Name())
		return err
	}); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := part.Sync(); err != nil {
		return err
	}
	return os.Rename(part.Name(), to)
}

// Restore makes a file of SQLite be what Backup wrote, at once: whoever is cut off leaves what was there before. It gives the version of the schema, which
// Open brings up to date. The error is a *NoBackupError, or ErrInUse.
func Restore(ctx context.Context, path, from string) (version int64, err error) {
	if from, err = filepath.Abs(from); err != nil {
		return 0, err
	}
	if version, err = inspect(ctx, from); err != nil {
		return 0, err
	}
	// Nobody else needs to read it. What SQLite puts beside it gets the same rights.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	f.Close()
	db, err := openAlone(path, "&_pragma=locking_mode(exclusive)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// With this locking mode the file is this connection's from the first transaction on, and nobody's who has it open.
	if _, err := conn.ExecContext(ctx, "begin exclusive; commit"); busy(err) {
		return 0, ErrInUse
	} else if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	err = conn.Raw(func(of any) error {
		c, ok := of.(interface {
			NewRestore(source string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.New("the driver cannot restore")
		}
		b, err := c.NewRestore(address(from, "_query_only=1"))
		if err != nil {
			return err
		}
		_, err = b.Step(-1)
		return errors.Join(err, b.Finish())
	})
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	// A store has its log beside it, which a backup has not.
	if _, err := conn.ExecContext(ctx, "pragma journal_mode = wal"); err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	return version, nil
}

// inspect gives the version of the schema of a backup.
func inspect(ctx context.Context, path string) (version int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return 0, &NoBackupError{"it is empty, or no file"}
	}
	db, err := openAlone(path, "&_query_only=1")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "pragma integrity_check(1)").Scan(&verdict); err != nil {
		return 0, ofBackup(ctx, err)
	}
	if verdict != "ok" {
		return 0, &NoBackupError{"it is damaged: " + verdict}
	}
	if err := db.QueryRowContext(ctx, "select coalesce(max(version_id), 0) from "+storeTable).Scan(&version); err != nil {
		return 0, ofBackup(ctx, err)
	}
	newest, err := newestOf(sqliteMigrations, "migrations/sqlite")
	if err != nil {
		return 0, err
	}
	switch {
	case version == 0:
		return 0, &NoBackupError{"its schema was never made"}
	case version > newest:
		return 0, &NoBackupError{fmt.Sprintf("a newer version of this program made it: its schema is %d, and this one knows %d", version, newest)}
	}
	return version, nil
}

// ofBackup is what is told where a file could not be read as a store.
func ofBackup(ctx context.Context, err error) error {
	said, ok := errors.AsType[*sqlite.Error](err)
	if ctx.Err() != nil || !ok || busy(err) {
		return err
	}
	if said.Code()&0xff == sqlite3.SQLITE_ERROR {
		return &NoBackupError{"it has no tables of a store"}
	}
	return &NoBackupError{"it cannot be read: " + said.Error()}
}

// openAlone opens a file that exists for one connection, whatever it is.
func openAlone(path, more string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	d, err := folding()
	if err != nil {
		return nil, err
	}
	var c driver.Connector = connector{d, address(path, "_txlock=immediate"+more)}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	return db, nil
}
