//go:build !linux && !darwin && !freebsd && !openbsd && !netbsd

package fairway

import (
	"errors"
	"os"
)

// errLocked says that another process has a lock.
var errLocked = errors.New("another process has it") //nolint:gochecknoglobals // a sentinel

// lockFile makes a file. There are no locks here that end with their process; nor is there an executor that outlives one.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
