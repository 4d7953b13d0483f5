package postgres

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/jackc/pgx/v5"
)

// Tx is the store seen from a transaction of the caller's: it implements [invoice.Store], so that an
// invoice and the caller's own rows exist together or not at all. It is used by one goroutine, like the
// transaction.
type Tx struct {
	reader
	store *Store
	tx    pgx.Tx
}

// WithTx returns the store as it is in the transaction, for [invoice.Service.WithStore]. Committing and
// rolling back stays the caller's. When the transaction is committed, [invoice.Service.Committed] lets messages be told
// at once that would wait for the dispatcher's next poll otherwise.
//
// Do it last: a batch with events locks the feed, so that the commits of all processes wait until the
// transaction ends, and rows that are locked after the feed can lead to a deadlock, which PostgreSQL ends
// at the cost of one of the transactions.
func (s *Store) WithTx(tx pgx.Tx) *Tx { return &Tx{s.within(tx), s, tx} }

// Commit writes the batch into the transaction, all of it or nothing; a refusal leaves the transaction
// as it was. It is durable when the caller has committed. What PostgreSQL does not serialise, a deadlock
// among it, is for the caller to do again from the beginning of the transaction.
func (t *Tx) Commit(ctx context.Context, b invoice.Batch) error {
	rows, err := encode(b)
	if err == nil {
		err = t.commit(ctx, &job{rows: rows})
	}
	if err != nil {
		return fmt.Errorf("postgres: commit in transaction: %w", err)
	}
	return nil
}

func (t *Tx) commit(ctx context.Context, j *job) error {
	savepoint, err := t.tx.Begin(ctx)
	if err != nil {
		return err
	}
	s := newScript([]*job{j})
	s.queue()
	if err := savepoint.SendBatch(ctx, &s.batch).Close(); err != nil {
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
func (t *Tx) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return takeIndex(ctx, t.tx, wallet)
}

// ReserveIndexes implements [invoice.Store] outside of the transaction, because a number must never be
// handed out again. It needs a second connection of the pool.
func (t *Tx) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return t.store.ReserveIndexes(ctx, wallet, n)
}
