package kv

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/store"
)

var _ store.Backend = (*Store)(nil)

// DB is a database of keys and values. Both methods may block until ctx ends, and are called
// concurrently; a process that shares the database with others is no different from one more goroutine.
//
// A method that cannot finish the transaction because another one was in its way, and would succeed
// when it begins again, does so by itself: it may run f any number of times. Only the last run counts.
type DB interface {
	// View runs f on one state of the database, which does not change meanwhile and has everything of
	// each Update that returned nil before View was called. It answers the error of f.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f and stores all that it wrote, at once and durably: when Update returns nil, it
	// survives a crash. The result of all updates is as if they had run one after the other; what f
	// reads must not be changed by another update before this one is stored. Snapshots alone are not
	// enough: if two updates that read the same key may both be stored, the order of an invoice is
	// taken twice. When f answers an error nothing is stored, and Update answers that error, wrapped
	// or not. Any other error leaves it open whether the writes were stored.
	Update(ctx context.Context, f func(Tx) error) error
}

// Tx is a transaction. It sees its own writes. It is used by one goroutine, and not after the function
// that it was given to has returned. After one of its methods has failed it is not called any more, and the function
// returns that error: a database that ends a transaction by itself, as some do at a deadlock, is asked for nothing
// outside of it.
//
// Keys are any bytes, at least one and at most 500, and are in the order of bytes.Compare. Values are any
// bytes, at least one; an invoice with a long history of messages may have a few hundred kilobytes. What
// the database is given is not changed afterwards, so that it may keep it; what it answers is valid until the next call,
// and is not changed by the caller.
type Tx interface {
	// Get answers the value of the key, nil if there is none.
	Get(key []byte) ([]byte, error)
	// Put stores the value under the key, in place of one that is there. It is not called in a View.
	Put(key, value []byte) error
	// Delete removes the key. A key that is not there is no error. It is not called in a View.
	Delete(key []byte) error
	// Scan calls visit with each key from the one named first up to before the other, which is greater, in
	// order, until visit answers false. Key and value are valid during the call only. No method of the transaction
	// is called by visit.
	Scan(from, to []byte, visit func(key, value []byte) (more bool)) error
}

// Store keeps everything in a [DB]. Its methods may be called concurrently.
type Store struct{ db DB }

// New makes a store on the database. It has nothing to close: the database is the caller's.
func New(db DB) *Store { return &Store{db} }

// view answers what f finds in one state of the database.
func view[T any](ctx context.Context, s *Store, what string, f func(*txn) T) (T, error) {
	return run(ctx, s.db.View, what, f)
}

// update does what f does, or nothing, and answers what f has answered.
func update[T any](ctx context.Context, s *Store, what string, f func(*txn) T) (T, error) {
	return run(ctx, s.db.Update, what, f)
}

// change is an update that answers nothing.
func (s *Store) change(ctx context.Context, what string, f func(*txn)) error {
	_, err := update(ctx, s, what, func(t *txn) struct{} { f(t); return struct{}{} })
	return err
}

// run returns what the last run of f has returned; beside an error that is worth something only if it is an
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
