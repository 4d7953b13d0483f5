package life

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
)

// Bitcoin returns a simulated network with Bitcoin's asset and the defaults that a Bitcoin node suggests for it, such as a
// floor of 546 satoshis. Nothing is configured explicitly.
func Bitcoin(t testing.TB) invoice.ChainConfig {
	t.Helper()
	params := bitcoin.Bitcoin()
	rpc, err := bitcoin.Dial(bitcoin.ClientConfig{URL: "http://127.0.0.1:1"}) // which is never called
	if err != nil {
		t.Fatal(err)
	}
	node, err := bitcoin.New(bitcoin.Config{Params: params, RPC: rpc})
	if err != nil {
		t.Fatal(err)
	}
	sim := chaintest.NewChain(chaintest.Config{Network: params.Network, Assets: []chain.Asset{params.Asset()}, Defaults: node.Defaults})
	follower, err := chain.NewFollower(chain.FollowConfig{Node: sim, Poll: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return invoice.ChainConfig{
		Name: "Bitcoin", Watcher: follower, Addresses: bitcoinWallet{}, Assets: []invoice.AssetConfig{{Asset: params.Asset()}},
	}
}

// bitcoinWallet issues addresses of the simulated network.
type bitcoinWallet struct{}

func (bitcoinWallet) Name() string { return "bitcoin" }

func (bitcoinWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return chain.Address(fmt.Sprintf("bitcoin%d", index)), nil
}
