package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// names is a name server: it answers every question for an IPv4 address with those that it has at
// that moment, and has no others.
type names struct{ addrs atomic.Pointer[[]string] }

func (n *names) set(addrs ...string) { n.addrs.Store(&addrs) }

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go n.serve(server)
		return client, nil
	}}
}

// serve speaks DNS over a stream: two bytes of length before each message.
func (n *names) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		end := 12 // of the question: name, type, class
		for query[end] != 0 {
			end += int(query[end]) + 1
		}
		end += 5
		answer := append([]byte{}, query[:end]...)
		answer[2], answer[3] = 0x81, 0x80 // a recursive answer without error
		clear(answer[6:12])
		if isA := binary.BigEndian.Uint16(query[end-4:end-2]) == 1; isA {
			for _, addr := range *n.addrs.Load() {
				ip := netip.MustParseAddr(addr).As4()
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the name, A, IN, no caching
				answer = append(answer, ip[:]...)
				answer[7]++
			}
		}
		reply := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := conn.Write(append(reply, answer...)); err != nil {
			return
		}
	}
}

// listen counts the connections to an address and answers each request with 200.
func listen(t *testing.T, addr string) (port string, connections *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	connections = &atomic.Int32{}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Listener.Close()
	srv.Listener = ln
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	_, port, err = net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	return port, connections
}

func post(t *testing.T, client *http.Client, url string) (int, error) {
	t.Helper()
	defer client.CloseIdleConnections()
	res, err := client.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// The address of a callback is chosen by others. However they write it, no connection is made to
// this machine.
func TestIncident47_NoSpellingOfLoopbackIsDialled(t *testing.T) {
	port, connections := listen(t, "127.0.0.1:0")
	dns := &names{}
	for _, host := range []string{
		"127.0.0.1", "localhost", "localhost.", "LOCALHOST", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1",
		"[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0", "[::]", "[::1%25lo]", "①②⑦.0.0.1",
		"shop.example",
	} {
		dns.set("127.0.0.1") // what system resolvers take 127.1 and its like for
		client := webhook.NewClient(webhook.ClientConfig{Resolver: dns.resolver()})
		_, err := post(t, client, "http://"+host+":"+port+"/hook")
		require.Error(t, err, host)
		require.Zero(t, connections.Load(), "%s was dialled", host)
		if strings.Contains(host, "shop") || host == "127.0.0.1" {
			require.ErrorIs(t, err, webhook.ErrRefused)
		}
	}
	status, err := post(t, webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}), "http://127.0.0.1:"+port)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.EqualValues(t, 1, connections.Load(), "the switch for development works, and the count counts")
}

func TestA28_OfSeveralAddressesThePrivateOneIsNeverDialled(t *testing.T) {
	port, private := listen(t, "127.0.0.1:0")
	_, public := listen(t, "127.0.0.2:"+port)
	cfg := webhook.ClientConfig{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}
	dns := &names{}
	cfg.Resolver = dns.resolver()
	for i, order := range [][]string{{"127.0.0.1", "127.0.0.2"}, {"127.0.0.2", "127.0.0.1"}} {
		dns.set(order...)
		status, err := post(t, webhook.NewClient(cfg), "http://shop.example:"+port)
		require.NoError(t, err)
		require.Equal(t, 200, status)
		require.EqualValues(t, i+1, public.Load())
	}
	require.Zero(t, private.Load())
}

func TestA28_ANameThatChangesItsAddressIsCheckedAgain(t *testing.T) {
	port, private := listen(t, "127.0.0.1:0")
	_, public := listen(t, "127.0.0.2:"+port)
	dns := &names{}
	client := webhook.NewClient(webhook.ClientConfig{
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Resolver: dns.resolver(),
	})
	dns.set("127.0.0.2")
	_, err := post(t, client, "http://shop.example:"+port)
	require.NoError(t, err)
	dns.set("127.0.0.1")
	_, err = post(t, client, "http://shop.example:"+port)
	require.ErrorIs(t, err, webhook.ErrRefused)
	require.EqualValues(t, 1, public.Load())
	require.Zero(t, private.Load())
}

func TestClientFollowsNoRedirect(t *testing.T) {
	var secondary atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/secret" {
			secondary.Add(1)
		}
		http.Redirect(w, r, "/secret", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	status, err := post(t, webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}), srv.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusTemporaryRedirect, status)
	require.Zero(t, secondary.Load())
}

func TestClientIgnoresTheProxyOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	transport, ok := webhook.NewClient(webhook.ClientConfig{}).Transport.(*http.Transport)
	require.True(t, ok)
	require.Nil(t, transport.Proxy)
}

func TestClientSpeaksTLS12AndAbove(t *testing.T) {
	for version, fine := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		srv.Config.ErrorLog = discard()
		srv.StartTLS()
		roots := x509.NewCertPool()
		roots.AddCert(srv.Certificate())
		_, err := post(t, webhook.NewClient(webhook.ClientConfig{AllowLoopback: true, RootCAs: roots}), srv.URL)
		require.Equal(t, fine, err == nil, "%s: %v", tls.VersionName(version), err)
		_, err = post(t, webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}), srv.URL)
		require.Error(t, err, "the certificate is not checked")
		srv.Close()
	}
}

func TestClientBoundsHeadersAndTime(t *testing.T) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/headers":
			w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		case "/hang":
			<-stop
		}
	}))
	defer srv.Close()
	defer close(stop)
	_, err := post(t, webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}), srv.URL+"/headers")
	require.ErrorContains(t, err, "header")

	client := webhook.NewClient(webhook.ClientConfig{AllowLoopback: true, Timeout: 50 * time.Millisecond})
	_, err = post(t, client, srv.URL+"/hang")
	var timeout interface{ Timeout() bool }
	require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
	require.Equal(t, 15*time.Second, webhook.NewClient(webhook.ClientConfig{}).Timeout)
}

func discard() *log.Logger { return log.New(io.Discard, "", 0) }
