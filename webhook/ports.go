package webhook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
)

// ErrStaleClaim: the delivery's claim has run out and the message was claimed again, or it was resent or given up, or
// the claim was recorded already.
// Nothing of the result was stored.
var ErrStaleClaim = errors.New("claim is stale")

// Outbox keeps the messages that [invoice.Store] committed, until they are told, and the history of
// every attempt. All methods may block on the database until ctx ends, and may be called concurrently, also
// by several processes on one database. An implementation proves itself with the suite in
// store/storetest.
//
// Messages of one invoice that go to the same URL are told in the order of their Seq: a message is
// held back until the one before it is delivered or dead. One that is not held back is due at once when it is
// committed, whatever its At.
//
// Waits and leases are by the outbox's own clock, which is that of the database where it has one, so that no
// process's clock matters. When that clock turns out to have been ahead as a wait or a lease began, it counts from now.
type Outbox interface {
	// Claim hands out up to q.Limit messages that are due and not held back, those that have been
	// due longest first, and hides each from other claims for q.Lease. A claim that
	// is not recorded by then, because the process died, is simply handed out again: telling twice
	// is the receiver's to notice by the message's ID, losing one nobody would. Messages due at the
	// same instant come in the order of their commits. Several claims at once may leave something to the next. The
	// work grows with what is handed out and with the number of endpoints that have a message that is not held back,
	// but not with how many messages those have.
	Claim(ctx context.Context, q ClaimQuery) ([]Delivery, error)
	// Record stores what came of one delivery: the attempt, and what follows from it, in one atomic
	// act. A claim counts until its message is claimed again, resent or given up, also after the end of its
	// lease, and also when the URL is gone meanwhile: then the attempt is kept, and the message is delivered if it
	// was, but dead instead of due. ErrStaleClaim if the claim is no longer the newest, was recorded already, or if
	// there is no such message.
	Record(ctx context.Context, claim Claim, attempt Attempt, next Next) error
	// GiveUp makes messages of an endpoint dead that are not held back and have been due for longer than q.Overdue,
	// up to q.Limit of them, those due longest first, each with the attempt in its history, and answers how many.
	// What is claimed counts as due since the end of its lease. It may leave some to the next call.
	GiveUp(ctx context.Context, q GiveUpQuery) (int, error)
	// NextDue answers how long it takes until the next message that is not held back is due, claims included; some is
	// false when there is none.
	NextDue(ctx context.Context) (wait time.Duration, some bool, err error)
	// History answers all messages of an invoice by Seq, with their attempts in order.
	History(ctx context.Context, invoiceID string) ([]Record, error)
	// Resend makes the latest message of the invoice due at once, whatever became of it, with its
	// frozen body and ID and a fresh schedule, and lifts a disablement of its URL. A claim of the message
	// that is not recorded yet becomes stale: what is under way was not asked for by this resend. It
	// still waits for earlier messages to its URL. It answers the message, or invoice.ErrNotFound when the invoice has none. It changes nothing else.
	Resend(ctx context.Context, invoiceID string) (invoice.Message, error)
}

// ClaimQuery asks for work.
type ClaimQuery struct {
	Lease time.Duration
	Limit int
	// Skip are endpoints (Message.Endpoint) to leave out, because enough is in flight to them or
	// their circuit is open.
	Skip []string
	// SkipPrefixes are texts that the endpoints to leave out begin with, byte for byte: those of projects that have
	// their share of what is in flight.
	SkipPrefixes []string
	// PerEndpoint bounds how many messages of one endpoint are handed out at once; 0 is no bound.
	PerEndpoint int
}

// Skips reports whether the messages of the endpoint are to be left out.
func (q ClaimQuery) Skips(endpoint string) bool {
	return slices.Contains(q.Skip, endpoint) ||
		slices.ContainsFunc(q.SkipPrefixes, func(prefix string) bool { return strings.HasPrefix(endpoint, prefix) })
}

// GiveUpQuery says which messages are given up, and why.
type GiveUpQuery struct {
	Endpoint string
	Overdue  time.Duration
	Limit    int
	Attempt  Attempt // that is added to the history of each
}

// Claim names one hand-out of a message.
type Claim struct {
	Message string // Message.ID
	Token   int64  // differs with every hand-out of the message
}

// Delivery is a message to be told now.
type Delivery struct {
	Claim   Claim
	Message invoice.Message
	Tried   int // attempts since it was committed or last resent
}

// Attempt is one try to tell a message.
type Attempt struct {
	At       time.Time     // when it began
	Duration time.Duration // until the answer, or the failure
	Status   int           // HTTP status; 0 when there was no answer
	Excerpt  string        // the start of the answer's body: valid UTF-8 without control characters
	Error    string        // why there was no answer, or why it was refused, as clean as Excerpt; empty when all went well
}

// State is what became of a message.
type State string

// The states of a message.
const (
	StateDue       State = "due"       // will be told, now or at its time; it may be held back by an earlier one
	StateDelivered State = "delivered" // the endpoint has taken it
	StateDead      State = "dead"      // given up; only a resend tells it again
)

// Next is what follows from an attempt.
type Next struct {
	State State
	Wait  time.Duration // until it is tried again, for StateDue; within a hundred years
	// Gone says that the endpoint wants no more (HTTP 410): every message of the project to this
	// URL that is not delivered is dead from now on, later ones too, until one is resent.
	Gone bool
}

// Record is a message with its history.
type Record struct {
	Message  invoice.Message
	State    State
	Due      time.Time // for StateDue: when it may be told, by the outbox's clock
	Attempts []Attempt
}

// Keys answers the keys that formats sign with in ways of their own; [invoice.Projects] is one. It may block on a
// database and is called concurrently.
type Keys interface {
	// Key answers the project's key of the name, or an error.
	Key(ctx context.Context, project, name string) (string, error)
}

// Secrets answers the secrets that sign a project's messages now, newest first; [invoice.Projects] is
// one. It may block on a database and is called concurrently.
type Secrets interface {
	Secrets(ctx context.Context, project string) ([]string, error)
}
