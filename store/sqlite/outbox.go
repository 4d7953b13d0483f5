package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/record"
	"github.com/cointill/cointill/webhook"
)

// Claim implements [webhook.Outbox]. It uses the system clock. It finds messages without the writer, which then claims
// those that are still due.
func (s *Store) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	for {
		now := listing.Nanos(time.Now())
		found, ahead, err := s.claimable(ctx, q, now)
		if err != nil || len(found) == 0 && !ahead {
			return nil, failed("claim messages", err)
		}
		var out []webhook.Delivery
		if err := s.writer.do(ctx, func(t *txn) (err error) {
			if ahead {
				_, err = t.exec(qSetBack, now, setBack)
				return err
			}
			out, err = t.claim(found, q.Lease)
			return err
		}); err != nil || len(out) > 0 {
			return out, failed("claim messages", err)
		}
	}
}

// setBack is how many waits are corrected at once.
const setBack = 1000

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlite: %s: %w", what, err)
}

// look returns how many messages are looked at, regardless of their endpoints, to claim limit of them: mostly there are
// no others, or enough among them.
func look(limit int) int { return 64 + min(limit, 1<<20) }

// claimable returns the messages to claim, or reports that the clock was ahead when a wait began.
func (s *Store) claimable(ctx context.Context, q webhook.ClaimQuery, now int64) (found []int64, ahead bool, err error) {
	if err := s.stmts[qAhead].QueryRowContext(ctx, now).Scan(&ahead); err != nil || ahead {
		return nil, ahead, err
	}
	skip, err := json.Marshal(append([]string{}, q.Skip...)) // never null, which json_each does not accept as a list
	if err != nil {
		return nil, false, err
	}
	prefixes, err := json.Marshal(append([]string{}, q.SkipPrefixes...))
	if err != nil {
		return nil, false, err
	}
	far := look(q.Limit)
	found, err = s.chosen(ctx, q, qDue, now, far, string(skip), string(prefixes))
	if err != nil || len(found) >= q.Limit {
		return found, false, err
	}
	looked := 0
	if err := s.stmts[qLooked].QueryRowContext(ctx, now, far).Scan(&looked); err != nil || looked < far {
		return found, false, err
	}
	most := q.Limit
	if q.PerEndpoint > 0 {
		most = min(most, q.PerEndpoint)
	}
	found, err = s.chosen(ctx, q, qDueOfEach, now, q.Limit, string(skip), string(prefixes), most)
	return found, false, err
}

// chosen returns as many of the messages that the query finds as may be claimed.
func (s *Store) chosen(ctx context.Context, q webhook.ClaimQuery, query string, args ...any) ([]int64, error) {
	rows, err := s.stmts[query].QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	had := map[string]int{}
	var out []int64
	for len(out) < q.Limit && rows.Next() {
		var n int64
		var endpoint string
		if err := rows.Scan(&n, &endpoint); err != nil {
			return nil, err
		}
		if had[endpoint]++; q.PerEndpoint <= 0 || had[endpoint] <= q.PerEndpoint {
			out = append(out, n)
		}
	}
	return out, rows.Err()
}

