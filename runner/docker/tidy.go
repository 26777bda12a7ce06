package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// touch says that a version is used now, where that was last said a while ago.
func touch(used string) error {
	info, err := os.Stat(used)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.WriteFile(used, nil, 0o600)
	case err == nil && time.Since(info.ModTime()) > touchEvery:
		now := time.Now()
		err = os.Chtimes(used, now, now)
	}
	if err != nil {
		return fmt.Errorf("say that the script is used: %w", err)
	}
	return nil
}

// tidy removes images of versions that this runner made or used, and that nobody has wanted for as long as they are kept. One that a container
// has the engine keeps. It is done when another was made, since that is when there are more of them.
func (e *Executor) tidy(ctx context.Context) error {
	versions := filepath.Join(e.options.Directory, "versions")
	entries, err := os.ReadDir(versions)
	if err != nil {
		return fmt.Errorf("look for versions that nobody wants: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) <= e.options.Keep || executor.CheckName(entry.Name()) != nil {
			continue
		}
		errs = append(errs, e.discard(ctx, versions, entry.Name()))
	}
	return errors.Join(errs...)
}

// discard removes the image of one version.
func (e *Executor) discard(ctx context.Context, versions, version string) error {
	unlock, err := e.locks.lock(ctx, "version "+version)
	if err != nil {
		return err
	}
	defer unlock()
	used := filepath.Join(versions, version)
	if info, err := os.Stat(used); err != nil || time.Since(info.ModTime()) <= e.options.Keep {
		return nil // somebody wanted it meanwhile
	}
	_, err = e.engine.ImageRemove(ctx, imageName(version), client.ImageRemoveOptions{PruneChildren: true})
	switch {
	case errdefs.IsConflict(err):
		return nil
	case err != nil && !errdefs.IsNotFound(err):
		return fmt.Errorf("remove the image of version %s: %w", version, e.explain(err))
	}
	if err := os.Remove(used); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the image of version %s: %w", version, err)
	}
	return nil
}
