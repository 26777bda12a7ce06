//go:build linux

package dockertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
)

// StartBridged is Start for what users do with an engine: containers are in a network unless they say otherwise, their ports are published, and further networks
// may be made. As with Network, there is no way out of any, and the machine's rules for packets stay as they are.
func StartBridged(options ...string) (*Engine, error) {
	const attempts = 20 // other tests make such networks, too
	var errs []error
	for range attempts {
		usual, others := block(), block()
		if used(usual) || used(others) || usual == others {
			continue
		}
		bridge := fmt.Sprintf("fwbridge%06x", rand.IntN(1<<24)) //nolint:gosec // no secret
		if err := device(bridge, netip.PrefixFrom(usual.Addr().Next(), usual.Bits())); err != nil {
			errs = append(errs, err)
			continue
		}
		e, err := Start(append([]string{"--bridge=" + bridge, "--default-address-pool=base=" + others.String() + ",size=27"}, options...)...)
		if err != nil {
			return nil, errors.Join(err, remove(bridge))
		}
		e.bridges = append(e.bridges, bridge)
		return e, nil
	}
	return nil, fmt.Errorf("make a bridge: %w", errors.Join(errs...))
}

// block is a block of addresses of those that nobody has.
func block() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(18 + rand.IntN(2)), byte(rand.IntN(256)), 0}), 24) //nolint:gosec // no secret
}

// device makes a bridge that has an address.
func device(name string, address netip.Prefix) error {
	for _, arguments := range [][]string{{"link", "add", name, "type", "bridge"}, {"address", "add", address.String(), "dev", name}, {"link", "set", name, "up"}} {
		if out, err := exec.CommandContext(context.Background(), "ip", arguments...).CombinedOutput(); err != nil {
			return errors.Join(fmt.Errorf("ip %v: %w: %s", arguments, err, out), remove(name))
		}
	}
	return nil
}

// remove removes a device, if it is there.
func remove(name string) error {
	if _, err := net.InterfaceByName(name); err == nil {
		return exec.CommandContext(context.Background(), "ip", "link", "delete", name).Run()
	}
	return nil
}
