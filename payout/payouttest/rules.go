package payouttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// Rule is something that must hold in every world.
type Rule struct {
	Name string
	Why  string
}

// Rules returns what is checked after every step, and at the end of every world.
func Rules() []Rule {
	return []Rule{
		{"stored-first", "Nothing is sent whose signed bytes are not stored: a process that ends after the send could not know it."},
		{"paid-once", "No two transactions that pay a payout can both be taken by a chain: they exclude each other, or one is proven dead. One of somebody else that takes the place of ours may have paid, and one that a person names has."},
		{"no-end-too-soon", "A payout is paid, or lost to a foreign transaction, only once a process has seen that deep enough."},
		{"paid-means-paid", "A payout that is paid is on the chain, with its amount, to its receiver."},
		{"unpaid-means-unpaid", "When all is quiet, a payout that failed or was cancelled is nowhere on the chain."},
		{"ended", "When all is quiet, every payout that waits for nobody has ended."},
		{"adds-up", "What we owe is what we hold, in every asset, after every commit, and counted again from the beginning."},
		{"books-are-the-chain", "When all is quiet, every holding is on the chain as the books say."},
		{"reservations-end", "When all is quiet, nothing is reserved but for payouts that wait for somebody."},
		{"topped-up-once", "No two top-ups of an address can both still come: one is enough for the sweep that it is for."},
		{"fees-as-promised", "No payout bears more for fees than was reserved for it. What a block took beyond that is the float's alone, and the transaction says so; it comes back with a block that leaves the chain."},
		{"never-below-zero", "No account is below zero unless the chain took money back."},
		{"one-number-one-transaction", "No number of a sender belongs to two transactions, and none is left out."},
		{"one-coin-one-transaction", "No coin is spent by two transactions of ours that can both still come: the books of one would be wrong."},
		{"told-in-order", "Events of a payout have no gaps and begin where the one before ended; an ended payout begins again only with an alarm, by a person who has paid it, or by a bank that returns it."},
		{"as-chosen", "A version that follows an operator's choice costs no more than that, and he did choose it."},
		{"listed", "Where a list of receivers is demanded, it is what was allowed and not forbidden; a payout goes to one that was on it, and none before the cooling-off time is over."},
		{"refunds", "An invoice is refunded at most what it brought."},
	}
}

// broken is a rule that does not hold.
type broken struct{ text string }

func (w *world) broken(format string, args ...any) { panic(broken{fmt.Sprintf(format, args...)}) }

// checkStored is the rule stored-first. A process that is late may send what has come to its end meanwhile.
func (w *world) checkStored(v payout.Version) {
	for id, all := range w.made {
		if !slices.ContainsFunc(all, func(m made) bool { return m.id == v.TxID }) {
			continue
		}
		t, err := w.inner.Transaction(context.Background(), id)
		w.must(err)
		if slices.ContainsFunc(t.Versions, func(o payout.Version) bool { return string(o.Raw) == string(v.Raw) }) {
			return
		}
	}
	w.broken("stored-first: %s is sent and not stored", v.TxID)
}

// committed checks a batch that was stored.
func (w *world) committed(b payout.Batch) {
	for _, t := range b.Transactions {
		w.note("transaction %s of %s is %s, with %d versions", t.ID[24:], t.Anchor, t.Stage, len(t.Versions))
		if t.Purpose == payout.PurposeBump {
			w.note("that is a bump, which is %s with %d", t.Stage, len(t.Versions))
		}
		w.checkChosen(t)
	}
	w.noteReceivers(b)
	w.checkListed(b)
	w.checkFees(b)
	for _, p := range b.Payouts {
		w.note("%s is %s %s", p.Key, p.State.Status, p.State.Reason)
		if p.State.Status == payout.StatusPaid && p.State.Reason == payout.ReasonOperator {
			w.marked[p.ID] = p.State.TxID
		}
		w.checkEnd(p)
	}
	for _, ev := range b.Events {
		if ev.Seq != w.seqs[ev.Payout]+1 {
			w.broken("told-in-order: event %d of payout %s follows event %d", ev.Seq, ev.Payout, w.seqs[ev.Payout])
		}
		w.seqs[ev.Payout] = ev.Seq
	}
	for _, e := range b.Entries {
		if err := e.Check(); err != nil {
			w.broken("adds-up: %v", err)
		}
	}
}

