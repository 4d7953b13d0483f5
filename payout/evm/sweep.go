package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// topUpName returns the name of the lock that a top-up of an address holds: there is never a second one.
func topUpName(a chain.Address) string { return "topup:" + string(a) }

// Sweep implements [payout.Sweeper]. An address is swept by one transaction at a time. For a token, its address is topped
// up to the most that the sweep can cost; native coin pays for itself, and all of it goes, after the tokens of its address. When gas becomes dearer while the
// sweep of a token waits for its block, it waits on: its address has nothing for another version. It returns ErrTooDear for
// native coin that is less than Config.SweepFees times its fee, ErrNoCoins also while an earlier transaction is under way, and RefusedStopped for an address whose key somebody else used: the others
// go on.
func (s *Spender) Sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	plan, purpose, err := s.sweep(ctx, w, h, o)
	if errors.Is(err, payout.ErrFeeTooHigh) {
		err = fmt.Errorf("%w: %w", payout.ErrNoCoins, err)
	}
	if err != nil {
		return payout.Plan{}, "", fmt.Errorf("payout/evm: sweep %s: %w", h.Name, err)
	}
	return plan, purpose, nil
}

func (s *Spender) sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	if err := s.sweepable(ctx, w, h, o); err != nil {
		return payout.Plan{}, "", err
	}
	p, err := s.planner(ctx, w, lane{h.Address, h.Branch, h.Index})
	if err != nil {
		return payout.Plan{}, "", err
	}
	if err := busy(p.open, h.Address); err != nil { // it was begun meanwhile
		return payout.Plan{}, "", err
	}
	has, err := p.has(ctx, h.Asset)
	if err != nil {
		return payout.Plan{}, "", err
	}
	if least := s.least(h.Asset, o); has.Cmp(least) < 0 {
		return payout.Plan{}, "", fmt.Errorf("%w: less than MinSweep, %s", payout.ErrNoCoins, least)
	}
	if h.Asset == s.coin.ID {
		if err := p.tokensFirst(ctx); err != nil {
			return payout.Plan{}, "", err
		}
	}
	coin, err := p.spendable(ctx)
	if err != nil {
		return payout.Plan{}, "", err
	}
	m := move{to: common.HexToAddress(string(s.pay.address)), units: has}
	if h.Asset == s.coin.ID {
		return p.sweepCoin(ctx, m, coin, o)
	}
	m.token = common.HexToAddress(h.Asset.Reference())
	return p.sweepToken(ctx, m, coin)
}

// sweepable checks what needs no node.
func (s *Spender) sweepable(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) error {
	_, known := s.assets[h.Asset]
	least := s.least(h.Asset, o)
	switch {
	case !known:
		return refusal(payout.RefusedAsset, "%s is not swept", h.Asset)
	case least == nil || h.Units.Cmp(least) < 0:
		return fmt.Errorf("%w: not worth its fee", payout.ErrNoCoins)
	}
	if err := s.owns(lane{h.Address, h.Branch, h.Index}); err != nil {
		return err
	}
	if h.Branch != 0 {
		return fmt.Errorf("%s pays, and is not swept", h.Address)
	}
	open, err := w.Open(ctx)
	if err != nil {
		return fmt.Errorf("read open transactions: %w", err)
	}
	if err := busy(open, h.Address); err != nil {
		return err
	}
	locked, err := w.Locked(ctx, []string{topUpName(h.Address)})
	if err != nil {
		return fmt.Errorf("read locks: %w", err)
	}
	if id, is := locked[topUpName(h.Address)]; is {
		return fmt.Errorf("%w: top-up %s is under way", payout.ErrNoCoins, id)
	}
	return nil
}

// busy returns ErrNoCoins while a transaction of the address is under way.
func busy(open []payout.Transaction, a chain.Address) error {
	for _, t := range waiting(open, a) {
		if !t.Foreign { // such a one is the planner's to refuse
			return fmt.Errorf("%w: transaction %s is under way", payout.ErrNoCoins, t.ID)
		}
	}
	return nil
}

// least returns the least of an asset that is swept; nil if it is not.
func (s *Spender) least(asset chain.AssetID, o payout.SweepOrder) *big.Int {
	if o.Now {
		return big.NewInt(1)
	}
	return s.assets[asset].MinSweep
}

