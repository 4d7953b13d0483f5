package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/record"
	"github.com/cointill/cointill/webhook"
	"github.com/jackc/pgx/v5"
)

// Claim implements [webhook.Outbox]. It uses the clock of the server.
func (s *Store) Claim(ctx context.Context, q webhook.ClaimQuery) (out []webhook.Delivery, err error) {
	err = again(ctx, func() (err error) {
		out, err = s.claim(ctx, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: claim messages: %w", err)
	}
	return out, nil
}

// rounds is how often claim looks for messages that no other process has just claimed.
const rounds = 3

// claim looks at the messages that have been due longest: mostly there are no others, or enough among them. Otherwise
// it steps from one endpoint to the next.
func (s *Store) claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	limit := int64(max(0, q.Limit))
	most := limit
	if q.PerEndpoint > 0 {
		most = min(most, int64(q.PerEndpoint))
	}
	far := 512 + 2*min(limit, 1<<20) // more than wanted, because others may be claiming the first
	// Never nil, which would be null.
	args := []any{append([]string{}, q.Skip...), append([]string{}, q.SkipPrefixes...), most, far, limit, nanos(q.Lease)}
	for range rounds {
		var looked, found int64
		batch := &pgx.Batch{}
		batch.Queue(qSetBack)
		batch.Queue(qLook, args[:4]...).QueryRow(func(row pgx.Row) error { return row.Scan(&looked, &found) })
		if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
			return nil, err
		}
		query := qClaim
		switch {
		case found < limit && looked == far:
			query = qClaimOfEach
		case found == 0:
			return nil, nil
		}
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return nil, err
		}
		page, err := pgx.CollectRows(rows, scanClaimed)
		if err != nil || len(page) > 0 || query == qClaimOfEach {
			return inOrder(page), err
		}
	}
	return nil, nil
}

// nanos returns a wait in nanoseconds, clipped so that it can be added to a time.
func nanos(wait time.Duration) int64 {
	const century = 100 * 365 * 24 * time.Hour
	return int64(min(max(0, wait), century))
}

func inOrder(page []claimed) []webhook.Delivery {
	slices.SortFunc(page, func(a, b claimed) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.n, b.n)) })
	out := make([]webhook.Delivery, len(page))
	for i, c := range page {
		out[i] = c.Delivery
	}
	return out
}

type claimed struct {
	webhook.Delivery
	n, due int64 // due is the time before the claim
}

func scanClaimed(from pgx.CollectableRow) (c claimed, err error) {
	c.n, c.Message, err = record.ScanMessage(from, &c.due, &c.Claim.Token, &c.Tried)
	c.Claim.Message = c.Message.ID
	return c, err
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

// record sends everything in one round trip, as one transaction. Only an endpoint that is gone takes more.
func (s *Store) record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	var url, project string
	batch := &pgx.Batch{}
	if !next.Gone {
		batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	}
	batch.Queue(qLockMessage, claim.Message)
	args := append([]any{claim.Message}, attemptArgs(attempt)...)
	batch.Queue(qRecord, append(args, claim.Token, string(next.State), nanos(next.Wait))...).QueryRow(func(found pgx.Row) error { return found.Scan(&url, &project) })
	batch.Queue(qReleaseNext, []string{claim.Message})
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

// storable replaces what a text in PostgreSQL cannot contain: the response of an endpoint must not prevent its attempt
// from being recorded.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func attemptArgs(a webhook.Attempt) []any {
	return []any{record.Stamp(a.At), int64(a.Duration), int64(a.Status), storable(a.Excerpt), storable(a.Error)}
}

// GiveUp implements [webhook.Outbox].
func (s *Store) GiveUp(ctx context.Context, q webhook.GiveUpQuery) (n int, err error) {
	err = again(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) error {
			invoices, err := collect(ctx, tx, pgx.RowTo[string], qLockOverdue, q.Endpoint, nanos(q.Overdue), int64(q.Limit))
			if err != nil || len(invoices) == 0 {
				n = 0
				return err
			}
			args := append([]any{invoices}, attemptArgs(q.Attempt)...)
			told, err := collect(ctx, tx, pgx.RowTo[string], qGiveUp, append(args, q.Endpoint, nanos(q.Overdue), int64(q.Limit))...)
			if n = len(told); err != nil || n == 0 {
				return err
			}
			_, err = tx.Exec(ctx, qReleaseNext, told)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("postgres: give up messages: %w", err)
	}
	return n, nil
}

// NextDue implements [webhook.Outbox].
func (s *Store) NextDue(ctx context.Context) (wait time.Duration, some bool, err error) {
	err = again(ctx, func() error { return s.pool.QueryRow(ctx, qNextDue).Scan(&wait) })
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, fmt.Errorf("postgres: read next due message: %w", err)
	}
	return max(0, wait), true, nil
}

// History implements [webhook.Outbox].
func (s *Store) History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error) {
	var out []webhook.Record
	err := again(ctx, func() error {
		found, err := s.pool.Query(ctx, qHistory, invoiceID, after)
		if err != nil {
			return err
		}
		defer found.Close()
		out, err = record.ScanHistory(found)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read history of invoice %s: %w", invoiceID, err)
	}
	return out, nil
}

// Resend implements [webhook.Outbox].
func (s *Store) Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error) {
	var m invoice.Message
	err := again(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, qLockInvoice, invoiceID); err != nil {
				return err
			}
			var err error
			if _, m, err = record.ScanMessage(tx.QueryRow(ctx, qLatest, invoiceID, receiver)); errors.Is(err, pgx.ErrNoRows) {
				return invoice.ErrNotFound
			} else if err != nil {
				return err
			}
			batch := &pgx.Batch{}
			batch.Queue(qDeleteGone, m.URL, m.Project)
			batch.Queue(qResend, m.ID)
			return tx.SendBatch(ctx, batch).Close()
		})
	})
	if err != nil {
		return invoice.Message{}, fmt.Errorf("postgres: resend for invoice %s: %w", invoiceID, err)
	}
	return m, nil
}
