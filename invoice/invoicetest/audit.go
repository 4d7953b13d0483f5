package invoicetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// commit commits a batch to the store and checks the result before anybody else can commit.
func (w *world) commit(ctx context.Context, b invoice.Batch) error {
	w.committing <- struct{}{} // not a mutex, because the bubble's time does not pass while one waits for a mutex
	defer func() { <-w.committing }()
	if most := w.traits.most; most > 0 && len(b.Payments) > most {
		return fmt.Errorf("injected: %d payments: %w", len(b.Payments), invoice.ErrTooLarge)
	}
	if err := w.store().Commit(ctx, b); err != nil {
		return err
	}
	w.totals.Commits++
	w.totals.Portions += oneIf(slices.ContainsFunc(b.Progress, portioned))
	w.did(entry{batch: b})
	w.endpoints.expect(b.Messages)
	w.auditReceivers(b)
	w.readFeed()
	for _, r := range b.Releases {
		if r.Reuse {
			w.mu.Lock()
			w.freed[r.Wallet] = append(w.freed[r.Wallet], r.Index)
			w.mu.Unlock()
		}
	}
	for _, inv := range slices.Concat(b.Insert, b.Update) {
		w.auditInvoice(inv, b)
		w.look(inv.ID)
	}
	for _, next := range b.Progress {
		w.auditCursor(next.Network)
	}
	for _, ev := range b.Events {
		w.auditEnd(ev)
	}
	return nil
}

// was is the state of an invoice after its last commit.
type was struct {
	order    string
	status   invoice.Status
	closed   bool
	reverted bool
	partial  bool               // closed, paid in part, and no payment can vanish
	present  map[chain.Key]bool // payments that are not withdrawn
	mature   map[chain.Key]bool // deposits that were reported as having enough confirmations
}

