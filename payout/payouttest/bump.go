package payouttest

import (
	"context"
	"math/big"
	"slices"
	"strconv"

	"github.com/cointill/cointill/payout"
)

// mostBelow is how many unconfirmed transactions a bump may depend on.
const mostBelow = 4

// burden returns what the next version of a transaction must pay more than: the versions that the pool has, with what
// depends on them.
func (s *spender) burden(t payout.Transaction) int64 {
	most := int64(0)
	for _, v := range t.Versions {
		if s.c.kind == coins && slices.Contains(s.c.pool, v.TxID) {
			most = max(most, s.c.burden(v.TxID))
		}
	}
	return most
}

// Bump implements [payout.Bumper].
func (s *spender) Bump(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Plan, error) {
	s.w.pause("bump")
	if s.w.fails("bump") {
		return payout.Plan{}, errNode
	}
	i := slices.IndexFunc(t.Versions, func(v payout.Version) bool { return slices.Contains(s.c.pool, v.TxID) })
	if s.c.kind != coins || i < 0 {
		return payout.Plan{}, payout.ErrNoReplacement
	}
	v := t.Versions[i]
	alone := s.c.burden(v.TxID) == num(s.c.txs[v.TxID].Fee).Int64()
	made := slices.IndexFunc(v.Moves, func(m payout.Move) bool { return m.Makes })
	below := s.c.below(v.TxID)
	newer := slices.ContainsFunc(t.Versions[i+1:], payout.Version.Signed)
	if !s.firstSeen && (alone && !newer || t.Purpose == payout.PurposeBump) || made < 0 || len(below) > mostBelow {
		return payout.Plan{}, payout.ErrNoReplacement
	}
	fee := s.missing(below)
	if t.Hurry != nil {
		fee = max(s.chosen(t), sizeOf(0))
	}
	if fee <= 0 {
		return payout.Plan{}, payout.ErrNoReplacement
	}
	coin := v.Moves[made].Holding
	coin.Units = v.Moves[made].Units
	child, err := s.child(ctx, w, coin, fee, greatest)
	if err != nil {
		return payout.Plan{}, err
	}
	s.w.note("%s is bumped with %d", coin.Name, fee)
	if s.defect == DefectBumpUnlocked {
		child.Spends = []string{"bump of " + v.TxID}
	}
	return payout.Plan{Lane: "wallet", Anchor: child.Spends[0], Version: child}, nil
}

// lookedAt makes the mistakes of defects in what is seen of a bump.
func (s *spender) lookedAt(t payout.Transaction, view state, height int, look *payout.Look) {
	if t.Purpose != payout.PurposeBump || slices.ContainsFunc(look.Versions, payout.Sighting.Mined) {
		return
	}
	switch s.defect {
	case DefectBumpGone:
		look.Dead = view.coins[t.Anchor] == nil && s.c.madeBy(t.Anchor) == ""
	case DefectBumpUnseen:
		for _, parent := range s.c.txs {
			if at := view.taken[view.spender[parent.Spends[0]]]; parent.Makes[t.Anchor] != "" && at > 0 && height-at+1 >= depthFinal {
				look.Versions[0] = payout.Sighting{Height: uint64(at), Final: true, Fee: t.Versions[0].Fee}
			}
		}
	default:
	}
}

// missing returns what a child must pay so that it pays the network's rate with what it depends on; 0 if these pay it
// without one.
func (s *spender) missing(below []string) int64 {
	size, fees := s.c.sums(below)
	if rate := int64(s.c.rate); fees < size*rate {
		return (size+sizeOf(0))*rate - fees
	}
	return 0
}

// child returns the version that spends a coin for the fee.
func (s *spender) child(ctx context.Context, w payout.Wallet, coin payout.Holding, fee int64, greatest *big.Int) (payout.Version, error) {
	left := new(big.Int).Sub(coin.Units, big.NewInt(fee))
	switch {
	case big.NewInt(fee).Cmp(greatest) > 0:
		return payout.Version{}, payout.ErrFeeTooHigh
	case left.Sign() <= 0:
		return payout.Version{}, payout.ErrNoCoins
	}
	t := tx{Spends: []string{coin.Name}, Makes: map[string]string{}, Asset: s.c.assets[0], Rate: int(fee / sizeOf(0)), Salt: s.w.rand.Int()}
	t.Fee, t.Used = strconv.FormatInt(fee, 10), strconv.FormatInt(fee, 10)
	v := payout.Version{Fee: big.NewInt(fee), Rate: strconv.Itoa(t.Rate), At: s.w.now(), Cancels: true, Spends: t.Spends}
	v.Moves = []payout.Move{{Holding: coin, Units: new(big.Int).Neg(coin.Units)}}
	if err := s.change(ctx, w, &t, &v, left); err != nil {
		return payout.Version{}, err
	}
	v.Unsigned = t.encode()
	return v, nil
}

