package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// ErrRefused: the client does not connect to such an address or port.
var ErrRefused = errors.New("address is not allowed for webhooks")

const (
	defaultTimeout    = 15 * time.Second
	maxResponseHeader = 64 << 10
)

// ClientConfig describes the client that posts to addresses which others have chosen. The zero value
// is right for a shop's own backend on the public internet.
type ClientConfig struct {
	// AllowLoopback admits 127.0.0.0/8 and ::1, for development.
	AllowLoopback bool
	// AllowPrefixes admits further networks that are otherwise refused, such as the private one
	// that the shop's own backend is in. Everybody who can choose a callback URL can then reach
	// them.
	AllowPrefixes []netip.Prefix
	// Timeout bounds a whole delivery, from looking up the name to the end of the answer.
	// Default 15 seconds.
	Timeout time.Duration
	// Resolver looks names up. Default net.DefaultResolver.
	Resolver *net.Resolver
	// RootCAs are the authorities that certificates are checked by. Default: those of the system.
	RootCAs *x509.CertPool
}

// NewClient makes a client for URLs that are not trusted. Each time it connects it checks the
// address that the name was resolved to, so a name that changes its address between a check and its
// use gains nothing: everything in the special-purpose registries of IANA (private, loopback,
// link-local with the metadata services of clouds, shared, multicast, reserved, documentation,
// 6to4, Teredo, unique local ...) is refused with [ErrRefused], also behind an IPv4-mapped or NAT64
// address, as are the one public address by which a cloud tells its hosts their secrets, and ports
// other than 80, 443 and those from 1024 on. It follows no redirect, uses no proxy of the
// environment, speaks TLS 1.2 and above, and bounds time and headers of answers. It may be used
// concurrently.
func NewClient(cfg ClientConfig) *http.Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	g := guard{allowed: cfg.AllowPrefixes}
	if cfg.AllowLoopback {
		g.allowed = append([]netip.Prefix{
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
		}, g.allowed...)
	}
	dialer := &net.Dialer{Timeout: cfg.Timeout, Resolver: cfg.Resolver, ControlContext: g.control}
	return &http.Client{
		Timeout: cfg.Timeout,
		// What a redirect leads to was not what the shop asked for, and might not even be its own.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would do the dialling, past the guard
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
			TLSHandshakeTimeout:    cfg.Timeout,
			MaxResponseHeaderBytes: maxResponseHeader,
			DisableCompression:     true, // else a small answer could unpack to a huge one
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           1024,
			MaxIdleConnsPerHost:    32, // as Config.PerEndpoint
			IdleConnTimeout:        time.Minute,
		},
	}
}

// guard decides which addresses are dialled.
type guard struct {
	allowed []netip.Prefix
}

// control is called by the dialer for every address it is about to connect to.
func (g guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: network %s", ErrRefused, network)
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: not an address", ErrRefused)
	}
	if !portAllowed(target.Port()) {
		return fmt.Errorf("%w: port %d", ErrRefused, target.Port())
	}
	if !g.admits(target.Addr()) {
		// The address itself stays out of the error: it would tell whoever chose the URL what
		// a name means inside the operator's network.
		return fmt.Errorf("%w: it is private or reserved", ErrRefused)
	}
	return nil
}

func (g guard) admits(ip netip.Addr) bool {
	ip = embedded(ip)
	for _, prefix := range g.allowed {
		if prefix.Contains(ip) {
			return true
		}
	}
	return publicAddr(ip)
}

// publicAddr says whether an address is one that anybody on the internet can be reached at.
func publicAddr(ip netip.Addr) bool {
	ip = embedded(ip)
	return !slices.Contains(metadata(), ip) && ssrf.New().SafeAddr(ip) == nil
}

// metadata are public addresses at which the hosts of a cloud reach what tells them their secrets. Those of other clouds
// are link-local, shared, unique local or protocol assignments, which are refused anyhow.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{168, 63, 129, 16}), // Azure, "What is IP address 168.63.129.16?" on learn.microsoft.com
	}
}

// embedded answers the IPv4 address within an IPv4-mapped or NAT64 address, else the address itself.
// NAT64 means the well-known prefix of RFC 6052, by which hosts without IPv4 reach IPv4 addresses;
// the local-use prefix of RFC 8215 is not unpacked and stays refused.
func embedded(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	if ssrf.IPv6NAT64Prefix.Contains(ip) {
		b := ip.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}
