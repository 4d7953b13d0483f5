package invoice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// committer stores an invoice that has a place, together with the batch.
type committer func(ctx context.Context, inv Invoice, b Batch) (Invoice, error)

// withPlace gives the quote a place that nobody holds, and commits. A number whose address is taken, as after an old
// backup of the counter, is skipped.
func (s *Service) withPlace(ctx context.Context, inv Invoice, commit committer) (Invoice, error) {
	n := s.chains[inv.Network()]
	if _, known := s.prices.findAsset(string(inv.Quote.Asset.ID)); n == nil || !known {
		return Invoice{}, refuse("Asset", inv.Quote.Asset.Code, "is not supported")
	}
	for try := 0; ; try++ {
		quote, giveBack, err := s.place(ctx, n, inv)
		if err != nil {
			return Invoice{}, err
		}
		inv.Quote = &quote
		done, err := s.commitWatched(ctx, n, inv, commit)
		switch {
		case err == nil:
			return done, nil
		case errors.Is(err, errOpen): // if it was stored, or will be yet, the number belongs to the invoice
			giveBack(false)
			return Invoice{}, err
		case !errors.Is(err, ErrConflict):
			giveBack(true)
			return Invoice{}, err
		}
		// If the place was taken, its number is skipped; if only the ticket was, the number is free.
		if quote.Ticket != "" && !heldNow(ctx, s.cfg.Store, quote) {
			giveBack(true)
		}
		if try == 20 {
			return Invoice{}, err
		}
	}
}

// place returns the quote with a place, and a function to call when the invoice does not get it, surely or perhaps.
func (s *Service) place(ctx context.Context, n *network, inv Invoice) (Quote, func(surely bool), error) {
	quote := *inv.Quote
	quote.Ticket = ""
	if n.Pool != nil || n.Shared != nil {
		if err := s.fixSince(ctx, n, &quote); err != nil {
			return Quote{}, nil, err
		}
		inv.Quote = &quote
	}
	if n.Shared != nil {
		quote, err := s.sharedPlace(ctx, n, inv)
		return quote, func(bool) {}, err
	}
	if r := n.requester(); r != nil {
		return s.requested(ctx, n, r, inv)
	}
	// One wallet has the same address on several networks: a change of the asset keeps it.
	for _, earlier := range inv.Earlier {
		if earlier.Wallet == n.Addresses.Name() && earlier.Slot == "" && !earlier.Released {
			quote.Address, quote.Wallet, quote.Index = earlier.Address, earlier.Wallet, earlier.Index
			quote.Quarantine, quote.Since, quote.Unseen, quote.Ticket = earlier.Quarantine, earlier.Since, earlier.Unseen, earlier.Ticket
			return quote, func(bool) {}, nil // the invoice keeps it
		}
	}
	if err := takeTicket(ctx, s.cfg.Store, n.ChainConfig, inv, &quote); err != nil {
		return Quote{}, nil, err
	}
	own, err := n.indexes.next(ctx, n.id)
	if err != nil {
		return Quote{}, nil, fmt.Errorf("invoice: address: %w", err)
	}
	quote.Address, err = n.Addresses.Address(ctx, own.index)
	if err != nil {
		return Quote{}, nil, fmt.Errorf("invoice: address %d of %s: %w", own.index, n.Addresses.Name(), err)
	}
	quote.Wallet, quote.Index = n.Addresses.Name(), own.index
	if n.Pool != nil {
		quote.Quarantine = n.Pool.Quarantine
	}
	return quote, func(surely bool) {
		if !surely {
			own.maybe = append(slices.Clip(own.maybe), inv.ID)
		}
		n.indexes.putBack(own, n.id)
	}, nil
}

// fresh is how recently a network must have been seen for its tip to be known: longer than heartbeat.
const fresh = 2 * time.Minute

// fixSince records which blocks existed before the quote: at a place that other invoices had before, a payment in one
// of these blocks is theirs.
func (s *Service) fixSince(ctx context.Context, n *network, q *Quote) error {
	p, err := s.cfg.Store.Network(ctx, n.id)
	if err != nil {
		return fmt.Errorf("invoice: read progress of %s: %w", n.id, err)
	}
	lag := n.Watcher.Lag()
	q.Since = max(p.Head.Height, p.Head.Tip, lag.Tip)
	q.Unseen = s.cfg.Now().Sub(p.At).Abs() > fresh
	return nil
}

