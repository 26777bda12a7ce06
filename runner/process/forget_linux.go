//go:build linux && (amd64 || arm64)

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// Forget removes an attempt, and what is left of one whose start or removal was cut off: nothing of that runs.
func (e *Executor) Forget(ctx context.Context, id string) error {
	if executor.CheckName(id) != nil {
		return nil //nolint:nilerr // nothing is called so
	}
	begun, err := e.Attach(ctx, id)
	if errors.Is(err, executor.ErrUnknown) {
		return removeAll(e.directory(id))
	}
	if err != nil {
		return err
	}
	if err := begun.Kill(ctx, executor.CauseLost); err != nil {
		return err
	}
	if _, err := begun.Wait(ctx); err != nil && !errors.Is(err, executor.ErrUnknown) {
		return err
	}
	return removeAll(e.directory(id))
}

// removeAll removes a directory, also what its owner has locked himself out of.
func removeAll(directory string) error {
	err := os.RemoveAll(directory)
	if errors.Is(err, fs.ErrPermission) {
		err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
			if entry != nil && entry.IsDir() && err == nil {
				return os.Chmod(path, 0o700) //nolint:gosec // it is a directory
			}
			return nil // the removal will say it
		})
		err = errors.Join(err, os.RemoveAll(directory))
	}
	if err != nil {
		return fmt.Errorf("remove the attempt's directory: %w", err)
	}
	return nil
}

// sweep kills what a script left whose keeper was killed.
func (r *run) sweep() error {
	var spec keeper.Spec
	if err := keeper.ReadFile(r.file(keeper.FileSpec), &spec); err != nil {
		return err
	}
	if spec.User != 0 {
		lock, err := acquire(filepath.Join(r.users, strconv.FormatUint(uint64(spec.User), 10)))
		if errors.Is(err, heldError{}) {
			return nil // who has the user since has killed what was left
		}
		if err != nil {
			return err
		}
		defer lock.Close()
		keeper.KillUser(spec.User)
		return nil
	}
	// Until a round finds none. One that started others meanwhile is dead, so this ends.
	for range 1000 {
		left := r.left()
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{}, nil)
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return fmt.Errorf("attempt %s: some of its processes cannot be killed", r.id)
}

// left are processes of this user that have the attempt's variable, or a file of it open, or are in its directory.
func (r *run) left() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if r.owns("/proc/" + entry.Name()) {
			found = append(found, pid)
		}
	}
	return found
}

func (r *run) owns(process string) bool {
	// All that ran under a keeper has its filter. Somebody who only looks around in the directory has not.
	if status, err := os.ReadFile(process + "/status"); err != nil || !bytes.Contains(status, []byte("\nSeccomp:\t2\n")) {
		return false
	}
	if environ, err := os.ReadFile(process + "/environ"); err != nil {
		return false // it is somebody else's
	} else if bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+executor.EnvWork+"="+r.file(keeper.Work)+"\x00")) {
		return true
	}
	box := r.file(keeper.Box)
	if target, err := os.Readlink(process + "/cwd"); err == nil && within(target, box) {
		return true
	}
	files, err := os.ReadDir(process + "/fd")
	if err != nil {
		return false
	}
	for _, file := range files {
		if target, err := os.Readlink(process + "/fd/" + file.Name()); err == nil && within(target, box) {
			return true
		}
	}
	return false
}
