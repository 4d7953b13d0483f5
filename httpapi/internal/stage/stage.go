// Package stage has what the tests of all APIs put around them: a service on simulated chains, its projects, and a server.
package stage

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// Addresses is a wallet whose addresses are their numbers in a format of package fmt.
type Addresses struct{ Wallet, Format string }

// Name implements [invoice.AddressSource].
func (a Addresses) Name() string { return a.Wallet }

// Address implements [invoice.AddressSource].
func (a Addresses) Address(_ context.Context, index uint32) (chain.Address, error) {
	return chain.Address(fmt.Sprintf(a.Format, index)), nil
}

// Chain returns the configuration of a simulated chain that is polled in an interval. Payments of all its assets need two
// confirmations.
func Chain(c *chaintest.Chain, poll time.Duration, from invoice.AddressSource) (invoice.ChainConfig, error) {
	follower, err := chain.NewFollower(chain.FollowConfig{Node: c, Poll: poll})
	if err != nil {
		return invoice.ChainConfig{}, err
	}
	out := invoice.ChainConfig{Name: "Simulated", Watcher: follower, Addresses: from}
	for _, asset := range c.Assets() {
		out.Assets = append(out.Assets, invoice.AssetConfig{Asset: asset, Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 2}}}})
	}
	return out, nil
}

// Project creates a project whose keys are taken from the allowed addresses, or from all.
func Project(t testing.TB, in *invoice.Projects, name, allowed string) (id, key string) {
	t.Helper()
	p, key, err := in.Create(context.Background(), invoice.NewProject{Owner: "owner", Name: name, AllowedIPs: allowed})
	require.NoError(t, err)
	return p.ID, key
}

// Run follows the chains until the test ends.
func Run(t *testing.T, service *invoice.Service) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

// Count returns the number of invoices and deposits.
func Count(t testing.TB, service *invoice.Service) int {
	t.Helper()
	total := 0
	for _, standing := range []bool{false, true} {
		page, err := service.List(context.Background(), invoice.Query{Standing: standing, Limit: 1})
		require.NoError(t, err)
		total += page.Total
	}
	return total
}

// WithoutFormat requires that an API is not built on a service whose notifier does not have the API's format.
func WithoutFormat(t *testing.T, format string, build func(t *testing.T, n invoice.Notifier) error) {
	standard, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	for name, notifier := range map[string]invoice.Notifier{"no notifier": nil, "another format": standard} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, build(t, notifier), "the Service's Notifier has no format "+format+": give it Config.Format")
		})
	}
}

// Mounted serves an API under a prefix and requires the status of GET for each path below it.
func Mounted(t *testing.T, api http.Handler, prefix string, want map[string]int) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, api))
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, status := range want {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+prefix+path, nil)
		require.NoError(t, err)
		resp, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, status, resp.StatusCode, path)
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.NotEmpty(t, resp.Header.Get("Date"), "A21: the server's time")
	}
}
