package invoice

import (
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// LatePolicy says what money that comes after the deadline means. It is recorded and reported in
// every case.
type LatePolicy string

// What late money does.
const (
	LateHold   LatePolicy = "hold"   // nothing, until an operator accepts it
	LateAccept LatePolicy = "accept" // it counts in full, at the quoted rate
	LateRerate LatePolicy = "rerate" // it counts for what it was worth when it was seen
)

// OtherPolicy says what money in another configured asset of the invoice's network means. It is
// recorded and reported in every case.
type OtherPolicy string

// What money in another asset does.
const (
	OtherAccept OtherPolicy = "accept" // it counts for what it was worth when it was seen
	OtherHold   OtherPolicy = "hold"   // nothing
)

// What confirmations are measured by, and the lines of a policy, are the networks' words.
type (
	Finality      = chain.Finality
	Confirmations = chain.Confirmations
	Tier          = chain.Tier
)

// The measures of finality.
const (
	FinalityDepth     = chain.FinalityDepth
	FinalitySafe      = chain.FinalitySafe
	FinalityFinalized = chain.FinalityFinalized
)

// Terms is what an invoice was agreed on, apart from its quote. Of these, another choice of the asset changes what hangs on
// the asset, and nothing else changes them.
type Terms struct {
	// TolerancePercent is how much of what is due may be missing, 0 to 100: received is enough from
	// due x (1 - TolerancePercent/100) on.
	TolerancePercent decimal.Decimal `json:"tolerance_percent"`
	// ToleranceUnits is how many base units may be missing; the more lenient of the two counts.
	// Nil is 0.
	ToleranceUnits *big.Int `json:"tolerance_units,omitempty"`
	// Minimum is the least that can be paid in the quoted asset, in base units. Nil is 0.
	Minimum *big.Int `json:"minimum,omitempty"`
	// Step is what payable amounts are multiples of, in base units of the quoted asset: see [AssetConfig.Step]. Nil
	// is 1.
	Step    *big.Int      `json:"step,omitempty"`
	Confirm Confirmations `json:"confirm"`
	Late    LatePolicy    `json:"late"`
	Other   OtherPolicy   `json:"other"`
	// Standing says that nothing is due: the invoice is an address that takes deposits until it is cancelled
	// or archived. It has no deadline.
	Standing bool `json:"standing,omitempty"`
	// Remainder says that the invoice keeps what arrives at a [Shared] address and fits no other.
	Remainder bool `json:"remainder,omitempty"`
	// Single says that the first payment decides: less than enough closes the invoice.
	Single bool `json:"single,omitempty"`
	// Assets are what may be chosen to pay in. None is everything that is configured.
	Assets []chain.AssetID `json:"assets,omitempty"`
	// DiscountPercent is taken off the price before it is quoted; below 0 it is a surcharge.
	DiscountPercent decimal.Decimal `json:"discount_percent,omitzero"`
	// CommissionPercent of what the price is worth is commission, of which the payer pays PayerPercent on top
	// of the price; the rest is the shop's to bear.
	CommissionPercent decimal.Decimal `json:"commission_percent,omitzero"`
	PayerPercent      decimal.Decimal `json:"payer_percent,omitzero"`
	// RateSource names the source of rates; empty is the default one.
	RateSource string `json:"rate_source,omitempty"`
}

// allow says whether the asset may be chosen.
func (t Terms) allow(id chain.AssetID) bool {
	return len(t.Assets) == 0 || slices.Contains(t.Assets, id)
}
