package invoice

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// Invoice answers the project's invoice with its payments; an empty project means anybody's.
// ErrNotFound when there is none, or when it is another project's.
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

// InvoicesPaidIn answers the project's invoices with a payment in the transaction, on whichever network of the
// configuration, those created last first; an empty project means anybody's. The id is as a [Payment] has it, and a
// payment that the chain no longer has counts for nothing.
func (s *Service) InvoicesPaidIn(ctx context.Context, project, txID string) ([]Invoice, error) {
	var out []Invoice
	for _, c := range s.cfg.Chains {
		network := c.Watcher.Network()
		found, err := s.cfg.Store.InvoicesPaidIn(ctx, network, txID)
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

// MaxPage is the largest page that List and Events answer.
const MaxPage = 1000

// List answers one page of a listing. The limit must be 1 to [MaxPage].
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	switch {
	case q.Limit < 1 || q.Limit > MaxPage:
		return Page{}, &InvalidError{"limit", fmt.Sprintf("must be 1 to %d", MaxPage)}
	case q.Offset < 0:
		return Page{}, &InvalidError{"offset", "must not be negative"}
	case q.Status != "" && !q.Status.Valid():
		return Page{}, &InvalidError{"status", "is unknown"}
	}
	orDefault(&q.Sort, SortCreated)
	switch q.Sort {
	case SortCreated, SortUpdated, SortFiat, SortDue:
	default:
		return Page{}, &InvalidError{"sort_by", "is unknown"}
	}
	page, err := s.cfg.Store.Invoices(ctx, q)
	if err = s.passOver("", err); err != nil {
		return Page{}, fmt.Errorf("invoice: list: %w", err)
	}
	return page, nil
}

// Events answers the feed of all events after a position, at most limit of them. A shop that keeps the
// position of the last event it has seen misses nothing, however long it was away.
func (s *Service) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	if limit < 1 || limit > MaxPage {
		return nil, &InvalidError{"limit", fmt.Sprintf("must be 1 to %d", MaxPage)}
	}
	events, err := s.cfg.Store.Events(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("invoice: read events: %w", err)
	}
	return events, nil
}

// History answers all events of the project's invoice, oldest first.
func (s *Service) History(ctx context.Context, project, id string) ([]Event, error) {
	if _, err := s.Invoice(ctx, project, id); err != nil {
		return nil, err
	}
	events, err := s.cfg.Store.InvoiceEvents(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("invoice: read history of %.64q: %w", id, err)
	}
	return events, nil
}

// Depth is how deep a payment is.
type Depth struct {
	// Have is how often it is confirmed, Need how often it must be. Under a finality tag Need is 1, and
	// Have is 1 once the tag has reached the payment.
	Have, Need uint64
	// Mature says that it is deep enough, now and not withdrawn.
	Mature bool
}

// Depths answers how deep each of the invoice's payments is, in their order, as the networks were last
// seen.
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
		out[i] = p.depth(inv.Terms.Confirm, head)
	}
	return out, nil
}

func (p Payment) depth(need Confirmations, head chain.Head) Depth {
	d := Depth{Need: need.Depth, Mature: !p.Withdrawn && p.mature(need, head)}
	switch {
	case need.Tag != FinalityDepth:
		d.Need = 1
		if d.Mature {
			d.Have = 1
		}
	case !p.Withdrawn && p.inBlock():
		d.Have = head.Confirmations(p.Block.Height)
	}
	return d
}

// NetworkHealth is how one network stands.
type NetworkHealth struct {
	Network chain.Network
	Name    string
	Ours    bool       // this process follows it; else another one does, and Lag says nothing
	Lag     chain.Lag  // what the watcher says
	Stored  chain.Head // how far the store has come
	Err     error      // why the last step could not be stored; nil when it could
	Damaged []string   // ids of invoices that could not be read when they were last needed, and were passed over
}

// OK says whether payments on the network are being seen: the node answered within the given time,
// its answer could be stored, and it is at most as many blocks behind. Of a network that another
// process follows, that process must be asked.
func (h NetworkHealth) OK(now time.Time, within time.Duration, behind uint64) bool {
	if !h.Ours {
		return true
	}
	return h.Err == nil && h.Lag.Err == nil && now.Sub(h.Lag.Answered) <= within && h.Lag.Blocks() <= behind
}

// Health answers how each network stands, in the order of the configuration.
func (s *Service) Health(ctx context.Context) ([]NetworkHealth, error) {
	var out []NetworkHealth
	for _, c := range s.cfg.Chains {
		n := s.chains[c.Watcher.Network()]
		p, err := s.cfg.Store.Network(ctx, n.id)
		if err != nil {
			return nil, fmt.Errorf("invoice: read progress of %s: %w", n.id, err)
		}
		n.mu.Lock()
		h := NetworkHealth{Network: n.id, Name: n.Name, Ours: n.ours, Lag: n.Watcher.Lag(), Stored: p.Head, Err: n.err, Damaged: n.damaged}
		n.mu.Unlock()
		out = append(out, h)
	}
	return out, nil
}
