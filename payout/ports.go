package payout

import (
	"cmp"
	"context"
	"errors"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Store keeps payouts, transactions, the ledger and what we hold. All methods may block on the database until ctx ends
// and may be called concurrently. The caller owns what a method returns. A reader that starts after CommitPayouts has
// returned sees all of it. The suite in store/storetest tests an implementation; store/kv implements a Store on any
// transactional database of keys and values. What is stored comes back as it was, as [invoice.Store] demands.
type Store interface {
	// CommitPayouts stores all of the batch durably, or nothing; when it returns nil, the batch survives a crash. The
	// rules that it holds are those of [Batch]. Any other error than those named there leaves open whether the batch was
	// stored: committing the same batch again then returns ErrConflict if it was.
	CommitPayouts(ctx context.Context, b Batch) error

	// Payout returns the payout, or ErrNotFound.
	Payout(ctx context.Context, id string) (Payout, error)
	// PayoutBy returns the payout that the reference leads to, or ErrNotFound.
	PayoutBy(ctx context.Context, r Reference) (Payout, error)
	// Payouts returns one page of a listing. The cost grows with the page and not with the number of payouts: a page may
	// have fewer payouts than its limit, also none, and a Next, when few are selected. It returns an InvalidError for a
	// Before that is not the Next of a page.
	Payouts(ctx context.Context, q Query) (Page, error)
	// Transaction returns the transaction, or ErrNotFound.
	Transaction(ctx context.Context, id string) (Transaction, error)
	// OpenTransactions returns the transactions of the network whose Stage is open, oldest first.
	OpenTransactions(ctx context.Context, network chain.Network) ([]Transaction, error)

	// Entry returns the entry of the ledger, or ErrNotFound.
	Entry(ctx context.Context, id string) (Entry, error)
	// Entries returns up to limit entries after the position, in order.
	Entries(ctx context.Context, after int64, limit int) ([]Entry, error)
	// Balances returns the balances of all accounts of the project that ever had a posting, in the order of kind and
	// asset; an empty project returns the operator's own and External.
	Balances(ctx context.Context, project string) ([]Balance, error)
	// Lines returns up to limit lines of the account's statement after the position, in order.
	Lines(ctx context.Context, a Account, after int64, limit int) ([]Line, error)
	// Totals returns, for each asset that was ever booked, the kept sums of all accounts but External and of all
	// holdings. The cost does not grow with either.
	Totals(ctx context.Context) ([]Total, error)

	// Holdings returns up to limit holdings of the network after the name, in the order of names, locked ones included.
	Holdings(ctx context.Context, network chain.Network, after string, limit int) ([]Holding, error)
	// Holding returns the holding of the network with the name, or ErrNotFound.
	Holding(ctx context.Context, network chain.Network, name string) (Holding, error)
	// Locks returns for each of the names that is locked on the network the id of the transaction that has it.
	Locks(ctx context.Context, network chain.Network, names []string) (map[string]string, error)

	// Receipts returns the receipts of the invoice, in the order of their keys.
	Receipts(ctx context.Context, invoiceID string) ([]Receipt, error)
	// Credit returns what the ledger has of the invoice, or the zero Credit if nothing.
	Credit(ctx context.Context, invoiceID string) (Credit, error)
	// CreditsWaiting returns the ids of up to limit invoices whose Credit waits for a height of the network up to the
	// given one, those that wait for the lowest first.
	CreditsWaiting(ctx context.Context, network chain.Network, height uint64, limit int) ([]string, error)
	// Document returns the value of a small record that the service keeps: the position of the feed, switches, receivers;
	// nil if there is none.
	Document(ctx context.Context, name string) ([]byte, error)
	// Documents returns up to limit small records whose names begin with the prefix, in the order of their names, bytewise,
	// from the first one after the name on, which need not begin with the prefix. Their Was is nil. A limit that is not
	// positive returns none.
	Documents(ctx context.Context, prefix, after string, limit int) ([]Document, error)
}

// Batch is a set of changes that belong together. A store applies all of it or nothing. It refuses a batch
//
//   - with ErrConflict when a version is stale, or an id, an idempotency key, a lock or a document's former value is not
//     as the batch expects it, or a lock that it frees belongs to another transaction;
//   - with an EntryError when an entry's ID is taken by another entry;
//   - with an InsufficientError when a guarded account, or a holding, would go below zero and no entry of the batch is
//     marked Overdraw;
//   - with ErrDayClosed when an entry is dated in a closed day;
//   - with a LimitError when a counter would exceed its maximum;
//   - with an UnbalancedError when an entry or a transaction fails its Check, or the Moves do not add up, in each asset, to
//     what the entries take from External: so the sum of what we hold is what we owe, after every commit; also for a missing
//     name, for a name of a holding or document of more than 200 bytes, and for a document that is too large.
//
// When several apply, a stale version comes first. Balances and holdings are those after the whole batch, whatever its
// order; one that is below zero already may grow. Entries that are skipped take nothing from External: if Moves do not add
// up without them, that is ErrConflict.
type Batch struct {
	// Payouts and Transactions are inserted with Version 1, or replace the one with a Version one less.
	Payouts      []Payout
	Transactions []Transaction
	// Entries are appended to the ledger in this order. One that is stored already, and says the same, is skipped.
	Entries []Entry
	// Moves change holdings. A holding that becomes 0 is forgotten.
	Moves []Move
	// Locks must be free, or belong to the same transaction already; Unlocks are given up before.
	Locks, Unlocks []Lock
	// Receipts and Credits are inserted with Version 1, or replace the one with a Version one less.
	Receipts []Receipt
	Credits  []Credit
	// Counters add to sums with a maximum.
	Counters []Counter
	// Documents replace small records, each of at most 64 kB.
	Documents []Document
	// Closing closes accounting days; nil closes none. It is ErrConflict if a later day is closed already.
	Closing *Closing
	// Events are appended to the feed of all events, and Messages put into the outbox, as in [invoice.Batch].
	Events   []invoice.Event
	Messages []invoice.Message
	// Fence is as in [invoice.Batch].
	Fence invoice.Lease
}

// Counter adds Delta to the sum under Name, which must not exceed Max then; a negative Delta is never refused.
type Counter struct {
	Name  string
	Delta *big.Int
	Max   *big.Int // nil: no maximum
}

// Document is a small record. Was is the value that it replaces, nil if there is none; Value nil removes it.
type Document struct {
	Name  string
	Was   []byte
	Value []byte
}

// Reference leads to a payout in one of two ways.
type Reference struct {
	Project, Key string // the project's idempotency key
	ClaimHash    string // or the hash of a claim's token
}

// Total is what the books say of one asset, in base units.
type Total struct {
	Asset chain.AssetID `json:"asset"`
	Owed  *big.Int      `json:"owed"` // sum of all accounts but External
	Held  *big.Int      `json:"held"` // sum of all holdings
}

// Spender plans, checks and sends the transactions of one network. It holds no private key and stores nothing: what it
// must remember is in the [Transaction]. Its methods may block on a node until ctx ends. They are called concurrently,
// but Plan and Replace by one goroutine of one process at a time, except for trials: what those return is never made, and
// their Wallet takes no numbers. On a store without leases several processes call them: of the plans of a network, sweeps
// and replacements included, that were made at the same time, only one is stored.
type Spender interface {
	// Network returns the network.
	Network() chain.Network
	// FeeAsset returns the coin that fees are paid in.
	FeeAsset() chain.AssetID
	// Lane returns the address that pays payouts, for people and for funding.
	Lane() chain.Address
	// Receiver checks a receiver and an amount without sending anything. It returns the canonical address, or a
	// RefusedError: an address of another network, dust, a contract that cannot take coins, an asset that it cannot pay.
	// With nil units the amount is not checked.
	Receiver(ctx context.Context, asset chain.Asset, to string, units *big.Int) (chain.Address, error)
	// Plan makes one transaction for one or more of the payouts, which are in the order in which they should be paid. It
	// may leave some to the next call. A payout that can never be paid is in Plan.Refused. It returns ErrNoCoins when the
	// free coins do not suffice, and ErrFeeTooHigh when the fee exceeds what the payouts reserve; one that has to wait does
	// not make those after it wait, of which at least 100 are tried. A RefusedError with RefusedStopped stops the network
	// until a person has looked at it: somebody else uses its key. Any other makes all payouts wait.
	Plan(ctx context.Context, w Wallet, payouts []Payout) (Plan, error)
	// Replace makes the next version of a transaction, with a higher fee of at most greatest, which spends the anchor.
	// With t.Cancel it pays us instead of the payouts. With t.Hurry its fee is the chosen one, rounded down to what the
	// network can express, or the least that takes the place of the versions before it if that is more, and not what the
	// network asks for. It returns ErrFeeTooHigh, ErrNoCoins, or ErrNoReplacement when the network has none: then only time
	// can end the transaction.
	Replace(ctx context.Context, w Wallet, t Transaction, greatest *big.Int) (Version, error)
	// Verify checks that signed bytes are the version, signed by the right keys, and would be valid on the chain. It
	// returns them in the form in which they are sent, and their id. It refuses with ErrDiffers. It does not block.
	Verify(v Version, signed []byte) (raw []byte, txID string, err error)
	// Send gives the signed bytes to the network. It is idempotent: nil means that a node has the transaction. A
	// RefusedError means that the node refused it, which proves nothing about other nodes. Any other error leaves open
	// whether it was taken.
	Send(ctx context.Context, v Version) error
	// Look reports what the chain knows of the transaction. After an error nothing is known, and nothing may be concluded
	// from it; a node that is behind, or on another chain, is an error.
	Look(ctx context.Context, t Transaction) (Look, error)
	// Holding returns what a payment to one of our addresses adds to: a coin of its own, or the balance of the address. It
	// does not block.
	Holding(d Deposit) Holding
	// Funding returns what a final transaction brought to our wallet's own addresses: those that are no invoice's. It
	// returns ErrNotFound for an unknown or unconfirmed one, and for one that brought nothing.
	Funding(ctx context.Context, txID string) ([]Move, error)
	// Received returns what a final transaction, of whomever, brought to an address, in base units of the asset. It returns
	// ErrNotFound for an unknown or unconfirmed one, and for one that brought nothing there.
	Received(ctx context.Context, txID string, to chain.Address, asset chain.AssetID) (*big.Int, error)
	// Audit returns, for each of the holdings, what the chain has of it now in base units, unconfirmed transactions left
	// out.
	Audit(ctx context.Context, holdings []Holding) ([]*big.Int, error)
}

// Sweeper is an optional interface of a [Spender] whose deposits stay at the addresses that they came to.
type Sweeper interface {
	// Sweep makes the next transaction that brings a holding to the lane: PurposeTopUp when its address needs coins for
	// the fee first, else PurposeSweep. It returns ErrTooDear when it is not worth its fee, and ErrNoCoins when it is less
	// than the least that is swept, when nobody has the coins for it, or when its address is busy.
	Sweep(ctx context.Context, w Wallet, h Holding, o SweepOrder) (Plan, Purpose, error)
}

// SweepOrder says which limits a sweep is not held to. The zero value holds it to all of them.
type SweepOrder struct {
	Now  bool `json:"now,omitempty"`  // the least that is swept
	Dear bool `json:"dear,omitempty"` // what its fee may be beside what it brings
}

// Bumper is an optional interface of a [Spender] on whose network a transaction may pay for one that it depends on.
type Bumper interface {
	// Bump makes a transaction that spends the change of a version of t which a node has and no block has, and pays so much
	// that both together pay the network's fee, and itself at most greatest. It is called after Replace has returned
	// ErrNoReplacement or ErrFeeTooHigh, and before Replace where a node has refused the newest version and kept an older
	// one, by the same goroutine.
	//
	// The plan's Anchor is the coin by the name that it has in the moves of that version. The plan pays no payouts, and its
	// version Cancels, since all of it comes back to us but the fee. Bump returns ErrNoReplacement when a bump is of no use, or
	// not possible: nothing of t comes back to us, no node has t, t pays the network's fee, or can be replaced. It returns
	// ErrNoCoins when the change is too little, and ErrFeeTooHigh when the bump would cost more than greatest. With t.Hurry it
	// costs the chosen fee, or the least that is of use if that is more, whatever the network asks for.
	//
	// Replace then raises the fee of a bump like that of any other transaction, to what both together have to pay.
	Bump(ctx context.Context, w Wallet, t Transaction, greatest *big.Int) (Plan, error)
}

// Deposit is a payment to one of our addresses.
type Deposit struct {
	Key    chain.Key
	Asset  chain.AssetID
	To     chain.Address
	Units  *big.Int
	Height uint64
	Wallet string // the wallet that the address came from ...
	Index  uint32 // ... and its number there
}

// Wallet is what a Spender may spend, read when it plans.
type Wallet interface {
	// Holdings calls visit with each holding of the network that the asset's payouts may spend, locked ones included,
	// until visit returns false.
	Holdings(ctx context.Context, asset chain.AssetID, visit func(Holding) bool) error
	// Holding returns the holding of the network with the name, or ErrNotFound.
	Holding(ctx context.Context, name string) (Holding, error)
	// Open returns the open transactions of the network, oldest first.
	Open(ctx context.Context) ([]Transaction, error)
	// Locked returns which of the names are locked, and by which transaction.
	Locked(ctx context.Context, names []string) (map[string]string, error)
	// Number returns a number of the sequence, such as the index of an address for change. It is never returned again,
	// also after a crash: ask for it once everything else is certain.
	Number(ctx context.Context, sequence string) (uint32, error)
}

// Plan is a transaction that can be made.
type Plan struct {
	Lane    string
	Anchor  string // one of Version.Spends
	Version Version
	Payouts []string          // ids of those that it pays, in the order of its outputs
	Refused map[string]string // ids of payouts that can never be paid, and why
}

// Look is what the chain knows of a transaction at one moment.
type Look struct {
	// Versions has one element for each version of the transaction, in order.
	Versions []Sighting
	// Taken reports that a transaction that is none of the versions spent the anchor, and TakenFinal that it is buried. It
	// may have paid the same receivers, so nothing is paid again. A version that was signed and sent elsewhere is no such
	// transaction: Look knows it by its id or by what it does, signed here or not.
	Taken, TakenFinal bool
	// Dead reports that it is proven that no version is mined or ever can be, and that nothing else took its place: every
	// version has expired. Then its payouts are paid by another transaction.
	Dead bool
}

// Sighting is what the chain knows of one version.
type Sighting struct {
	Pooled bool   // a node has it and no block
	Height uint64 // of the block that has it; 0 if none
	Final  bool   // the block is final
	Buried bool   // the block is so deep that nothing is expected any more
	Failed bool   // it is in the block, and moved nothing but its fee
	// Fee is what it paid, in base units of the network's coin, once it is in a block.
	Fee *big.Int
	// TxID is its id in the block if that is not the TxID of the version: where ids cover signatures, it may have been
	// signed twice. Empty for the same.
	TxID string
	// Why is what a [Provider] says of it, and Asks that a person has to confirm it there; chains say nothing.
	Why  string
	Asks bool
	// Withdrawn reports that a provider has taken it back: it Failed by the will of an operator.
	Withdrawn bool
	// Returned is what came back of it through a provider; nil if nothing.
	Returned *big.Int
}

// id returns the id under which the chain has the version.
func (s Sighting) id(v Version) string { return cmp.Or(s.TxID, v.TxID) }

// Mined reports whether a block has it.
func (s Sighting) Mined() bool { return s.Height > 0 }

// Signer signs. Its methods may block until ctx ends, and are called concurrently.
type Signer interface {
	// Sign returns the signed form of a version's Unsigned bytes. It returns ErrLater if it will be signed later, by a
	// person or another process: then [Service.Import] brings it, or the next call of Sign with the same request. It is
	// idempotent: the same request may come any number of times. A RefusedError means that this request
	// was not signed and never will be, and that nobody has paid by other means what it pays: if nothing else of its
	// transaction was signed, its payouts get another one. A signer must not refuse a version that cancels, and pays only ourselves: else
	// what comes after it from the same sender waits for ever.
	Sign(ctx context.Context, r SignRequest) ([]byte, error)
}

// SignRequest is what a signer gets.
type SignRequest struct {
	Network     chain.Network `json:"network"`
	Transaction string        `json:"transaction"` // id of the Transaction
	N           int           `json:"n"`           // number of the version within it, from 0
	Lane        string        `json:"lane"`
	Unsigned    []byte        `json:"unsigned"`
}

// Invoices is what the books read of the core: [invoice.Store] has it.
type Invoices interface {
	Invoice(ctx context.Context, id string) (invoice.Invoice, error)
	Payments(ctx context.Context, invoiceID string, after chain.Key, limit int) ([]invoice.Payment, error)
	InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error)
	Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error)
	Network(ctx context.Context, network chain.Network) (invoice.Progress, error)
	ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error)
}