// checkChosen is the rule as-chosen. The first version of a bump follows what was chosen for its parent.
func (w *world) checkChosen(t payout.Transaction) {
	for i, v := range t.Versions {
		if v.Hurry == nil {
			continue
		}
		asked := w.chosen[t.ID]
		if i == 0 {
			asked = w.chosen[t.Parent]
		}
		if v.Fee.Cmp(v.Hurry.Fee) > 0 || !slices.Contains(asked, v.Hurry.Fee.Int64()) {
			w.broken("as-chosen: version %d of transaction %s pays %s for a choice of %s, of %v", i, t.ID, v.Fee, v.Hurry.Fee, asked)
		}
	}
}

// checkEnd is the rule no-end-too-soon.
func (w *world) checkEnd(p payout.Payout) {
	switch s := p.State; {
	case s.Status == payout.StatusPaid && w.deepest[s.TxID] < depthFinal:
		w.broken("no-end-too-soon: payout %s is paid by %s, seen %d blocks deep", p.ID, s.TxID, w.deepest[s.TxID])
	case s.Status == payout.StatusFailed && s.Reason == payout.ReasonForeign && w.deepest[s.Transaction] < depthBuried:
		w.broken("no-end-too-soon: payout %s is lost, seen %d blocks deep", p.ID, w.deepest[s.Transaction])
	}
}

// check checks the rules that hold after every step.
func (w *world) check() {
	w.checkSums()
	w.checkOnce()
	w.checkFeed()
}

// checkSums is the rule adds-up, by the kept sums.
func (w *world) checkSums() {
	totals, err := w.inner.Totals(context.Background())
	w.must(err)
	for _, t := range totals {
		if t.Owed.Cmp(t.Held) != 0 {
			w.broken("adds-up: of %s we owe %s and hold %s", t.Asset, t.Owed, t.Held)
		}
	}
}

// checkOnce is the rule paid-once.
func (w *world) checkOnce() {
	for _, s := range w.chains {
		paying := map[string][]made{}  // what was signed, by payout
		numbers := map[string]string{} // transaction by number
		coming := map[string]string{}  // top-up by address
		spent := map[string]string{}   // transaction by coin
		for _, it := range w.thefts {
			for _, id := range it.instead {
				if it.network == s.network {
					paying[id] = append(paying[id], it.made)
				}
			}
		}
		for id, all := range w.made {
			for _, m := range all {
				if m.network != s.network {
					continue
				}
				if m.tx.From == topUp && s.c.tip().taken[m.id] == 0 && !s.c.impossible(m.id, m.tx) {
					if other := coming[m.tx.To]; other != "" && other != id {
						w.broken("topped-up-once: %s and %s can both come to %s", other, id, m.tx.To)
					}
					coming[m.tx.To] = id
				}
				for payoutID := range m.tx.Pays {
					paying[payoutID] = append(paying[payoutID], m)
				}
				for _, lock := range m.tx.Spends {
					if other := numbers[lock]; s.c.kind == accounts && other != "" && other != id {
						w.broken("one-number-one-transaction: %s belongs to %s and %s", lock, other, id)
					}
					numbers[lock] = id
				}
				if s.c.kind == coins && !s.c.impossible(m.id, m.tx) {
					for _, name := range m.tx.Spends {
						if other := spent[name]; other != "" && other != id {
							w.broken("one-coin-one-transaction: %s is spent by %s and %s", name, min(other, id), max(other, id))
						}
						spent[name] = id
					}
				}
			}
		}
		for _, id := range sortedKeys(paying) {
			w.exclusive(s, id, paying[id])
			for _, m := range paying[id] {
				if w.marked[id] != "" && !m.tx.Foreign && !s.c.at(s.c.height() - depthBuried + 1).failed[m.id] && !s.c.impossible(m.id, m.tx) {
					w.broken("paid-once: payout %s was paid by hand and can be paid by %s", id, m.id)
				}
			}
		}
	}
}

