package docker

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// neverBegun is how old a container is at least that was made and not started, before it is said that nobody will.
const neverBegun = 2 * time.Minute

// run is an attempt; all that it knows is its name.
type run struct {
	executor *Executor
	id       string
}

func (r *run) ID() string { return r.id }

func (r *run) name() string { return containerName(r.id) }

// inspect asks the engine what it knows, or says executor.ErrUnknown.
func (r *run) inspect(ctx context.Context) (container.InspectResponse, error) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	found, err := r.executor.engine.ContainerInspect(ctx, r.name(), client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return container.InspectResponse{}, executor.ErrUnknown
	}
	if err != nil {
		return container.InspectResponse{}, fmt.Errorf("look at attempt %s: %w", r.id, r.executor.explain(err))
	}
	c := found.Container
	if c.State == nil || c.Config == nil || c.Config.Labels[labelAttempt] != r.id {
		return container.InspectResponse{}, fmt.Errorf("the container %s is no attempt's", r.name())
	}
	return c, nil
}

// limitsOf are those that a container was made with.
func limitsOf(labels map[string]string) executor.Limits {
	var limits executor.Limits
	_ = json.Unmarshal([]byte(labels[labelLimits]), &limits) // it is ours
	return limits.WithDefaults()
}

// Wait waits until the container has ended. An engine that is away, or started anew, is no end.
func (r *run) Wait(ctx context.Context) (executor.Exit, error) {
	away := false
	looking, stop := context.WithCancel(ctx)
	defer stop()
	r.executor.all.Go(func() { r.poke(looking) })
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		exit, is, err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
			return executor.Exit{}, ctx.Err()
		case err == nil && is:
			if away && exit.Outcome == executor.Failed && (exit.Signal == "SIGTERM" || exit.Signal == "SIGKILL" || exit.Code == 255) {
				exit.Outcome, exit.Reason = executor.Lost, "the engine was ended, and it with that; an engine with live-restore leaves scripts alone"
			}
			return exit, nil
		case errors.Is(err, executor.ErrUnknown):
			return executor.Exit{}, err
		case err == nil && r.await(ctx):
			pause = 10 * time.Millisecond
		default:
			away = true
		}
		if err := sleep(ctx, pause); err != nil {
			return executor.Exit{}, err
		}
	}
}

// await waits until the engine says that the container does not run; false: it does not say.
func (r *run) await(ctx context.Context) bool {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	waiting := r.executor.engine.ContainerWait(ctx, r.name(), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-waiting.Result:
		return true
	case err := <-waiting.Error:
		return err == nil
	case <-ctx.Done():
		// One of them comes then.
		select {
		case <-waiting.Result:
		case err := <-waiting.Error:
			return err == nil
		}
	}
	return false
}

// request is why a run was ended by others.
type request struct {
	Cause  executor.Cause `json:"cause"`
	Reason string         `json:"reason"`
}

// cause reads why somebody wanted the run to end, if anybody did.
func (r *run) cause(ctx context.Context) (asked request, is bool, err error) {
	body, err := r.open(ctx, nameCause, 1<<16)
	if errors.Is(err, executor.ErrNoResults) {
		return request{}, false, nil
	}
	if err != nil {
		return request{}, false, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&asked); err != nil {
		return request{}, false, fmt.Errorf("why attempt %s was ended: %w", r.id, r.executor.explain(err))
	}
	return asked, true, nil
}

// Cancel has the engine ask, and kill after the grace, which it does without us.
func (r *run) Cancel(ctx context.Context, cause executor.Cause) error {
	return r.end(ctx, cause, false, false)
}

// Kill does so without grace.
func (r *run) Kill(ctx context.Context, cause executor.Cause) error {
	return r.end(ctx, cause, false, true)
}

