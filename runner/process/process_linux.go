//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// Executor runs attempts as processes. What it knows is in its directory, so that any number of them, in one process or one after the
// other, may have the same.
type Executor struct {
	options Options
	root    bool   // scripts run as users of their own
	cgroups bool   // at level strict
	users   string // the directory of these users' locks
	ahead   *ahead
}

// New makes an executor, or says why its level cannot be kept on this machine: *executor.LevelError. It tries the isolation once, with a
// process that attempts what scripts must not.
func New(options Options) (executor.Executor, error) { return open(options, true) }

// open makes one that may do without control groups, for the sake of tests on machines that have none.
func open(options Options, cgroups bool) (executor.Executor, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	// At level strict it is an init that starts the stage.
	e := &Executor{options: options, root: os.Geteuid() == 0, cgroups: cgroups, ahead: &ahead{idle: aheadFor, stage: options.Level != executor.Strict}}
	if missing := e.missing(); len(missing) > 0 {
		return nil, &executor.LevelError{Level: options.Level, Missing: missing}
	}
	e.users = e.userLocks()
	e.ahead.berth = e.berthAhead
	for _, name := range []string{"", "attempts", "scripts", nameAhead} {
		if err := e.makeDirectory(filepath.Join(options.Directory, name)); err != nil {
			return nil, err
		}
	}
	// The kernel tells paths without links.
	if e.options.Directory, err = filepath.EvalSymlinks(e.options.Directory); err != nil {
		return nil, fmt.Errorf("find the executor's directory: %w", err)
	}
	if err := e.reachable(); err != nil {
		return nil, err
	}
	if err := e.clear(); err != nil {
		return nil, err
	}
	if missing, err := e.probe(); err != nil {
		return nil, err
	} else if missing != "" {
		return nil, &executor.LevelError{Level: options.Level, Missing: []string{missing}}
	}
	return e, nil
}

// userLocks is where users are locked: at one place for the whole machine, if there can be one, so that executors with different
// directories do not take the same.
func (e *Executor) userLocks() string {
	const shared = "/run/fairway-users"
	if e.root {
		if err := os.MkdirAll(shared, 0o700); err == nil && unix.Access(shared, unix.W_OK) == nil {
			return shared
		}
	}
	return filepath.Join(e.options.Directory, "users")
}

// makeDirectory makes a directory which scripts may pass through if they run as others, and not list.
func (e *Executor) makeDirectory(path string) error {
	mode := fs.FileMode(0o700)
	if e.root {
		mode = 0o711
	}
	if err := os.MkdirAll(path, mode); err != nil {
		return fmt.Errorf("make the executor's directory: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("make the executor's directory: %w", err)
	}
	return nil
}

// reachable says whether the users of scripts could enter the directory.
func (e *Executor) reachable() error {
	if !e.root {
		return nil
	}
	for path := filepath.Dir(e.options.Directory); ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("find the executor's directory: %w", err)
		}
		if info.Mode()&0o001 == 0 {
			return fmt.Errorf("directory %s is in %s, which users of scripts cannot enter: choose another, or run as another user than root", e.options.Directory, path)
		}
		if path == "/" {
			return nil
		}
	}
}

// missing says what the machine lacks for the level.
func (e *Executor) missing() []string {
	var missing []string
	abi := keeper.LandlockABI()
	switch {
	case abi == 0:
		missing = append(missing, "Landlock, which is in Linux 5.13 and later and has to be allowed in containers")
	case e.root && abi < 3:
		missing = append(missing, fmt.Sprintf("Landlock of version 3 (Linux 6.2); this one has %d", abi))
	case !e.root && abi < 6:
		missing = append(missing, fmt.Sprintf("Landlock of version 6 (Linux 6.12), which keeps scripts from sending signals to others of their user; this one has %d. "+
			"A runner that is root gives scripts users of their own and does without", abi))
	}
	if len(e.options.Connect) > 0 && abi < 4 {
		missing = append(missing, fmt.Sprintf("Landlock of version 4 (Linux 6.7) for connect; this one has %d", abi))
	}
	action := uint32(unix.SECCOMP_RET_ERRNO)
	if errno := secure(action); errno != 0 {
		missing = append(missing, fmt.Sprintf("filters of system calls (seccomp: %v)", errno))
	}
	if e.root {
		missing = append(missing, lacking(unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_CHOWN, unix.CAP_KILL, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER)...)
	}
	if e.options.Level == executor.Strict {
		missing = append(missing, e.missingStrict()...)
	}
	return missing
}

// Attempts lists what was begun and not forgotten.
func (e *Executor) Attempts(context.Context) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(e.options.Directory, "attempts"))
	if err != nil {
		return nil, fmt.Errorf("list attempts: %w", err)
	}
	ids := make([]string, 0, len(entries))
	for _, entry := range entries {
		if executor.CheckName(entry.Name()) == nil {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// Close ends keepers that wait for attempts.
func (e *Executor) Close() error {
	e.ahead.close()
	return nil
}

// directory is an attempt's.
func (e *Executor) directory(id string) string {
	return filepath.Join(e.options.Directory, "attempts", id)
}

// Attach gives an attempt that was begun.
func (e *Executor) Attach(_ context.Context, id string) (executor.Run, error) {
	if executor.CheckName(id) != nil {
		return nil, executor.ErrUnknown
	}
	directory := e.directory(id)
	if _, err := os.Stat(filepath.Join(directory, keeper.FileLock)); errors.Is(err, fs.ErrNotExist) {
		return nil, executor.ErrUnknown
	} else if err != nil {
		return nil, fmt.Errorf("find attempt %s: %w", id, err)
	}
	return e.run(id, directory), nil
}

// Interface guards.
var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Run      = (*run)(nil)
	_ executor.Output   = (*output)(nil)
)
