package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Labels of images and containers.
const (
	labelVersion  = "fairway.version"  // of an image: the version it was made of
	labelRecipe   = "fairway.recipe"   // of an image: what it was made with
	labelEntry    = "fairway.entry"    // of an image: executor.Entry
	labelShell    = "fairway.shell"    // of an image: that it has one
	labelSite     = "fairway.site"     // of an image: that packages were installed
	labelStep     = "fairway.step"     // of all that an engine makes on the way to an image
	labelAttempt  = "fairway.attempt"  // of a container
	labelRunner   = "fairway.runner"   // of a container: whose it is
	labelProbe    = "fairway.probe"    // of a container that is never run: the runner that looks into an image
	labelDeadline = "fairway.deadline" // of a container: when it is killed, whoever is there
	labelLimits   = "fairway.limits"   // of a container: executor.Limits
)

// Executor runs attempts as containers. What it knows is kept by the engine.
type Executor struct {
	options     Options
	user, group int
	runner      string // what its containers are known by
	engine      *client.Client
	ctx         context.Context //nolint:containedctx // of what goes on between calls: until Close
	stop        context.CancelFunc
	all         sync.WaitGroup // what goes on between calls
	locks       locks
	deadlines   deadlines
	pokes       time.Duration // pokeEvery; tests have less
	neverBegun  time.Duration // neverBegun; tests have less
}

// New makes an executor, or says what is missing: the engine, or something that it has to have.
func New(ctx context.Context, options Options) (*Executor, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	e := &Executor{options: options, locks: newLocks(), deadlines: newDeadlines(), pokes: pokeEvery, neverBegun: neverBegun}
	if e.user, e.group, err = options.user(); err != nil {
		return nil, err
	}
	e.engine, err = client.New(client.WithTLSClientConfigFromEnv(), client.WithHost(options.Host), client.WithUserAgent("fairway"))
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", options.Host, err)
	}
	if err := e.check(ctx); err != nil {
		return nil, errors.Join(err, e.engine.Close())
	}
	for _, name := range []string{"", "versions", "builds"} {
		if err := os.MkdirAll(filepath.Join(options.Directory, name), 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("make the executor's directory: %w", err), e.engine.Close())
		}
	}
	if e.runner, err = runnerName(filepath.Join(options.Directory, "runner")); err != nil {
		return nil, errors.Join(err, e.engine.Close())
	}
	e.ctx, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	e.all.Go(e.keepDeadlines)
	return e, nil
}

// runnerName is a random name that a file keeps.
func runnerName(path string) (string, error) {
	for range 2 {
		text, err := os.ReadFile(path)
		if err == nil && executor.CheckName(string(text)) == nil {
			return string(text), nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("read the runner's name: %w", err)
		}
		temporary, err := os.CreateTemp(filepath.Dir(path), ".runner-")
		if err != nil {
			return "", fmt.Errorf("write the runner's name: %w", err)
		}
		_, err = temporary.WriteString(rand.Text())
		err = errors.Join(err, temporary.Close())
		// Who comes first gives the name. One that was spoilt is replaced.
		if text == nil {
			if linked := os.Link(temporary.Name(), path); !errors.Is(linked, fs.ErrExist) {
				err = errors.Join(err, linked)
			}
		} else {
			err = errors.Join(err, os.Rename(temporary.Name(), path))
		}
		_ = os.Remove(temporary.Name())
		if err != nil {
			return "", fmt.Errorf("write the runner's name: %w", err)
		}
	}
	return "", fmt.Errorf("the runner's name in %s cannot be one", path)
}

// check says what the engine lacks. A limit that it would take no notice of is one that scripts do not have.
func (e *Executor) check(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	if _, err := e.engine.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return e.explain(err)
	}
	found, err := e.engine.Info(ctx, client.InfoOptions{})
	if err != nil {
		return e.explain(err)
	}
	var missing []string
	for what, is := range map[string]bool{
		"containers of Linux": found.Info.OSType == "linux",
		"limits of memory":    found.Info.MemoryLimit,
		"limits of processes": found.Info.PidsLimit,
		"limits of processor": found.Info.CPUCfsQuota && found.Info.CPUCfsPeriod,
		"a filter of system calls (seccomp)": slices.ContainsFunc(found.Info.SecurityOptions, func(option string) bool {
			return strings.HasPrefix(option, "name=seccomp") && !strings.Contains(option, "profile=unconfined")
		}),
	} {
		if !is {
			missing = append(missing, "the engine at "+e.options.Host+" has no "+what)
		}
	}
	if _, is := found.Info.Runtimes[e.options.Runtime]; e.options.Runtime != "" && !is {
		missing = append(missing, fmt.Sprintf("the engine at %s has no runtime %s", e.options.Host, e.options.Runtime))
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return &executor.LevelError{Level: executor.Standard, Missing: missing}
	}
	return nil
}

// containerName is an attempt's.
func containerName(id string) string { return "fairway-" + id }

// Attach gives an attempt that was begun, by whichever runner.
func (e *Executor) Attach(ctx context.Context, id string) (executor.Run, error) {
	if executor.CheckName(id) != nil {
		return nil, executor.ErrUnknown
	}
	r := &run{executor: e, id: id}
	found, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	e.watch(found)
	return r, nil
}

// Attempts lists what this runner began and did not forget.
func (e *Executor) Attempts(ctx context.Context) ([]string, error) {
	found, err := e.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", labelRunner+"="+e.runner)})
	if err != nil {
		return nil, e.explain(err)
	}
	ids := make([]string, 0, len(found.Items))
	for _, item := range found.Items {
		if id := item.Labels[labelAttempt]; executor.CheckName(id) == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Forget removes an attempt's container, with what it has in it and its volume.
func (e *Executor) Forget(ctx context.Context, id string) error {
	if executor.CheckName(id) != nil {
		return nil
	}
	unlock, err := e.locks.lock(ctx, "start "+id)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		_, err := e.engine.ContainerRemove(ctx, containerName(id), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		switch {
		case err == nil, errdefs.IsNotFound(err):
			e.deadlines.remove(id)
			_, err = e.engine.VolumeRemove(ctx, containerName(id), client.VolumeRemoveOptions{})
			if err != nil && !errdefs.IsNotFound(err) {
				return fmt.Errorf("remove attempt %s: %w", id, e.explain(err))
			}
			return nil
		case !errdefs.IsConflict(err):
			return fmt.Errorf("remove attempt %s: %w", id, e.explain(err))
		}
		// Somebody else is at it.
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// Close gives back what is held in this process. Containers go on, and so does what the engine was asked to end.
func (e *Executor) Close() error {
	e.stop()
	e.all.Wait()
	return e.engine.Close() //nolint:wrapcheck // it says what it is
}

// sleep waits for a while, or for the context.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Interface guards.
var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Run      = (*run)(nil)
	_ executor.Output   = (*output)(nil)
)
