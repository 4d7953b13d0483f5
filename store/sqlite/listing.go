package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/record"
)

var _ invoice.Tidier = (*Store)(nil)

// Invoices implements [invoice.Reader].
func (r *reader) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	page, err := r.list(ctx, q)
	if err != nil {
		return page, fmt.Errorf("sqlite: list invoices: %w", err)
	}
	return page, nil
}

// list reads a page from one state of the database.
func (r *reader) list(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	at := r
	if r.tx == nil {
		tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return invoice.Page{}, err
		}
		defer tx.Rollback() // it only reads
		at = r.within(tx)
	}
	if listing.Walks(q) {
		return at.walk(ctx, q)
	}
	found, err := listing.Find(ctx, &shelf{reader: at, open: map[string]*sql.Stmt{}}, r.listings, q)
	if err != nil {
		return invoice.Page{}, err
	}
	page := invoice.Page{Total: found.Total}
	if len(found.IDs) == 0 {
		return page, nil
	}
	ids, err := json.Marshal(found.IDs)
	if err != nil {
		return invoice.Page{}, err
	}
	page.Invoices, err = at.many(ctx, qInvoices, string(ids))
	listing.Arrange(page.Invoices, found.IDs)
	return page, err
}

// walk reads the invoices of a project along their index.
func (r *reader) walk(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	query, args := walkQuery(q)
	found, err := r.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return invoice.Page{}, err
	}
	var page invoice.Page
	defer found.Close()
	page.Invoices, err = record.ScanInvoices[sql.RawBytes](found)
	return page, cmp.Or(err, found.Err())
}

func walkQuery(q invoice.Query) (query string, args []any) {
	direction, beyond := " DESC", "<"
	if q.Ascending {
		direction, beyond = " ASC", ">"
	}
	where, args := " WHERE project = ? AND standing = ?", []any{q.Project, q.Standing}
	if !q.CreatedAfter.IsZero() {
		where, args = where+" AND created >= ?", append(args, listing.Nanos(q.CreatedAfter))
	}
	if !q.CreatedBefore.IsZero() {
		where, args = where+" AND created <= ?", append(args, listing.Nanos(q.CreatedBefore))
	}
	if q.After != "" {
		where += " AND (created, id) " + beyond + " ((SELECT created FROM cointill_invoices WHERE id = ?), ?)"
		args = append(args, q.After, q.After)
	}
	return withPayments + " WHERE i.n IN (SELECT n FROM cointill_invoices" + where +
			" ORDER BY created" + direction + ", id" + direction + " LIMIT ?) ORDER BY i.created" + direction + ", i.id" + direction,
		append(args, max(q.Limit, 0))
}

// shelf implements [listing.Source] within the reader's transaction.
type shelf struct {
	*reader
	open map[string]*sql.Stmt // on the transaction
}

func (s *shelf) query(ctx context.Context, query string, args []any, see func(*sql.Rows) error) error {
	stmt := s.open[query]
	if stmt == nil {
		stmt = s.stmt(ctx, query)
		s.open[query] = stmt
	}
	found, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := see(found); err != nil {
			return err
		}
	}
	return found.Err()
}

// Changed implements [listing.Source].
func (s *shelf) Changed(ctx context.Context, see func(n int64, row []byte) error) error {
	return s.numbered(ctx, qChanged, nil, see)
}

// Segments implements [listing.Source].
func (s *shelf) Segments(ctx context.Context, see func(listing.Segment) error) error {
	return s.query(ctx, qSegments, nil, func(found *sql.Rows) error {
		var segment listing.Segment
		if err := found.Scan(&segment.Number, &segment.Parts, &segment.Texts); err != nil {
			return err
		}
		return see(segment)
	})
}

// Parts implements [listing.Source].
func (s *shelf) Parts(ctx context.Context, of []listing.Writing, names [][]byte, see listing.See) error {
	pairs := make([][2]int64, len(of))
	for i, w := range of {
		pairs[i] = [2]int64{w.Segment, w.Number}
	}
	list, err := json.Marshal(pairs)
	if err != nil {
		return err
	}
	args := make([]any, listing.MostParts, listing.MostParts+1)
	for i, name := range names {
		args[i] = name
	}
	var segment int64
	var name, data sql.RawBytes
	return s.query(ctx, qParts, append(args, string(list)), func(found *sql.Rows) error {
		if err := found.Scan(&segment, &name, &data); err != nil {
			return err
		}
		return see(name, segment, data)
	})
}

func (s *shelf) numbered(ctx context.Context, query string, args []any, see func(n int64, data []byte) error) error {
	var n int64
	var data sql.RawBytes
	return s.query(ctx, query, args, func(found *sql.Rows) error {
		if err := found.Scan(&n, &data); err != nil {
			return err
		}
		return see(n, data)
	})
}