func (w *world) exclusive(s *spender, id string, all []made) {
	for i, a := range all {
		for _, b := range all[:i] {
			share := slices.ContainsFunc(a.tx.Spends, func(n string) bool { return slices.Contains(b.tx.Spends, n) })
			if a.id == b.id || share && s.c.kind != expiring {
				continue
			}
			if !s.c.impossible(a.id, a.tx) && !s.c.impossible(b.id, b.tx) {
				w.broken("paid-once: payout %s can be paid by two transactions, %s and %s", id, a.id, b.id)
			}
		}
	}
}

// impossible reports whether no branch that can still win has the transaction.
func (c *simChain) impossible(id string, t tx) bool {
	buried := c.at(c.height() - depthBuried + 1)
	if _, in := c.tip().taken[id]; in {
		return false
	}
	for _, name := range t.Spends {
		if by, spent := buried.spender[name]; spent && by != id || c.neverExists(name) {
			return true
		}
	}
	return t.Expires > 0 && c.height()-t.Expires >= depthBuried-1
}

// neverExists reports whether the coin is the change of a transaction that no branch that can still win has, however it
// was signed.
func (c *simChain) neverExists(name string) bool {
	never := false
	for id, t := range c.txs {
		if _, makes := t.Makes[name]; makes {
			if never = c.impossible(id, t); !never {
				return false
			}
		}
	}
	return never
}

// checkFeed is the rule told-in-order, as a reader of the feed sees it.
func (w *world) checkFeed() {
	events, err := w.inner.Events(context.Background(), w.position, 1000)
	w.must(err)
	for _, ev := range events {
		w.position = ev.Position
		if ev.Payout == "" {
			continue
		}
		var body payout.Payload
		if err := json.Unmarshal(ev.Body, &body); err != nil {
			w.broken("told-in-order: the body of event %s cannot be read: %v", ev.ID, err)
		}
		last := w.told[ev.Payout]
		returned := last == payout.StatusPaid && ev.Type == payout.EventReturned
		byHand := last == payout.StatusFailed && ev.Type == payout.EventPaid && body.Data.Payout.Reason == payout.ReasonOperator
		if body.Data.From != last || last.Ended() && ev.Type != payout.EventUndone && !w.undone && !byHand && !returned {
			w.broken("told-in-order: payout %s was told as %q and is now told from %q to %q", ev.Payout, last, body.Data.From, body.Data.To)
		}
		w.told[ev.Payout] = body.Data.To
		if ev.Type == payout.EventUndone || ev.Type == payout.EventForeign { // the change of status is told by the next event
			w.told[ev.Payout] = body.Data.From
		}
		w.undone = ev.Type == payout.EventUndone
	}
}

