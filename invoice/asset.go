package invoice

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// confirm returns the first tier that fits an amount in the asset's own unit, or the last tier.
func (a AssetConfig) confirm(amount decimal.Decimal) Confirmations {
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

// DefaultConfirm returns the confirmation policy of an asset whose configuration has none: more for larger amounts, and
// the chain's own finality where it has a reliable one. It follows common practice (exchanges and processors ask for
// about as much); in April 2026 Litecoin lost 13 blocks, so a shop that sells what cannot be taken back should ask for
// more.
//
//	Bitcoin        1 up to 0.01, 2 up to 0.1, 3 up to 1, then 6
//	Litecoin       6 up to 10, then 12
//	Dogecoin       20 up to 10,000, then 40
//	Bitcoin Cash   6 up to 1, then 15
//	Ethereum       12 up to 0.5 ETH or 1,000 of a token, safe up to 5 ETH or 10,000, then finalized
//	Optimism, Base, Arbitrum   safe up to 0.5 of the coin or 1,000 of a token, then finalized
//	BSC            15 up to 1 BNB or 1,000 of a token, then finalized
//	Polygon        128 up to 1,000, then finalized
//	Avalanche, TRON            finalized
//	any other      12
func DefaultConfirm(a chain.Asset) []Tier {
	milli := func(n int64) decimal.Decimal { return decimal.New(n, -3) }
	network := a.ID.Network()
	coin := a.ID.Namespace() == "slip44"
	small, middle := milli(1_000_000), milli(10_000_000) // of a token, taken for dollars
	if coin {
		small, middle = milli(500), milli(5_000)
	}
	switch {
	case network == "bip122:000000000019d6689c085ae165831e93":
		return []Tier{{milli(10), depth(1)}, {milli(100), depth(2)}, {milli(1_000), depth(3)}, {Need: depth(6)}}
	case network == "bip122:12a765e31ffd4059bada1e25190f6e98":
		return []Tier{{milli(10_000), depth(6)}, {Need: depth(12)}}
	case network == "bip122:1a91e3dace36e2be3bf030a65679fe82":
		return []Tier{{milli(10_000_000), depth(20)}, {Need: depth(40)}}
	case network == "bip122:000000000000000000651ef99cb9fcbe":
		return []Tier{{milli(1_000), depth(6)}, {Need: depth(15)}}
	case network == "eip155:1":
		return []Tier{{small, depth(12)}, {middle, tag(FinalitySafe)}, {Need: tag(FinalityFinalized)}}
	case network == "eip155:10", network == "eip155:8453", network == "eip155:42161":
		return []Tier{{small, tag(FinalitySafe)}, {Need: tag(FinalityFinalized)}}
	case network == "eip155:56" && coin:
		return []Tier{{milli(1_000), depth(15)}, {Need: tag(FinalityFinalized)}}
	case network == "eip155:56":
		return []Tier{{small, depth(15)}, {Need: tag(FinalityFinalized)}}
	case network == "eip155:137":
		return []Tier{{milli(1_000_000), depth(128)}, {Need: tag(FinalityFinalized)}}
	case network == "eip155:43114", strings.HasPrefix(string(network), "tron:"):
		return []Tier{{Need: tag(FinalityFinalized)}}
	}
	return []Tier{{Need: depth(12)}}
}

func depth(n uint64) Confirmations { return Confirmations{Depth: n} }

func tag(f Finality) Confirmations { return Confirmations{Tag: f} }

// DefaultFloor returns the least payment that decides anything for an asset whose configuration has none. On the
// networks of the Bitcoin family it is the dust limit of nodes (the policy for an output to a public key hash);
// elsewhere it is worth less than a transaction costs. On networks that are not listed it is 0.
//
//	Bitcoin, Bitcoin Cash   0.00000546
//	Litecoin                0.0000546
//	Dogecoin                0.01
//	EVM networks, TRON      0.01 of a stablecoin or TRX, 0.00001 of anything else
func DefaultFloor(a chain.Asset) decimal.Decimal {
	network := a.ID.Network()
	floor := decimal.Zero
	switch network.Namespace() {
	case "bip122":
		switch network {
		case "bip122:12a765e31ffd4059bada1e25190f6e98":
			floor = decimal.New(5460, -8)
		case "bip122:1a91e3dace36e2be3bf030a65679fe82":
			floor = decimal.New(1, -2)
		default:
			floor = decimal.New(546, -8)
		}
	case "eip155", "tron":
		floor = decimal.New(1, -5)
		if a.Code == "DAI" || a.Code == "TRX" || strings.Contains(a.Code, "USD") || strings.Contains(a.Code, "EUR") {
			floor = decimal.New(1, -2)
		}
	}
	return floor.RoundUp(int32(a.Decimals))
}