// auditInvoice compares the batch's change of an invoice with its events.
func (w *world) auditInvoice(inv invoice.Invoice, b invoice.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.was[inv.ID]
	after := was{
		order: inv.OrderID, status: inv.State.Status, closed: inv.State.Closed,
		reverted: inv.State.Outcome.Has(invoice.OutcomeReverted), partial: inv.State.PartialConfirmed(), present: maps.Clone(before.present), mature: maps.Clone(before.mature),
	}
	if after.present == nil {
		after.present, after.mature = map[chain.Key]bool{}, map[chain.Key]bool{}
	}
	var came, went, ripe int
	for _, p := range b.Payments {
		if p.Invoice == inv.ID {
			ripe += oneIf(!after.mature[p.Key] && !p.MaturedAt.IsZero())
			after.mature[p.Key] = !p.MaturedAt.IsZero()
		}
		switch {
		case p.Invoice != inv.ID || after.present[p.Key] == !p.Withdrawn:
		case p.Withdrawn:
			delete(after.present, p.Key)
			went++
			if t := w.truth(p.Key.Network); !w.blurred && t != nil && !t.wasAbsent(p.Key.TxID) {
				w.failLocked(ruleVanish, "%s loses %s, which was in the chain or the pool all the time", inv.OrderID, show(p.Key))
			}
		default:
			after.present[p.Key] = true
			came++
		}
	}
	w.was[inv.ID] = after
	counts := map[invoice.EventType]int{}
	changes := 0
	for _, ev := range b.Events {
		if ev.Invoice != inv.ID {
			continue
		}
		counts[ev.Type]++
		if ev.From == ev.To {
			continue
		}
		if changes++; ev.From != before.status || ev.To != after.status {
			w.failLocked(ruleSilent, "%s went from %s to %s, but an event tells from %s to %s", inv.OrderID, before.status, after.status, ev.From, ev.To)
		}
	}
	told := changes > 0
	for _, c := range []struct {
		happened int
		typ      invoice.EventType
	}{
		{came, invoice.EventPaymentReceived},
		{went, invoice.EventPaymentLost},
		{ripe, invoice.EventDeposit},
		{oneIf(!before.reverted && after.reverted), invoice.EventReverted},
		{oneIf(before.reverted && !after.reverted), invoice.EventRestored},
		{oneIf(!told && known && before.closed != after.closed), invoice.EventClosed},
		{oneIf(!known), invoice.EventCreated},
		{oneIf(before.status == after.status && before.closed && !before.partial && after.partial), invoice.EventConfirmed},
	} {
		if counts[c.typ] != c.happened {
			w.failLocked(ruleSilent, "%s: %d events %s for what happened %d times", inv.OrderID, counts[c.typ], c.typ, c.happened)
		}
	}
	if changes != oneIf(before.status != after.status) {
		w.failLocked(ruleSilent, "%s went from %s to %s with %d events", inv.OrderID, before.status, after.status, changes)
	}
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// located is a transfer to an invoice, and its block.
type located struct {
	chain.Transfer
	block chain.Header
}

// incoming returns the transfers to the given addresses in the blocks, by key.
func incoming(blocks []chain.Block, issued map[chain.Address]bool) map[chain.Key]located {
	out := map[chain.Key]located{}
	for _, b := range blocks {
		for _, t := range b.Transfers {
			if issued[t.To] {
				out[t.Key()] = located{t, b.Header}
			}
		}
	}
	return out
}

// addresses returns all addresses that the invoices ever showed.
func addresses(invoices ...invoice.Invoice) map[chain.Address]bool {
	issued := map[chain.Address]bool{}
	for _, inv := range invoices {
		for _, q := range quotesOf(inv) {
			issued[q.Address] = true
		}
	}
	return issued
}

// auditCursor compares the store's payments on a network with the chain at the store's block.
func (w *world) auditCursor(id chain.Network) {
	p, err := w.store().Network(context.Background(), id)
	if err != nil {
		w.fail(ruleErrors, "read progress of %s: %v", id, err)
		return
	}
	if p.Head.Hash == "" {
		return
	}
	tip, blocks, known := w.truth(id).ancestry(p.Head.Hash)
	if !known {
		w.fail(ruleInvented, "%s stands at block %d %.10s, which there never was", id, p.Head.Height, p.Head.Hash)
		return
	}
	switch {
	case p.Head.Height != tip.Height || p.Head.Safe > p.Head.Height || p.Head.Finalized > p.Head.Height:
		w.fail(ruleCompletion, "%s stands at block %d, but says %d, safe %d, final %d: confirmations are counted wrong", id, tip.Height, p.Head.Height, p.Head.Safe, p.Head.Finalized)
	case p.Head.Time.After(w.truth(id).latestServed()):
		w.fail(ruleExpiry, "%s says that it is %s, but no block after %s was seen", id, clock(p.Head.Time), clock(w.truth(id).latestServed()))
	}
	w.mu.Lock()
	if p.Head.Time.Before(w.time[id]) {
		w.failLocked(ruleExpiry, "the time of %s went back from %s to %s: what has expired would be open again", id, clock(w.time[id]), clock(p.Head.Time))
	}
	w.time[id] = p.Head.Time
	w.highest[id] = highest(w.highest[id], p.Head)
	w.mu.Unlock()
	for _, a := range p.Aside {
		if a.Unexamined != nil {
			w.dimmed[a.Unexamined.TxID] = true
		}
	}
	want := incoming(blocks, w.issued)
	for key := range want {
		if aside(p, key) && !w.has(key) {
			delete(want, key)
		}
	}
	for _, inv := range w.seen {
		for _, pay := range inv.Payments {
			if pay.Key.Network != id || pay.Withdrawn || pay.Block.Hash == "" {
				continue
			}
			if portioned(p) && pay.Block.Height > p.Head.Height { // of a block that is not stored as a whole yet
				continue
			}
			if stands(p, inv.ID, pay.Block.Height) { // as it was before the fork
				delete(want, pay.Key)
				continue
			}
			t, there := want[pay.Key]
			if !there || t.block.Hash != pay.Block.Hash || pay.Block.Time.After(t.block.Time) && !w.dimmed[pay.Key.TxID] && !proves(p, inv.ID, pay) || t.block.Height != pay.Block.Height {
				w.fail(ruleCanonical, "%s has payment %s in block %d %.10s, stamped %s, but the chain up to %d %.10s has it in %d %.10s, there by %s", inv.OrderID, show(pay.Key), pay.Block.Height, pay.Block.Hash, clock(pay.Block.Time), p.Head.Height, p.Head.Hash, t.block.Height, t.block.Hash, clock(t.block.Time))
			}
			delete(want, pay.Key)
		}
	}
	for key, t := range want {
		w.fail(ruleCursor, "the store stands at block %d of %s, and has no payment for %s in block %d to %s, and has set %d things aside", p.Head.Height, id, show(key), t.block.Height, w.ownerOf(t.To), len(p.Aside))
	}
}

// proves reports whether an earlier time of the payment is set aside.
func proves(p invoice.Progress, id string, pay invoice.Payment) bool {
	return slices.ContainsFunc(p.Aside, func(a invoice.Aside) bool {
		return a.Invoice == id && pay.Block.Height < a.First && a.Earliest.Before(pay.Block.Time)
	})
}

// aside reports whether the transfer is set aside: its transaction could not be examined, or the store refused its invoice's
// part of a step.
func aside(p invoice.Progress, key chain.Key) bool {
	return slices.ContainsFunc(p.Aside, func(a invoice.Aside) bool {
		return a.Unexamined != nil && a.Unexamined.TxID == key.TxID ||
			slices.ContainsFunc(a.Seen, func(s invoice.Seen) bool { return s.Transfer.Key() == key })
	})
}

// stands reports whether the store has not yet been able to take back the invoice's blocks from the height on.
func stands(p invoice.Progress, id string, height uint64) bool {
	return slices.ContainsFunc(p.Aside, func(a invoice.Aside) bool { return a.Invoice == id && a.Rewound && height > a.Fork })
}

// portioned reports whether a step is being stored in portions.
func portioned(p invoice.Progress) bool {
	return slices.ContainsFunc(p.Aside, func(a invoice.Aside) bool { return a.Portions })
}

// has reports whether any invoice has the payment in a block.
func (w *world) has(key chain.Key) bool {
	for _, inv := range w.seen {
		if slices.ContainsFunc(inv.Payments, func(p invoice.Payment) bool { return p.Key == key && !p.Withdrawn && p.Block.Hash != "" }) {
			return true
		}
	}
	return false
}

func highest(a, b chain.Head) chain.Head {
	a.Height, a.Safe, a.Finalized = max(a.Height, b.Height), max(a.Safe, b.Safe), max(a.Finalized, b.Finalized)
	return a
}

// auditEnd compares an expiry or a completion with the chain.
func (w *world) auditEnd(ev invoice.Event) {
	if ev.Type != invoice.EventExpired && ev.Type != invoice.EventCompleted {
		return
	}
	inv, err := w.store().Invoice(context.Background(), ev.Invoice)
	if err != nil || inv.Quote == nil {
		return
	}
	inv = w.whole(inv)
	will := willOf(inv)
	p, err := w.store().Network(context.Background(), inv.Network())
	if err != nil {
		return
	}
	_, blocks, _ := w.truth(inv.Network()).ancestry(p.Head.Hash)
	w.mu.Lock()
	head := w.highest[inv.Network()]
	w.mu.Unlock()
	inTime, deep := new(big.Int), new(big.Int)
	for key, t := range incoming(blocks, addresses(inv)) {
		pay := paymentOf(inv, key)
		credit := counts(inv, will, pay)
		if credit == nil {
			continue
		}
		if !t.block.Time.After(will.deadline) && !w.dimmed[key.TxID] {
			inTime.Add(inTime, credit)
		}
		if isMature(invoice.Payment{Block: invoice.BlockRef{Height: t.block.Height, Hash: t.block.Hash}}, inv.Terms.Confirm, head) {
			deep.Add(deep, credit)
		}
	}
	if need := inv.Terms.Confirm; need == (chain.Confirmations{}) {
		for _, pay := range inv.Payments {
			waits := pay.Block.Hash == "" || portioned(p) && pay.Block.Height > p.Head.Height
			if credit := counts(inv, will, pay); waits && !pay.Withdrawn && !pay.Replaceable && credit != nil {
				deep.Add(deep, credit)
			}
		}
	}
	served := w.truth(inv.Network()).latestServed()
	switch {
	case ev.Type == invoice.EventCompleted && !will.completed && !covers(inv, deep):
		w.fail(ruleCompletion, "%s is completed, but of %s only %s is deep enough at block %d", inv.OrderID, inv.Quote.Due, deep, p.Head.Height)
	case ev.Type == invoice.EventExpired && covers(inv, inTime):
		w.fail(ruleExpiry, "%s expires, but %s of %s came in time", inv.OrderID, inTime, inv.Quote.Due)
	case ev.Type == invoice.EventExpired && !expiredByHand(inv) && !served.After(will.deadline):
		w.fail(ruleExpiry, "%s with the deadline %s expires, but no block after %s was seen", inv.OrderID, clock(will.deadline), clock(served))
	}
}

func paymentOf(inv invoice.Invoice, key chain.Key) invoice.Payment {
	for _, p := range inv.Payments {
		if p.Key == key {
			return p
		}
	}
	return invoice.Payment{}
}

// readFeed continues to read the feed, as a shop does.
func (w *world) readFeed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		after := int64(0)
		if n := len(w.feed); n > 0 {
			after = w.feed[n-1].Position
		}
		page, err := w.store().Events(context.Background(), after, 50)
		if err != nil {
			w.failLocked(ruleErrors, "read the feed: %v", err)
			return
		}
		for _, ev := range page {
			if ev.Position <= after {
				w.failLocked(ruleFeed, "position %d comes after %d", ev.Position, after)
				return
			}
			after = ev.Position
			if seen, twice := w.events[ev.ID]; twice {
				w.failLocked(ruleFeed, "event %s is at %d and at %d", seen.ID, seen.Position, ev.Position)
				return
			}
			if before, known := w.ever[ev.ID]; known && !bytes.Equal(before.Body, ev.Body) {
				w.failLocked(ruleOneContent, "event %s was %s before the restore, and is %s", ev.ID, before.Body, ev.Body)
			}
			if want := w.lastSeq[ev.Invoice] + 1; ev.Seq != want {
				w.failLocked(ruleFeed, "event %d of %s comes where %d is next", ev.Seq, w.was[ev.Invoice].order, want)
				return
			}
			w.lastSeq[ev.Invoice] = ev.Seq
			w.events[ev.ID], w.ever[ev.ID] = ev, ev
			w.feed = append(w.feed, ev)
		}
		if len(page) < 50 {
			return
		}
	}
}

