package main

import (
	"context"
	"math/big"
	"sync/atomic"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/internal/devbtc"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// bitcoinKey is derived from the same words as [etherKey], for test networks.
const bitcoinKey = "vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc"

// bitcoinNet is a btcd on this machine.
type bitcoinNet struct {
	*devbtc.Chain
	fresh atomic.Bool // a payment was made since a block was due
}

func openBitcoin(ctx context.Context, dir string) (devnet, error) {
	path, err := devbtc.Program()
	if err != nil {
		return nil, err
	}
	c, err := devbtc.Start(ctx, devbtc.Config{Path: path, Dir: dir})
	if err != nil {
		return nil, err
	}
	return &bitcoinNet{Chain: c}, nil
}

func (n *bitcoinNet) offer(context.Context) (offer, error) {
	params := n.Params()
	coin := params.Asset()
	node, err := bitcoin.New(bitcoin.Config{Params: params, RPC: n.Client()})
	if err != nil {
		return offer{}, err
	}
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: node, Poll: pollTime})
	if err != nil {
		return offer{}, err
	}
	wallet, err := bitcoin.NewWallet(params, bitcoinKey, bitcoin.FromKey)
	return offer{
		chain: invoice.ChainConfig{
			Name: "Bitcoin", Type: "regtest", Watcher: watcher, Addresses: wallet, PaymentURI: invoice.AddressURI(params.PaymentURI),
			Assets: []invoice.AssetConfig{{Asset: coin, Confirm: depth(3)}},
		},
		short:  "btc",
		prices: map[rates.Pair]decimal.Decimal{{Base: coin.Code, Quote: "EUR"}: decimal.NewFromInt(50_000)},
		orders: []*order{
			{kind: "parts", Currency: coin.Code, parts: []int64{60, 40}},
			{kind: "over", Currency: coin.Code, parts: []int64{102}},
		},
	}, err
}

// mine skips one block after each payment, so that payments are visibly unconfirmed for a while.
func (n *bitcoinNet) mine(ctx context.Context) error {
	if n.fresh.Swap(false) {
		return nil
	}
	return n.Mine(ctx, 1)
}

func (n *bitcoinNet) pay(ctx context.Context, _ chain.Asset, to chain.Address, units *big.Int) (string, error) {
	n.fresh.Store(true)
	return n.Pay(ctx, to, units)
}

func (n *bitcoinNet) received(ctx context.Context, _ chain.Asset, to chain.Address) (*big.Int, error) {
	return n.Received(ctx, to)
}

func (n *bitcoinNet) close() error { return n.Close() }
