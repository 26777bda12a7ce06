package upstream

import (
	"errors"
	"net/netip"
	"testing"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	for address, refused := range map[string]bool{
		"127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true, "169.254.169.254": true, "fe80::1": true, "fe80::1%eth0": true,
		"0.0.0.0": true, "0.1.2.3": true, "::": true, "224.0.0.1": true, "ff02::1": true, "fd00:ec2::254": true, "100.100.100.200": true,
		"64:ff9b::a9fe:a9fe": true, "2002:7f00:1::": true, "::7f00:1": true, "168.63.129.16": true,
		"10.0.0.1": false, "192.168.1.1": false, "93.184.216.34": false, "2606:2800:220:1::1": false, "64:ff9b::5db8:d822": false, "fd12::1": false,
	} {
		got := guard("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 80).String(), nil)
		if errors.Is(got, ErrInside) != refused {
			t.Errorf("%s: %v, refused should be %t", address, got, refused)
		}
	}
	if guard("tcp", "not an address", nil) == nil {
		t.Error("nonsense is let through")
	}
}
