package webhook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
)

// ErrStaleClaim is returned when a delivery is recorded whose claim is no longer the newest of its message, because the
// message was claimed again, resent or given up, or whose claim is already recorded. Nothing of the result is stored.
var ErrStaleClaim = errors.New("claim is stale")

// Outbox stores the messages that [invoice.Store] commits, and the history of every attempt. All methods may block on
// the database until ctx ends, and may be called concurrently, also by several processes on one database. The suite in
// store/storetest tests implementations.
//
// Messages of one invoice to the same URL are delivered in the order of their Seq: a message is held back until those
// with a lower one are delivered or dead. A message that is not held back is due as soon as it is committed, whatever its At.
//
// Waits and leases are measured by the outbox's own clock, which is the database's clock where there is one, so that
// the clocks of processes do not matter. If that clock proves to have been ahead when a wait or a lease began, the wait
// or the lease counts from now.
type Outbox interface {
	// Claim returns up to q.Limit messages that are due and not held back, those that have been due longest first,
	// and hides each from other claims for q.Lease. Messages that became due at the same instant come in the order of
	// their commits. A claim that is not recorded within the lease, because the process died, is returned again:
	// receivers notice a repetition by the message's ID, but nobody would notice a loss. Concurrent claims may leave
	// messages to the next one. The cost grows with the number of returned messages and of endpoints with a message
	// that is not held back, not with the number of messages of those endpoints.
	Claim(ctx context.Context, q ClaimQuery) ([]Delivery, error)
	// Record atomically stores an attempt and the next state of its message. A claim is valid until its message is
	// claimed again, resent or given up, even after its lease has ended. It is valid as well if the URL was disabled
	// meanwhile: then the attempt is stored, and the message becomes delivered if it was, and dead instead of due.
	// Record returns ErrStaleClaim if the claim is no longer valid, if it is already recorded, or if the message does
	// not exist.
	Record(ctx context.Context, claim Claim, attempt Attempt, next Next) error
	// GiveUp marks up to q.Limit messages of an endpoint as dead that are not held back and have been due for longer
	// than q.Overdue, those due longest first, adds q.Attempt to the history of each, and returns their number. A
	// claimed message counts as due since the end of its lease. GiveUp may leave messages to the next call.
	GiveUp(ctx context.Context, q GiveUpQuery) (int, error)
	// NextDue returns the time until the next message that is not held back is due. It includes claimed messages. some
	// is false if there is no such message.
	NextDue(ctx context.Context) (wait time.Duration, some bool, err error)
	// History returns the messages of an invoice whose Seq is above after, in the order of Seq, each with its attempts in
	// order; 0 or less is all. An invoice without such messages has an empty history.
	History(ctx context.Context, invoiceID string, after int64) ([]Record, error)
	// Resend makes the latest message of an invoice to one receiver due at once, whatever its state, and returns it. The
	// receiver is a Message.Receiver: the ID of an endpoint of the project, or empty for the invoice's own callback.
	// The message keeps its body, its URL and its ID, begins a new schedule, and still waits for earlier messages to its URL. A disabled URL is
	// enabled again. A claim of the message that is not yet recorded becomes stale, because its delivery is not the one
	// that this resend asks for. Resend changes nothing else. It returns invoice.ErrNotFound if the invoice has no
	// message to the receiver.
	Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error)
}

// ClaimQuery selects the messages of a claim.
type ClaimQuery struct {
	Lease time.Duration // how long the messages are hidden from other claims
	Limit int           // maximum number of messages
	// Skip lists the endpoints (Message.Endpoint) to leave out, because enough deliveries to them are in flight or
	// their circuit breaker is open.
	Skip []string
	// SkipPrefixes lists prefixes, compared byte for byte, of endpoints to leave out: those of projects that have
	// their share of the deliveries in flight.
	SkipPrefixes []string
	// PerEndpoint is the maximum number of messages of one endpoint. 0 means no maximum.
	PerEndpoint int
}

// Skips reports whether the query leaves the endpoint out.
func (q ClaimQuery) Skips(endpoint string) bool {
	return slices.Contains(q.Skip, endpoint) ||
		slices.ContainsFunc(q.SkipPrefixes, func(prefix string) bool { return strings.HasPrefix(endpoint, prefix) })
}

// GiveUpQuery selects the messages that are given up.
type GiveUpQuery struct {
	Endpoint string
	Overdue  time.Duration
	Limit    int
	Attempt  Attempt // added to the history of each message; states the reason
}

// Claim identifies one claim of a message.
type Claim struct {
	Message string // Message.ID
	Token   int64  // differs for each claim of the message
}

// Delivery is a claimed message, to be sent now.
type Delivery struct {
	Claim   Claim
	Message invoice.Message
	Tried   int // number of attempts since the message was committed or last resent
}

// Attempt is one attempt to deliver a message.
type Attempt struct {
	At       time.Time     // when it began
	Duration time.Duration // until the response or the failure
	Status   int           // HTTP status; 0 if there was no response
	Excerpt  string        // start of the response body, as valid UTF-8 without control characters
	Error    string        // why the attempt failed, as valid UTF-8 without control characters; empty if it succeeded
}

// State is the state of a message.
type State string

// The states of a message.
const (
	StateDue       State = "due"       // to be sent, now or later; an earlier message may hold it back
	StateDelivered State = "delivered" // accepted by the endpoint
	StateDead      State = "dead"      // given up; only a resend sends it again
)

// Next is the state of a message after an attempt.
type Next struct {
	State State
	Wait  time.Duration // for StateDue, time until the next attempt; at most a hundred years
	// Gone disables the URL for the project, because the endpoint has responded with status 410: every message to it
	// that is not delivered is dead, and so are later ones, until one is resent.
	Gone bool
}

// Record is a message with its history.
type Record struct {
	Message  invoice.Message
	State    State
	Due      time.Time // for StateDue, when it may be sent, by the outbox's clock
	Attempts []Attempt
}

// Callbacks returns the records of the messages to the invoice's own callback, without those to endpoints of its
// project, which are no concern of whoever asks for the invoice alone.
func Callbacks(records []Record) []Record {
	return slices.DeleteFunc(slices.Clone(records), func(r Record) bool { return r.Message.Receiver != "" })
}

// Keys provides the keys that formats with their own signatures need. [invoice.Projects] implements it. Its methods may
// block on a database and are called concurrently.
type Keys interface {
	// Key returns the project's key with the given name. After an error the message is tried again on schedule.
	Key(ctx context.Context, project, name string) (string, error)
}

// Secrets provides the secrets that sign messages: those of a project for its invoices' callbacks, and those of each of
// its endpoints. [invoice.Projects] implements it. Its methods may block on
// a database and are called concurrently.
type Secrets interface {
	// Secrets returns the project's active secrets, newest first. After an error the message is tried again on
	// schedule.
	Secrets(ctx context.Context, project string) ([]string, error)
	// EndpointSecrets returns the active secrets of an endpoint of the project, newest first. It returns
	// [invoice.ErrNoEndpoint] if the project has no such endpoint any more: then the message is dead. After any other
	// error the message is tried again on schedule.
	EndpointSecrets(ctx context.Context, project, endpoint string) ([]string, error)
}
