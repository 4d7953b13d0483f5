package invoice

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// sighting is one transfer as a step shows it.
type sighting struct {
	transfer chain.Transfer
	block    BlockRef // zero for one in the pool
}

// view is a step, arranged for matching.
type view struct {
	network   chain.Network
	rewound   bool
	fork      uint64
	poolKnown bool
	to        map[chain.Address][]sighting
	byKey     map[chain.Key]sighting
}

// look arranges a step. A transfer that is both in the pool and in a block is in the block. Transfers
// of nothing, which only serve to poison address histories, are not seen at all.
func look(network chain.Network, step chain.Step) view {
	v := view{
		network: network, rewound: step.Rewound, fork: step.Fork, poolKnown: step.PoolKnown,
		to: map[chain.Address][]sighting{}, byKey: map[chain.Key]sighting{},
	}
	if step.PoolKnown {
		for _, t := range step.Pool {
			v.add(sighting{transfer: t})
		}
	}
	for _, b := range step.Joined {
		ref := BlockRef{b.Height, b.Hash, b.Time.UTC()}
		for _, t := range b.Transfers {
			t.Replaceable = false
			v.add(sighting{t, ref})
		}
	}
	for _, s := range v.byKey {
		v.to[s.transfer.To] = append(v.to[s.transfer.To], s)
	}
	for _, list := range v.to {
		slices.SortFunc(list, func(a, b sighting) int { return compareKeys(a.transfer.Key(), b.transfer.Key()) })
	}
	return v
}

func (v view) add(s sighting) {
	t := s.transfer
	if t.Units == nil || t.Units.Sign() <= 0 || t.Asset.Network() != v.network {
		return
	}
	// No chain has such texts, and no store need be able to keep them.
	if !cleanText(t.TxID) || !cleanText(t.Index) || !cleanText(string(t.To)) {
		return
	}
	if !cleanText(string(t.From)) {
		s.transfer.From = ""
	}
	v.byKey[s.transfer.Key()] = s
}

// match says which of the candidates a transfer belongs to: who holds the place on the transfer's own
// network, else who had it last, else the oldest of those with the address on another network, so that
// money sent on the wrong network is at least on record. At an address that invoices share, the exact
// amount tells them apart, and what fits none is whoever's who holds the remainder.
func match(candidates []Invoice, t chain.Transfer) (int, bool) {
	best, rank := -1, 0
	for i, inv := range candidates {
		r := inv.fits(t)
		if r == 0 || r < rank || r == rank && !inv.before(candidates[best], r) {
			continue
		}
		best, rank = i, r
	}
	return best, best >= 0
}

// fits ranks how well the invoice's places fit a transfer, 0 for not at all.
func (inv Invoice) fits(t chain.Transfer) int {
	rank := 0
	for _, q := range inv.quotes() {
		if q.Address != t.To {
			continue
		}
		gone := q.Released || !inv.State.ReleasedAt.IsZero()
		r := 0
		switch {
		case q.Slot != "" && (q.Asset.ID.Network() != t.Asset.Network() || q.Slot != slotOf(t.Asset, t.Units)):
		case q.Asset.ID.Network() != t.Asset.Network() && gone:
			r = 1
		case q.Asset.ID.Network() != t.Asset.Network():
			r = 2
		case inv.Terms.Remainder:
			r = 3
		case gone:
			r = 4
		default:
			r = 5
		}
		rank = max(rank, r)
	}
	return rank
}

// before decides between two invoices that fit a transfer equally well.
func (inv Invoice) before(o Invoice, rank int) bool {
	if c := inv.State.ReleasedAt.Compare(o.State.ReleasedAt); (rank == 1 || rank == 4) && c != 0 {
		return c > 0
	}
	return inv.ID < o.ID
}

// slotOf is the slot of an amount at a shared address. Slots of one asset sort as texts the way the amounts do.
func slotOf(asset chain.AssetID, units *big.Int) string {
	return fmt.Sprintf("%s:%078d", asset, units)
}

// change is what a step did to one payment.
type change struct {
	payment Payment
	// fresh: it was not there before. lost: it is no longer. matured: it is a deposit that is now deep
	// enough. None: it only moved.
	fresh, lost, matured bool
}

