package invoice

import (
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// LatePolicy decides about money that arrives after the deadline. It is recorded and reported in every case.
type LatePolicy string

// The policies for late money.
const (
	LateHold   LatePolicy = "hold"   // it does not count until an operator accepts it
	LateAccept LatePolicy = "accept" // it counts in full, at the quoted rate
	LateRerate LatePolicy = "rerate" // it counts for what it was worth when it was seen
)

// OtherPolicy decides about money in another configured asset of the invoice's network. It is recorded and reported in
// every case.
type OtherPolicy string

// The policies for money in another asset.
const (
	OtherAccept OtherPolicy = "accept" // it counts for what it was worth when it was seen
	OtherHold   OtherPolicy = "hold"   // it does not count
)

// Terms are the conditions of an invoice, apart from its quote. Choosing another asset changes those that depend on the
// asset; nothing else changes them.
type Terms struct {
	// TolerancePercent is how much of what is due may be missing, 0 to 100: an amount is enough from due x (1 -
	// TolerancePercent/100) on.
	TolerancePercent decimal.Decimal `json:"tolerance_percent"`
	// ToleranceUnits is how many base units may be missing; the more lenient of the two tolerances applies. Nil means
	// 0.
	ToleranceUnits *big.Int `json:"tolerance_units,omitempty"`
	// Minimum is the least that can be paid in the quoted asset, in base units. Nil means 0.
	Minimum *big.Int `json:"minimum,omitempty"`
	// Step is the granularity of payable amounts, in base units of the quoted asset: see [AssetConfig.Step]. Nil means
	// 1.
	Step    *big.Int            `json:"step,omitempty"`
	Confirm chain.Confirmations `json:"confirm"`
	Late    LatePolicy          `json:"late"`
	Other   OtherPolicy         `json:"other"`
	// Standing marks an invoice to which nothing is due: an address that takes deposits until the invoice is cancelled
	// or archived. It has no deadline.
	Standing bool `json:"standing,omitempty"`
	// Remainder marks the invoice that records what arrives at a [Shared] address and fits no other.
	Remainder bool `json:"remainder,omitempty"`
	// Single lets the first payment decide: less than enough closes the invoice.
	Single bool `json:"single,omitempty"`
	// Assets lists the assets that may be chosen. If empty, all configured assets may be.
	Assets []chain.AssetID `json:"assets,omitempty"`
	// DiscountPercent is taken off the price before it is quoted; a negative discount is a surcharge.
	DiscountPercent decimal.Decimal `json:"discount_percent,omitzero"`
	// CommissionPercent of the price's worth is commission. The payer pays PayerPercent of it on top of the price; the
	// shop bears the rest.
	CommissionPercent decimal.Decimal `json:"commission_percent,omitzero"`
	PayerPercent      decimal.Decimal `json:"payer_percent,omitzero"`
	// RateSource is the name of the source of rates; empty means the default one.
	RateSource string `json:"rate_source,omitempty"`
}

// allow reports whether the asset may be chosen.
func (t Terms) allow(id chain.AssetID) bool {
	return len(t.Assets) == 0 || slices.Contains(t.Assets, id)
}
