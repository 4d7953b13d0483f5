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

// ErrRefused is wrapped by the error of a client from [NewClient] that refuses to connect to an address or a port.
var ErrRefused = errors.New("address is not allowed for webhooks")

const (
	defaultTimeout    = 15 * time.Second
	maxResponseHeader = 64 << 10
)

// ClientConfig configures [NewClient]. The zero value suits receivers on the public internet.
type ClientConfig struct {
	// AllowLoopback allows 127.0.0.0/8 and ::1, for development.
	AllowLoopback bool
	// AllowPrefixes allows networks that are otherwise refused, such as the private network of the shop's own
	// backend. Everyone who can choose a callback URL can then reach them.
	AllowPrefixes []netip.Prefix
	// Timeout limits a whole delivery, from the DNS lookup to the end of the response. Default 15 seconds.
	Timeout time.Duration
	// Resolver resolves host names. Default net.DefaultResolver.
	Resolver *net.Resolver
	// RootCAs verify the certificates of servers. Default: the system's roots.
	RootCAs *x509.CertPool
}

// NewClient returns a client for untrusted URLs. It checks the resolved address of each connection, so DNS rebinding
// does not help an attacker. It refuses with [ErrRefused] every address in the IANA special-purpose registries (private,
// loopback, link-local including cloud metadata services, shared, multicast, reserved, documentation, 6to4, Teredo,
// unique local ...), also inside an IPv4-mapped or NAT64 address, the one public address at which a cloud serves
// secrets to its hosts, and ports other than 80, 443 and 1024 and above.
//
// It follows no redirects, ignores the proxies of the environment, requires TLS 1.2 or later, and limits the time and
// the header size of responses. It may be used concurrently.
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
		// The shop did not ask for the target of a redirect, and may not own it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would connect in place of the guarded dialer
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
			TLSHandshakeTimeout:    cfg.Timeout,
			MaxResponseHeaderBytes: maxResponseHeader,
			DisableCompression:     true, // otherwise a small response could decompress to a huge one
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           1024,
			MaxIdleConnsPerHost:    32, // as Config.PerEndpoint
			IdleConnTimeout:        time.Minute,
		},
	}
}

// guard decides which addresses may be dialled.
type guard struct {
	allowed []netip.Prefix
}

// control is called by the dialer before it connects to an address.
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
		// The error leaves the address out: it would show the client that chose the URL how a name
		// resolves inside the operator's network.
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

// publicAddr reports whether an address is public, that is, reachable on the internet.
func publicAddr(ip netip.Addr) bool {
	ip = embedded(ip)
	return !slices.Contains(metadata(), ip) && ssrf.New().SafeAddr(ip) == nil
}

// metadata returns the public addresses of cloud metadata services. Those of other clouds are link-local, shared, unique
// local or protocol assignments, which are refused anyway.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{168, 63, 129, 16}), // Azure, "What is IP address 168.63.129.16?" on learn.microsoft.com
	}
}

// embedded returns the IPv4 address inside an IPv4-mapped or NAT64 address, and any other address unchanged. NAT64 means
// the well-known prefix of RFC 6052, through which hosts without IPv4 reach IPv4 addresses. An address under the
// local-use prefix of RFC 8215 is returned unchanged, and therefore refused.
func embedded(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	if ssrf.IPv6NAT64Prefix.Contains(ip) {
		b := ip.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}
