package invoice

import (
	"cmp"
	"encoding/json"
	"time"
)

// EventType is the type of an event.
type EventType string

// The types of events. A change of status is exactly one event of the status's own type; the others
// report what happens beside the status.
const (
	EventCreated         EventType = "invoice.created"          // the invoice exists (status new, or archived for a record)
	EventAssetChosen     EventType = "invoice.asset_chosen"     // it now has a quote and an address, or others than before
	EventReopened        EventType = "invoice.new"              // back to new: what was seen has vanished, or an operator reopened it
	EventPending         EventType = "invoice.pending"          //
	EventPaidPartial     EventType = "invoice.paid_partial"     //
	EventCompleted       EventType = "invoice.completed"        //
	EventExpired         EventType = "invoice.expired"          //
	EventCancelled       EventType = "invoice.cancelled"        //
	EventArchived        EventType = "invoice.archived"         //
	EventClosed          EventType = "invoice.closed"           // closed without a change of status: the deadline of a partial payment
	EventReverted        EventType = "invoice.reverted"         // alarm: the chain took back the money of a completed invoice
	EventRestored        EventType = "invoice.restored"         // the chain has the money of a reverted invoice again
	EventRevalued        EventType = "invoice.revalued"         // a closed invoice's money counts differently than reported: a rate was found, or its block was stamped in time
	EventPaymentReceived EventType = "invoice.payment_received" // money was recorded, whatever it means
	EventPaymentLost     EventType = "invoice.payment_lost"     // recorded money is no longer on the chain
	EventDeposit         EventType = "invoice.deposit"          // money on a standing invoice is deep enough
	EventConfirmed       EventType = "invoice.confirmed"        // all that counts of a closed partial payment is now deep enough
)

// eventTypes returns all types of events of invoices.
func eventTypes() []EventType {
	return []EventType{
		EventCreated, EventAssetChosen, EventReopened, EventPending, EventPaidPartial, EventCompleted, EventExpired,
		EventCancelled, EventArchived, EventClosed, EventReverted, EventRestored, EventRevalued, EventPaymentReceived,
		EventPaymentLost, EventDeposit, EventConfirmed,
	}
}

// Class describes how a payment related to its invoice when it was recorded.
type Class string

// The classes of payments. When several apply, it is the first of this list.
const (
	ClassOtherNetwork Class = "other_network" // to an address issued for another network: never credited
	ClassDust         Class = "dust"          // less than the floor of its asset: it decides nothing
	ClassAfterCancel  Class = "after_cancel"  // the invoice was cancelled or archived
	ClassDeposit      Class = "deposit"       // to a standing invoice, where nothing is due
	ClassDuplicate    Class = "duplicate"     // enough had been seen before
	ClassLate         Class = "late"          // neither seen nor in a block by the deadline
	ClassOtherAsset   Class = "other_asset"   // in another asset of the network
	ClassUnder        Class = "under"         // the sum is less than the tolerance allows
	ClassOver         Class = "over"          // the sum is too much by more than the tolerance
	ClassExact        Class = "exact"         // the sum is what is due
)

// Event is something that happened to an invoice, or to a payout of package payout, reported once, in order. Its ID, Seq and Body never change; a
// receiver that sees an ID twice has seen the event before.
type Event struct {
	ID       string    // unique for ever: "evt_", the invoice's id, the sequence number, and 16 digits of the hash of Body
	Invoice  string    // the invoice's id; empty for an event of a payout
	Payout   string    // the payout's id, for events whose type begins with "payout."; else empty
	Project  string    // the project of the invoice or the payout
	Seq      int64     // 1, 2, 3 ... within the invoice or the payout, without gaps
	Type     EventType //
	From, To Status    // the invoice's status before and after; equal when it did not change; empty for a payout
	At       time.Time //
	Comment  string    // the operator's comment, if one acted
	Actor    string    // the operator

	// Body is the event in the library's own format, with the whole invoice as it was then. It is frozen with the
	// event.
	Body json.RawMessage

	// Position is the event's place in the feed of all events. The store assigns it: positions grow, and once a reader
	// has seen one, no lower one appears later.
	Position int64
}

// Subject returns the id of what the event is about: the invoice or the payout.
func (ev Event) Subject() string { return cmp.Or(ev.Invoice, ev.Payout) }

// Message is an event to be sent to one endpoint, frozen with the event.
type Message struct {
	ID       string    // unique for ever, the same for every attempt, so that receivers can detect repeats
	Event    EventType // for the history
	Invoice  string    // messages of one invoice are sent in the order of Seq; empty for those of a payout
	Payout   string    // messages of one payout are sent in the order of Seq; empty for those of an invoice
	Seq      int64     //
	Project  string    // the project whose secrets sign it
	Receiver string    // ID of the project's [Endpoint] that it is for, whose secrets sign it; empty for the invoice's own callback
	URL      string    // where it is posted
	Endpoint string    // unit of isolation, throttling and giving up; the Notifier derives it from Project, URL and Receiver
	Body     []byte    // the body that is posted, byte for byte
	At       time.Time // when the event happened, by our clock; it may be sent from then on
	Format   string    // the format, which may have its own way of signing when the message is sent
	Secret   string    // the invoice's own signing secret, for formats that need one; empty for most
}

// Subject returns the id of what the message is about: the invoice or the payout.
func (m Message) Subject() string { return cmp.Or(m.Invoice, m.Payout) }

// String returns the ID and the endpoint, without the secret.
func (m Message) String() string {
	return "message " + m.ID + " to " + m.Endpoint
}

// GoString returns the same as String, without the secret.
func (m Message) GoString() string { return m.String() }
