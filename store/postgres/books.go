package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/internal/books"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var _ payout.Store = (*hosted)(nil)

// payouts implements the methods of [payout.Store] that read.
type payouts = books.Reads

// CommitPayouts implements [payout.Store]. Batches of several callers may share a transaction, but none is refused
// because of another. If ctx ends before the transaction does, the batch may be stored or not.
func (s *Store) CommitPayouts(ctx context.Context, b payout.Batch) error {
	j, err := bookJob(b)
	if err == nil {
		err = s.books.do(ctx, j)
	}
	if err != nil {
		return fmt.Errorf("postgres: commit payouts: %w", err)
	}
	return nil
}

// CommitPayouts writes the batch into the transaction, as a whole or not at all. A refusal leaves the transaction as it
// was. The batch is durable after the caller has committed; the payouts of all processes wait until then.
func (t *hosted) CommitPayouts(ctx context.Context, b payout.Batch) error {
	j, err := bookJob(b)
	if err == nil {
		err = t.commit(ctx, j, (*script).queueBooks)
	}
	if err != nil {
		return fmt.Errorf("postgres: commit payouts in transaction: %w", err)
	}
	return nil
}

// bookJob returns the job of a batch of payouts.
func bookJob(b payout.Batch) (*job, error) {
	prepared, err := books.Prepare(b)
	return &job{rows: tell(b.Events, b.Messages, b.Fence), payouts: prepared}, err
}

// queueBooks asks for everything that the rules of the jobs need, under the lock of the books. What they change is written
// then, once for all jobs.
func (s *script) queueBooks() {
	s.fences()
	var keys [][]byte
	known := map[string]bool{}
	for _, j := range s.jobs {
		for _, k := range j.payouts.Keys {
			if !known[k] {
				known[k] = true
				keys = append(keys, []byte(k))
			}
		}
	}
	values := make(map[string][]byte, len(keys))
	s.batch.Queue(qLockBooks)
	s.batch.Queue(qGetBooks, keys).Query(func(found pgx.Rows) error {
		items, err := scanBooks(found)
		for _, item := range items {
			values[item.Key] = item.Value
		}
		return err
	})
	s.then = func() { s.applyBooks(values) }
}

// applyBooks applies the batches one after the other, and queues what they change. A batch that the rules refuse is
// declined: the others go on without it.
func (s *script) applyBooks(values map[string][]byte) {
	writes := map[string][]byte{}
	var applied []*job
	for _, j := range s.jobs {
		changed, err := j.payouts.Apply(func(k string) []byte { return values[k] })
		if err != nil {
			s.declined[j] = err
			continue
		}
		maps.Copy(values, changed)
		maps.Copy(writes, changed)
		applied = append(applied, j)
	}
	var dropped, keys, put [][]byte
	for _, k := range slices.Sorted(maps.Keys(writes)) {
		if v := writes[k]; v == nil {
			dropped = append(dropped, []byte(k))
		} else {
			keys, put = append(keys, []byte(k)), append(put, v)
		}
	}
	if len(dropped) > 0 {
		s.batch.Queue(qDropBooks, dropped)
	}
	if len(keys) > 0 {
		s.batch.Queue(qPutBooks, keys, put)
	}
	messages := rowsOf(applied, func(r rows) []row { return r.messages })
	s.lockInvoices(messages)
	s.put(qPutMessages, "message", invoice.ErrConflict, markFirst(messages))
	s.put(qAppendEvents, "event", invoice.ErrConflict, rowsOf(applied, func(r rows) []row { return r.events }))
}

func scanBooks(found pgx.Rows) ([]books.Item, error) {
	var out []books.Item
	var k, v []byte
	_, err := pgx.ForEachRow(found, []any{&k, &v}, func() error {
		out = append(out, books.Item{Key: string(k), Value: slices.Clone(v)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	return out, nil
}

// readerOfBooks implements [books.Reader].
type readerOfBooks struct {
	ctx context.Context
	q   querier
}

// booksIn returns the methods that read the books on a pool or in a transaction. A transaction of the caller's may see
// several states.
func booksIn(q querier) payouts {
	read := func(ctx context.Context, q querier, what string, f func(books.Reader) error) error {
		if err := f(readerOfBooks{ctx, q}); err != nil {
			return fmt.Errorf("postgres: read %s: %w", what, err)
		}
		return nil
	}
	in := func(ctx context.Context, what string, f func(books.Reader) error) error { return read(ctx, q, what, f) }
	pool, is := q.(*pgxpool.Pool)
	if !is {
		return books.NewReads(in, nil)
	}
	repeated := func(ctx context.Context, what string, f func(books.Reader) error) error {
		return again(ctx, func() error { return in(ctx, what, f) })
	}
	return books.NewReads(repeated, func(ctx context.Context, what string, f func(books.Reader) error) error {
		return again(ctx, func() error {
			tx, err := pool.BeginTx(ctx, snapshot)
			if err != nil {
				return fmt.Errorf("postgres: read %s: %w", what, err)
			}
			defer rollback(ctx, tx) // nothing was written
			return read(ctx, tx, what, f)
		})
	})
}

// Get implements [books.Reader].
func (r readerOfBooks) Get(keys []string) (map[string][]byte, error) {
	asked := make([][]byte, len(keys))
	for i, k := range keys {
		asked[i] = []byte(k)
	}
	items, err := r.read(qGetBooks, asked)
	out := make(map[string][]byte, len(items))
	for _, item := range items {
		out[item.Key] = item.Value
	}
	return out, err
}

// Scan implements [books.Reader].
func (r readerOfBooks) Scan(from, to string, limit int, reverse bool) ([]books.Item, error) {
	query := qScanBooks
	if reverse {
		query = qScanBooksBack
	}
	return r.read(query, []byte(from), []byte(to), int64(limit))
}

func (r readerOfBooks) read(query string, args ...any) ([]books.Item, error) {
	found, err := r.q.Query(r.ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	return scanBooks(found)
}
