package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// price is what is paid for a unit of gas. Where there is no base fee, tip and most are the same.
type price struct {
	tip  *big.Int // to whoever makes the block
	most *big.Int // the tip is part of it
	// least is what blocks take at present: less than most, as the base fee may double until the block.
	least  *big.Int
	legacy bool
}

// priced reads the end of the chain and what the network asks for at present.
func (s *Spender) priced(ctx context.Context, addresses ...chain.Address) (head, price, error) {
	var tip, gasPrice *hexutil.Big
	h, err := s.head(ctx, []rpc.BatchElem{
		{Method: "eth_gasPrice", Result: &gasPrice}, {Method: "eth_maxPriorityFeePerGas", Result: &tip}, // old nodes have no such
	}, addresses...)
	if err != nil {
		return head{}, price{}, err
	}
	if h.baseFee == nil {
		if gasPrice == nil {
			return head{}, price{}, fmt.Errorf("%w: no gas price", chain.ErrIncomplete)
		}
		p := s.between((*big.Int)(gasPrice))
		return h, price{tip: p, most: p, least: p, legacy: true}, nil
	}
	suggestion := (*big.Int)(tip)
	if tip == nil && gasPrice != nil {
		suggestion = new(big.Int).Sub((*big.Int)(gasPrice), h.baseFee)
		suggestion = larger(suggestion, new(big.Int))
	}
	p := price{tip: s.between(suggestion), most: new(big.Int).Lsh(h.baseFee, 1)}
	p.most.Add(p.most, p.tip)
	p.least = new(big.Int).Add(bumped(h.baseFee), p.tip)
	return h, p, nil
}

// bearable returns ErrFeeTooHigh for a price that exceeds Fees.MaxPrice.
func (s *Spender) bearable(p price) error {
	if limit := s.c.Fees.MaxPrice; limit != nil && p.most.Cmp(limit) > 0 {
		return fmt.Errorf("%w: %s a unit of gas, and Config.Fees.MaxPrice is %s", payout.ErrFeeTooHigh, p.most, limit)
	}
	return nil
}

// between keeps a node's suggestion between the limits of tips.
func (s *Spender) between(suggestion *big.Int) *big.Int {
	tip := new(big.Int)
	if suggestion != nil {
		tip.Set(suggestion)
	}
	if low := s.c.Fees.MinTip; low != nil && tip.Cmp(low) < 0 {
		tip.Set(low)
	}
	if high := s.c.Fees.MaxTip; high != nil && tip.Cmp(high) > 0 {
		tip.Set(high)
	}
	return tip
}

// bumped returns n and an eighth of it more, rounded up, and at least 1 more: all nodes accept a replacement that pays
// so much more.
func bumped(n *big.Int) *big.Int {
	more := new(big.Int).Add(n, big.NewInt(7))
	more.Rsh(more, 3)
	if more.Sign() == 0 {
		more.SetInt64(1)
	}
	return more.Add(more, n)
}

// fee returns the most that a transaction can cost: the tip is within the price and not added to it.
func (s *Spender) fee(gas uint64, p price) *big.Int {
	fee := new(big.Int).Mul(new(big.Int).SetUint64(gas), p.most)
	return fee.Add(fee, s.c.Fees.Extra)
}

// affordable lowers the price to what gas may cost in all, if blocks take that at present; ok is false if they do not.
func (s *Spender) affordable(gas uint64, p price, greatest *big.Int) (price, bool) {
	limit := new(big.Int).Sub(greatest, s.c.Fees.Extra)
	limit.Div(limit, new(big.Int).SetUint64(gas)) // rounds towards negative infinity
	if limit.Cmp(p.most) >= 0 {
		return p, true
	}
	if limit.Cmp(p.least) < 0 {
		return p, false
	}
	p.most = limit
	if p.legacy {
		p.tip = limit
	}
	return p, true
}

