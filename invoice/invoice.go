package invoice

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// Status is the state of an invoice. It is never set: [decide] folds it from the facts.
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

// Statuses returns all statuses.
func Statuses() []Status {
	return []Status{StatusNew, StatusPending, StatusPaidPartial, StatusCompleted, StatusExpired, StatusCancelled, StatusArchived}
}

// Valid reports whether s is one of the seven statuses.
func (s Status) Valid() bool {
	switch s {
	case StatusNew, StatusPending, StatusPaidPartial, StatusCompleted, StatusExpired, StatusCancelled, StatusArchived:
		return true
	}
	return false
}

// Outcome is a set of remarks on what was paid, independent of the status. The zero value means that nothing was paid.
type Outcome uint8

// At most one of exact, under and over is set; the others may be set in addition.
const (
	OutcomeExact      Outcome = 1 << iota // within the tolerance of what is due
	OutcomeUnder                          // less than the tolerance allows
	OutcomeOver                           // more than due by more than the tolerance
	OutcomeLate                           // some of the money came after the deadline
	OutcomeOtherAsset                     // some of the money came in another asset of the network
	OutcomeReverted                       // it was completed, and the chain has since taken the money back
)

var outcomeNames = []string{"exact", "under", "over", "late", "other_asset", "reverted"}

// Has reports whether every remark of o2 is in o.
func (o Outcome) Has(o2 Outcome) bool { return o&o2 == o2 }

