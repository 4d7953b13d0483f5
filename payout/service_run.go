package payout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Run books what arrives, plans, signs, sends and observes until ctx ends; then it waits for everything it started and
// returns nil. A network or a store that fails never stops the others; they are tried again. Several processes may run on
// one store. Run returns an error for a service of [Service.WithTx].
func (s *Service) Run(ctx context.Context) error {
	if s.outer {
		return errors.New("payout: Run: the service works in a transaction (WithTx): run the original service instead")
	}
	var wg sync.WaitGroup
	for i, n := range s.order {
		wg.Go(func() {
			s.repeat(ctx, s.wakes[i], "pay "+string(n.id), func(ctx context.Context) error { return s.Look(ctx, n.id) })
		})
	}
	wg.Go(func() { s.repeat(ctx, s.wakes[len(s.order)], "books", s.Book) })
	wg.Wait()
	return nil
}

// repeat does work until ctx ends, every Poll and at every hint, and more slowly while it fails.
func (s *Service) repeat(ctx context.Context, wake <-chan struct{}, what string, work func(context.Context) error) {
	failures := 0
	for ctx.Err() == nil {
		err := work(ctx)
		switch {
		case err == nil || errors.Is(err, invoice.ErrLeased) || errors.Is(err, invoice.ErrFenced):
			failures = 0
		case ctx.Err() == nil:
			failures++
			s.log.Error("money out failed", "work", what, "error", err)
		}
		wait := min(s.cfg.Poll<<min(failures, 5), max(time.Minute, s.cfg.Poll))
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(wait):
		}
	}
}

// lease gets or renews a duty on a store that several processes share; it returns the zero Lease on others.
func (s *Service) lease(ctx context.Context, duty string) (invoice.Lease, error) {
	leaser, several := s.cfg.Store.(invoice.Leaser)
	if !several {
		return invoice.Lease{}, nil
	}
	lease, err := leaser.Lease(ctx, duty, s.cfg.Holder, s.cfg.Lease)
	if err != nil {
		return invoice.Lease{}, fmt.Errorf("payout: lease %q: %w", duty, err)
	}
	return lease, nil
}
