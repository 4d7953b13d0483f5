package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
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

// list reads all of one moment.
func (r *reader) list(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	at := *r
	if r.tx == nil {
		tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return invoice.Page{}, err
		}
		defer tx.Rollback() // it has only read
		at.tx = tx
	}
	if listing.Walks(q) {
		return at.walk(ctx, q)
	}
	found, err := listing.Find(ctx, &shelf{reader: &at, open: map[string]*sql.Stmt{}}, q)
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

// walk goes through the invoices of a project along their index.
func (r *reader) walk(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	query, args := walkQuery(q)
	found, err := r.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return invoice.Page{}, err
	}
	var page invoice.Page
	page.Invoices, err = scanInvoices(found)
	return page, err
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

// Parts implements [listing.Source].
func (s *shelf) Parts(ctx context.Context, names [][]byte, see func(name []byte, segment int64, data []byte) error) error {
	args := make([]any, listing.MostParts)
	for i, name := range names {
		args[i] = name
	}
	var segment int64
	var name, data sql.RawBytes
	return s.query(ctx, qParts, args, func(found *sql.Rows) error {
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

// Some implements [listing.Source], with one statement, since a statement costs more than a look-up.
func (s *shelf) Some(ctx context.Context, asked []listing.Key, see func(i int, data []byte) error) error {
	keys := make([][2]any, len(asked))
	for i, key := range asked {
		keys[i] = [2]any{key.Segment, string(key.Part)}
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

// Tidy implements [invoice.Tidier]. A segment of listings at a time is written, for which everything else that writes
// waits some tens of milliseconds.
func (s *Store) Tidy(ctx context.Context, keep int) error {
	var changed []int64
	at := &shelf{reader: &s.reader, open: map[string]*sql.Stmt{}}
	err := at.query(ctx, qChangedNumbers, nil, func(found *sql.Rows) error {
		changed = append(changed, 0)
		return found.Scan(&changed[len(changed)-1])
	})
	if err != nil {
		return fmt.Errorf("sqlite: tidy: read what has changed: %w", err)
	}
	for _, segment := range listing.Due(changed, keep) {
		if err := s.merge(ctx, segment); err != nil && !errors.Is(err, invoice.ErrConflict) {
			return fmt.Errorf("sqlite: tidy segment %d: %w", segment, err)
		}
	}
	return nil
}

// merge writes a segment anew. Changes that come meanwhile stay for the next time.
func (s *Store) merge(ctx context.Context, segment int64) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only reads
	m := merged{segment: segment}
	if err := m.read(ctx, &shelf{reader: &reader{db: s.db, stmts: s.stmts, tx: tx}, open: map[string]*sql.Stmt{}}); err != nil {
		return err
	}
	if err := tx.Rollback(); err != nil { // not to keep the WAL from being written back while it waits
		return err
	}
	return s.writer.do(ctx, m.write)
}

// merged is a segment as it is to be.
type merged struct {
	segment, version int64 // version is 0 for a new one
	changed          []listing.Change
	parts            []listing.Part
	texts            bool
}

func (m *merged) read(ctx context.Context, s *shelf) error {
	first, last := listing.Numbers(m.segment)
	err := s.query(ctx, qChangedOf, []any{first, last}, func(found *sql.Rows) error {
		var c listing.Change
		err := found.Scan(&c.Number, &c.Version, &c.Encoded)
		m.changed = append(m.changed, c)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.query(ctx, qSegment, []any{m.segment}, func(found *sql.Rows) error { return found.Scan(&m.version) }); err != nil {
		return err
	}
	var stored []byte
	keep := func(_ int, data []byte) error { stored = slices.Clone(data); return nil }
	if err := s.Some(ctx, []listing.Key{{Segment: m.segment, Part: listing.RowsPart()}}, keep); err != nil {
		return err
	}
	m.parts, m.texts, err = listing.Merge(m.segment, stored, m.changed)
	return err
}

func (m *merged) write(t *txn) error {
	query := qUpdateSegment
	if m.version == 0 {
		query = qBeginSegment
	}
	n, err := t.exec(query, m.segment, m.version+1)
	if err == nil && n == 0 {
		err = invoice.ErrConflict // somebody else has written it meanwhile
	}
	if err != nil {
		return err
	}
	first, last := listing.Kept(m.texts)
	if _, err := t.exec(qDeleteParts, m.segment, first, last); err != nil {
		return err
	}
	for _, p := range m.parts {
		if _, err := t.exec(qInsertPart, m.segment, p.Name, p.Data); err != nil {
			return err
		}
	}
	for _, c := range m.changed {
		if _, err := t.exec(qMerged, c.Number, c.Version); err != nil {
			return err
		}
	}
	return nil
}
