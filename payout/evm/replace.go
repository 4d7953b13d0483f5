package evm

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/cointill/cointill/payout"
)

// Replace implements [payout.Spender]. The next version has the same nonce, receiver and amount, or moves nothing from
// the sender to itself for Cancel. Its tip and its greatest fee exceed those of all versions that a signer may have signed by an
// eighth, rounded up, which every node takes. A cancellation that cannot have so much exceeds those that are signed here: the
// others may be in no pool, and else no later number of the sender could ever be mined. Where one of them is in a pool after
// all, nodes refuse the cancellation, and blocks take that one. With Hurry, the greatest fee is what counts: the tip gets what
// that leaves beside twice the base fee. A sweep of native coin brings what its fee takes more less.
func (s *Spender) Replace(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	v, err := s.replace(ctx, w, t, greatest)
	if err != nil {
		return payout.Version{}, fmt.Errorf("payout/evm: replace transaction %s: %w", t.ID, err)
	}
	return v, nil
}

func (s *Spender) replace(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	earlier, err := s.parseAll(t)
	if err != nil {
		return payout.Version{}, err
	}
	r, err := s.replacement(ctx, w, t, earlier, greatest)
	if err != nil {
		return payout.Version{}, err
	}
	u, err := s.transaction(r.from, r.move, earlier[0].Nonce, r.gas, r.price)
	if err != nil {
		return payout.Version{}, err
	}
	at, ours := s.ownReceiver(t)
	switch {
	case t.Cancel:
		u.ToPath = []uint32{r.from.branch, r.from.index}
	case ours:
		u.ToPath = []uint32{at.branch, at.index}
	}
	others := slices.DeleteFunc(slices.Clone(t.Last().Spends), func(name string) bool { return name == t.Anchor })
	next, err := s.version(u, others...)
	if err != nil {
		return payout.Version{}, err
	}
	next.Cancels = t.Cancel
	if ours && !t.Cancel {
		s.arrives(&next, u, at)
	}
	return next, nil
}

// replacement is what the next version does.
type replacement struct {
	from  lane
	move  move
	gas   uint64
	price price
}

func (s *Spender) replacement(ctx context.Context, w payout.Wallet, t payout.Transaction, earlier []Unsigned, greatest *big.Int) (replacement, error) {
	last := earlier[len(earlier)-1]
	r := replacement{from: laneOfTx(last), move: moveIn(last), gas: last.tx.Gas()}
	_, asked, err := s.priced(ctx)
	if err != nil {
		return r, err
	}
	asked.legacy = last.tx.Type() == types.LegacyTxType
	if t.Cancel {
		r.move = move{to: common.HexToAddress(string(r.from.address)), units: new(big.Int)}
		if r.gas, err = s.gas(ctx, r.from, r.move); err != nil {
			return r, err
		}
	}
	limit := new(big.Int).Set(greatest)
	if most := s.c.Fees.MaxPrice; most != nil {
		limit = smaller(limit, s.fee(r.gas, price{most: most}))
	}
	var ok bool
	if r.price, ok = s.outbids(t, earlier, asked, r.gas, limit); !ok {
		return r, fmt.Errorf("%w: %s is the least for another version, and %s the greatest",
			payout.ErrFeeTooHigh, s.fee(r.gas, price{most: r.price.least}), greatest)
	}
	return s.covered(ctx, w, t, last, r)
}

// outbids returns the price of a version that takes the place of those before it, at which gas costs at most the limit; ok is
// false if there is none. What no signer has seen is in no way.
func (s *Spender) outbids(t payout.Transaction, earlier []Unsigned, asked price, gas uint64, limit *big.Int) (p price, ok bool) {
	var shown, signed []Unsigned
	for i, v := range t.Versions {
		if v.Shown() {
			shown = append(shown, earlier[i])
		}
		if v.Signed() {
			signed = append(signed, earlier[i])
		}
	}
	p = asked.replacing(shown)
	if t.Hurry != nil {
		p = s.chosen(t.Hurry, gas, asked, shown)
	}
	if p, ok = s.affordable(gas, p, limit); ok || !t.Cancel {
		return p, ok
	}
	return s.affordable(gas, asked.replacing(signed), limit)
}

// covered checks that the sender has what the version takes. What a sweep of native coin pays more for its fee, it
// brings less.
func (s *Spender) covered(ctx context.Context, w payout.Wallet, t payout.Transaction, last Unsigned, r replacement) (replacement, error) {
	fee := s.fee(r.gas, r.price)
	if t.Purpose == payout.PurposeSweep && !r.move.isToken() && !t.Cancel {
		more := new(big.Int).Sub(fee, new(big.Int).Add(last.Fee, s.c.Fees.Extra))
		if r.move.units = new(big.Int).Sub(r.move.units, more); r.move.units.Sign() <= 0 {
			return r, fmt.Errorf("%w: nothing would be left of the sweep", payout.ErrNoCoins)
		}
	}
	open, err := w.Open(ctx)
	if err != nil {
		return r, fmt.Errorf("read open transactions: %w", err)
	}
	free, err := payout.Free(ctx, w, open, holdingName(r.from.address, s.coin.ID), t.ID)
	if err != nil {
		return r, err
	}
	need := new(big.Int).Set(fee)
	if !r.move.isToken() {
		need.Add(need, r.move.units)
	}
	if free.Cmp(need) < 0 {
		return r, fmt.Errorf("%w: %s has %s, and the next version needs %s", payout.ErrNoCoins, r.from.address, free, need)
	}
	return r, nil
}

// moveIn returns what a transaction does.
func moveIn(u Unsigned) move {
	m := move{to: common.HexToAddress(string(u.To)), units: u.Units}
	if u.Token != "" {
		m.token = common.HexToAddress(string(u.Token))
	}
	return m
}

// ownReceiver returns the address of ours that a sweep or a top-up goes to, as its first version has it.
func (s *Spender) ownReceiver(t payout.Transaction) (lane, bool) {
	if t.Purpose == payout.PurposePay {
		return lane{}, false
	}
	for _, v := range t.Versions {
		for _, m := range v.Moves {
			if m.Units.Sign() > 0 {
				return lane{m.Holding.Address, m.Holding.Branch, m.Holding.Index}, true
			}
		}
	}
	return lane{}, false
}
