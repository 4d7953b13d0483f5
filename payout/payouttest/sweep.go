package payouttest

import (
	"context"
	"math/big"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// holdingOf is what an address of ours has: of an invoice, of the lane, or of the one that tops up.
func (s *spender) holdingOf(address, asset string) payout.Holding {
	if address == lane || address == topUp {
		return s.balance(address, asset)
	}
	return payout.Holding{
		Network: s.network, Name: placeName(address, asset), Asset: chain.AssetID(asset), Address: chain.Address(address), Wallet: "wallet",
	}
}

// Sweep implements [payout.Sweeper]. Native coin pays for itself; for a token its address gets what the sweep costs before,
// once at a time.
func (s *spender) Sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	s.w.pause("plan a sweep")
	if s.w.fails("plan a sweep") {
		return payout.Plan{}, "", errNode
	}
	address, native := string(h.Address), s.c.assets[0]
	if busy, err := s.busy(ctx, w, address); err != nil || busy {
		return payout.Plan{}, "", orNoCoins(err)
	}
	has, err := s.has(ctx, w, address, native)
	if err != nil {
		return payout.Plan{}, "", err
	}
	fee := big.NewInt(2 * feeOf(s.c.rate, 1))
	t := tx{From: address, To: lane, Asset: string(h.Asset), Rate: s.c.rate, Fee: fee.String(), Used: strconv.FormatInt(feeOf(s.c.rate, 1), 10)}
	if string(h.Asset) == native {
		left := new(big.Int).Sub(has, fee)
		switch {
		case left.Sign() <= 0 || s.holdsTokens(ctx, w, address):
			return payout.Plan{}, "", payout.ErrNoCoins
		case !o.Dear && left.Cmp(fee) < 0:
			return payout.Plan{}, "", payout.ErrTooDear
		}
		if room := s.room(); room.Cmp(left) < 0 {
			left.Sub(left, room)
		}
		t.Brings = left.String()
		return s.bring(ctx, w, t, payout.PurposeSweep)
	}
	tokens, err := s.has(ctx, w, address, string(h.Asset)) // h may be of before a sweep
	if err != nil || tokens.Sign() <= 0 || !o.Now && tokens.Cmp(big.NewInt(200)) < 0 {
		return payout.Plan{}, "", orNoCoins(err)
	}
	if has.Cmp(fee) >= 0 {
		t.Brings = tokens.String()
		return s.bring(ctx, w, t, payout.PurposeSweep)
	}
	t.From, t.To, t.Asset, t.Brings = topUp, address, native, new(big.Int).Sub(new(big.Int).Add(fee, s.room()), has).String()
	if there, err := s.has(ctx, w, topUp, native); err != nil || there.Cmp(t.costs(native)[native]) < 0 {
		return payout.Plan{}, "", orNoCoins(err)
	}
	if s.defect == DefectTopUpAgain {
		return s.bring(ctx, w, t, payout.PurposeTopUp)
	}
	return s.bring(ctx, w, t, payout.PurposeTopUp, "top-up of "+address)
}

// room returns what an address gets or keeps beyond what the next sweep may cost: now and then enough for a block that takes more
// than that.
func (s *spender) room() *big.Int {
	if !s.w.chance(s.w.cfg.dearer) {
		return new(big.Int)
	}
	return big.NewInt(int64(s.w.rand.IntN(900)))
}

// orNoCoins returns err, or ErrNoCoins for nil.
func orNoCoins(err error) error {
	if err == nil {
		err = payout.ErrNoCoins
	}
	return err
}

// has returns what an address has that is booked, that the chain has, and that nothing under way takes.
func (s *spender) has(ctx context.Context, w payout.Wallet, address, asset string) (*big.Int, error) {
	open, err := w.Open(ctx)
	if err != nil {
		return nil, err
	}
	free, err := payout.Free(ctx, w, open, placeName(address, asset), "")
	if there := orZero(s.view().balances[placeName(address, asset)]); err == nil && there.Cmp(free) < 0 {
		free = there
	}
	return free, err
}

// busy reports whether an address is being swept or topped up.
func (s *spender) busy(ctx context.Context, w payout.Wallet, address string) (bool, error) {
	locked, err := w.Locked(ctx, []string{"top-up of " + address})
	if err != nil || len(locked) > 0 && s.defect != DefectTopUpAgain {
		return true, err
	}
	open, err := w.Open(ctx)
	for _, t := range open {
		if t.Lane == address && t.Stage != payout.StageFinal {
			return true, err
		}
	}
	return false, err
}

// holdsTokens reports whether the address has tokens: its coins may have come for their fee.
func (s *spender) holdsTokens(ctx context.Context, w payout.Wallet, address string) bool {
	h, err := w.Holding(ctx, placeName(address, s.c.assets[1]))
	return err == nil && h.Units.Cmp(big.NewInt(200)) >= 0
}

// bring plans a transaction between two addresses of ours.
func (s *spender) bring(ctx context.Context, w payout.Wallet, t tx, purpose payout.Purpose, locks ...string) (payout.Plan, payout.Purpose, error) {
	n, err := s.free(ctx, w, t.From, s.view().nonces[t.From])
	if err != nil {
		return payout.Plan{}, "", err
	}
	t.Spends, t.Fails, t.Salt = []string{numberName(t.From, n)}, s.w.chance(s.w.cfg.failing), s.w.rand.Int()
	v := payout.Version{
		Fee: num(t.Fee), Rate: strconv.Itoa(t.Rate), At: s.w.now(), Unsigned: t.encode(), Spends: append(t.Spends, locks...), Moves: s.accountMoves(t),
	}
	return payout.Plan{Lane: t.From, Anchor: t.Spends[0], Version: v}, purpose, nil
}

// refuel returns coins of the operator for the addresses whose sweep waits for ever: a reorganisation put what they sent before
// into a block that takes more, and what is left of their coins is too little.
func (w *world) refuel(s *spender) (out []deposit) {
	open, err := w.inner.OpenTransactions(context.Background(), s.network)
	w.must(err)
	for _, t := range open {
		if t.Purpose == payout.PurposeSweep && t.Mined < 0 {
			w.note("%s gets coins: its sweep waits", t.Lane)
			out = append(out, deposit{name: "fund:" + t.Lane, asset: s.c.assets[0], units: big.NewInt(2000), at: t.Lane})
		}
	}
	return out
}

// sweepNow lets the operator order that an asset is swept at once.
func (w *world) sweepNow(svc *payout.Service, s *spender) {
	if s.c.kind != accounts {
		return
	}
	asset := chain.AssetID(s.c.assets[w.rand.IntN(len(s.c.assets))])
	terms, err := svc.SweepNow(context.Background(), asset, w.rand.IntN(2) == 0, "ben")
	w.result("order a sweep of %d addresses, %d of them too dear", err, len(terms.Holdings), terms.TooDear)
}
