// Package client says by what clients are counted that nothing but their address tells apart.
package client

import "net/netip"

// Network returns the part of an address that one customer has: all of an IPv4 address, and 64 bits of an IPv6 address.
func Network(from netip.Addr) string {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		network, _ := from.Prefix(64) // never fails: there are 128 bits
		return network.String()
	}
	return from.String()
}