// rebump makes the next version of a bump, if what it pays is not enough any more.
func (s *spender) rebump(ctx context.Context, w payout.Wallet, t payout.Transaction, old tx, greatest *big.Int) (payout.Version, error) {
	parent := s.c.madeBy(t.Anchor)
	if s.firstSeen || parent == "" && s.view().coins[t.Anchor] == nil {
		return payout.Version{}, payout.ErrNoReplacement
	}
	var below []string
	if parent != "" {
		below = s.c.below(parent)
	}
	size, fees := s.c.sums(below)
	fee, had := (size+sizeOf(0))*int64(s.c.rate)-fees, num(old.Fee).Int64()
	if t.Hurry != nil {
		fee = s.chosen(t)
	}
	if fee <= had && t.Hurry == nil {
		return payout.Version{}, payout.ErrNoReplacement
	}
	coin := t.Last().Moves[0].Holding
	coin.Units = new(big.Int).Neg(t.Last().Moves[0].Units)
	return s.child(ctx, w, coin, max(fee, had+sizeOf(0)), greatest)
}

// pin lets a payee spend what he got of a transaction that no block has, for a fee that its replacement has to pay as well.
func (w *world) pin(s *spender) {
	for _, id := range s.c.pool {
		if s.c.kind == coins && len(s.c.txs[id].Pays) > 0 && w.rand.IntN(2) == 0 {
			s.c.pins[id] += int64(50 + w.rand.IntN(900))
			w.note("a payee pins %s with %d", id[:8], s.c.pins[id])
			return
		}
	}
}

// cancelBumped cancels a transaction that has a bump.
func (w *world) cancelBumped(svc *payout.Service, s *spender) {
	open, err := w.inner.OpenTransactions(context.Background(), s.network)
	w.must(err)
	for _, t := range open {
		if t.Child != "" && !t.Cancel && w.rand.IntN(2) == 0 {
			_, err := svc.CancelTransaction(context.Background(), t.ID, "ben")
			w.result("cancel the bumped transaction %s", err, t.ID[24:])
			if w.rand.IntN(2) == 0 { // else what pays for both is in the way of the cancellation
				w.forget(s)
			}
			return
		}
	}
}

// hurry lets the operator choose a fee for a transaction of which he has seen the terms, now and then one outside of them, and
// sometimes twice.
func (w *world) hurry(svc *payout.Service, s *spender) {
	open, err := w.inner.OpenTransactions(context.Background(), s.network)
	w.must(err)
	if len(open) == 0 {
		return
	}
	t := open[w.rand.IntN(len(open))]
	terms, err := svc.HurryTerms(context.Background(), t.ID)
	if err != nil {
		w.result("terms to hurry %s", err, t.ID[24:])
		return
	}
	least, greatest := terms.Least.Int64(), terms.Greatest.Int64()
	fee := least - 1 + w.rand.Int64N(greatest-least+3)
	w.chosen[t.ID] = append(w.chosen[t.ID], fee)
	for range 1 + w.rand.IntN(2) {
		_, err = svc.Hurry(context.Background(), t.ID, big.NewInt(fee), "ben")
		w.result("hurry %s with %d of %d to %d", err, t.ID[24:], fee, least, greatest)
	}
}

// resend lets somebody send again what we sent once.
func (w *world) resend(s *spender) {
	ids := sortedKeys(s.c.raws)
	if len(ids) == 0 {
		return
	}
	id := ids[w.rand.IntN(len(ids))]
	if s.c.txs[id].Foreign { // a theft is one only if it was taken
		return
	}
	if err := s.c.submit(s.c.raws[id]); err == nil {
		w.note("somebody sends %s again", id[:8])
	}
}
