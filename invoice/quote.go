package invoice

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// Price is an amount of a currency: a fiat code such as EUR, or the code of an asset.
type Price struct {
	Currency string          `json:"currency"`
	Amount   decimal.Decimal `json:"amount"`
}

// Quote is a price converted to an exact amount of one asset, fixed for the life of the invoice: a later rate never
// turns a paid invoice into a partial one.
type Quote struct {
	Asset   chain.Asset   `json:"asset"`
	Due     *big.Int      `json:"due"`     // base units, rounded up
	Rate    rates.Rate    `json:"rate"`    // fiat for one unit of the asset; zero if none was needed
	Fiat    Price         `json:"fiat"`    // the price in fiat; zero if neither the price nor the configuration names a fiat currency
	At      time.Time     `json:"at"`      // when it was made
	Address chain.Address `json:"address"` // where to pay; empty for a record that was never to be paid here
	Slot    string        `json:"slot,omitempty"`
	Wallet  string        `json:"wallet"` // the AddressSource that the address came from ...
	Index   uint32        `json:"index"`  // ... and its number there
	// Also holds further addresses that count like Address, and Text is for the payer's wallet: see [Payable].
	Also []chain.Address `json:"also,omitempty"`
	Text string          `json:"text,omitempty"`
	// Fee is the commission within Due, in base units, rounded up. Nil means 0.
	Fee *big.Int `json:"fee,omitempty"`
	// Quarantine is how long the place rests after the invoice has closed before others may claim it. Zero means for
	// ever.
	Quarantine time.Duration `json:"quarantine,omitempty"`
	// Ticket identifies the place among the project's share of the network's places; empty where there are no shares.
	Ticket string `json:"ticket,omitempty"`
	// Released reports that the place was given up before this quote became an earlier one.
	Released bool `json:"released,omitempty"`
	// Since is, at a place that others had before, the height of the last block known before the quote: a payment in a
	// block up to it was not made for this invoice. Zero at all other places.
	Since uint64 `json:"since,omitempty"`
	// Unseen reports that the chain was not being seen when the quote was made, so that Since may be too low: then a
	// payment in a block stamped before the quote was not made for this invoice either.
	Unseen bool `json:"unseen,omitempty"`
}

// Net returns what is due without the commission, in base units.
func (q Quote) Net() *big.Int { return new(big.Int).Sub(q.Due, orZero(q.Fee)) }

// CommissionUp returns the commission contained in an amount in base units, in the proportion of the quote, rounded up.
func (q Quote) CommissionUp(units *big.Int) *big.Int {
	if orZero(q.Fee).Sign() == 0 {
		return new(big.Int)
	}
	return divideUp(decimal.NewFromBigInt(new(big.Int).Mul(units, q.Fee), 0), decimal.NewFromBigInt(q.Due, 0))
}

// follows reports whether the block existed before the quote, at a place that others had before.
func (q Quote) follows(b BlockRef) bool { return q.Since > 0 && b.Hash != "" && b.Height <= q.Since }

// older reports whether the block is older than the quote as far as is known: by its timestamp, where the end of the
// chain was not known. At a shared address timestamps, which may be minutes behind our clock, say less than the amount
// does.
func (q Quote) older(b BlockRef) bool {
	return q.follows(b) || q.Since > 0 && b.Hash != "" && q.Unseen && b.Time.Before(q.At)
}

// Place is where the money for an invoice arrives. Its texts have at most 190 bytes.
type Place struct {
	Address chain.Address `json:"address"`
	// Slot distinguishes invoices that share the address. It is empty for an address that belongs to one invoice.
	Slot string `json:"slot,omitempty"`
}

// Claim gives a place on a network to an invoice, which holds it until a [Release].
type Claim struct {
	Network chain.Network
	Place
	Invoice string // its id
	Wallet  string // the AddressSource that the address came from ...
	Index   uint32 // ... and its number there; a store need not keep either
}

func (c Claim) same(o Claim) bool { return c.Network == o.Network && c.Place == o.Place }

// Release gives up a place of an invoice, for others to claim. What was paid to the invoice there stays with it.
type Release struct {
	Claim
	// Reuse requests that the number, as it is named here, is handed out again: once for each such Release, see
	// Store.TakeIndex.
	Reuse bool
}

// claim returns the quote's claim for an invoice.
func (q Quote) claim(invoice string) Claim {
	return Claim{
		Network: q.Asset.ID.Network(), Place: Place{q.Address, q.Slot}, Invoice: invoice,
		Wallet: q.Wallet, Index: q.Index,
	}
}

// claims returns the quote's claims for an invoice: the place, and the ticket of its project's share.
func (q Quote) claims(inv Invoice) []Claim {
	out := []Claim{q.claim(inv.ID)}
	if q.Ticket != "" {
		out = append(out, Claim{
			Network: q.Asset.ID.Network(), Place: Place{ticketAddress(inv.Project), q.Ticket}, Invoice: inv.ID, Wallet: q.Wallet,
		})
	}
	return out
}

// ticketAddress returns the address of a project's tickets, which no network has.
func ticketAddress(project string) chain.Address {
	sum := sha256.Sum256([]byte(project))
	return chain.Address("share/" + hex.EncodeToString(sum[:]))
}

// quotes returns all quotes of the invoice that have a place, once for each address, newest first.
func (inv Invoice) quotes() []Quote {
	var out []Quote
	if inv.Quote != nil {
		out = inv.Quote.places(out)
	}
	for _, q := range slices.Backward(inv.Earlier) {
		out = q.places(out)
	}
	return out
}

// places appends the quote once for each of its addresses.
func (q Quote) places(out []Quote) []Quote {
	if q.Address == "" {
		return out
	}
	out = append(out, q)
	for _, other := range q.Also {
		q.Address = other
		out = append(out, q)
	}
	return out
}

// atOnce is the quarantine of a place that serves one request: it is given up at the first decision after the invoice
// has closed, which is when its source is told.
const atOnce = time.Nanosecond

// held returns the claims of the places that the invoice has not given up by an earlier decision, each once.
func (inv Invoice) held() []Claim {
	var out []Claim
	for _, q := range inv.quotes() {
		for _, claim := range q.claims(inv) {
			if !q.Released && q.Quarantine > 0 && !slices.ContainsFunc(out, claim.same) {
				out = append(out, claim)
			}
		}
	}
	return out
}