// replacing returns a price that replaces those of earlier transactions with the same nonce.
func (p price) replacing(earlier []Unsigned) price {
	for _, u := range earlier {
		p.tip = larger(p.tip, bumped(u.tx.GasTipCap()))
		p.least = larger(p.least, bumped(u.tx.GasFeeCap()))
	}
	p.least = larger(p.least, p.tip)
	p.most = larger(p.most, p.least)
	if p.legacy {
		p.tip, p.least = p.most, p.most
	}
	return p
}

// chosen returns a price that replaces those of earlier transactions with the same nonce, and at which gas costs the fee that
// an operator chose, or a little less. What a node suggests does not count, but the base fee does: no block takes less.
func (s *Spender) chosen(h *payout.Hurry, gas uint64, asked price, earlier []Unsigned) price {
	double := new(big.Int).Sub(asked.most, asked.tip) // of the base fee, as in every price
	p := price{tip: new(big.Int), most: new(big.Int), least: bumped(new(big.Int).Rsh(double, 1)), legacy: asked.legacy}.replacing(earlier)
	most := new(big.Int).Sub(h.Fee, s.c.Fees.Extra)
	most.Div(most, new(big.Int).SetUint64(gas))
	if most.Cmp(p.most) > 0 {
		p.tip = smaller(larger(p.tip, s.between(new(big.Int).Sub(most, double))), most)
		p.most = most
	}
	if p.legacy {
		p.tip = p.most
	}
	p.least = p.most
	return p
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return b
	}
	return a
}

// transaction makes the unsigned transaction that moves units of native coin, or of a token.
func (s *Spender) transaction(from lane, m move, nonce, gas uint64, p price) (Unsigned, error) {
	to, value, data := m.message()
	tx := types.NewTx(&types.DynamicFeeTx{
		ChainID: s.id, Nonce: nonce, GasTipCap: p.tip, GasFeeCap: p.most, Gas: gas, To: &to, Value: value, Data: data,
	})
	if p.legacy {
		tx = newLegacy(s.id, nonce, p.most, gas, to, value, data)
	}
	return newUnsigned(s.c.Network, from, tx)
}

// move is what a transaction is to do.
type move struct {
	token common.Address // zero for native coin
	to    common.Address
	units *big.Int
}

func (m move) isToken() bool { return m.token != (common.Address{}) }

// message returns what a transaction that makes the move says.
func (m move) message() (to common.Address, value *big.Int, data []byte) {
	if m.isToken() {
		return m.token, new(big.Int), transferCall(m.to, m.units)
	}
	return m.to, m.units, nil
}

// version returns the unsigned version of a transaction, with what it does to holdings: the first of the moves is that
// of the holding that pays the fee.
func (s *Spender) version(u Unsigned, more ...string) (payout.Version, error) {
	unsigned, err := u.bytes()
	if err != nil {
		return payout.Version{}, err
	}
	from, asset := laneOfTx(u), s.assetOf(u)
	fee := new(big.Int).Add(u.Fee, s.c.Fees.Extra)
	paid := payout.Move{Holding: s.holdingOf(from, s.coin.ID), Units: new(big.Int).Neg(fee), Fee: true}
	moves := []payout.Move{paid}
	if u.Token == "" {
		paid.Units.Sub(paid.Units, u.Units)
	} else {
		moves = append(moves, payout.Move{Holding: s.holdingOf(from, asset), Units: new(big.Int).Neg(u.Units)})
	}
	return payout.Version{
		Unsigned: unsigned, Fee: fee, Rate: decimal.NewFromBigInt(u.tx.GasFeeCap(), -9).String() + " gwei",
		Spends: append([]string{nonceName(u.From, u.Nonce)}, more...), Moves: moves, At: s.c.Now().UTC(),
	}, nil
}

// arrives adds that what the transaction moves arrives at an address of ours.
func (s *Spender) arrives(v *payout.Version, u Unsigned, at lane) {
	v.Moves = append(v.Moves, payout.Move{Holding: s.holdingOf(at, s.assetOf(u)), Units: new(big.Int).Set(u.Units)})
}
