package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/records"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var _ store.Records = (*Records)(nil)

// Records keeps what the operator's desk has to remember, for all processes on the database. It implements the interface
// Records of package httpapi/desk. Its methods may be called concurrently. If ctx ends within a call, what it was to store
// may be stored or not.
type Records struct{ store *Store }

// Records returns the records in the store's database. All values that it returns hold the same ones.
func (s *Store) Records() *Records { return &Records{s} }

// AppendRecord adds a record to the end of a log, and returns its position when it is durable. The log is locked until then.
func (r *Records) AppendRecord(ctx context.Context, log string, body []byte) (position int64, err error) {
	if err = cmp.Or(ctx.Err(), records.CheckRecord(log, body)); err == nil {
		err = r.write(ctx, func(batch *pgx.Batch) {
			batch.Queue(qAppendRecord, []byte(log), body).QueryRow(func(row pgx.Row) error { return row.Scan(&position) })
		})
	}
	if err != nil {
		return 0, fmt.Errorf("postgres: append record: %w", err)
	}
	return position, nil
}

// write runs one statement in a transaction of its own, in which it waits for locks and then sees what was committed
// meanwhile, whatever isolation the host's connections ask for by themselves.
func (r *Records) write(ctx context.Context, statement func(*pgx.Batch)) error {
	return again(ctx, func() error {
		batch := &pgx.Batch{}
		batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
		statement(batch)
		batch.Queue("COMMIT")
		return r.store.pool.SendBatch(ctx, batch).Close()
	})
}

// ReadRecords returns a page of a log: after the position, or before it and newest first.
func (r *Records) ReadRecords(ctx context.Context, log string, position int64, descending bool, limit int) (positions []int64, bodies [][]byte, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckNames(log)); err != nil {
		return nil, nil, fmt.Errorf("postgres: read records: %w", err)
	}
	query := qReadRecords
	if descending {
		query = qReadRecordsBack
		if position <= 0 {
			position = math.MaxInt64
		}
	}
	positions, bodies, err = page[int64](ctx, r.store.pool, query, []byte(log), max(position, 0), max(limit, 0))
	if err != nil {
		return nil, nil, fmt.Errorf("postgres: read records: %w", err)
	}
	return positions, bodies, nil
}

// page reads rows of two columns.
func page[T any](ctx context.Context, q querier, query string, args ...any) (firsts []T, bodies [][]byte, err error) {
	err = again(ctx, func() error {
		firsts, bodies = nil, nil
		found, err := q.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		var first T
		var body []byte
		_, err = pgx.ForEachRow(found, []any{&first, &body}, func() error {
			firsts, bodies = append(firsts, first), append(bodies, body)
			body = nil // the next row gets its own
			return nil
		})
		return err
	})
	return firsts, bodies, err
}

// Document returns a document and its version, or 0 if there is none.
func (r *Records) Document(ctx context.Context, kind, name string) (version int64, body []byte, err error) {
	if err = cmp.Or(ctx.Err(), records.CheckNames(kind, name)); err == nil {
		err = again(ctx, func() error {
			return r.store.pool.QueryRow(ctx, qDocument, []byte(kind), []byte(name)).Scan(&version, &body)
		})
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil, nil
	} else if err != nil {
		return 0, nil, fmt.Errorf("postgres: document: %w", err)
	}
	return version, body, nil
}

// PutDocument stores or removes a document if its version is still the given one, and reports whether it did. Of calls at
// once, from any processes, exactly one does.
func (r *Records) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (stored bool, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckDocument(kind, name, body)); err != nil {
		return false, fmt.Errorf("postgres: put document: %w", err)
	}
	query, args := qUpdateDocument, []any{[]byte(kind), []byte(name), version, body}
	switch {
	case version == 0 && len(body) == 0:
		now, _, err := r.Document(ctx, kind, name)
		return err == nil && now == 0, err
	case version == 0:
		query, args = qInsertDocument, []any{args[0], args[1], body}
	case len(body) == 0:
		query, args = qDeleteDocument, args[:3]
	}
	err = r.write(ctx, func(batch *pgx.Batch) {
		batch.Queue(query, args...).Exec(func(tag pgconn.CommandTag) error {
			stored = tag.RowsAffected() > 0
			return nil
		})
	})
	if err != nil {
		return false, fmt.Errorf("postgres: put document: %w", err)
	}
	return stored, nil
}

// Documents returns a page of the documents of a kind, by their names.
func (r *Records) Documents(ctx context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error) {
	var raw [][]byte
	if err = cmp.Or(ctx.Err(), records.CheckNames(kind)); err == nil {
		raw, bodies, err = page[[]byte](ctx, r.store.pool, qDocuments, []byte(kind), []byte(after), max(limit, 0))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("postgres: documents: %w", err)
	}
	for _, name := range raw {
		names = append(names, string(name))
	}
	return names, bodies, nil
}
