package invoice

import (
	"cmp"
	"fmt"
	"math"
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

// order is where in the chain the transfer is, the pool after every block.
func (s sighting) order() uint64 {
	if s.block.Hash == "" {
		return math.MaxUint64
	}
	return s.block.Height
}

// view is a step, arranged for matching.
type view struct {
	network    chain.Network
	rewound    bool
	fork       uint64
	poolKnown  bool
	to         map[chain.Address][]sighting
	byKey      map[chain.Key]sighting
	unexamined []chain.Unexamined
	veiled     map[string]bool      // transactions in a block that could not be examined, those of earlier steps too
	whose      map[chain.Key]string // invoices that transfers are for, as was found when they were set aside
	retried    bool                 // it was set aside, and others may have got the places since
	// What is in a block of the last stampReach ones below first, and stamped after earliest, was there by earliest: a
	// block that joined after it says so. The zero time says nothing.
	first    uint64
	earliest time.Time
}

// stampReach is how many blocks back a stamp may be ahead of one that comes later: Bitcoin asks of a block only that it
// is stamped after the median of the eleven before it.
const stampReach = 11

func newView(network chain.Network) view {
	return view{network: network, to: map[chain.Address][]sighting{}, byKey: map[chain.Key]sighting{}, whose: map[chain.Key]string{}}
}

// look arranges a step. A transfer that is both in the pool and in a block is in the block. Transfers
// of nothing, which only serve to poison address histories, are not seen at all.
func look(network chain.Network, step chain.Step) view {
	v := newView(network)
	v.rewound, v.fork, v.poolKnown = step.Rewound, step.Fork, step.PoolKnown
	if step.PoolKnown {
		for _, t := range step.Pool {
			v.add(sighting{transfer: t})
		}
	}
	stamps := make([]time.Time, len(step.Joined)) // of each block, or of a later one that is stamped before it
	for i, b := range slices.Backward(step.Joined) {
		if stamps[i] = b.Time.UTC(); i+1 < len(stamps) && stamps[i+1].Before(stamps[i]) {
			stamps[i] = stamps[i+1]
		}
	}
	for i, b := range step.Joined {
		for _, t := range b.Transfers {
			t.Replaceable = false
			v.add(sighting{t, BlockRef{b.Height, b.Hash, stamps[i]}})
		}
		for _, u := range b.Unexamined {
			u.Time = stamps[i]
			v.unexamined = append(v.unexamined, u)
		}
	}
	if len(stamps) > 0 {
		v.first, v.earliest = step.Joined[0].Height, stamps[0]
	}
	v.arrange()
	return v
}

// after forgets the earliest stamp of the step if nothing that was seen before is stamped after it: latest is the latest
// stamp of that, zero if it is not known.
func (v *view) after(latest time.Time) {
	if !latest.IsZero() && !v.earliest.Before(latest) {
		v.earliest = time.Time{}
	}
}

// arrange orders the sightings by where they arrived, and there by when: by block, and what is in the pool last.
func (v view) arrange() {
	for _, s := range v.byKey {
		v.to[s.transfer.To] = append(v.to[s.transfer.To], s)
	}
	for _, list := range v.to {
		slices.SortFunc(list, func(a, b sighting) int {
			return cmp.Or(cmp.Compare(a.order(), b.order()), compareKeys(a.transfer.Key(), b.transfer.Key()))
		})
	}
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

// recall notes whose the transfers of the view are that were set aside.
func (v *view) recall(seen []Seen) {
	for _, s := range seen {
		if _, again := v.byKey[s.Transfer.Key()]; again && s.For != "" {
			v.whose[s.Transfer.Key()] = s.For
		}
	}
}

// match says which of the candidates a transfer belongs to, empty for none: who holds the place on the transfer's own
// network, else who had it last, else the oldest of those with the address on another network, so that
// money sent on the wrong network is at least on record. At an address that invoices share, the exact
// amount tells them apart, and what fits none is whoever's who holds the remainder. It is not clear whose a transfer is
// that is from before all of them had the place, unless nobody else had it.
func match(candidates []Invoice, s sighting) (invoice string, clear bool) {
	best, rank := -1, 0
	for i, inv := range candidates {
		r := inv.fits(s)
		if r == 0 || r < rank || r == rank && !inv.before(candidates[best], r) {
			continue
		}
		best, rank = i, r
	}
	if best < 0 {
		return "", true
	}
	id := candidates[best].ID
	return id, rank != rankOlder || clearly(id, candidates, s)
}

// clearly reports whether a transfer from before all candidates had the place is the invoice's all the same: it alone has
// ever had the place, the stamp of the block speaks against its height, as that of a chain that became shorter, or nothing
// but its stamp says that it is older, which a clock of ours that was ahead does as well.
func clearly(invoice string, candidates []Invoice, s sighting) bool {
	alone, later, above := true, false, true
	for _, inv := range candidates {
		for _, q := range inv.quotes() {
			if q.Address == s.transfer.To && q.Asset.ID.Network() == s.transfer.Asset.Network() {
				alone = alone && inv.ID == invoice && !q.Released && inv.State.ReleasedAt.IsZero()
				later = later || !s.block.Time.Before(q.At)
				above = above && !(inv.ID == invoice && q.follows(s.block))
			}
		}
	}
	return alone || later || above
}

// rankOlder is how well an invoice fits that has the place only since then.
const rankOlder = 5

// fits ranks how well the invoice's places fit a transfer, 0 for not at all.
func (inv Invoice) fits(s sighting) int {
	rank, t := 0, s.transfer
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
			r = 4
		case q.Slot != "" && q.follows(s.block): // it has the amount by chance
			r = 3
		case q.Slot == "" && q.older(s.block): // whoever had the place before, if anybody had
			r = rankOlder
		case gone:
			r = 6
		default:
			r = 7
		}
		rank = max(rank, r)
	}
	return rank
}

