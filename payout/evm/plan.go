package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
)

// maxTried is how many payouts one call of Plan asks the node about.
const maxTried = 100

// Receiver implements [payout.Spender]. A contract is asked, as if it were paid now, as far as the lane has the coins
// for it.
func (s *Spender) Receiver(ctx context.Context, asset chain.Asset, to string, units *big.Int) (chain.Address, error) {
	m, refused := s.moveOf(asset.ID, to, units)
	if refused != nil {
		return "", refused
	}
	_, err := s.gas(ctx, s.pay, m)
	var no *payout.RefusedError
	switch {
	case errors.As(err, &no) && no.Code == payout.RefusedContract:
		return "", no
	case err != nil && no == nil && !errors.Is(err, payout.ErrNoCoins):
		return "", fmt.Errorf("payout/evm: ask about %s: %w", m.to, err)
	}
	return chain.Address(m.to.Hex()), nil
}

// moveOf returns what pays a receiver, or why nothing can.
func (s *Spender) moveOf(asset chain.AssetID, to string, units *big.Int) (move, *payout.RefusedError) {
	address, err := evm.ParseAddress(to)
	m := move{to: common.HexToAddress(string(address)), units: units}
	_, known := s.assets[asset]
	if known && asset != s.coin.ID {
		m.token = common.HexToAddress(asset.Reference())
	}
	switch {
	case !known:
		return m, refusal(payout.RefusedAsset, "%s is not paid out", asset)
	case err != nil:
		return m, refusal(payout.RefusedAddress, "%v", err)
	case m.to == common.Address{}:
		return m, refusal(payout.RefusedAddress, "the zero address has no owner")
	case s.isLane(address):
		return m, refusal(payout.RefusedAddress, "%s is the wallet that pays", address)
	case m.isToken() && m.to == m.token:
		return m, refusal(payout.RefusedContract, "%s is the token's own contract", address)
	case units == nil || units.Sign() <= 0:
		return m, refusal(payout.RefusedDust, "nothing is to be paid")
	case units.BitLen() > maxBits:
		return m, refusal(payout.RefusedCoins, "more than there can be")
	}
	return m, nil
}

// planner is what one call of Plan or Sweep knows.
type planner struct {
	*Spender
	w      payout.Wallet
	open   []payout.Transaction
	price  price
	lane   lane
	nonce  uint64
	frees  map[chain.AssetID]*big.Int // what the lane has free, as far as it was asked
	stuck  map[chain.AssetID]error    // tokens that move nothing at present
	trials int                        // how many payouts the node was asked about
}

// planner reads what a new transaction of a lane depends on.
func (s *Spender) planner(ctx context.Context, w payout.Wallet, l lane) (*planner, error) {
	// What is stored is read after the count: so all that the chain counts is known to be ours.
	h, p, err := s.priced(ctx, l.address)
	if err != nil {
		return nil, err
	}
	n, open, err := s.nonce(ctx, w, l.address, h.counts[0])
	if err != nil {
		return nil, err
	}
	return &planner{
		Spender: s, w: w, open: open, price: p, lane: l, nonce: n, frees: map[chain.AssetID]*big.Int{}, stuck: map[chain.AssetID]error{},
	}, s.bearable(p)
}

// has returns what the lane has free of an asset.
func (p *planner) has(ctx context.Context, asset chain.AssetID) (*big.Int, error) {
	if p.frees[asset] == nil {
		free, err := payout.Free(ctx, p.w, p.open, holdingName(p.lane.address, asset), "")
		if err != nil {
			return nil, err
		}
		p.frees[asset] = free
	}
	return p.frees[asset], nil
}

// Plan implements [payout.Spender]. It pays the first of the payouts that can be paid, alone. When one waits for coins
// or a lower fee, or because its token moves nothing at all or the node cannot try it, Plan tries the next. If none can
// be paid now and some never can, only Plan.Refused is set. It returns a RefusedError as well: RefusedStopped,
// RefusedTooSoon, and RefusedContract if a token moves nothing.
func (s *Spender) Plan(ctx context.Context, w payout.Wallet, payouts []payout.Payout) (payout.Plan, error) {
	plan, err := s.plan(ctx, w, payouts)
	if err != nil {
		return payout.Plan{}, fmt.Errorf("payout/evm: plan: %w", err)
	}
	return plan, nil
}

