package invoice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/cointill/cointill/chain"
)

// A project's share of a network's places is kept as claims too: each place that it holds there comes with a ticket, which
// is a place that nobody can pay to, and there are only so many. So the bound holds whoever creates invoices at the same
// moment, in however many processes, and what gives up the place gives up the ticket.

// maxShare bounds PerProject.
const maxShare = 10000

// perProject is how many places of the network a project may hold; 0 is no bound.
func (c ChainConfig) perProject() int {
	switch {
	case c.Pool != nil:
		return c.Pool.PerProject
	case c.Shared != nil:
		return c.Shared.PerProject
	}
	return 0
}

// ticketAddress is the address of a project's tickets, which no network has.
func ticketAddress(project string) chain.Address {
	sum := sha256.Sum256([]byte(project))
	return chain.Address("share/" + hex.EncodeToString(sum[:]))
}

func ticket(n int) string { return fmt.Sprintf("%05d", n) }

// tickets is how many are looked at before all are.
const tickets = 32

// takeTicket gives the quote a ticket that the project does not hold. Where the search begins depends on the invoice, so that
// few find the same one at the same moment.
func (s *Service) takeTicket(ctx context.Context, n *network, inv Invoice, q *Quote) error {
	share := n.perProject()
	if share == 0 {
		return nil
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, inv.ID) // never fails
	first := int(sum.Sum32() % uint32(share))
	for _, span := range [][2]int{{first, min(first+tickets, share)}, {0, share}} {
		held, err := s.cfg.Store.HeldSlots(ctx, n.id, ticketAddress(inv.Project), ticket(span[0]), ticket(span[1]-1), share)
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
	return fmt.Errorf("invoice: project %s holds its %d places of %s: %w", inv.Project, share, n.id, ErrNoAddress)
}

// heldNow reports whether an invoice holds the place of the quote, or may.
func (s *Service) heldNow(ctx context.Context, q Quote) bool {
	list, err := s.cfg.Store.InvoicesAt(ctx, []Place{{q.Address, q.Slot}})
	return err != nil || slices.ContainsFunc(list, func(inv Invoice) bool {
		return inv.State.ReleasedAt.IsZero() && slices.ContainsFunc(inv.held(), q.claim(inv.ID).same)
	})
}
