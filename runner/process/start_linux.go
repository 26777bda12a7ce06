//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
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
	waiting := e.ahead.take()
	b, err := e.enter(directory, waiting.place())
	if err != nil {
		e.ahead.put(waiting)
		if errors.Is(err, heldError{}) {
			return begun, nil
		}
		return nil, err
	}
	defer b.close()
	for _, name := range []string{keeper.FileState, keeper.FileExit} {
		if _, err := os.Stat(b.file(name)); err == nil {
			e.ahead.put(waiting)
			return begun, nil
		}
	}
	spec, err := e.spec(b, attempt, script)
	if err != nil {
		e.ahead.put(waiting)
		return nil, err
	}
	if begun.line, err = e.launch(b, spec, waiting); err != nil {
		e.ahead.put(waiting) // if it was told to end it is forgotten there
		return nil, err
	}
	e.ahead.started(waiting != nil && begun.line == waiting.line && waiting.ready)
	return begun, nil
}

// spec is what the keeper of an attempt is to do.
func (e *Executor) spec(b *berth, attempt executor.Attempt, script *prepared) (*keeper.Spec, error) {
	if err := e.furnish(b); err != nil {
		return nil, err
	}
	params := attempt.Params
	if len(params) == 0 {
		params = []byte("{}")
	}
	if err := b.write(keeper.FileParams, params); err != nil {
		return nil, err
	}
	if err := script.link(b); err != nil {
		return nil, err
	}
	argv, err := script.argv(attempt.Script.Command, e.options.Python)
	if err != nil {
		return nil, err
	}
	spec := &keeper.Spec{
		Argv:      argv,
		Env:       e.environment(b, attempt, script),
		Directory: b.file(keeper.Work),
		Stdin:     b.file(keeper.FileParams),
		Measured:  b.file(keeper.Box),
		Read:      slices.Concat(keeper.System(), e.options.Read, []string{"/proc/self", script.directory, b.file(keeper.FileParams)}),
		Write:     []string{b.file(keeper.Box)},
		User:      b.id,
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
func (e *Executor) environment(b *berth, attempt executor.Attempt, script *prepared) []string {
	variables := map[string]string{
		"PATH": e.options.Path, "HOME": b.file(keeper.Work), "TMPDIR": b.file(keeper.Temp), "LANG": "C.UTF-8", "PWD": b.file(keeper.Work),
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
		executor.EnvWork:      b.file(keeper.Work),
		executor.EnvParams:    b.file(keeper.FileParams),
		executor.EnvResults:   b.file(keeper.Results),
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

// launch gives an attempt with its locks to a keeper: the one that waits, or else a new one.
func (e *Executor) launch(b *berth, spec *keeper.Spec, waiting *waiting) (*line, error) {
	said, err := os.OpenFile(b.file(keeper.FileErrors), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	defer said.Close()
	user := b.user
	if user == nil {
		user = said
	}
	if err := e.strict(spec, b.directory); err != nil {
		return nil, err
	}
	if err := keeper.WriteFile(b.file(keeper.FileSpec), spec); err != nil {
		return nil, err
	}
	hand := func(to *line) error {
		err := keeper.Give(to.file, b.directory, b.lock, user, said)
		if err != nil {
			_ = to.process.Kill() // it is waited for
		}
		return err
	}
	begun := waiting != nil && hand(waiting.line) == nil && waiting.took()
	if waiting != nil && !begun { // it has ended, maybe just after it had begun
		_, err := os.Stat(b.file(keeper.FileState))
		begun = err == nil
	}
	if begun {
		return waiting.line, nil
	}
	fresh, err := startKeeper(said, spec.Root == "")
	if err != nil {
		return nil, err
	}
	// If it ends before it takes it the attempt was never begun, which its directory says.
	return fresh, hand(fresh)
}
