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

// sighting is one transfer as it appears in a step.
type sighting struct {
	transfer chain.Transfer
	block    BlockRef // zero for one in the pool
}

// order returns the position of the transfer in the chain, with the pool after every block.
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
	joins      bool // it has blocks, or takes some back
	unexamined []chain.Unexamined
	veiled     map[string]bool      // transactions in a block that could not be examined, in this step or an earlier one
	whose      map[chain.Key]string // invoices of transfers, as found when they were set aside
	retried    bool                 // the part was set aside, and other invoices may have got the places since
	// A block of the last stampReach ones below first, stamped after earliest, existed by earliest: a block that joined
	// after it proves it. The zero time proves nothing.
	first    uint64
	earliest time.Time
}

// stampReach is how many blocks back a timestamp may be ahead of a later one: Bitcoin requires of a block only that its
// timestamp is after the median of the eleven before it.
const stampReach = 11

func newView(network chain.Network) view {
	return view{network: network, to: map[chain.Address][]sighting{}, byKey: map[chain.Key]sighting{}, whose: map[chain.Key]string{}}
}

// look arranges a step. A transfer that is both in the pool and in a block is in the block. Transfers of zero units,
// which only serve to poison address histories, are ignored.
func look(network chain.Network, step chain.Step) view {
	v := newView(network)
	v.rewound, v.fork, v.poolKnown = step.Rewound, step.Fork, step.PoolKnown
	v.joins = step.Rewound || len(step.Joined) > 0
	if step.PoolKnown {
		for _, t := range step.Pool {
			v.add(sighting{transfer: t})
		}
	}
	stamps := make([]time.Time, len(step.Joined)) // the timestamp of each block, or an earlier one of a later block
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

// after clears the earliest timestamp of the step if no earlier block is stamped after it: latest is the latest
// timestamp of those, zero if it is not known.
func (v *view) after(latest time.Time) {
	if !latest.IsZero() && !v.earliest.Before(latest) {
		v.earliest = time.Time{}
	}
}

// arrange sorts the sightings at each address by block, with those in the pool last.
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
	// No chain has such texts, and a store need not be able to keep them.
	if !cleanText(t.TxID) || !cleanText(t.Index) || !cleanText(string(t.To)) {
		return
	}
	if !cleanText(string(t.From)) {
		s.transfer.From = ""
	}
	v.byKey[s.transfer.Key()] = s
}

// recall sets the invoices of the view's transfers that were set aside.
func (v *view) recall(seen []Seen) {
	for _, s := range seen {
		if _, again := v.byKey[s.Transfer.Key()]; again && s.For != "" {
			v.whose[s.Transfer.Key()] = s.For
		}
	}
}

// match returns which of the candidates a transfer belongs to, empty for none: the one that holds the place on the
// transfer's own network, else the one that had it last, else the oldest with the address on another network, so that
// money sent on the wrong network is at least recorded. At an address that invoices share, the exact amount tells them
// apart, and a transfer that fits none belongs to the holder of the remainder. The result is not clear when the
// transfer is older than every candidate's hold on the place, unless no other invoice ever had it.
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

// clearly reports whether a transfer that is older than every candidate's hold on the place belongs to the invoice all
// the same: because it alone has ever had the place; because the block's timestamp contradicts its height, as on a
// chain that became shorter; or because nothing but its timestamp makes it older, which also happens when our clock was
// ahead.
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

// rankOlder is the rank of an invoice that got the place only after the transfer.
const rankOlder = 5

// fits returns the rank of the best fit of the invoice's places to a transfer, 0 for none.
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
		case q.Slot != "" && q.follows(s.block): // it matches the amount by chance
			r = 3
		case q.Slot == "" && q.older(s.block): // it belongs to the invoice that had the place before, if any
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

// before reports whether the invoice precedes another one that fits a transfer equally well.
func (inv Invoice) before(o Invoice, rank int) bool {
	if c := inv.State.ReleasedAt.Compare(o.State.ReleasedAt); (rank == 1 || rank == 6) && c != 0 {
		return c > 0
	}
	return inv.ID < o.ID
}

// slotOf returns the slot of an amount at a shared address. Slots of one asset sort as texts the way the amounts do.
func slotOf(asset chain.AssetID, units *big.Int) string {
	return fmt.Sprintf("%s:%078d", asset, units)
}

// veil records the transactions that are in a block but not examined yet: that is why they left the pool.
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

// resume makes the step take back what is stored in portions of blocks above its beginning, as far as it does not have it
// itself: the blocks may have left the chain since. A step without blocks may come from a node that is behind, so it only
// does that when the chain has ended at the same block for a while.
func (v *view) resume(aside []Aside, head chain.Head, now time.Time) {
	i := slices.IndexFunc(aside, func(a Aside) bool { return a.Portions })
	if i < 0 {
		return
	}
	v.joins = v.joins || head.AtTip() && now.Sub(aside[i].Since) > portionsWait
	if v.joins && !v.rewound {
		v.rewound, v.fork = true, aside[i].Fork
	}
}

// portionsWait is how long the blocks that are stored in portions are waited for before they are taken for gone.
const portionsWait = 10 * time.Minute

// above returns the height above which every payment must be checked, and whether any must be.
func (v view) above() (uint64, bool) {
	from, need := uint64(Unconfirmed-1), v.poolKnown
	if v.rewound {
		from, need = v.fork, true
	}
	if !v.earliest.IsZero() && v.first > 0 {
		from, need = min(from, v.first-min(v.first, stampReach+1)), true
	}
	return from, need
}

// touch is what a step may concern.
type touch struct {
	invoices []Invoice             // by id
	mine     map[string][]sighting // sightings by invoice id
	unread   []sighting            // sightings that may belong to an invoice that cannot be read
	unclear  []sighting            // sightings older than every known holder of the place
	held     []Seen                // transfers to an invoice in an asset that is held back
	damaged  []string              // ids of invoices that cannot be read and may have lost a payment
}
