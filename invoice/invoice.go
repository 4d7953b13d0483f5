package invoice

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// Status is where an invoice stands. It is never set: [decide] folds it from the facts.
type Status string

// The seven statuses.
const (
	StatusNew         Status = "new"          // open; perhaps no asset chosen yet
	StatusPending     Status = "pending"      // enough was seen, not yet deep enough
	StatusPaidPartial Status = "paid_partial" // less than the tolerance allows; can be topped up until it closes
	StatusCompleted   Status = "completed"    // enough is confirmed
	StatusExpired     Status = "expired"      // nothing that counts arrived in time
	StatusCancelled   Status = "cancelled"    // by the shop
	StatusArchived    Status = "archived"     // a record; nothing is decided about it any more
)

// Statuses lists all statuses.
func Statuses() []Status {
	return []Status{StatusNew, StatusPending, StatusPaidPartial, StatusCompleted, StatusExpired, StatusCancelled, StatusArchived}
}

// Valid says whether s is one of the seven statuses.
func (s Status) Valid() bool {
	switch s {
	case StatusNew, StatusPending, StatusPaidPartial, StatusCompleted, StatusExpired, StatusCancelled, StatusArchived:
		return true
	}
	return false
}

// Outcome is a set of remarks on what was paid, orthogonal to the status. The zero value says that
// nothing was paid.
type Outcome uint8

// At most one of exact, under and over is set; the others stand beside it.
const (
	OutcomeExact      Outcome = 1 << iota // within the tolerance of what is due
	OutcomeUnder                          // less than the tolerance allows
	OutcomeOver                           // more than due by more than the tolerance
	OutcomeLate                           // some of the money came after the deadline
	OutcomeOtherAsset                     // some of the money came in another asset of the network
	OutcomeReverted                       // it was completed, and the chain has since taken the money back
)

var outcomeNames = []string{"exact", "under", "over", "late", "other_asset", "reverted"}

// Has says whether every remark of o2 is in o.
func (o Outcome) Has(o2 Outcome) bool { return o&o2 == o2 }

