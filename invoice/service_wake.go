package invoice

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
)

// wakingPage is how many invoices are decided in one batch when they are due.
const wakingPage = 200

// maxStuck is how many invoices are skipped at a time before the store is assumed to be at fault.
const maxStuck = 50

// wake decides about the invoices that are due at the head, page by page. An invoice that the store refuses, or that
// cannot be decided about, is skipped, reported by Health, and tried again with a later head.
//
// Nothing is decided about an invoice that has something set aside: what it knows may be outdated.
func (s *Service) wake(ctx context.Context, id chain.Network, head chain.Head, fence Lease, aside []Aside) error {
	stuck := map[string]bool{}
	for _, a := range aside {
		if a.Invoice != "" {
			stuck[a.Invoice] = true
		}
	}
	refused := 0
	for {
		page, err := s.waking(ctx, id, head, stuck)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		c := clock{head: head, now: s.cfg.Now().UTC()}
		if refused > stubborn {
			if err := s.wakeEach(ctx, id, page, c, fence, stuck); err != nil {
				return err
			}
			refused = 0
			continue
		}
		b, err := s.wakeAll(ctx, page, c)
		_, broken := errors.AsType[*brokenError](err)
		_, untold := errors.AsType[*untoldError](err)
		if err != nil && !broken && !untold {
			return err
		}
		if err == nil {
			b.Fence = fence
			err = s.store(ctx, b)
		}
		switch {
		case ctx.Err() != nil, notOurs(err):
			return err
		case errors.Is(err, ErrTooLarge):
			refused = stubborn + 1 // each is stored alone
		case err != nil:
			refused++
		case len(page) < wakingPage || !movesOn(page, b.Update):
			// Invoices that stay due must not keep others from being decided.
			return nil
		default:
			refused = 0
		}
	}
}

// waking returns one page of the invoices that are due, without those that are stuck.
func (s *Service) waking(ctx context.Context, id chain.Network, head chain.Head, stuck map[string]bool) ([]Invoice, error) {
	page, err := s.cfg.Store.InvoicesWaking(ctx, id, head, wakingPage+len(stuck))
	if err = s.passOver(id, err); err != nil {
		return nil, fmt.Errorf("invoice: look for what matures on %s: %w", id, err)
	}
	page = slices.DeleteFunc(page, func(inv Invoice) bool { return stuck[inv.ID] })
	return page[:min(len(page), wakingPage)], nil
}

// wakeEach decides about the invoices of a page one by one, since one of them keeps the others from being stored.
func (s *Service) wakeEach(ctx context.Context, id chain.Network, page []Invoice, c clock, fence Lease, stuck map[string]bool) error {
	for _, inv := range page {
		err := s.wakeOne(ctx, inv, c, fence)
		if ctx.Err() != nil || notOurs(err) {
			return err
		}
		if err != nil {
			if stuck[inv.ID] = true; len(stuck) > maxStuck+maxAside {
				return fmt.Errorf("invoice: store what matures on %s: %w", id, err)
			}
			s.trouble(id, inv.ID, err)
		}
	}
	return nil
}

// wakeOne decides about an invoice, in portions if it is more than the store takes at once.
func (s *Service) wakeOne(ctx context.Context, inv Invoice, c clock, fence Lease) error {
	for {
		b, err := s.wakeAll(ctx, []Invoice{inv}, c)
		if err != nil {
			return err
		}
		b.Fence = fence
		switch err = s.store(ctx, b); {
		case errors.Is(err, ErrTooLarge):
			if c.most = fewer(c.most, len(b.Payments)); c.most == 0 {
				return err
			}
		case err != nil, c.most == 0, len(b.Payments) == 0:
			return err
		default: // the next portion
			if inv, err = s.cfg.Store.Invoice(ctx, inv.ID); err != nil {
				return err
			}
		}
	}
}

// movesOn reports whether one of the invoices wakes at another time than before.
func movesOn(before, after []Invoice) bool {
	for i := range before {
		if before[i].State.Wake != after[i].State.Wake {
			return true
		}
	}
	return false
}

// wakeAll decides about invoices whose facts are unchanged but whose clock has moved.
func (s *Service) wakeAll(ctx context.Context, page []Invoice, c clock) (Batch, error) {
	var b Batch
	ask := s.prices.remembering()
	for _, before := range page {
		var changes []change
		for _, p := range before.Payments {
			if valued := s.prices.value(ctx, before, p, ask); (valued.Credit == nil) != (p.Credit == nil) || (valued.Rerated == nil) != (p.Rerated == nil) {
				changes = append(changes, change{payment: valued})
			}
		}
		changes = capped(c, changes)
		ic, err := s.withOldest(ctx, before, c)
		if err != nil {
			return Batch{}, err
		}
		d, err := decided(before, merge(before, changes), changes, nil, Action{}, ic)
		if err != nil {
			return Batch{}, err
		}
		if err := s.put(ctx, &b, d); err != nil {
			return Batch{}, err
		}
	}
	return b, nil
}
