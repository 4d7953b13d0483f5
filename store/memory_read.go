package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Invoice implements [invoice.Reader].
func (m *Memory) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Invoice{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.invoices[id]; !ok {
		return invoice.Invoice{}, fmt.Errorf("store: invoice %s: %w", id, invoice.ErrNotFound)
	}
	return m.snapshot(id), nil
}

// snapshot copies the invoice together with its payments.
func (m *Memory) snapshot(id string) invoice.Invoice {
	inv := cloneInvoice(m.invoices[id])
	for _, p := range m.payments[id] {
		inv.Payments = append(inv.Payments, clonePayment(p))
	}
	slices.SortFunc(inv.Payments, func(a, b invoice.Payment) int { return compareKeys(a.Key, b.Key) })
	return inv
}

func compareKeys(a, b chain.Key) int {
	return cmp.Or(
		cmp.Compare(a.Network, b.Network),
		cmp.Compare(a.TxID, b.TxID),
		cmp.Compare(a.Index, b.Index))
}

// InvoiceByOrder implements [invoice.Reader].
func (m *Memory) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Invoice{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.orders[orderKey{project, orderID}]
	if !ok {
		return invoice.Invoice{}, fmt.Errorf("store: invoice with order id %q: %w", orderID, invoice.ErrNotFound)
	}
	return m.snapshot(id), nil
}

// Invoices implements [invoice.Reader].
func (m *Memory) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []invoice.Invoice
	for _, inv := range m.invoices {
		if q.Selects(inv) {
			found = append(found, inv)
		}
	}
	var last *invoice.Invoice
	if inv, ok := m.invoices[q.After]; ok {
		last = &inv
	}
	page := q.Page(found, last)
	for i, inv := range page.Invoices {
		page.Invoices[i] = m.snapshot(inv.ID)
	}
	return page, nil
}

// InvoicesAt implements [invoice.Reader].
func (m *Memory) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]bool{}
	for _, p := range places {
		for _, h := range m.places[p] {
			found[h.claims[len(h.claims)-1].Invoice] = true
			if n := len(h.claims); h.held && n > 1 {
				found[h.claims[n-2].Invoice] = true
			}
		}
	}
	return m.snapshots(found), nil
}

// InvoicesPaidBy implements [invoice.Reader].
func (m *Memory) InvoicesPaidBy(ctx context.Context, keys []chain.Key) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]bool{}
	for _, key := range keys {
		if id, paid := m.paidTo[key]; paid {
			found[id] = true
		}
	}
	return m.snapshots(found), nil
}

// InvoicesPaidIn implements [invoice.Reader].
func (m *Memory) InvoicesPaidIn(ctx context.Context, network chain.Network, txID string) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]bool{}
	for key, id := range m.paidTo {
		if key.Network == network && key.TxID == txID {
			found[id] = true
		}
	}
	return m.snapshots(found), nil
}

func (m *Memory) snapshots(ids map[string]bool) []invoice.Invoice {
	var out []invoice.Invoice
	for id := range ids {
		out = append(out, m.snapshot(id))
	}
	return out
}

// HeldSlots implements [invoice.Reader].
func (m *Memory) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for at, on := range m.places {
		if on[network].held && at.Address == address && at.Slot >= first && at.Slot <= last {
			out = append(out, at.Slot)
		}
	}
	slices.Sort(out)
	return out[:min(max(limit, 0), len(out))], nil
}

// PaidInvoices implements [invoice.Reader].
func (m *Memory) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, payments := range m.payments {
		if id > after && len(payments) > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out []invoice.Invoice
	for _, id := range ids[:min(max(limit, 0), len(ids))] {
		out = append(out, m.snapshot(id))
	}
	return out, nil
}

// InvoicesAbove implements [invoice.Reader].
func (m *Memory) InvoicesAbove(ctx context.Context, network chain.Network, height uint64) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Invoice
	for id, payments := range m.payments {
		for _, p := range payments {
			if p.Key.Network == network && !p.Withdrawn && p.Height() > height {
				out = append(out, m.snapshot(id))
				break
			}
		}
	}
	return out, nil
}

// InvoicesWaking implements [invoice.Reader].
func (m *Memory) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Invoice
	for id, inv := range m.invoices {
		if len(out) >= limit {
			break
		}
		if inv.Network() == network && wakes(inv.State.Wake, head) {
			out = append(out, m.snapshot(id))
		}
	}
	return out, nil
}

func wakes(w invoice.Wake, head chain.Head) bool {
	height := head.Height
	switch w.Tag {
	case invoice.FinalitySafe:
		height = head.Safe
	case invoice.FinalityFinalized:
		height = head.Finalized
	case invoice.FinalityDepth:
	}
	return w.Height != 0 && w.Height <= height || !w.Time.IsZero() && w.Time.Before(head.Time)
}

// Network implements [invoice.Reader].
func (m *Memory) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Progress{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return cloneProgress(m.networks[network]), nil
}

// Events implements [invoice.Reader].
func (m *Memory) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	missed := m.feed[min(max(after, 0), int64(len(m.feed))):]
	var out []invoice.Event
	for _, ev := range missed[:min(max(limit, 0), len(missed))] {
		out = append(out, cloneEvent(ev))
	}
	return out, nil
}

// InvoiceEvents implements [invoice.Reader].
func (m *Memory) InvoiceEvents(ctx context.Context, id string) ([]invoice.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Event
	for _, index := range m.eventsOf[id] {
		out = append(out, cloneEvent(m.feed[index]))
	}
	slices.SortFunc(out, func(a, b invoice.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return out, nil
}
