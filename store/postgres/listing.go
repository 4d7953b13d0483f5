package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Invoices implements [invoice.Reader].
func (r reader) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	page, err := r.invoices(ctx, q)
	if err != nil {
		return page, fmt.Errorf("postgres: list invoices: %w", err)
	}
	return page, nil
}

// snapshot is for reading with several statements what was true at one moment.
var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

func (r reader) invoices(ctx context.Context, q invoice.Query) (page invoice.Page, err error) {
	if listing.Walks(q) {
		query, args := walkQuery(q)
		page.Invoices, err = r.many(ctx, query, args...)
		return page, err
	}
	pool, own := r.q.(*pgxpool.Pool)
	if !own {
		return r.steady(ctx, q)
	}
	err = pgx.BeginTxFunc(ctx, pool, snapshot, func(tx pgx.Tx) error {
		page, err = reader{tx}.list(ctx, q)
		return err
	})
	return page, err
}

// steady reads in a transaction of the caller's, which may see more from one statement to the next: then it reads
// again.
func (r reader) steady(ctx context.Context, q invoice.Query) (page invoice.Page, err error) {
	for range attempts {
		var before, after int64
		if err := r.q.QueryRow(ctx, qVersions).Scan(&before); err != nil {
			return invoice.Page{}, err
		}
		page, err = r.list(ctx, q)
		if again := r.q.QueryRow(ctx, qVersions).Scan(&after); again != nil || before == after {
			return page, errors.Join(err, again)
		}
	}
	return invoice.Page{}, errors.Join(errors.New("what it is found by changes all the time"), err)
}

func (r reader) list(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	found, err := listing.Find(ctx, shelf{r}, q)
	if err != nil {
		return invoice.Page{}, err
	}
	page := invoice.Page{Total: found.Total}
	if len(found.IDs) == 0 {
		return page, nil
	}
	page.Invoices, err = r.many(ctx, qListed, found.IDs)
	listing.Arrange(page.Invoices, found.IDs)
	return page, err
}

// walkQuery goes through the invoices of a project along their index.
func walkQuery(q invoice.Query) (query string, args []any) {
	direction, beyond := " DESC", "<"
	if q.Ascending {
		direction, beyond = " ASC", ">"
	}
	where, args := " WHERE project = $1 AND standing = $2", []any{q.Project, q.Standing}
	if !q.CreatedAfter.IsZero() {
		args = append(args, listing.Nanos(q.CreatedAfter))
		where += fmt.Sprintf(" AND created >= $%d", len(args))
	}
	if !q.CreatedBefore.IsZero() {
		args = append(args, listing.Nanos(q.CreatedBefore))
		where += fmt.Sprintf(" AND created <= $%d", len(args))
	}
	if q.After != "" {
		args = append(args, q.After)
		where += fmt.Sprintf(" AND (created, id) %s ((SELECT created FROM cointill_invoices WHERE id = $%[2]d), $%[2]d)", beyond, len(args))
	}
	args = append(args, int64(max(q.Limit, 0)))
	order := "created" + direction + ", id" + direction
	return selectInvoices + fmt.Sprintf("(SELECT id, created FROM cointill_invoices%s ORDER BY %s LIMIT $%d) f", where, order, len(args)) +
		withPayments + " ORDER BY f.created" + direction + ", f.id" + direction, args
}

// shelf implements [listing.Source] in a transaction.
type shelf struct{ reader }

// numbered passes on rows of a number and bytes.
func (s shelf) numbered(ctx context.Context, query string, args []any, see func(n int64, data []byte) error) error {
	found, err := s.q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	var n int64
	var data pgtype.DriverBytes
	_, err = pgx.ForEachRow(found, []any{&n, &data}, func() error { return see(n, data) })
	return err
}

// Changed implements [listing.Source].
func (s shelf) Changed(ctx context.Context, see func(n int64, row []byte) error) error {
	return s.numbered(ctx, qChanged, nil, see)
}

// Parts implements [listing.Source].
func (s shelf) Parts(ctx context.Context, names [][]byte, see func(name []byte, segment int64, data []byte) error) error {
	found, err := s.q.Query(ctx, qParts, names)
	if err != nil {
		return err
	}
	var segment int64
	var name, data pgtype.DriverBytes
	_, err = pgx.ForEachRow(found, []any{&segment, &name, &data}, func() error { return see(name, segment, data) })
	return err
}

