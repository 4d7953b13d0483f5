package main

import (
	"context"
	"errors"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/shopspring/decimal"
)

// etherKey is the extended public key of an account with well-known words ("abandon ... about"). Never send anything of
// value to its addresses.
const etherKey = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

// etherNet is an Ethereum node in this process.
type etherNet struct {
	node   *devchain.Chain
	client *ethclient.Client
}

func openEther(ctx context.Context, dir string) (devnet, error) {
	node, err := devchain.Start(devchain.Config{DataDir: dir})
	if err != nil {
		return nil, err
	}
	client, err := ethclient.DialContext(ctx, node.URL())
	if err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return &etherNet{node, client}, nil
}

func (n *etherNet) offer(ctx context.Context) (offer, error) {
	coin, token := n.node.Native(), n.node.Token()
	client, err := evm.Dial(ctx, n.node.URL(), nil)
	if err != nil {
		return offer{}, err
	}
	node, err := evm.New(evm.Config{Network: devchain.Network, RPC: client, Assets: []chain.Asset{coin, token}})
	if err != nil {
		return offer{}, err
	}
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: node, Poll: pollTime})
	if err != nil {
		return offer{}, err
	}
	wallet, err := evm.NewWallet(etherKey)
	return offer{
		chain: invoice.ChainConfig{
			Name: "Ethereum", Type: "devnet", Watcher: watcher, Addresses: wallet, PaymentURI: invoice.AddressURI(evm.PaymentURI),
			Assets: []invoice.AssetConfig{{Asset: coin, Confirm: depth(4)}, {Asset: token, Confirm: depth(3)}},
		},
		short: "eth",
		prices: map[rates.Pair]decimal.Decimal{
			{Base: coin.Code, Quote: "EUR"}:  decimal.NewFromInt(2500),
			{Base: token.Code, Quote: "EUR"}: decimal.RequireFromString("0.998"),
		},
		orders: []*order{
			{kind: "ether", Currency: coin.Code, parts: []int64{60, 40}},
			{kind: "token", Currency: token.Code, parts: []int64{102}},
		},
	}, err
}

func (n *etherNet) mine(context.Context) error { return n.node.Mine(1) }

func (n *etherNet) pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) error {
	_, err := n.node.Pay(ctx, asset, to, units)
	return err
}

func (n *etherNet) received(ctx context.Context, asset chain.Asset, to chain.Address) (*big.Int, error) {
	address := common.HexToAddress(string(to))
	if asset == n.node.Native() {
		return n.client.BalanceAt(ctx, address, nil)
	}
	contract := common.HexToAddress(asset.ID.Reference())
	balanceOf := append([]byte{0x70, 0xa0, 0x82, 0x31}, common.LeftPadBytes(address.Bytes(), 32)...)
	answer, err := n.client.CallContract(ctx, ethereum.CallMsg{To: &contract, Data: balanceOf}, nil)
	return new(big.Int).SetBytes(answer), err
}

func (n *etherNet) close() error {
	n.client.Close()
	return n.node.Close()
}
