package invoicetest

import (
	"context"
	"encoding/json"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// look reads an invoice that was just committed. The others are known, and all are read again after every step.
func (w *world) look(id string) {
	inv, err := w.store().Invoice(context.Background(), id)
	if err != nil {
		w.fail(ruleErrors, "read %s: %v", id, err)
		return
	}
	w.keep(w.whole(inv))
}

// whole adds the settled payments of an invoice, which a store leaves out.
func (w *world) whole(inv invoice.Invoice) invoice.Invoice {
	if inv.Settled == nil {
		return inv
	}
	const page = 100
	inv.Payments = nil
	for after, more := (chain.Key{}), true; more; {
		list, err := w.store().Payments(context.Background(), inv.ID, after, page)
		if err != nil {
			w.fail(ruleErrors, "read the payments of %s: %v", inv.OrderID, err)
			return inv
		}
		inv.Payments = append(inv.Payments, list...)
		if more = len(list) == page; more {
			after = list[page-1].Key
		}
	}
	return inv
}

func (w *world) keep(inv invoice.Invoice) {
	w.seen[inv.ID] = inv
	for address := range addresses(inv) {
		w.issued[address] = true
		if id, lost := w.lost[address]; lost && id != inv.ID {
			w.fail(ruleLost, "%s has the address of %s, which was shown to a payer and is lost", inv.OrderID, w.ownerOf(address))
		}
	}
}

// all reads every invoice of the store.
func (w *world) all() []invoice.Invoice {
	var out []invoice.Invoice
	for _, standing := range []bool{false, true} {
		page, err := w.store().Invoices(context.Background(), invoice.Query{Standing: standing, Limit: invoice.MaxPage, Sort: invoice.SortCreated, Ascending: true})
		if err != nil {
			w.fail(ruleErrors, "list the invoices: %v", err)
		}
		for _, inv := range page.Invoices {
			out = append(out, w.whole(inv))
		}
	}
	slices.SortFunc(out, func(a, b invoice.Invoice) int {
		if a.OrderID != b.OrderID {
			return compare(a.OrderID, b.OrderID)
		}
		return compare(a.ID, b.ID)
	})
	clear(w.seen)
	for _, inv := range out {
		w.keep(inv)
	}
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// inspect checks what must hold after every step, and returns all invoices. Unless whole is set, invoices that have not
// changed since the last inspection are not read again.
func (w *world) inspect(whole bool) []invoice.Invoice {
	w.committing <- struct{}{}
	defer func() { <-w.committing }()
	w.readFeed()
	invoices := w.all()
	w.inspectIdentities(invoices)
	heads := map[chain.Network]chain.Head{}
	for _, t := range append([]*truth{{}}, w.chains...) { // the first is of invoices without an asset
		p, err := w.store().Network(context.Background(), t.net)
		if err != nil {
			w.fail(ruleErrors, "read progress: %v", err)
		}
		heads[t.net] = p.Head
	}
	for _, inv := range invoices {
		w.inspectPayments(inv)
		w.inspectSums(inv, heads[inv.Network()])
		if whole || w.inspected[inv.ID] != inv.Version {
			w.inspectEvents(inv)
			w.inspected[inv.ID] = inv.Version
		}
	}
	w.inspectPromises(invoices)
	for _, t := range w.chains {
		w.auditCursor(t.net)
	}
	w.inspectFeed(whole)
	return invoices
}

func (w *world) inspectIdentities(invoices []invoice.Invoice) {
	orders, places := map[string]string{}, map[invoice.Place]string{}
	indexes, keys := map[uint32]string{}, map[chain.Key]string{}
	held := map[chain.Network]map[invoice.Place]bool{}
	for _, inv := range invoices {
		if first, twice := orders[inv.OrderID]; twice && inv.OrderID != "" {
			w.fail(ruleOrderID, "order %s is invoice %s and invoice %s", inv.OrderID, first, inv.ID)
		}
		orders[inv.OrderID] = inv.ID
		for _, p := range inv.Payments {
			if first, twice := keys[p.Key]; twice {
				w.fail(ruleIdentity, "%s is a payment of %s and of %s", show(p.Key), first, inv.OrderID)
			}
			keys[p.Key] = inv.OrderID
		}
		if !inv.State.ReleasedAt.IsZero() {
			continue // it has given its addresses up
		}
		for _, q := range quotesOf(inv) {
			if q.Released || inv.Terms.Remainder {
				continue
			}
			place := invoice.Place{Address: q.Address, Slot: q.Slot}
			if first, held := places[place]; held && first != inv.OrderID {
				w.fail(ruleIndex, "%s and %s have one address %s", first, inv.OrderID, q.Slot)
			}
			if first, held := indexes[q.Index]; held && first != inv.OrderID && q.Slot == "" {
				w.fail(ruleIndex, "%s and %s have the index %d", first, inv.OrderID, q.Index)
			}
			places[place], indexes[q.Index] = inv.OrderID, inv.OrderID
			network := q.Asset.ID.Network()
			if held[network] == nil {
				held[network] = map[invoice.Place]bool{}
			}
			held[network][place] = true
		}
	}
	for network, places := range held {
		if w.traits.share > 0 && len(places) > w.traits.share {
			w.fail(ruleShare, "the project holds %d places of %s, of %d", len(places), network, w.traits.share)
		}
	}
}

// shown reports whether the invoice ever showed the address.
func shown(inv invoice.Invoice, address chain.Address) bool {
	return slices.ContainsFunc(quotesOf(inv), func(q invoice.Quote) bool { return q.Address == address })
}

// asked reports whether the invoice ever asked for exactly this amount at a shared address.
func asked(inv invoice.Invoice, p invoice.Payment) bool {
	return slices.ContainsFunc(quotesOf(inv), func(q invoice.Quote) bool {
		return q.Slot != "" && q.Address == p.To && q.Asset.ID == p.Asset && q.Due.Cmp(p.Units) == 0
	})
}

// restOfRemainder searches the payments that fitted no invoice for one that an invoice has asked for and still waits for.
func (w *world) restOfRemainder(remainder invoice.Invoice, invoices []invoice.Invoice) {
	for _, p := range remainder.Payments {
		_, sent, _ := w.truth(p.Key.Network).output(p.Key.TxID, outputIndex(p.Key))
		for _, inv := range invoices {
			// An invoice that asked for it before may have been found first, because of a fork or a clock.
			open := inv.State.ReleasedAt.IsZero() && inv.Quote != nil && inv.Quote.At.Before(sent) && w.totals.Forks == 0 && len(w.skews) == 0
			if open && !inv.Terms.Remainder && !inv.Quote.Released && asked(inv, p) && inv.Quote.Due.Cmp(p.Units) == 0 && inv.Quote.Asset.ID == p.Asset {
				w.fail(ruleSlot, "%s is what %s asks for, and was taken for nobody's", show(p.Key), inv.OrderID)
			}
		}
	}
}

// inspectPayments compares each payment with what was ever sent.
func (w *world) inspectPayments(inv invoice.Invoice) {
	for _, p := range inv.Payments {
		t := w.truth(p.Key.Network)
		if t == nil {
			w.fail(ruleInvented, "%s has a payment on %s", inv.OrderID, p.Key.Network)
			continue
		}
		out, sent, known := t.output(p.Key.TxID, outputIndex(p.Key))
		if !known || out.To != p.To || out.Asset.ID != p.Asset || out.Units.Cmp(p.Units) != 0 || p.Invoice != inv.ID || !shown(inv, p.To) {
			w.fail(ruleInvented, "%s has a payment %s of %s to %s, but what was sent is %v to %s", inv.OrderID, show(p.Key), p.Units, w.ownerOf(p.To), out.Units, w.ownerOf(out.To))
		}
		if w.traits.shared != nil && !inv.Terms.Remainder && !asked(inv, p) {
			w.fail(ruleSlot, "%s of %s is %s of %s at a shared address, which it never asked for", show(p.Key), inv.OrderID, p.Units, p.Asset)
		}
		if p.Dust != w.dust(inv, p.Asset, p.Units) {
			w.fail(ruleDust, "%s of %s is %s of %s, taken for dust: %t", show(p.Key), inv.OrderID, p.Units, p.Asset, p.Dust)
		}
		if first, again := w.firstSeen[p.Key]; again && p.FirstSeen.After(first) {
			w.fail(ruleFirstSight, "%s of %s was first seen at %s, and later at %s", show(p.Key), inv.OrderID, clock(first), clock(p.FirstSeen))
		}
		if p.FirstSeen.Before(sent.Add(w.earliest())) {
			w.fail(ruleFirstSight, "%s of %s was seen at %s and sent at %s", show(p.Key), inv.OrderID, clock(p.FirstSeen), clock(sent))
		}
		w.firstSeen[p.Key] = p.FirstSeen
		if inv.Quote != nil && p.Key.Network == inv.Network() {
			w.inspectValue(inv, p)
		}
	}
}

// inspectSums checks what follows from the payments alone, wherever the head is.
func (w *world) inspectSums(inv invoice.Invoice, head chain.Head) {
	s := inv.State
	v := judge(inv, head, time.Now())
	if orZero(s.Received).Cmp(v.received) != 0 || orZero(s.Counted).Cmp(v.counted) != 0 {
		w.fail(ruleFold, "%s says received %v and counted %v, but its payments add up to %s and %s", inv.OrderID, s.Received, s.Counted, v.received, v.counted)
	}
	if orZero(s.Confirmed).Cmp(v.counted) > 0 {
		w.fail(ruleFold, "%s says that %s is confirmed of %s", inv.OrderID, s.Confirmed, v.counted)
	}
	// Whether the deadline has passed, and what is mature, may not have been looked at yet.
	unpaid := func(s invoice.Status) bool { return s == invoice.StatusNew || s == invoice.StatusExpired }
	if s.Status != v.status && !(unpaid(s.Status) && unpaid(v.status)) {
		w.fail(ruleFold, "%s is %s, but its facts say %s", inv.OrderID, s.Status, v.status)
	}
}

// inspectValue searches for rates at which a payment was worth the amount credited.
func (w *world) inspectValue(inv invoice.Invoice, p invoice.Payment) {
	if p.Asset == inv.Quote.Asset.ID && p.Credit != nil && p.Credit.Cmp(p.Units) != 0 {
		w.fail(ruleValue, "%s of %s is %s, and credited with %s", show(p.Key), inv.OrderID, p.Units, p.Credit)
	}
	for _, credit := range []*big.Int{p.Credit, p.Rerated} {
		if credit != nil && credit.Cmp(p.Units) != 0 && !w.everWorth(inv, p, credit) {
			w.fail(ruleValue, "%s of %s, %s of %s, is credited with %s, which it never was worth", show(p.Key), inv.OrderID, p.Units, p.Asset, credit)
		}
	}
}

func (w *world) everWorth(inv invoice.Invoice, p invoice.Payment, credit *big.Int) bool {
	due := inv.Quote.Asset
	// What one unit of the asset was taken for: by its price if that is in the asset, else by what the price was
	// quoted as.
	var quoted []*big.Rat
	if inv.Price.Currency == due.Code {
		for _, price := range w.rates.history(due.Code) {
			quoted = append(quoted, price.Rat())
		}
	} else {
		quoted = append(quoted, new(big.Rat).Quo(inv.Price.Amount.Rat(), due.Decimal(inv.Quote.Due).Rat()))
	}
	var paid chain.Asset
	for _, a := range w.truth(p.Key.Network).chain.Assets() {
		if a.ID == p.Asset {
			paid = a
		}
	}
	for _, price := range w.rates.history(paid.Code) {
		value := new(big.Rat).Mul(paid.Decimal(p.Units).Rat(), price.Rat())
		for _, rate := range quoted {
			units := new(big.Rat).Quo(value, rate)
			units.Mul(units, decimal.New(1, int32(due.Decimals)).Rat())
			if new(big.Int).Quo(units.Num(), units.Denom()).Cmp(credit) == 0 {
				return true
			}
		}
	}
	return false
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

// inspectEvents checks that the events lead to the state of the invoice.
func (w *world) inspectEvents(inv invoice.Invoice) {
	events, err := w.store().InvoiceEvents(context.Background(), inv.ID, 0)
	if err != nil {
		w.fail(ruleErrors, "read the events of %s: %v", inv.OrderID, err)
		return
	}
	if int64(len(events)) != inv.Seq {
		w.fail(ruleFeed, "%s has had %d events, and %d are stored", inv.OrderID, inv.Seq, len(events))
		return
	}
	status := invoice.Status("")
	for i, ev := range events {
		fed, there := w.fed(ev.ID)
		switch {
		case ev.Seq != int64(i)+1 || ev.From != status:
			w.fail(ruleFeed, "event %d of %s is number %d and begins at %s, not at %s", i+1, inv.OrderID, ev.Seq, ev.From, status)
		case !there:
			w.fail(ruleFeed, "event %d of %s is not in the feed", ev.Seq, inv.OrderID)
		case string(fed.Body) != string(ev.Body):
			w.fail(ruleOneContent, "event %d of %s says %s in the feed and %s in the history", ev.Seq, inv.OrderID, fed.Body, ev.Body)
		}
		status = ev.To
	}
	var last invoice.Payload
	if len(events) == 0 {
		w.fail(ruleFeed, "%s has no event", inv.OrderID)
		return
	}
	if err := json.Unmarshal(events[len(events)-1].Body, &last); err != nil {
		w.fail(ruleOneContent, "the last event of %s cannot be read: %v", inv.OrderID, err)
		return
	}
	is, said := inv.State, last.Data.Invoice
	if status != is.Status || said.Status != is.Status || said.Closed != is.Closed {
		w.fail(ruleSilent, "%s is %s, closed %t, but its last event says %s and %s, closed %t", inv.OrderID, is.Status, is.Closed, status, said.Status, said.Closed)
	}
}

// inspectPromises checks that what shops were told is still true.
func (w *world) inspectPromises(invoices []invoice.Invoice) {
	byID := map[string]invoice.Invoice{}
	for _, inv := range invoices {
		byID[inv.ID] = inv
	}
	for order, promised := range w.promised {
		inv, there := byID[promised.ID]
		switch {
		case !there:
			w.fail(rulePromise, "%s was created and is gone", order)
		case inv.Version < promised.Version || len(inv.Actions) < len(promised.Actions):
			w.fail(rulePromise, "%s was at version %d with %d actions, and is at %d with %d", order, promised.Version, len(promised.Actions), inv.Version, len(inv.Actions))
		case inv.Version == promised.Version && inv.Label() != promised.Label():
			w.fail(rulePromise, "%s was labelled %q, and has the label %q", order, promised.Label(), inv.Label())
		case promised.Quote != nil && !slices.ContainsFunc(append(slices.Clone(inv.Earlier), *inv.Quote), func(q invoice.Quote) bool {
			return q.Address == promised.Quote.Address && q.Due.Cmp(promised.Quote.Due) == 0
		}):
			w.fail(rulePromise, "%s was quoted otherwise", order)
		}
	}
}

// slippery is the number of latest events that are read again after every step.
const slippery = 40

// inspectFeed reads the end of the feed, or all of it, again, to find events that appeared behind a reader.
func (w *world) inspectFeed(whole bool) {
	feed, n, after := w.followed(), 0, int64(0)
	if len(feed) > slippery && !whole {
		n = len(feed) - slippery
		after = feed[n-1].Position
	}
	for {
		page, err := w.store().Events(context.Background(), after, 200)
		if err != nil {
			w.fail(ruleErrors, "read the feed: %v", err)
			return
		}
		for _, ev := range page {
			if n >= len(feed) || feed[n].ID != ev.ID || feed[n].Position != ev.Position {
				w.fail(ruleFeed, "who reads the feed from the beginning finds event %d of %s at %d, who has followed it has not", ev.Seq, w.orderOf(ev.Invoice), ev.Position)
				return
			}
			if string(feed[n].Body) != string(ev.Body) {
				w.fail(ruleOneContent, "event %d of %s has changed", ev.Seq, w.orderOf(ev.Invoice))
			}
			n++
			after = ev.Position
		}
		if len(page) < 200 {
			break
		}
	}
	if n != len(feed) {
		w.fail(ruleFeed, "%d events were in the feed, and %d are", len(feed), n)
	}
}

// inspectRest checks what must hold when nothing is broken and everything has been seen.
func (w *world) inspectRest(anew bool) {
	invoices := w.inspect(true)
	for _, t := range w.chains {
		w.restOfChain(t, invoices)
	}
	for _, inv := range invoices {
		if inv.Terms.Remainder {
			w.restOfRemainder(inv, invoices)
		}
		w.restOfInvoice(inv, anew)
	}
	w.comeBack()
	if w.cfg.Tell == nil {
		return
	}
	for _, ev := range w.followed() {
		i := slices.IndexFunc(invoices, func(inv invoice.Invoice) bool { return inv.ID == ev.Invoice })
		if i < 0 {
			continue
		}
		for _, m := range w.cfg.Notifier.Messages(ev, invoices[i], w.receiversOf(ev)) {
			if !w.endpoints.deaf(m.URL) && !w.endpoints.settled(m.ID) {
				w.fail(ruleDelivered, "event %d of %s, %s, was never told", ev.Seq, invoices[i].OrderID, ev.Type)
			}
		}
	}
}

// restOfChain compares the payments with the chain and the pool as they are.
func (w *world) restOfChain(t *truth, invoices []invoice.Invoice) {
	v := t.view()
	issued := addresses(invoices...)
	mined, waiting := incoming(v.blocks, issued), incoming([]chain.Block{{Transfers: v.pool}}, issued)
	sums := map[chain.Address]map[chain.AssetID]*big.Int{}
	for _, inv := range invoices {
		for _, p := range inv.Payments {
			if p.Key.Network != t.net || p.Withdrawn {
				continue
			}
			if p.Block.Hash == "" {
				if _, there := waiting[p.Key]; !there && w.traits.pools {
					w.fail(ruleCanonical, "%s has %s as unconfirmed, which nobody knows any more", inv.OrderID, show(p.Key))
				}
				delete(waiting, p.Key)
				continue
			}
			if got, there := mined[p.Key]; !there || got.block.Hash != p.Block.Hash {
				w.fail(ruleCanonical, "%s has %s in block %.10s, where it is not", inv.OrderID, show(p.Key), p.Block.Hash)
			}
			if sums[p.To] == nil {
				sums[p.To] = map[chain.AssetID]*big.Int{}
			}
			sums[p.To][p.Asset] = new(big.Int).Add(orZero(sums[p.To][p.Asset]), p.Units)
		}
	}
	if len(waiting) > 0 && w.traits.pools {
		w.fail(ruleCanonical, "%d unconfirmed transfers on %s are not seen", len(waiting), t.net)
	}
	for _, inv := range invoices {
		for _, a := range t.chain.Assets() {
			for _, q := range quotesOf(inv) {
				if want, got := t.chain.Balance(q.Address, a), orZero(sums[q.Address][a.ID]); want.Cmp(got) != 0 {
					w.fail(ruleCanonical, "%s is credited with %s %s, and the chain has %s", inv.OrderID, got, a.Code, want)
				}
			}
		}
	}
}

// restOfInvoice compares the state with the fold of the facts.
func (w *world) restOfInvoice(inv invoice.Invoice, anew bool) {
	p, err := w.store().Network(context.Background(), inv.Network())
	if err != nil {
		w.fail(ruleErrors, "read progress: %v", err)
		return
	}
	now := time.Now()
	v, will, s := judge(inv, p.Head, now), willOf(inv), inv.State
	if inv.Quote == nil && now.Sub(will.deadline).Abs() <= w.latest()+time.Minute {
		return // clocks disagree on whether it is over
	}
	switch {
	// Rates are requested with the next block, and no longer for a record.
	case v.unvalued && !anew && s.Status != invoice.StatusArchived:
		w.fail(ruleFold, "%s has money that was not valued, though there are rates", inv.OrderID)
	case s.Status != v.status || s.Closed != v.closed || s.Outcome != v.outcome:
		w.fail(ruleFold, "%s is %s (%s), closed %t, but its facts say %s (%s), closed %t", inv.OrderID, s.Status, s.Outcome, s.Closed, v.status, v.outcome, v.closed)
	case orZero(s.Confirmed).Cmp(v.confirmed) != 0 && s.Status != invoice.StatusArchived && s.Status != invoice.StatusCompleted:
		w.fail(ruleFold, "%s says that %s is confirmed, and it is %s", inv.OrderID, s.Confirmed, v.confirmed)
	case v.complete && s.CompletedAt.IsZero() && !will.cancelled && !will.archive:
		w.fail(ruleFold, "%s has %s confirmed of %s and is not completed", inv.OrderID, v.confirmed, inv.Quote.Due)
	case s.Status == invoice.StatusExpired && inv.Quote != nil:
		w.restOfExpired(inv, will)
	case inv.Terms.Standing:
		for _, pay := range inv.Payments {
			if ripe := isMature(pay, inv.Terms.Confirm, p.Head); !pay.Withdrawn && ripe && !pay.Dust && pay.Key.Network == inv.Network() && pay.MaturedAt.IsZero() {
				w.fail(ruleFold, "%s has the deposit %s deep enough and has not told it", inv.OrderID, show(pay.Key))
			}
		}
	}
}

// restOfExpired asks the chain itself whether the invoice was paid in time.
func (w *world) restOfExpired(inv invoice.Invoice, will will) {
	t, inTime := w.truth(inv.Network()), new(big.Int)
	others := map[chain.Key]bool{} // what came for those who had the address before or after
	for _, other := range w.seen {
		for _, pay := range other.Payments {
			others[pay.Key] = others[pay.Key] || other.ID != inv.ID
		}
	}
	for _, b := range t.view().blocks {
		for _, transfer := range b.Transfers {
			if !others[transfer.Key()] && !w.dust(inv, transfer.Asset, transfer.Units) && transfer.To == inv.Quote.Address && transfer.Asset == inv.Quote.Asset.ID && !b.Time.After(will.deadline) {
				inTime.Add(inTime, transfer.Units)
			}
		}
	}
	if covers(inv, inTime) {
		w.fail(ruleExpiry, "%s is expired, but %s of %s is in blocks before the deadline", inv.OrderID, inTime, inv.Quote.Due)
	}
}