// Some implements [listing.Source].
func (s shelf) Some(ctx context.Context, asked []listing.Key, see func(i int, data []byte) error) error {
	segments, parts := make([]int64, len(asked)), make([][]byte, len(asked))
	for i, key := range asked {
		segments[i], parts[i] = key.Segment, key.Part
	}
	return s.numbered(ctx, qSome, []any{segments, parts}, func(i int64, data []byte) error { return see(int(i), data) })
}

// Row implements [listing.Source].
func (s shelf) Row(ctx context.Context, id string) (listing.Row, bool, error) {
	inv, err := s.Invoice(ctx, id)
	if errors.Is(err, invoice.ErrNotFound) {
		return listing.Row{}, false, nil
	}
	return listing.RowOf(inv), err == nil, err
}

// Tidy implements [invoice.Tidier]. It writes a segment of listings at a time.
func (s *Store) Tidy(ctx context.Context, keep int) error {
	found, err := s.pool.Query(ctx, qChangedNumbers)
	if err != nil {
		return fmt.Errorf("postgres: tidy: read what has changed: %w", err)
	}
	changed, err := pgx.CollectRows(found, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("postgres: tidy: read what has changed: %w", err)
	}
	due := listing.Due(changed, keep)
	for _, segment := range due {
		if err := s.merge(ctx, segment); err != nil && !errors.Is(err, invoice.ErrConflict) {
			return fmt.Errorf("postgres: tidy segment %d: %w", segment, err)
		}
	}
	if len(due) == 0 {
		return nil
	}
	// Databases that only speak as PostgreSQL does need no vacuum, and know none.
	if _, err := s.pool.Exec(ctx, vacuumChanged); err != nil && sqlState(err) != codeUnsupported && sqlState(err) != codeSyntax {
		return fmt.Errorf("postgres: tidy: %w", err)
	}
	return nil
}

// merge writes a segment anew. Changes that come meanwhile stay for the next time.
func (s *Store) merge(ctx context.Context, segment int64) error {
	m := merged{segment: segment}
	if err := pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error { return m.read(ctx, shelf{reader{tx}}) }); err != nil {
		return err
	}
	return pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) error { return m.write(ctx, tx) })
}

// merged is a segment as it is to be.
type merged struct {
	segment, version int64 // version is 0 for a new one
	changed          []listing.Change
	parts            []listing.Part
	texts            bool
}

func (m *merged) read(ctx context.Context, s shelf) error {
	first, last := listing.Numbers(m.segment)
	found, err := s.q.Query(ctx, qChangedOf, first, last)
	if err != nil {
		return err
	}
	if m.changed, err = pgx.CollectRows(found, pgx.RowToStructByPos[listing.Change]); err != nil {
		return err
	}
	if err := s.q.QueryRow(ctx, qSegment, m.segment).Scan(&m.version); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	var stored []byte
	keep := func(_ int, data []byte) error { stored = bytes.Clone(data); return nil }
	if err := s.Some(ctx, []listing.Key{{Segment: m.segment, Part: listing.RowsPart()}}, keep); err != nil {
		return err
	}
	m.parts, m.texts, err = listing.Merge(m.segment, stored, m.changed)
	return err
}

func (m *merged) write(ctx context.Context, tx pgx.Tx) error {
	query := qUpdateSegment
	if m.version == 0 {
		query = qBeginSegment
	}
	tag, err := tx.Exec(ctx, query, m.segment, m.version+1)
	if err == nil && tag.RowsAffected() == 0 {
		err = invoice.ErrConflict // somebody else has written it meanwhile
	}
	if err != nil {
		return err
	}
	first, last := listing.Kept(m.texts)
	if _, err := tx.Exec(ctx, qDeleteParts, m.segment, first, last); err != nil {
		return err
	}
	rows := pgx.CopyFromSlice(len(m.parts), func(i int) ([]any, error) {
		return []any{m.segment, m.parts[i].Name, m.parts[i].Data}, nil
	})
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"cointill_parts"}, []string{"segment", "part", "data"}, rows); err != nil {
		return err
	}
	numbers, versions := make([]int64, len(m.changed)), make([]int64, len(m.changed))
	for i, c := range m.changed {
		numbers[i], versions[i] = c.Number, c.Version
	}
	_, err = tx.Exec(ctx, qMerged, numbers, versions)
	return err
}
