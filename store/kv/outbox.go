package kv

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// claimable returns the value under the endpoint and due time of a message: enough to find both without reading more.
func claimable(endpoint string, at site) string { return endpoint + "\x00" + at.String() }

// claimed returns the message that the entry leads to, or nil. Entries of before have its id.
func (t *txn) claimed(e entry) *message {
	_, to, _ := strings.Cut(e.value, "\x00")
	if at, is := siteOf(to); is {
		return t.messageAt(at)
	}
	return t.message(to)
}

// Claim implements [webhook.Outbox]. It uses the system clock.
func (s *Store) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	now := time.Now().UTC()
	type todo struct{ ahead, due bool }
	// Mostly there is nothing to claim, and then nothing is written.
	found, err := view(ctx, s, "look for messages", func(t *txn) todo {
		return todo{len(t.ahead(now)) > 0, len(t.claimable(q, now)) > 0}
	})
	if err != nil || found == (todo{}) {
		return nil, err
	}
	if found.ahead {
		if err := s.change(ctx, "set waits back", func(t *txn) { t.setBack(now) }); err != nil {
			return nil, err
		}
	}
	return update(ctx, s, "claim messages", func(t *txn) (out []webhook.Delivery) {
		for _, e := range t.claimable(q, now) {
			m := t.claimed(e)
			if m != nil {
				t.fill(m)
			}
			if t.postponed(e, now.Add(q.Lease)) {
				continue
			}
			if m == nil || e.key != key("due", m.Message.Endpoint, m.Due, m.N) { // the entry was postponed, and the document does not know it
				t.delete(e.key)
			}
			if m == nil || !m.due() {
				continue
			}
			m.Token, m.Open, m.Due, m.Since = m.Token+1, true, now.Add(q.Lease), now
			t.keep(m)
			out = append(out, webhook.Delivery{Claim: webhook.Claim{Message: m.Message.ID, Token: m.Token}, Message: m.Message, Tried: m.Tried})
		}
		return out
	})
}

// ahead returns some entries of messages whose wait begins in the future.
func (t *txn) ahead(now time.Time) []entry {
	return t.firstOf("since", span{key("since", now.Add(1)), under("since").to}, scanned)
}

// setBack lets waits count from now that began when the clock was ahead. It leaves those of damaged documents.
func (t *txn) setBack(now time.Time) {
	for _, e := range t.ahead(now) {
		m := t.message(e.value)
		if !t.passedOver() && m != nil {
			m.Due, m.Since = now.Add(m.Due.Sub(m.Since)), now
			t.keep(m)
			continue
		}
		t.delete(e.key)
	}
}

// passedOver reports whether the transaction has failed because of a damaged document. It clears that error and leaves
// the document as it is.
func (t *txn) passedOver() bool {
	var damaged *invoice.DamagedError
	if !errors.As(t.err, &damaged) {
		return false
	}
	t.err = nil
	for _, id := range damaged.Invoices {
		t.forget(id)
	}
	return true
}

// postponed reports whether the document of the entry is damaged. The entry then comes back later, like that of a claim
// that is never recorded, so that others are sent meanwhile.
func (t *txn) postponed(e entry, due time.Time) bool {
	if !t.passedOver() {
		return false
	}
	endpoint, _, _ := strings.Cut(e.value, "\x00")
	number := e.key[len(e.key)-8:] // makes the key unique
	t.delete(e.key)
	t.put(key("due", endpoint, due)+number, e.value)
	return true
}

// firstOf returns the first entries of a span.
func (t *txn) firstOf(kind string, s span, limit int) (out []entry) {
	if t.err != nil {
		return nil
	}
	t.fail(t.tx.Scan([]byte(s.from), []byte(s.to), func(k, v []byte) bool {
		out = append(out, entry{kind, string(k), string(v)})
		return len(out) < limit
	}))
	return out
}

// heads yields, for each endpoint, the entry that is due first.
func (t *txn) heads() iter.Seq2[string, entry] {
	return func(yield func(endpoint string, e entry) bool) {
		all := under("due")
		for t.err == nil {
			found := t.firstOf("due", all, 1)
			if len(found) == 0 || t.err != nil {
				return
			}
			endpoint, _, _ := strings.Cut(found[0].value, "\x00")
			if !yield(endpoint, found[0]) {
				return
			}
			all.from = under("due", endpoint).to
		}
	}
}

