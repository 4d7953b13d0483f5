package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// payments holds all payments, with the orders in which they are looked up.
type payments struct {
	byKey map[chain.Key]invoice.Payment
	open  map[string]map[chain.Key]bool // of each invoice, those that are not settled

	keys    ordered[chain.Key]
	heights ordered[atHeight] // without those that are withdrawn
	of      ordered[paidTo]
}

type atHeight struct {
	network chain.Network
	height  uint64
	key     chain.Key
}

type paidTo struct {
	invoice string
	key     chain.Key
}

func newPayments() payments {
	return payments{
		byKey: map[chain.Key]invoice.Payment{},
		open:  map[string]map[chain.Key]bool{},
		keys:  ordered[chain.Key]{compare: compareKeys},
		heights: ordered[atHeight]{compare: func(a, b atHeight) int {
			return cmp.Or(cmp.Compare(a.network, b.network), cmp.Compare(a.height, b.height), compareKeys(a.key, b.key))
		}},
		of: ordered[paidTo]{compare: func(a, b paidTo) int {
			return cmp.Or(cmp.Compare(a.invoice, b.invoice), compareKeys(a.key, b.key))
		}},
	}
}

func compareKeys(a, b chain.Key) int {
	return cmp.Or(
		cmp.Compare(a.Network, b.Network),
		cmp.Compare(a.TxID, b.TxID),
		cmp.Compare(a.Index, b.Index))
}

func heightOf(p invoice.Payment) atHeight { return atHeight{p.Key.Network, p.Height(), p.Key} }

// put stores the payment, in place of the one with its key.
func (x *payments) put(u *undo, p invoice.Payment) {
	old, had := x.byKey[p.Key]
	if had {
		x.forget(old)
	}
	x.remember(p)
	u.add(func() {
		x.forget(p)
		if had {
			x.remember(old)
		}
	})
}

func (x *payments) remember(p invoice.Payment) {
	x.byKey[p.Key] = p
	x.keys.add(p.Key)
	x.of.add(paidTo{p.Invoice, p.Key})
	if !p.Withdrawn {
		x.heights.add(heightOf(p))
	}
	if !p.Settled {
		if x.open[p.Invoice] == nil {
			x.open[p.Invoice] = map[chain.Key]bool{}
		}
		x.open[p.Invoice][p.Key] = true
	}
}

func (x *payments) forget(p invoice.Payment) {
	delete(x.byKey, p.Key)
	delete(x.open[p.Invoice], p.Key)
	x.keys.remove(p.Key)
	x.of.remove(paidTo{p.Invoice, p.Key})
	x.heights.remove(heightOf(p))
}

// putPayment refuses a payment of an unknown invoice: the money would never be seen.
func (m *Memory) putPayment(u *undo, p invoice.Payment) error {
	if stored, ok := m.payments.byKey[p.Key]; ok && stored.Invoice != p.Invoice {
		return conflict(p.Invoice, "payment %v belongs to invoice %s", p.Key, stored.Invoice)
	}
	if _, ok := m.invoices[p.Invoice]; !ok {
		return conflict(p.Invoice, "payment %v of an unknown invoice", p.Key)
	}
	m.payments.put(u, clonePayment(p))
	return nil
}

// snapshot returns a copy of the invoice with its open payments and the named ones.
func (m *Memory) snapshot(id string, named ...chain.Key) invoice.Invoice {
	inv := cloneInvoice(m.invoices[id])
	for key := range m.payments.open[id] {
		named = append(named, key)
	}
	slices.SortFunc(named, compareKeys)
	for _, key := range slices.Compact(named) {
		inv.Payments = append(inv.Payments, clonePayment(m.payments.byKey[key]))
	}
	return inv
}

// paid returns copies of the invoices that the payments with these keys belong to.
func (m *Memory) paid(keys []chain.Key) []invoice.Invoice {
	found := map[string][]chain.Key{}
	for _, key := range keys {
		if p, known := m.payments.byKey[key]; known {
			found[p.Invoice] = append(found[p.Invoice], key)
		}
	}
	var out []invoice.Invoice
	for id, named := range found {
		out = append(out, m.snapshot(id, named...))
	}
	return out
}

// InvoicesPaid implements [invoice.Reader].
func (m *Memory) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("store: read invoices by payment: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := q.Keys
	switch {
	case q.TxID != "":
		keys = m.payments.in(q.Network, q.TxID)
	case q.From > 0:
		keys = m.payments.from(q.Network, q.From)
	}
	return m.paid(keys), nil
}

// in returns the keys of the payments of a transaction.
func (x *payments) in(network chain.Network, txID string) (keys []chain.Key) {
	for key := range x.keys.from(chain.Key{Network: network, TxID: txID}) {
		if key.Network != network || key.TxID != txID {
			break
		}
		keys = append(keys, key)
	}
	return keys
}

// from returns the keys of the payments at the height or above it that are not withdrawn.
func (x *payments) from(network chain.Network, height uint64) (keys []chain.Key) {
	for at := range x.heights.from(atHeight{network: network, height: height}) {
		if at.network != network {
			break
		}
		keys = append(keys, at.key)
	}
	return keys
}

// PaidInvoices implements [invoice.PaidLister].
func (m *Memory) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Invoice
	for len(out) < limit {
		next := ""
		for to := range m.payments.of.from(paidTo{invoice: after + "\x00"}) {
			next = to.invoice
			break
		}
		if next == "" {
			break
		}
		out = append(out, m.snapshot(next))
		after = next
	}
	return out, nil
}

// Payments implements [invoice.Reader].
func (m *Memory) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Payment
	for to := range m.payments.of.from(paidTo{id, after}) {
		if to.invoice != id || len(out) >= limit {
			break
		}
		if to.key != after {
			out = append(out, clonePayment(m.payments.byKey[to.key]))
		}
	}
	return out, nil
}
