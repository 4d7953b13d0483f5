package postgres

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/jackc/pgx/v5"
)

// Tx is the store within a transaction of the caller. It implements [invoice.Store] and [payout.Store], so that an
// invoice or a payout and the caller's own rows exist together or not at all. Like the transaction, it must be used by one goroutine only.
type Tx struct {
	reader
	store *Store
	tx    pgx.Tx
}

// WithTx returns the store within the transaction, for [invoice.Service.WithStore]. The caller commits and rolls back.
// After the transaction was committed, call [invoice.Service.Committed], so that its messages are sent at once and not
// after the next poll of the dispatcher.
//
// Use the store last in the transaction: a batch with events locks the feed, so that the commits of all processes wait
// until the transaction ends, and locking other rows after the feed can lead to a deadlock, for which PostgreSQL ends
// one of the transactions.
func (s *Store) WithTx(tx pgx.Tx) *Tx { return &Tx{s.within(tx), s, tx} }

// Commit writes the batch into the transaction, as a whole or not at all. A refusal leaves the transaction as it was.
// The batch is durable after the caller has committed. If PostgreSQL cannot serialize the transaction, or ends it as a
// deadlock, the caller must repeat it from the beginning.
func (t *Tx) Commit(ctx context.Context, b invoice.Batch) error {
	rows, err := encode(b)
	if err == nil {
		err = t.commit(ctx, &job{rows: rows}, (*script).queue)
	}
	if err != nil {
		return fmt.Errorf("postgres: commit in transaction: %w", err)
	}
	return nil
}

func (t *Tx) commit(ctx context.Context, j *job, queue func(*script)) error {
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
func (t *Tx) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return takeIndex(ctx, t.tx, wallet)
}

// ReserveIndexes implements [invoice.Store] outside of the transaction, because a number must never be handed out
// again. It needs a second connection of the pool.
func (t *Tx) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return t.store.ReserveIndexes(ctx, wallet, n)
}
