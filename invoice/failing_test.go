package invoice_test

import (
	"context"
	"sync"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

type backend = store.Backend

func newStore() backend { return store.NewMemory() }

// failing is a store whose commits can be made to fail.
type failing struct {
	backend
	mu  sync.Mutex
	err error
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
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
