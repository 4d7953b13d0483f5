package invoice

import (
	"context"
	"time"

	"github.com/cointill/cointill/chain"
)

// Store keeps invoices, payments, events, messages and cursors. All methods may block on the
// database until ctx ends, and may be called concurrently. What a method answers belongs to the
// caller. A reader that starts after a Commit has returned sees all of it. An implementation proves
// itself with the suite in store/storetest; store/kv is one for any transactional database of keys and values.
//
// What is stored comes back as it was: times to the nanosecond and in UTC, from the year 1 to 9999, numbers and
// bodies exactly, texts byte for byte. Texts are valid UTF-8 without NUL; a store may refuse others, with any
// error but the sentinels.
type Store interface {
	Reader
	// Commit stores all of the batch durably, or nothing. When it returns nil the batch survives a
	// crash. It refuses with ErrConflict when a version in the batch is stale or an id, a place
	// or a natural key is taken, and with a DuplicateOrderError when an order id is. A conflict is a ConflictError
	// that names the invoice whose part of the batch is refused; only the version of a Progress is nobody's. When
	// several of them apply to an invoice, its id and version come first, then the order id, then the place.
	// Any other error leaves it open whether the batch was stored: committing the same batch again then
	// answers ErrConflict if it was, since its ids and versions are looked at first.
	Commit(ctx context.Context, b Batch) error
	// ReserveIndexes hands out n consecutive numbers of a wallet, durably and never twice, also
	// across processes, and answers the first of them. The first number of a wallet is 0. With n 0 it answers
	// how many were handed out and changes nothing. The last number is 2^32-2: ErrNoAddress, and nothing changed,
	// when fewer than n are left.
	ReserveIndexes(ctx context.Context, wallet string, n uint32) (first uint32, err error)
	// TakeIndex hands out a number of the wallet again that a [Release] has freed for it, the one that was
	// freed first, durably and to nobody else until it is freed again. ErrNotFound when there is none.
	TakeIndex(ctx context.Context, wallet string) (uint32, error)
}

// Reader is what the core asks of a store. What it returns is a [DamagedError] when a stored invoice cannot
// be read; beside it are the others.
//
// Invoices come with their open payments, which are those that are not Settled, in the order of their natural keys;
// where a method says so, with some of the settled ones among them. What a method costs does not grow with the
// settled payments that it leaves out.
type Reader interface {
	// Invoice answers the invoice with its open payments, or ErrNotFound.
	Invoice(ctx context.Context, id string) (Invoice, error)
	// InvoiceByOrder answers the project's invoice with the order id, or ErrNotFound. An empty order
	// id is never found.
	InvoiceByOrder(ctx context.Context, project, orderID string) (Invoice, error)
	// Invoices answers one page of a listing, and how many there are on all pages.
	Invoices(ctx context.Context, q Query) (Page, error)
	// InvoicesAt answers, with their open payments, the invoices that any of the places belongs to, on whichever
	// network, each once, in no particular order: those that hold one, and of those that have released one
	// the last to do so on each network. The work grows with the number of places asked for, not with the
	// number given to invoices.
	InvoicesAt(ctx context.Context, places []Place) ([]Invoice, error)
	// InvoicesPaidBy answers the invoices that the payments of these keys belong to, each once, in no particular
	// order: with their open payments, and with those of these keys that are settled.
	InvoicesPaidBy(ctx context.Context, keys []chain.Key) ([]Invoice, error)
	// InvoicesPaidIn answers the invoices that the payments of a transaction belong to, withdrawn ones included, each
	// once, in no particular order: with their open payments, and with those of the transaction that are settled.
	// The work grows with the transaction, not with what is stored.
	InvoicesPaidIn(ctx context.Context, network chain.Network, txID string) ([]Invoice, error)
	// HeldSlots answers, in order, up to limit slots of an address that are held on the network, from the
	// first text to the last, both included.
	HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error)
	// PaidInvoices answers, with their open payments, up to limit invoices that have any payment, withdrawn and
	// settled ones included: those with the lowest ids above the given one, in the order of their ids.
	PaidInvoices(ctx context.Context, after string, limit int) ([]Invoice, error)
	// InvoicesAbove answers all invoices with a payment on the network, settled or not, that is not withdrawn and
	// whose Height is above the given one, each once: with their open payments, and with such payments that are
	// settled. With height Unconfirmed-1 these are the invoices with unconfirmed payments.
	InvoicesAbove(ctx context.Context, network chain.Network, height uint64) ([]Invoice, error)
	// Payments returns up to limit payments of an invoice, settled ones included, those with the lowest natural keys
	// (network, txid, index, bytewise) above the given one, in order; the zero key begins. It returns nothing for an
	// unknown invoice. Keys with a text of more than 100 bytes come once each as well, but perhaps in another order.
	Payments(ctx context.Context, invoice string, after chain.Key, limit int) ([]Payment, error)
	// InvoicesWaking answers up to limit invoices of the network, with their open payments, whose Wake
	// has come with the head: Wake.Height is not zero and not above the head's height of its Tag, or
	// Wake.Time is not zero and before the head's time. The network is empty for invoices without
	// a chosen asset.
	InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]Invoice, error)
	// Network answers how far the network was followed; the zero Progress with Version 0 if it
	// never was.
	Network(ctx context.Context, network chain.Network) (Progress, error)
	// Events returns up to limit events of the whole feed after the position, in order. Positions are
	// above 0 and grow, with gaps perhaps; once one was returned, no lower one appears. It refuses with a
	// PositionError when the position is above that of the last event and above what Batch.Skip passed over. Events that
	// cannot be read are named by a DamagedEventsError, beside which are those that can; they do not count towards the
	// limit, so that a page has fewer events only where the feed ends.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
	// InvoiceEvents returns all events of one invoice in order, those that can be read beside a DamagedEventsError.
	InvoiceEvents(ctx context.Context, invoice string) ([]Event, error)
}

