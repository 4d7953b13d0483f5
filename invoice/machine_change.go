package invoice

import (
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// change is the effect of a step on one payment.
type change struct {
	payment Payment
	// fresh: it was not there before. lost: it is no longer there. matured: it is a deposit that is now deep enough.
	// None: it only moved.
	fresh, lost, matured bool
}

// mature returns the deposits to a standing invoice that have become deep enough.
func mature(inv Invoice, c clock) []change {
	if !inv.Terms.Standing {
		return nil
	}
	var out []change
	for _, p := range inv.Payments {
		if !p.Withdrawn && p.MaturedAt.IsZero() && p.Key.Network == inv.Network() && p.mature(inv.Terms.Confirm, c.head) {
			p.MaturedAt = c.now
			out = append(out, change{payment: p, matured: true})
		}
	}
	return out
}

// absorb returns the effect of a step on the payments of one invoice: those that moved, vanished or came back, and the
// sightings that belong to it and are new.
func absorb(inv Invoice, mine []sighting, v view, now time.Time) []change {
	var out []change
	known := map[chain.Key]bool{}
	for _, p := range inv.Payments {
		known[p.Key] = true
		if p.Key.Network != v.network {
			continue
		}
		if next, changed := moved(p, v, now); changed {
			out = append(out, change{payment: next, fresh: p.Withdrawn && !next.Withdrawn, lost: next.Withdrawn})
		}
	}
	for _, s := range mine {
		key := s.transfer.Key()
		if known[key] {
			continue
		}
		known[key] = true
		p := Payment{
			Key: key, Invoice: inv.ID, Asset: s.transfer.Asset, From: s.transfer.From, To: s.transfer.To,
			FirstSeen: now,
		}
		out = append(out, change{payment: p.at(s), fresh: true})
	}
	return out
}

// moved returns a known payment as it is after the step, and whether it changed.
func moved(p Payment, v view, now time.Time) (Payment, bool) {
	if s, seen := v.byKey[p.Key]; seen && s.transfer.To == p.To {
		if s.block == (BlockRef{}) && p.inBlock() && !p.Withdrawn && !v.left(p) {
			return v.restamped(p) // the pool still lists it although it was mined
		}
		next := p.at(s)
		next.Withdrawn = false
		if next.FirstSeen.After(now) { // our clock was ahead then
			next.FirstSeen = now
		}
		return next, !next.same(p)
	}
	if !p.Withdrawn && v.left(p) {
		p.Withdrawn, p.MaturedAt = true, time.Time{}
		return p, true
	}
	return v.restamped(p)
}

// restamped returns the payment with the earlier time that the step proves, if any.
func (v view) restamped(p Payment) (Payment, bool) {
	if !v.stampedBack(p) {
		return p, false
	}
	p.Block.Time = v.earliest
	return p, true
}

// left reports whether the block or pool entry of the payment is gone.
func (v view) left(p Payment) bool {
	if p.inBlock() {
		return v.rewound && p.Block.Height > v.fork
	}
	return v.poolKnown && !v.veiled[p.Key.TxID]
}

// stampedBack reports whether a block of the step proves that the payment was there before the timestamp of its own
// block.
func (v view) stampedBack(p Payment) bool {
	return p.inBlock() && !p.Withdrawn && v.provesEarlier(p.Block.Height, p.Block.Time)
}

// provesEarlier reports whether a block of the step proves that one of an earlier step existed before its timestamp.
func (v view) provesEarlier(height uint64, stamp time.Time) bool {
	return !v.earliest.IsZero() && height < v.first && height+stampReach >= v.first && v.earliest.Before(stamp)
}

// at returns the payment as the sighting shows it. The worth of a payment with the same key can differ after a
// reorganisation, since a contract may have acted differently: then it is valued anew.
func (p Payment) at(s sighting) Payment {
	if p.Units == nil || p.Units.Cmp(s.transfer.Units) != 0 || p.Asset != s.transfer.Asset {
		p.Credit, p.Rerated = nil, nil
	}
	if p.Units != nil && (p.Units.Cmp(s.transfer.Units) != 0 || p.Asset != s.transfer.Asset) {
		p.MaturedAt = time.Time{} // the deposit that was reported is a different one now
	}
	was := p.Block
	p.Units, p.Asset = new(big.Int).Set(s.transfer.Units), s.transfer.Asset
	p.Block, p.Replaceable = s.block, s.transfer.Replaceable
	if was.Hash == p.Block.Hash && was.Time.Before(p.Block.Time) { // a later block has proven it
		p.Block.Time = was.Time
	}
	return p
}

func (p Payment) same(o Payment) bool {
	return p.Block.Height == o.Block.Height && p.Block.Hash == o.Block.Hash && p.Block.Time.Equal(o.Block.Time) &&
		p.FirstSeen.Equal(o.FirstSeen) && p.Replaceable == o.Replaceable && p.Withdrawn == o.Withdrawn && p.Units.Cmp(o.Units) == 0 && p.Asset == o.Asset
}

// merge returns the invoice with the changed payments in place of the old ones, in the order of their keys.
func merge(inv Invoice, changes []change) Invoice {
	if len(changes) == 0 {
		return inv
	}
	at := make(map[chain.Key]int, len(inv.Payments))
	payments := slices.Clone(inv.Payments)
	for i, p := range payments {
		at[p.Key] = i
	}
	for _, c := range changes {
		i, known := at[c.payment.Key]
		if !known {
			i, payments = len(payments), append(payments, Payment{})
			at[c.payment.Key] = i
		}
		if was := payments[i]; was.Settled { // the sums contain it as it was
			f := inv.facts()
			inv.Settled = inv.Settled.clone()
			inv.Settled.add(was, f.part(was, foldActions(f.deadline, f.actions)), -1)
			c.payment.Settled = false
		}
		payments[i] = c.payment
	}
	slices.SortFunc(payments, func(a, b Payment) int { return compareKeys(a.Key, b.Key) })
	inv.Payments = payments
	return inv
}

// running is the state of an invoice while its payments are recorded one after the other.
type running struct {
	facts
	fold    actionFold
	counted *big.Int
	known   map[chain.Key]Payment
}

func run(before Invoice) running {
	f := before.facts()
	r := running{facts: f, fold: foldActions(f.deadline, f.actions), known: make(map[chain.Key]Payment, len(before.Payments))}
	r.counted = count(f, r.fold, chain.Head{}).counted
	for _, p := range before.Payments {
		r.known[p.Key] = p
	}
	return r
}

// record records a payment, in place of what it was before.
func (r *running) record(p Payment) {
	if was, known := r.known[p.Key]; known {
		r.counted.Sub(r.counted, orZero(r.part(was, r.fold).counted))
	}
	r.counted.Add(r.counted, orZero(r.part(p, r.fold).counted))
	r.known[p.Key] = p
}

// classify returns how a payment that is about to be recorded relates to its invoice as it is so far.
func (r *running) classify(p Payment) Class {
	switch {
	case r.due == nil || p.Asset.Network() != r.asset.Network():
		return ClassOtherNetwork
	case p.Dust:
		return ClassDust
	case r.fold.cancelled || r.fold.archived:
		return ClassAfterCancel
	case r.terms.Standing:
		return ClassDeposit
	case r.covers(r.counted) || !r.completedAt.IsZero():
		return ClassDuplicate
	case r.late(p, r.fold):
		return ClassLate
	case p.Asset != r.asset:
		return ClassOtherAsset
	}
	sum := new(big.Int).Add(r.counted, orZero(p.Credit))
	switch {
	case tooMuch(r.terms, r.due, sum):
		return ClassOver
	case r.covers(sum):
		return ClassExact
	}
	return ClassUnder
}
