package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/webhook"
	"github.com/jackc/pgx/v5"
)

// Claim implements [webhook.Outbox].
func (s *Store) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	skip := append([]string{}, q.Skip...) // never nil, which would be null
	bound := int64(math.MaxInt64)
	if q.PerEndpoint > 0 {
		bound = int64(q.PerEndpoint)
	}
	had := map[string]int64{}
	var out []webhook.Delivery
	// A page may hold more of an endpoint than it may have; then there may be something else behind it.
	for len(out) < q.Limit {
		page, err := s.claim(ctx, q, skip, bound, had, q.Limit-len(out))
		if err != nil {
			// What was claimed already is handed out again when its lease has run out.
			return nil, fmt.Errorf("postgres: claim messages: %w", err)
		}
		full := false
		for _, d := range page {
			endpoint := d.Message.Endpoint
			if had[endpoint]++; had[endpoint] == bound {
				skip, full = append(skip, endpoint), true
			}
		}
		out = append(out, page...)
		if !full {
			break
		}
	}
	return out, nil
}

// claim claims one page, those due longest first.
func (s *Store) claim(ctx context.Context, q webhook.ClaimQuery, skip []string, bound int64, had map[string]int64, limit int) ([]webhook.Delivery, error) {
	endpoints, counts := make([]string, 0, len(had)), make([]int64, 0, len(had))
	for endpoint, count := range had {
		endpoints, counts = append(endpoints, endpoint), append(counts, count)
	}
	var page []claimed
	err := again(ctx, func() error {
		found, err := s.pool.Query(ctx, qClaim, listing.Nanos(q.Now), skip, int64(limit), listing.Nanos(q.Now.Add(q.Lease)), bound, endpoints, counts)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(found, scanClaimed)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(page, func(a, b claimed) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.n, b.n)) })
	out := make([]webhook.Delivery, len(page))
	for i, c := range page {
		out[i] = c.Delivery
	}
	return out, nil
}

type claimed struct {
	webhook.Delivery
	n, due int64 // due before it was claimed
}

func scanClaimed(from pgx.CollectableRow) (c claimed, err error) {
	c.n, c.Message, err = scanMessage(from, &c.due, &c.Claim.Token, &c.Tried)
	c.Claim.Message = c.Message.ID
	return c, err
}

// scanMessage reads messageColumns, and what else the query answers.
func scanMessage(from pgx.Row, more ...any) (n int64, m invoice.Message, err error) {
	var at string
	dest := []any{&n, &m.ID, &m.Event, &m.Invoice, &m.Seq, &m.Project, &m.URL, &m.Endpoint, &at, &m.Body, &m.Format, &m.Secret}
	if err := from.Scan(append(dest, more...)...); err != nil {
		return 0, m, err
	}
	if m.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return 0, m, fmt.Errorf("stored message %s is damaged: %w", m.ID, err)
	}
	return n, m, nil
}

// Record implements [webhook.Outbox].
func (s *Store) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	err := fmt.Errorf("unknown state %q", next.State)
	switch next.State {
	case webhook.StateDue, webhook.StateDelivered, webhook.StateDead:
		err = again(ctx, func() error { return s.record(ctx, claim, attempt, next) })
	}
	if err != nil {
		return fmt.Errorf("postgres: record attempt of message %s: %w", claim.Message, err)
	}
	return nil
}

// record sends all in one go, as one transaction. Only an endpoint that is gone takes more.
func (s *Store) record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	var url, project string
	batch := &pgx.Batch{}
	if !next.Gone {
		batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	}
	batch.Queue(qLockMessage, claim.Message)
	batch.Queue(qRecord, claim.Message, claim.Token, string(next.State), listing.Nanos(next.Due),
		stamp(attempt.At), int64(attempt.Duration), int64(attempt.Status), storable(attempt.Excerpt), storable(attempt.Error),
	).QueryRow(func(found pgx.Row) error { return found.Scan(&url, &project) })
	if !next.Gone {
		batch.Queue("COMMIT")
		return stale(s.pool.SendBatch(ctx, batch).Close())
	}
	return pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) error {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return stale(err)
		}
		batch := &pgx.Batch{}
		batch.Queue(qInsertGone, url, project)
		batch.Queue(qKill, url, project)
		return tx.SendBatch(ctx, batch).Close()
	})
}

func stale(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return webhook.ErrStaleClaim
	}
	return err
}

// storable replaces what a text in PostgreSQL cannot hold: what an endpoint answers must not keep its
// attempt from being recorded.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// NextDue implements [webhook.Outbox].
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var due int64
	err := s.pool.QueryRow(ctx, qNextDue).Scan(&due)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	} else if err != nil {
		return time.Time{}, fmt.Errorf("postgres: read next due message: %w", err)
	}
	return time.Unix(0, due).UTC(), nil
}

// History implements [webhook.Outbox].
func (s *Store) History(ctx context.Context, invoiceID string) ([]webhook.Record, error) {
	out, err := s.history(ctx, invoiceID)
	if err != nil {
		return nil, fmt.Errorf("postgres: read history of invoice %s: %w", invoiceID, err)
	}
	return out, nil
}

func (s *Store) history(ctx context.Context, invoiceID string) ([]webhook.Record, error) {
	found, err := s.pool.Query(ctx, qHistory, invoiceID)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var out []webhook.Record
	for found.Next() {
		var r webhook.Record
		var due int64
		var at, excerpt, failure *string
		var duration, status *int64
		_, m, err := scanMessage(found, &r.State, &due, &at, &duration, &status, &excerpt, &failure)
		if err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].Message.ID != m.ID {
			r.Message = m
			if r.State == webhook.StateDue {
				r.Due = time.Unix(0, due).UTC()
			}
			out = append(out, r)
		}
		if at == nil {
			continue
		}
		attempt := webhook.Attempt{Duration: time.Duration(*duration), Status: int(*status), Excerpt: *excerpt, Error: *failure}
		if attempt.At, err = time.Parse(time.RFC3339Nano, *at); err != nil {
			return nil, fmt.Errorf("stored attempt of message %s is damaged: %w", m.ID, err)
		}
		attempts := &out[len(out)-1].Attempts
		*attempts = append(*attempts, attempt)
	}
	return out, found.Err()
}

// Resend implements [webhook.Outbox].
func (s *Store) Resend(ctx context.Context, invoiceID string, now time.Time) (invoice.Message, error) {
	var m invoice.Message
	err := again(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, qLockInvoice, invoiceID); err != nil {
				return err
			}
			var err error
			if _, m, err = scanMessage(tx.QueryRow(ctx, qLatest, invoiceID)); errors.Is(err, pgx.ErrNoRows) {
				return invoice.ErrNotFound
			} else if err != nil {
				return err
			}
			batch := &pgx.Batch{}
			batch.Queue(qDeleteGone, m.URL, m.Project)
			batch.Queue(qResend, m.ID, listing.Nanos(now))
			return tx.SendBatch(ctx, batch).Close()
		})
	})
	if err != nil {
		return invoice.Message{}, fmt.Errorf("postgres: resend for invoice %s: %w", invoiceID, err)
	}
	return m, nil
}
