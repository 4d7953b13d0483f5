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
	damaged string
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// damage makes an invoice unreadable where many are answered.
func (f *failing) damage(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.damaged = id
}

func (f *failing) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	found, err := f.backend.InvoicesAt(ctx, places)
	f.mu.Lock()
	defer f.mu.Unlock()
	whole := slices.DeleteFunc(found, func(inv invoice.Invoice) bool { return inv.ID == f.damaged })
	if err == nil && len(whole) < len(found) {
		err = &invoice.DamagedError{Invoices: []string{f.damaged}, Err: errors.New("bad document")}
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
