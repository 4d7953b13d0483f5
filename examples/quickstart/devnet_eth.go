package main

import (
	"context"
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	payevm "github.com/cointill/cointill/payout/evm"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/rates"
	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/shopspring/decimal"
)

// etherKey is the extended public key of an account with well-known words ("abandon ... about"). Never send anything of
// value to its addresses.
const etherKey = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

// wordsSeed is what BIP-39 makes of these words.
const wordsSeed = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"

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
	if err != nil {
		return offer{}, err
	}
	pays, err := n.payouts(client, wallet)
	return offer{
		pays: pays,
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

func (n *etherNet) pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) (string, error) {
	return n.node.Pay(ctx, asset, to, units)
}

// payouts returns how the account pays. Its deposits stay where they are: the float pays.
func (n *etherNet) payouts(client *evm.Client, wallet *evm.Wallet) (*payout.NetworkConfig, error) {
	coin, token := n.node.Native(), n.node.Token()
	spender, err := payevm.New(payevm.Config{
		Network: devchain.Network, RPC: client, Wallet: wallet, Finality: payevm.Finality{Depth: 4, Buried: 8},
		Assets: []payevm.Asset{{Asset: coin}, {Asset: token}}, Fees: payevm.Fees{MinTip: big.NewInt(1e9), MaxTip: big.NewInt(2e9)},
	})
	if err != nil {
		return nil, err
	}
	family, err := payevm.NewSigning(devchain.Network, "")
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(wordsSeed)
	if err != nil {
		return nil, err
	}
	keys, err := signer.NewSeed(seed, signer.Account{Family: family, Path: "m/44h/60h/0h"})
	maxFee := big.NewInt(1e15) // 0.001 ETH
	return &payout.NetworkConfig{
		Spender: spender, Signer: keys, Assets: []payout.AssetConfig{{Asset: coin, MaxFee: maxFee}, {Asset: token, MaxFee: maxFee}},
		Confirm: chain.Confirmations{Depth: 3},
	}, err
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
