package docker

import (
	"context"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Create makes the container of an attempt and does not start it.
func (e *Executor) Create(ctx context.Context, attempt executor.Attempt) error {
	_, err := e.create(ctx, attempt)
	return err
}

// PokeEvery sets how often the engine is made to look.
func (e *Executor) PokeEvery(pause time.Duration) { e.pokes = pause }

// Trace leaves in the volume what is there when a container was to be started, and when what runs in it has begun.
func (e *Executor) Trace(ctx context.Context, id string, begun bool) error {
	at := traceless()
	if begun {
		at = time.Now()
	}
	r := &run{executor: e, id: id}
	return r.put(ctx, file{name: nameParams, mode: 0o444, text: []byte("{}"), at: traceless()}, file{name: nameResults, mode: 0o600, user: e.user, group: e.group, at: at},
		file{name: nameExit, mode: 0o600, user: e.user, group: e.group})
}

// Exited leaves in the volume what the shell has written that waited for the script.
func (e *Executor) Exited(ctx context.Context, id, text string) error {
	r := &run{executor: e, id: id}
	return r.put(ctx, file{name: nameExit, mode: 0o600, user: e.user, group: e.group, text: []byte(text)})
}

// NeverBegun sets how old a container is that nobody will start.
func (e *Executor) NeverBegun(age time.Duration) { e.neverBegun = age }

// Sweep removes what is left of what was old enough at a time.
func (e *Executor) Sweep(ctx context.Context, now time.Time) { e.sweep(ctx, now) }

// ImageOf is the image that a script with an environment runs in.
func (o Options) ImageOf(environment, version string) (string, error) {
	complete, err := o.complete()
	if err != nil {
		return "", err
	}
	return complete.image(environment, version)
}

// ParseMessage reads a message of the engine's log.
func ParseMessage(stream byte, message []byte) (executor.Record, error) {
	return parseMessage(stream, message)
}
