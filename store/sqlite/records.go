package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/records"
)

var _ store.Records = (*Records)(nil)

// Records keeps what the operator's desk has to remember. It implements the interface Records of package httpapi/desk. Its
// methods may be called concurrently. After [ErrLocked] nothing was stored.
type Records struct{ store *Store }

// Records returns the records in the store's database. All values that it returns hold the same ones.
func (s *Store) Records() *Records { return &Records{s} }

// AppendRecord adds a record to the end of a log, and returns its position when it is durable.
func (r *Records) AppendRecord(ctx context.Context, log string, body []byte) (position int64, err error) {
	if err = cmp.Or(ctx.Err(), records.CheckRecord(log, body)); err == nil {
		err = r.store.writer.do(ctx, func(t *txn) error {
			t.changed = true
			return t.row(qAppendRecord, []any{[]byte(log), body}, &position)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("sqlite: append record: %w", err)
	}
	return position, nil
}

// ReadRecords returns a page of a log: after the position, or before it and newest first.
func (r *Records) ReadRecords(ctx context.Context, log string, position int64, descending bool, limit int) (positions []int64, bodies [][]byte, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckNames(log)); err != nil {
		return nil, nil, fmt.Errorf("sqlite: read records: %w", err)
	}
	query := qReadRecords
	if descending {
		query = qReadRecordsBack
		if position <= 0 {
			position = math.MaxInt64
		}
	}
	positions, bodies, err = page[int64](ctx, r.store.stmts[query], []byte(log), max(position, 0), max(limit, 0))
	if err != nil {
		return nil, nil, fmt.Errorf("sqlite: read records: %w", err)
	}
	return positions, bodies, nil
}

// page reads rows of two columns.
func page[T any](ctx context.Context, stmt *sql.Stmt, args ...any) (firsts []T, bodies [][]byte, err error) {
	found, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, nil, err
	}
	defer found.Close()
	for found.Next() {
		var first T
		var body []byte
		if err := found.Scan(&first, &body); err != nil {
			return nil, nil, err
		}
		firsts, bodies = append(firsts, first), append(bodies, body)
	}
	return firsts, bodies, found.Err()
}

// Document returns a document and its version, or 0 if there is none.
func (r *Records) Document(ctx context.Context, kind, name string) (version int64, body []byte, err error) {
	if err = cmp.Or(ctx.Err(), records.CheckNames(kind, name)); err == nil {
		err = r.store.stmts[qDocument].QueryRowContext(ctx, []byte(kind), []byte(name)).Scan(&version, &body)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	} else if err != nil {
		return 0, nil, fmt.Errorf("sqlite: document: %w", err)
	}
	return version, body, nil
}

// PutDocument stores or removes a document if its version is still the given one, and reports whether it did.
func (r *Records) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (stored bool, err error) {
	if err = cmp.Or(ctx.Err(), records.CheckDocument(kind, name, body)); err == nil {
		err = r.store.writer.do(ctx, func(t *txn) error {
			stored, err = t.putDocument([]byte(kind), []byte(name), version, body)
			return err
		})
	}
	if err != nil {
		return false, fmt.Errorf("sqlite: put document: %w", err)
	}
	return stored, nil
}

func (t *txn) putDocument(kind, name []byte, version int64, body []byte) (stored bool, err error) {
	var changed int64
	switch {
	case version == 0 && len(body) == 0:
		var absent bool
		err = t.row(qNoDocument, []any{kind, name}, &absent)
		return absent, err
	case version == 0:
		changed, err = t.exec(qInsertDocument, kind, name, body)
	case len(body) == 0:
		changed, err = t.exec(qDeleteDocument, kind, name, version)
	default:
		changed, err = t.exec(qUpdateDocument, kind, name, version, body)
	}
	return changed > 0, err
}

// Documents returns a page of the documents of a kind, by their names.
func (r *Records) Documents(ctx context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error) {
	if err = cmp.Or(ctx.Err(), records.CheckNames(kind)); err == nil {
		names, bodies, err = page[string](ctx, r.store.stmts[qDocuments], []byte(kind), []byte(after), max(limit, 0))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("sqlite: documents: %w", err)
	}
	return names, bodies, nil
}
