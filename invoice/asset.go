package invoice

import (
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// confirm returns the first tier that fits an amount in the asset's own unit, or the last tier.
func (a AssetConfig) confirm(amount decimal.Decimal) chain.Confirmations {
	for _, tier := range a.Confirm {
		if tier.UpTo.IsZero() || amount.LessThanOrEqual(tier.UpTo) {
			return tier.Need
		}
	}
	return a.Confirm[len(a.Confirm)-1].Need
}

// checkDue refuses an amount that nobody could pay.
func (a AssetConfig) checkDue(due *big.Int, price decimal.Decimal) error {
	if least := a.minimumUnits(); due.Cmp(least) < 0 {
		bad := refuse("Price.Amount", valueOf(price), fmt.Sprintf("is less than the minimum of %s %s", a.Decimal(least), a.Code))
		bad.cause = ErrBelowMinimum
		return bad
	}
	return nil
}

// doubleDigits is how many decimal digits every double preserves: such a number, parsed as a double and written again,
// is the same.
const doubleDigits = 15

// stepUnits returns the step for an amount of base units: the configured one, times the power of ten with which the
// amount has at most [doubleDigits] digits.
func (a AssetConfig) stepUnits(units *big.Int) *big.Int {
	step, ten := a.UnitsUp(a.Step), big.NewInt(10)
	last := big.NewInt(1) // the weight of the last digit that an amount of whole steps may have
	for next := big.NewInt(10); new(big.Int).Rem(step, next).Sign() == 0; next = new(big.Int).Mul(next, ten) {
		last = next
	}
	most := new(big.Int).Exp(ten, big.NewInt(doubleDigits), nil)
	for most.Mul(most, last); units.Cmp(most) >= 0; most.Mul(most, ten) {
		step.Mul(step, ten)
	}
	return step
}

// StepDecimals returns the largest number of decimals of the amounts that payers are asked for: those of Step.
func (a AssetConfig) StepDecimals() int32 { return max(0, -a.Step.Exponent()) }

// payable rounds up to an amount that a payer can type and a double can hold.
func (a AssetConfig) payable(units *big.Int) *big.Int { return roundUp(units, a.stepUnits(units)) }

// floorUnits returns the least payment that decides anything, in base units.
func (a AssetConfig) floorUnits() *big.Int { return a.UnitsUp(a.Floor) }

// minimumUnits returns the least that can be asked for, at least one base unit.
func (a AssetConfig) minimumUnits() *big.Int {
	units := a.UnitsUp(a.Minimum)
	if units.Sign() <= 0 {
		units.SetInt64(1)
	}
	return units
}

// terms returns the terms with those fields set that depend on the asset and the amount due.
func (a AssetConfig) terms(t Terms, due *big.Int) Terms {
	t.Minimum, t.Step = a.minimumUnits(), a.stepUnits(due)
	t.Confirm = a.confirm(a.Decimal(due))
	return t
}

// charge adds the payer's part of the commission to what is due. Both round up.
func (t Terms) charge(q *Quote) {
	if t.CommissionPercent.Sign() <= 0 {
		return
	}
	q.Fee = divideUp(decimal.NewFromBigInt(q.Due, 0).Mul(t.CommissionPercent), hundred)
	q.Due.Add(q.Due, divideUp(decimal.NewFromBigInt(q.Fee, 0).Mul(t.PayerPercent), hundred))
}

// suggested returns what the network's watcher suggests for an asset. Without a suggestion 12 confirmations are asked for, and
// there is no floor.
func (c ChainConfig) suggested(a chain.Asset) chain.Defaults {
	var out chain.Defaults
	if d, able := c.Watcher.(chain.Defaulter); able {
		out = d.Defaults(a)
	}
	if len(out.Confirm) == 0 {
		out.Confirm = []chain.Tier{{Need: chain.Confirmations{Depth: 12}}}
	}
	return out
}
