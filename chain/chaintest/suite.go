package chaintest

import (
	"context"
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain"
)

// Driver is a chain that a conformance suite can drive. The methods fail the test if the chain does not respond.
type Driver interface {
	// Assets returns the assets to pay with; at least one.
	Assets() []chain.Asset
	// Address returns an address that has never been paid.
	Address(t *testing.T) chain.Address
	// Pay sends units of the asset and returns the transaction id in the spelling of the adapter. The next mined block
	// contains the transfer. Units are at most 20 whole units of the asset. They are zero in one case: if the chain
	// cannot carry a payment of zero, Pay returns an empty txid, and the case is left out.
	Pay(t *testing.T, asset chain.Asset, to chain.Address, units *big.Int) (txid string)
	// Mine adds n blocks.
	Mine(t *testing.T, n int)
	// Reorganise replaces the last depth blocks by depth+1 others. The transactions of the replaced blocks may be in
	// the new ones, wait for a block, or be lost, depending on the chain's node; the suite compares the adapter with
	// what the node then reports through Paid.
	Reorganise(t *testing.T, depth int)
	// Paid reports whether the transaction is in the best chain. It must not use the adapter.
	Paid(t *testing.T, txid string) bool
}

// Skipper is an optional ability of a [Driver] whose chain passes over heights: see [chain.Node]. Without it, the
// cases about gaps are left out.
type Skipper interface {
	// Skip makes the chain pass over the next n heights, so that the next block has a height n larger than otherwise.
	Skip(t *testing.T, n int)
}

// World is a chain to drive, and the adapter under test on it, for [Run].
type World interface {
	Driver
	// Node returns a new adapter on the chain, configured with Assets.
	Node(t *testing.T) chain.Node
	// Impostor returns an adapter configured for another network than the node serves.
	Impostor(t *testing.T) chain.Node
}

// Watcher is the port through which a service follows a chain: invoice.ChainWatcher has the same methods and the same
// contract. [chain.Follower] implements it.
type Watcher interface {
	Network() chain.Network
	Next(ctx context.Context, cursor chain.Cursor) (chain.Step, error)
	Lag() chain.Lag
}

// WatcherWorld is a chain to drive, and the watcher under test on it, for [RunWatcher].
type WatcherWorld interface {
	Driver
	// Watcher returns a new watcher of the chain, as after a restart: its only state is the cursor that it is given.
	// It should pause for milliseconds only.
	Watcher(t *testing.T) Watcher
}
