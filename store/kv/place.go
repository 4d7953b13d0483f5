package kv

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// place records which invoice has a place on a network, or had it last.
type place struct {
	invoice.Claim
	Held   bool
	Before string `json:",omitempty"` // the invoice that had it before
}

func placeKey(c invoice.Claim) string {
	return key("place", string(c.Address), c.Slot, string(c.Network))
}

// heldKey returns the key that leads to the slot of a held place.
func heldKey(network chain.Network, address chain.Address, slot string) string {
	return key("held", string(network), string(address), whole(slot))
}

func (t *txn) release(r invoice.Release) {
	var p place
	t.load(placeKey(r.Claim), &p)
	t.require(p.Held && p.Invoice == r.Invoice, conflict(r.Invoice, "it does not hold %s, which it releases", r.Address))
	p.Held = false
	t.store(placeKey(r.Claim), p)
	t.delete(heldKey(r.Network, r.Address, r.Slot))
	if r.Reuse {
		t.store(key("free", r.Wallet, t.next()), r.Index)
	}
}

func (t *txn) claim(c invoice.Claim) {
	t.require(max(len(c.Address), len(c.Slot)) <= maxWhole, fmt.Errorf("an address or a slot has more than %d bytes", maxWhole))
	var before place
	t.load(placeKey(c), &before)
	t.require(!before.Held, conflict(c.Invoice, "it claims %s, which invoice %s holds", c.Address, before.Invoice))
	t.store(placeKey(c), place{c, true, before.Invoice})
	t.store(heldKey(c.Network, c.Address, c.Slot), c.Slot)
}

// InvoicesAt implements [invoice.Reader].
func (s *Store) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	spans := make([]span, len(places))
	for i, at := range places {
		spans[i] = under("place", string(at.Address), at.Slot)
	}
	return s.find(ctx, math.MaxInt, func(t *txn) iter.Seq[string] {
		return func(yield func(string) bool) {
			t.announce(spans)
			for _, span := range spans {
				for k, record := range t.scan(span) {
					var p place
					t.decode(k, record, &p)
					if !yield(p.Invoice) || p.Held && p.Before != "" && !yield(p.Before) {
						return
					}
				}
			}
		}
	})
}

// HeldSlots implements [invoice.SlotLister].
func (s *Store) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	return view(ctx, s, "read held slots", func(t *txn) (out []string) {
		for k, record := range t.scan(span{heldKey(network, address, first), heldKey(network, address, last) + "\x00"}) {
			if len(out) >= limit {
				break
			}
			var slot string
			if t.decode(k, record, &slot); slot >= first { // it may be less if first was cut
				out = append(out, slot)
			}
		}
		return out
	})
}

// TakeIndex implements [invoice.Store].
func (s *Store) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return update(ctx, s, "take index", func(t *txn) (index uint32) {
		for k, record := range t.scan(under("free", wallet)) {
			t.decode(k, record, &index)
			t.delete(k)
			return index
		}
		t.fail(invoice.ErrNotFound)
		return 0
	})
}
