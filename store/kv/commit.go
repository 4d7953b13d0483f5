package kv

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
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
			d := t.doc(p.Invoice)
			t.require(d.Invoice.Version > 0, conflict("payment %v: no such invoice", p.Key)) // else nobody would ever see the money
			d.putPayment(p)
		}
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
			t.require(p.Version == old.Version+1, conflict("progress of %s", p.Network))
			t.store(at, p)
		}
	})
}

func conflict(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, invoice.ErrConflict)...)
}

func (t *txn) putInvoice(inv invoice.Invoice, fitting bool) {
	d := t.doc(inv.ID)
	t.require(fitting && inv.Version == d.Invoice.Version+1, conflict("invoice %s", inv.ID))
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

// event has its body as bytes: in JSON a RawMessage would not stay as it is.
type event struct {
	invoice.Event
	Body []byte
}

func (t *txn) addEvent(ev invoice.Event) {
	history, position := key("history", ev.Invoice, uint64(ev.Seq)), t.next()
	t.require(t.get(history) == "", conflict("event %d of invoice %s", ev.Seq, ev.Invoice))
	ev.Position = int64(position)
	t.store(key("feed", position), event{ev, ev.Body})
	t.put(history, key("feed", position))
}

func (t *txn) addMessage(m invoice.Message) {
	d, state := t.doc(m.Invoice), webhook.StateDue
	t.require(d.Invoice.Version > 0, conflict("message %s: no such invoice", m.ID))
	t.require(d.message(m.ID) == nil, conflict("message %s", m.ID))
	if t.get(key("gone", m.Project, m.URL)) != "" {
		state = webhook.StateDead
	}
	d.addMessage(message{Record: webhook.Record{Message: m, State: state, Due: time.Now().UTC()}, N: t.next()})
	d.release(m.URL, time.Now().UTC())
}

// ReserveIndexes implements [invoice.Store].
func (s *Store) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return update(ctx, s, "reserve indexes", func(t *txn) uint32 {
		var first uint32
		t.load(key("wallet", wallet), &first)
		t.require(n <= math.MaxUint32-first, errors.New("the wallet has no more"))
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
		}
		name, hash := key("project name", p.Owner, p.Name), key("project key", p.KeyHash)
		t.require(fitting && p.Version == old.Version+1, conflict("project %s", p.ID))
		t.require(t.get(name) == "", invoice.ErrDuplicateProject)
		t.require(t.get(hash) == "", conflict("key of project %s", p.ID))
		t.put(name, p.ID)
		t.put(hash, p.ID)
		t.store(key("project", p.ID), p)
	})
}