// followed returns the feed as far as it was read after commits, which other goroutines make.
func (w *world) followed() []invoice.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.feed
}

// fed returns an event of the feed.
func (w *world) fed(id string) (invoice.Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev, there := w.events[id]
	return ev, there
}

// reserved records indexes that the store has handed out.
func (w *world) reserved(wallet string, first, n uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == 0 {
		return // a query alone reserves nothing
	}
	for _, r := range w.ranges[wallet] {
		if first < r[1] && r[0] < first+n {
			w.failLocked(ruleIndex, "indexes from %d on were handed out twice", max(first, r[0]))
		}
	}
	w.ranges[wallet] = append(w.ranges[wallet], [2]uint32{first, first + n})
	w.top[wallet] = max(w.top[wallet], first+n)
}

// took records a number that the store has handed out again.
func (w *world) took(wallet string, index uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.freed[wallet], index)
	if i < 0 {
		w.failLocked(ruleIndex, "index %d was handed out again, though nobody gave it up", index)
		return
	}
	w.freed[wallet] = slices.Delete(w.freed[wallet], i, i+1)
}

func show(k chain.Key) string { return shorten(k.TxID) + "/" + k.Index }

func shorten(hash string) string { return hash[:min(8, len(hash))] }

// clock formats a time as the duration since the beginning of a bubble.
func clock(t time.Time) string {
	return t.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Round(time.Millisecond).String()
}

func outputIndex(k chain.Key) int {
	n, err := strconv.Atoi(k.Index)
	if err != nil {
		return -1
	}
	return n
}
