package kv

import (
	"context"
	"errors"
	"slices"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

var _ store.MessageSecrets = (*Store)(nil)

// MessageSecrets implements [store.MessageSecrets]. Messages are in the order of their ids, except for ids of more than
// 100 bytes. With an [invoice.DamagedError] it returns the messages of the other invoices.
func (s *Store) MessageSecrets(ctx context.Context, after string, limit int) ([]invoice.Message, error) {
	return view(ctx, s, "read secrets of messages", func(t *txn) (out []invoice.Message) {
		all := under("message")
		if after != "" {
			all.from = key("message", after) + "\x00"
		}
		var damaged []string
		for k, value := range t.scan(all) {
			if len(out) >= limit {
				break
			}
			at, is := siteOf(value)
			var m *message
			if is {
				m = t.messageAt(at)
			} else {
				at.owner = value
				m = t.packedIn(value, k)
			}
			if t.passedOver() {
				damaged = append(damaged, at.owner)
			} else if m != nil {
				out = append(out, m.Message)
			}
		}
		if len(damaged) > 0 {
			t.fail(&invoice.DamagedError{Invoices: slices.Compact(damaged), Err: errors.New("its messages cannot be read")})
		}
		return out
	})
}

// ReplaceSecrets implements [store.MessageSecrets].
func (s *Store) ReplaceSecrets(ctx context.Context, changes []store.SecretChange) error {
	return s.change(ctx, "replace secrets of messages", func(t *txn) {
		for _, c := range changes {
			if m := t.message(c.Message); m != nil && m.Message.Secret == c.From {
				m.Message.Secret = c.To
				t.keep(m)
			}
		}
	})
}
