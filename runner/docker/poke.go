package docker

import (
	"context"
	"time"

	"github.com/moby/moby/client"
)

// pokeEvery is how often an engine is made to look whether what it says runs is there. Engines hear of ends by messages of containerd, and one that was sent while
// that was started anew never comes: the container would run for ever. An engine that is to send it a signal finds out.
const pokeEvery = time.Minute

// poke does so until ctx ends. The signal is one that programs ignore unless they want it.
func (r *run) poke(ctx context.Context) {
	for sleep(ctx, r.executor.pokes) == nil {
		_, _ = r.executor.engine.ContainerKill(ctx, r.name(), client.ContainerKillOptions{Signal: "SIGURG"}) // what does not run is no concern
	}
}
