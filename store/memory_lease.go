package store

import (
	"context"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
)

var _ invoice.Leaser = (*Memory)(nil)

// lease is the holder of a duty and the end of its time.
type lease struct {
	invoice.Lease
	until time.Time
}

// Lease implements [invoice.Leaser]. It uses the system clock.
func (m *Memory) Lease(ctx context.Context, duty, holder string, ttl time.Duration) (invoice.Lease, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	l := m.leases[duty]
	running := now.Before(l.until)
	if running && l.Holder != holder {
		return invoice.Lease{}, fmt.Errorf("store: lease %q: %w", duty, invoice.ErrLeased)
	}
	if !running {
		l.Lease = invoice.Lease{Duty: duty, Holder: holder, Token: l.Token + 1}
	}
	l.until = now.Add(ttl)
	m.leases[duty] = l
	return l.Lease, nil
}

// Release implements [invoice.Leaser].
func (m *Memory) Release(ctx context.Context, l invoice.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if newest := m.leases[l.Duty]; newest.Lease == l {
		newest.until = time.Time{}
		m.leases[l.Duty] = newest
	}
	return nil
}

// checkFence refuses a batch whose lease has been taken over.
func (m *Memory) checkFence(fence invoice.Lease) error {
	if m.leases[fence.Duty].Token > fence.Token && fence != (invoice.Lease{}) {
		return fmt.Errorf("lease %q: %w", fence.Duty, invoice.ErrFenced)
	}
	return nil
}
