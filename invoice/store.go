package invoice

import (
	"context"
	"time"

	"github.com/cointill/cointill/chain"
)

// Store keeps invoices, payments, events, messages and cursors. All methods may block on the database until ctx ends
// and may be called concurrently. The caller owns what a method returns. A reader that starts after a Commit has
// returned sees all of it. The suite in store/storetest tests an implementation; store/kv implements a Store on any
// transactional database of keys and values.
//
// What is stored comes back as it was: times to the nanosecond and in UTC, from the year 1 to 9999, numbers and bodies
// exactly, texts byte for byte. Texts are valid UTF-8 without NUL; a store may refuse others, with any error but the
// sentinels.
type Store interface {
	Reader
	// Commit stores all of the batch durably, or nothing. When it returns nil, the batch survives a crash. It refuses
	// with ErrConflict when a version in the batch is stale or an id, a place or a natural key is taken, and with a
	// DuplicateOrderError when an order id is. A conflict is a ConflictError that identifies the invoice whose part of
	// the batch is refused; only the version of a Progress belongs to no invoice. When several of them apply to an
	// invoice, its id and version come first, then the order id, then the place. A store that bounds a batch refuses with
	// ErrTooLarge what is more than that: a batch with one payment, its events and messages must fit, beside a Progress
	// with a few megabytes of Aside. Any other error but ErrFenced and ErrBusy leaves open whether the batch was stored:
	// committing the same batch again then returns ErrConflict if it was, since its ids and versions are checked first.
	Commit(ctx context.Context, b Batch) error
	// ReserveIndexes hands out n consecutive numbers of a wallet, durably and never twice, also across processes, and
	// returns the first of them. The first number of a wallet is 0. With n 0 it returns how many were handed out and
	// changes nothing. The last number is 2^32-2: when fewer than n are left, it returns ErrNoAddress and changes
	// nothing.
	ReserveIndexes(ctx context.Context, wallet string, n uint32) (first uint32, err error)
	// TakeIndex hands out again a number of the wallet that a [Release] has freed, the one that was freed first,
	// durably and to no other caller until it is freed again. It returns ErrNotFound when there is none.
	TakeIndex(ctx context.Context, wallet string) (uint32, error)
}

// Reader is the part of a [Store] that reads. A method returns a [DamagedError] when a stored invoice cannot be read,
// together with the readable ones.
//
// Invoices come with their open payments, which are those that are not Settled, in the order of their natural keys;
// some methods add some of the settled ones, as documented there. The cost of a method does not grow with the settled
// payments that it leaves out.
type Reader interface {
	// Invoice returns the invoice with its open payments, or ErrNotFound.
	Invoice(ctx context.Context, id string) (Invoice, error)
	// InvoiceByOrder returns the project's invoice with the order id, or ErrNotFound. An empty order id is never found.
	InvoiceByOrder(ctx context.Context, project, orderID string) (Invoice, error)
	// Invoices returns one page of a listing, and the number of invoices on all pages.
	Invoices(ctx context.Context, q Query) (Page, error)
	// InvoicesAt returns, with their open payments, the invoices that any of the places belongs to, on any network,
	// each once, in no particular order: those that hold one, and of those that have released one the last to do so on
	// each network. The cost grows with the number of places requested, not with the number given to invoices.
	InvoicesAt(ctx context.Context, places []Place) ([]Invoice, error)
	// InvoicesPaid returns the invoices that the payments selected by the query belong to, each once, in no particular
	// order: with their open payments, and with the selected ones that are settled. The cost grows with the payments
	// selected, not with those stored. It returns the error of [PaymentQuery.Validate] for an ambiguous query.
	InvoicesPaid(ctx context.Context, q PaymentQuery) ([]Invoice, error)
	// Payments returns up to limit payments of an invoice, settled ones included: those with the lowest natural keys
	// (network, txid, index, bytewise) above the given one, in order; the zero key begins. It returns nothing for an
	// unknown invoice. Keys with a text of more than 100 bytes come once each as well, but perhaps in another order.
	Payments(ctx context.Context, invoice string, after chain.Key, limit int) ([]Payment, error)
	// InvoicesWaking returns up to limit invoices of the network, with their open payments, whose Wake has come with
	// the head: Wake.Height is not zero and not above the head's height of its Tag, or Wake.Time is not zero and before
	// the head's time. The network is empty for invoices without a chosen asset.
	InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]Invoice, error)
	// Network returns how far the network was followed, or the zero Progress with Version 0 if it never was.
	Network(ctx context.Context, network chain.Network) (Progress, error)
	// Events returns up to limit events of the whole feed after the position, in order. Positions are above 0 and grow,
	// perhaps with gaps; once one was returned, no lower one appears. It refuses with a PositionError when the position
	// is above that of the last event and above Batch.Skip. Events that cannot be read are identified by a
	// DamagedEventsError, which comes with the readable ones; damaged events do not count towards the limit, so that a
	// page has fewer events only where the feed ends.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
	// InvoiceEvents returns the events of one invoice whose Seq is above after, in order; 0 or less is all. Damaged ones are
	// identified by a DamagedEventsError, which comes with the readable ones. The cost does not grow with the number of
	// events up to after.
	InvoiceEvents(ctx context.Context, invoice string, after int64) ([]Event, error)
}

