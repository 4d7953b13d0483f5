package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/webhook"
)

// Claim implements [webhook.Outbox].
func (s *Store) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	next, ok, err := s.nextDue(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlite: claim messages: %w", err)
	}
	if !ok || next > listing.Nanos(q.Now) {
		return nil, nil // without disturbing the writer
	}
	var out []webhook.Delivery
	if err := s.writer.do(ctx, func(t *txn) (err error) {
		out, err = t.claim(q)
		return err
	}); err != nil {
		return nil, fmt.Errorf("sqlite: claim messages: %w", err)
	}
	return out, nil
}

// claim reads what is due page by page. After each page what was claimed is no longer due, and the endpoints that
// have enough are left out, so that the next page has something new.
func (t *txn) claim(q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	skip := append([]string{}, q.Skip...) // never nil, which is not a list in JSON
	perEndpoint := map[string]int{}
	var out []webhook.Delivery
	for len(out) < q.Limit {
		page, err := t.due(q.Now, skip, q.Limit-len(out))
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			endpoint := d.Message.Endpoint
			if q.PerEndpoint > 0 && perEndpoint[endpoint] >= q.PerEndpoint {
				continue
			}
			if perEndpoint[endpoint]++; perEndpoint[endpoint] == q.PerEndpoint {
				skip = append(skip, endpoint)
			}
			if _, err := t.exec(qClaim, listing.Nanos(q.Now.Add(q.Lease)), d.n); err != nil {
				return nil, err
			}
			out = append(out, d.Delivery)
		}
		if len(page) == 0 {
			break
		}
	}
	return out, nil
}

type dueMessage struct {
	webhook.Delivery
	n int64
}

func (t *txn) due(now time.Time, skip []string, limit int) ([]dueMessage, error) {
	list, err := json.Marshal(skip)
	if err != nil {
		return nil, err
	}
	found, err := t.query(qDue, listing.Nanos(now), string(list), limit)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var out []dueMessage
	for found.Next() {
		var d dueMessage
		if d.n, d.Message, err = scanMessage(found, &d.Claim.Token, &d.Tried); err != nil {
			return nil, err
		}
		d.Claim.Message = d.Message.ID
		d.Claim.Token++
		out = append(out, d)
	}
	return out, found.Err()
}

type scanner interface{ Scan(dest ...any) error }

// scanMessage reads messageColumns, and what else the query answers.
func scanMessage(from scanner, more ...any) (n int64, m invoice.Message, err error) {
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
	err := s.writer.do(ctx, func(t *txn) error { return t.record(claim, attempt, next) })
	if err != nil {
		return fmt.Errorf("sqlite: record attempt of message %s: %w", claim.Message, err)
	}
	return nil
}

func (t *txn) record(claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	switch next.State {
	case webhook.StateDue, webhook.StateDelivered, webhook.StateDead:
	default:
		return fmt.Errorf("unknown state %q", next.State)
	}
	var n int64
	var invoiceID, url, project string
	err := t.row(qRecord, []any{claim.Message, claim.Token, string(next.State), listing.Nanos(next.Due)}, &n, &invoiceID, &url, &project)
	if errors.Is(err, sql.ErrNoRows) {
		return webhook.ErrStaleClaim
	} else if err != nil {
		return err
	}
	t.changed = true
	if _, err := t.exec(qInsertAttempt, n, stamp(attempt.At), int64(attempt.Duration), attempt.Status, attempt.Excerpt, attempt.Error); err != nil {
		return err
	}
	if next.Gone {
		if _, err := t.exec(qInsertGone, url, project); err != nil {
			return err
		}
		if _, err := t.exec(qKill, url, project); err != nil {
			return err
		}
	}
	_, err = t.exec(qRelease, invoiceID, url)
	return err
}

// NextDue implements [webhook.Outbox].
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	due, ok, err := s.nextDue(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("sqlite: read next due message: %w", err)
	}
	if !ok {
		return time.Time{}, nil
	}
	return time.Unix(0, due).UTC(), nil
}

func (s *Store) nextDue(ctx context.Context) (due int64, ok bool, err error) {
	err = s.stmts[qNextDue].QueryRowContext(ctx).Scan(&due)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return due, err == nil, err
}

// History implements [webhook.Outbox].
func (s *Store) History(ctx context.Context, invoiceID string) ([]webhook.Record, error) {
	found, err := s.stmts[qHistory].QueryContext(ctx, invoiceID)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read history of invoice %s: %w", invoiceID, err)
	}
	defer found.Close()
	var out []webhook.Record
	var last int64
	for found.Next() {
		var r webhook.Record
		var due int64
		var at, excerpt, failure sql.NullString
		var duration, status sql.NullInt64
		n, m, err := scanMessage(found, &r.State, &due, &at, &duration, &status, &excerpt, &failure)
		if err != nil {
			return nil, fmt.Errorf("sqlite: read history of invoice %s: %w", invoiceID, err)
		}
		if n != last {
			last = n
			r.Message = m
			if r.State == webhook.StateDue {
				r.Due = time.Unix(0, due).UTC()
			}
			out = append(out, r)
		}
		if !at.Valid {
			continue
		}
		attempt := webhook.Attempt{
			Duration: time.Duration(duration.Int64), Status: int(status.Int64), Excerpt: excerpt.String, Error: failure.String,
		}
		if attempt.At, err = time.Parse(time.RFC3339Nano, at.String); err != nil {
			return nil, fmt.Errorf("sqlite: stored attempt of message %s is damaged: %w", m.ID, err)
		}
		attempts := &out[len(out)-1].Attempts
		*attempts = append(*attempts, attempt)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: read history of invoice %s: %w", invoiceID, err)
	}
	return out, nil
}

// Resend implements [webhook.Outbox].
func (s *Store) Resend(ctx context.Context, invoiceID string, now time.Time) (invoice.Message, error) {
	var m invoice.Message
	err := s.writer.do(ctx, func(t *txn) error {
		n, latest, err := scanMessage(t.stmt(qLatest).QueryRowContext(t.ctx, invoiceID))
		if errors.Is(err, sql.ErrNoRows) {
			return invoice.ErrNotFound
		} else if err != nil {
			return err
		}
		m = latest
		if _, err := t.exec(qDeleteGone, m.URL, m.Project); err != nil {
			return err
		}
		if _, err := t.exec(qResend, listing.Nanos(now), n); err != nil {
			return err
		}
		_, err = t.exec(qRelease, m.Invoice, m.URL)
		return err
	})
	if err != nil {
		return invoice.Message{}, fmt.Errorf("sqlite: resend for invoice %s: %w", invoiceID, err)
	}
	return m, nil
}