// before decides between two invoices that fit a transfer equally well.
func (inv Invoice) before(o Invoice, rank int) bool {
	if c := inv.State.ReleasedAt.Compare(o.State.ReleasedAt); (rank == 1 || rank == 6) && c != 0 {
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

// moved says where a known payment is after the step, and whether that is new.
func moved(p Payment, v view, now time.Time) (Payment, bool) {
	if s, seen := v.byKey[p.Key]; seen && s.transfer.To == p.To {
		if s.block == (BlockRef{}) && p.inBlock() && !p.Withdrawn && !v.left(p) {
			return v.restamped(p) // a pool that has not noticed yet that it was mined
		}
		next := p.at(s)
		next.Withdrawn = false
		if next.FirstSeen.After(now) { // by a clock that was ahead then
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

// restamped is the payment with the earlier time that the step proves, if it does.
func (v view) restamped(p Payment) (Payment, bool) {
	if !v.stampedBack(p) {
		return p, false
	}
	p.Block.Time = v.earliest
	return p, true
}

// left says whether the place where the payment was is gone.
func (v view) left(p Payment) bool {
	if p.inBlock() {
		return v.rewound && p.Block.Height > v.fork
	}
	return v.poolKnown && !v.veiled[p.Key.TxID]
}

// veil notes which transactions are in a block, although nobody could say yet what is in them: they left the pool for that.
func (v *view) veil(aside []Aside) {
	v.veiled = map[string]bool{}
	for _, a := range aside {
		if a.Unexamined != nil && (!v.rewound || a.Unexamined.Height <= v.fork) {
			v.veiled[a.Unexamined.TxID] = true
		}
	}
	for _, u := range v.unexamined {
		v.veiled[u.TxID] = true
	}
}

// stampedBack reports whether a block of the step proves that the payment was there before its own block was stamped.
func (v view) stampedBack(p Payment) bool {
	return p.inBlock() && !p.Withdrawn && v.provesEarlier(p.Block.Height, p.Block.Time)
}

// provesEarlier reports whether a block of the step says that one of an earlier step was there before it is stamped.
func (v view) provesEarlier(height uint64, stamp time.Time) bool {
	return !v.earliest.IsZero() && height < v.first && height+stampReach >= v.first && v.earliest.Before(stamp)
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
	was := p.Block
	p.Units, p.Asset = new(big.Int).Set(s.transfer.Units), s.transfer.Asset
	p.Block, p.Replaceable = s.block, s.transfer.Replaceable
	if was.Hash == p.Block.Hash && was.Time.Before(p.Block.Time) { // as a later block has proven
		p.Block.Time = was.Time
	}
	return p
}

func (p Payment) same(o Payment) bool {
	return p.Block.Height == o.Block.Height && p.Block.Hash == o.Block.Hash && p.Block.Time.Equal(o.Block.Time) &&
		p.FirstSeen.Equal(o.FirstSeen) && p.Replaceable == o.Replaceable && p.Withdrawn == o.Withdrawn && p.Units.Cmp(o.Units) == 0 && p.Asset == o.Asset
}

// merge returns the invoice with the changed payments in the place of the old ones, in the order of
// their keys.
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
		if was := payments[i]; was.Settled { // the sums have it as it was
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

// running is how an invoice stands while its payments are recorded one after the other.
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

// record takes a payment into account, in the place of what it was before.
func (r *running) record(p Payment) {
	if was, known := r.known[p.Key]; known {
		r.counted.Sub(r.counted, orZero(r.part(was, r.fold).counted))
	}
	r.counted.Add(r.counted, orZero(r.part(p, r.fold).counted))
	r.known[p.Key] = p
}

// classify says how a payment that was just recorded stands to its invoice as it was before.
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
