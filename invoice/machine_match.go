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

// above is the height above which every payment is looked at, if there is any need.
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
	mine     map[string][]sighting // which sightings are whose
	unread   []sighting            // that may be of an invoice which cannot be read
	unclear  []sighting            // that are from before all had the place that are known to have had it
	held     []Seen                // that are of an invoice, and of an asset that is held back
	damaged  []string              // ids of invoices that cannot be read and may have lost a payment
}
