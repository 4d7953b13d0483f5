package invoice

import (
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// BlockRef identifies the block that a payment is in. The zero value means that it is in none.
type BlockRef struct {
	Height uint64 `json:"height"`
	Hash   string `json:"hash"`
	// Time is the block's timestamp, or that of a later block if it is earlier, since the block existed by then.
	Time time.Time `json:"time"`
}

// Payment is a transfer matched to an invoice. Its natural key is that of the transfer, so the same
// transfer seen a hundred times is one payment.
type Payment struct {
	Key         chain.Key     `json:"key"`
	Invoice     string        `json:"invoice"`
	Asset       chain.AssetID `json:"asset"`
	From        chain.Address `json:"from,omitempty"`
	To          chain.Address `json:"to"`
	Units       *big.Int      `json:"units"`      // what arrived, in base units of Asset
	FirstSeen   time.Time     `json:"first_seen"` // by our clock
	Block       BlockRef      `json:"block,omitzero"`
	Replaceable bool          `json:"replaceable,omitempty"`
	// Withdrawn reports that the chain no longer has the payment: it was replaced, evicted or reorganised away. It may
	// come back.
	Withdrawn bool `json:"withdrawn,omitempty"`
	// Credit is what the payment is worth in base units of the invoice's asset: Units for the same asset, the value at
	// the moment it was first seen for another one, rounded down. Nil when it is worth nothing to the invoice (another
	// network, no asset chosen) or could not be valued yet.
	Credit *big.Int `json:"credit,omitempty"`
	// Rerated is Credit at the rate of the moment it was first seen, for late money under [LateRerate]; else nil.
	Rerated *big.Int `json:"rerated,omitempty"`
	// MaturedAt is when a deposit to a standing invoice was first found deep enough; zero if that has not happened
	// since it came or came back, and for all other invoices.
	MaturedAt time.Time `json:"matured_at,omitzero"`
	// Dust reports that the payment is less than the floor of its asset ([AssetConfig.Floor]): it is recorded and
	// decides nothing.
	Dust bool `json:"dust,omitempty"`
	// Settled reports that the payment is included in the sums of Invoice.Settled.
	Settled bool `json:"settled,omitempty"`
}

// inBlock reports whether the payment is in a block, as opposed to waiting in the pool.
func (p Payment) inBlock() bool { return p.Block.Hash != "" }

// Height returns the height above which a rewind of the chain concerns the payment: its block's, or [Unconfirmed].
func (p Payment) Height() uint64 {
	if p.inBlock() {
		return p.Block.Height
	}
	return Unconfirmed
}

// Settled sums up those payments of an invoice that only a reorganisation or an operator can still change. An invoice
// with a long history is read without them.
type Settled struct {
	Count    int64                        `json:"count"`
	Received *big.Int                     `json:"received,omitempty"` // as in State
	Counted  *big.Int                     `json:"counted,omitempty"`  // as in State, and all of it is confirmed
	Late     int64                        `json:"late,omitempty"`     // how many came late ...
	Other    int64                        `json:"other,omitempty"`    // ... and in another asset
	LastSeen time.Time                    `json:"last_seen,omitzero"` // the latest FirstSeen
	Paid     []chain.Address              `json:"paid,omitempty"`     // where they arrived, each once
	Assets   map[chain.AssetID]SettledSum `json:"assets,omitempty"`
}

// SettledSum is the sum of the settled payments in one asset.
type SettledSum struct {
	Units  *big.Int `json:"units"`            // in base units of the asset
	Mature *big.Int `json:"mature,omitempty"` // of these, what came to a standing invoice and is deep enough
	Credit *big.Int `json:"credit,omitempty"` // what they are worth, in base units of the quoted asset
}

// Deposits returns the sums of a standing invoice for each asset, in base units: all that the chain has now, and the
// part that is deep enough. Dust is in neither.
func (inv Invoice) Deposits() (seen, mature map[chain.AssetID]*big.Int) {
	seen, mature = map[chain.AssetID]*big.Int{}, map[chain.AssetID]*big.Int{}
	if inv.Settled != nil {
		for asset, sum := range inv.Settled.Assets {
			seen[asset] = orZero(sum.Units)
			if sum.Mature != nil {
				mature[asset] = sum.Mature
			}
		}
	}
	for _, p := range inv.Payments {
		if p.Settled || p.Withdrawn || p.Dust {
			continue
		}
		seen[p.Asset] = new(big.Int).Add(orZero(seen[p.Asset]), p.Units)
		if !p.MaturedAt.IsZero() {
			mature[p.Asset] = new(big.Int).Add(orZero(mature[p.Asset]), p.Units)
		}
	}
	return seen, mature
}

// paid reports whether anything but dust was ever paid to the invoice.
func (inv Invoice) paid() bool {
	return inv.Settled != nil && !inv.Settled.LastSeen.IsZero() ||
		slices.ContainsFunc(inv.Payments, func(p Payment) bool { return !p.Dust })
}

// paidAt reports whether anything was ever paid to the address.
func (inv Invoice) paidAt(address chain.Address) bool {
	return inv.Settled != nil && slices.Contains(inv.Settled.Paid, address) ||
		slices.ContainsFunc(inv.Payments, func(p Payment) bool { return p.To == address })
}

// priceUnits returns the price alone in base units: what is due without the payer's part of the commission.
func (inv Invoice) priceUnits() *big.Int {
	return new(big.Int).Sub(inv.Quote.Due, divideUp(decimal.NewFromBigInt(orZero(inv.Quote.Fee), 0).Mul(inv.Terms.PayerPercent), hundred))
}
