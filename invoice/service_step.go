package invoice

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cointill/cointill/chain"
)

// digest decides about every invoice that a step concerns, and returns what is set aside afterwards. Of a portion it
// decides only about as many payments as the clock allows, and what it returns as set aside is not all.
func (s *Service) digest(ctx context.Context, v view, p Progress, c clock, refused *refusals) (Batch, []Aside, error) {
	t, err := s.touched(ctx, v)
	if err != nil {
		return Batch{}, nil, err
	}
	ask := s.prices.remembering()
	aside := p.asideAfter(v, t, c.now)
	var b Batch
	for _, before := range t.invoices {
		mine := t.mine[before.ID]
		if cause := refused.cause(before.ID, p.Aside); cause != "" {
			aside = setAside(aside, v.part(before.ID, mine, cause, c.now).with(before.Payments, v))
			continue
		}
		d, err := s.digested(ctx, before, mine, v, c, ask)
		if err == nil && d != nil {
			err = s.put(ctx, &b, *d)
		}
		_, broken := errors.AsType[*brokenError](err)
		_, untold := errors.AsType[*untoldError](err)
		switch {
		case broken, untold && refused.untold:
			aside = setAside(aside, v.part(before.ID, mine, err.Error(), c.now).with(before.Payments, v))
		case err != nil:
			return Batch{}, nil, err
		case d != nil && c.spend(len(d.payments)):
			return b, aside, nil
		}
	}
	return b, aside, nil
}

// digested decides about one invoice that a step concerns. It returns nil when the step changes nothing about it.
func (s *Service) digested(ctx context.Context, before Invoice, mine []sighting, v view, c clock, ask asker) (*decision, error) {
	changes := capped(c, absorb(before, mine, v, c.now))
	if len(changes) == 0 {
		return nil, nil
	}
	known := make(map[chain.Key]Payment, len(before.Payments))
	for _, p := range before.Payments {
		known[p.Key] = p
	}
	for i, c := range changes {
		p := c.payment
		if was, again := known[p.Key]; !again || was.Units.Cmp(p.Units) != 0 || was.Asset != p.Asset {
			p = s.prices.weigh(before, p)
		}
		changes[i].payment = s.prices.value(ctx, before, p, ask)
	}
	c, err := s.clockFor(ctx, before, v.network, c)
	if err != nil {
		return nil, err
	}
	if c.most > 0 {
		c = c.waiting(before)
	}
	d, err := decided(before, merge(before, changes), changes, nil, Action{}, c)
	return &d, err
}

// clockFor returns the clock of an invoice that a step concerns: that of its own network, which is another one when
// money was sent on the wrong network.
func (s *Service) clockFor(ctx context.Context, inv Invoice, stepping chain.Network, c clock) (clock, error) {
	if inv.Network() == stepping {
		return s.withOldest(ctx, inv, c)
	}
	own, err := s.chainClock(ctx, inv.Network())
	if err != nil {
		return clock{}, err
	}
	own.now, own.most = c.now, c.most
	return s.withOldest(ctx, inv, own)
}