// Leaser is an optional interface of a [Store] that several processes share: it decides which of them does work that
// need not be done twice. Correctness never depends on it, since versions guard every batch; it saves the work, and the
// requests to nodes, of the processes that would come second. All methods may block on the database until ctx ends and
// may be called concurrently.
type Leaser interface {
	// Lease gives the duty to the holder for ttl from now, by the store's own clock, so that no process's clock
	// matters. The holder of a lease that has not expired renews it and keeps its token; otherwise the token is higher
	// than any before. It returns ErrLeased when another holder has the lease.
	Lease(ctx context.Context, duty, holder string, ttl time.Duration) (Lease, error)
	// Release ends a lease early. It does nothing when the lease is no longer the newest.
	Release(ctx context.Context, l Lease) error
}

// Tidier is an optional interface of a [Store] that defers some of the work of finding pages of listings. Correctness
// never depends on it: a listing shows what is committed, and takes longer the more was deferred.
type Tidier interface {
	// Tidy catches up on deferred work until it concerns at most keep changes of invoices. It blocks on the database
	// until then, or until ctx ends; what it has done by then stays. It is idempotent and may be called concurrently,
	// also by several processes, of which only one makes progress at a time.
	Tidy(ctx context.Context, keep int) error
}

// Transactor is an optional interface of a [Store] in whose database the host can keep rows of its own: it works within
// the host's transactions, for [Service.CreateTx].
type Transactor interface {
	// WithTx returns the store within a transaction of the host. What is committed to it becomes visible and durable
	// when the host commits the transaction, together with the host's own rows; a refused batch leaves no trace, and the
	// transaction can go on. Like the transaction, the store is for one goroutine. WithTx does not block. It returns an
	// [InvalidError] when tx is not of the type that the implementation documents, and an error that wraps
	// [errors.ErrUnsupported] if it belongs to a wrapper around a store that has none.
	WithTx(tx any) (Store, error)
}

// SlotLister is an optional interface of a [Store] that finds out quickly which amounts of a [Shared] address, and which
// places of a project's share, are taken. Correctness never depends on it, since a batch claims what was found to be
// free. Without it, the service reads the invoices at the places in question with InvoicesAt.
type SlotLister interface {
	// HeldSlots returns, in order, up to limit slots of an address that are held on the network, from the text first to
	// the text last, both included. It may block on the database until ctx ends and may be called concurrently. It
	// returns an error that wraps [errors.ErrUnsupported] if it belongs to a wrapper around a store that has none.
	HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error)
}

// PaidLister is an optional interface of a [Store] that finds the paid invoices among all others, for
// [Service.Recovery]. Without it, the service reads all invoices, in pages of a listing.
type PaidLister interface {
	// PaidInvoices returns, with their open payments, up to limit invoices that have any payment, withdrawn and settled
	// ones included: those with the lowest ids above the given one, in the order of their ids. It may block on the
	// database until ctx ends and may be called concurrently. It returns an error that wraps [errors.ErrUnsupported] if
	// it belongs to a wrapper around a store that has none.
	PaidInvoices(ctx context.Context, after string, limit int) ([]Invoice, error)
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
	At      time.Time // when the chain was last seen there or beyond, by the clock of the process that stored it
	Aside   []Aside   // oldest first
}

