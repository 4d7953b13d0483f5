package tron

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/payout"
)

// moment is what all transactions that are planned in one call rest on.
type moment struct {
	head, solid chain.Header
	prices      tron.Prices
	open        []payout.Transaction
}

func (s *Spender) moment(ctx context.Context, w payout.Wallet) (m moment, err error) {
	tip, err := s.node.Tip(ctx) // it verifies that this is the network
	if err != nil {
		return m, err
	}
	m.head = tip.Header
	if m.solid, err = s.node.Solid(ctx); err != nil {
		return m, err
	}
	if m.prices, err = s.node.Prices(ctx); err != nil {
		return m, err
	}
	if m.open, err = w.Open(ctx); err != nil {
		return m, fmt.Errorf("read open transactions: %w", err)
	}
	return m, nil
}

// maxTried is how many payouts one call of Plan asks the node about.
const maxTried = 100

// note is what a version has in its Note: the block that it refers to.
type note struct {
	Height uint64 `json:"height"`
	Hash   string `json:"hash"`
}

// Plan implements [payout.Spender]. It pays one payout, the first that can be paid, since a transaction of TRON has one
// receiver. A payout that has to wait for coins, or whose fee is too small, does not make others wait: smaller ones of the
// same asset, and those of other assets. At most maxTried are tried.
func (s *Spender) Plan(ctx context.Context, w payout.Wallet, payouts []payout.Payout) (payout.Plan, error) {
	m, err := s.moment(ctx, w)
	if err != nil {
		return payout.Plan{}, fmt.Errorf("tron: plan: %w", err)
	}
	var why error
	short := map[chain.AssetID]*big.Int{} // the least that there are not enough coins for
	trials := 0
	for _, p := range payouts {
		if least := short[p.Asset.ID]; least != nil && p.Units != nil && p.Units.Cmp(least) >= 0 {
			continue
		}
		if trials++; trials > maxTried {
			break
		}
		plan, err := s.pay(ctx, w, m, p)
		var never *payout.RefusedError
		switch {
		case err == nil:
			return plan, nil
		case errors.As(err, &never):
			return payout.Plan{Refused: map[string]string{p.ID: never.Error()}}, nil
		case errors.Is(err, payout.ErrFeeTooHigh):
		case errors.Is(err, payout.ErrNoCoins):
			short[p.Asset.ID] = p.Units
		default:
			return payout.Plan{}, fmt.Errorf("tron: plan payout %s: %w", p.ID, err)
		}
		if why == nil {
			why = fmt.Errorf("tron: plan payout %s: %w", p.ID, err)
		}
	}
	if why == nil {
		why = fmt.Errorf("tron: plan: %w", payout.ErrNoCoins)
	}
	return payout.Plan{}, why
}

// pay plans the transaction of one payout.
func (s *Spender) pay(ctx context.Context, w payout.Wallet, m moment, p payout.Payout) (payout.Plan, error) {
	if p.Units == nil || p.Fee == nil {
		return payout.Plan{}, refused(payout.RefusedInvalid, "no amount or no fee")
	}
	if err := s.checkAmount(p.Asset.ID, p.Units); err != nil {
		return payout.Plan{}, err
	}
	to, err := accountOf(p.To)
	if err != nil || to.address() != p.To {
		return payout.Plan{}, refused(payout.RefusedAddress, "not an address of TRON in its canonical spelling")
	}
	if err := s.checkReceiver(ctx, p.Asset.ID, p.To); err != nil {
		return payout.Plan{}, err
	}
	d := draft{from: s.lane, to: place{address: p.To, account: to}, asset: p.Asset.ID, units: p.Units}
	free, err := s.free(ctx, w, m, p.Asset.ID)
	if err != nil {
		return payout.Plan{}, err
	}
	if free.Cmp(p.Units) < 0 {
		return payout.Plan{}, fmt.Errorf("%w: %s is free at %s", payout.ErrNoCoins, free, s.lane.address)
	}
	if err := s.price(ctx, m, &d); err != nil {
		return payout.Plan{}, err
	}
	if d.fee.Cmp(p.Fee) > 0 {
		return payout.Plan{}, fmt.Errorf("%w: it may take %s sun, and %s are reserved", payout.ErrFeeTooHigh, d.fee, p.Fee)
	}
	if err := s.affordable(ctx, w, m, d); err != nil {
		return payout.Plan{}, err
	}
	plan, err := s.build(m, d)
	plan.Payouts = []string{p.ID}
	return plan, err
}

