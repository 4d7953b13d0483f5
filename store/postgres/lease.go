package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/jackc/pgx/v5"
)

// Lease implements [invoice.Leaser]. It uses the clock of the server.
func (s *Store) Lease(ctx context.Context, duty, holder string, ttl time.Duration) (invoice.Lease, error) {
	l := invoice.Lease{Duty: duty, Holder: holder}
	err := again(ctx, func() error {
		return s.pool.QueryRow(ctx, qLease, duty, holder, ttl.Microseconds()).Scan(&l.Token)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = invoice.ErrLeased
	}
	if err != nil {
		return invoice.Lease{}, fmt.Errorf("postgres: lease %q: %w", duty, err)
	}
	return l, nil
}

// Release implements [invoice.Leaser].
func (s *Store) Release(ctx context.Context, l invoice.Lease) error {
	err := again(ctx, func() error {
		_, err := s.pool.Exec(ctx, qReleaseLease, l.Duty, l.Token)
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: release %q: %w", l.Duty, err)
	}
	return nil
}