// Aside is something that a step could not take into account. It is kept with the network's progress, so that it is
// retried and never forgotten, while the network goes on. Either Unexamined is set, or Portions, or Invoice and Seen
// describe what a step had for an invoice.
type Aside struct {
	Since time.Time `json:"since"` // when it was set aside, by our clock
	Cause string    `json:"cause"` // why
	// Unexamined is a transaction that the watcher could not examine.
	Unexamined *chain.Unexamined `json:"unexamined,omitempty"`

	// Invoice is the id of the invoice, which contradicts the step or cannot be read. It is empty when it is not known.
	Invoice string `json:"invoice,omitempty"`
	Seen    []Seen `json:"seen,omitempty"`
	// Rewound reports that the step took back every block above height Fork.
	Rewound bool   `json:"rewound,omitempty"`
	Fork    uint64 `json:"fork,omitempty"`
	// Earliest is when blocks below First existed at the latest, although their own timestamps are later: so were payments
	// of the invoice that are stored. It is zero if the step proves nothing of them.
	First    uint64    `json:"first,omitempty"`
	Earliest time.Time `json:"earliest,omitzero"`

	// Portions reports that blocks above Fork, which is the height of the progress, are being stored in portions, since
	// they are more than the store takes at once: payments of them may be stored already. Nothing else is set then but
	// Since and Cause.
	Portions bool `json:"portions,omitempty"`
}

// Seen is a transfer in a block.
type Seen struct {
	Transfer chain.Transfer `json:"transfer"`
	Block    BlockRef       `json:"block"`
	// For is the id of the invoice that the transfer belongs to, even if another one has the place later. It is empty
	// when it is not known.
	For string `json:"for,omitempty"`
}

// Batch is a set of changes that belong together. A store applies all of it or nothing.
type Batch struct {
	// Insert holds new invoices, with Version 1, else ErrConflict. Their id must be free, as must be (project, order
	// id) if that is not empty. Their Payments are not stored.
	Insert []Invoice
	// Update holds invoices in their new state, with Version one more than the stored one, so at least 2. Their
	// project, order id, creation and Terms.Standing never change, and their Payments are not stored from here.
	Update []Invoice
	// Releases holds places that are given up: each is held by its invoice, else ErrConflict.
	Releases []Release
	// Claims holds places that invoices get, after the Releases: each (network, place) must be free, else ErrConflict.
	// Their invoice is stored or in the batch; a store need not check that.
	Claims []Claim
	// Payments are inserted, or replace the one with the same natural key if that belongs to the same invoice. A
	// payment of an invoice that is neither stored nor in the batch is ErrConflict: nobody would ever see the money.
	Payments []Payment
	// Events are appended to the feed in this order. (invoice, seq) must be free. Events and messages always belong to
	// an invoice that is stored or in the batch; a store need not check that.
	Events []Event
	// Messages are put into the outbox, in this order. Their id must be free.
	Messages []Message
	// Progress holds the progress of networks, with Version one more than the stored one (1 for the first).
	Progress []Progress
	// Skip is a position up to which the feed gives no more positions: the events of this batch, and all later ones,
	// get higher ones. It is for a feed whose end was lost: a reader that is not beyond it has missed nothing. It may
	// come without events. 0, and a position already passed, skip nothing.
	Skip int64
	// Fence is the lease under which the batch was made. A store that is a [Leaser] refuses the batch with ErrFenced
	// when a higher token of the duty was given out. The zero value means no fence.
	Fence Lease
}

// ProjectStore keeps projects. All methods may block on the database until ctx ends and may be called concurrently. The
// caller owns what a method returns.
type ProjectStore interface {
	// InsertProject stores a new project with Version 1. It returns ErrDuplicateProject when the owner has one of this
	// name, and ErrConflict when the id or the key hash is taken, or the version is another. When several apply, the id
	// and version come first, then the name, then the key hash.
	InsertProject(ctx context.Context, p Project) error
	// UpdateProject replaces the project if the stored version is one less, else it returns ErrConflict. Name and key
	// hashes may change, with the uniqueness and the refusals of InsertProject. A former key hash need not be checked
	// for that.
	UpdateProject(ctx context.Context, p Project) error
	// Project returns the project, or ErrNotFound.
	Project(ctx context.Context, id string) (Project, error)
	// ProjectByKey returns the project that has this as its KeyHash, else the one that has it as its FormerKeyHash,
	// whether or not that is still valid, or ErrNotFound. No project has the empty hash.
	ProjectByKey(ctx context.Context, keyHash string) (Project, error)
	// Projects returns up to limit projects with ids after the given one, in the order of their bytes.
	Projects(ctx context.Context, after string, limit int) ([]Project, error)
	// ProjectsByOwner returns the ids, in order, of the projects whose owner contains the text, ignoring the case of
	// ASCII letters. It may read all projects.
	ProjectsByOwner(ctx context.Context, text string) ([]string, error)
}
