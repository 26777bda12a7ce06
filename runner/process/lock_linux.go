//go:build linux && (amd64 || arm64)

package process

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// heldError is said of a lock that somebody else has.
type heldError struct{}

func (heldError) Error() string { return "somebody else has the lock" }

// A lock belongs to an open file, so that it passes to a keeper with the file and ends when the last who has it open does; and it can be
// looked at without being taken, unlike one by flock(2).

// acquire locks a file, which is made if it is not there, or says heldError.
func acquire(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, heldError{}
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// locked says whether somebody has a file locked.
func locked(file *os.File) (bool, error) {
	query := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &query); err != nil {
		return false, fmt.Errorf("look at the lock of %s: %w", file.Name(), err)
	}
	return query.Type != unix.F_UNLCK, nil
}