func (s *Spender) plan(ctx context.Context, w payout.Wallet, payouts []payout.Payout) (payout.Plan, error) {
	p, err := s.planner(ctx, w, s.pay)
	if err != nil {
		return payout.Plan{}, err
	}
	plan := payout.Plan{Lane: string(p.lane.address), Refused: map[string]string{}}
	var waits error
	for _, o := range payouts {
		if p.trials == maxTried {
			break
		}
		version, err := p.payOne(ctx, o)
		var never *neverError
		switch {
		case err == nil:
			plan.Anchor, plan.Version, plan.Payouts = version.Spends[0], version, []string{o.ID}
			return plan, nil
		case errors.As(err, &never):
			plan.Refused[o.ID] = never.reason
		case !waitsAlone(err):
			return payout.Plan{}, fmt.Errorf("payout %s: %w", o.ID, err)
		case waits == nil:
			waits = fmt.Errorf("payout %s: %w", o.ID, err)
		}
	}
	switch {
	case len(plan.Refused) > 0:
		return plan, nil
	case waits == nil:
		waits = payout.ErrNoCoins // there was nothing to pay
	}
	return payout.Plan{}, waits
}

// waitsAlone reports whether an error is about one payout, so that others may be paid.
func waitsAlone(err error) bool {
	var fault *nodeError
	var refused *payout.RefusedError
	return errors.Is(err, payout.ErrNoCoins) || errors.Is(err, payout.ErrFeeTooHigh) || errors.Is(err, chain.ErrIncomplete) ||
		errors.As(err, &fault) || errors.As(err, &refused)
}

// neverError says that a payout can never be paid.
type neverError struct{ reason string }

func (e *neverError) Error() string { return e.reason }

// payOne makes the transaction of one payout.
func (p *planner) payOne(ctx context.Context, o payout.Payout) (payout.Version, error) {
	m, refused := p.moveOf(o.Asset.ID, string(o.To), o.Units)
	switch {
	case refused != nil:
		return payout.Version{}, &neverError{refused.Error()}
	case o.FeeAsset != p.coin.ID || o.Fee == nil:
		return payout.Version{}, &neverError{fmt.Sprintf("its fee is not reserved in %s", p.coin.ID)}
	}
	if err := p.affords(ctx, o, params.TxGas); err != nil { // no payment takes less
		return payout.Version{}, err
	}
	if err := p.stuck[o.Asset.ID]; err != nil {
		return payout.Version{}, err
	}
	p.trials++
	gas, err := p.payGas(ctx, m)
	if err != nil {
		return payout.Version{}, err
	}
	if err := p.affords(ctx, o, gas); err != nil {
		return payout.Version{}, err
	}
	u, err := p.transaction(p.lane, m, p.nonce, gas, p.price)
	if err != nil {
		return payout.Version{}, err
	}
	return p.version(u)
}

// affords returns ErrFeeTooHigh or ErrNoCoins unless a payout can be paid with so much gas.
func (p *planner) affords(ctx context.Context, o payout.Payout, gas uint64) error {
	fee := p.fee(gas, p.price)
	if fee.Cmp(o.Fee) > 0 {
		return fmt.Errorf("%w: %s, and %s are reserved", payout.ErrFeeTooHigh, fee, o.Fee)
	}
	need := map[chain.AssetID]*big.Int{p.coin.ID: fee, o.Asset.ID: o.Units}
	if o.Asset.ID == p.coin.ID {
		need[p.coin.ID] = new(big.Int).Add(fee, o.Units)
	}
	for asset, units := range need {
		has, err := p.has(ctx, asset)
		if err != nil {
			return err
		}
		if has.Cmp(units) < 0 {
			return fmt.Errorf("%w: %s has %s of %s, and %s are needed", payout.ErrNoCoins, p.lane.address, has, asset, units)
		}
	}
	return nil
}

// payGas returns the gas limit of a payment, or a neverError if the receiver cannot be paid.
func (p *planner) payGas(ctx context.Context, m move) (uint64, error) {
	gas, err := p.gas(ctx, p.lane, m)
	var refused *payout.RefusedError
	if !errors.As(err, &refused) || refused.Code != payout.RefusedContract {
		return gas, err
	}
	if m.isToken() {
		// Where not even we are paid, it is not because of the receiver: the token is paused, or the lane blocked.
		own := m
		own.to = common.HexToAddress(string(p.topUp.address))
		if _, err := p.gas(ctx, p.lane, own); err != nil {
			err = fmt.Errorf("the token moves nothing: %w", err)
			p.stuck[p.assetAt(m.token)] = err
			return 0, err
		}
	}
	return 0, &neverError{refused.Error()}
}