// quiet lets everything come to an end: nothing fails any more, blocks come, and everybody does his work.
func (w *world) quiet() {
	w.calm = true
	w.note("now nothing fails any more")
	ctx := context.Background()
	w.knowAll()
	for i := range w.procs {
		w.procs[i] = w.start(i)
	}
	for _, s := range w.chains {
		s.c.rate, s.c.extra = 1, 0
		w.must(w.procs[0].Resume(ctx, s.network))
		w.mineWith(s, deposit{name: "fund:end", asset: s.c.assets[0], units: big.NewInt(100000)},
			deposit{name: "fund:end of top-ups", asset: s.c.assets[0], units: big.NewInt(100000), at: topUp})
	}
	for round := range 200 {
		w.clock = w.clock.Add(20e9)
		for _, s := range w.chains {
			for _, p := range w.procs {
				err := p.Look(ctx, s.network)
				if err != nil {
					w.result("look", err)
				}
				if err != nil && !benign(err) {
					w.broken("ended: a quiet look fails: %v", err)
				}
				if err := p.Book(ctx); err != nil && !benign(err) {
					w.broken("ended: a quiet booking fails: %v", err)
				}
			}
			if round == 3*depthBuried {
				w.mineWith(s, w.refuel(s)...)
			} else {
				w.mine(s)
			}
			w.bookFunds(w.procs[0], s)
			w.writeOff(w.procs[0], s)
		}
		if w.custodian != nil {
			if err := w.procs[0].Look(ctx, custody); err != nil && !benign(err) {
				w.broken("ended: a quiet look at the custodian fails: %v", err)
			}
			w.custodian.quiet(w.procs[0])
		}
		w.check()
		if round > 2*depthBuried && w.ended() {
			break
		}
	}
	w.final()
}

// knowAll learns of the payouts whose request ended with an error, and that are stored all the same.
func (w *world) knowAll() {
	q := payout.Query{Limit: 100}
	for {
		page, err := w.inner.Payouts(context.Background(), q)
		w.must(err)
		for _, p := range page.Payouts {
			w.know(p.ID)
		}
		if q.Before = page.Next; q.Before == "" {
			return
		}
	}
}

// benign reports whether an error only means that another process was first, or that the books wait for a payment that
// came back with a block.
func benign(err error) bool {
	var short *payout.InsufficientError
	return errors.Is(err, payout.ErrConflict) || errors.Is(err, invoice.ErrFenced) || errors.As(err, &short)
}

// waits reports whether a payout waits for somebody: for an approval or its receiver, for coins, or for a greater fee than
// what cancellations for the sake of others have left of it.
func waits(p payout.Payout) bool {
	short := p.State.Status == payout.StatusQueued && p.State.Reason == payout.ReasonFee && p.Fee.Cmp(big.NewInt(2*feeOf(1, 1))) < 0
	return p.State.Status == payout.StatusRequested || p.State.Reason == payout.ReasonCoins || short
}

// ended reports whether everything has come to an end.
func (w *world) ended() bool {
	for _, id := range w.payouts {
		p, err := w.inner.Payout(context.Background(), id)
		w.must(err)
		if !p.State.Status.Ended() && !waits(p) {
			return false
		}
	}
	networks := []chain.Network{custody}
	for _, s := range w.chains {
		networks = append(networks, s.network)
	}
	for _, network := range networks {
		open, err := w.inner.OpenTransactions(context.Background(), network)
		w.must(err)
		if len(open) > 0 {
			return false
		}
	}
	return true
}

// final checks the rules of a quiet end.
func (w *world) final() {
	ctx := context.Background()
	reserved := map[string]*big.Int{}
	for _, id := range w.payouts {
		p, err := w.inner.Payout(ctx, id)
		w.must(err)
		if p.Asset.ID == euro {
			w.custodian.check(p)
		} else {
			w.checkPaid(p)
		}
		if !p.State.Status.Ended() {
			if !waits(p) {
				w.broken("ended: payout %s (%s) is %s, %s %s, when all is quiet", p.ID, p.Key, p.State.Status, p.State.Reason, p.State.Detail)
			}
			addTo(reserved, string(p.Asset.ID), p.Units)
			addTo(reserved, string(p.FeeAsset), p.Fee)
		}
	}
	w.checkReserved(reserved)
	for _, s := range w.chains {
		if slices.ContainsFunc(w.thefts, func(it *theft) bool { return !it.written && s.c.tip().taken[it.id] > 0 }) {
			continue // more than the operator's float was stolen
		}
		w.must(w.procs[0].Audit(ctx, s.network, func(d payout.Difference) {
			w.broken("books-are-the-chain: %s: the books say %s, the chain %s", d.Holding.Name, d.Books, d.Chain)
		}))
	}
	if w.custodian != nil {
		w.must(w.procs[0].Audit(ctx, custody, func(d payout.Difference) {
			w.broken("books-are-the-chain: %s: the books say %s, the custodian %s", d.Holding.Name, d.Books, d.Chain)
		}))
	}
	w.checkLedger()
	if err := w.procs[0].Recount(ctx); err != nil {
		w.broken("adds-up: %v", err)
	}
	w.checkRefunds()
}

