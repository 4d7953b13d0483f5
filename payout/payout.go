package payout

import (
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// Status is where a payout is. It is never set: the machine folds it from the facts.
type Status string

// The statuses of a payout.
const (
	StatusRequested Status = "requested" // reserved; waits for an approval or for its receiver
	StatusQueued    Status = "queued"    // approved; a transaction is to be made, or waits for its signature
	StatusSigned    Status = "signed"    // the signed bytes are stored; from here only the chain ends it
	StatusSent      Status = "sent"      // a node has taken the transaction, or a block has it
	StatusPaid      Status = "paid"      // final
	StatusFailed    Status = "failed"    // it was not paid and never will be
	StatusCancelled Status = "cancelled" // withdrawn before it was paid
	StatusReturned  Status = "returned"  // paid, and the beneficiary's bank sent it back; it is not paid again by itself
)

// Ended reports whether the payout is over: only a reorganisation deeper than what counts as final, a bank that returns it,
// or a person who paid it otherwise changes it again.
func (s Status) Ended() bool {
	return s == StatusPaid || s == StatusFailed || s == StatusCancelled || s == StatusReturned
}

// Reason is why a payout waits, or why it ended as it did.
type Reason string

// The reasons.
const (
	ReasonApproval   Reason = "needs_approval"     // another person has to approve it
	ReasonReceiver   Reason = "needs_receiver"     // the payee has not named an address yet
	ReasonCooling    Reason = "receiver_is_new"    // the receiver's cooling-off time has not passed
	ReasonCoins      Reason = "no_coins"           // the wallet's free coins do not suffice at present
	ReasonFee        Reason = "fee_too_high"       // the network asks for more than the payout's greatest fee
	ReasonSignature  Reason = "needs_signature"    // the transaction waits for its signer
	ReasonConfirming Reason = "confirming"         // in a block, not yet final
	ReasonRefused    Reason = "refused"            // the network refuses it: see Detail
	ReasonReverted   Reason = "reverted"           // mined, and it moved nothing
	ReasonForeign    Reason = "key_used"           // a transaction that is not ours spent what this one needed
	ReasonUndone     Reason = "undone"             // a reorganisation took back what was final; it is sent again
	ReasonOperator   Reason = "operator"           // an operator ended it
	ReasonExpired    Reason = "expired"            // nobody claimed it in time
	ReasonConfirm    Reason = "needs_confirmation" // a person has to confirm it at the provider: see Detail
	ReasonRejected   Reason = "rejected"           // the provider did not pay it: see Detail
	ReasonReturned   Reason = "returned"           // the money came back: see Detail
)

// Kind is what a payout is for.
type Kind string

// The kinds of payouts.
const (
	KindWithdrawal Kind = "withdrawal" // the project's own money, to its own address
	KindPayout     Kind = "payout"     // to somebody else
	KindRefund     Kind = "refund"     // what an invoice brought, back to its payer
)

// ActionKind is the kind of a person's action.
type ActionKind string

// The kinds of actions. Each is a fact that the machine takes into account from then on.
const (
	ActionApprove ActionKind = "approve"
	ActionCancel  ActionKind = "cancel"  // it should not be paid, if that is still possible
	ActionReceive ActionKind = "receive" // the payee named the receiver
	ActionExpire  ActionKind = "expire"  // the time to claim it is over
	ActionPaid    ActionKind = "paid"    // other money has paid it
)

// Action is one action of a person.
type Action struct {
	Kind    ActionKind `json:"kind"`
	At      time.Time  `json:"at"`
	Actor   string     `json:"actor,omitempty"`
	Comment string     `json:"comment,omitempty"`
}

// Payout is one request to pay and all that is known about it. Values are snapshots: changing one changes nothing but
// the copy.
type Payout struct {
	ID      string `json:"id"` // a UUID (version 7)
	Project string `json:"project"`
	// Key is the caller's own name of the request, unique within the project: the same request twice is one payout.
	Key     string `json:"key"`
	Kind    Kind   `json:"kind"`
	Invoice string `json:"invoice,omitempty"` // the invoice that is refunded
	// Asset is what is paid, and To the receiver in the network's canonical spelling; empty until a claim names it.
	Asset chain.Asset   `json:"asset"`
	To    chain.Address `json:"to,omitempty"`
	Asked string        `json:"asked,omitempty"` // the receiver as the request spelled it
	// Beneficiary is who gets it, where a [Provider] pays; nil if nothing is known.
	Beneficiary *Beneficiary `json:"beneficiary,omitempty"`
	Units       *big.Int     `json:"units"` // what the receiver gets, in base units
	// AskedUnits is what the request said of the amount, such as "12.5" or "12.5, fee included".
	AskedUnits string `json:"asked_units,omitempty"`
	// Source is the account that Units come from. Fee is the greatest network fee, in base units of FeeAsset, which is
	// reserved in Payer; what the network does not take goes back there.
	Source   Account       `json:"source"`
	Fee      *big.Int      `json:"fee"`
	FeeAsset chain.AssetID `json:"fee_asset"`
	Payer    Account       `json:"payer"`

	// Own reports that the receiver is an address of one of our own invoices.
	Own         bool              `json:"own,omitempty"`
	Name        string            `json:"name,omitempty"`
	Comment     string            `json:"comment,omitempty"`
	CallbackURL string            `json:"callback_url,omitempty"`
	Format      string            `json:"format,omitempty"` // of the messages
	Data        map[string]string `json:"data,omitempty"`   // kept for the creator; events do not show it, messages in a format of the creator's may
	Requester   string            `json:"requester,omitempty"`
	// Approvals is how many persons other than the requester must approve it.
	Approvals int `json:"approvals,omitempty"`
	// NotBefore is the end of the receiver's cooling-off time; zero if there is none.
	NotBefore time.Time `json:"not_before,omitzero"`
	// ClaimHash is the hash of the claim's token, and ClaimUntil its end; empty if the receiver was named.
	ClaimHash  string    `json:"claim_hash,omitempty"`
	ClaimUntil time.Time `json:"claim_until,omitzero"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Actions   []Action  `json:"actions,omitempty"`
	State     State     `json:"state"`

	// Seq is the number of events so far, and Version the number of commits, both from 1.
	Seq     int64 `json:"seq"`
	Version int64 `json:"version"`
}

// State is what the machine decided.
type State struct {
	Status Status `json:"status"`
	Reason Reason `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"` // for people
	// Transaction is the id of the [Transaction] that pays it, or the last one that should have.
	Transaction string `json:"transaction,omitempty"`
	// TxID is the id on the chain of the version that was seen last or is final; Height is its block's, or 0.
	TxID   string    `json:"txid,omitempty"`
	Height uint64    `json:"height,omitempty"`
	Paid   *big.Int  `json:"fee_paid,omitempty"` // the network fee that it carried, never more than it reserved, in base units of FeeAsset
	EndAt  time.Time `json:"ended_at,omitzero"`
	// Undone counts how often a reorganisation took its end back.
	Undone int `json:"undone,omitempty"`
	// Tried counts transactions that proved dead, and RetryAt is when the next may be planned.
	Tried   int       `json:"tried,omitempty"`
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// approvals counts the different persons who approved the payout, its requester not among them.
func (p Payout) approvals() int {
	seen := map[string]bool{p.Requester: true}
	n := 0
	for _, a := range p.Actions {
		if a.Kind == ActionApprove && !seen[a.Actor] {
			seen[a.Actor] = true
			n++
		}
	}
	return n
}

// with returns the payout with one more action.
func (p Payout) with(a Action) Payout {
	p.Actions = append(slices.Clone(p.Actions), a)
	return p
}

// did reports whether somebody has done it.
func (p Payout) did(kind ActionKind) bool {
	for _, a := range p.Actions {
		if a.Kind == kind {
			return true
		}
	}
	return false
}

// total returns what the payout reserves in base units of each account that it draws from.
func (p Payout) total() map[Account]*big.Int {
	sums := map[Account]*big.Int{}
	addTo(sums, p.Source, p.Units)
	if orZero(p.Fee).Sign() > 0 {
		addTo(sums, p.Payer, p.Fee)
	}
	return sums
}

// reservedOf returns the account that reserves what comes from a.
func reservedOf(a Account) Account { return Account{a.Project, Reserved, a.Asset} }