// affordable returns ErrNoCoins unless the lane has TRX for what a draft from there takes of it.
func (s *Spender) affordable(ctx context.Context, w payout.Wallet, m moment, d draft) error {
	need := new(big.Int).Set(d.fee)
	if d.asset == s.coin {
		need.Add(need, d.units)
	}
	free, err := s.free(ctx, w, m, s.coin)
	if err == nil && free.Cmp(need) < 0 {
		err = fmt.Errorf("%w: %s sun are free at %s, and %s are needed", payout.ErrNoCoins, free, s.lane.address, need)
	}
	return err
}

// free returns what the lane has of an asset that no open transaction can take.
func (s *Spender) free(ctx context.Context, w payout.Wallet, m moment, asset chain.AssetID) (*big.Int, error) {
	return payout.Free(ctx, w, m.open, nameOf(s.lane.address, asset), "")
}

// draft is a transaction that is being planned.
type draft struct {
	from, to place // to has a path only if it is ours
	ours     bool
	asset    chain.AssetID
	units    *big.Int
	limit    int64    // fee limit in sun
	fee      *big.Int // greatest fee in sun
	rate     string
	spends   []string // locks beside the anchor
}

// price sets the fee limit and the greatest fee of a draft.
func (s *Spender) price(ctx context.Context, m moment, d *draft) error {
	d.fee = new(big.Int)
	if d.asset == s.coin {
		state, err := s.node.State(ctx, d.to.address)
		if err != nil {
			return err
		}
		if !state.Active { // it pays for the account, and for bandwidth by another measure
			d.fee.SetInt64(m.prices.Account + m.prices.NewBytes)
		}
		d.rate = fmt.Sprintf("%d sun/byte", m.prices.Byte)
	} else {
		energy, reverted, err := s.node.TransferEnergy(ctx, s.assets[d.asset], d.from.address, d.to.address, d.units)
		if err != nil {
			return err
		}
		if reverted {
			return fmt.Errorf("%w: at present the contract reverts the transfer", payout.ErrNoCoins)
		}
		limit := feeLimit(energy, m.prices.Energy)
		if limit.Cmp(big.NewInt(m.prices.MaxLimit)) > 0 {
			return fmt.Errorf("%w: the fee limit would be %s sun, and the network allows %d", payout.ErrFeeTooHigh, limit, m.prices.MaxLimit)
		}
		d.limit = limit.Int64()
		d.fee.Set(limit)
		d.rate = fmt.Sprintf("%d sun/energy", m.prices.Energy)
	}
	p, err := s.payment(m, *d, 0)
	if err != nil {
		return err
	}
	d.fee.Add(d.fee, new(big.Int).Mul(big.NewInt(p.size()), big.NewInt(m.prices.Byte)))
	return nil
}

// feeLimit returns the price of an estimate and a fifth more, rounded up. What is staked does not matter: the network takes
// the limit for the greatest energy, also where stakes pay for it.
func feeLimit(energy, price int64) *big.Int {
	sun := new(big.Int).Mul(big.NewInt(energy), big.NewInt(price))
	sun.Mul(sun, big.NewInt(6)).Add(sun, big.NewInt(4))
	return sun.Quo(sun, big.NewInt(5))
}

