package swarm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/far"
)

// Labels of services and secrets.
const (
	labelAttempt = "fairway.attempt"
	labelRunner  = "fairway.runner" // whose it is
	labelEnd     = "fairway.end"    // an order, once there is one
)

// patience is how long a manager may take to answer.
const patience = time.Minute

// Executor runs attempts as jobs. What it knows of them is kept by the swarm.
type Executor struct {
	options     Options
	user, group string
	runner      string // what its services are known by
	engine      *client.Client
	handover    far.Handover
	versions    *far.Versions
}

// New makes an executor, or says what is missing: a swarm, or its network.
func New(ctx context.Context, options Options, handover far.Handover) (*Executor, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	e := &Executor{options: options, handover: handover}
	if e.user, e.group, err = options.user(); err != nil {
		return nil, err
	}
	if e.versions, err = far.NewVersions(filepath.Join(options.Directory, "versions"), options.images()); err != nil {
		return nil, err //nolint:wrapcheck // it says what it is
	}
	if e.runner, err = far.RunnerName(options.Directory); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	if e.engine, err = client.New(client.WithTLSClientConfigFromEnv(), client.WithHost(options.Host), client.WithUserAgent("fairway")); err != nil {
		return nil, fmt.Errorf("host %s: %w", options.Host, err)
	}
	if err := errors.Join(e.check(ctx), e.sweep(ctx)); err != nil {
		return nil, errors.Join(err, e.engine.Close())
	}
	return e, nil
}

// sweep removes secrets whose services were not made, since this runner ended before it made them.
func (e *Executor) sweep(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	secrets, err := e.engine.SecretList(ctx, client.SecretListOptions{Filters: make(client.Filters).Add("label", labelRunner+"="+e.runner)})
	if err != nil {
		return e.explain(err)
	}
	for _, item := range secrets.Items {
		_, _ = e.engine.SecretRemove(ctx, item.ID, client.SecretRemoveOptions{}) // the swarm refuses if a service has it
	}
	return nil
}

// check says what the engine lacks.
func (e *Executor) check(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if _, err := e.engine.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return e.explain(err)
	}
	found, err := e.engine.Info(ctx, client.InfoOptions{})
	if err != nil {
		return e.explain(err)
	}
	if !found.Info.Swarm.ControlAvailable {
		return &executor.LevelError{Level: executor.Standard, Missing: []string{"the engine at " + e.options.Host + " is no manager of a swarm (docker swarm init)"}}
	}
	network, err := e.engine.NetworkInspect(ctx, e.options.Network, client.NetworkInspectOptions{})
	if errdefs.IsNotFound(err) || err == nil && network.Network.Scope != "swarm" {
		return &executor.LevelError{Level: executor.Standard, Missing: []string{"the swarm has no network " + e.options.Network + " (docker network create --scope swarm --internal)"}}
	}
	if err != nil {
		return e.explain(err)
	}
	return nil
}

// awayError is one of a manager that does not answer.
type awayError struct{ error }

// Is makes it executor.ErrAway.
func (awayError) Is(target error) bool { return target == executor.ErrAway }

func (e awayError) Unwrap() error { return e.error }

// explain says which manager an error is about, and whether it is away: also a swarm whose managers have lost each other is.
func (e *Executor) explain(err error) error {
	explained := fmt.Errorf("the manager at %s: %w", e.options.Host, err)
	if client.IsErrConnectionFailed(err) || errdefs.IsUnavailable(err) || errors.Is(err, context.DeadlineExceeded) {
		return awayError{explained}
	}
	return explained
}

// Prepare looks at a version.
func (e *Executor) Prepare(ctx context.Context, script executor.Script, _ func(string)) error {
	return e.versions.Prepare(ctx, script) //nolint:wrapcheck // it says what it is
}

// Attach gives an attempt that was begun, by whichever runner.
func (e *Executor) Attach(ctx context.Context, id string) (executor.Run, error) {
	if executor.CheckName(id) != nil {
		return nil, executor.ErrUnknown
	}
	r := &run{executor: e, id: id}
	if _, err := r.service(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// services are those of this runner.
func (e *Executor) services(ctx context.Context) ([]swarm.Service, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	found, err := e.engine.ServiceList(ctx, client.ServiceListOptions{Filters: make(client.Filters).Add("label", labelRunner+"="+e.runner)})
	if err != nil {
		return nil, e.explain(err)
	}
	return found.Items, nil
}

// Attempts lists what this runner began and did not forget.
func (e *Executor) Attempts(ctx context.Context) ([]string, error) {
	found, err := e.services(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(found))
	for _, item := range found {
		if id := item.Spec.Labels[labelAttempt]; executor.CheckName(id) == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Forget removes an attempt's service and its secret, and throws its results away. Nodes keep the containers of jobs that have ended; the manager's own is removed here.
func (e *Executor) Forget(ctx context.Context, id string) error {
	if executor.CheckName(id) != nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	t, err := (&run{executor: e, id: id}).task(ctx)
	if err != nil {
		return err
	}
	_, err = e.engine.ServiceRemove(ctx, far.Name(id), client.ServiceRemoveOptions{})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove attempt %s: %w", id, e.explain(err))
	}
	_, err = e.engine.SecretRemove(ctx, far.Name(id), client.SecretRemoveOptions{})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove the secret of attempt %s: %w", id, e.explain(err))
	}
	if t != nil && t.Status.ContainerStatus != nil && t.Status.ContainerStatus.ContainerID != "" {
		_, err = e.engine.ContainerRemove(ctx, t.Status.ContainerStatus.ContainerID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) { // it is another node's, or the swarm is at it
			return fmt.Errorf("remove the container of attempt %s: %w", id, e.explain(err))
		}
	}
	e.sweepVolumes(ctx)
	return e.handover.Remove(ctx, id) //nolint:wrapcheck // it says what it is
}

// sweepVolumes removes volumes of the manager's own node that nothing has: engines make each one twice, and one of the two for nobody.
func (e *Executor) sweepVolumes(ctx context.Context) {
	found, err := e.engine.VolumeList(ctx, client.VolumeListOptions{Filters: make(client.Filters).Add("dangling", "true").Add("label", labelRunner+"="+e.runner)})
	if err != nil {
		return // the next one does it
	}
	for _, item := range found.Items {
		_, _ = e.engine.VolumeRemove(ctx, item.Name, client.VolumeRemoveOptions{}) // the engine refuses if a container has it
	}
}

// Close gives back what is held in this process. Jobs go on.
func (e *Executor) Close() error {
	return e.engine.Close() //nolint:wrapcheck // it says what it is
}

// Interface guards.
var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Run      = (*run)(nil)
	_ far.Log           = (*run)(nil)
)