// end keeps the first cause, and has the engine end the container. What has ended, or is unknown, is left alone.
func (r *run) end(ctx context.Context, cause executor.Cause, deadline, now bool) error {
	unlock, err := r.executor.locks.lock(ctx, "end "+r.id)
	if err != nil {
		return err
	}
	defer unlock()
	found, err := r.inspect(ctx)
	if errors.Is(err, executor.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	if ended(found.State) {
		return nil
	}
	limits := limitsOf(found.Config.Labels)
	_, asked, err := r.cause(ctx)
	if err != nil {
		return err
	}
	if !asked {
		asked := request{Cause: cause, Reason: map[executor.Cause]string{executor.CauseCancel: "it was cancelled", executor.CauseTimeout: "it took too long"}[cause]}
		switch {
		case deadline:
			asked.Reason = fmt.Sprintf("it took longer than %s", limits.Timeout)
		case asked.Reason == "":
			asked.Reason = "its runner does not hold it any more"
		}
		text, err := json.Marshal(asked)
		if err != nil {
			return fmt.Errorf("end attempt %s: %w", r.id, err)
		}
		if err := r.put(ctx, file{name: nameCause, mode: 0o400, text: text}); err != nil {
			return err
		}
	}
	if now {
		_, err := r.executor.engine.ContainerKill(ctx, r.name(), client.ContainerKillOptions{Signal: "SIGKILL"})
		if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) { // a conflict: it does not run
			return fmt.Errorf("kill attempt %s: %w", r.id, r.executor.explain(err))
		}
		return nil
	}
	return r.stop(ctx, limits.Grace)
}

// stop hands the engine the request to stop the container, and leaves it alone with that.
func (r *run) stop(ctx context.Context, grace time.Duration) error { //nolint:contextcheck // the request outlives ctx
	e := r.executor
	sent := make(chan struct{})
	var once sync.Once
	failed := make(chan error, 1)
	// An answer comes when the container has ended. The engine goes on without anybody who waits for it.
	asking := httptrace.WithClientTrace(e.ctx, &httptrace.ClientTrace{WroteRequest: func(told httptrace.WroteRequestInfo) {
		if told.Err == nil {
			once.Do(func() { close(sent) })
		}
	}})
	seconds := int((grace + time.Second - 1) / time.Second)
	e.all.Go(func() {
		_, err := e.engine.ContainerStop(asking, r.name(), client.ContainerStopOptions{Timeout: &seconds})
		failed <- err
	})
	select {
	case <-sent:
		return nil
	case err := <-failed:
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("end attempt %s: %w", r.id, e.explain(err))
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Results opens the file for results in the volume.
func (r *run) Results(ctx context.Context) (io.ReadCloser, error) {
	found, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	if !ended(found.State) && found.State.Status != container.StateCreated {
		return nil, fmt.Errorf("attempt %s has not ended", r.id)
	}
	return r.open(ctx, nameResults, limitsOf(found.Config.Labels).Results)
}

// open opens a file of the volume that has so many bytes at most. One that is not there, or is empty, is executor.ErrNoResults.
func (r *run) open(ctx context.Context, name string, most int64) (io.ReadCloser, error) {
	copied, err := r.executor.engine.CopyFromContainer(ctx, r.name(), client.CopyFromContainerOptions{SourcePath: path.Join(placeIO, name)})
	if errdefs.IsNotFound(err) {
		if strings.Contains(err.Error(), "No such container") && !strings.Contains(err.Error(), ":/") {
			return nil, executor.ErrUnknown
		}
		return nil, executor.ErrNoResults
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of attempt %s: %w", name, r.id, r.executor.explain(err))
	}
	archive := tar.NewReader(copied.Content)
	header, err := archive.Next()
	switch {
	case errors.Is(err, io.EOF):
		err = executor.ErrNoResults
	case err != nil:
		err = fmt.Errorf("read %s of attempt %s: %w", name, r.id, r.executor.explain(err))
	case header.Typeflag != tar.TypeReg:
		err = fmt.Errorf("%w: there is no file in their place", executor.ErrNoResults)
	case header.Size == 0:
		err = executor.ErrNoResults
	case header.Size > most:
		err = &tooLongError{header.Size, most}
	default:
		return &opened{run: r, archive: archive, Closer: copied.Content}, nil
	}
	copied.Content.Close()
	return nil, err
}

// tooLongError says that a script has left more than it may.
type tooLongError struct{ size, most int64 }

func (e *tooLongError) Error() string {
	return fmt.Sprintf("the results have %d bytes, more than %d", e.size, e.most)
}

// opened is a file of an archive.
type opened struct {
	run     *run
	archive *tar.Reader
	io.Closer
}

// Read implements io.Reader.
func (o *opened) Read(into []byte) (int, error) {
	n, err := o.archive.Read(into)
	if err != nil && err != io.EOF { //nolint:errorlint // the end itself
		err = o.run.executor.explain(err)
	}
	return n, err //nolint:wrapcheck // io.EOF means something
}
