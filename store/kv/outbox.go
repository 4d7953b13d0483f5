package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// claimable is what is kept of a message under its due time: enough to pass over it without reading it.
func claimable(endpoint, id string) string { return endpoint + "\x00" + id }

// Claim implements [webhook.Outbox].
func (s *Store) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	// Most often there is nothing to claim, and nothing need be written to say so.
	if due, err := view(ctx, s, "look for messages", func(t *txn) []entry { return t.claimable(q) }); err != nil || len(due) == 0 {
		return nil, err
	}
	return update(ctx, s, "claim messages", func(t *txn) (out []webhook.Delivery) {
		for _, e := range t.claimable(q) {
			_, id, _ := strings.Cut(e.value, "\x00")
			m := t.message(id)
			if t.postponed(e, q) {
				continue
			}
			if m == nil || e.key != key("due", m.Due, m.N) { // it was postponed, and is not known to the document
				t.delete(e.key)
			}
			if m == nil || !m.due() {
				continue
			}
			m.Token, m.Open, m.Due = m.Token+1, true, q.Now.Add(q.Lease)
			out = append(out, webhook.Delivery{Claim: webhook.Claim{Message: id, Token: m.Token}, Message: m.Message, Tried: m.Tried})
		}
		return out
	})
}

// postponed says whether the entry's document is damaged. Then the entry comes back after the lease, as that
// of a claim that is never recorded, so that others are told meanwhile.
func (t *txn) postponed(e entry, q webhook.ClaimQuery) bool {
	var damaged *invoice.DamagedError
	if !errors.As(t.err, &damaged) {
		return false
	}
	t.err = nil
	for _, id := range damaged.Invoices {
		t.forget(id)
	}
	number := e.key[len(e.key)-8:] // keeps it apart from all others
	t.delete(e.key)
	t.put(key("due", q.Now.Add(q.Lease))+number, e.value)
	return true
}

// claimable are the entries of the messages to claim.
func (t *txn) claimable(q webhook.ClaimQuery) (due []entry) {
	taken := map[string]int{}
	for k, v := range t.scan(span{key("due"), key("due", q.Now.Add(1))}) {
		if len(due) >= q.Limit {
			break
		}
		endpoint, _, _ := strings.Cut(v, "\x00")
		if slices.Contains(q.Skip, endpoint) || q.PerEndpoint > 0 && taken[endpoint] >= q.PerEndpoint {
			continue
		}
		taken[endpoint]++
		due = append(due, entry{"due", k, v})
	}
	return due
}

// message is the message in its document, to be changed; nil if there is none.
func (t *txn) message(id string) *message {
	owner := t.get(key("message", id))
	if owner == "" {
		return nil
	}
	return t.doc(owner).message(id)
}

// Record implements [webhook.Outbox].
func (s *Store) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	switch next.State {
	case webhook.StateDue, webhook.StateDelivered, webhook.StateDead:
	default:
		return fmt.Errorf("kv: record attempt of message %s: unknown state %q", claim.Message, next.State)
	}
	return s.change(ctx, "record attempt", func(t *txn) {
		m := t.message(claim.Message)
		if m == nil || !m.due() || !m.Open || m.Token != claim.Token {
			t.fail(webhook.ErrStaleClaim)
			return
		}
		m.State, m.Due, m.Open, m.Tried, m.Attempts = next.State, next.Due, false, m.Tried+1, append(m.Attempts, attempt)
		if next.Gone {
			t.disable(m.Message.Project, m.Message.URL)
		}
	})
}

// disable makes all messages of the project to the URL dead that are still to be told, and later ones.
func (t *txn) disable(project, url string) {
	for _, owner := range t.scan(under("undelivered", project, url)) {
		d := t.doc(owner)
		for i, m := range d.Messages {
			if m.Message.Project == project && m.Message.URL == url && m.due() {
				d.Messages[i].State = webhook.StateDead
			}
		}
	}
	t.put(key("gone", project, url), "gone")
}

// NextDue implements [webhook.Outbox].
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	return view(ctx, s, "read next due message", func(t *txn) time.Time {
		for k := range t.scan(under("due")) {
			return keyTime("due", k)
		}
		return time.Time{}
	})
}

// History implements [webhook.Outbox].
func (s *Store) History(ctx context.Context, invoiceID string) ([]webhook.Record, error) {
	return view(ctx, s, "read history", func(t *txn) (out []webhook.Record) {
		if d := t.read(invoiceID); d != nil {
			for _, m := range d.Messages {
				out = append(out, m.record())
			}
		}
		return out
	})
}

// Resend implements [webhook.Outbox].
func (s *Store) Resend(ctx context.Context, invoiceID string, now time.Time) (invoice.Message, error) {
	return update(ctx, s, "resend", func(t *txn) invoice.Message {
		messages := t.doc(invoiceID).Messages
		if len(messages) == 0 {
			t.fail(invoice.ErrNotFound)
			return invoice.Message{}
		}
		m := &messages[len(messages)-1]
		m.State, m.Due, m.Tried, m.Open = webhook.StateDue, now, 0, false
		t.delete(key("gone", m.Message.Project, m.Message.URL))
		return m.Message
	})
}
