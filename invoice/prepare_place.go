package invoice

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/big"
	"slices"
)

// freeAmount raises what is due to the least amount that no other invoice asks for at the shared address, by at most
// the given number of slots.
func freeAmount(ctx context.Context, store Reader, a AssetConfig, slots int, q *Quote) error {
	reach := new(big.Int).Mul(a.stepUnits(q.Due), big.NewInt(int64(slots)))
	step := a.stepUnits(reach.Add(reach, q.Due)) // also the step of the largest amount that may result
	first := roundUp(q.Due, step)
	last := new(big.Int).Mul(step, big.NewInt(int64(slots-1)))
	last.Add(last, first)
	held, err := store.HeldSlots(ctx, a.ID.Network(), q.Address, slotOf(a.ID, first), slotOf(a.ID, last), 2*slots)
	if err != nil {
		return fmt.Errorf("invoice: look for a free amount: %w", err)
	}
	for due := first; due.Cmp(last) <= 0; due = new(big.Int).Add(due, step) {
		slot := slotOf(a.ID, due)
		if _, taken := slices.BinarySearch(held, slot); !taken {
			q.Due, q.Slot = due, slot
			return nil
		}
	}
	return fmt.Errorf("invoice: all %d amounts from %s %s on are taken: %w", slots, a.Decimal(first), a.Code, ErrNoAddress)
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
		held, err := store.HeldSlots(ctx, network, ticketAddress(inv.Project), ticket(span[0]), ticket(span[1]-1), share)
		if err != nil {
			return fmt.Errorf("invoice: look at the share of project %s: %w", inv.Project, err)
		}
		for i := span[0]; i < span[1]; i++ {
			if _, taken := slices.BinarySearch(held, ticket(i)); !taken {
				q.Ticket = ticket(i)
				return nil
			}
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
