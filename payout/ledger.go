package payout

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// AccountKind is what the money in an account is.
type AccountKind string

// The kinds of accounts. All but External hold money that we owe to somebody and are never below zero, except where the
// chain takes money back that was credited, or takes more for a fee than was reserved: that is Float's.
const (
	Available  AccountKind = "available"  // a project's own, free to be paid out
	Held       AccountKind = "held"       // received for a project's invoices, and not accepted as payment
	Reserved   AccountKind = "reserved"   // set aside for payouts under way, fees included
	Commission AccountKind = "commission" // the operator's part of what invoices brought
	Float      AccountKind = "float"      // the operator's own coins, which pay network fees
	External   AccountKind = "external"   // the world outside: what came from it is negative
)

// Account is a place of the ledger.
type Account struct {
	Project string        `json:"project,omitempty"` // empty for the operator's own accounts and for External
	Kind    AccountKind   `json:"kind"`
	Asset   chain.AssetID `json:"asset"`
}

// String returns the account as errors and reports show it.
func (a Account) String() string {
	if a.Project == "" {
		return fmt.Sprintf("%s of %s", a.Kind, a.Asset)
	}
	return fmt.Sprintf("%s of %s in project %s", a.Kind, a.Asset, a.Project)
}

// Guarded reports whether the balance must not go below zero.
func (a Account) Guarded() bool { return a.Kind != External }

// Posting adds units to an account; negative units are taken from it.
type Posting struct {
	Account Account  `json:"account"`
	Units   *big.Int `json:"units"` // base units of the account's asset, not 0
}

// EntryKind is why an entry was made.
type EntryKind string

// The kinds of entries.
const (
	EntryCredit  EntryKind = "credit"  // a payment arrived, or what was held became the project's and the operator's
	EntryRevert  EntryKind = "revert"  // the chain took a payment back
	EntryFund    EntryKind = "fund"    // coins that the operator or the shop put in
	EntryReserve EntryKind = "reserve" // set aside for a payout
	EntryPost    EntryKind = "post"    // a payout was paid
	EntryVoid    EntryKind = "void"    // a payout will never be paid
	EntryFee     EntryKind = "fee"     // a network fee that no payout carries
	EntryReturn  EntryKind = "return"  // a payout's money came back
	EntryAdjust  EntryKind = "adjust"  // an operator's correction
	// EntryTransfer moves money between two projects.
	EntryTransfer EntryKind = "transfer"
)

// Entry is one change of the ledger: postings that add up to zero in each asset. Entries never change.
type Entry struct {
	// ID names the cause: a payment, a payout, a transaction. The same entry twice is one entry; another entry under
	// the same ID is refused.
	ID       string    `json:"id"`
	Kind     EntryKind `json:"kind"`
	Subject  string    `json:"subject,omitempty"` // id of the invoice, payout or transaction that it is about
	Postings []Posting `json:"postings"`
	At       time.Time `json:"at"` // by our clock; the accounting day is that of UTC
	Note     string    `json:"note,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	// Overdraw lets guarded accounts go below zero: the chain has taken money, and the ledger says so.
	Overdraw bool `json:"overdraw,omitempty"`

	// Position is the entry's place among all entries. The store assigns it: 1, 2, 3 ...
	Position int64 `json:"position,omitempty"`
}

// Check returns an error that describes the first mistake of the entry, or nil. A store refuses an entry with it.
func (e Entry) Check() error {
	if e.ID == "" || e.Kind == "" || len(e.Postings) == 0 || e.At.IsZero() {
		return fmt.Errorf("entry %q needs an ID, a Kind, Postings and At", e.ID)
	}
	sums := map[chain.AssetID]*big.Int{}
	for i, p := range e.Postings {
		switch {
		case p.Account.Asset == "" || p.Account.Kind == "":
			return fmt.Errorf("entry %s: Postings[%d] has an account without Kind or Asset", e.ID, i)
		case p.Units == nil || p.Units.Sign() == 0:
			return fmt.Errorf("entry %s: Postings[%d] moves nothing", e.ID, i)
		case slices.ContainsFunc(e.Postings[:i], func(o Posting) bool { return o.Account == p.Account }):
			return fmt.Errorf("entry %s: Postings[%d] names %s twice", e.ID, i, p.Account)
		}
		addTo(sums, p.Account.Asset, p.Units)
	}
	for asset, sum := range sums {
		if sum.Sign() != 0 {
			return fmt.Errorf("entry %s: postings in %s add up to %s instead of 0", e.ID, asset, sum)
		}
	}
	return nil
}

// Same reports whether both entries say the same; when they were made, and their places, do not matter.
func (e Entry) Same(o Entry) bool {
	return e.ID == o.ID && e.Kind == o.Kind && e.Subject == o.Subject && e.Overdraw == o.Overdraw &&
		slices.EqualFunc(e.Postings, o.Postings, func(a, b Posting) bool {
			return a.Account == b.Account && a.Units.Cmp(b.Units) == 0
		})
}

// Balance is what an account has.
type Balance struct {
	Account Account  `json:"account"`
	Units   *big.Int `json:"units"` // base units
}

// Line is one posting of an account's statement.
type Line struct {
	Position int64     `json:"position"` // of the entry
	Entry    string    `json:"entry"`    // its ID
	Kind     EntryKind `json:"kind"`
	Subject  string    `json:"subject,omitempty"`
	At       time.Time `json:"at"`
	Note     string    `json:"note,omitempty"`
	Units    *big.Int  `json:"units"`
	Balance  *big.Int  `json:"balance"` // of the account after the entry
}

// Closing ends accounting days: no entry of a day up to Day can be made any more.
type Closing struct {
	Day   time.Time `json:"day"` // midnight UTC at the beginning of the last closed day
	At    time.Time `json:"at"`
	Actor string    `json:"actor,omitempty"`
}

// End returns the first moment that is still open.
func (c Closing) End() time.Time { return c.Day.AddDate(0, 0, 1) }

// ledger collects the postings of one entry.
type ledger struct{ postings []Posting }

// move adds a transfer of units between two accounts of one asset. It does nothing for 0 units.
func (l *ledger) move(from, to Account, units *big.Int) {
	l.add(from, new(big.Int).Neg(units))
	l.add(to, units)
}

// add adds units to one account.
func (l *ledger) add(a Account, units *big.Int) {
	i := slices.IndexFunc(l.postings, func(p Posting) bool { return p.Account == a })
	if i < 0 {
		i = len(l.postings)
		l.postings = append(l.postings, Posting{a, new(big.Int)})
	}
	l.postings[i].Units = new(big.Int).Add(l.postings[i].Units, units)
}

// entry returns the entry with the postings that move something.
func (l *ledger) entry(e Entry) Entry {
	e.Postings = slices.DeleteFunc(l.postings, func(p Posting) bool { return p.Units.Sign() == 0 })
	return e
}

// addTo adds units to the sum under the key.
func addTo[K comparable](sums map[K]*big.Int, k K, units *big.Int) {
	if sums[k] == nil {
		sums[k] = new(big.Int)
	}
	sums[k].Add(sums[k], units)
}

// orZero returns n, or 0 for nil.
func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}
