package invoice_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

type backend = store.Backend

func newStore() backend { return store.NewMemory() }

// failing is a store whose commits can be made to fail.
type failing struct {
	backend

	mu      sync.Mutex
	err     error
	damaged []string
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// damage makes invoices, and no others, unreadable where many are answered.
func (f *failing) damage(ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.damaged = ids
}

func (f *failing) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	found, err := f.backend.InvoicesAt(ctx, places)
	return f.whole(found, err)
}

func (f *failing) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	found, err := f.backend.InvoicesPaid(ctx, q)
	return f.whole(found, err)
}

// whole are those that can be read.
func (f *failing) whole(found []invoice.Invoice, err error) ([]invoice.Invoice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var whole []invoice.Invoice
	var damaged []string
	for _, inv := range found {
		if slices.Contains(f.damaged, inv.ID) {
			damaged = append(damaged, inv.ID)
		} else {
			whole = append(whole, inv)
		}
	}
	if err == nil && len(damaged) > 0 {
		err = &invoice.DamagedError{Invoices: damaged, Err: errors.New("bad document")}
	}
	return whole, err
}

func (f *failing) Commit(ctx context.Context, b invoice.Batch) error {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.backend.Commit(ctx, b)
}
