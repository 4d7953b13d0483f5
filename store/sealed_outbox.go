package store

import (
	"context"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// sealedOutbox opens the secrets of messages. The other methods are those of the outbox behind it, which read nothing
// that is sealed.
type sealedOutbox struct {
	webhook.Outbox
	box box
}

func ownerOfMessage(id string) string { return id + "\x00message" }

// sealMessage returns the message with its secret sealed. Most messages have none.
func sealMessage(b box, m invoice.Message) (invoice.Message, error) {
	if m.Secret == "" {
		return m, nil
	}
	sealed, err := b.seal(ownerOfMessage(m.ID), m.Secret)
	if err != nil {
		return m, fmt.Errorf("secret of message %s: %w", m.ID, err)
	}
	m.Secret = sealed
	return m, nil
}

func (s sealedOutbox) opened(m invoice.Message) (invoice.Message, error) {
	secret, err := s.box.open(ownerOfMessage(m.ID), m.Secret)
	if err != nil {
		return invoice.Message{}, fmt.Errorf("store: secret of message %s: %w", m.ID, err)
	}
	m.Secret = secret
	return m, nil
}

// lockedWait is how long a message that cannot be opened waits: an operator has to restore the key first.
const lockedWait = 10 * time.Minute

// Claim implements [webhook.Outbox]. It returns no message that cannot be opened: without its secret, a message could
// come from anybody.
func (s sealedOutbox) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	list, err := s.Outbox.Claim(ctx, q)
	if err != nil {
		return nil, err
	}
	out := list[:0]
	for _, d := range list {
		m, locked := s.opened(d.Message)
		if locked == nil {
			d.Message = m
			out = append(out, d)
			continue
		}
		_ = s.Record(ctx, d.Claim, // if that fails, the claim runs out
			webhook.Attempt{At: time.Now().UTC(), Error: "not sent: " + locked.Error()},
			webhook.Next{State: webhook.StateDue, Wait: lockedWait})
	}
	return out, nil
}

// History implements [webhook.Outbox].
func (s sealedOutbox) History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error) {
	list, err := s.Outbox.History(ctx, invoiceID, after)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Message, err = s.opened(list[i].Message); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Resend implements [webhook.Outbox]. A message that cannot be opened is made due nevertheless.
func (s sealedOutbox) Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error) {
	m, err := s.Outbox.Resend(ctx, invoiceID, receiver)
	if err != nil {
		return m, err
	}
	return s.opened(m)
}
