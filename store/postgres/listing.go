package postgres

import (
	"bytes"
	"cmp"
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

// snapshot is for reading one state of the database with several statements.
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
	err = transact(ctx, pool, snapshot, func(tx pgx.Tx) error {
		page, err = r.within(tx).list(ctx, q)
		return err
	})
	return page, err
}

// steady reads within a transaction of the caller, which may see more from one statement to the next: in that case it
// reads again.
func (r reader) steady(ctx context.Context, q invoice.Query) (page invoice.Page, err error) {
	for range attempts {
		var before, after string
		if err := r.q.QueryRow(ctx, qVersions).Scan(&before); err != nil {
			return invoice.Page{}, err
		}
		page, err = r.list(ctx, q)
		if again := r.q.QueryRow(ctx, qVersions).Scan(&after); again != nil || before == after {
			return page, errors.Join(err, again)
		}
	}
	return invoice.Page{}, errors.Join(errors.New("the index of listings changes all the time"), err)
}

func (r reader) list(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	found, err := listing.Find(ctx, shelf{r}, r.listings, q)
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

// walkQuery returns the query that reads the invoices of a project along their index.
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

// numbered passes on rows with a number and bytes.
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

// Segments implements [listing.Source].
func (s shelf) Segments(ctx context.Context, see func(listing.Segment) error) error {
	found, err := s.q.Query(ctx, qSegments)
	if err != nil {
		return err
	}
	var segment listing.Segment
	_, err = pgx.ForEachRow(found, []any{&segment.Number, &segment.Parts, &segment.Texts}, func() error { return see(segment) })
	return err
}

// Parts implements [listing.Source].
func (s shelf) Parts(ctx context.Context, of []listing.Writing, names [][]byte, see listing.See) error {
	segments, writings := make([]int64, len(of)), make([]int64, len(of))
	for i, w := range of {
		segments[i], writings[i] = w.Segment, w.Number
	}
	found, err := s.q.Query(ctx, qParts, segments, writings, names)
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
	segments, writings, parts := make([]int64, len(asked)), make([]int64, len(asked)), make([][]byte, len(asked))
	for i, key := range asked {
		segments[i], writings[i], parts[i] = key.Segment, key.Number, key.Part
	}
	return s.numbered(ctx, qSome, []any{segments, writings, parts}, func(i int64, data []byte) error { return see(int(i), data) })
}

// Row implements [listing.Source].
func (s shelf) Row(ctx context.Context, id string) (listing.Row, bool, error) {
	inv, err := s.Invoice(ctx, id)
	if errors.Is(err, invoice.ErrNotFound) {
		return listing.Row{}, false, nil
	}
	return listing.RowOf(inv), err == nil, err
}

// Tidy implements [invoice.Tidier].
func (s *Store) Tidy(ctx context.Context, keep int) error {
	k := &keeper{Store: s}
	err := listing.Tidy(ctx, k, keep)
	if err == nil && k.merged {
		// Databases that are only compatible with PostgreSQL need no vacuum, and may not know the statement.
		err = again(ctx, func() error {
			_, err := s.pool.Exec(ctx, vacuumChanged)
			return err
		})
		if isUnsupported(err) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("postgres: tidy: %w", err)
	}
	return nil
}

// keeper implements [listing.Keeper].
type keeper struct {
	*Store
	merged bool // rows were merged
}

// Pending implements [listing.Keeper].
func (k *keeper) Pending(ctx context.Context) ([]int64, error) {
	var numbers []int64
	err := again(ctx, func() (err error) {
		numbers, err = collect(ctx, k.pool, pgx.RowTo[int64], qChangedNumbers)
		return err
	})
	return numbers, err
}

// Begin implements [listing.Keeper].
func (k *keeper) Begin(ctx context.Context, segment, number int64) (listing.Writing, error) {
	w := listing.Writing{Segment: segment}
	err := again(ctx, func() error { return k.pool.QueryRow(ctx, qBeginWriting, segment, number).Scan(&w.Number) })
	return w, err
}

// Read implements [listing.Keeper].
func (k *keeper) Read(ctx context.Context, segment int64, parts [][]byte) (changed []listing.Change, data [][]byte, err error) {
	err = transact(ctx, k.pool, snapshot, func(tx pgx.Tx) (err error) {
		data = nil
		first, last := listing.Numbers(segment)
		if changed, err = collect(ctx, tx, pgx.RowToStructByPos[listing.Change], qChangedOf, first, last); err != nil {
			return err
		}
		w := listing.Writing{Segment: segment}
		if err := tx.QueryRow(ctx, qSegment, segment).Scan(&w.Number); err != nil {
			return err
		}
		asked := make([]listing.Key, len(parts))
		for i, part := range parts {
			asked[i] = listing.Key{Writing: w, Part: part}
		}
		keep := func(_ int, part []byte) error { data = append(data, bytes.Clone(part)); return nil }
		return shelf{k.within(tx)}.Some(ctx, asked, keep)
	})
	return changed, data, err
}

// Put implements [listing.Keeper].
func (k *keeper) Put(ctx context.Context, w listing.Writing, parts []listing.Part) error {
	return transact(ctx, k.pool, readCommitted, func(tx pgx.Tx) error {
		if tag, err := tx.Exec(ctx, qWriting, w.Segment, w.Number); err != nil || tag.RowsAffected() == 0 {
			return cmp.Or(err, invoice.ErrConflict)
		}
		rows := pgx.CopyFromSlice(len(parts), func(i int) ([]any, error) {
			return []any{w.Segment, w.Number, parts[i].Name, parts[i].Data}, nil
		})
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"cointill_parts"}, []string{"segment", "writing", "part", "data"}, rows)
		return err
	})
}

// Finish implements [listing.Keeper].
func (k *keeper) Finish(ctx context.Context, w listing.Writing, texts bool) error {
	return again(ctx, func() error {
		tag, err := k.pool.Exec(ctx, qFinishWriting, w.Segment, w.Number, texts)
		if err == nil && tag.RowsAffected() == 0 {
			err = invoice.ErrConflict
		}
		return err
	})
}

// Merged implements [listing.Keeper].
func (k *keeper) Merged(ctx context.Context, changed []listing.Change) error {
	numbers, versions := make([]int64, len(changed)), make([]int64, len(changed))
	for i, c := range changed {
		numbers[i], versions[i] = c.Number, c.Version
	}
	err := again(ctx, func() error {
		_, err := k.pool.Exec(ctx, qMerged, numbers, versions)
		return err
	})
	k.merged = k.merged || err == nil
	return err
}

// Clear implements [listing.Keeper].
func (k *keeper) Clear(ctx context.Context, segment int64, most int) (int, error) {
	first, last := listing.Texts()
	var cleared int64
	err := again(ctx, func() error {
		tag, err := k.pool.Exec(ctx, qClearParts, segment, first, last, most)
		cleared = tag.RowsAffected()
		return err
	})
	return int(cleared), err
}
