package kv

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/books"
)

var (
	_ store.Backend      = (*Store)(nil)
	_ invoice.SlotLister = (*Store)(nil)
	_ invoice.PaidLister = (*Store)(nil)
)

// DB is a database of keys and values. Both methods may block until ctx ends, and are called concurrently; another process
// that shares the database is no different from one more goroutine.
//
// If a transaction cannot finish because of a concurrent one, and would succeed when it is tried again, the method tries
// again by itself: it may run f any number of times. Only the last run counts.
type DB interface {
	// View runs f on one state of the database. The state does not change meanwhile, and includes every Update that
	// returned nil before View was called. View returns the error of f.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f and stores everything that it wrote, atomically and durably: after Update has returned nil, the
	// writes survive a crash. Updates are serializable: the result is as if they had run one after the other, and no
	// other update changes what f has read before this one is stored. Snapshot isolation is not enough: if two updates
	// that read the same key could both be stored, an order id could be used twice. If f returns an error, nothing is
	// stored and Update returns that error, wrapped or not. A database that bounds an update stores nothing of a larger one
	// and returns an error that wraps [invoice.ErrTooLarge]. After any other error the writes may be stored or not.
	Update(ctx context.Context, f func(Tx) error) error
}

// Tx is a transaction. It sees its own writes. It is used by one goroutine, and not after the function that received it
// has returned. After one of its methods has failed, no method is called any more, and the function returns that error. So
// a database that ends a transaction by itself, as some do at a deadlock, gets no call outside of it.
//
// A key is 1 to 500 bytes of any value; keys are in the order of bytes.Compare. A value is at least one byte; that of an
// invoice with a long history may have a few hundred kilobytes. The caller does not change slices after it has
// passed them, so that the database may keep them. The slices that the database returns are valid until the next call, and
// the caller does not change them.
type Tx interface {
	// Get returns the value of the key, or nil if there is none.
	Get(key []byte) ([]byte, error)
	// Put sets the value of the key. It is not called in a View.
	Put(key, value []byte) error
	// Delete removes the key. It returns no error if the key does not exist. It is not called in a View.
	Delete(key []byte) error
	// Scan calls visit with each key from the first one up to but not including the second, which is greater, in order,
	// until visit returns false. Key and value are valid only during the call. Visit calls no method of the transaction.
	Scan(from, to []byte, visit func(key, value []byte) (more bool)) error
}

// Ahead is implemented by a [Tx] that can read many ranges at once for less than one after the other, as a database beyond a network
// can. It is optional.
type Ahead interface {
	// Ahead says which ranges are about to be scanned, each as its from and its to. Scan finds the same with and without it.
	Ahead(ranges [][2][]byte) error
}

// Store keeps everything in a [DB]. Its methods may be called concurrently.
type Store struct {
	db DB
	payouts
}

// New returns a store on the database. The caller closes the database; the store needs no closing.
func New(db DB) *Store {
	s := &Store{db: db}
	s.payouts = books.NewReads(s.viewBooks, s.viewBooks)
	return s
}

// view returns what f finds in one state of the database.
func view[T any](ctx context.Context, s *Store, what string, f func(*txn) T) (T, error) {
	return run(ctx, s.db.View, what, f)
}

// update applies f as a whole or not at all, and returns the result of f.
func update[T any](ctx context.Context, s *Store, what string, f func(*txn) T) (T, error) {
	return run(ctx, s.db.Update, what, f)
}

// change is an update without a result.
func (s *Store) change(ctx context.Context, what string, f func(*txn)) error {
	_, err := update(ctx, s, what, func(t *txn) struct{} { f(t); return struct{}{} })
	return err
}

// run returns the result of the last run of f. With an error, the result is valid only if the error is an
// [invoice.DamagedError] or an [invoice.DamagedEventsError].
func run[T any](ctx context.Context, transact func(context.Context, func(Tx) error) error, what string, f func(*txn) T) (T, error) {
	var out T
	err := transact(ctx, func(tx Tx) error {
		t := &txn{tx: tx, err: ctx.Err()}
		if t.err == nil {
			out = f(t)
			t.save()
		}
		return t.err
	})
	if err != nil {
		return out, fmt.Errorf("kv: %s: %w", what, err)
	}
	return out, nil
}
