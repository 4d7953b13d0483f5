package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

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

func (m *Memory) snapshots(ids map[string]bool) []invoice.Invoice {
	var out []invoice.Invoice
	for id := range ids {
		out = append(out, m.snapshot(id))
	}
	return out
}

// HeldSlots implements [invoice.SlotLister].
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
	case chain.FinalitySafe:
		height = head.Safe
	case chain.FinalityFinalized:
		height = head.Finalized
	case chain.FinalityDepth:
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
	if after > m.last {
		return nil, fmt.Errorf("store: events: %w", &invoice.PositionError{Position: after, Last: m.last})
	}
	first := sort.Search(len(m.feed), func(i int) bool { return m.feed[i].Position > after })
	missed := m.feed[first:]
	var out []invoice.Event
	for _, ev := range missed[:min(max(limit, 0), len(missed))] {
		out = append(out, cloneEvent(ev))
	}
	return out, nil
}

// InvoiceEvents implements [invoice.Reader].
func (m *Memory) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Event
	for _, index := range m.eventsOf[id] {
		if m.feed[index].Seq > after {
			out = append(out, cloneEvent(m.feed[index]))
		}
	}
	slices.SortFunc(out, func(a, b invoice.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return out, nil
}
