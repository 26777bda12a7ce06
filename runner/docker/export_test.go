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
