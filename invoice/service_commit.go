package invoice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
		!errors.Is(err, ErrFenced) && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrTooLarge)
}

// receiversWait bounds how long a batch waits for the endpoints of one project.
const receiversWait = 10 * time.Second

// tell adds events and their messages to a batch, or returns an error and adds nothing. It is the only place that makes
// messages of events.
func (s *Service) tell(ctx context.Context, b *Batch, inv Invoice, events []Event) error {
	var messages []Message
	if s.cfg.Notifier != nil && len(events) > 0 {
		endpoints, err := s.receivers(ctx, inv.Project)
		if err != nil {
			return err
		}
		for _, ev := range events {
			deaf := func(e Endpoint) bool { return !e.Takes(ev.Type) }
			to := slices.DeleteFunc(slices.Clone(endpoints), deaf) // here and not in notifiers, so that all filters work alike
			messages = append(messages, s.cfg.Notifier.Messages(ev, inv, to)...)
		}
	}
	b.Events = append(b.Events, events...)
	b.Messages = append(b.Messages, messages...)
	return nil
}

// receivers returns the endpoints of a project. A message that could not be made would be lost, so without them nothing
// of the invoice may be stored.
func (s *Service) receivers(ctx context.Context, project string) ([]Endpoint, error) {
	if s.cfg.Receivers == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, receiversWait)
	defer cancel()
	endpoints, err := s.cfg.Receivers.Receivers(ctx, project)
	if err != nil {
		return nil, &untoldError{fmt.Errorf("endpoints of project %s: %w", project, err)}
	}
	return endpoints, nil
}

// untoldError reports that it is not known whom the events of an invoice must be told to.
type untoldError struct{ error }

func (e *untoldError) Unwrap() error { return e.error }

// put adds a decision and its messages to a batch, or returns an error and adds nothing.
func (s *Service) put(ctx context.Context, b *Batch, d decision) error {
	if err := s.tell(ctx, b, d.inv, d.events); err != nil {
		return err
	}
	b.Update = append(b.Update, d.inv)
	b.Payments = append(b.Payments, d.payments...)
	b.Releases = append(b.Releases, d.releases...)
	return nil
}

// conclude decides about an invoice whose facts have changed and commits it alone.
func (s *Service) conclude(ctx context.Context, before, after Invoice, extra []draft, by Action, c clock, b Batch) (Invoice, error) {
	if len(b.Claims) == 0 { // else the oldest head is not known, and what is claimed now is not given up now
		var err error
		if c, err = s.withOldest(ctx, after, c); err != nil {
			return Invoice{}, err
		}
	}
	for {
		d, err := decided(before, after, nil, extra, by, c)
		if err != nil {
			return Invoice{}, err
		}
		all := b
		if err := s.put(ctx, &all, d); err != nil {
			return Invoice{}, err
		}
		if err = s.store(ctx, all); !errors.Is(err, ErrTooLarge) {
			return d.inv, err
		}
		if c.most = fewer(c.most, len(d.payments)); c.most == 0 {
			return Invoice{}, err
		}
	}
}

// commitNew stores a new invoice with its first event.
func (s *Service) commitNew(ctx context.Context, inv Invoice, b Batch) (Invoice, error) {
	inv.State = decide(inv.facts(), clock{now: inv.CreatedAt})
	inv, events, err := issue(Invoice{}, inv, []draft{{typ: EventCreated}}, inv.CreatedAt)
	if err != nil {
		return Invoice{}, err
	}
	b.Insert = append(b.Insert, inv)
	err = s.tell(ctx, &b, inv, events)
	if err == nil {
		err = s.store(ctx, b)
	}
	if err != nil {
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
