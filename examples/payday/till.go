package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	chainbitcoin "github.com/cointill/cointill/chain/bitcoin"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
	"github.com/cointill/cointill/payout/evm"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
)

// till is the shop's process: it issues invoices and pays out. It may end at any moment, and goes on from its database.
type till struct {
	world
	dir      string
	db       *sql.DB
	store    *sqlite.Store
	network  chain.Network
	invoices *invoice.Service
	payouts  *payout.Service
	lanes    []chain.Address // the wallet's own addresses, which the operator fills
	story
}

// The most that a payout's network fee may be, and the least that is worth a sweep.
var (
	maxEther   = big.NewInt(1e16)
	maxBitcoin = big.NewInt(100_000)
	minEther   = big.NewInt(1e16)
	minToken   = big.NewInt(10_000_000)
)

func openTill(ctx context.Context, r role, out io.Writer) (t *till, err error) {
	t = &till{dir: r.dir, story: story{out, "till"}}
	if t.world, err = readWorld(r.dir); err != nil {
		return nil, err
	}
	t.network = t.Coin.ID.Network()
	if t.db, err = sqlite.Open(filepath.Join(r.dir, "till.db")); err != nil {
		return nil, err
	}
	if err := t.services(ctx); err != nil {
		return nil, errors.Join(err, t.db.Close())
	}
	return t, nil
}

// services sets up the library.
func (t *till) services(ctx context.Context) (err error) {
	if err := sqlite.Migrate(ctx, t.db); err != nil {
		return err
	}
	if t.store, err = sqlite.New(t.db); err != nil {
		return err
	}
	sells, pays := t.ether, t.payEther
	if t.Chain == "btc" {
		sells, pays = t.bitcoin, t.payBitcoin
	}
	follows, err := sells(ctx)
	if err != nil {
		return err
	}
	prices := map[rates.Pair]decimal.Decimal{{Base: t.Coin.Code, Quote: "EUR"}: decimal.NewFromInt(2500)}
	if t.Token.Code != "" {
		prices[rates.Pair{Base: t.Token.Code, Quote: "EUR"}] = decimal.NewFromInt(1)
	}
	if t.invoices, err = invoice.New(invoice.Config{
		Store: t.store, Rates: rates.NewFixed(nil, prices), Chains: []invoice.ChainConfig{follows},
		Own: func(ctx context.Context, network chain.Network, txID string) (bool, error) {
			return t.payouts.MovesOwn(ctx, network, txID)
		},
	}); err != nil {
		return err
	}
	network, err := pays(ctx)
	if err != nil {
		return err
	}
	network.Confirm = chain.Confirmations{Depth: depth}
	network.Resend, network.Bump, network.Retry = 2*time.Second, 3*time.Second, time.Second
	t.payouts, err = payout.New(payout.Config{
		Store: t.store, Invoices: t.store, Networks: []payout.NetworkConfig{network}, Poll: pollTime,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	return err
}

// confirm is how deep all payments must be.
func confirm(a chain.Asset) invoice.AssetConfig {
	return invoice.AssetConfig{Asset: a, Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: depth}}}}
}

// ether returns the configuration of invoices on Ethereum, and payEther that of payouts.
func (t *till) ether(ctx context.Context) (invoice.ChainConfig, error) {
	_, node, err := openEther(ctx, t.world)
	if err != nil {
		return invoice.ChainConfig{}, err
	}
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: node, Poll: pollTime})
	if err != nil {
		return invoice.ChainConfig{}, err
	}
	wallet, err := chainevm.NewWallet(t.Public)
	return invoice.ChainConfig{
		Name: "Ethereum", Type: "devnet", Watcher: watcher, Addresses: wallet, PaymentURI: invoice.AddressURI(chainevm.PaymentURI),
		Assets: []invoice.AssetConfig{confirm(t.Coin), confirm(t.Token)},
	}, err
}

