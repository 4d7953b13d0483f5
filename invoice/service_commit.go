package invoice

import (
	"context"
	"errors"
	"fmt"

	"github.com/cointill/cointill/chain"
)

// store commits a batch and wakes the dispatcher. It first checks whether the store has lost its end: otherwise an
// event could get the position of one that was lost.
func (s *Service) store(ctx context.Context, b Batch) error {
	if len(b.Events) > 0 {
		for _, c := range s.cfg.Chains {
			if err := s.checkFloor(ctx, s.chains[c.Watcher.Network()]); err != nil {
				return err
			}
		}
	}
	s.tellSources(ctx, b.Releases)
	if err := s.commit(ctx, b); err != nil {
		return err
	}
	for _, ev := range b.Events {
		s.cfg.Meter.Count(ctx, MeterEvents, 1, Label{"type", string(ev.Type)})
	}
	if len(b.Messages) > 0 {
		s.hint()
	}
	return nil
}

// errOpen is wrapped by the error of a commit that may have been stored, or may be yet.
var errOpen = errors.New("the batch may have been stored")

// commit stores a batch. If the outcome is unknown it tries once more: by then a new invoice is there, or is stored
// now, or never will be, since its id is checked first.
func (s *Service) commit(ctx context.Context, b Batch) error {
	err := s.cfg.Store.Commit(ctx, b)
	if !open(err) {
		return err
	}
	if len(b.Insert) > 0 && ctx.Err() == nil {
		again := s.cfg.Store.Commit(ctx, b)
		if errors.Is(again, ErrConflict) {
			switch _, readErr := s.cfg.Store.Invoice(ctx, b.Insert[0].ID); {
			case readErr == nil:
				return nil
			case !errors.Is(readErr, ErrNotFound): // then the conflict's cause is unknown too
				return fmt.Errorf("%w: %w", errOpen, readErr)
			}
		}
		if !open(again) {
			return again
		}
	}
	return fmt.Errorf("%w: %w", errOpen, err)
}

// open reports whether an error of a commit leaves open whether the batch was stored.
func open(err error) bool {
	return err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrDuplicateOrder) &&
		!errors.Is(err, ErrFenced) && !errors.Is(err, ErrBusy)
}

// tell adds events and their messages to a batch.
func (s *Service) tell(b *Batch, inv Invoice, events []Event) {
	b.Events = append(b.Events, events...)
	if s.cfg.Notifier == nil {
		return
	}
	for _, ev := range events {
		b.Messages = append(b.Messages, s.cfg.Notifier.Messages(ev, inv)...)
	}
}

// put adds a decision and its messages to a batch.
func (s *Service) put(b *Batch, d decision) {
	b.Update = append(b.Update, d.inv)
	b.Payments = append(b.Payments, d.payments...)
	b.Releases = append(b.Releases, d.releases...)
	s.tell(b, d.inv, d.events)
}

// conclude decides about an invoice whose facts have changed and commits it alone.
func (s *Service) conclude(ctx context.Context, before, after Invoice, extra []draft, by Action, c clock, b Batch) (Invoice, error) {
	c, err := s.withOldest(ctx, after, c)
	if err != nil {
		return Invoice{}, err
	}
	d, err := decided(before, after, nil, extra, by, c)
	if err != nil {
		return Invoice{}, err
	}
	s.put(&b, d)
	return d.inv, s.store(ctx, b)
}

// commitNew stores a new invoice with its first event.
func (s *Service) commitNew(ctx context.Context, inv Invoice, b Batch) (Invoice, error) {
	inv.State = decide(inv.facts(), clock{now: inv.CreatedAt})
	inv, events, err := issue(Invoice{}, inv, []draft{{typ: EventCreated}}, inv.CreatedAt)
	if err != nil {
		return Invoice{}, err
	}
	b.Insert = append(b.Insert, inv)
	s.tell(&b, inv, events)
	if err := s.store(ctx, b); err != nil {
		return Invoice{}, fmt.Errorf("invoice: create: %w", err)
	}
	return inv, nil
}

// withOldest sets the clock's oldest head among the networks where the invoice holds places, also from earlier choices:
// a place must not be given up while its network is not being seen.
func (s *Service) withOldest(ctx context.Context, inv Invoice, c clock) (clock, error) {
	c.oldest = c.head.Time
	for _, claim := range inv.held() {
		if claim.Network == inv.Network() {
			continue
		}
		p, err := s.cfg.Store.Network(ctx, claim.Network)
		if err != nil {
			return clock{}, fmt.Errorf("invoice: read progress of %s: %w", claim.Network, err)
		}
		if p.Head.Time.Before(c.oldest) {
			c.oldest = p.Head.Time
		}
	}
	return c, nil
}

// chainClock returns the clock of a network as stored.
func (s *Service) chainClock(ctx context.Context, id chain.Network) (clock, error) {
	c := clock{now: s.cfg.Now().UTC()}
	if id == "" {
		return c, nil
	}
	p, err := s.cfg.Store.Network(ctx, id)
	if err != nil {
		return clock{}, fmt.Errorf("invoice: read progress of %s: %w", id, err)
	}
	c.head = p.Head
	return c, nil
}

// allPayments bounds how many payments are read at a time.
const allPayments = 1000

// whole returns the invoice with all of its payments, for changes that may affect settled ones.
func (s *Service) whole(ctx context.Context, inv Invoice) (Invoice, error) {
	if inv.Settled == nil {
		return inv, nil
	}
	var all []Payment
	for after := (chain.Key{}); ; {
		page, err := s.cfg.Store.Payments(ctx, inv.ID, after, allPayments)
		if err != nil {
			return Invoice{}, fmt.Errorf("invoice: read payments of %s: %w", inv.ID, err)
		}
		if all = append(all, page...); len(page) < allPayments {
			break
		}
		after = page[len(page)-1].Key
	}
	inv.Payments = all
	return inv, nil
}