// claimable returns the entries of the messages to claim. It reads more of the endpoints whose first message has been due
// longest.
func (t *txn) claimable(q webhook.ClaimQuery, now time.Time) (due []entry) {
	for endpoint, e := range t.heads() {
		if !dueOf(e.key).After(now) && !q.Skips(endpoint) {
			due = append(due, e)
		}
	}
	if q.Limit <= 0 {
		return nil
	}
	slices.SortFunc(due, byDue)
	due = due[:min(len(due), q.Limit)]
	most := q.Limit
	if q.PerEndpoint > 0 {
		most = min(most, q.PerEndpoint)
	}
	for _, head := range slices.Clone(due) {
		endpoint, _, _ := strings.Cut(head.value, "\x00")
		rest := span{head.key + "\x00", key("due", endpoint, now.Add(1))}
		if most > 1 {
			due = append(due, t.firstOf("due", rest, most-1)...)
		}
	}
	slices.SortFunc(due, byDue)
	return due[:min(len(due), q.Limit)]
}

// byDue orders entries of all endpoints by time and number.
func byDue(a, b entry) int { return strings.Compare(a.key[len(a.key)-20:], b.key[len(b.key)-20:]) }

// dueOf decodes the time in the key of an entry.
func dueOf(k string) time.Time { return keyTime(k[len(k)-20:]) }

// Record implements [webhook.Outbox].
func (s *Store) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	switch next.State {
	case webhook.StateDue, webhook.StateDelivered, webhook.StateDead:
	default:
		return fmt.Errorf("kv: record attempt of message %s: unknown state %q", claim.Message, next.State)
	}
	return s.change(ctx, "record attempt", func(t *txn) {
		m := t.message(claim.Message)
		if m == nil || !m.Open || m.Token != claim.Token {
			t.fail(webhook.ErrStaleClaim)
			return
		}
		t.end(m, attempt, next)
		if next.Gone {
			t.disable(m.Message.Project, m.Message.URL)
		}
	})
}

// end adds an attempt and its consequences. A message that is dead because its URL is gone stays dead.
func (t *txn) end(m *message, attempt webhook.Attempt, next webhook.Next) {
	now := time.Now().UTC()
	m.Open, m.Tried, m.Attempts = false, m.Tried+1, append(m.Attempts, attempt)
	if next.State != webhook.StateDue {
		m.State, m.Ready = next.State, false
	} else if m.due() {
		m.Due, m.Since = now.Add(next.Wait), now
	}
	t.keep(m)
	t.freeNext(m, now)
}

// GiveUp implements [webhook.Outbox].
func (s *Store) GiveUp(ctx context.Context, q webhook.GiveUpQuery) (int, error) {
	before := time.Now().UTC().Add(-q.Overdue)
	overdue := func(t *txn) []entry {
		if q.Limit <= 0 {
			return nil
		}
		return t.firstOf("due", span{under("due", q.Endpoint).from, key("due", q.Endpoint, before)}, q.Limit)
	}
	found, err := view(ctx, s, "look for messages to give up", overdue)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return update(ctx, s, "give up messages", func(t *txn) (n int) {
		for _, e := range overdue(t) {
			m := t.claimed(e)
			if t.postponed(e, time.Now().UTC()) {
				continue
			}
			if m == nil || !m.due() {
				t.delete(e.key)
				continue
			}
			t.end(m, q.Attempt, webhook.Next{State: webhook.StateDead})
			n++
		}
		return n
	})
}

// NextDue implements [webhook.Outbox].
func (s *Store) NextDue(ctx context.Context) (wait time.Duration, some bool, err error) {
	due, err := view(ctx, s, "read next due message", func(t *txn) (first time.Time) {
		some = false
		for _, e := range t.heads() {
			if at := dueOf(e.key); !some || at.Before(first) {
				first, some = at, true
			}
		}
		return first
	})
	if err != nil || !some {
		return 0, false, err
	}
	return max(0, time.Until(due)), true, nil
}

// History implements [webhook.Outbox].
func (s *Store) History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error) {
	return view(ctx, s, "read history", func(t *txn) (out []webhook.Record) {
		all := t.messages(invoiceID, after)
		t.fill(all...)
		for _, m := range all {
			out = append(out, m.record())
		}
		return out
	})
}

// Resend implements [webhook.Outbox].
func (s *Store) Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error) {
	return update(ctx, s, "resend", func(t *txn) invoice.Message {
		var m *message
		for _, other := range t.messages(invoiceID, 0) {
			if other.Message.Receiver == receiver {
				m = other
			}
		}
		if m != nil {
			m = t.message(m.Message.ID)
		}
		if m == nil {
			t.fail(invoice.ErrNotFound)
			return invoice.Message{}
		}
		now := time.Now().UTC()
		m.State, m.Due, m.Since, m.Tried, m.Open, m.Ready = webhook.StateDue, now, now, 0, false, false
		t.keep(m)
		t.freeNext(m, now)
		t.delete(key("gone", m.Message.Project, m.Message.URL))
		t.fill(m)
		return m.Message
	})
}
