package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/internal/books"
)

var _ payout.Store = (*hosted)(nil)

// payouts implements the methods of [payout.Store] that read.
type payouts = books.Reads

// CommitPayouts implements [payout.Store].
func (s *Store) CommitPayouts(ctx context.Context, b payout.Batch) error {
	rows := tell(b.Events, b.Messages)
	prepared, err := books.Prepare(b)
	if err == nil {
		err = s.writer.do(ctx, func(t *txn) error { return t.commitPayouts(prepared, rows) })
	}
	if err != nil {
		return fmt.Errorf("sqlite: commit payouts: %w", err)
	}
	return nil
}

// CommitPayouts implements [payout.Store], except that nothing is durable before the caller commits. A refused batch
// leaves no trace in the transaction, which stays usable.
func (t *hosted) CommitPayouts(ctx context.Context, b payout.Batch) error {
	rows := tell(b.Events, b.Messages)
	prepared, err := books.Prepare(b)
	if err == nil {
		err = t.within(ctx, func(txn *txn) error {
			defer txn.books.forget()
			err := txn.commitPayouts(prepared, rows)
			if err == nil {
				err = txn.saveBooks()
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("sqlite: commit payouts within a transaction: %w", err)
	}
	return nil
}

// ledger is what the jobs of a transaction have read of the books and changed in them. It is written once, at the end:
// what all of them change, such as a balance, is read and written once for all of them.
type ledger struct {
	values map[string][]byte // nil for a key that does not exist
	writes map[string][]byte // nil for a key to be deleted
}

func (l *ledger) forget() { *l = ledger{} }

func (t *txn) commitPayouts(b books.Batch, told rows) error {
	if err := t.readBooks(b.Keys); err != nil {
		return err
	}
	writes, err := b.Apply(func(k string) []byte { return t.books.values[k] })
	if err != nil {
		return err
	}
	if err := told.tell(t); err != nil {
		return err
	}
	maps.Copy(t.books.values, writes)
	maps.Copy(t.books.writes, writes)
	return nil
}

// readBooks reads the values of keys that are not known yet.
func (t *txn) readBooks(keys []string) error {
	if t.books.values == nil {
		t.books = ledger{map[string][]byte{}, map[string][]byte{}}
	}
	unknown := make([]string, 0, len(keys))
	for _, k := range keys {
		if _, known := t.books.values[k]; !known {
			unknown = append(unknown, k)
			t.books.values[k] = nil
		}
	}
	return getBooks(t.ctx, t.stmt(qGetBooks), unknown, t.books.values)
}

// booksAtOnce is how many keys a statement reads.
const booksAtOnce = 16

var qGetBooks = `SELECT key, value FROM cointill_books WHERE key IN (?` + strings.Repeat(", ?", booksAtOnce-1) + `)`

// getBooks adds the values of the keys that exist.
func getBooks(ctx context.Context, stmt *sql.Stmt, keys []string, into map[string][]byte) error {
	args := make([]any, booksAtOnce)
	for part := range slices.Chunk(keys, booksAtOnce) {
		for i := range args {
			args[i] = []byte(part[min(i, len(part)-1)])
		}
		found, err := stmt.QueryContext(ctx, args...)
		if err != nil {
			return fmt.Errorf("read books: %w", err)
		}
		items, err := scanBooks(found, booksAtOnce)
		if err != nil {
			return err
		}
		for _, item := range items {
			into[item.Key] = item.Value
		}
	}
	return nil
}

func scanBooks(found *sql.Rows, most int) ([]books.Item, error) {
	defer found.Close()
	out := make([]books.Item, 0, most)
	for found.Next() {
		var k sql.RawBytes // copied once
		var v []byte
		if err := found.Scan(&k, &v); err != nil {
			return nil, fmt.Errorf("read books: %w", err)
		}
		out = append(out, books.Item{Key: string(k), Value: v})
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	return out, nil
}

// saveBooks writes what the jobs have changed, in the order of the keys: neighbours are on the same page. A statement
// writes one row: SQLite copies every page that a statement of several rows changes, to undo its half.
func (t *txn) saveBooks() error {
	for _, k := range slices.Sorted(maps.Keys(t.books.writes)) {
		query, args := qPutBook, []any{[]byte(k), t.books.writes[k]}
		if t.books.writes[k] == nil {
			query, args = qDeleteBook, args[:1]
		}
		if _, err := t.exec(query, args...); err != nil {
			return fmt.Errorf("write books: %w", err)
		}
	}
	return nil
}

// readerOfBooks implements [books.Reader].
type readerOfBooks struct {
	ctx context.Context
	*reader
}

// openBooks makes the methods that read the books read where the reader does.
func (r *reader) openBooks() { r.payouts = books.NewReads(r.viewBooks, r.viewStill) }

// viewBooks implements [books.View].
func (r *reader) viewBooks(ctx context.Context, what string, f func(books.Reader) error) error {
	if err := f(readerOfBooks{ctx, r}); err != nil {
		return fmt.Errorf("sqlite: read %s: %w", what, err)
	}
	return nil
}

// viewStill implements [books.View] in a transaction, which sees one state.
func (r *reader) viewStill(ctx context.Context, what string, f func(books.Reader) error) error {
	if r.tx != nil {
		return r.viewBooks(ctx, what, f)
	}
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("sqlite: read %s: %w", what, err)
	}
	defer tx.Rollback() // nothing was written
	return r.within(tx).viewBooks(ctx, what, f)
}

// Get implements [books.Reader].
func (r readerOfBooks) Get(keys []string) (map[string][]byte, error) {
	out := make(map[string][]byte, len(keys))
	return out, getBooks(r.ctx, r.stmt(r.ctx, qGetBooks), keys, out)
}

// Scan implements [books.Reader].
func (r readerOfBooks) Scan(from, to string, limit int, reverse bool) ([]books.Item, error) {
	query := qScanBooks
	if reverse {
		query = qScanBooksBack
	}
	found, err := r.stmt(r.ctx, query).QueryContext(r.ctx, []byte(from), []byte(to), limit)
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	return scanBooks(found, min(limit, 500))
}
