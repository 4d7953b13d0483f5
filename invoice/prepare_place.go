package invoice

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
)

// freeAmount raises what is due to the least amount that no other invoice asks for at the shared address, by at most
// the given number of slots.
func freeAmount(ctx context.Context, store Reader, a AssetConfig, slots int, q *Quote) error {
	reach := new(big.Int).Mul(a.stepUnits(q.Due), big.NewInt(int64(slots)))
	step := a.stepUnits(reach.Add(reach, q.Due)) // also the step of the largest amount that may result
	first := roundUp(q.Due, step)
	last := new(big.Int).Mul(step, big.NewInt(int64(slots-1)))
	last.Add(last, first)
	amount := func(i int) *big.Int {
		due := big.NewInt(int64(i))
		return due.Add(due.Mul(due, step), first)
	}
	slot := func(i int) string { return slotOf(a.ID, amount(i)) }
	free, err := firstFree(ctx, store, a.ID.Network(), q.Address, slots, slot)
	if err != nil {
		return fmt.Errorf("invoice: look for a free amount: %w", err)
	}
	if free == slots {
		return fmt.Errorf("invoice: all %d amounts from %s %s on are taken: %w", slots, a.Decimal(first), a.Code, ErrNoAddress)
	}
	q.Due, q.Slot = amount(free), slot(free)
	return nil
}

// firstFree returns the number of the first slot of the address that no invoice holds, or n if all n slots are held.
// The texts of the slots are in order.
func firstFree(ctx context.Context, store Reader, on chain.Network, at chain.Address, n int, slot func(i int) string) (int, error) {
	if lister, lists := store.(SlotLister); lists {
		held, err := lister.HeldSlots(ctx, on, at, slot(0), slot(n-1), 2*n)
		switch {
		case err == nil:
			for i := range n {
				if _, taken := slices.BinarySearch(held, slot(i)); !taken {
					return i, nil
				}
			}
			return n, nil
		case !errors.Is(err, errors.ErrUnsupported):
			return 0, err
		}
	}
	for from := 0; from < n; from += placesAtOnce {
		var places []Place
		for i := from; i < min(from+placesAtOnce, n); i++ {
			places = append(places, Place{at, slot(i)})
		}
		held, err := heldAmong(ctx, store, on, places)
		if err != nil {
			return 0, err
		}
		for i, place := range places {
			if !held[place] {
				return from + i, nil
			}
		}
	}
	return n, nil
}

// placesAtOnce is how many places are read at a time without a [SlotLister]: most often one of the first is free.
const placesAtOnce = 32

// heldAmong returns those of the places that an invoice holds, and those whose invoice cannot be read.
func heldAmong(ctx context.Context, store Reader, on chain.Network, places []Place) (map[Place]bool, error) {
	held := map[Place]bool{}
	list, err := store.InvoicesAt(ctx, places)
	if _, damaged := errors.AsType[*DamagedError](err); damaged && len(places) > 1 {
		for _, place := range places {
			alone, err := heldAmong(ctx, store, on, []Place{place})
			if err != nil {
				return nil, err
			}
			maps.Copy(held, alone)
		}
		return held, nil
	} else if damaged {
		held[places[0]] = true
	} else if err != nil {
		return nil, err
	}
	for _, inv := range list {
		if !inv.State.ReleasedAt.IsZero() {
			continue
		}
		for _, claim := range inv.held() {
			if claim.Network == on {
				held[claim.Place] = true
			}
		}
	}
	return held, nil
}

func ticket(n int) string { return fmt.Sprintf("%05d", n) }

// tickets is how many tickets are checked before all are.
const tickets = 32

// takeTicket gives the quote a ticket that the project does not hold. The search begins at a place that depends on the
// invoice, so that concurrent calls rarely find the same ticket.
func takeTicket(ctx context.Context, store Reader, c ChainConfig, inv Invoice, q *Quote) error {
	share, network := c.perProject(), q.Asset.ID.Network()
	if share == 0 {
		return nil
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, q.At.String()) // never fails
	first := int(sum.Sum32() % uint32(share))
	for _, span := range [][2]int{{first, min(first+tickets, share)}, {0, share}} {
		n, nth := span[1]-span[0], func(i int) string { return ticket(span[0] + i) }
		free, err := firstFree(ctx, store, network, ticketAddress(inv.Project), n, nth)
		if err != nil {
			return fmt.Errorf("invoice: look at the share of project %s: %w", inv.Project, err)
		}
		if free < n {
			q.Ticket = nth(free)
			return nil
		}
	}
	return fmt.Errorf("invoice: project %s holds its %d places of %s: %w", inv.Project, share, network, ErrNoAddress)
}

// heldNow reports whether an invoice holds the place of the quote. It returns true if that cannot be found out.
func heldNow(ctx context.Context, store Reader, q Quote) bool {
	list, err := store.InvoicesAt(ctx, []Place{{q.Address, q.Slot}})
	return err != nil || slices.ContainsFunc(list, func(inv Invoice) bool {
		return inv.State.ReleasedAt.IsZero() && slices.ContainsFunc(inv.held(), q.claim(inv.ID).same)
	})
}

// newClaims returns the claims of the quote, or nil if an earlier quote had the same place.
func (inv Invoice) newClaims() []Claim {
	claim := inv.Quote.claim(inv.ID)
	for _, q := range inv.Earlier {
		if !q.Released && q.claim(inv.ID).same(claim) {
			return nil
		}
	}
	out := inv.Quote.claims(inv)
	for _, q := range inv.Quote.places(nil)[1:] {
		out = append(out, q.claim(inv.ID))
	}
	return out
}
