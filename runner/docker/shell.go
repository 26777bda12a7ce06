package docker

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// hasShell says whether an image has /bin/sh.
func (e *Executor) hasShell(ctx context.Context, base image.InspectResponse) (bool, error) {
	places := map[string]string{} // what the image declares as volumes, for which the engine would make some
	if base.Config != nil {
		for place := range base.Config.Volumes {
			places[path.Clean(place)] = ""
		}
	}
	const tries = 5 // somebody who tidies up may remove it
	for range tries {
		made, err := e.engine.ContainerCreate(ctx, client.ContainerCreateOptions{
			Config:     &container.Config{Image: base.ID, Entrypoint: []string{"/bin/sh"}, Labels: map[string]string{labelProbe: e.runner}},
			HostConfig: &container.HostConfig{NetworkMode: "none", Tmpfs: places},
		})
		if err != nil {
			return false, fmt.Errorf("look into the image: %w", e.explain(err))
		}
		has, gone, err := e.look(ctx, made.ID)
		if !gone {
			return has, err
		}
	}
	return false, errors.New("look into the image: somebody removes the containers that this is done with")
}

// look looks for a shell in a container, and removes that.
func (e *Executor) look(ctx context.Context, id string) (has, gone bool, err error) {
	defer func() {
		_, _ = e.engine.ContainerRemove(context.WithoutCancel(ctx), id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}) // or sweep does it
	}()
	_, err = e.engine.ContainerStatPath(ctx, id, client.ContainerStatPathOptions{Path: "/bin/sh"})
	if errdefs.IsNotFound(err) {
		_, err = e.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		return false, errdefs.IsNotFound(err), e.failed(err)
	}
	return err == nil, false, e.failed(err)
}

// failed says that it cannot be looked into an image.
func (e *Executor) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("look into the image: %w", e.explain(err))
}
