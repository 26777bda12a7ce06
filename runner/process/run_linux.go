//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// run is an attempt; all that it knows is where.
type run struct {
	id        string
	directory string
	users     string // the directory of the users' locks
	line      *line  // to its keeper, if this is who started it
}

func (e *Executor) run(id, directory string) *run {
	return &run{id: id, directory: directory, users: e.users}
}

func (r *run) ID() string { return r.id }

func (r *run) file(name string) string { return filepath.Join(r.directory, name) }

// alive says whether the keeper, or who is about to start it, lives.
func (r *run) alive() (bool, error) {
	lock, err := os.OpenFile(r.file(keeper.FileLock), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, executor.ErrUnknown // it was forgotten
	}
	if err != nil {
		return false, fmt.Errorf("look at attempt %s: %w", r.id, err)
	}
	defer lock.Close()
	return locked(lock)
}

// Wait waits for the keeper's end.
func (r *run) Wait(ctx context.Context) (executor.Exit, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		news := r.line.news()
		alive, err := r.alive()
		if err != nil {
			return executor.Exit{}, err
		}
		if !alive {
			return r.exit()
		}
		// A keeper says who it is as soon as it runs.
		if handle, err := r.keeper(); err == nil {
			err = readable(ctx, handle)
			handle.Close()
			if err != nil {
				return executor.Exit{}, err
			}
			pause = time.Millisecond / 2
		}
		if err := sleep(ctx, news, pause); err != nil {
			return executor.Exit{}, err
		}
	}
}

// exit is what the keeper wrote, who is no more. One that was killed wrote nothing.
func (r *run) exit() (executor.Exit, error) {
	var exit executor.Exit
	err := keeper.ReadFile(r.file(keeper.FileExit), &exit)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return exit, err
	}
	exit = executor.Exit{Outcome: executor.Lost, Code: -1, Ended: time.Now().UTC(), Reason: "its keeper was killed, so nobody knows how it ended"}
	if _, err := os.Stat(r.file(keeper.FileState)); errors.Is(err, fs.ErrNotExist) {
		exit.Reason = "it was never begun"
		return exit, nil
	}
	if info, err := os.Stat(r.file(keeper.FileSpec)); err == nil {
		exit.Started = info.ModTime().UTC()
	}
	return exit, r.sweep()
}

// keeper gives a handle on the keeper's process.
func (r *run) keeper() (*os.File, error) {
	var state keeper.State
	if err := keeper.ReadFile(r.file(keeper.FileState), &state); err != nil {
		return nil, err
	}
	pidfd, err := unix.PidfdOpen(state.Pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("find the keeper: %w", err)
	}
	handle := os.NewFile(uintptr(pidfd), "keeper")
	// Whoever has this number is the keeper only if the keeper has lived until now.
	if alive, err := r.alive(); err != nil || !alive {
		handle.Close()
		return nil, errors.Join(err, errors.New("the keeper has ended"))
	}
	return handle, nil
}

// readable waits for a process to end.
func readable(ctx context.Context, handle *os.File) error {
	conn, err := handle.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for the keeper: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = handle.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) //nolint:gosec // a file's number
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("wait for the keeper: %w", err)
	}
	return nil
}

// sleep waits for a while, for news if there may be some, or for the context.
func sleep(ctx context.Context, news <-chan struct{}, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-news:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cancel has the keeper end the script.
func (r *run) Cancel(_ context.Context, cause executor.Cause) error {
	return r.ask(cause)
}

// Kill does so without grace.
func (r *run) Kill(_ context.Context, cause executor.Cause) error {
	file, err := os.OpenFile(r.file(keeper.FileKill), os.O_WRONLY|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was forgotten
	}
	if err != nil {
		return fmt.Errorf("kill attempt %s: %w", r.id, err)
	}
	file.Close()
	return r.ask(cause)
}

// ask writes the cause, unless there is one, and wakes the keeper. One that has not begun yet looks when it does.
func (r *run) ask(cause executor.Cause) error {
	temporary, err := os.CreateTemp(r.directory, ".cause-")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was forgotten
	}
	if err != nil {
		return fmt.Errorf("end attempt %s: %w", r.id, err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.WriteString(string(cause))
	if err = errors.Join(err, temporary.Close()); err != nil {
		return fmt.Errorf("end attempt %s: %w", r.id, err)
	}
	// The first cause stays.
	if err := os.Link(temporary.Name(), r.file(keeper.FileCause)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("end attempt %s: %w", r.id, err)
	}
	handle, err := r.keeper()
	if err != nil {
		return nil // it has ended, or has not begun
	}
	defer handle.Close()
	if err := unix.PidfdSendSignal(int(handle.Fd()), unix.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end attempt %s: %w", r.id, err)
	}
	return nil
}

// Results opens the file that the script left, if it is one: the runner may read more than the script could.
func (r *run) Results(context.Context) (io.ReadCloser, error) {
	alive, err := r.alive()
	if err != nil {
		return nil, err
	}
	if alive {
		return nil, fmt.Errorf("attempt %s has not ended", r.id)
	}
	var spec keeper.Spec
	if err := keeper.ReadFile(r.file(keeper.FileSpec), &spec); err != nil {
		return nil, err
	}
	fd, err := unix.Open(r.file(keeper.Results), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, executor.ErrNoResults
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("%w: there is no file that can be read in their place", executor.ErrNoResults)
	case err != nil:
		return nil, fmt.Errorf("open the results: %w", err)
	}
	file := os.NewFile(uintptr(fd), keeper.Results)
	info, err := file.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("open the results: %w", err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: there is no file in their place", executor.ErrNoResults)
	case info.Size() > spec.Limits.Results:
		err = fmt.Errorf("the results have %d bytes, more than %d", info.Size(), spec.Limits.Results)
	default:
		return file, nil
	}
	file.Close()
	return nil, err
}