func (t *till) payEther(ctx context.Context) (payout.NetworkConfig, error) {
	client, _, err := openEther(ctx, t.world)
	if err != nil {
		return payout.NetworkConfig{}, err
	}
	wallet, err := chainevm.NewWallet(t.Public)
	if err != nil {
		return payout.NetworkConfig{}, err
	}
	c := evm.Config{
		Network: devchain.Network, RPC: client, Wallet: wallet, Finality: evm.Finality{Depth: depth, Buried: 2 * depth},
		Assets: []evm.Asset{{Asset: t.Coin, MinSweep: minEther}, {Asset: t.Token, MinSweep: minToken}},
		Fees:   evm.Fees{MinTip: big.NewInt(1e9), MaxTip: big.NewInt(2e9)},
	}
	usual, err := evm.New(c)
	if err != nil {
		return payout.NetworkConfig{}, err
	}
	c.Fees = evm.Fees{MaxTip: big.NewInt(1)} // no block takes so little
	t.lanes = []chain.Address{usual.Lane(), usual.TopUpLane()}
	miser, err := evm.New(c)
	if err != nil {
		return payout.NetworkConfig{}, err
	}
	keys, err := signer.NewRemote(signer.RemoteConfig{URL: t.Signer, Token: t.Secret})
	if err != nil {
		return payout.NetworkConfig{}, err
	}
	s := &spender{Spender: usual, miser: miser, tell: t.story, death: deathFile(t.dir)}
	return payout.NetworkConfig{
		Spender: &sweeper{spender: s, Sweeper: usual, coin: t.Coin, token: t.Token}, Signer: keys,
		Assets: []payout.AssetConfig{
			{Asset: t.Coin, MaxFee: maxEther, MinSweep: minEther}, {Asset: t.Token, MaxFee: maxEther, MinSweep: minToken},
		},
	}, nil
}

// bitcoin returns the configuration of invoices on Bitcoin, and payBitcoin that of payouts, without a signer.
func (t *till) bitcoin(context.Context) (invoice.ChainConfig, error) {
	client, wallet, err := t.openBitcoin()
	if err != nil {
		return invoice.ChainConfig{}, err
	}
	node, err := chainbitcoin.New(chainbitcoin.Config{Params: params, RPC: client})
	if err != nil {
		return invoice.ChainConfig{}, err
	}
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: node, Poll: pollTime})
	return invoice.ChainConfig{
		Name: "Bitcoin", Type: "regtest", Watcher: watcher, Addresses: wallet, PaymentURI: invoice.AddressURI(params.PaymentURI),
		Assets: []invoice.AssetConfig{confirm(t.Coin)},
	}, err
}

func (t *till) payBitcoin(context.Context) (payout.NetworkConfig, error) {
	client, wallet, err := t.openBitcoin()
	if err != nil {
		return payout.NetworkConfig{}, err
	}
	s, err := bitcoin.New(bitcoin.Config{RPC: client, Wallet: wallet, Final: depth, Buried: 2 * depth})
	if err != nil {
		return payout.NetworkConfig{}, err
	}
	t.lanes = []chain.Address{s.Lane()}
	return payout.NetworkConfig{
		Spender: &spender{Spender: s, tell: t.story, death: deathFile(t.dir)},
		Assets:  []payout.AssetConfig{{Asset: t.Coin, MaxFee: maxBitcoin}},
	}, nil
}

func (t *till) openBitcoin() (*chainbitcoin.Client, *chainbitcoin.Wallet, error) {
	client, err := chainbitcoin.Dial(chainbitcoin.ClientConfig{URL: t.Node})
	if err != nil {
		return nil, nil, err
	}
	wallet, err := chainbitcoin.NewWallet(params, t.Public, kind)
	return client, wallet, err
}

// runTill plays one round, or the rest of it, and ends when all of it is paid and swept.
func runTill(ctx context.Context, r role, out io.Writer) (err error) {
	t, err := openTill(ctx, r, out)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel(nil)
		wg.Wait()
		err = errors.Join(err, t.db.Close())
	}()
	works := []func(context.Context) error{t.invoices.Run, t.payouts.Run, t.tellEvents}
	if t.Chain == "btc" {
		works = append(works, t.carry)
	}
	for _, work := range works {
		wg.Go(func() {
			if err := work(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	if err := t.play(ctx, r.round); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}
