package webhook

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every range that must never be dialled, at both of its edges.
func TestA28_ReservedRangesAreRefusedAtBothEdges(t *testing.T) {
	for _, r := range []struct{ name, first, last string }{
		{"this network", "0.0.0.0", "0.255.255.255"},
		{"private 10/8", "10.0.0.0", "10.255.255.255"},
		{"shared, and the metadata of one cloud", "100.64.0.0", "100.127.255.255"},
		{"loopback", "127.0.0.0", "127.255.255.255"},
		{"link-local, and the metadata of most clouds", "169.254.0.0", "169.254.255.255"},
		{"metadata of a cloud at a public address", "168.63.129.16", "168.63.129.16"},
		{"metadata of another at a protocol assignment", "192.0.0.192", "192.0.0.192"},
		{"metadata at unique local addresses", "fd00:ec2::254", "fd20:ce::254"},
		{"private 172.16/12", "172.16.0.0", "172.31.255.255"},
		{"protocol assignments", "192.0.0.0", "192.0.0.255"},
		{"documentation 1", "192.0.2.0", "192.0.2.255"},
		{"6to4 relays", "192.88.99.0", "192.88.99.255"},
		{"private 192.168/16", "192.168.0.0", "192.168.255.255"},
		{"benchmarks", "198.18.0.0", "198.19.255.255"},
		{"documentation 2", "198.51.100.0", "198.51.100.255"},
		{"documentation 3", "203.0.113.0", "203.0.113.255"},
		{"multicast", "224.0.0.0", "239.255.255.255"},
		{"reserved and broadcast", "240.0.0.0", "255.255.255.255"},
		{"unspecified, loopback, IPv4-compatible", "::", "::ffff:ffff"},
		{"NAT64 for local use", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"},
		{"discard", "100::", "100::ffff:ffff:ffff:ffff"},
		{"protocol assignments, Teredo", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"6to4", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"documentation 3fff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"segment routing", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"unique local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"link-local and site-local", "fe80::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"multicast v6", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	} {
		for _, edge := range []string{r.first, r.last} {
			ip := netip.MustParseAddr(edge)
			require.False(t, publicAddr(ip), "%s: %s", r.name, edge)
			require.False(t, guard{}.admits(ip), "%s: %s", r.name, edge)
			if ip.Is4() {
				b := ip.As4()
				mapped := netip.AddrFrom16(ip.As16())
				require.False(t, publicAddr(mapped), "%s: %s mapped", r.name, edge)
				nat := netip.MustParseAddr("64:ff9b::").As16()
				copy(nat[12:], b[:])
				require.False(t, publicAddr(netip.AddrFrom16(nat)), "%s: %s behind NAT64", r.name, edge)
			}
		}
	}
}

func TestPublicAddressesAreAdmitted(t *testing.T) {
	for _, public := range []string{
		"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
		"2001:200::", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:4700::1111", "3ffe:ffff::", "3fff:1000::",
	} {
		require.True(t, guard{}.admits(netip.MustParseAddr(public)), public)
	}
}

func TestGuardJudgesNetworkPortAndAddress(t *testing.T) {
	own := guard{allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::1/128")}}
	for _, c := range []struct {
		guard            guard
		network, address string
		want             bool
	}{
		{guard{}, "tcp4", "8.8.8.8:443", true},
		{guard{}, "tcp4", "8.8.8.8:80", true},
		{guard{}, "tcp6", "[2606:4700::1111]:8443", true},
		{guard{}, "tcp4", "8.8.8.8:25", false},
		{guard{}, "tcp4", "8.8.8.8:0", false},
		{guard{}, "udp4", "8.8.8.8:443", false},
		{guard{}, "unix", "/run/docker.sock", false},
		{guard{}, "tcp4", "shop.example:443", false},
		{guard{}, "tcp6", "[fe80::1%eth0]:443", false},
		{guard{}, "tcp6", "[2606:4700::1%eth0]:443", false},
		{own, "tcp4", "10.1.255.255:8080", true},
		{own, "tcp6", "[::ffff:10.1.0.1]:8080", true},
		{own, "tcp6", "[64:ff9b::a01:1]:8080", true},
		{own, "tcp6", "[::1]:8080", true},
		{own, "tcp4", "10.1.0.1:22", false},
		{own, "tcp4", "10.2.0.0:8080", false},
		{own, "tcp4", "169.254.169.254:80", false},
		{own, "tcp4", "8.8.8.8:443", true},
	} {
		err := c.guard.control(t.Context(), c.network, c.address, nil)
		if c.want {
			require.NoError(t, err, c.address)
			continue
		}
		require.ErrorIs(t, err, ErrRefused, c.address)
		require.NotContains(t, err.Error(), "10.2", "the error tells what a name means inside")
	}
}