// payment returns the draft as a transaction. The number makes those that are otherwise the same differ.
func (s *Spender) payment(m moment, d draft, number int64) (payment, error) {
	ref, err := refer(m.solid)
	if err != nil {
		return payment{}, err
	}
	p := payment{
		ref: ref, expiration: m.head.Time.Add(s.expiry).UnixMilli(), timestamp: m.head.Time.UnixMilli() + number,
		limit: d.limit, from: d.from.account, to: d.to.account, units: d.units,
	}
	if d.asset != s.coin {
		contract, err := accountOf(chain.Address(d.asset.Reference()))
		if err != nil {
			return payment{}, err
		}
		p.contract = &contract
	}
	return p, nil
}

// build returns the plan of a draft. Two payouts that ask for the same, at the same block, must be two transactions: the
// timestamp, which the network does not look at, makes the ids differ. All that could have the same one are open.
func (s *Spender) build(m moment, d draft) (payout.Plan, error) {
	p, err := s.payment(m, d, 0)
	if err != nil {
		return payout.Plan{}, err
	}
	for known(m.open, p.txID()) {
		p.timestamp++
	}
	var toPath []uint32
	if d.ours {
		toPath = d.to.path[:]
	}
	text, err := present(p, d.from.path[:], toPath)
	if err != nil {
		return payout.Plan{}, err
	}
	kept, err := json.Marshal(note{m.solid.Height, m.solid.Hash})
	if err != nil {
		return payout.Plan{}, err
	}
	id := p.txID()
	anchor := "tron:" + id
	return payout.Plan{
		// Transactions of one sender do not wait for each other: each has a lane of its own.
		Lane: string(d.from.address) + "#" + id[:12], Anchor: anchor,
		Version: payout.Version{
			Unsigned: text, TxID: id, Fee: d.fee, Rate: d.rate, Spends: append([]string{anchor}, d.spends...),
			Moves: s.moves(d), Expires: p.expires(), At: s.now(), Note: kept,
		},
	}, nil
}

func known(open []payout.Transaction, id string) bool {
	return slices.ContainsFunc(open, func(t payout.Transaction) bool {
		return slices.ContainsFunc(t.Versions, func(v payout.Version) bool { return v.TxID == id })
	})
}

// moves returns what a draft does to our holdings.
func (s *Spender) moves(d draft) []payout.Move {
	gas := payout.Move{Holding: s.holding(d.from, s.coin), Units: new(big.Int).Neg(d.fee), Fee: true}
	out := []payout.Move{gas}
	if d.asset == s.coin {
		out[0].Units.Sub(out[0].Units, d.units)
	} else {
		out = append(out, payout.Move{Holding: s.holding(d.from, d.asset), Units: new(big.Int).Neg(d.units)})
	}
	if d.ours {
		out = append(out, payout.Move{Holding: s.holding(d.to, d.asset), Units: new(big.Int).Set(d.units)})
	}
	return out
}

// Replace implements [payout.Spender]: it always returns ErrNoReplacement. Another version could be executed as well.
func (s *Spender) Replace(context.Context, payout.Wallet, payout.Transaction, *big.Int) (payout.Version, error) {
	return payout.Version{}, fmt.Errorf("tron: %w", payout.ErrNoReplacement)
}

// topUpLock is the name that the top-up of an address locks.
func topUpLock(address chain.Address) string { return "topup:" + string(address) }

// tenth is the part of a sum of TRX that the fee of its sweep may be.
const tenth = 10

// Sweep implements [payout.Sweeper]. A sweep brings the whole holding to the lane. That of a token needs TRX at its address:
// if the books have too little there, the plan is to bring what is missing and a tenth more.
func (s *Spender) Sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	plan, purpose, err := s.sweep(ctx, w, h, o)
	if err != nil {
		return payout.Plan{}, "", fmt.Errorf("tron: sweep %s: %w", h.Name, err)
	}
	return plan, purpose, nil
}

