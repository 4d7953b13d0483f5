package invoice

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// InvalidError says what a caller gave that is wrong and why. Nothing was stored.
type InvalidError struct {
	// Field is the Go field of what was given, such as "Asset" or "Price.Amount" of a [Request], or the parameter's name,
	// such as "window". Where a stored invoice no longer fits the configuration it is the field of its [Quote].
	Field string
	// Value is what was given, as text of at most 64 bytes: a longer one is cut off. It is empty for what was not given
	// or may be secret, such as Data. Of a URL it has neither the query nor the user.
	Value  string
	Reason string // follows the field's name and value: "must be positive"
	cause  error
}

// Error returns a text such as `Asset "XYZ" is not supported`.
func (e *InvalidError) Error() string {
	if e.Value == "" {
		return e.Field + " " + e.Reason
	}
	return fmt.Sprintf("%s %q %s", e.Field, e.Value, e.Reason)
}

// Unwrap returns [ErrBelowMinimum] where that is why; else nil.
func (e *InvalidError) Unwrap() error { return e.cause }

// ErrBelowMinimum: a price is less than the least that can be paid in the asset. The error is an [InvalidError] as well.
var ErrBelowMinimum = errors.New("less than the minimum of the asset")

// maxValue bounds InvalidError.Value, in bytes.
const maxValue = 64

// refuse makes an InvalidError of a value, which it bounds.
func refuse(field, value, reason string) *InvalidError {
	if len(value) > maxValue {
		end := maxValue
		for end > maxValue-utf8.UTFMax && !utf8.RuneStart(value[end]) {
			end--
		}
		value = value[:end]
	}
	return &InvalidError{Field: field, Value: value, Reason: reason}
}

// valueOf is a number as an InvalidError shows it. One with an absurd exponent is not written out, and one with more
// digits than anybody reads is not shown.
func valueOf(d decimal.Decimal) string {
	switch {
	case d.NumDigits() > maxValue:
		return ""
	case d.Exponent() > maxValue || d.Exponent() < -maxValue:
		return fmt.Sprintf("%se%d", d.Coefficient(), d.Exponent())
	}
	return d.String()
}

// publicURL is what may be shown of a URL: where it goes, without the user, the query and the fragment, which can be
// secret. Of what is no URL of a host nothing may be.
func publicURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// refuseText refuses text that is not clean, or longer than so many characters; nil if there is nothing to refuse.
func refuseText(field, s string, most int) error {
	switch {
	case !utf8.ValidString(s):
		return refuse(field, s, "must be valid UTF-8")
	case !cleanText(s):
		return refuse(field, s, "must not have control characters, such as tabs and ends of lines")
	case utf8.RuneCountInString(s) > most:
		return refuse(field, s, fmt.Sprintf("must have at most %d characters", most))
	}
	return nil
}

// cleanText says whether s is valid UTF-8 without control characters.
func cleanText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

var (
	// ErrNotFound: there is no such thing, or not for this project.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the batch was decided on facts that are no longer the newest. Nothing of it was
	// stored; decide again on fresh facts.
	ErrConflict = errors.New("decided on stale facts")
	// ErrDuplicateOrder: the project has an invoice with this order id. A store returns it as a
	// [DuplicateOrderError].
	ErrDuplicateOrder = errors.New("order id is taken")
	// ErrLeased: somebody else has the lease.
	ErrLeased = errors.New("lease is held elsewhere")
	// ErrFenced: the batch was made under a lease that is no longer the newest. Nothing of it was stored.
	ErrFenced = errors.New("lease was lost")
	// ErrBusy: the store could not take the batch now, for want of a lock that somebody else holds for long. Nothing of
	// it was stored; the same may be asked again. A store that has such an error wraps this one.
	ErrBusy = errors.New("the store is busy")
	// ErrDuplicateProject: the owner has a project of this name.
	ErrDuplicateProject = errors.New("project name is taken")
)

// ConflictError is an [ErrConflict] that names the invoice whose part of the batch was refused, so that one contradictory
// fact can be told from the rest of a step.
type ConflictError struct {
	Invoice string // its id
	Err     error  // what was refused, for people
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("invoice %s: %v: %v", e.Invoice, ErrConflict, e.Err)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// PositionError says that a position is beyond the end of the feed of events: whoever asks has seen events that the
// store does not have, as after the restore of a backup.
type PositionError struct {
	Position int64 // that was asked for
	Last     int64 // of the last event, or what [Batch].Skip passed over if that is more; 0 when there is neither
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("position %d is beyond the end of the feed, which is at %d", e.Position, e.Last)
}

// DamagedEventsError names stored events that cannot be read. A method returns those that can be read beside it.
type DamagedEventsError struct {
	Positions []int64 // in order
	Err       error   // what is wrong with the first of them
}

func (e *DamagedEventsError) Error() string {
	return fmt.Sprintf("%d stored events are damaged, position %d first: %v", len(e.Positions), e.Positions[0], e.Err)
}

// Unwrap returns what is wrong with the first of them.
func (e *DamagedEventsError) Unwrap() error { return e.Err }

// DamagedError names stored invoices that cannot be read. A method that answers many invoices answers
// those that can be read beside it, so that one damaged row stops nothing but itself.
type DamagedError struct {
	Invoices []string // their ids
	Err      error    // what is wrong with the first of them
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%d stored invoices are damaged, %s first: %v", len(e.Invoices), e.Invoices[0], e.Err)
}

// Unwrap answers what is wrong with the first of them.
func (e *DamagedError) Unwrap() error { return e.Err }

// DuplicateOrderError names the invoice that has the order id. It is [ErrDuplicateOrder].
type DuplicateOrderError struct {
	OrderID string
	Invoice string // id of the first invoice with it
}

func (e *DuplicateOrderError) Error() string {
	return fmt.Sprintf("order id %q is taken by invoice %s", e.OrderID, e.Invoice)
}

// Is makes errors.Is(err, ErrDuplicateOrder) true.
func (e *DuplicateOrderError) Is(target error) bool { return target == ErrDuplicateOrder }

// TransitionError says that an operator may not bring an invoice from one status to another.
type TransitionError struct {
	From, To Status
	Reason   string // follows "status"
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("status %s: from %s to %s", e.Reason, e.From, e.To)
}

// ErrNoAddress: every address that may be used, or every amount at the shared one, is another invoice's for now.
var ErrNoAddress = errors.New("no address is free")

// ErrTooManyNew: the project has as many invoices that wait for a payment as it may have.
var ErrTooManyNew = errors.New("too many invoices wait for a payment")

// ErrHeldBack: the asset is held back, since its decimals are not confirmed ([chain.Decimals]), and nothing is asked for in
// it. That passes: [errors.Is] says that it is an [ErrBusy].
var ErrHeldBack error = heldBackError{}

type heldBackError struct{}

func (heldBackError) Error() string { return "the asset is held back" }

func (heldBackError) Is(target error) bool { return target == ErrBusy }
