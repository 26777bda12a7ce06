package upstream

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrInside is the refusal of a guarded backend to connect to an address that only this machine, its link or its cloud can mean.
var ErrInside = errors.New("the name leads to an address of this machine or its network's own services, which is not listed")

// guard is a net.Dialer's Control: it looks at what a name was resolved to, just before the connection is made, so that
// no later answer of the name server can differ.
func guard(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("no address: %w", err)
	}
	if inside(at.Addr()) {
		return ErrInside
	}
	return nil
}

// Outward is a net.Dialer's Control for addresses that callers choose: beside what a guarded backend refuses it refuses private
// networks and what is reserved, but for the addresses that are allowed.
func Outward(allowed []netip.Prefix) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("no address: %w", err)
		}
		a := at.Addr().Unmap().WithZone("")
		for _, p := range allowed {
			if p.Contains(a) {
				return nil
			}
		}
		if inside(a) || private(a) {
			return ErrInside
		}
		return nil
	}
}

// private says whether an address is of a private or reserved network, also where it is written within an IPv6 address.
func private(a netip.Addr) bool {
	if a.IsPrivate() {
		return true
	}
	for _, p := range []string{"100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "fec0::/10", "64:ff9b:1::/48", "2001::/32"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	if v4, ok := embedded(a); ok {
		return private(v4)
	}
	return false
}

// embedded is the IPv4 address in an IPv6 one: NAT64 (RFC 6052), 6to4 (RFC 3056), and those written with zeros before.
func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	for prefix, at := range map[netip.Prefix]int{
		netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2, netip.MustParsePrefix("::/96"): 12,
	} {
		if prefix.Contains(a) {
			return netip.AddrFrom4([4]byte(b[at : at+4])), true
		}
	}
	return netip.Addr{}, false
}

// inside says whether an address is of loopback, link-local, unspecified or multicast, or that of a cloud's metadata.
func inside(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return true
	}
	switch a.String() {
	case "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16":
		return true
	}
	if v4, ok := embedded(a); ok {
		return inside(v4)
	}
	return a.Is4() && a.As4()[0] == 0
}
