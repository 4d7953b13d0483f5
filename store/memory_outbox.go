package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// message is a message in the outbox.
type message struct {
	invoice.Message
	n        int64 // how many were inserted before it
	state    webhook.State
	due      time.Time // when it may be claimed; the end of the lease while it is claimed
	token    int64     // of the newest claim
	open     bool      // that claim has not been recorded yet
	tried    int
	attempts []webhook.Attempt
}

// goneKey is a URL that takes no more messages of a project.
type goneKey struct{ project, url string }

// insertMessage makes the message due when its event happened, or dead if nobody wants it.
func (m *Memory) insertMessage(u *undo, in invoice.Message) error {
	if _, taken := m.messages[in.ID]; taken {
		return conflict(in.Invoice, "message %s is taken", in.ID)
	}
	msg := &message{Message: cloneMessage(in), n: m.inserted, state: webhook.StateDue, due: in.At}
	m.inserted++
	if m.gone[goneKey{in.Project, in.URL}] {
		msg.state = webhook.StateDead
	} else {
		set(u, m.due, in.ID, msg)
	}
	set(u, m.messages, in.ID, msg)
	set(u, m.messagesOf, in.Invoice, append(slices.Clone(m.messagesOf[in.Invoice]), msg))
	return nil
}

// heldBack says whether an earlier message of the invoice to the same URL is still to be told.
func (m *Memory) heldBack(msg *message) bool {
	return slices.ContainsFunc(m.messagesOf[msg.Invoice], func(other *message) bool {
		return other.URL == msg.URL && other.Seq < msg.Seq && other.state == webhook.StateDue
	})
}

// Claim implements [webhook.Outbox].
func (m *Memory) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*message
	for _, msg := range m.due {
		if !msg.due.After(q.Now) && !slices.Contains(q.Skip, msg.Endpoint) && !m.heldBack(msg) {
			found = append(found, msg)
		}
	}
	slices.SortFunc(found, func(a, b *message) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.n, b.n))
	})
	var out []webhook.Delivery
	perEndpoint := map[string]int{}
	for _, msg := range found {
		if len(out) >= q.Limit {
			break
		}
		if q.PerEndpoint > 0 && perEndpoint[msg.Endpoint] >= q.PerEndpoint {
			continue
		}
		perEndpoint[msg.Endpoint]++
		msg.token++
		msg.open = true
		msg.due = q.Now.Add(q.Lease)
		out = append(out, webhook.Delivery{
			Claim:   webhook.Claim{Message: msg.ID, Token: msg.token},
			Message: cloneMessage(msg.Message),
			Tried:   msg.tried,
		})
	}
	return out, nil
}

// Record implements [webhook.Outbox].
func (m *Memory) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	msg := m.due[claim.Message]
	if msg == nil || !msg.open || msg.token != claim.Token {
		return fmt.Errorf("store: record attempt of message %s: %w", claim.Message, webhook.ErrStaleClaim)
	}
	switch next.State {
	case webhook.StateDue, webhook.StateDelivered, webhook.StateDead:
	default:
		return fmt.Errorf("store: record attempt of message %s: unknown state %q", claim.Message, next.State)
	}
	msg.attempts = append(msg.attempts, attempt)
	msg.tried++
	msg.open = false
	msg.due = next.Due
	m.setState(msg, next.State)
	if next.Gone {
		m.gone[goneKey{msg.Project, msg.URL}] = true
		for _, other := range m.due {
			if other.Project == msg.Project && other.URL == msg.URL {
				m.setState(other, webhook.StateDead)
			}
		}
	}
	return nil
}

func (m *Memory) setState(msg *message, state webhook.State) {
	msg.state = state
	if state == webhook.StateDue {
		m.due[msg.ID] = msg
	} else {
		delete(m.due, msg.ID)
	}
}

// NextDue implements [webhook.Outbox].
func (m *Memory) NextDue(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var next *message
	for _, msg := range m.due {
		if !m.heldBack(msg) && (next == nil || msg.due.Before(next.due)) {
			next = msg
		}
	}
	if next == nil {
		return time.Time{}, nil
	}
	return next.due, nil
}

// History implements [webhook.Outbox].
func (m *Memory) History(ctx context.Context, invoiceID string) ([]webhook.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []webhook.Record
	for _, msg := range m.inOrder(invoiceID) {
		record := webhook.Record{
			Message:  cloneMessage(msg.Message),
			State:    msg.state,
			Attempts: slices.Clone(msg.attempts),
		}
		if msg.state == webhook.StateDue {
			record.Due = msg.due
		}
		out = append(out, record)
	}
	return out, nil
}

func (m *Memory) inOrder(invoiceID string) []*message {
	return slices.SortedFunc(slices.Values(m.messagesOf[invoiceID]), func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.n, b.n))
	})
}

// Resend implements [webhook.Outbox].
func (m *Memory) Resend(ctx context.Context, invoiceID string, now time.Time) (invoice.Message, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Message{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.inOrder(invoiceID)
	if len(all) == 0 {
		return invoice.Message{}, fmt.Errorf("store: resend for invoice %s: %w", invoiceID, invoice.ErrNotFound)
	}
	msg := all[len(all)-1]
	delete(m.gone, goneKey{msg.Project, msg.URL})
	msg.due = now
	msg.tried = 0
	msg.open = false // what is under way now was not asked for by this resend
	m.setState(msg, webhook.StateDue)
	return cloneMessage(msg.Message), nil
}
