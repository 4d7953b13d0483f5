package postgres

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/jackc/pgx/v5"
)

var _ store.MessageSecrets = (*Store)(nil)

// MessageSecrets implements [store.MessageSecrets], in the order of the ids. It returns only the id and the secret of a
// message.
func (s *Store) MessageSecrets(ctx context.Context, after string, limit int) ([]invoice.Message, error) {
	var out []invoice.Message
	err := again(ctx, func() (err error) {
		out, err = collect(ctx, s.pool, func(row pgx.CollectableRow) (m invoice.Message, err error) {
			err = row.Scan(&m.ID, &m.Secret)
			return m, err
		}, qSecrets, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read secrets of messages: %w", err)
	}
	return out, nil
}

// ReplaceSecrets implements [store.MessageSecrets].
func (s *Store) ReplaceSecrets(ctx context.Context, changes []store.SecretChange) error {
	var ids, from, to []string
	for _, c := range changes {
		ids, from, to = append(ids, c.Message), append(from, c.From), append(to, c.To)
	}
	err := again(ctx, func() error {
		_, err := s.pool.Exec(ctx, qReplaceSecrets, ids, from, to)
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: replace secrets of messages: %w", err)
	}
	return nil
}
