package payout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

const (
	feedPage    = 500
	waitingPage = 200
	paymentPage = 500
)

// positionName is the document with the position of the feed up to which everything is booked.
const positionName = "books/position"

// Book books what the feed of events and the chains say since it was called last: payments that became deep enough,
// invoices that were completed, money that the chain took back. Run calls it; call it yourself only in a program without
// Run. It returns invoice.ErrLeased while another process has the duty.
func (s *Service) Book(ctx context.Context) error {
	fence, err := s.lease(ctx, "books")
	if err != nil {
		return err
	}
	if err := s.bookAside(ctx, fence); err != nil {
		return err
	}
	for ctx.Err() == nil {
		more, err := s.bookFeed(ctx, fence)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return s.bookWaiting(ctx, fence)
}

// bookFeed books one page of the feed, and reports whether there may be more.
func (s *Service) bookFeed(ctx context.Context, fence invoice.Lease) (bool, error) {
	was, err := s.cfg.Store.Document(ctx, positionName)
	if err != nil {
		return false, fmt.Errorf("payout: read the position of the books: %w", err)
	}
	after := int64(0)
	if was != nil {
		if after, err = strconv.ParseInt(string(was), 10, 64); err != nil {
			return false, fmt.Errorf("payout: the position of the books is damaged: %w", err)
		}
	}
	events, err := s.cfg.Invoices.Events(ctx, after, feedPage)
	var damaged *invoice.DamagedEventsError
	if err != nil && !errors.As(err, &damaged) {
		return false, fmt.Errorf("payout: read the feed: %w", err)
	}
	var ids []string
	for _, ev := range events {
		if ev.Invoice != "" && !slices.Contains(ids, ev.Invoice) {
			ids = append(ids, ev.Invoice)
		}
		after = max(after, ev.Position)
	}
	if damaged != nil {
		s.log.Error("events of the feed cannot be read and are not booked", "error", damaged)
		after = max(after, slices.Max(damaged.Positions))
	}
	if len(ids) > 0 {
		deep, err := s.depths(ctx)
		if err == nil {
			err = s.bookInvoices(ctx, ids, deep, fence)
		}
		if err != nil {
			return false, err
		}
	}
	value := []byte(strconv.FormatInt(after, 10))
	if string(value) == string(was) {
		return false, nil
	}
	err = s.commit(ctx, Batch{Documents: []Document{{Name: positionName, Was: was, Value: value}}, Fence: fence})
	if err != nil {
		return false, fmt.Errorf("payout: store the position of the books: %w", err)
	}
	return len(events) == feedPage, nil
}

// bookWaiting books the invoices whose payments have become deep enough since.
func (s *Service) bookWaiting(ctx context.Context, fence invoice.Lease) error {
	for _, n := range s.order {
		var before []string
		for ctx.Err() == nil {
			deep, err := s.depths(ctx)
			if err != nil {
				return err
			}
			ids, err := s.cfg.Store.CreditsWaiting(ctx, n.id, deep[n.id], waitingPage)
			if err != nil {
				return fmt.Errorf("payout: read what waits for blocks: %w", err)
			}
			if err := s.bookInvoices(ctx, ids, deep, fence); err != nil {
				return err
			}
			if len(ids) < waitingPage || slices.Equal(ids, before) { // not for ever, whatever keeps them waiting
				break
			}
			before = ids
		}
	}
	return nil
}

// depths returns for each network the highest block that is deep enough to be booked.
func (s *Service) depths(ctx context.Context) (map[chain.Network]uint64, error) {
	out := map[chain.Network]uint64{}
	for _, n := range s.order {
		p, err := s.cfg.Invoices.Network(ctx, n.id)
		if err != nil {
			return nil, fmt.Errorf("payout: read the progress of %s: %w", n.id, err)
		}
		out[n.id] = deepest(n.Confirm, p.Head)
	}
	return out, nil
}

// deepest returns the highest block that is deep enough under the head; 0 if none is.
func deepest(need chain.Confirmations, head chain.Head) uint64 {
	switch need.Tag {
	case chain.FinalitySafe:
		return head.Safe
	case chain.FinalityFinalized:
		return head.Finalized
	case chain.FinalityDepth:
	}
	if head.Height+1 < max(need.Depth, 1) {
		return 0
	}
	return head.Height + 1 - max(need.Depth, 1)
}

// bookInvoices books invoices. One that cannot be booked is set aside and tried again later, so that it does not stop the
// others.
func (s *Service) bookInvoices(ctx context.Context, ids []string, deep map[chain.Network]uint64, fence invoice.Lease) error {
	for _, id := range ids {
		err := s.bookInvoice(ctx, id, deep, fence)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || errors.Is(err, invoice.ErrFenced) {
			return fmt.Errorf("payout: book invoice %s: %w", id, err)
		}
		s.log.Error("an invoice cannot be booked and is set aside", "invoice", id, "error", err)
		if err := s.setAside(ctx, id, fence); err != nil {
			return fmt.Errorf("payout: set invoice %s aside: %w", id, err)
		}
	}
	return nil
}

// setAside stores that the invoice could not be booked, so that it waits for no block any more: else it would be among the
// first that wait for one for ever.
func (s *Service) setAside(ctx context.Context, id string, fence invoice.Lease) error {
	for range attempts {
		b := Batch{Fence: fence}
		was, err := s.cfg.Store.Document(ctx, asidePrefix+id)
		if err != nil {
			return err
		}
		if was == nil {
			b.Documents = []Document{{Name: asidePrefix + id, Value: []byte(id)}}
		}
		credit, err := s.cfg.Store.Credit(ctx, id)
		if err != nil {
			return err
		}
		if credit.Wait > 0 {
			credit.Network, credit.Wait = "", 0
			credit.Version++
			b.Credits = []Credit{credit}
		}
		if len(b.Documents) == 0 && len(b.Credits) == 0 {
			return nil
		}
		if err := s.commit(ctx, b); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// asidePrefix begins the names of the documents of invoices that could not be booked.
const asidePrefix = "books/aside/"

// bookAside tries again what was set aside.
func (s *Service) bookAside(ctx context.Context, fence invoice.Lease) error {
	aside, err := s.cfg.Store.Documents(ctx, asidePrefix, "", waitingPage)
	if err != nil || len(aside) == 0 {
		return err
	}
	deep, err := s.depths(ctx)
	if err != nil {
		return err
	}
	for _, doc := range aside {
		id := string(doc.Value)
		if err := s.bookInvoice(ctx, id, deep, fence); err != nil {
			continue // it was named when it was set aside
		}
		if err := s.change(ctx, doc.Name, func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			return fmt.Errorf("payout: invoice %s was set aside: %w", id, err)
		}
	}
	return nil
}

// bookInvoice makes the books say what is true of the invoice now.
func (s *Service) bookInvoice(ctx context.Context, id string, deep map[chain.Network]uint64, fence invoice.Lease) error {
	for range attempts {
		f, err := s.creditFacts(ctx, id, deep)
		if errors.Is(err, ErrNotFound) {
			s.log.Error("an invoice of the feed is not there, and is not booked", "invoice", id)
			return nil
		}
		if err != nil {
			return err
		}
		out := book(f)
		if !out.changed {
			return nil
		}
		out.credit.Version++
		err = s.commit(ctx, Batch{
			Receipts: out.receipts, Credits: []Credit{out.credit}, Entries: out.entries, Moves: out.moves, Fence: fence,
		})
		if err == nil {
			s.alarm(out)
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// alarm logs that the chain took back what was booked.
func (s *Service) alarm(c credited) {
	for _, e := range c.entries {
		if e.Overdraw {
			s.log.Warn("money that was booked was taken back", "invoice", c.credit.Invoice, "entry", e.ID)
		}
	}
}

func (s *Service) creditFacts(ctx context.Context, id string, deep map[chain.Network]uint64) (creditFacts, error) {
	inv, err := s.cfg.Invoices.Invoice(ctx, id)
	if err != nil {
		return creditFacts{}, err
	}
	f := creditFacts{inv: inv, receipts: map[chain.Key]Receipt{}, deep: deep, now: s.now()}
	f.holding = func(d Deposit) Holding { return s.networks[d.Key.Network].Spender.Holding(d) }
	if f.payments = inv.Payments; inv.Settled == nil {
		return f, s.creditKnown(ctx, &f)
	}
	f.payments = nil
	after := chain.Key{}
	for {
		page, err := s.cfg.Invoices.Payments(ctx, id, after, paymentPage)
		if err != nil {
			return creditFacts{}, err
		}
		f.payments = append(f.payments, page...)
		if len(page) < paymentPage {
			break
		}
		after = page[len(page)-1].Key
	}
	return f, s.creditKnown(ctx, &f)
}

// creditKnown adds what the books have of the invoice.
func (s *Service) creditKnown(ctx context.Context, f *creditFacts) error {
	receipts, err := s.cfg.Store.Receipts(ctx, f.inv.ID)
	if err != nil {
		return err
	}
	for _, r := range receipts {
		f.receipts[r.Key] = r
	}
	if err := s.findOurs(ctx, f); err != nil {
		return err
	}
	f.credit, err = s.cfg.Store.Credit(ctx, f.inv.ID)
	return err
}

// findOurs finds the payments that are top-ups of the invoice's address by us. A payout to an address of our own is none of
// them: it is paid from one account, and comes in for another. What the books have already is not looked at again.
func (s *Service) findOurs(ctx context.Context, f *creditFacts) error {
	f.ours = map[chain.Key]bool{}
	for _, p := range f.payments {
		if _, known := f.receipts[p.Key]; known || s.networks[p.Key.Network] == nil {
			continue
		}
		own, err := s.MovesOwn(ctx, p.Key.Network, p.Key.TxID)
		if err != nil {
			return err
		}
		f.ours[p.Key] = own
	}
	return nil
}

// MovesOwn reports whether a transaction only moves our own coins: a sweep, or the top-up of an address before it. It is
// for Own of invoice.Config: a top-up must not be taken for a payment. It is known before the transaction is sent.
func (s *Service) MovesOwn(ctx context.Context, network chain.Network, txID string) (bool, error) {
	id, err := s.cfg.Store.Document(ctx, ownName(network, txID))
	if err != nil {
		return false, fmt.Errorf("payout: look for transaction %s among our own: %w", txID, err)
	}
	if id == nil {
		return false, nil
	}
	t, err := s.cfg.Store.Transaction(ctx, string(id))
	if err != nil {
		return false, fmt.Errorf("payout: read transaction %s: %w", id, err)
	}
	return t.Purpose != PurposePay, nil
}