// Leaser is the optional power of a [Store] that several processes share: it decides which of them does
// what need not be done twice. Nothing is ever wrong without it, since versions guard every batch; it
// saves the work, and the questions to nodes, of those who would come second. All methods may block
// on the database until ctx ends, and may be called concurrently.
type Leaser interface {
	// Lease gives the duty to the holder for so long from now, by the store's own clock, so that no
	// process's clock matters. The holder of a lease that has not run out renews it and keeps its
	// token; otherwise the token is higher than any before. ErrLeased when another holder has it.
	Lease(ctx context.Context, duty, holder string, ttl time.Duration) (Lease, error)
	// Release ends a lease early. It does nothing when the lease is no longer the newest.
	Release(ctx context.Context, l Lease) error
}

// Tidier is the optional power of a [Store] that puts off some of the work of finding pages of listings. Nothing is
// ever wrong without it: a listing is of what is committed, and takes longer the more was put off.
type Tidier interface {
	// Tidy catches up on what was put off, so that it is of no more than keep changes of invoices. It blocks on the
	// database until it has, or ctx ends; what it has done until then stays. It is idempotent and may be called
	// concurrently, also by several processes, of which only one gets on at a time.
	Tidy(ctx context.Context, keep int) error
}

// Lease is the right to do a duty. The zero value is none.
type Lease struct {
	Duty   string
	Holder string
	Token  int64 // grows with every change of holder
}

// Progress is how far a network was followed.
type Progress struct {
	Network chain.Network
	Cursor  chain.Cursor
	Head    chain.Head
	Version int64
	At      time.Time // when the chain was last seen to be there or beyond it, by the clock of whoever stored it
	Aside   []Aside   // oldest first
}

