package main

import (
	"context"
	"fmt"
	"math/big"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"

	"github.com/cointill/cointill/chain"
	chainbitcoin "github.com/cointill/cointill/chain/bitcoin"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devbtc"
	"github.com/cointill/cointill/internal/devchain"
)

// params are those of Bitcoin here, and kind that of the account's scripts.
var params = chainbitcoin.BitcoinRegtest()

const kind = chainbitcoin.P2WPKH

// devnet is a private chain of the parent, with an account that owns all of its money.
type devnet interface {
	// describe sets what the other processes must know.
	describe(w *world)
	// mine mines a block if one is due.
	mine(ctx context.Context) error
	pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) (txID string, err error)
	node(ctx context.Context, w world) (chain.Node, error)
	// delay lets no block take the first transaction that pays an address, until another replaces it.
	delay(to chain.Address)
	close() error
}

func openDevnet(ctx context.Context, name string) (devnet, error) {
	switch name {
	case "eth":
		c, err := devchain.Start(devchain.Config{})
		if err != nil {
			return nil, err
		}
		return ether{c}, nil
	case "btc":
		path, err := devbtc.Program()
		if err != nil {
			return nil, err
		}
		c, err := devbtc.Start(ctx, devbtc.Config{Path: path})
		if err != nil {
			return nil, err
		}
		pool, err := chainbitcoin.New(chainbitcoin.Config{Params: params, RPC: c.Client()})
		return &bitcoins{Chain: c, pool: pool}, err
	}
	return nil, fmt.Errorf("there is no chain %q, only eth and btc", name)
}

// ether is an Ethereum node in this process.
type ether struct{ *devchain.Chain }

func (n ether) describe(w *world) { w.Node, w.Coin, w.Token = n.URL(), n.Native(), n.Token() }

func (n ether) mine(context.Context) error { return n.Mine(1) }

func (n ether) pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) (string, error) {
	return n.Pay(ctx, asset, to, units)
}

func (ether) node(ctx context.Context, w world) (chain.Node, error) {
	_, node, err := openEther(ctx, w)
	return node, err
}

// openEther returns a connection to the node, and how blocks are read through it.
func openEther(ctx context.Context, w world) (*chainevm.Client, *chainevm.Node, error) {
	client, err := chainevm.Dial(ctx, w.Node, nil)
	if err != nil {
		return nil, nil, err
	}
	node, err := chainevm.New(chainevm.Config{Network: devchain.Network, RPC: client, Assets: []chain.Asset{w.Coin, w.Token}})
	return client, node, err
}

// delay does nothing: there, a transaction is stuck because its tip is too low.
func (ether) delay(chain.Address) {}

func (n ether) close() error { return n.Close() }

// bitcoins is a btcd on this machine.
type bitcoins struct {
	*devbtc.Chain
	pool    *chainbitcoin.Node
	delayed map[chain.Address]string // the first transaction that pays it, once it was seen
	waited  int                      // blocks that were not mined
}

func (n *bitcoins) describe(w *world) { w.Node, w.Coin = n.URL(), params.Asset() }

// maxWait is how many blocks are delayed at most.
const maxWait = 60

// mine mines a block, unless it would take a transaction that is delayed.
func (n *bitcoins) mine(ctx context.Context) error {
	pooled, err := n.pool.Pool(ctx)
	if err != nil {
		return err
	}
	for _, t := range pooled {
		first, is := n.delayed[t.To]
		if !is || first != "" && first != t.TxID {
			continue
		}
		n.delayed[t.To] = t.TxID
		if n.waited++; n.waited < maxWait {
			return nil // in truth, the blocks would be full of others that pay more
		}
	}
	n.waited = 0
	return n.Mine(ctx, 1)
}

func (n *bitcoins) pay(ctx context.Context, _ chain.Asset, to chain.Address, units *big.Int) (string, error) {
	return n.Pay(ctx, to, units)
}

func (n *bitcoins) node(context.Context, world) (chain.Node, error) { return n.pool, nil }

func (n *bitcoins) delay(to chain.Address) {
	if n.delayed == nil {
		n.delayed = map[chain.Address]string{}
	}
	n.delayed[to] = ""
}

func (n *bitcoins) close() error { return n.Close() }

// publicKey returns an account's extended public key as the chain's wallet wants it.
func publicKey(name, xpub string) (string, error) {
	if name == "eth" {
		return xpub, nil
	}
	key, err := hdkeychain.NewKeyFromString(xpub)
	if err != nil {
		return "", err
	}
	test, err := key.CloneWithVersion([]byte{0x04, 0x35, 0x87, 0xcf})
	if err != nil {
		return "", err
	}
	return test.String(), nil
}