// sharedPlace returns the quote at the shared address, with an amount that no other invoice asks for there.
func (s *Service) sharedPlace(ctx context.Context, n *network, inv Invoice) (Quote, error) {
	quote := *inv.Quote
	var err error
	if quote.Address, err = n.Addresses.Address(ctx, 0); err != nil {
		return Quote{}, fmt.Errorf("invoice: shared address of %s: %w", n.Addresses.Name(), err)
	}
	quote.Wallet, quote.Quarantine = n.Addresses.Name(), n.Shared.Quarantine
	if inv.Terms.Standing {
		return Quote{}, refuse("Asset", quote.Asset.Code, "has no address of its own for deposits")
	}
	if err := s.keepRemainder(ctx, n, quote); err != nil {
		return Quote{}, err
	}
	if err := takeTicket(ctx, s.cfg.Store, n.ChainConfig, inv, &quote); err != nil {
		return Quote{}, err
	}
	a, _ := s.prices.findAsset(string(quote.Asset.ID))
	err = freeAmount(ctx, s.cfg.Store, a, n.Shared.Slots, &quote)
	return quote, err
}

// keepRemainder makes sure that there is an invoice for payments to the shared address that fit no other.
func (s *Service) keepRemainder(ctx context.Context, n *network, at Quote) error {
	n.mu.Lock()
	kept := n.remainder
	n.mu.Unlock()
	if kept {
		return nil
	}
	asset, _ := s.prices.findAsset(string(n.Assets[0].ID))
	// It has no order id, which a request could take: the address already makes it unique.
	inv, err := s.draftStanding(Deposit{Project: n.Shared.Project, Name: "What fits no invoice"}, asset)
	if err != nil {
		return err
	}
	inv.Quote.Address, inv.Quote.Wallet, inv.Terms.Remainder = at.Address, at.Wallet, true
	_, err = s.commitWatched(ctx, n, inv, s.commitNew)
	switch {
	case errors.Is(err, ErrConflict):
		if err := s.checkRemainder(ctx, n, at.Address); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("invoice: keep the remainder of %s: %w", n.id, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remainder = true
	return nil
}

// checkRemainder refuses an address that belongs to a single invoice, from a time when it was not shared.
func (s *Service) checkRemainder(ctx context.Context, n *network, address chain.Address) error {
	list, err := s.cfg.Store.InvoicesAt(ctx, []Place{{Address: address}})
	if err != nil {
		return fmt.Errorf("invoice: look for the remainder of %s: %w", n.id, err)
	}
	if slices.ContainsFunc(list, func(inv Invoice) bool { return inv.Terms.Remainder && inv.Network() == n.id }) {
		return nil
	}
	return fmt.Errorf("invoice: number 0 of %s was given to an invoice before: a shared address needs a wallet of its own: %w", n.Addresses.Name(), ErrNoAddress)
}

// commitWatched commits an invoice with an address, and in the same batch that its network must be watched from now on,
// if the store does not know that yet.
func (s *Service) commitWatched(ctx context.Context, n *network, inv Invoice, commit committer) (Invoice, error) {
	for {
		batch, err := s.startWatching(ctx, n)
		if err != nil {
			return Invoice{}, err
		}
		batch.Claims = inv.newClaims()
		done, err := commit(ctx, inv, batch)
		if errors.Is(err, ErrConflict) && len(batch.Progress) > 0 {
			if p, readErr := s.cfg.Store.Network(ctx, n.id); readErr == nil && p.Version > 0 {
				continue // another process began to watch: the place may still be free
			}
		}
		if err == nil {
			n.setWatched()
		}
		return done, err
	}
}

// startWatching returns a batch that makes the store record when watching of the network began, if it has not yet: this
// must precede the first address on the network that anybody sees.
func (s *Service) startWatching(ctx context.Context, n *network) (Batch, error) {
	n.mu.Lock()
	watched := n.watched
	n.mu.Unlock()
	if watched {
		return Batch{}, nil
	}
	p, err := s.cfg.Store.Network(ctx, n.id)
	if err != nil {
		return Batch{}, fmt.Errorf("invoice: read progress of %s: %w", n.id, err)
	}
	if p.Version > 0 {
		return Batch{}, nil
	}
	return Batch{Progress: []Progress{s.firstProgress(n.id)}}, nil
}
