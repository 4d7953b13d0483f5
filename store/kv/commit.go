package kv

import (
	"context"
	"fmt"
	"math"

	"github.com/cointill/cointill/invoice"
)

// Commit implements [invoice.Store].
func (s *Store) Commit(ctx context.Context, b invoice.Batch) error {
	return s.change(ctx, "commit", func(t *txn) {
		for _, inv := range b.Insert {
			t.putInvoice(inv, inv.Version == 1)
		}
		for _, inv := range b.Update {
			t.putInvoice(inv, inv.Version > 1)
		}
		for _, r := range b.Releases {
			t.release(r)
		}
		for _, c := range b.Claims {
			t.claim(c)
		}
		for _, p := range b.Payments {
			t.putPayment(p)
		}
		t.skip(b.Skip)
		for _, ev := range b.Events {
			t.addEvent(ev)
		}
		for _, m := range b.Messages {
			t.addMessage(m)
		}
		for _, p := range b.Progress {
			var old invoice.Progress
			at := key("progress", string(p.Network))
			t.load(at, &old)
			t.require(p.Version == old.Version+1, fmt.Errorf("progress of %s: %w", p.Network, invoice.ErrConflict))
			t.store(at, p)
		}
	})
}

// conflict returns the refusal of an invoice's part of a batch.
func conflict(id, format string, args ...any) error {
	return &invoice.ConflictError{Invoice: id, Err: fmt.Errorf(format, args...)}
}

func (t *txn) putInvoice(inv invoice.Invoice, fitting bool) {
	d := t.doc(inv.ID)
	t.require(fitting && inv.Version == d.Invoice.Version+1, conflict(inv.ID, "version %d does not follow version %d", inv.Version, d.Invoice.Version))
	d.Invoice = inv
	if inv.Version > 1 || inv.OrderID == "" {
		return // an order id never changes
	}
	order := key("order", inv.Project, inv.OrderID)
	if owner := t.get(order); owner != "" {
		t.fail(&invoice.DuplicateOrderError{OrderID: inv.OrderID, Invoice: owner})
	}
	t.put(order, inv.ID)
}

// ReserveIndexes implements [invoice.Store].
func (s *Store) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return update(ctx, s, "reserve indexes", func(t *txn) uint32 {
		var first uint32
		t.load(key("wallet", wallet), &first)
		t.require(n <= math.MaxUint32-first, fmt.Errorf("wallet %q has fewer than %d indexes left: %w", wallet, n, invoice.ErrNoAddress))
		if n > 0 {
			t.store(key("wallet", wallet), first+n)
		}
		return first
	})
}

// InsertProject implements [invoice.ProjectStore].
func (s *Store) InsertProject(ctx context.Context, p invoice.Project) error {
	return s.putProject(ctx, p, p.Version == 1)
}

// UpdateProject implements [invoice.ProjectStore].
func (s *Store) UpdateProject(ctx context.Context, p invoice.Project) error {
	return s.putProject(ctx, p, p.Version > 1)
}

func (s *Store) putProject(ctx context.Context, p invoice.Project, fitting bool) error {
	return s.change(ctx, "store project", func(t *txn) {
		var old invoice.Project
		if t.load(key("project", p.ID), &old) {
			t.delete(key("project name", old.Owner, old.Name))
			t.delete(key("project key", old.KeyHash))
			t.delete(key("former project key", old.FormerKeyHash))
		}
		name, hash := key("project name", p.Owner, p.Name), key("project key", p.KeyHash)
		t.require(fitting && p.Version == old.Version+1, fmt.Errorf("project %s: %w", p.ID, invoice.ErrConflict))
		t.require(t.get(name) == "", invoice.ErrDuplicateProject)
		t.require(t.get(hash) == "", fmt.Errorf("key of project %s: %w", p.ID, invoice.ErrConflict))
		t.put(name, p.ID)
		t.put(hash, p.ID)
		if p.FormerKeyHash != "" {
			t.put(key("former project key", p.FormerKeyHash), p.ID)
		}
		t.store(key("project", p.ID), p)
	})
}
