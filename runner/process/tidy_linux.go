//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// touch says that a version is used now, where that was last said a while ago.
func (p *prepared) touch() error {
	ready := filepath.Join(p.directory, nameReady)
	info, err := os.Stat(ready)
	if err == nil && time.Since(info.ModTime()) > touchEvery {
		now := time.Now()
		err = os.Chtimes(ready, now, now)
	}
	if err != nil {
		return fmt.Errorf("say that the script is used: %w", err)
	}
	return nil
}

// tidy removes versions that nobody has wanted for as long as they are kept, and that no attempt has. Whoever wants one again prepares it again.
// It is done when another version was made, since that is when there are more of them.
func (e *Executor) tidy(ctx context.Context) error {
	scripts := filepath.Join(e.options.Directory, "scripts")
	entries, err := os.ReadDir(scripts)
	if err != nil {
		return fmt.Errorf("look for versions that nobody wants: %w", err)
	}
	var old []string
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(scripts, entry.Name(), nameReady))
		if err == nil && time.Since(info.ModTime()) > e.options.Keep {
			old = append(old, entry.Name())
		}
	}
	if len(old) == 0 {
		return nil
	}
	used, err := e.used(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, version := range old {
		if !used[filepath.Join(scripts, version)] {
			errs = append(errs, e.discard(filepath.Join(scripts, version)))
		}
	}
	return errors.Join(errs...)
}

// used are the directories of versions that attempts have.
func (e *Executor) used(ctx context.Context) (map[string]bool, error) {
	ids, err := e.Attempts(ctx)
	if err != nil {
		return nil, err
	}
	used := make(map[string]bool)
	for _, id := range ids {
		var spec keeper.Spec
		if err := keeper.ReadFile(filepath.Join(e.directory(id), keeper.FileSpec), &spec); err != nil {
			continue // it has not begun, and will say so when it does
		}
		for _, path := range spec.Read {
			used[path] = true
		}
	}
	return used, nil
}

// discard removes a version, unless somebody has begun to want it.
func (e *Executor) discard(directory string) error {
	lock, err := acquire(directory + ".lock")
	if errors.Is(err, heldError{}) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	info, err := os.Stat(filepath.Join(directory, nameReady))
	if err != nil || time.Since(info.ModTime()) <= e.options.Keep {
		return nil
	}
	// Without this file it is not prepared, whatever is left of it when this is cut off.
	if err := os.Remove(filepath.Join(directory, nameReady)); err != nil {
		return fmt.Errorf("remove a version that nobody wants: %w", err)
	}
	return removeAll(directory)
}
