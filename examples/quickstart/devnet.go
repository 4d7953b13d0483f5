package main

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

const (
	blockTime = 400 * time.Millisecond
	pollTime  = 50 * time.Millisecond // interval of polling the chain
)

// floatOf is how much of each asset the operator puts in.
var floatOf = decimal.NewFromInt(100)

// devnet is a private chain with an account that owns all of its money. Its methods may be called concurrently.
type devnet interface {
	// offer returns what the service and the shop need to know about the chain.
	offer(ctx context.Context) (offer, error)
	// mine mines a block if one is due.
	mine(ctx context.Context) error
	// pay sends money, and returns the id of the transaction. It is in a block soon, unless this process ends earlier.
	pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) (string, error)
	// received returns the amount that an address has received in blocks. Nobody spends from these addresses.
	received(ctx context.Context, asset chain.Asset, to chain.Address) (*big.Int, error)
	close() error
}

// offer is what the shop accepts, and the orders.
type offer struct {
	chain  invoice.ChainConfig
	short  string // name of the network in the Cryptomus API
	prices map[rates.Pair]decimal.Decimal
	orders []*order
	pays   *payout.NetworkConfig // money out; nil if there is none
}

// openDevnet creates a chain, or continues the one in the directory.
func openDevnet(ctx context.Context, name, dir string) (devnet, error) {
	switch name {
	case "eth":
		return openEther(ctx, filepath.Join(dir, "chain"))
	case "btc":
		return openBitcoin(ctx, filepath.Join(dir, "bitcoin"))
	}
	return nil, fmt.Errorf("there is no chain %q, only eth and btc", name)
}

// depth returns a policy with the same number of confirmations for any amount.
func depth(n uint64) []chain.Tier { return []chain.Tier{{Need: chain.Confirmations{Depth: n}}} }