// mature finds the deposits to a standing invoice that have become deep enough.
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

// absorb says what a step did to the payments of one invoice: those among its payments that moved,
// vanished or came back, and the sightings that belong to it and are new.
func absorb(inv Invoice, mine []sighting, v view, now time.Time) []change {
	var out []change
	known := map[chain.Key]bool{}
	for _, p := range inv.Payments {
		known[p.Key] = true
		if p.Key.Network != v.network {
			continue
		}
		if next, changed := moved(p, v); changed {
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

// moved says where a known payment is after the step, and whether that is new.
func moved(p Payment, v view) (Payment, bool) {
	if s, seen := v.byKey[p.Key]; seen && s.transfer.To == p.To {
		if s.block == (BlockRef{}) && p.inBlock() && !p.Withdrawn && !v.left(p) {
			return p, false // a pool that has not noticed yet that it was mined
		}
		next := p.at(s)
		next.Withdrawn = false
		return next, !next.same(p)
	}
	if !p.Withdrawn && v.left(p) {
		p.Withdrawn, p.MaturedAt = true, time.Time{}
		return p, true
	}
	return p, false
}

// left says whether the place where the payment was is gone.
func (v view) left(p Payment) bool {
	if p.inBlock() {
		return v.rewound && p.Block.Height > v.fork
	}
	return v.poolKnown
}

// at is the payment as the sighting shows it. What a payment of the same key is worth can differ
// after a reorganisation, since a contract may have acted otherwise: then it is valued anew.
func (p Payment) at(s sighting) Payment {
	if p.Units == nil || p.Units.Cmp(s.transfer.Units) != 0 || p.Asset != s.transfer.Asset {
		p.Credit, p.Rerated = nil, nil
	}
	if p.Units != nil && (p.Units.Cmp(s.transfer.Units) != 0 || p.Asset != s.transfer.Asset) {
		p.MaturedAt = time.Time{} // the deposit that was told is another one now
	}
	p.Units, p.Asset = new(big.Int).Set(s.transfer.Units), s.transfer.Asset
	p.Block, p.Replaceable = s.block, s.transfer.Replaceable
	return p
}

func (p Payment) same(o Payment) bool {
	return p.Block.Height == o.Block.Height && p.Block.Hash == o.Block.Hash && p.Block.Time.Equal(o.Block.Time) &&
		p.Replaceable == o.Replaceable && p.Withdrawn == o.Withdrawn && p.Units.Cmp(o.Units) == 0 && p.Asset == o.Asset
}

// merge answers the invoice with the changed payments in the place of the old ones, in the order of
// their keys.
func merge(inv Invoice, changes []change) Invoice {
	payments := slices.Clone(inv.Payments)
	for _, c := range changes {
		i := slices.IndexFunc(payments, func(p Payment) bool { return p.Key == c.payment.Key })
		if i < 0 {
			payments = append(payments, c.payment)
		} else {
			payments[i] = c.payment
		}
	}
	slices.SortFunc(payments, func(a, b Payment) int { return compareKeys(a.Key, b.Key) })
	inv.Payments = payments
	return inv
}

// classify says how a payment that was just recorded stands to its invoice as it was before.
func classify(before Invoice, p Payment) Class {
	f := before.facts()
	fold := foldActions(f.deadline, f.actions)
	counted := count(f, fold, chain.Head{}).counted
	switch {
	case f.due == nil || p.Asset.Network() != f.asset.Network():
		return ClassOtherNetwork
	case fold.cancelled || fold.archived:
		return ClassAfterCancel
	case f.terms.Standing:
		return ClassDeposit
	case f.covers(counted) || !f.completedAt.IsZero():
		return ClassDuplicate
	case f.late(p, fold):
		return ClassLate
	case p.Asset != f.asset:
		return ClassOtherAsset
	}
	sum := new(big.Int).Add(counted, orZero(p.Credit))
	switch {
	case tooMuch(f.terms, f.due, sum):
		return ClassOver
	case f.covers(sum):
		return ClassExact
	}
	return ClassUnder
}
