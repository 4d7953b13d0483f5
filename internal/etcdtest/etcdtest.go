// Package etcdtest provides etcd to tests: one cluster for a test binary, and a prefix of its own for every database.
//
//	var server etcdtest.Server
//
//	func TestMain(m *testing.M) { os.Exit(server.Main(m)) }
//
//	func TestStore(t *testing.T) { client := server.Client(t) ... }
//
// The cluster is started by the first test that needs it. If there is no etcd, tests are skipped, or fail with CI=true.
package etcdtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Server is the cluster of a test binary. The zero value is ready; set its fields before the first test.
type Server struct {
	// Config configures the cluster.
	Config etcdserver.Config

	mu      sync.Mutex // guards what follows
	started bool
	cluster *etcdserver.Cluster
	client  *clientv3.Client
	err     error
}

// Main runs the tests, ends the cluster, and returns the exit code.
func (s *Server) Main(m *testing.M) int { return max(m.Run(), s.Close()) }

// Close ends the cluster if it was started, and returns an exit code.
func (s *Server) Close() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "etcdtest:", err)
		return 1
	}
	return 0
}

// Client returns a client of the cluster.
func (s *Server) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		if s.cluster, s.err = etcdserver.Start(context.Background(), s.Config); s.err == nil {
			s.client, s.err = clientv3.New(ClientConfig(s.cluster.URLs()))
		}
	}
	need(t, s.err)
	return s.client
}

// Prefix returns a prefix that nothing else has.
func Prefix() string { return "test " + rand.Text() + "/" }

// ClientConfig returns the configuration of a client that says nothing.
func ClientConfig(urls []string) clientv3.Config {
	return clientv3.Config{Endpoints: urls, Logger: zap.NewNop(), MaxCallSendMsgSize: 16 << 20}
}

// Start starts a cluster for one test.
func Start(t testing.TB, cfg etcdserver.Config) *etcdserver.Cluster {
	t.Helper()
	cfg.Parent = t.TempDir()
	c, err := etcdserver.Start(t.Context(), cfg)
	need(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

// Connect returns a client, which is closed at the end of the test.
func Connect(t testing.TB, urls []string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(ClientConfig(urls))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, etcdserver.ErrNoServer) && os.Getenv("CI") != "true" {
		t.Skip("no etcd on this machine: ", err)
	}
	require.NoError(t, err)
}