// tokensFirst returns ErrNoCoins if the lane has tokens to be swept: its coins may have come for their fees.
func (p *planner) tokensFirst(ctx context.Context) error {
	for id, a := range p.assets {
		if id == p.coin.ID || a.MinSweep == nil {
			continue
		}
		has, err := p.has(ctx, id)
		if err != nil {
			return err
		}
		if has.Cmp(a.MinSweep) >= 0 {
			return fmt.Errorf("%w: its %s goes first", payout.ErrNoCoins, id)
		}
	}
	return nil
}

// spendable returns what the lane has of native coin by our books, and not more than the chain has: what arrived and is
// not booked yet is not spent.
func (p *planner) spendable(ctx context.Context) (*big.Int, error) {
	booked, err := p.has(ctx, p.coin.ID)
	if err != nil {
		return nil, err
	}
	there, err := p.balance(ctx, p.lane.address, "")
	if err != nil {
		return nil, err
	}
	return smaller(booked, there), nil
}

// sweepCoin leaves exactly the fee.
func (p *planner) sweepCoin(ctx context.Context, m move, coin *big.Int, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	m.units = big.NewInt(1) // what it moves does not matter for the gas
	gas, err := p.gas(ctx, p.lane, m)
	if err != nil {
		return payout.Plan{}, "", err
	}
	fee := p.fee(gas, p.price)
	m.units = new(big.Int).Sub(coin, fee)
	least := new(big.Int).Mul(fee, big.NewInt(p.c.SweepFees))
	switch {
	case m.units.Sign() <= 0:
		return payout.Plan{}, "", fmt.Errorf("%w: %s does not pay a fee of %s", payout.ErrNoCoins, coin, fee)
	case !o.Dear && m.units.Cmp(least) < 0:
		return payout.Plan{}, "", fmt.Errorf("%w: %s brings %s", payout.ErrTooDear, fee, m.units)
	}
	return p.brings(m, gas, p.price, p.pay, payout.PurposeSweep)
}

// sweepToken makes the sweep, or the top-up for it.
func (p *planner) sweepToken(ctx context.Context, m move, coin *big.Int) (payout.Plan, payout.Purpose, error) {
	gas, err := p.gas(ctx, p.lane, m)
	if err != nil {
		return payout.Plan{}, "", err
	}
	// Fees may have risen since the top-up: as long as blocks take what is there, it is not topped up again.
	if affordable, ok := p.affordable(gas, p.price, coin); ok {
		return p.brings(m, gas, affordable, p.pay, payout.PurposeSweep)
	}
	needed := p.fee(gas, p.price)
	return p.Spender.topUpTo(ctx, p.w, p.lane, needed.Sub(needed, coin))
}

// topUpTo brings units of native coin to an address.
func (s *Spender) topUpTo(ctx context.Context, w payout.Wallet, to lane, units *big.Int) (payout.Plan, payout.Purpose, error) {
	p, err := s.planner(ctx, w, s.topUp)
	if err != nil {
		return payout.Plan{}, "", err
	}
	m := move{to: common.HexToAddress(string(to.address)), units: units}
	gas, err := p.gas(ctx, p.lane, m)
	if err != nil {
		return payout.Plan{}, "", err
	}
	has, err := p.has(ctx, p.coin.ID)
	if err != nil {
		return payout.Plan{}, "", err
	}
	if need := p.fee(gas, p.price); has.Cmp(need.Add(need, units)) < 0 {
		return payout.Plan{}, "", fmt.Errorf("%w: %s has %s, and the top-up needs %s", payout.ErrNoCoins, p.lane.address, has, need)
	}
	return p.brings(m, gas, p.price, to, payout.PurposeTopUp, topUpName(to.address))
}

// brings plans a transaction between addresses of ours.
func (p *planner) brings(m move, gas uint64, at price, to lane, purpose payout.Purpose, locks ...string) (payout.Plan, payout.Purpose, error) {
	u, err := p.transaction(p.lane, m, p.nonce, gas, at)
	if err != nil {
		return payout.Plan{}, "", err
	}
	u.ToPath = []uint32{to.branch, to.index}
	v, err := p.version(u, locks...)
	if err != nil {
		return payout.Plan{}, "", err
	}
	p.arrives(&v, u, to)
	return payout.Plan{Lane: string(p.lane.address), Anchor: v.Spends[0], Version: v}, purpose, nil
}
