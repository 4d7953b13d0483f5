package bitcoin

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// cost says what a transaction must pay by its weight.
type cost struct {
	rate int64 // for 1000 virtual bytes

	// Of a replacement: the highest fee of the versions before it, what it adds to that for 1000 bytes of its own, and the
	// highest rate of those versions, rounded down as nodes do.
	before, increment, best int64

	chosen int64 // the fee that an operator chose; 0 for none
}

// fee returns the fee of a transaction of the weight. A replacement pays more than what it replaces, in all and for each
// byte (BIP-125).
func (c cost) fee(weight int64) int64 {
	fee := feeFor(c.rate, weight)
	if c.before == 0 {
		return max(fee, c.chosen)
	}
	return max(fee, c.chosen, c.before+feeFor(c.increment, weight), feeFor(c.best+1, weight))
}

// below is what a bump depends on: transactions of ours that no block has.
type below struct {
	Fee  int64 `json:"fee"`  // sum
	Size int64 `json:"size"` // sum of virtual sizes
	N    int   `json:"n"`
}

// missing returns what a transaction of the weight must pay so that it and what it depends on pay the rate together.
func (c cost) missing(b below, weight int64) int64 {
	return feeForSize(c.rate, b.Size+vsize(weight)) - b.Fee
}

// enough reports whether what is below pays the rate by itself.
func (c cost) enough(b below) bool { return b.Fee >= feeForSize(c.rate, b.Size) }

// sum is what is known of a transaction before its coins have been looked at.
type sum struct {
	kind    btc.ScriptKind
	inputs  int
	paid    int64 // their values
	outputs int   // without change
	weight  int64 // of these outputs
	units   int64 // their values
	change  int64 // weight of an output for change
	dust    int64 // the smallest change
}

// weigh returns the weight with or without change.
func (s sum) weigh(change bool) int64 {
	n, w := s.outputs, s.weight
	if change {
		n++
		w += s.change
	}
	return fixedWeight(s.kind, s.inputs, n) + int64(s.inputs)*inputWeight(s.kind) + w
}

// settle returns the change, 0 for none, and the fee. Change that would be dust is left to the fee. It reports false if
// the inputs do not suffice, or if there would be no output.
func (s sum) settle(c cost) (change, fee int64, ok bool) {
	if change = s.paid - s.units - c.fee(s.weigh(true)); change >= s.dust {
		return change, c.fee(s.weigh(true)), true
	}
	fee = s.paid - s.units
	return 0, fee, s.outputs > 0 && fee >= c.fee(s.weigh(false))
}

// price asks the node for the rate to pay, and what replacements pay more. What an operator chose takes the place of the
// node's estimate. It returns ErrFeeTooHigh above the cap.
func (s *Spender) price(ctx context.Context, h *payout.Hurry) (cost, error) {
	f, err := s.node.Fees(ctx, s.fees.Blocks)
	if err != nil {
		return cost{}, err
	}
	var c cost
	if h != nil {
		f.Estimate, c.chosen = 1, s.reserved(h.Fee)
	}
	c.rate, c.increment = s.fees.decide(f)
	return c, s.capped(max(c.rate, c.increment))
}

// capped returns ErrFeeTooHigh for a rate above the cap.
func (s *Spender) capped(rate int64) error {
	if rate <= s.fees.Cap {
		return nil
	}
	return fmt.Errorf("payout/bitcoin: %w: %s, and the cap is %s", payout.ErrFeeTooHigh, rateText(rate), rateText(s.fees.Cap))
}

// follow sets the rate of a draft whose fee an operator chose. It returns ErrFeeTooHigh above the cap.
func (s *Spender) follow(d *draft, c cost, weight int64) error {
	if c.chosen == 0 {
		return nil
	}
	d.rate = s.rateOf(d.fee, vsize(weight))
	return s.capped(d.rate)
}

// decide returns the rate to pay, and the increment of replacements, by what a node says.
func (f FeePolicy) decide(node btc.Fees) (rate, increment int64) {
	rate, increment = node.Estimate, node.Increment
	if rate == 0 {
		rate = f.Fallback
	}
	if increment == 0 {
		increment = f.Increment
	}
	return max(rate, f.Floor, node.Relay), increment
}

// rateText returns a rate for people.
func rateText(rate int64) string { return decimal.New(rate, -3).String() + " sat/vB" }
