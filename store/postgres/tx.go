package postgres

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/jackc/pgx/v5"
)

// hosted is the store within a transaction of the caller.
type hosted struct {
	reader
	store *Store
	tx    pgx.Tx
}

// WithTx implements [invoice.Transactor]. tx is a pgx.Tx on the same database.
//
// Use the store last in the transaction: a batch with events locks the feed, so that the commits of all processes wait
// until the transaction ends, and locking other rows after the feed can lead to a deadlock, for which PostgreSQL ends
// one of the transactions.
func (s *Store) WithTx(tx any) (invoice.Store, error) {
	of, is := tx.(pgx.Tx)
	if !is {
		return nil, &invoice.InvalidError{Field: "tx", Value: fmt.Sprintf("%T", tx), Reason: "must be a pgx.Tx"}
	}
	return &hosted{s.within(of), s, of}, nil
}

// Commit writes the batch into the transaction, as a whole or not at all. A refusal leaves the transaction as it was.
// The batch is durable after the caller has committed. If PostgreSQL cannot serialize the transaction, or ends it as a
// deadlock, the caller must repeat it from the beginning.
func (t *hosted) Commit(ctx context.Context, b invoice.Batch) error {
	rows, err := encode(b)
	if err == nil {
		err = t.commit(ctx, &job{rows: rows}, (*script).queue)
	}
	if err != nil {
		return fmt.Errorf("postgres: commit in transaction: %w", err)
	}
	return nil
}

func (t *hosted) commit(ctx context.Context, j *job, queue func(*script)) error {
	savepoint, err := t.tx.Begin(ctx)
	if err != nil {
		return err
	}
	s := newScript([]*job{j})
	queue(s)
	err = savepoint.SendBatch(ctx, &s.batch).Close()
	if err == nil && s.proceed() {
		err = savepoint.SendBatch(ctx, &s.batch).Close()
	}
	if err = cmp.Or(err, s.declined[j]); err != nil {
		rollback(ctx, savepoint)
		return err
	}
	if r, refused := s.refused[j]; refused {
		err := r.explain(ctx, savepoint)
		rollback(ctx, savepoint)
		return err
	}
	return savepoint.Commit(ctx)
}

// TakeIndex implements [invoice.Store]. A transaction that is rolled back has taken no number.
func (t *hosted) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return takeIndex(ctx, t.tx, wallet)
}

// ReserveIndexes implements [invoice.Store] outside of the transaction, because a number must never be handed out
// again. It needs a second connection of the pool.
func (t *hosted) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return t.store.ReserveIndexes(ctx, wallet, n)
}