// checkPaid compares one payout with the chain.
func (w *world) checkPaid(p payout.Payout) {
	c := w.chainOf(p.Asset.ID.Network())
	var on []string
	for id := range c.tip().taken {
		if t := c.txs[id]; !c.tip().failed[id] && t.Pays[p.ID] != "" {
			on = append(on, id)
		}
	}
	switch paid := p.State.Status == payout.StatusPaid; {
	case w.marked[p.ID] != "" && (!paid || len(on) > 0):
		w.broken("paid-once: payout %s was paid by hand, is %s and on the chain %d times", p.ID, p.State.Status, len(on))
	case w.marked[p.ID] != "":
	case len(on) > 1:
		w.broken("paid-once: payout %s is on the chain %d times", p.ID, len(on))
	case paid && len(on) == 0:
		w.broken("paid-means-paid: payout %s is paid and not on the chain", p.ID)
	case paid && p.State.TxID != on[0]:
		w.broken("paid-means-paid: payout %s is paid by %s, and on the chain by %s", p.ID, p.State.TxID, on[0])
	case paid && (c.txs[on[0]].Pays[p.ID] != p.Units.String() || c.txs[on[0]].Payees[p.ID] != string(p.To)):
		w.broken("paid-means-paid: payout %s of %s to %s is on the chain as %v", p.ID, p.Units, p.To, c.txs[on[0]])
	case !paid && len(on) == 1:
		w.broken("unpaid-means-unpaid: payout %s (%s) is %s and on the chain", p.ID, p.Key, p.State.Status)
	}
}

// checkReserved is the rule reservations-end.
func (w *world) checkReserved(want map[string]*big.Int) {
	for _, name := range []string{project, ""} {
		balances, err := w.inner.Balances(context.Background(), name)
		w.must(err)
		for _, b := range balances {
			if b.Account.Kind == payout.Reserved {
				addTo(want, string(b.Account.Asset), new(big.Int).Neg(b.Units))
			}
		}
	}
	for asset, left := range want {
		if left.Sign() != 0 {
			w.broken("reservations-end: %s of %s is reserved for nothing", new(big.Int).Neg(left), asset)
		}
	}
}

// checkRefunds is the rule refunds.
func (w *world) checkRefunds() {
	out := map[string]*big.Int{}
	for _, id := range w.payouts {
		p, err := w.inner.Payout(context.Background(), id)
		w.must(err)
		if p.Kind == payout.KindRefund && p.State.Status != payout.StatusFailed && p.State.Status != payout.StatusCancelled {
			addTo(out, p.Invoice, p.Units)
		}
	}
	for _, it := range w.invoices {
		sum := orZero(out[it.inv.ID])
		if sum.Cmp(it.deposit.units) > 0 {
			w.broken("refunds: %s brought %s, and %s was refunded", it.inv.OrderID, it.deposit.units, sum)
		}
		credit, err := w.inner.Credit(context.Background(), it.inv.ID)
		w.must(err)
		asset := it.inv.Quote.Asset.ID
		noted := new(big.Int).Add(orZero(credit.RefundedHeld[asset]), orZero(credit.RefundedOwn[asset]))
		if noted.Cmp(sum) != 0 {
			w.broken("refunds: %s was refunded %s, and %s is noted", it.inv.OrderID, sum, noted)
		}
	}
}

func addTo(sums map[string]*big.Int, k string, units *big.Int) {
	if sums[k] == nil {
		sums[k] = new(big.Int)
	}
	sums[k].Add(sums[k], orZero(units))
}
