package tron_test

import (
	"context"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chaintron "github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/payout/tron"
)

const (
	usdtContract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
	// seedHex is the seed of the mnemonic "abandon" x 11 "about", and accountKey its m/44'/195'/0'.
	seedHex    = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
	accountKey = "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd"
	path       = "m/44h/195h/0h"
)

var (
	payee  = trontest.Address([]byte("payee---------------"))
	holder = trontest.Address([]byte("holder--------------"))
	rich   = trontest.Address([]byte("rich----------------"))
	later  = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
)

// scene is a fake node, a spender on it, the keys, and books.
type scene struct {
	*trontest.World
	t         *testing.T
	trx, usdt chain.Asset
	node      *chaintron.Node
	wallet    *chaintron.Wallet
	spender   *tron.Spender
	keys      *signer.Seed
	*books
}

func newScene(t *testing.T, change ...func(*tron.Config)) *scene {
	t.Helper()
	c := trontest.NewChain()
	c.Deploy(usdtContract, 6)
	s := &scene{World: trontest.Start(t, c, false), t: t, trx: chaintron.Native(c.Network(), "TRX"), books: newBooks()}
	var err error
	s.usdt, err = chaintron.TRC20(c.Network(), usdtContract, "USDT", 6)
	require.NoError(t, err)
	s.node, err = chaintron.New(chaintron.Config{Network: c.Network(), Genesis: c.Genesis(), URL: s.URL, Assets: []chain.Asset{s.trx, s.usdt}})
	require.NoError(t, err)
	s.wallet, err = chaintron.NewWallet(accountKey)
	require.NoError(t, err)
	conf := tron.Config{Node: s.node, Wallet: s.wallet, Assets: []chain.Asset{s.trx, s.usdt}, Now: func() time.Time { return later }}
	for _, f := range change {
		f(&conf)
	}
	s.spender, err = tron.New(conf)
	require.NoError(t, err)
	s.keys = keysOf(t, c.Network())
	c.GiveToken(usdtContract, holder, big.NewInt(1))
	s.Chain.Mine(30)
	return s
}

