package sqlite

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/record"
)

var _ store.MessageSecrets = (*Store)(nil)

// MessageSecrets implements [store.MessageSecrets], in the order of the ids. It returns only the id and the secret of a
// message.
func (s *Store) MessageSecrets(ctx context.Context, after string, limit int) ([]invoice.Message, error) {
	out, err := s.messageSecrets(ctx, after, limit)
	return out, failed("read secrets of messages", err)
}

func (s *Store) messageSecrets(ctx context.Context, after string, limit int) (out []invoice.Message, err error) {
	found, err := s.stmts[qSecrets].QueryContext(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	return collect(found, func(row record.Row) (m invoice.Message, err error) {
		err = row.Scan(&m.ID, &m.Secret)
		return m, err
	})
}

// ReplaceSecrets implements [store.MessageSecrets].
func (s *Store) ReplaceSecrets(ctx context.Context, changes []store.SecretChange) error {
	err := s.writer.do(ctx, func(t *txn) error {
		for _, c := range changes {
			if _, err := t.exec(qReplaceSecret, c.Message, c.From, c.To); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlite: replace secrets of messages: %w", err)
	}
	return nil
}