// String returns the remarks, separated by commas.
func (o Outcome) String() string {
	var names []string
	for i, name := range outcomeNames {
		if o.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// MarshalText returns the form of String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText parses the form of String.
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

// State is what the machine decided.
type State struct {
	Status  Status  `json:"status"`
	Outcome Outcome `json:"outcome,omitempty"`
	Closed  bool    `json:"closed"` // no payment in time can change it any more
	// Received is the sum of all payments that the chain has now, late and other-asset money included, in base units of
	// the quoted asset. Counted is the part that the policies let count, and Confirmed the part of Counted that is deep
	// enough. Nil means 0.
	Received  *big.Int `json:"received,omitempty"`
	Counted   *big.Int `json:"counted,omitempty"`
	Confirmed *big.Int `json:"confirmed,omitempty"`
	// CompletedAt is when it was first decided that enough is confirmed; zero if never. Once set it stays.
	CompletedAt time.Time `json:"completed_at,omitzero"`
	// ReleasedAt is when the invoice gave up its places, for others to be paid there; zero while it holds them. Once
	// set it stays until the invoice gets another place.
	ReleasedAt time.Time `json:"released_at,omitzero"`
	Wake       Wake      `json:"wake,omitzero"`
}

// PartialConfirmed reports whether this is a closed partial payment of which all that counts is deep enough. If it
// becomes so after the closing, there is an [EventConfirmed].
func (s State) PartialConfirmed() bool {
	return s.Status == StatusPaidPartial && s.Closed && orZero(s.Confirmed).Sign() > 0 && orZero(s.Confirmed).Cmp(orZero(s.Counted)) == 0
}

// Wake is when an invoice must be decided again although nothing concerned it. The machine derives it; it is stored
// only for its index.
type Wake struct {
	// Height is the block height at which a payment matures, by the clock of Tag. Zero means never.
	Tag    chain.Finality `json:"tag,omitempty"`
	Height uint64         `json:"height,omitempty"`
	// Time is the deadline, or the end of the quarantine: the invoice wakes when its network's chain time (our clock
	// while no asset is chosen) is after it. Zero means never.
	Time time.Time `json:"time,omitzero"`
}

// Unconfirmed is the height of payments that are in no block: above every block. It fits a signed 64-bit integer, as
// databases have them.
const Unconfirmed = 1<<63 - 1

// ActionKind is the kind of an operator's action.
type ActionKind string

// The kinds of actions. Each action is a fact that the fold takes into account from then on.
const (
	ActionCancel     ActionKind = "cancel"      // the shop no longer wants the money
	ActionComplete   ActionKind = "complete"    // the shop accepts it as paid, whatever was seen
	ActionExpire     ActionKind = "expire"      // the deadline is now
	ActionReopen     ActionKind = "reopen"      // undoes cancel and expire, with a new deadline
	ActionAcceptLate ActionKind = "accept_late" // late money counts in full
	ActionArchive    ActionKind = "archive"     // nothing is decided about it any more
	ActionLabel      ActionKind = "label"       // people find it by another text; it decides nothing
)

// Action is one action of an operator.
type Action struct {
	N       int        `json:"n"` // 1, 2, 3 ... within the invoice
	Kind    ActionKind `json:"kind"`
	At      time.Time  `json:"at"`
	Until   time.Time  `json:"until,omitzero"`  // the new deadline, for reopen
	Label   string     `json:"label,omitempty"` // the new label, for label; empty removes it
	Actor   string     `json:"actor,omitempty"`
	Comment string     `json:"comment,omitempty"`
}

// Invoice is one request for money and all that is known about it. Values of this type are snapshots: changing one
// changes nothing but the copy.
type Invoice struct {
	ID          string `json:"id"`                 // a UUID (version 7), not to be guessed
	Project     string `json:"project"`            // the project that it belongs to
	OrderID     string `json:"order_id,omitempty"` // the shop's own number, unique within the project; may be empty
	Name        string `json:"name,omitempty"`
	CallbackURL string `json:"callback_url,omitempty"` // where events are sent; may be empty
	Format      string `json:"format,omitempty"`       // in which format; see the Notifier
	Price       Price  `json:"price"`
	Quote       *Quote `json:"quote,omitempty"` // nil until an asset is chosen
	// Earlier holds the quotes that another choice replaced, oldest first. Their places are watched like that of Quote.
	Earlier []Quote `json:"earlier,omitempty"`
	// Choices counts how often another choice replaced a quote.
	Choices int   `json:"choices,omitempty"`
	Terms   Terms `json:"terms"`
	// Data is kept for the creator of the invoice. The core does not read it, and events do not show it.
	Data      map[string]string `json:"data,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Deadline  time.Time         `json:"deadline"` // the original deadline; a reopening has its own
	Actions   []Action          `json:"actions,omitempty"`
	State     State             `json:"state"`

	// Payments are in the order of their natural keys, without those that Settled sums up; at least the latest are
	// included. They are stored apart from the rest.
	Payments []Payment `json:"-"`
	Settled  *Settled  `json:"settled,omitempty"` // nil when no payment is

	// Seq is the number of events so far, and Version the number of commits, both from 1.
	Seq     int64 `json:"seq"`
	Version int64 `json:"version"`
}

// Label returns the text that an operator gave the invoice last ([Service.SetLabel]); empty if it has none.
func (inv Invoice) Label() string {
	label, last := "", 0
	for _, a := range inv.Actions {
		if a.Kind == ActionLabel && a.N > last {
			label, last = a.Label, a.N
		}
	}
	return label
}

// Title returns the name and, on another line, the label: the one text with both that [Query.Search] looks at. It is for a
// [Store] that has an index of its own.
func (inv Invoice) Title() string {
	if label := inv.Label(); label != "" {
		return inv.Name + "\n" + label
	}
	return inv.Name
}

// Network returns the network of the chosen asset; empty while none is chosen.
func (inv Invoice) Network() chain.Network {
	if inv.Quote == nil {
		return ""
	}
	return inv.Quote.Asset.ID.Network()
}

// PaidAsset returns the asset that most of the money came in, by value, or the quoted one if nothing came. It is empty
// while no asset is chosen.
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

// PaymentCount returns how many payments the invoice has, settled ones included.
func (inv Invoice) PaymentCount() int {
	n := 0
	for _, p := range inv.Payments {
		if !p.Settled {
			n++
		}
	}
	if inv.Settled != nil {
		n += int(inv.Settled.Count)
	}
	return n
}
