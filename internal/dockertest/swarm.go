//go:build linux

package dockertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Swarm makes the engine the only node of a swarm, which listens on an address of its own of the loopback, and gives it a network by which tasks reach this machine at the address that is returned, and
// nothing else.
func (e *Engine) Swarm(name string) (address string, err error) {
	api, err := e.API()
	if err != nil {
		return "", err
	}
	defer api.Close()
	ctx := context.Background()
	own := fmt.Sprintf("127.%d.%d.%d", 1+mathrand.IntN(250), mathrand.IntN(250), 1+mathrand.IntN(250))                                                                        //nolint:gosec // no secret
	if _, err := api.SwarmInit(ctx, client.SwarmInitOptions{ListenAddr: own + ":2377", AdvertiseAddr: own, DataPathPort: uint32(20000 + mathrand.IntN(20000))}); err != nil { //nolint:gosec // as above
		return "", fmt.Errorf("make a swarm: %w", err)
	}
	e.bridge = "fwt-" + strings.ToLower(rand.Text()[:8])
	const attempts = 20 // other tests make such networks, too
	for range attempts {
		subnet := block()
		if used(subnet) {
			continue
		}
		gateway := subnet.Addr().Next()
		// A network of a swarm whose driver knows nothing of other nodes takes its addresses from one of each node.
		_, made := api.NetworkCreate(ctx, name+"-of-node", client.NetworkCreateOptions{
			ConfigOnly: true, Options: map[string]string{"com.docker.network.bridge.name": e.bridge},
			IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet, Gateway: gateway}}},
		})
		if made == nil {
			_, made = api.NetworkCreate(ctx, name, client.NetworkCreateOptions{Driver: "bridge", Scope: "swarm", Internal: true, ConfigFrom: name + "-of-node"})
		}
		if made == nil {
			return gateway.String(), nil
		}
		err = errors.Join(err, made)
	}
	return "", fmt.Errorf("make the network %s: %w", name, err)
}
