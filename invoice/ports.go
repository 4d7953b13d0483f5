package invoice

import (
	"context"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/rates"
)

// ChainWatcher reports what happens on a network after a cursor. [chain.Follower] implements it.
type ChainWatcher interface {
	// Network returns the network that is watched.
	Network() chain.Network
	// Next returns what happened after the cursor. It paces itself: it may wait before it asks the node, also after an
	// error, and may return a step in which no block joined. After an error nothing is known, and nothing may be
	// concluded from it. It is not called concurrently.
	Next(ctx context.Context, cursor chain.Cursor) (chain.Step, error)
	// Lag returns how far behind the watcher is, and why. It does not block and may be called concurrently.
	Lag() chain.Lag
}

// RateSource returns what one unit of a currency costs in another. Package rates has implementations.
type RateSource interface {
	// Rate returns the rate of the pair, or an error that wraps rates.ErrNoRate. It may block on the network and may be
	// called concurrently; wrap slow sources in a rates.Cache.
	Rate(ctx context.Context, pair rates.Pair) (rates.Rate, error)
}

// AddressSource issues the addresses of one wallet from a public key. A source may also implement
//
//	Descriptor() string
//
// which returns the descriptor (BIP-380) from which another wallet finds all of its addresses, for [Service.Recovery].
type AddressSource interface {
	// Name returns the name of the wallet's counter of indexes in the store. Sources with the same keys must have the
	// same name, else addresses repeat. It must not contain the key.
	Name() string
	// Address returns the wallet's address with the number. The same number gives the same address. It does not block
	// and may be called concurrently.
	Address(ctx context.Context, index uint32) (chain.Address, error)
}

// Requester is an optional interface of an [AddressSource] that makes an address for each request to pay, as a
// Lightning node makes an invoice (BOLT 11): its addresses cannot be derived from numbers, and each serves one request.
// Its Address method is not called, and neither a [Pool] nor [Shared] may be configured with it. All methods may block
// until ctx ends and may be called concurrently.
type Requester interface {
	// Request returns where one request is to be paid. It is called at most once for each number. A number is lost if
	// the invoice is not stored in the end. A call that takes longer than ten seconds has failed.
	Request(ctx context.Context, r PaymentRequest) (Payable, error)
	// Close reports that a request is over: its invoice was paid, has expired or was cancelled. It is idempotent: it
	// may be called more than once for a request, also after a crash. An error is logged, and the call is not repeated.
	// A call that takes longer than five seconds has failed.
	Close(ctx context.Context, r ClosedRequest) error
}

// PaymentRequest describes a request that a [Requester] makes an address for.
type PaymentRequest struct {
	Invoice  string      // its ID
	Number   uint32      // of the wallet's counter; no other request has it
	Asset    chain.Asset // what is to be paid
	Units    *big.Int    // amount due in base units; 0 for deposits of any amount
	Deadline time.Time   // when the time to pay ends; zero for deposits
	Name     string      // description that the payer may see; may be empty
}

// Payable is where a request is to be paid.
type Payable struct {
	// Address is the address that transfers carry as To; required, at most 190 bytes. For a Lightning invoice it is the
	// payment hash.
	Address chain.Address
	// Also holds further addresses on the network that the same request may be paid to, as a unified QR code shows
	// several; at most 8.
	Also []chain.Address
	// Text is what the payer's wallet reads, such as a BOLT 11 invoice; at most 2048 bytes. It is empty where the
	// address is enough.
	Text string
}

// ClosedRequest identifies a request that is over.
type ClosedRequest struct {
	Invoice string
	Number  uint32
	Address chain.Address
}

// Notifier turns events into messages. It is called while a batch is built: it must be quick and without side effects.
// What it returns is stored with the event.
type Notifier interface {
	// Formats returns the values of Invoice.Format that the notifier supports; the first is the default.
	Formats() []string
	// Messages returns the messages for an event and the invoice as it is after the event: one for the invoice's
	// callback, if it has one, and one for each of the endpoints, which are those of the project that take the event. A
	// format may have nothing to tell about it. Each message has an ID that no other message ever has: the event's ID for
	// the callback, and one made of the event's and the endpoint's for an endpoint.
	Messages(ev Event, inv Invoice, to []Endpoint) []Message
}