// Aside is something that a step could not take into account. It is kept with the network's progress, so that it is tried
// again and never forgotten, while the network goes on. Either Unexamined is set, or what a step had for an invoice.
type Aside struct {
	Since time.Time `json:"since"` // when it was set aside, by our clock
	Cause string    `json:"cause"` // why
	// Unexamined is a transaction that the watcher could not examine.
	Unexamined *chain.Unexamined `json:"unexamined,omitempty"`

	// Invoice is whose it is, which contradicts it or cannot be read. It is empty when that is not known.
	Invoice string `json:"invoice,omitempty"`
	Seen    []Seen `json:"seen,omitempty"`
	// Rewound says that the step took back every block above height Fork.
	Rewound bool   `json:"rewound,omitempty"`
	Fork    uint64 `json:"fork,omitempty"`
}

// Seen is a transfer in a block.
type Seen struct {
	Transfer chain.Transfer `json:"transfer"`
	Block    BlockRef       `json:"block"`
	// For is the invoice that it is for, whoever has the place later. It is empty when that is not known.
	For string `json:"for,omitempty"`
}

// Batch is what must happen together. A store applies all of it or nothing.
type Batch struct {
	// Insert are new invoices, with Version 1, else ErrConflict. Their id must be free, as must be
	// (project, order id) if that is not empty. Their Payments are not stored.
	Insert []Invoice
	// Update are invoices as they shall be, with Version one more than the stored one, so at least 2. Their
	// project, order id, creation and Terms.Standing never change, and their Payments are not stored from here.
	Update []Invoice
	// Releases are places that are given up: each is held by its invoice, else ErrConflict.
	Releases []Release
	// Claims are places that invoices get, after the Releases: each (network, place) is held by nobody, else
	// ErrConflict. Their invoice is stored or in the batch; a store need not check that.
	Claims []Claim
	// Payments are inserted, or replace the one with the same natural key if that belongs to the same
	// invoice. A payment of an invoice that is neither stored nor in the batch is ErrConflict: nobody
	// would ever see the money.
	Payments []Payment
	// Events are appended to the feed in this order. (invoice, seq) must be free. They, and messages, are
	// never of an invoice that is neither stored nor in the batch; a store need not check that.
	Events []Event
	// Messages are put into the outbox, in this order. Their id must be free.
	Messages []Message
	// Progress of networks, with Version one more than the stored one (1 for the first).
	Progress []Progress
	// Skip is a position up to which the feed gives none to an event any more: those of this batch, and of all later
	// ones, get higher ones. It is for a feed whose end was lost: a reader that is not beyond it has missed nothing.
	// It may come without events. 0, and what was passed already, skips nothing.
	Skip int64
	// Fence is the lease that the batch was made under. A store that is a [Leaser] refuses the batch with
	// ErrFenced when a higher token of the duty was given away. The zero value is no fence.
	Fence Lease
}

// ProjectStore keeps projects. All methods may block on the database until ctx ends, and may be
// called concurrently. What a method answers belongs to the caller.
type ProjectStore interface {
	// InsertProject stores a new project with Version 1. ErrDuplicateProject when the owner has one
	// of this name, ErrConflict when the id or the key hash is taken, or the version is another. When
	// several apply, the id and version come first, then the name, then the key hash.
	InsertProject(ctx context.Context, p Project) error
	// UpdateProject replaces the project if the stored version is one less, else ErrConflict. Name and
	// key hashes may change, with the uniqueness and the refusals of InsertProject. A former key hash need not be
	// looked at for that.
	UpdateProject(ctx context.Context, p Project) error
	// Project answers the project, or ErrNotFound.
	Project(ctx context.Context, id string) (Project, error)
	// ProjectByKey answers the project that has this as its KeyHash, else the one that has it as its FormerKeyHash,
	// whether that still counts or not, or ErrNotFound. No project has the empty one.
	ProjectByKey(ctx context.Context, keyHash string) (Project, error)
	// Projects answers up to limit projects with ids after the given one, in the order of their bytes.
	Projects(ctx context.Context, after string, limit int) ([]Project, error)
	// ProjectsByOwner answers the ids, in order, of the projects that have the text somewhere in their owner,
	// whatever the case of its ASCII letters. It may read all projects.
	ProjectsByOwner(ctx context.Context, text string) ([]string, error)
}