// touched finds what a step may concern.
func (s *Service) touched(ctx context.Context, v view) (touch, error) {
	found := &finds{invoices: map[string]Invoice{}}
	t, err := s.matched(ctx, v, found)
	if err != nil {
		return touch{}, err
	}
	if from, any := v.above(); any {
		list, err := s.cfg.Store.InvoicesPaid(ctx, PaymentQuery{Network: v.network, From: from + 1})
		if damaged, ok := errors.AsType[*DamagedError](err); ok {
			t.damaged = damaged.Invoices
		}
		if err = s.passOver(v.network, err); err != nil {
			return touch{}, err
		}
		if err := found.add(list); err != nil {
			return touch{}, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(found.invoices)) {
		t.invoices = append(t.invoices, found.invoices[id])
	}
	return t, nil
}

// finds collects invoices from several queries, each of which returns some of their settled payments.
type finds struct{ invoices map[string]Invoice }

// errMoved is returned when an invoice changed between two queries.
var errMoved = fmt.Errorf("an invoice changed while it was read: %w", ErrConflict)

func (f *finds) add(list []Invoice) error {
	for _, inv := range list {
		was, known := f.invoices[inv.ID]
		if known && was.Version != inv.Version {
			return errMoved
		}
		if known && was.Settled != nil {
			inv.Payments = distinct(append(slices.Clip(was.Payments), inv.Payments...))
		}
		f.invoices[inv.ID] = inv
	}
	return nil
}

// matched finds out to which invoice each sighting belongs.
func (s *Service) matched(ctx context.Context, v view, found *finds) (touch, error) {
	t := touch{mine: map[string][]sighting{}}
	if len(v.to) == 0 {
		return t, nil
	}
	c, err := s.candidates(ctx, v)
	if err != nil {
		return t, err
	}
	if err := found.add(c.invoices); err != nil {
		return t, err
	}
	byAddress := map[chain.Address][]Invoice{}
	for _, inv := range c.invoices {
		for _, q := range inv.quotes() {
			byAddress[q.Address] = append(byAddress[q.Address], inv)
		}
	}
	owners, damaged, err := s.owners(ctx, v, byAddress, found)
	if err != nil {
		return t, err
	}
	if err := s.recalled(ctx, v, found, damaged); err != nil {
		return t, err
	}
	for address, sightings := range v.to {
		for _, sight := range sightings {
			key := sight.transfer.Key()
			id, clear := match(byAddress[address], sight)
			known := v.whose[key]
			if known != "" {
				id, clear = known, true
			}
			switch owner := owners[key]; {
			case owner != "":
				t.mine[owner] = append(t.mine[owner], sight)
			case damaged[key], known == "" && c.damaged[address]: // it may belong to an invoice that cannot be read, so no other gets it
				t.unread = append(t.unread, sight)
			case id == "":
				if err := s.stray(ctx, v.network, address); err != nil {
					return t, err
				}
			case !clear && v.retried:
				t.unclear = append(t.unclear, sight)
			case sight.transfer.Held:
				t.held = append(t.held, Seen{sight.transfer, sight.block, id})
			default:
				own, err := s.own(ctx, sight.transfer)
				if err != nil {
					return t, err
				}
				if !own {
					t.mine[id] = append(t.mine[id], sight)
				}
			}
		}
	}
	return t, nil
}

// own reports whether the transfer is of a transaction that only moves the host's own coins.
func (s *Service) own(ctx context.Context, t chain.Transfer) (bool, error) {
	if s.cfg.Own == nil {
		return false, nil
	}
	own, err := s.cfg.Own(ctx, t.Asset.Network(), t.TxID)
	if err != nil {
		return false, fmt.Errorf("look for transaction %s among the host's own: %w", t.TxID, err)
	}
	return own, nil
}

// recalled finds the invoices of what was set aside, and adds to damaged the transfers whose invoice cannot be read.
func (s *Service) recalled(ctx context.Context, v view, found *finds, damaged map[chain.Key]bool) error {
	for key, id := range v.whose {
		if _, has := found.invoices[id]; has {
			continue
		}
		inv, err := s.cfg.Store.Invoice(ctx, id)
		_, unreadable := errors.AsType[*DamagedError](err)
		if unreadable || errors.Is(err, ErrNotFound) {
			damaged[key] = true
		} else if err == nil {
			err = found.add([]Invoice{inv})
		}
		if err = s.passOver(v.network, err); err != nil && !damaged[key] {
			return err
		}
	}
	return nil
}

// candidates holds the invoices that sightings may belong to.
type candidates struct {
	invoices []Invoice
	damaged  map[chain.Address]bool // addresses that also have invoices that cannot be read
}

// candidates finds the invoices at the addresses, and then those at the slots of shared addresses. An address is shared
// if the store has a remainder for it; the configuration does not decide, as it may have changed since.
func (s *Service) candidates(ctx context.Context, v view) (candidates, error) {
	c := candidates{damaged: map[chain.Address]bool{}}
	var places, slots []Place
	for address := range v.to {
		places = append(places, Place{Address: address})
	}
	if err := s.at(ctx, v, places, &c); err != nil {
		return c, err
	}
	for _, inv := range c.invoices {
		if inv.Terms.Remainder && inv.Network() == v.network {
			for _, sight := range v.to[inv.Quote.Address] {
				slots = append(slots, Place{inv.Quote.Address, slotOf(sight.transfer.Asset, sight.transfer.Units)})
			}
		}
	}
	if len(slots) == 0 {
		return c, nil
	}
	return c, s.at(ctx, v, slots, &c)
}

// at adds the invoices at the places to the candidates. When some cannot be read, it queries each place alone to find
// out which are concerned.
func (s *Service) at(ctx context.Context, v view, places []Place, c *candidates) error {
	list, err := s.cfg.Store.InvoicesAt(ctx, places)
	c.invoices = append(c.invoices, list...)
	if _, damaged := errors.AsType[*DamagedError](err); damaged {
		for _, place := range places {
			if _, alone := s.cfg.Store.InvoicesAt(ctx, []Place{place}); alone != nil {
				c.damaged[place.Address] = true
			}
		}
	}
	return s.passOver(v.network, err)
}

// owners returns the invoices of those payments that are already known: a payment stays with its invoice even if
// another one holds the place now. It also returns the payments of invoices that cannot be read.
func (s *Service) owners(ctx context.Context, v view, byAddress map[chain.Address][]Invoice, found *finds) (map[chain.Key]string, map[chain.Key]bool, error) {
	var keys []chain.Key
	for address := range byAddress {
		for _, sight := range v.to[address] {
			keys = append(keys, sight.transfer.Key())
		}
	}
	unreadable := map[chain.Key]bool{}
	if len(keys) == 0 {
		return nil, unreadable, nil
	}
	list, err := s.cfg.Store.InvoicesPaid(ctx, PaymentQuery{Keys: keys})
	if _, damaged := errors.AsType[*DamagedError](err); damaged {
		for _, key := range keys {
			if _, alone := s.cfg.Store.InvoicesPaid(ctx, PaymentQuery{Keys: []chain.Key{key}}); alone != nil {
				unreadable[key] = true
			}
		}
	}
	if err = s.passOver(v.network, err); err != nil {
		return nil, nil, err
	}
	if err := found.add(list); err != nil {
		return nil, nil, err
	}
	out := map[chain.Key]string{}
	for _, inv := range list {
		for _, p := range inv.Payments {
			out[p.Key] = inv.ID
		}
	}
	return out, unreadable, nil
}
