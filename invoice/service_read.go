package invoice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cointill/cointill/chain"
)

// Invoice returns the project's invoice with its payments; an empty project means any project. It returns ErrNotFound
// when there is none, or when it belongs to another project.
func (s *Service) Invoice(ctx context.Context, project, id string) (Invoice, error) {
	inv, err := s.cfg.Store.Invoice(ctx, id)
	if err != nil {
		return Invoice{}, fmt.Errorf("invoice: read %.64q: %w", id, err)
	}
	if project != "" && inv.Project != project {
		return Invoice{}, fmt.Errorf("invoice: read %.64q: %w", id, ErrNotFound)
	}
	return inv, nil
}

// InvoicesPaidIn returns the project's invoices with a payment in the transaction, on any configured network, latest
// created first; an empty project means any project. txID has the form of a [Payment]'s key. Payments that the chain no
// longer has are ignored.
func (s *Service) InvoicesPaidIn(ctx context.Context, project, txID string) ([]Invoice, error) {
	var out []Invoice
	for _, c := range s.cfg.Chains {
		network := c.Watcher.Network()
		found, err := s.cfg.Store.InvoicesPaid(ctx, PaymentQuery{Network: network, TxID: txID})
		if err = s.passOver("", err); err != nil {
			return nil, fmt.Errorf("invoice: read those paid in %.64q: %w", txID, err)
		}
		for _, inv := range found {
			paid := slices.ContainsFunc(inv.Payments, func(p Payment) bool {
				return p.Key.Network == network && p.Key.TxID == txID && !p.Withdrawn
			})
			if paid && (project == "" || inv.Project == project) {
				out = append(out, inv)
			}
		}
	}
	slices.SortFunc(out, Query{}.Compare)
	return slices.CompactFunc(out, func(a, b Invoice) bool { return a.ID == b.ID }), nil
}

// MaxPage is the largest limit of List, Events and Payments.
const MaxPage = 1000

// List returns one page of a listing. It refuses with an [InvalidError]; the limit must be 1 to [MaxPage]. Invoices
// that cannot be read are logged and left out.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	switch {
	case q.Limit < 1 || q.Limit > MaxPage:
		return Page{}, refuse("Limit", strconv.Itoa(q.Limit), fmt.Sprintf("must be 1 to %d", MaxPage))
	case q.Offset < 0:
		return Page{}, refuse("Offset", strconv.Itoa(q.Offset), "must not be negative")
	case q.Status != "" && !q.Status.Valid():
		return Page{}, refuse("Status", string(q.Status), "is unknown")
	}
	orDefault(&q.Sort, SortCreated)
	switch q.Sort {
	case SortCreated, SortUpdated, SortFiat, SortDue:
	default:
		return Page{}, refuse("Sort", string(q.Sort), "is unknown")
	}
	page, err := s.cfg.Store.Invoices(ctx, q)
	if err = s.passOver("", err); err != nil {
		return Page{}, fmt.Errorf("invoice: list: %w", err)
	}
	return page, nil
}

// Events returns up to limit events of the feed after a position. A shop that keeps the position of the last event it
// has seen misses nothing, however long it was away. If the position is beyond the last event, Events returns a
// [PositionError]: the store has lost its end, and later events have lower positions than those already seen; continue
// from the last position that the error holds. Events that cannot be read are logged and left out. The limit must be 1
// to [MaxPage].
func (s *Service) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	if limit < 1 || limit > MaxPage {
		return nil, refuse("limit", strconv.Itoa(limit), fmt.Sprintf("must be 1 to %d", MaxPage))
	}
	events, err := s.cfg.Store.Events(ctx, after, limit)
	if err = s.passOverEvents(err); err != nil {
		return nil, fmt.Errorf("invoice: read events: %w", err)
	}
	return events, nil
}

func (s *Service) passOverEvents(err error) error {
	damaged, ok := errors.AsType[*DamagedEventsError](err)
	if !ok {
		return err
	}
	s.log.Error("damaged events skipped", "positions", damaged.Positions, "error", damaged.Err)
	return nil
}

// History returns the events of the project's invoice whose Seq is above after, oldest first, without those that cannot be
// read; 0 or less is all. An invoice that is paid often has many: its own Seq is that of the last one.
func (s *Service) History(ctx context.Context, project, id string, after int64) ([]Event, error) {
	if _, err := s.Invoice(ctx, project, id); err != nil {
		return nil, err
	}
	events, err := s.cfg.Store.InvoiceEvents(ctx, id, after)
	if err = s.passOverEvents(err); err != nil {
		return nil, fmt.Errorf("invoice: read history of %.64q: %w", id, err)
	}
	return events, nil
}

// Payments returns up to limit payments of the project's invoice, in the order of their keys, after the given key; the
// zero key begins. An [Invoice] itself holds only the latest payments when there are many. The limit must be 1 to
// [MaxPage].
func (s *Service) Payments(ctx context.Context, project, id string, after chain.Key, limit int) ([]Payment, error) {
	if limit < 1 || limit > MaxPage {
		return nil, refuse("limit", strconv.Itoa(limit), fmt.Sprintf("must be 1 to %d", MaxPage))
	}
	if _, err := s.Invoice(ctx, project, id); err != nil {
		return nil, err
	}
	payments, err := s.cfg.Store.Payments(ctx, id, after, limit)
	if err != nil {
		return nil, fmt.Errorf("invoice: read payments of %.64q: %w", id, err)
	}
	return payments, nil
}

// Depth describes how deep a payment is in the chain.
type Depth struct {
	// Have is the number of confirmations, and Need is how many are required. Under a finality tag Need is 1, and Have
	// is 1 once the tag has reached the payment.
	Have, Need uint64
	// Mature reports whether the payment is deep enough now, and not withdrawn.
	Mature bool
}

// Depths returns how deep each of the invoice's payments is, in their order, as the networks were last seen.
func (s *Service) Depths(ctx context.Context, inv Invoice) ([]Depth, error) {
	heads := map[chain.Network]chain.Head{}
	out := make([]Depth, len(inv.Payments))
	for i, p := range inv.Payments {
		head, known := heads[p.Key.Network]
		if !known {
			c, err := s.chainClock(ctx, p.Key.Network)
			if err != nil {
				return nil, err
			}
			head = c.head
			heads[p.Key.Network] = head
		}
		out[i] = inv.Depth(p, head)
	}
	return out, nil
}

// Head returns the last block of the network that the store has; the zero value if there is none yet. It returns
// [ErrNotFound] for a network that is not configured.
func (s *Service) Head(ctx context.Context, network chain.Network) (chain.Head, error) {
	if s.chains[network] == nil {
		return chain.Head{}, fmt.Errorf("invoice: head of %.100s: %w", network, ErrNotFound)
	}
	c, err := s.chainClock(ctx, network)
	return c.head, err
}

// Depth returns how deep a payment of the invoice is when head is the last block of the payment's network.
func (inv Invoice) Depth(p Payment, head chain.Head) Depth {
	need := inv.Terms.Confirm
	d := Depth{Need: need.Depth, Mature: !p.Withdrawn && p.mature(need, head)}
	switch {
	case need.Tag != chain.FinalityDepth:
		d.Need = 1
		if d.Mature {
			d.Have = 1
		}
	case !p.Withdrawn && p.inBlock():
		d.Have = head.Confirmations(p.Block.Height)
	}
	return d
}
