package chaintest

import (
	"context"
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain"
)

// Driver is a chain that a conformance suite can drive. The methods fail the test themselves when the chain does
// not obey.
type Driver interface {
	// Assets are the assets to pay with; at least one.
	Assets() []chain.Asset
	// Address answers an address that nothing was ever paid to.
	Address(t *testing.T) chain.Address
	// Pay sends units of the asset and answers the transaction id as the adapter spells it. The
	// transfer is in the next mined block. Units go up to 20 whole units of the asset. They are zero in
	// one case: where the chain carries no payment of nothing, answer an empty txid to pass it over.
	Pay(t *testing.T, asset chain.Asset, to chain.Address, units *big.Int) (txid string)
	// Mine adds n blocks.
	Mine(t *testing.T, n int)
	// Reorganise replaces the last depth blocks by depth+1 others. The transactions of the
	// replaced blocks may come back in the new ones, wait for a block, or be lost, as the chain's node
	// does it; the suite compares the adapter with what the node then says through Paid.
	Reorganise(t *testing.T, depth int)
	// Paid says, by a way other than the adapter, whether the transaction is in the best chain.
	Paid(t *testing.T, txid string) bool
}

// Skipper is an optional ability of a [Driver] whose chain passes over heights: see [chain.Node]. Without it, the
// cases about gaps are left out.
type Skipper interface {
	// Skip makes the chain pass over the next n heights, so that the next block has a height n larger than otherwise.
	Skip(t *testing.T, n int)
}

// World is a chain to drive, with the adapter under test beside it, for [Run].
type World interface {
	Driver
	// Node answers a new adapter on the chain, configured with Assets.
	Node(t *testing.T) chain.Node
	// Impostor answers an adapter configured for another network than the node serves.
	Impostor(t *testing.T) chain.Node
}

// Watcher is what a service asks of whoever follows a chain for it: invoice.ChainWatcher has the same methods, and
// their contract. [chain.Follower] is one.
type Watcher interface {
	Network() chain.Network
	Next(ctx context.Context, cursor chain.Cursor) (chain.Step, error)
	Lag() chain.Lag
}

// WatcherWorld is a chain to drive, with the watcher under test beside it, for [RunWatcher].
type WatcherWorld interface {
	Driver
	// Watcher answers a new watcher of the chain, as after a restart: it knows nothing but the cursor that it is
	// given. It should rest for milliseconds only.
	Watcher(t *testing.T) Watcher
}