// claim claims those of the messages that are still due.
func (t *txn) claim(found []int64, lease time.Duration) (out []webhook.Delivery, err error) {
	now := time.Now()
	for _, n := range found {
		var d webhook.Delivery
		due, err := t.exec(qClaim, n, listing.Nanos(now), listing.Nanos(now.Add(lease)))
		if err != nil {
			return nil, err
		}
		if due == 0 {
			continue
		}
		if _, d.Message, err = record.ScanMessage(t.stmt(qClaimed).QueryRowContext(t.ctx, n), &d.Claim.Token, &d.Tried); err != nil {
			return nil, err
		}
		d.Claim.Message = d.Message.ID
		out = append(out, d)
	}
	return out, nil
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
	now := time.Now()
	due := listing.Nanos(now.Add(next.Wait))
	recorded, err := t.exec(qRecord, claim.Message, claim.Token, string(next.State), due, listing.Nanos(now))
	if err != nil {
		return err
	}
	if recorded == 0 {
		return webhook.ErrStaleClaim
	}
	var n int64
	var invoiceID, url, project string
	if err := t.row(qRecorded, []any{claim.Message}, &n, &invoiceID, &url, &project); err != nil {
		return err
	}
	if _, err := t.exec(qInsertAttempt, n, record.Stamp(attempt.At), int64(attempt.Duration), attempt.Status, attempt.Excerpt, attempt.Error); err != nil {
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
	return t.release(url, project, invoiceID, now)
}

// release makes the next message of an invoice to a URL claimable.
func (t *txn) release(url, project, invoiceID string, now time.Time) error {
	var some bool
	if err := t.row(qHeldBack, []any{url, project, invoiceID}, &some); err != nil || !some {
		return err
	}
	_, err := t.exec(qRelease, url, project, invoiceID, listing.Nanos(now))
	return err
}

// GiveUp implements [webhook.Outbox].
func (s *Store) GiveUp(ctx context.Context, q webhook.GiveUpQuery) (n int, err error) {
	before := listing.Nanos(time.Now().Add(-q.Overdue))
	claims, err := s.overdue(ctx, q.Endpoint, before, q.Limit)
	if err != nil || len(claims) == 0 {
		return 0, failed("give up messages", err) // without using the writer
	}
	err = s.writer.do(ctx, func(t *txn) error {
		claims, err := t.overdue(q.Endpoint, before, q.Limit)
		n = len(claims)
		for _, claim := range claims {
			if _, err := t.exec(qOpen, claim.Message); err != nil {
				return err
			}
			if err := t.record(claim, q.Attempt, webhook.Next{State: webhook.StateDead}); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return 0, failed("give up messages", err)
	}
	return n, nil
}

func (s *Store) overdue(ctx context.Context, endpoint string, before int64, limit int) ([]webhook.Claim, error) {
	found, err := s.stmts[qOverdue].QueryContext(ctx, endpoint, before, limit)
	if err != nil {
		return nil, err
	}
	return collect(found, scanClaim)
}

func (t *txn) overdue(endpoint string, before int64, limit int) ([]webhook.Claim, error) {
	found, err := t.query(qOverdue, endpoint, before, limit)
	if err != nil {
		return nil, err
	}
	return collect(found, scanClaim)
}

func scanClaim(row record.Row) (c webhook.Claim, err error) {
	err = row.Scan(&c.Message, &c.Token)
	return c, err
}

// NextDue implements [webhook.Outbox].
func (s *Store) NextDue(ctx context.Context) (wait time.Duration, some bool, err error) {
	var due int64
	err = s.stmts[qNextDue].QueryRowContext(ctx).Scan(&due)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, failed("read next due message", err)
	}
	return max(0, time.Until(time.Unix(0, due))), true, nil
}

// History implements [webhook.Outbox].
func (s *Store) History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error) {
	found, err := s.stmts[qHistory].QueryContext(ctx, invoiceID, after)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read history of invoice %s: %w", invoiceID, err)
	}
	defer found.Close()
	out, err := record.ScanHistory(found)
	if err = cmp.Or(err, found.Err()); err != nil {
		return nil, fmt.Errorf("sqlite: read history of invoice %s: %w", invoiceID, err)
	}
	return out, nil
}

// Resend implements [webhook.Outbox].
func (s *Store) Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error) {
	var m invoice.Message
	err := s.writer.do(ctx, func(t *txn) error {
		n, latest, err := record.ScanMessage(t.stmt(qLatest).QueryRowContext(t.ctx, invoiceID, receiver))
		if errors.Is(err, sql.ErrNoRows) {
			return invoice.ErrNotFound
		} else if err != nil {
			return err
		}
		m = latest
		if _, err := t.exec(qDeleteGone, m.URL, m.Project); err != nil {
			return err
		}
		if _, err := t.exec(qResend, n); err != nil {
			return err
		}
		return t.release(m.URL, m.Project, m.Subject(), time.Now())
	})
	if err != nil {
		return invoice.Message{}, fmt.Errorf("sqlite: resend for invoice %s: %w", invoiceID, err)
	}
	return m, nil
}
