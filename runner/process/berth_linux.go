//go:build linux && (amd64 || arm64)

package process

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// nameAhead is the directory of berths that have no attempt yet.
const nameAhead = "ahead"

// berth is where an attempt will be: its directory with what its script may write, the lock that is held as long as its keeper lives, and its user. All
// of it may be there before the attempt is: then it is moved to the attempt's place.
type berth struct {
	directory string
	lock      *os.File
	user      *os.File // the lock of the user; nil: the script's is the runner's own
	id        uint32   // of the user
	furnished bool
}

// berthAhead makes one that waits.
func (e *Executor) berthAhead() (_ *berth, err error) {
	b := &berth{directory: filepath.Join(e.options.Directory, nameAhead, rand.Text())}
	defer func() {
		if err != nil {
			b.leave()
		}
	}()
	if err := e.makeDirectory(b.directory); err != nil {
		return nil, err
	}
	if b.lock, err = acquire(b.file(keeper.FileLock)); err != nil {
		return nil, err
	}
	return b, e.furnish(b)
}

// enter gives the berth of an attempt: one that waits, or the attempt's own directory, in which there may be something. heldError: somebody else has it.
func (e *Executor) enter(directory string, waits *berth) (*berth, error) {
	if waits != nil {
		if waits.become(directory) == nil {
			return waits, nil
		}
		waits.leave() // the attempt has a directory
	}
	if err := e.makeDirectory(directory); err != nil {
		return nil, err
	}
	lock, err := acquire(filepath.Join(directory, keeper.FileLock))
	if err != nil {
		return nil, err
	}
	return &berth{directory: directory, lock: lock}, nil
}

// furnish makes what the script may write, and gives it to a user of whom nothing runs.
func (e *Executor) furnish(b *berth) (err error) {
	if b.furnished {
		return nil
	}
	// There may be parts of a start that was cut off.
	if err := removeAll(b.file(keeper.Box)); err != nil {
		return err
	}
	if e.root {
		if b.user, b.id, err = e.lease(); err != nil {
			return err
		}
	}
	for _, name := range []string{keeper.Box, keeper.Work, keeper.Temp} {
		err := os.Mkdir(b.file(name), 0o700)
		if err == nil {
			err = b.give(name)
		}
		if err != nil {
			return fmt.Errorf("make the attempt's directory: %w", err)
		}
	}
	b.furnished = true
	return nil
}

func (b *berth) file(name string) string { return filepath.Join(b.directory, name) }

// give gives a file to the user.
func (b *berth) give(name string) error {
	if b.user == nil {
		return nil
	}
	return os.Lchown(b.file(name), int(b.id), int(b.id))
}

// write writes a file that the script may read.
func (b *berth) write(name string, text []byte) error {
	err := os.WriteFile(b.file(name), text, 0o600)
	if err == nil {
		err = b.give(name)
	}
	if err != nil {
		return fmt.Errorf("write what the script reads: %w", err)
	}
	return nil
}

// become moves it to where an attempt has to be, unless something is there.
func (b *berth) become(directory string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, b.directory, unix.AT_FDCWD, directory, unix.RENAME_NOREPLACE); err != nil {
		return fmt.Errorf("move the attempt's directory: %w", err)
	}
	b.directory = directory
	return nil
}

// close lets go of the locks, which are a keeper's by now or nobody's.
func (b *berth) close() {
	b.lock.Close() // nil ones too
	b.user.Close()
}

// leave removes one that waited.
func (b *berth) leave() {
	if b == nil {
		return
	}
	_ = removeAll(b.directory) // whoever opens the executor next tries again
	b.close()
}

// clear removes berths of executors that were killed.
func (e *Executor) clear() error {
	directory := filepath.Join(e.options.Directory, nameAhead)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return fmt.Errorf("look for what was left: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		lock, err := acquire(filepath.Join(path, keeper.FileLock))
		switch {
		case errors.Is(err, heldError{}): // another executor of this directory has it
			continue
		case errors.Is(err, fs.ErrNotExist): // it has just moved
			continue
		case err != nil:
			errs = append(errs, err)
			continue
		}
		errs = append(errs, removeAll(path))
		lock.Close()
	}
	return errors.Join(errs...)
}

// lease finds a user of whom nothing runs. The file stays locked as long as the keeper lives.
func (e *Executor) lease() (*os.File, uint32, error) {
	if err := os.MkdirAll(e.users, 0o700); err != nil {
		return nil, 0, fmt.Errorf("find a user for the script: %w", err)
	}
	var random [4]byte
	_, _ = rand.Read(random[:])
	first := binary.LittleEndian.Uint32(random[:])
	for i := range e.options.Users {
		id := e.options.FirstUser + (first%e.options.Users+i)%e.options.Users
		lock, err := acquire(e.userFile(id))
		if errors.Is(err, heldError{}) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		// Something may be left where a keeper was killed.
		keeper.KillUser(id)
		return lock, id, nil
	}
	return nil, 0, fmt.Errorf("all of the %d users from %d on are taken", e.options.Users, e.options.FirstUser)
}

func (e *Executor) userFile(id uint32) string {
	return filepath.Join(e.users, strconv.FormatUint(uint64(id), 10))
}
