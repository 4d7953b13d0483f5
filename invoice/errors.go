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

// InvalidError describes an invalid argument and why it was refused. Nothing was stored.
type InvalidError struct {
	// Field is the Go field of the value, such as "Asset" or "Price.Amount" of a [Request], or the parameter's name,
	// such as "window". Where a stored invoice no longer fits the configuration, it is the field of its [Quote].
	Field string
	// Value is the refused value, as text of at most 64 bytes: a longer one is cut off. It is empty for a missing
	// value, and for one that may be secret, such as Data. A URL is shown without its query and user.
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

// Unwrap returns [ErrBelowMinimum] if that is the cause, else nil.
func (e *InvalidError) Unwrap() error { return e.cause }

// ErrBelowMinimum is wrapped when a price is less than the least that can be paid in the asset. The error is an
// [InvalidError] as well.
var ErrBelowMinimum = errors.New("less than the minimum of the asset")

// maxValue bounds InvalidError.Value, in bytes.
const maxValue = 64

// refuse returns an InvalidError for a value, which it shortens.
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

// valueOf returns a number as an InvalidError shows it. An extreme exponent is not written out, and a number of more
// than maxValue digits is not shown.
func valueOf(d decimal.Decimal) string {
	switch {
	case d.NumDigits() > maxValue:
		return ""
	case d.Exponent() > maxValue || d.Exponent() < -maxValue:
		return fmt.Sprintf("%se%d", d.Coefficient(), d.Exponent())
	}
	return d.String()
}

// publicURL returns the part of a URL that may be shown: without the user, the query and the fragment, which can be
// secret. It is empty if raw is not a URL with a host.
func publicURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// refuseText refuses text that is not clean or has more than most characters; otherwise it returns nil.
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

// cleanText reports whether s is valid UTF-8 without control characters.
func cleanText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

var (
	// ErrNotFound is returned when something does not exist, or does not belong to the project.
	ErrNotFound = errors.New("not found")
	// ErrConflict is returned when a batch was decided on facts that are no longer the newest. Nothing of it was
	// stored; decide again on fresh facts.
	ErrConflict = errors.New("decided on stale facts")
	// ErrDuplicateOrder is returned when the project has an invoice with this order id. A store returns it as a
	// [DuplicateOrderError].
	ErrDuplicateOrder = errors.New("order id is taken")
	// ErrLeased is returned when another holder has the lease.
	ErrLeased = errors.New("lease is held elsewhere")
	// ErrFenced is returned when a batch was made under a lease that is no longer the newest. Nothing of it was stored.
	ErrFenced = errors.New("lease was lost")
	// ErrBusy is returned when the store could not take the batch now, because a lock is held for long. Nothing of it
	// was stored; the same batch may be committed again. A store that has such an error wraps this one.
	ErrBusy = errors.New("the store is busy")
	// ErrTooLarge is returned when a batch is more than the store takes at once. Nothing of it was stored, and it never
	// will be: decide about less. A store that has such an error wraps this one.
	ErrTooLarge = errors.New("more than the store takes at once")
	// ErrNoEndpoint is returned when a project has no endpoint with the ID, perhaps because it was removed.
	ErrNoEndpoint = errors.New("the project has no such endpoint")
	// ErrDuplicateProject is returned when the owner has a project of this name.
	ErrDuplicateProject = errors.New("project name is taken")
)

// ConflictError is an [ErrConflict] that identifies the invoice whose part of the batch was refused, so that one
// contradictory fact can be told from the rest of a step.
type ConflictError struct {
	Invoice string // its id
	Err     error  // what was refused, for people
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("invoice %s: %v: %v", e.Invoice, ErrConflict, e.Err)
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// PositionError is returned for a position beyond the end of the feed of events: the caller has seen events that the
// store does not have, as after the restore of a backup.
type PositionError struct {
	Position int64 // the requested position
	Last     int64 // position of the last event, or [Batch].Skip if that is more; 0 if there is neither
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("position %d is beyond the end of the feed, which is at %d", e.Position, e.Last)
}

// DamagedEventsError identifies stored events that cannot be read. The method returns the readable ones beside it.
type DamagedEventsError struct {
	Positions []int64 // in order
	Err       error   // what is wrong with the first of them
}

func (e *DamagedEventsError) Error() string {
	return fmt.Sprintf("%d stored events are damaged, position %d first: %v", len(e.Positions), e.Positions[0], e.Err)
}

// Unwrap returns Err.
func (e *DamagedEventsError) Unwrap() error { return e.Err }

// DamagedError identifies stored invoices that cannot be read. A method that returns many invoices returns the readable
// ones beside it, so that a damaged row affects nothing else.
type DamagedError struct {
	Invoices []string // their ids
	Err      error    // what is wrong with the first of them
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%d stored invoices are damaged, %s first: %v", len(e.Invoices), e.Invoices[0], e.Err)
}

// Unwrap returns Err.
func (e *DamagedError) Unwrap() error { return e.Err }

// DuplicateOrderError identifies the invoice that has the order id. It is an [ErrDuplicateOrder].
type DuplicateOrderError struct {
	OrderID string
	Invoice string // id of the invoice that has it
}

func (e *DuplicateOrderError) Error() string {
	return fmt.Sprintf("order id %q is taken by invoice %s", e.OrderID, e.Invoice)
}

// Is reports whether target is ErrDuplicateOrder.
func (e *DuplicateOrderError) Is(target error) bool { return target == ErrDuplicateOrder }

// TransitionError is returned when an operator may not change an invoice from one status to another.
type TransitionError struct {
	From, To Status
	Reason   string // follows "status"
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("status %s: from %s to %s", e.Reason, e.From, e.To)
}

// ErrNoAddress is returned when no address is free: all that may be used, or all amounts at the shared one, belong to
// other invoices at present.
var ErrNoAddress = errors.New("no address is free")

// ErrTooManyNew is returned when the project has as many invoices waiting for a payment as it may have.
var ErrTooManyNew = errors.New("too many invoices wait for a payment")

// ErrHeldBack is returned while an asset is held back because its decimals are not confirmed ([chain.Decimals]), so
// that no invoice may ask for it. The state is temporary: [errors.Is] reports it as an [ErrBusy].
var ErrHeldBack error = heldBackError{}

type heldBackError struct{}

func (heldBackError) Error() string { return "the asset is held back" }

func (heldBackError) Is(target error) bool { return target == ErrBusy }