// Some implements [listing.Source], with one statement, because a statement costs more than a look-up.
func (s *shelf) Some(ctx context.Context, asked []listing.Key, see func(i int, data []byte) error) error {
	keys := make([][3]any, len(asked))
	for i, key := range asked {
		keys[i] = [3]any{key.Segment, key.Number, string(key.Part)}
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	return s.numbered(ctx, qSome, []any{string(list)}, func(i int64, data []byte) error { return see(int(i), data) })
}

// Row implements [listing.Source].
func (s *shelf) Row(ctx context.Context, id string) (listing.Row, bool, error) {
	inv, err := s.Invoice(ctx, id)
	if errors.Is(err, invoice.ErrNotFound) {
		return listing.Row{}, false, nil
	}
	return listing.RowOf(inv), err == nil, err
}

// Tidy implements [invoice.Tidier]. It writes listings in slices; other writes wait for some milliseconds for each
// slice. It also reads some of the places, without making anything wait, until the addresses of strangers are told in memory.
func (s *Store) Tidy(ctx context.Context, keep int) error {
	if err := cmp.Or(s.tidyKnown(ctx), listing.Tidy(ctx, keeper{s}, keep)); err != nil {
		return fmt.Errorf("sqlite: tidy: %w", err)
	}
	return nil
}

// keeper implements [listing.Keeper].
type keeper struct{ *Store }

// Pending implements [listing.Keeper].
func (k keeper) Pending(ctx context.Context) (changed []int64, err error) {
	s := &shelf{reader: &k.reader, open: map[string]*sql.Stmt{}}
	err = s.query(ctx, qChangedNumbers, nil, func(found *sql.Rows) error {
		changed = append(changed, 0)
		return found.Scan(&changed[len(changed)-1])
	})
	return changed, err
}

// Begin implements [listing.Keeper].
func (k keeper) Begin(ctx context.Context, segment, number int64) (listing.Writing, error) {
	w := listing.Writing{Segment: segment}
	err := k.writer.do(ctx, func(t *txn) error {
		t.changed = true
		return t.row(qBeginWriting, []any{segment, number}, &w.Number)
	})
	return w, err
}

// Read implements [listing.Keeper].
func (k keeper) Read(ctx context.Context, segment int64, parts [][]byte) (changed []listing.Change, data [][]byte, err error) {
	tx, err := k.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback() // it only reads
	s := &shelf{reader: k.within(tx), open: map[string]*sql.Stmt{}}
	first, last := listing.Numbers(segment)
	err = s.query(ctx, qChangedOf, []any{first, last}, func(found *sql.Rows) error {
		var c listing.Change
		err := found.Scan(&c.Number, &c.Version, &c.Encoded)
		changed = append(changed, c)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	w := listing.Writing{Segment: segment}
	err = s.query(ctx, qSegment, []any{segment}, func(found *sql.Rows) error { return found.Scan(&w.Number) })
	if err != nil {
		return nil, nil, err
	}
	asked := make([]listing.Key, len(parts))
	for i, part := range parts {
		asked[i] = listing.Key{Writing: w, Part: part}
	}
	err = s.Some(ctx, asked, func(_ int, part []byte) error { data = append(data, bytes.Clone(part)); return nil })
	return changed, data, err
}

// Put implements [listing.Keeper].
func (k keeper) Put(ctx context.Context, w listing.Writing, parts []listing.Part) error {
	return k.writer.do(ctx, func(t *txn) error {
		var going bool
		err := t.row(qWriting, []any{w.Segment, w.Number}, &going)
		if err == nil && !going {
			err = invoice.ErrConflict
		}
		for i := 0; i < len(parts) && err == nil; i++ {
			_, err = t.exec(qInsertPart, w.Segment, w.Number, parts[i].Name, parts[i].Data)
		}
		return err
	})
}

// Finish implements [listing.Keeper].
func (k keeper) Finish(ctx context.Context, w listing.Writing, texts bool) error {
	return k.writer.do(ctx, func(t *txn) error {
		n, err := t.exec(qFinishWriting, w.Segment, w.Number, texts)
		if err == nil && n == 0 {
			err = invoice.ErrConflict
		}
		return err
	})
}

// Merged implements [listing.Keeper].
func (k keeper) Merged(ctx context.Context, changed []listing.Change) error {
	return k.writer.do(ctx, func(t *txn) error {
		for _, c := range changed {
			if _, err := t.exec(qMerged, c.Number, c.Version); err != nil {
				return err
			}
		}
		return nil
	})
}

// Clear implements [listing.Keeper].
func (k keeper) Clear(ctx context.Context, segment int64, most int) (int, error) {
	var removed int64
	first, last := listing.Texts()
	err := k.writer.do(ctx, func(t *txn) (err error) {
		removed, err = t.exec(qClearParts, segment, first, last, most)
		return err
	})
	return int(removed), err
}
