package payouttest

import (
	"context"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// end is what the books say of a transaction that is final.
type end struct {
	paid   *big.Int // its fee
	beyond *big.Int // of that, what nobody reserved
	float  bool     // the fee was reserved in the float
}

// build changes what blocks take of each transaction beside its own fee, where a chain is built on another one. Nobody can know
// that when he signs: now and then it is more than was reserved.
func (w *world) build(s *spender) {
	if s.c.kind == coins {
		return
	}
	before := s.c.extra
	if s.c.extra = 0; w.chance(w.cfg.dearer) {
		s.c.extra = 1 + w.rand.IntN(1000)
	}
	if s.c.extra != before {
		w.note("blocks take %d beside each fee", s.c.extra)
	}
}

// outbid returns the form that the signer's own program sends of what it signs: now and then one with a higher fee, where a
// transaction is the same whatever it pays. A program that looks at its balance does so only if that suffices.
func (w *world) outbid(r payout.SignRequest) []byte {
	c := w.chainOf(r.Network)
	var t tx
	w.must(json.Unmarshal(r.Unsigned, &t))
	if c.kind != accounts || !w.chance(w.cfg.dearer) {
		return r.Unsigned
	}
	used := num(t.Used).Int64() + 1 + w.rand.Int64N(1000)
	t.Used, t.Fee, t.Rate = strconv.FormatInt(used, 10), strconv.FormatInt(used+used/8, 10), int(used/sizeOf(1))
	for asset, units := range t.costs(c.assets[0]) {
		if orZero(c.tip().balances[placeName(t.From, asset)]).Cmp(units) < 0 {
			return r.Unsigned
		}
	}
	w.note("the signer sends %s with a fee of its own, %d", t.Spends[0], used)
	return t.encode()
}

// sameDeed notes in what is seen of versions that the anchor was spent by what does the same as one of them.
func (s *spender) sameDeed(view state, height int, t payout.Transaction, seen []payout.Sighting) {
	by, spent := view.spender[t.Anchor]
	if s.c.kind != accounts || !spent || slices.ContainsFunc(seen, payout.Sighting.Mined) {
		return
	}
	did := s.c.txs[by]
	i := slices.IndexFunc(t.Versions, func(v payout.Version) bool {
		var own tx
		s.w.must(json.Unmarshal(v.Unsigned, &own))
		return own.Foreign == did.Foreign && own.Asset == did.Asset && own.To == did.To && own.Brings == did.Brings && maps.Equal(own.Pays, did.Pays)
	})
	if i < 0 {
		return
	}
	if s.w.deepest[by] == 0 {
		s.w.note("a block has %s as the signer sent it", t.Anchor)
	}
	seen[i] = s.inBlock(view, height, by)
}

// checkFees is the rule fees-as-promised, of a batch that was stored.
func (w *world) checkFees(b payout.Batch) {
	for _, p := range b.Payouts {
		if p.Version == 1 {
			w.promised[p.ID] = p.Fee
		}
	}
	for _, t := range b.Transactions {
		was, known := w.ends[t.ID]
		switch {
		case t.Stage == payout.StageFinal && !known:
			w.ends[t.ID] = w.checkFee(b, t)
		case t.Stage != payout.StageFinal && t.Stage != payout.StageBuried && known:
			if was.beyond.Sign() > 0 {
				w.note("what was beyond the reserve comes back: %s", was.beyond)
			}
			delete(w.ends, t.ID)
		}
	}
}

// checkFee checks who bears the fee of a transaction that the batch ends.
func (w *world) checkFee(b payout.Batch, t payout.Transaction) end {
	out := end{paid: t.Paid, float: t.Purpose != payout.PurposePay}
	promised, borne := new(big.Int).Set(orZero(t.Fee)), new(big.Int)
	for _, p := range b.Payouts {
		share := orZero(p.State.Paid)
		if promised.Add(promised, p.Fee); !p.State.Status.Ended() { // it has borne its share already
			promised.Add(promised, share)
		}
		borne.Add(borne, share)
		if share.Cmp(w.promised[p.ID]) > 0 {
			w.broken("fees-as-promised: payout %s bears %s of the fee of %s, and %s were reserved", p.ID, share, t.ID, w.promised[p.ID])
		}
	}
	if out.beyond = new(big.Int).Sub(t.Paid, promised); out.beyond.Sign() < 0 {
		out.beyond.SetInt64(0)
	}
	if !out.float && new(big.Int).Add(borne, out.beyond).Cmp(t.Paid) != 0 {
		w.broken("fees-as-promised: of the fee of %s, %s, payouts bear %s and the float %s", t.ID, t.Paid, borne, out.beyond)
	}
	if out.beyond.Sign() == 0 {
		return out
	}
	w.note("block %d takes %s beyond the reserve of a %s", t.Height, out.beyond, t.Purpose)
	if !strings.Contains(t.Detail, "paid "+out.beyond.String()+" ") {
		w.broken("fees-as-promised: transaction %s took %s beyond its reserve and says %q", t.ID, out.beyond, t.Detail)
	}
	w.noteFloat(t.Network)
	return out
}

// noteFloat tells of a float that is below zero.
func (w *world) noteFloat(network chain.Network) {
	balances, err := w.inner.Balances(context.Background(), "")
	w.must(err)
	for _, b := range balances {
		if b.Account.Kind == payout.Float && b.Account.Asset.Network() == network && b.Units.Sign() < 0 {
			w.note("the float is below zero: %s", b.Units)
		}
	}
}

// checkLedger is the rule fees-as-promised, by the ledger from its beginning and by the chain.
func (w *world) checkLedger() {
	ctx := context.Background()
	float, outside := map[string]*big.Int{}, map[string]*big.Int{} // what left, by the subject, and by that and the asset
	for after := int64(0); ; {
		page, err := w.inner.Entries(ctx, after, 1000)
		w.must(err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			after = e.Position
			for _, p := range e.Postings {
				switch p.Account.Kind {
				case payout.Float:
					addTo(float, e.Subject, new(big.Int).Neg(p.Units))
				case payout.External:
					addTo(outside, e.Subject+string(p.Account.Asset), p.Units)
				default:
				}
			}
		}
	}
	for _, id := range sortedKeys(w.ends) {
		w.checkEndOf(id, orZero(float[id]))
	}
	for _, id := range w.payouts {
		w.checkBorne(id, outside)
	}
}

// checkEndOf compares the end of one transaction with the chain, and with what left the float for it.
func (w *world) checkEndOf(id string, left *big.Int) {
	t, err := w.inner.Transaction(context.Background(), id)
	w.must(err)
	c, it := w.chainOf(t.Network), w.ends[id]
	if c == nil { // a custodian
		return
	}
	for _, m := range w.made[id] {
		if took := c.tip().fees[m.id]; took != nil && took.Cmp(t.Paid) != 0 {
			w.broken("fees-as-promised: transaction %s took %s, and %s is booked", id, took, t.Paid)
		}
	}
	want := it.beyond
	if it.float {
		want = it.paid
	}
	if left.Cmp(want) != 0 {
		w.broken("fees-as-promised: %s left the float for transaction %s instead of %s", left, id, want)
	}
	if it.beyond.Sign() > 0 && t.Detail == "" {
		w.broken("fees-as-promised: transaction %s does not say any more that it took %s beyond its reserve", id, it.beyond)
	}
}

// checkBorne checks that all that left for a payout, beside itself, is at most what was promised.
func (w *world) checkBorne(id string, outside map[string]*big.Int) {
	p, err := w.inner.Payout(context.Background(), id)
	w.must(err)
	if p.Asset.ID == euro || p.FeeAsset == "" {
		return
	}
	fees := new(big.Int).Set(orZero(outside[id+string(p.FeeAsset)]))
	if p.State.Status == payout.StatusPaid && p.Asset.ID == p.FeeAsset && w.marked[id] == "" {
		fees.Sub(fees, p.Units)
	}
	if fees.Cmp(w.promised[id]) > 0 || fees.Sign() < 0 {
		w.broken("fees-as-promised: payout %s bears %s, and %s were reserved", id, fees, w.promised[id])
	}
}