// Notifier turns events of payouts into messages. webhook.Notifier implements it. It is called while a batch is built: it
// must be quick and without side effects. What it returns is stored with the event.
type Notifier interface {
	// Formats returns the values of Request.Format that the notifier supports; the first is the default.
	Formats() []string
	// PayoutMessages returns the messages for an event of a payout: one for its callback URL, if it has one, and one for
	// each of the endpoints, which are those of the project that take the event. data is the payout's Data, which the event
	// does not have and which must not be changed. Their IDs are as those of [invoice.Notifier].
	PayoutMessages(ev invoice.Event, callbackURL, format string, data map[string]string, to []invoice.Endpoint) []invoice.Message
}

// Errors of the ports.
var (
	// ErrNotFound is returned when something does not exist.
	ErrNotFound = invoice.ErrNotFound
	// ErrConflict is returned when a batch was decided on facts that are no longer the newest. Nothing was stored.
	ErrConflict = invoice.ErrConflict
	// ErrDayClosed is returned for an entry of a closed accounting day.
	ErrDayClosed = errors.New("the accounting day is closed")
	// ErrNoCoins is returned when the coins that are free at present do not suffice.
	ErrNoCoins = errors.New("not enough free coins")
	// ErrFeeTooHigh is returned when a fee exceeds the greatest that was reserved, or that is configured.
	ErrFeeTooHigh = errors.New("the network's fee exceeds the greatest fee")
	// ErrFeeTooLow is returned when a fee that an operator chose is not enough to make a difference.
	ErrFeeTooLow = errors.New("the fee is too low to take the place of what is there")
	// ErrTooDear is returned when a sweep is not worth its fee.
	ErrTooDear = errors.New("the sweep is not worth its fee")
	// ErrNoReplacement is returned when a transaction cannot have another version.
	ErrNoReplacement = errors.New("the transaction cannot be replaced")
	// ErrDiffers is wrapped when signed bytes are not what was to be signed, or not validly signed.
	ErrDiffers = errors.New("the signed transaction differs from its plan")
	// ErrLater is returned by a signer that will sign later.
	ErrLater = errors.New("to be signed later")
)
