package invoice

import (
	"context"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/rates"
)

// ChainWatcher says what happened on a network after a cursor. [chain.Follower] is one.
type ChainWatcher interface {
	// Network is what it watches.
	Network() chain.Network
	// Next answers what happened after the cursor. It paces itself: it may wait before it asks the
	// node, also after an error, and may answer a step in which nothing joined. An error means that
	// nothing is known: nothing may be concluded from it. One call at a time.
	Next(ctx context.Context, cursor chain.Cursor) (chain.Step, error)
	// Lag says how far behind it is and why. It does not block and may be called concurrently.
	Lag() chain.Lag
}

// RateSource says what one unit of a currency costs in another. rates has several.
type RateSource interface {
	// Rate answers the rate of the pair, or an error that wraps rates.ErrNoRate. It may block on the
	// network and may be called concurrently; wrap slow sources in a rates.Cache.
	Rate(ctx context.Context, pair rates.Pair) (rates.Rate, error)
}

// AddressSource issues the addresses of one wallet from a public key. One that also has
//
//	Descriptor() string
//
// says how another wallet finds all of its addresses (BIP-380), for [Service.Recovery].
type AddressSource interface {
	// Name names the wallet's counter of indexes in the store. Sources with the same keys must have
	// the same name, else addresses repeat. It must not contain the key.
	Name() string
	// Address answers the wallet's address with the number. The same number gives the same address.
	// It does not block and may be called concurrently.
	Address(ctx context.Context, index uint32) (chain.Address, error)
}

// Requester is the optional power of an [AddressSource] that makes an address for each request to pay, as a Lightning node
// makes an invoice (BOLT 11): its addresses cannot be derived from numbers, and serve one request each. Its Address method
// is not called, and neither a [Pool] nor [Shared] may be configured with it. All methods may block until ctx ends, and may
// be called concurrently.
type Requester interface {
	// Request returns where one request is to be paid. It is called once for each number; a number may be lost, when the
	// invoice is not stored after all. A call that takes longer than ten seconds has failed.
	Request(ctx context.Context, r PaymentRequest) (Payable, error)
	// Close is told that a request is over: its invoice was paid, has expired or was cancelled. It is idempotent: it may be
	// told more than once, also after a crash. An error is logged, and does not repeat the call. A call that takes longer
	// than five seconds has failed.
	Close(ctx context.Context, r ClosedRequest) error
}

// PaymentRequest is what a [Requester] makes an address for.
type PaymentRequest struct {
	Invoice  string      // its id
	Number   uint32      // of the wallet's counter; no other request has it
	Asset    chain.Asset // what is to be paid
	Units    *big.Int    // how much, in base units; 0 for deposits of any amount
	Deadline time.Time   // until when; zero for deposits
	Name     string      // what it is for, as the payer may read it; may be empty
}

// Payable is where a request is to be paid.
type Payable struct {
	// Address is what transfers name as To; required, at most 190 bytes. For a Lightning invoice it is the payment hash.
	Address chain.Address
	// Also are further addresses on the network that the same request may be paid to, as a unified QR code shows several; at
	// most 8.
	Also []chain.Address
	// Text is for the payer's wallet, such as an invoice of BOLT 11; at most 2048 bytes. It is empty where the address is
	// enough.
	Text string
}

// ClosedRequest names a request that is over.
type ClosedRequest struct {
	Invoice string
	Number  uint32
	Address chain.Address
}

// Notifier says which messages tell an event. It is called while a batch is built: it must be pure
// and quick, and what it answers is stored with the event.
type Notifier interface {
	// Formats are the values of Invoice.Format that it understands; the first is the default.
	Formats() []string
	// Messages answers the messages for an event and the invoice as it is after the event, each with an
	// ID that no other message ever has: the event's when there is one message.
	Messages(ev Event, inv Invoice) []Message
}

// CallbackChecker is the optional power of a [Notifier] to refuse callback URLs: it is the default of
// [Config.CheckCallback].
type CallbackChecker interface {
	// CheckCallback returns why the URL is refused, as a text that follows the field's name, or nil. It does not block, and
	// may be called concurrently.
	CheckCallback(url string) error
}

// Dispatcher sends the messages that commits put into the outbox. webhook.Dispatcher is one.
type Dispatcher interface {
	// Run sends until ctx ends, and returns when everything that it started has ended.
	Run(ctx context.Context) error
	// Hint says that messages were committed. It never blocks, and may be called concurrently and at any time.
	Hint()
}

// Floors remembers, apart from the store, how far the numbers of wallets have been handed out, so that a store that has
// lost its end (a backup was restored, a standby took over that lacked the last commits) gives no address a second
// time. Both methods may block until ctx ends, and may be called concurrently. store.FloorFile is one; the suite in
// store/storetest proves one of your own. What takes longer than ten seconds has failed.
type Floors interface {
	// Floor returns the number below which all of the wallet may have been shown to somebody; 0 when it knows nothing of
	// the wallet.
	Floor(ctx context.Context, wallet string) (uint32, error)
	// Raise remembers durably that all below next may be shown from now on. A floor that is as high already stays:
	// Raise is idempotent and never lowers one.
	Raise(ctx context.Context, wallet string, next uint32) error
}

// Meter takes measurements, for whatever the host watches its programs with; httpapi/telemetry makes one of an
// OpenTelemetry meter. Nothing registers itself: who wants measurements puts a Meter into the configurations of the
// service, the dispatcher and the APIs. Its methods are called concurrently and must return at once.
type Meter interface {
	// Count adds to a counter.
	Count(ctx context.Context, name string, n int64, labels ...Label)
	// Time notes how long something took.
	Time(ctx context.Context, name string, d time.Duration, labels ...Label)
	// Level notes how much there is of something now.
	Level(ctx context.Context, name string, n int64, labels ...Label)
}

// Label is a property of a measurement. There are few values of each: never ids, addresses or URLs.
type Label struct{ Key, Value string }

// What a [Service] measures.
const (
	MeterEvents = "cointill.events" // counter of events; labels type
	MeterStep   = "cointill.step"   // time to decide and store one step of a network; labels network
	MeterHeight = "cointill.height" // level: the last block that was stored; labels network
	MeterBehind = "cointill.behind" // level: blocks that the node has and the store has not; labels network
	MeterAside  = "cointill.aside"  // level: what could not be taken into account yet; labels network, of: invoice or transaction
	MeterForks  = "cointill.forks"  // counter of reorganisations; labels network
)

// noMeter is the default.
type noMeter struct{}

func (noMeter) Count(context.Context, string, int64, ...Label) {}

func (noMeter) Time(context.Context, string, time.Duration, ...Label) {}

func (noMeter) Level(context.Context, string, int64, ...Label) {}

// NoMeter takes no measurements.
func NoMeter() Meter { return noMeter{} }
