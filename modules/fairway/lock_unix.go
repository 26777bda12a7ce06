//go:build linux || darwin || freebsd || openbsd || netbsd

package fairway

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errLocked says that another process has a lock.
var errLocked = errors.New("another process has it") //nolint:gochecknoglobals // a sentinel

// lockFile takes the lock of a file, which is made, and is this process's until unlock, or its end.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