func keysOf(t *testing.T, network chain.Network) *signer.Seed {
	t.Helper()
	family, err := tron.NewSigning(network, accountKey)
	require.NoError(t, err)
	secret, err := hex.DecodeString(seedHex)
	require.NoError(t, err)
	keys, err := signer.NewSeed(secret, signer.Account{Family: family, Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { _ = keys.Close() })
	return keys
}

// fund gives the lane TRX and USDT, on the chain and in the books.
func (s *scene) fund(trx, usdt int64) {
	lane := string(s.spender.Lane())
	if trx > 0 {
		s.Give(lane, trx)
		s.move(payout.Move{Holding: s.laneHolding(s.trx), Units: big.NewInt(trx)})
	}
	if usdt > 0 {
		s.GiveToken(usdtContract, lane, big.NewInt(usdt))
		s.move(payout.Move{Holding: s.laneHolding(s.usdt), Units: big.NewInt(usdt)})
	}
}

func (s *scene) laneHolding(a chain.Asset) payout.Holding {
	return payout.Holding{
		Network: s.Network(), Name: string(s.spender.Lane()) + "/" + string(a.ID), Asset: a.ID, Address: s.spender.Lane(),
		Wallet: s.wallet.Name(), Branch: 1,
	}
}

// deposit gives the address of an invoice some of an asset, on the chain and in the books.
func (s *scene) deposit(index uint32, a chain.Asset, units int64) payout.Holding {
	s.t.Helper()
	to, err := s.wallet.Address(s.t.Context(), index)
	require.NoError(s.t, err)
	if a.ID == s.trx.ID {
		s.Give(string(to), units)
	} else {
		s.GiveToken(usdtContract, string(to), big.NewInt(units))
	}
	h := s.spender.Holding(payout.Deposit{Asset: a.ID, To: to, Wallet: s.wallet.Name(), Index: index, Units: big.NewInt(units)})
	s.move(payout.Move{Holding: h, Units: big.NewInt(units)})
	return s.holdings[h.Name]
}

func (s *scene) payout(id string, a chain.Asset, to string, units int64) payout.Payout {
	return payout.Payout{
		ID: id, Asset: a, To: chain.Address(to), Units: big.NewInt(units), Fee: big.NewInt(100_000_000), FeeAsset: s.trx.ID,
	}
}

// planned plans a transaction of one payout, and opens it in the books.
func (s *scene) planned(p payout.Payout) *payout.Transaction {
	s.t.Helper()
	plan, err := s.spender.Plan(s.t.Context(), s.books, []payout.Payout{p})
	require.NoError(s.t, err)
	require.Equal(s.t, []string{p.ID}, plan.Payouts)
	return s.begin(plan, payout.PurposePay)
}

// begin opens a planned transaction in the books, as the service does.
func (s *scene) begin(plan payout.Plan, purpose payout.Purpose) *payout.Transaction {
	s.t.Helper()
	t := &payout.Transaction{
		ID: "t" + plan.Version.TxID[:8], Network: s.Network(), Purpose: purpose, Lane: plan.Lane, Anchor: plan.Anchor,
		Payouts: plan.Payouts, Versions: []payout.Version{plan.Version}, Stage: payout.StageOffered, Mined: -1,
	}
	require.NoError(s.t, t.Check())
	for _, name := range plan.Version.Spends {
		require.Empty(s.t, s.locks[name], name)
		s.locks[name] = t.ID
	}
	s.open = append(s.open, t)
	return t
}

// sign signs the only version of a transaction.
func (s *scene) sign(t *payout.Transaction) {
	s.t.Helper()
	v := &t.Versions[0]
	signed, err := s.keys.Sign(s.t.Context(), payout.SignRequest{Network: s.Network(), Transaction: t.ID, Lane: t.Lane, Unsigned: v.Unsigned})
	require.NoError(s.t, err)
	raw, id, err := s.spender.Verify(*v, signed)
	require.NoError(s.t, err)
	require.Equal(s.t, v.TxID, id)
	v.Raw = raw
}

// send signs and sends a transaction.
func (s *scene) send(t *payout.Transaction) {
	s.t.Helper()
	s.sign(t)
	require.NoError(s.t, s.spender.Send(s.t.Context(), t.Versions[0]))
}

// look returns what the chain knows of a transaction with one version.
func (s *scene) look(t *payout.Transaction) (payout.Sighting, payout.Look) {
	s.t.Helper()
	look, err := s.spender.Look(s.t.Context(), *t)
	require.NoError(s.t, err)
	require.Len(s.t, look.Versions, 1)
	return look.Versions[0], look
}

// finish mines a transaction until it is final, and books what it did.
func (s *scene) finish(t *payout.Transaction) payout.Sighting {
	s.t.Helper()
	s.Chain.Mine(1 + trontest.Solid)
	seen, _ := s.look(t)
	require.True(s.t, seen.Final)
	for _, m := range t.Versions[0].Moves {
		if m.Fee {
			m.Units = new(big.Int).Add(m.Units, new(big.Int).Sub(t.Versions[0].Fee, seen.Fee))
		}
		s.move(m)
	}
	for _, name := range t.Versions[0].Spends {
		delete(s.locks, name)
	}
	s.open = slices.DeleteFunc(s.open, func(o *payout.Transaction) bool { return o == t })
	return seen
}

// agrees requires that the chain has what the books say.
func (s *scene) agrees() {
	s.t.Helper()
	var all []payout.Holding
	for _, h := range s.holdings {
		all = append(all, h)
	}
	has, err := s.spender.Audit(s.t.Context(), all)
	require.NoError(s.t, err)
	for i, h := range all {
		require.Equal(s.t, h.Units.String(), has[i].String(), h.Name)
	}
}

// books is a payout.Wallet in memory.
type books struct {
	holdings map[string]payout.Holding
	open     []*payout.Transaction
	locks    map[string]string
}

func newBooks() *books {
	return &books{holdings: map[string]payout.Holding{}, locks: map[string]string{}}
}

func (b *books) move(m payout.Move) {
	h, has := b.holdings[m.Holding.Name]
	if !has {
		h = m.Holding
		h.Units = new(big.Int)
	}
	h.Units = new(big.Int).Add(h.Units, m.Units)
	if h.Units.Sign() < 0 {
		panic("holding " + h.Name + " is below zero")
	}
	b.holdings[h.Name] = h
}

func (b *books) Holding(_ context.Context, name string) (payout.Holding, error) {
	h, has := b.holdings[name]
	if !has {
		return payout.Holding{}, payout.ErrNotFound
	}
	return h, nil
}

func (b *books) Holdings(_ context.Context, asset chain.AssetID, visit func(payout.Holding) bool) error {
	for _, h := range b.holdings {
		if h.Asset == asset && h.Units.Sign() > 0 && !visit(h) {
			return nil
		}
	}
	return nil
}

func (b *books) Open(context.Context) (out []payout.Transaction, err error) {
	for _, t := range b.open {
		out = append(out, *t)
	}
	return out, nil
}

func (b *books) Locked(_ context.Context, names []string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range names {
		if id := b.locks[name]; id != "" {
			out[name] = id
		}
	}
	return out, nil
}

func (b *books) Number(context.Context, string) (uint32, error) { panic("not needed on TRON") }
