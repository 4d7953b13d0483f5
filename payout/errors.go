package payout

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/cointill/cointill/chain"
)

// InvalidError describes an invalid argument and why it was refused. Nothing was stored.
type InvalidError struct {
	Field  string // the Go field, such as "Units" of a [Request]
	Value  string // at most 64 bytes; empty for a missing value
	Reason string // follows field and value: "must be positive"
	cause  error
}

// Error returns a text such as `To "bc1..." is not an address of Ethereum`.
func (e *InvalidError) Error() string {
	if e.Value == "" {
		return e.Field + " " + e.Reason
	}
	return fmt.Sprintf("%s %q %s", e.Field, e.Value, e.Reason)
}

// Unwrap returns the RefusedError of the network, or nil.
func (e *InvalidError) Unwrap() error { return e.cause }

func refuse(field, value, reason string) *InvalidError {
	const most = 64
	if len(value) > most {
		value = value[:most]
	}
	return &InvalidError{Field: field, Value: value, Reason: reason}
}

// RefusedError is the refusal of a network, a node or a signer.
type RefusedError struct {
	Code   Refusal
	Reason string // for people
}

func (e *RefusedError) Error() string {
	if e.Reason == "" {
		return string(e.Code)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Reason)
}

// Refusal classifies refusals.
type Refusal string

// The refusals.
const (
	RefusedAddress  Refusal = "wrong_address"    // not an address of the network
	RefusedDust     Refusal = "dust"             // less than the network relays
	RefusedContract Refusal = "contract"         // a contract that does not take what is sent
	RefusedAsset    Refusal = "asset"            // not an asset that can be paid out
	RefusedFee      Refusal = "fee_too_low"      // the node wants a higher fee
	RefusedCoins    Refusal = "no_coins"         // the sender has too little for amount and fee
	RefusedSpent    Refusal = "conflict"         // an input is spent, or the number of the sender is used
	RefusedInvalid  Refusal = "invalid"          // a defect: it must be looked at by a person
	RefusedPolicy   Refusal = "policy"           // a signer's own policy
	RefusedStopped  Refusal = "address_stopped"  // somebody else used the key
	RefusedTooSoon  Refusal = "too_many_pending" // too many unconfirmed transactions before it
)

// InsufficientError is returned when an account has less than is to be taken from it. Nothing was stored.
type InsufficientError struct {
	Account Account
	Balance *big.Int // before
	Needed  *big.Int // taken from it
}

func (e *InsufficientError) Error() string {
	return fmt.Sprintf("%s has %s, and %s is needed", e.Account, e.Balance, e.Needed)
}

// EntryError is returned when an entry's ID is taken by an entry that says something else.
type EntryError struct{ ID string }

func (e *EntryError) Error() string {
	return fmt.Sprintf("entry %s exists with other contents", e.ID)
}

// UnbalancedError is returned for a batch that contradicts itself. It is a defect of the caller.
type UnbalancedError struct{ Err error }

func (e *UnbalancedError) Error() string { return fmt.Sprintf("the batch does not add up: %v", e.Err) }

// Unwrap returns Err.
func (e *UnbalancedError) Unwrap() error { return e.Err }

// LimitError is returned when a sum would exceed its maximum. Nothing was stored.
type LimitError struct {
	Counter string
	Sum     *big.Int // before
	Delta   *big.Int
	Max     *big.Int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %s and %s exceed the limit of %s", e.Counter, e.Sum, e.Delta, e.Max)
}

// FeeError is returned for a fee outside of the bounds, all in base units of Asset, the network's own coin. It wraps ErrFeeTooLow or
// ErrFeeTooHigh. Where Least exceeds Greatest no fee is possible. Nothing was stored.
type FeeError struct {
	Asset                chain.AssetID
	Fee, Least, Greatest *big.Int
	err                  error
}

func (e *FeeError) Error() string {
	return fmt.Sprintf("%v: %s, where it must be from %s to %s", e.err, e.Fee, e.Least, e.Greatest)
}

// Unwrap returns ErrFeeTooLow or ErrFeeTooHigh.
func (e *FeeError) Unwrap() error { return e.err }

// KeyError is returned when a project has a payout with the same key and other contents.
type KeyError struct {
	Key    string
	Payout string // id of the payout that has it
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("key %q belongs to payout %s, which has other contents", e.Key, e.Payout)
}

// StatusError is returned when something cannot be done with a payout in its status.
type StatusError struct {
	Payout string
	Status Status
	Reason string // follows the status
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("payout %s is %s: %s", e.Payout, e.Status, e.Reason)
}

// MiscountError is returned when the sums that a store keeps are not what the ledger and the holdings add up to.
type MiscountError struct{ Sums []Miscount }

// Miscount is a sum that is kept and wrong, in base units.
type Miscount struct {
	Asset     chain.AssetID
	Of        string // what was added up: "entries" or "holdings"
	Sum, Kept *big.Int
}

func (e *MiscountError) Error() string {
	texts := make([]string, len(e.Sums))
	for i, m := range e.Sums {
		texts[i] = fmt.Sprintf("%s: %s add up to %s, %s is kept", m.Asset, m.Of, m.Sum, m.Kept)
	}
	return strings.Join(texts, "\n")
}

var (
	// ErrSamePerson is returned when a payout is approved by the person who requested it, or twice by one person.
	ErrSamePerson = errors.New("another person has to approve it")
	// ErrUnknownReceiver is returned when policies demand a receiver from the list and it is not there.
	ErrUnknownReceiver = errors.New("the receiver is not on the list")
	// ErrClaimed is returned when a claim has been used, has ended or does not exist.
	ErrClaimed = errors.New("the claim is not open")
	// ErrNetwork is returned for an asset of a network that is not configured.
	ErrNetwork = errors.New("network is not configured")
	// ErrNotUnderWay is returned when a transaction cannot be hurried because of where it is, such as in a block.
	ErrNotUnderWay = errors.New("the transaction cannot be hurried")
	// ErrStopped is returned when a network's stop switch forbids what is asked.
	ErrStopped = errors.New("the network is stopped")
	// ErrNothingToSweep is returned when no deposit address has anything of an asset that is free.
	ErrNothingToSweep = errors.New("nothing is to be swept")
	// ErrNothingLeft is returned when nothing of an invoice is left to be refunded.
	ErrNothingLeft = errors.New("nothing is left to be refunded")
)
