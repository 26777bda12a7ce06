//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// Start begins an attempt. What says that one was begun is the state that its keeper writes; until then, who has the lock is starting it.
func (e *Executor) Start(_ context.Context, attempt executor.Attempt) (executor.Run, error) {
	if err := attempt.Check(); err != nil {
		return nil, err
	}
	directory := e.directory(attempt.ID)
	begun := e.run(attempt.ID, directory)
	script, err := e.prepared(attempt.Script.Version)
	if err != nil {
		if _, err := os.Stat(filepath.Join(directory, keeper.FileState)); err == nil {
			return begun, nil
		}
		return nil, err
	}
	if err := e.makeDirectory(directory); err != nil {
		return nil, err
	}
	lock, err := acquire(filepath.Join(directory, keeper.FileLock))
	if errors.Is(err, heldError{}) {
		return begun, nil
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	for _, name := range []string{keeper.FileState, keeper.FileExit} {
		if _, err := os.Stat(filepath.Join(directory, name)); err == nil {
			return begun, nil
		}
	}
	spec, err := e.spec(directory, attempt, script)
	if err != nil {
		return nil, err
	}
	if begun.line, err = e.launch(directory, lock, spec, e.ahead); err != nil {
		return nil, err
	}
	return begun, nil
}

// spec is what the keeper of an attempt is to do.
func (e *Executor) spec(directory string, attempt executor.Attempt, script *prepared) (*keeper.Spec, error) {
	in := func(name string) string { return filepath.Join(directory, name) }
	// There may be parts of a start that was cut off.
	if err := removeAll(in(keeper.Box)); err != nil {
		return nil, err
	}
	for _, name := range []string{keeper.Box, keeper.Work, keeper.Temp} {
		if err := os.Mkdir(in(name), 0o700); err != nil {
			return nil, fmt.Errorf("make the attempt's directory: %w", err)
		}
	}
	params := attempt.Params
	if len(params) == 0 {
		params = []byte("{}")
	}
	if err := os.WriteFile(in(keeper.FileParams), params, 0o600); err != nil {
		return nil, fmt.Errorf("write the parameters: %w", err)
	}
	if err := script.link(in(keeper.Work)); err != nil {
		return nil, err
	}
	argv, err := script.argv(attempt.Script.Command, e.options.Python)
	if err != nil {
		return nil, err
	}
	spec := &keeper.Spec{
		Argv:      argv,
		Env:       e.environment(directory, attempt, script),
		Directory: in(keeper.Work),
		Stdin:     in(keeper.FileParams),
		Measured:  in(keeper.Box),
		Read:      slices.Concat(keeper.System(), e.options.Read, []string{"/proc/self", script.directory, in(keeper.FileParams)}),
		Write:     []string{in(keeper.Box)},
		TCP:       e.options.Connect,
		Limits:    attempt.Limits.WithDefaults(),
	}
	if len(spec.TCP) > 0 {
		spec.UDP = true
		spec.Read = append(spec.Read, resolver()...)
	}
	return spec, nil
}

// environment is all variables of a script, of which none is the runner's.
func (e *Executor) environment(directory string, attempt executor.Attempt, script *prepared) []string {
	in := func(name string) string { return filepath.Join(directory, name) }
	variables := map[string]string{
		"PATH": e.options.Path, "HOME": in(keeper.Work), "TMPDIR": in(keeper.Temp), "LANG": "C.UTF-8", "PWD": in(keeper.Work),
		// Lines of Python come when they are printed; it has nowhere to keep what it compiles.
		"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
		// Libraries would start a thread for each processor of the machine.
		"OMP_NUM_THREADS": strconv.FormatInt(max((attempt.Limits.WithDefaults().CPU+999_999_999)/1_000_000_000, 1), 10),
		// What scripts of Trends.Earth are told.
		"ENV": "prod", "EXECUTION_ID": attempt.Execution,
	}
	if script.site != "" {
		variables["PYTHONPATH"] = script.site
	}
	maps.Copy(variables, attempt.Env)
	maps.Copy(variables, map[string]string{
		executor.EnvExecution: attempt.Execution,
		executor.EnvAttempt:   attempt.ID,
		executor.EnvNumber:    strconv.Itoa(attempt.Number),
		executor.EnvScript:    attempt.Script.Slug,
		executor.EnvCode:      script.code,
		executor.EnvWork:      in(keeper.Work),
		executor.EnvParams:    in(keeper.FileParams),
		executor.EnvResults:   in(keeper.Results),
	})
	list := make([]string, 0, len(variables))
	for name, value := range variables {
		if !strings.Contains(value, "\x00") {
			list = append(list, name+"="+value)
		}
	}
	slices.Sort(list)
	return list
}

// launch gives an attempt its user, and a keeper the attempt with its locks: one that waits, if there is one, or else a new one.
func (e *Executor) launch(directory string, lock *os.File, spec *keeper.Spec, from *ahead) (*line, error) {
	said, err := os.OpenFile(filepath.Join(directory, keeper.FileErrors), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	defer said.Close()
	user := said // none
	if e.root {
		leased, id, err := e.lease()
		if err != nil {
			return nil, err
		}
		defer leased.Close()
		user, spec.User = leased, id
		if err := e.give(directory, id); err != nil {
			return nil, err
		}
	}
	if err := e.strict(spec, directory); err != nil {
		return nil, err
	}
	if err := keeper.WriteFile(filepath.Join(directory, keeper.FileSpec), spec); err != nil {
		return nil, err
	}
	hand := func(to *line) error {
		err := keeper.Give(to.file, directory, lock, user, said)
		if err != nil {
			_ = to.process.Kill() // it is waited for
		}
		return err
	}
	waiting, ready := from.take()
	begun := waiting != nil && hand(waiting) == nil && waiting.took()
	if waiting != nil && !begun { // it has ended, maybe just after it had begun
		_, err := os.Stat(filepath.Join(directory, keeper.FileState))
		begun = err == nil
	}
	from.started(begun && ready)
	if begun {
		return waiting, nil
	}
	fresh, err := startKeeper(said, spec.Root == "")
	if err != nil {
		return nil, err
	}
	// If it ends before it takes it the attempt was never begun, which its directory says.
	return fresh, hand(fresh)
}

// give gives what a script may touch to its user.
func (e *Executor) give(directory string, user uint32) error {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return fmt.Errorf("give the attempt's directory to its user: %w", err)
	}
	defer root.Close()
	id := int(user)
	err = fs.WalkDir(root.FS(), keeper.Box, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, id, id)
	})
	if params := root.Lchown(keeper.FileParams, id, id); !errors.Is(params, fs.ErrNotExist) {
		err = errors.Join(err, params)
	}
	if err != nil {
		return fmt.Errorf("give the attempt's directory to its user: %w", err)
	}
	return nil
}

// lease finds a user of whom nothing runs. The file stays locked as long as the keeper lives.
func (e *Executor) lease() (*os.File, uint32, error) {
	var random [4]byte
	_, _ = rand.Read(random[:])
	if err := os.MkdirAll(e.users, 0o700); err != nil {
		return nil, 0, fmt.Errorf("find a user for the script: %w", err)
	}
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
