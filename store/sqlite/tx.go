package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
)

var _ invoice.Transactor = (*Store)(nil)

// hosted is the store within a transaction of the caller.
type hosted struct {
	reader
	txn *txn
}

// WithTx implements [invoice.Transactor]. tx is an *sql.Tx on the same database. The transaction
// should be begun on a database from [Open], which takes the write lock at once. All other writes wait until it ends,
// so the transaction must not wait for another write: a call to the [Store] itself, or to a service on it, while the
// transaction is open waits for the whole busy_timeout, and then fails with [ErrLocked].
func (s *Store) WithTx(tx any) (invoice.Store, error) {
	of, is := tx.(*sql.Tx)
	if !is || of == nil {
		return nil, &invoice.InvalidError{Field: "tx", Value: fmt.Sprintf("%T", tx), Reason: "must be an open *sql.Tx"}
	}
	return &hosted{
		reader: *s.within(of),
		txn:    &txn{tx: of, writer: &s.writer, open: map[string]*sql.Stmt{}},
	}, nil
}

// Commit implements [invoice.Store], except that nothing is durable before the caller commits. A refused batch leaves
// no trace in the transaction, which stays usable.
func (t *hosted) Commit(ctx context.Context, b invoice.Batch) error {
	rows, err := encode(b)
	if err == nil {
		err = t.within(ctx, rows.apply)
	}
	if err != nil {
		return fmt.Errorf("sqlite: commit within a transaction: %w", err)
	}
	return nil
}

// ReserveIndexes implements [invoice.Store]. If the caller rolls back, the numbers are free again: nothing that was
// made with them can have been shown.
func (t *hosted) ReserveIndexes(ctx context.Context, wallet string, n uint32) (first uint32, err error) {
	if n == 0 {
		return t.reserved(ctx, wallet)
	}
	err = t.within(ctx, func(txn *txn) (err error) {
		first, err = txn.reserve(wallet, n)
		return err
	})
	return first, err
}

// TakeIndex implements [invoice.Store]. If the caller rolls back, the number is free again.
func (t *hosted) TakeIndex(ctx context.Context, wallet string) (index uint32, err error) {
	err = t.within(ctx, func(txn *txn) (err error) {
		index, err = txn.take(wallet)
		return err
	})
	return index, err
}

// within applies a function as a whole or not at all, and leaves the transaction usable in either case.
func (t *hosted) within(ctx context.Context, apply func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// A change must not stay half done because ctx has ended.
	t.txn.ctx = context.WithoutCancel(ctx)
	if _, err := t.tx.ExecContext(t.txn.ctx, "SAVEPOINT cointill"); err != nil {
		return err
	}
	err := locked(apply(t.txn))
	if err != nil {
		if _, undo := t.tx.ExecContext(t.txn.ctx, "ROLLBACK TO cointill"); undo != nil {
			return errors.Join(err, undo)
		}
	}
	if _, release := t.tx.ExecContext(t.txn.ctx, "RELEASE cointill"); release != nil {
		return errors.Join(err, release)
	}
	return err
}
