package payout

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
)

// due reports whether it is time for a higher fee of what was sent: an operator chose one, or no block took the newest version
// in time.
func (f facts) due() bool {
	last := f.tx.Last()
	return (f.hurries() || f.now.Sub(last.At) >= f.rules.bump) && last.Expires.IsZero() && !f.givenUp()
}

// hurries reports whether the choice of an operator is to be followed. It lapses when a block has the transaction, when that
// should pay nobody any more, and once it is so old that the transaction would get a higher fee without it.
func (f facts) hurries() bool {
	h := f.tx.Hurry
	return h != nil && f.unhurried() == "" && f.now.Sub(h.At) < f.rules.bump
}

// unhurried returns why an operator cannot hurry the transaction; empty if he can. It follows "the transaction".
func (f facts) unhurried() string {
	last := f.tx.Last()
	switch {
	case f.tx.Stage == StagePlanned || f.tx.Stage == StageOffered:
		return "was not signed yet"
	case f.tx.Stage != StageSigned:
		return "is " + string(f.tx.Stage)
	case f.look == nil || slices.ContainsFunc(f.look.Versions, Sighting.Mined):
		return "is in a block"
	case f.look.Taken || f.look.Dead || f.tx.doomed():
		return "can not be mined any more"
	case f.wantsCancel() && !last.Cancels, f.givenUp():
		return "is being cancelled"
	case f.child != nil && f.child.Stage.Open():
		return fmt.Sprintf("is paid for by transaction %s: hurry that one", f.child.ID)
	case !last.Signed():
		return "waits for the signature of its newest version"
	}
	return ""
}

// bounds are the fees that an operator may choose from.
type bounds struct {
	asset           chain.AssetID
	least, greatest *big.Int
}

// check returns a FeeError for a fee outside of the bounds.
func (b bounds) check(fee *big.Int) error {
	switch {
	case fee == nil || fee.Cmp(b.least) < 0:
		return &FeeError{Asset: b.asset, Fee: orZero(fee), Least: b.least, Greatest: b.greatest, err: ErrFeeTooLow}
	case fee.Cmp(b.greatest) > 0:
		return &FeeError{Asset: b.asset, Fee: fee, Least: b.least, Greatest: b.greatest, err: ErrFeeTooHigh}
	}
	return nil
}

// within returns the fee that is nearest to a proposal. The greatest counts where the bounds leave nothing.
func (b bounds) within(fee *big.Int) *big.Int {
	return smaller(larger(fee, b.least), b.greatest)
}

// smaller returns the smaller of two numbers.
func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return b
	}
	return a
}

// larger returns the larger of two numbers.
func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// chosen reports whether the transaction has an operator's choice of the fee already: it waits for it, or the newest version
// follows it.
func (t Transaction) chosen(fee *big.Int) bool {
	same := func(h *Hurry) bool { return h != nil && fee != nil && h.Fee.Cmp(fee) == 0 }
	return same(t.Hurry) || same(t.Last().Hurry)
}

// atMost returns the fee that the next version may have at most: no more than an operator chose.
func (t Transaction) atMost(greatest *big.Int) *big.Int {
	if t.Hurry == nil {
		return greatest
	}
	return smaller(t.Hurry.Fee, greatest)
}
