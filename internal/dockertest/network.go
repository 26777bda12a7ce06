//go:build linux

package dockertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Network makes a network of the engine by which its containers reach this machine at the address that is returned, and nothing else: it
// has no way out, and the machine's rules for packets stay as they are. The addresses are of those that were set apart for measuring
// networks (RFC 2544), which nobody has. Close removes it.
func (e *Engine) Network(name string) (address string, err error) {
	api, err := e.API()
	if err != nil {
		return "", err
	}
	defer api.Close()
	const attempts = 20 // other tests make such networks, too
	for range attempts {
		subnet := block()
		if used(subnet) {
			continue
		}
		gateway, bridge := subnet.Addr().Next(), fmt.Sprintf("fwnet%08x", rand.Uint32()) //nolint:gosec // no secret
		_, made := api.NetworkCreate(context.Background(), name, client.NetworkCreateOptions{
			Driver: "bridge", Internal: true, Options: map[string]string{"com.docker.network.bridge.name": bridge}, IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet, Gateway: gateway}}},
		})
		if made == nil {
			e.bridges = append(e.bridges, bridge)
			return gateway.String(), nil
		}
		err = errors.Join(err, made)
	}
	return "", fmt.Errorf("make the network %s: %w", name, err)
}

// used says whether the machine has an address of a subnet.
func used(subnet netip.Prefix) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Overlaps(subnet) {
			return true
		}
	}
	return false
}
