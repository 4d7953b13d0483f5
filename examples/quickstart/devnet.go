package main

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

const (
	blockTime = 400 * time.Millisecond
	pollTime  = 50 * time.Millisecond // how often the chain is looked at
)

// devnet is a chain of our own, with somebody who has all of its money. Its methods may be called concurrently.
type devnet interface {
	// offer is what the till and the shop have to know of it.
	offer(ctx context.Context) (offer, error)
	// mine makes a block, when one is due.
	mine(ctx context.Context) error
	// pay sends money. It is in a block soon, unless this process ends before.
	pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) error
	// received is what the blocks say an address got. Nobody spends from these addresses.
	received(ctx context.Context, asset chain.Asset, to chain.Address) (*big.Int, error)
	close() error
}

// offer is what the shop takes, and what is ordered from it.
type offer struct {
	chain  invoice.ChainConfig
	short  string // the network in the Cryptomus API
	prices map[rates.Pair]decimal.Decimal
	orders []*order
}

// openDevnet makes a chain, or continues the one in the directory.
func openDevnet(ctx context.Context, name, dir string) (devnet, error) {
	switch name {
	case "eth":
		return openEther(ctx, filepath.Join(dir, "chain"))
	case "btc":
		return openBitcoin(ctx, filepath.Join(dir, "bitcoin"))
	}
	return nil, fmt.Errorf("there is no chain %q, only eth and btc", name)
}

// depth is a policy of so many blocks for any amount.
func depth(n uint64) []invoice.Tier { return []invoice.Tier{{Need: invoice.Confirmations{Depth: n}}} }