// Receivers provides the endpoints of projects that events are told to. [Projects] implements it.
type Receivers interface {
	// Receivers returns the project's endpoints, whose secrets it may leave out, and none for an unknown project. It may
	// block on a database, is called for every invoice of a batch that has events, and may be called concurrently, so it
	// should remember what it has read, for as long as it documents. After an error nothing is stored of the invoice, so
	// that no message is lost. A call that takes longer than ten seconds has failed. The caller does not change what it
	// returns.
	Receivers(ctx context.Context, project string) ([]Endpoint, error)
}

// EndpointChecker checks the endpoints that projects get; see [Projects.WithChecks]. [Service] and webhook.Notifier
// implement it.
type EndpointChecker interface {
	CallbackChecker
	// Formats returns the values that Endpoint.Format may have.
	Formats() []string
}

// CallbackChecker is an optional ability of a [Notifier]: it checks callback URLs. It is the default of
// [Config.CheckCallback].
type CallbackChecker interface {
	// CheckCallback returns an error whose text reads well after the field's name if the URL is refused, and otherwise nil.
	// It does not block and may be called concurrently.
	CheckCallback(url string) error
}

// Dispatcher sends the messages that commits put into the outbox. webhook.Dispatcher implements it.
type Dispatcher interface {
	// Run sends messages until ctx ends, and returns when everything that it started has ended.
	Run(ctx context.Context) error
	// Hint reports that messages were committed. It never blocks, and may be called concurrently and at any time.
	Hint()
}

// Floors records, outside the store, how far the numbers of wallets have been handed out. With it, a store that has
// lost its end (a backup was restored, or a standby took over that lacked the last commits) gives no address a second
// time. Both methods may block until ctx ends and may be called concurrently. A call that takes longer than ten seconds
// has failed. store.FloorFile implements it; the suite in store/storetest tests other implementations.
type Floors interface {
	// Floor returns the number below which all of the wallet's addresses may have been shown to somebody, or 0 for an
	// unknown wallet.
	Floor(ctx context.Context, wallet string) (uint32, error)
	// Raise records durably that all numbers below next may be shown from now on. It is idempotent and never lowers a
	// floor.
	Raise(ctx context.Context, wallet string, next uint32) error
}

// Meter receives measurements for the host's monitoring; httpapi/telemetry implements it on an OpenTelemetry meter.
// Nothing registers itself: set Meter in the configurations of the service, the dispatcher and the APIs. Its methods
// are called concurrently and must return at once.
type Meter interface {
	// Count adds to a counter.
	Count(ctx context.Context, name string, n int64, labels ...Label)
	// Time records how long something took.
	Time(ctx context.Context, name string, d time.Duration, labels ...Label)
	// Level records the current value of something.
	Level(ctx context.Context, name string, n int64, labels ...Label)
}

// Label is a property of a measurement. Its values come from a small set: never ids, addresses or URLs.
type Label struct{ Key, Value string }

// Names of the measurements of a [Service].
const (
	MeterEvents = "cointill.events" // counter of events; label type
	MeterStep   = "cointill.step"   // time to decide and store one step of a network; label network
	MeterHeight = "cointill.height" // level: the last block stored; label network
	MeterBehind = "cointill.behind" // level: blocks that the node has and the store has not; label network
	MeterAside  = "cointill.aside"  // level: what is set aside; labels network, of: invoice or transaction
	MeterForks  = "cointill.forks"  // counter of reorganisations; label network
)

// noMeter discards measurements.
type noMeter struct{}

func (noMeter) Count(context.Context, string, int64, ...Label) {}

func (noMeter) Time(context.Context, string, time.Duration, ...Label) {}

func (noMeter) Level(context.Context, string, int64, ...Label) {}

// NoMeter returns a Meter that discards all measurements.
func NoMeter() Meter { return noMeter{} }
