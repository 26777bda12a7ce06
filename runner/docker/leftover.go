package docker

import (
	"context"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// leftoverAge is how old is at least what is removed because nobody has: longer than it takes to look into an image, or to write down a step of a build.
const leftoverAge = time.Minute

// sweep removes what was left by runners and engines that ended while they made an image or removed an attempt. What is wrongly removed is made again.
func (e *Executor) sweep(ctx context.Context, now time.Time) {
	for _, label := range []string{labelProbe, labelStep} {
		found, err := e.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", label)})
		if err != nil {
			return // it is tried again
		}
		for _, item := range found.Items {
			// Attempts have the labels of their image, too. Dead is what an engine could not remove to the end.
			if item.Labels[labelAttempt] != "" || item.State != container.StateCreated && item.State != container.StateDead || now.Sub(time.Unix(item.Created, 0)) < leftoverAge {
				continue
			}
			_, _ = e.engine.ContainerRemove(ctx, item.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
	}
	e.sweepUnbegun(ctx, now)
	e.sweepVolumes(ctx, now)
}

// sweepVolumes removes volumes of attempts that have no container any more, as after an engine ended while it removed or made one. Of one that it made just then it may not know the labels.
func (e *Executor) sweepVolumes(ctx context.Context, now time.Time) {
	found, err := e.engine.VolumeList(ctx, client.VolumeListOptions{Filters: make(client.Filters).Add("dangling", "true")})
	if err != nil {
		return
	}
	for _, item := range found.Items {
		made, err := time.Parse(time.RFC3339Nano, item.CreatedAt)
		nameless := len(item.Labels) == 0 && strings.HasPrefix(item.Name, containerName("")) && err == nil && now.Sub(made) >= leftoverAge
		if item.Labels[labelRunner] == e.runner || nameless {
			_, _ = e.engine.VolumeRemove(ctx, item.Name, client.VolumeRemoveOptions{}) // the engine refuses if a container has it
		}
	}
}

// sweepUnbegun removes containers of this runner's attempts that nobody will start any more: the engine may make one when the runner that asked for it has been
// killed, and the next one has seen that there was none. Whoever would start it all the same makes another.
func (e *Executor) sweepUnbegun(ctx context.Context, now time.Time) {
	found, err := e.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", labelRunner+"="+e.runner).Add("status", string(container.StateCreated))})
	if err != nil {
		return
	}
	for _, item := range found.Items {
		id := item.Labels[labelAttempt]
		if executor.CheckName(id) != nil || now.Sub(time.Unix(item.Created, 0)) < neverBegun+leftoverAge/2 {
			continue
		}
		unlock, err := e.locks.lock(ctx, "start "+id)
		if err != nil {
			return
		}
		_, _ = e.engine.ContainerRemove(ctx, item.ID, client.ContainerRemoveOptions{RemoveVolumes: true}) // the engine refuses if it was started
		unlock()
	}
}