func (s *Spender) sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	from, err := s.deposit(h)
	if err != nil {
		return payout.Plan{}, "", err
	}
	gasName := nameOf(from.address, s.coin)
	locked, err := w.Locked(ctx, []string{h.Name, gasName, topUpLock(from.address)})
	if err != nil {
		return payout.Plan{}, "", fmt.Errorf("read locks: %w", err)
	}
	if len(locked) > 0 {
		return payout.Plan{}, "", fmt.Errorf("%w: a transaction for this address is open", payout.ErrNoCoins)
	}
	m, err := s.moment(ctx, w)
	if err != nil {
		return payout.Plan{}, "", err
	}
	d := draft{from: from, to: s.lane, ours: true, asset: h.Asset, units: h.Units, spends: []string{h.Name}}
	if err := s.price(ctx, m, &d); err != nil {
		return payout.Plan{}, "", err
	}
	if h.Asset == s.coin {
		plan, err := s.sweepCoin(m, d, o)
		return plan, payout.PurposeSweep, err
	}
	if d.fee.Cmp(s.sweepFee) > 0 && !o.Dear {
		return payout.Plan{}, "", fmt.Errorf("%w: it may cost %s sun, and %s are allowed", payout.ErrTooDear, d.fee, s.sweepFee)
	}
	gas, err := payout.Free(ctx, w, nil, gasName, "")
	if err != nil {
		return payout.Plan{}, "", err
	}
	if gas.Cmp(d.fee) < 0 {
		plan, err := s.topUp(ctx, w, m, d, gas, o)
		return plan, payout.PurposeTopUp, err
	}
	d.spends = append(d.spends, gasName)
	plan, err := s.build(m, d)
	return plan, payout.PurposeSweep, err
}

// deposit returns the place of a holding that can be swept.
func (s *Spender) deposit(h payout.Holding) (place, error) {
	if h.Network != s.network || h.Branch != 0 || h.Wallet != s.wallet.Name() {
		return place{}, fmt.Errorf("%w: it is not at an address of invoices of this wallet", payout.ErrNoCoins)
	}
	if err := s.checkAmount(h.Asset, h.Units); err != nil || h.Units == nil {
		return place{}, fmt.Errorf("%w: it is no amount of an asset that is paid out", payout.ErrNoCoins)
	}
	at, err := s.place(0, h.Index)
	if err != nil {
		return place{}, err
	}
	if at.address != h.Address || h.Name != nameOf(h.Address, h.Asset) {
		return place{}, fmt.Errorf("address %s is not number %s of the wallet", h.Address, strconv.FormatUint(uint64(h.Index), 10))
	}
	return at, nil
}

// sweepCoin plans a sweep of TRX, which pays its own fee.
func (s *Spender) sweepCoin(m moment, d draft, o payout.SweepOrder) (payout.Plan, error) {
	rest := new(big.Int).Sub(d.units, d.fee)
	if rest.Sign() <= 0 || !o.Dear && new(big.Int).Mul(d.fee, big.NewInt(tenth)).Cmp(d.units) > 0 {
		return payout.Plan{}, fmt.Errorf("%w: it may cost %s sun of %s", payout.ErrTooDear, d.fee, d.units)
	}
	d.units = rest
	return s.build(m, d)
}

// topUp plans to bring TRX to the address of a draft that has too little of it.
func (s *Spender) topUp(ctx context.Context, w payout.Wallet, m moment, swept draft, gas *big.Int, o payout.SweepOrder) (payout.Plan, error) {
	missing := new(big.Int).Mul(swept.fee, big.NewInt(11))
	missing.Add(missing, big.NewInt(tenth-1)).Quo(missing, big.NewInt(tenth)).Sub(missing, gas)
	d := draft{
		from: s.lane, to: swept.from, ours: true, asset: s.coin, units: missing, spends: []string{topUpLock(swept.from.address)},
	}
	if err := s.price(ctx, m, &d); err != nil {
		return payout.Plan{}, err
	}
	if sum := new(big.Int).Add(swept.fee, d.fee); sum.Cmp(s.sweepFee) > 0 && !o.Dear {
		return payout.Plan{}, fmt.Errorf("%w: sweep and top-up may cost %s sun, and %s are allowed", payout.ErrTooDear, sum, s.sweepFee)
	}
	if err := s.affordable(ctx, w, m, d); err != nil {
		return payout.Plan{}, err
	}
	return s.build(m, d)
}