// String lists the remarks, separated by commas.
func (o Outcome) String() string {
	var names []string
	for i, name := range outcomeNames {
		if o.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// MarshalText writes the form of String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the form of String.
func (o *Outcome) UnmarshalText(text []byte) error {
	*o = 0
	if len(text) == 0 {
		return nil
	}
	for _, word := range strings.Split(string(text), ",") {
		bit := Outcome(0)
		for i, name := range outcomeNames {
			if name == word {
				bit = 1 << i
			}
		}
		if bit == 0 {
			return fmt.Errorf("invoice: unknown outcome %q", word)
		}
		*o |= bit
	}
	return nil
}

// Price is an amount of a currency: a fiat code such as EUR, or the code of an asset.
type Price struct {
	Currency string          `json:"currency"`
	Amount   decimal.Decimal `json:"amount"`
}

// Quote is a price turned into an exact amount of one asset, fixed for the life of the invoice: a
// later rate never turns a paid invoice into a partial one.
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
	// Fee is the commission within Due, in base units, rounded up. Nil is 0.
	Fee *big.Int `json:"fee,omitempty"`
	// Quarantine is how long the place rests after the invoice has closed before others may claim it. Zero
	// is for ever.
	Quarantine time.Duration `json:"quarantine,omitempty"`
	// Ticket is which of the project's share of the network's places this one is; empty where there are no shares.
	Ticket string `json:"ticket,omitempty"`
	// Released says that the place was given up before this quote became an earlier one.
	Released bool `json:"released,omitempty"`
	// Since is the height of the last block that there was before the quote, as far as was known, at a place that others
	// had before: what is in a block up to it was not paid for this invoice. Zero at all other places.
	Since uint64 `json:"since,omitempty"`
	// Unseen says that the chain was not being seen when the quote was made, so that Since may be too low: then what is
	// in a block stamped before the quote was not paid for this invoice either.
	Unseen bool `json:"unseen,omitempty"`
}

// Net is what is due without the commission, in base units.
func (q Quote) Net() *big.Int { return new(big.Int).Sub(q.Due, orZero(q.Fee)) }

// CommissionUp is the part of an amount in base units that is commission, in the proportion of the quote, rounded
// up.
func (q Quote) CommissionUp(units *big.Int) *big.Int {
	if orZero(q.Fee).Sign() == 0 {
		return new(big.Int)
	}
	return divideUp(decimal.NewFromBigInt(new(big.Int).Mul(units, q.Fee), 0), decimal.NewFromBigInt(q.Due, 0))
}

// follows reports whether a block was there before the quote, of a place that others had before.
func (q Quote) follows(b BlockRef) bool { return q.Since > 0 && b.Hash != "" && b.Height <= q.Since }

// older reports whether a block is from before the quote as far as is known: by its stamp, where nobody knew the end of the
// chain. At a shared address stamps, which may be minutes behind our clock, say less than the amount does.
func (q Quote) older(b BlockRef) bool {
	return q.follows(b) || q.Since > 0 && b.Hash != "" && q.Unseen && b.Time.Before(q.At)
}

// claim is the quote's claim for an invoice.
func (q Quote) claim(invoice string) Claim {
	return Claim{
		Network: q.Asset.ID.Network(), Place: Place{q.Address, q.Slot}, Invoice: invoice,
		Wallet: q.Wallet, Index: q.Index,
	}
}

// claims are the quote's claims for an invoice: the place, and the ticket of its project's share.
func (q Quote) claims(inv Invoice) []Claim {
	out := []Claim{q.claim(inv.ID)}
	if q.Ticket != "" {
		out = append(out, Claim{
			Network: q.Asset.ID.Network(), Place: Place{ticketAddress(inv.Project), q.Ticket}, Invoice: inv.ID, Wallet: q.Wallet,
		})
	}
	return out
}

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

// Finality names the clock that confirmations are counted by.
type Finality string

// Depth counts blocks; the other two wait for a tag that the chain itself sets.
const (
	FinalityDepth     Finality = ""
	FinalitySafe      Finality = "safe"
	FinalityFinalized Finality = "finalized"
)

// Confirmations is how deep money must be to count as received. The zero value is no confirmation
// at all: what is unconfirmed counts, unless it announces that it may be replaced.
type Confirmations struct {
	Tag   Finality `json:"tag,omitempty"`
	Depth uint64   `json:"depth"` // blocks, the payment's own included; unused with a tag
}

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

// ActionKind is what an operator did.
type ActionKind string

// What operators can do. Each is a fact that the fold takes into account from then on.
const (
	ActionCancel     ActionKind = "cancel"      // the shop no longer wants the money
	ActionComplete   ActionKind = "complete"    // the shop takes it as paid, whatever was seen
	ActionExpire     ActionKind = "expire"      // the deadline is now
	ActionReopen     ActionKind = "reopen"      // undoes cancel and expire, with a new deadline
	ActionAcceptLate ActionKind = "accept_late" // late money counts in full
	ActionArchive    ActionKind = "archive"     // nothing is decided any more
)

// Action is one act of an operator.
type Action struct {
	N       int        `json:"n"` // 1, 2, 3 ... within the invoice
	Kind    ActionKind `json:"kind"`
	At      time.Time  `json:"at"`
	Until   time.Time  `json:"until,omitzero"` // the new deadline, for reopen
	Actor   string     `json:"actor,omitempty"`
	Comment string     `json:"comment,omitempty"`
}

// BlockRef is the block that a payment is in. The zero value means that it is in none.
type BlockRef struct {
	Height uint64 `json:"height"`
	Hash   string `json:"hash"`
	// Time is when the block is stamped, or the stamp of a block that came after it, if that is earlier: it was there by
	// then.
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
	// Withdrawn says that the chain no longer has it: replaced, evicted or reorganised away. It may
	// come back.
	Withdrawn bool `json:"withdrawn,omitempty"`
	// Credit is what it is worth in base units of the invoice's asset: Units for the same asset,
	// the value of the moment it was first seen for another one, rounded down. Nil when it is worth
	// nothing to the invoice (another network, no asset chosen) or could not be valued yet.
	Credit *big.Int `json:"credit,omitempty"`
	// Rerated is Credit at the rate of the moment it was first seen, for late money under
	// [LateRerate]; else nil.
	Rerated *big.Int `json:"rerated,omitempty"`
	// MaturedAt is when a deposit to a standing invoice was first found deep enough; zero if it was not since
	// it came or came back, and for all other invoices.
	MaturedAt time.Time `json:"matured_at,omitzero"`
	// Dust says that it is less than the floor of its asset ([AssetConfig.Floor]): it is on record, and decides nothing.
	Dust bool `json:"dust,omitempty"`
	// Settled says that it is in the sums of Invoice.Settled.
	Settled bool `json:"settled,omitempty"`
}

// Settled is what those payments of an invoice add up to that nothing but a reorganisation or an operator can change
// any more. An invoice with a long history is read without them.
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

// SettledSum is what the settled payments in one asset add up to.
type SettledSum struct {
	Units  *big.Int `json:"units"`            // in base units of the asset
	Mature *big.Int `json:"mature,omitempty"` // of these, what came to a standing invoice and is deep enough
	Credit *big.Int `json:"credit,omitempty"` // what they are worth, in base units of the quoted asset
}

// Confirmed in a block, as opposed to waiting in the pool.
func (p Payment) inBlock() bool { return p.Block.Hash != "" }

// Height at which the payment must be looked at again when the chain rewinds: its block's, or
// [Unconfirmed].
func (p Payment) Height() uint64 {
	if p.inBlock() {
		return p.Block.Height
	}
	return Unconfirmed
}

// Unconfirmed stands for the height of what is in no block: above every block. It fits a signed
// 64-bit integer, as databases have them.
const Unconfirmed = 1<<63 - 1

// Wake is when an invoice must be looked at again although nothing touched it. It is derived by the
// machine and only stored for its index.
type Wake struct {
	// Height is the block height at which a payment matures, by the clock of Tag. Zero is never.
	Tag    Finality `json:"tag,omitempty"`
	Height uint64   `json:"height,omitempty"`
	// Time is the deadline, or the end of the quarantine: the invoice wakes when its network's chain time (our
	// clock while no asset is chosen) is after it. Zero is never.
	Time time.Time `json:"time,omitzero"`
}

// State is what the machine decided.
type State struct {
	Status  Status  `json:"status"`
	Outcome Outcome `json:"outcome,omitempty"`
	Closed  bool    `json:"closed"` // no money that comes in time can change it any more
	// Received is everything the chain now has for the invoice, late and other-asset money
	// included, in base units of the quoted asset. Counted is the part that the policies let count,
	// Confirmed the part of that which is deep enough. Nil is 0.
	Received  *big.Int `json:"received,omitempty"`
	Counted   *big.Int `json:"counted,omitempty"`
	Confirmed *big.Int `json:"confirmed,omitempty"`
	// CompletedAt is when it was first decided that enough is confirmed; zero if never. It is a
	// milestone: once set it stays.
	CompletedAt time.Time `json:"completed_at,omitzero"`
	// ReleasedAt is when the invoice gave up its places, for others to be paid there; zero while it holds
	// them. It is a milestone too.
	ReleasedAt time.Time `json:"released_at,omitzero"`
	Wake       Wake      `json:"wake,omitzero"`
}

// PartialConfirmed says whether this is a closed partial payment of which all that counts is deep enough. When it
// becomes so after the closing, [EventConfirmed] tells.
func (s State) PartialConfirmed() bool {
	return s.Status == StatusPaidPartial && s.Closed && orZero(s.Confirmed).Sign() > 0 && orZero(s.Confirmed).Cmp(orZero(s.Counted)) == 0
}

// Invoice is one request for money and all that is known about it. Values of this type are
// snapshots: changing one changes nothing but the copy.
type Invoice struct {
	ID          string `json:"id"`                 // a UUID (version 7), not to be guessed
	Project     string `json:"project"`            // whose it is
	OrderID     string `json:"order_id,omitempty"` // the shop's own number, unique within the project; may be empty
	Name        string `json:"name,omitempty"`
	CallbackURL string `json:"callback_url,omitempty"` // where events are told; may be empty
	Format      string `json:"format,omitempty"`       // how they are told; see the Notifier
	Price       Price  `json:"price"`
	Quote       *Quote `json:"quote,omitempty"` // nil until an asset is chosen
	// Earlier are the quotes that another choice took the place of, oldest first. Their places are watched
	// like that of Quote.
	Earlier []Quote `json:"earlier,omitempty"`
	// Choices counts how often another choice took the place of a quote.
	Choices int   `json:"choices,omitempty"`
	Terms   Terms `json:"terms"`
	// Data is what whoever created the invoice keeps with it. The core does not read it, and events do not
	// show it.
	Data      map[string]string `json:"data,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Deadline  time.Time         `json:"deadline"` // as agreed at first; a reopening carries its own
	Actions   []Action          `json:"actions,omitempty"`
	State     State             `json:"state"`

	// Payments are in the order of their natural keys, without those that Settled sums up: there are at least the
	// latest of them. They are stored apart from the rest.
	Payments []Payment `json:"-"`
	Settled  *Settled  `json:"settled,omitempty"` // nil when no payment is

	// Seq is the number of events so far, and Version the number of commits, both from 1.
	Seq     int64 `json:"seq"`
	Version int64 `json:"version"`
}

// Network is the network of the chosen asset; empty while none is chosen.
func (inv Invoice) Network() chain.Network {
	if inv.Quote == nil {
		return ""
	}
	return inv.Quote.Asset.ID.Network()
}

// Remaining is what the payer still has to send, in base units of the quoted asset: nothing once
// enough was seen, and otherwise an amount that can be sent, of whole steps and never less than the minimum.
func (inv Invoice) Remaining() *big.Int {
	if inv.Quote == nil || inv.Terms.Standing {
		return new(big.Int)
	}
	counted := orZero(inv.State.Counted)
	if enough(inv.Terms, inv.Quote.Due, counted) {
		return new(big.Int)
	}
	rest := new(big.Int).Sub(inv.Quote.Due, counted)
	if least := orZero(inv.Terms.Minimum); rest.Cmp(least) < 0 {
		rest.Set(least)
	}
	return roundUp(rest, inv.Terms.Step)
}

// PaidAsset is the asset that most of the money came in, by value; the quoted one when nothing
// came. It is empty while no asset is chosen.
func (inv Invoice) PaidAsset() chain.AssetID {
	if inv.Quote == nil {
		return ""
	}
	sums := map[chain.AssetID]*big.Int{}
	if inv.Settled != nil {
		for asset, sum := range inv.Settled.Assets {
			sums[asset] = orZero(sum.Credit)
		}
	}
	for _, p := range inv.Payments {
		if !p.Settled && !p.Withdrawn && !p.Dust && p.Credit != nil {
			sums[p.Asset] = new(big.Int).Add(orZero(sums[p.Asset]), p.Credit)
		}
	}
	best, most := inv.Quote.Asset.ID, orZero(sums[inv.Quote.Asset.ID])
	for _, asset := range slices.Sorted(maps.Keys(sums)) {
		if sums[asset].Cmp(most) > 0 {
			best, most = asset, sums[asset]
		}
	}
	return best
}

// EffectiveDeadline is the deadline with the operators' actions applied.
func (inv Invoice) EffectiveDeadline() time.Time {
	return foldActions(inv.Deadline, inv.Actions).deadline
}

// quotes are all quotes of the invoice that have a place, the newest first.
func (inv Invoice) quotes() []Quote {
	var out []Quote
	if inv.Quote != nil && inv.Quote.Address != "" {
		out = append(out, *inv.Quote)
	}
	for _, q := range slices.Backward(inv.Earlier) {
		if q.Address != "" {
			out = append(out, q)
		}
	}
	return out
}

// held are the claims of the places that the invoice has not given up by an earlier decision, each once.
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

func (c Claim) same(o Claim) bool { return c.Network == o.Network && c.Place == o.Place }

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}
