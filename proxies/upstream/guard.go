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
	if a.Is6() { // an IPv4 address inside: NAT64 (RFC 6052), 6to4 (RFC 3056), and those written with zeros before
		b := a.As16()
		for prefix, at := range map[netip.Prefix]int{
			netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2, netip.MustParsePrefix("::/96"): 12,
		} {
			if prefix.Contains(a) {
				return inside(netip.AddrFrom4([4]byte(b[at : at+4])))
			}
		}
	}
	return a.Is4() && a.As4()[0] == 0
}
