package payout_test

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// bumpSpender is a fakeSpender on a network where a transaction may pay for one that it spends of.
type bumpSpender struct {
	*fakeSpender
	cost    int64 // of a bump
	none    bool  // there is nothing to spend
	planned int
}

// changeOf names the change of transactions, which has no units here: coins of the lane move without names.
func changeOf(txID string) string { return txID + ":change" }

func (b *bumpSpender) Plan(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	plan, err := b.fakeSpender.Plan(ctx, w, queued)
	if err == nil {
		h := laneHolding(coin)
		h.Name = changeOf("")
		plan.Version.Moves = append(plan.Version.Moves, payout.Move{Holding: h, Units: new(big.Int), Makes: true})
	}
	return plan, err
}

func (b *bumpSpender) Bump(_ context.Context, _ payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Plan, error) {
	cost := big.NewInt(b.cost)
	if t.Hurry != nil {
		cost = big.NewInt(max(3, t.Hurry.Fee.Int64()))
	}
	switch {
	case b.none:
		return payout.Plan{}, payout.ErrNoReplacement
	case cost.Cmp(greatest) > 0:
		return payout.Plan{}, payout.ErrFeeTooHigh
	}
	b.planned++
	v := b.version(nil, changeOf(t.Last().TxID), cost.Int64(), true)
	v.Unsigned = fmt.Appendf(nil, "%s bump %d", v.Unsigned, b.planned)
	return payout.Plan{Lane: "lane", Anchor: v.Spends[0], Version: v}, nil
}

// stuckShop has a payout whose transaction is too cheap, and cannot have a better version.
func stuckShop(t *testing.T, s *shop, change func(*payout.Config)) (*bumpSpender, payout.Payout) {
	b := &bumpSpender{fakeSpender: s.spender, cost: 7}
	s.open(func(c *payout.Config) {
		c.Networks[0].Spender = b
		if change != nil {
			change(c)
		}
	})
	s.fund("shop", coin, 1000)
	p := s.ask("order 1", "1")
	s.look()
	require.Equal(t, "sent", s.status(p))
	s.spender.with(func() { s.spender.rate = 11 }) // 10 are reserved
	s.wait(31 * time.Minute)
	return b, p
}

// child returns the bump of the payout's transaction, if there is one.
func (s *shop) child(p payout.Payout) (payout.Transaction, bool) {
	s.t.Helper()
	parent, err := s.Transaction(s.t.Context(), s.get(p).State.Transaction)
	require.NoError(s.t, err)
	if parent.Child == "" {
		return payout.Transaction{}, false
	}
	child, err := s.Transaction(s.t.Context(), parent.Child)
	require.NoError(s.t, err)
	require.Equal(s.t, parent.ID, child.Parent)
	require.Len(s.t, parent.Versions, 1, "it is not replaced")
	return child, true
}

func TestBump_TheFloatPaysForIt(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		_, p := stuckShop(t, s, nil)
		s.fund("", coin, 100)
		s.look()
		child, has := s.child(p)
		require.True(t, has)
		require.Equal(t, payout.PurposeBump, child.Purpose)
		require.Equal(t, payout.StageSigned, child.Stage)
		require.Contains(t, s.spender.sent, child.Last().TxID)
		require.Equal(t, "float 90, reserved 10", s.balance("", coin), "as much as the payout reserved for fees")
		locked, err := s.store.Locks(t.Context(), network, []string{child.Anchor})
		require.NoError(t, err)
		require.Equal(t, child.ID, locked[child.Anchor], "before the coin is a holding")

		s.wait(31 * time.Minute) // its own fee is raised meanwhile, and nobody makes a second one
		s.look()
		again, _ := s.child(p)
		require.Equal(t, child.ID, again.ID)
		require.Len(t, again.Versions, 1, "a higher fee would be more than is reserved")

		s.spender.with(func() {
			s.spender.mined[child.Last().TxID] = payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(7)}
			s.spender.rate = 2
		})
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "float 93", s.balance("", coin))
		require.Equal(t, "available 898", s.balance("shop", coin), "its own fee alone")
		s.sound()
	})
}

func TestBump_IsNotMade(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*payout.Config)
		with   func(*bumpSpender)
		float  int64
		reason payout.Reason
		says   string
	}{
		"without a float":       {reason: payout.ReasonCoins, says: "float"},
		"with too small a one":  {float: 9, reason: payout.ReasonCoins, says: "10 is needed"},
		"if it would cost more": {float: 100, with: func(b *bumpSpender) { b.cost = 11 }, reason: payout.ReasonFee, says: "fee"},
		"if it is of no use":    {float: 100, with: func(b *bumpSpender) { b.none = true }, reason: payout.ReasonFee, says: "cannot be replaced"},
		"if the operator does not want it": {
			change: func(c *payout.Config) { c.Networks[0].MaxBump = new(big.Int) }, float: 100, reason: payout.ReasonFee, says: "fee",
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				b, p := stuckShop(t, s, c.change)
				if c.with != nil {
					c.with(b)
				}
				if c.float > 0 {
					s.fund("", coin, c.float)
				}
				before := s.balance("", coin)
				s.look()
				_, has := s.child(p)
				require.False(t, has)
				require.Equal(t, c.reason, s.get(p).State.Reason)
				require.Contains(t, s.get(p).State.Detail, c.says)
				require.Equal(t, before, s.balance("", coin))
				s.sound()
			})
		})
	}
}

// The operator's own maximum is reserved in place of what the payouts reserved.
func TestBump_MaxBump(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		b, p := stuckShop(t, s, func(c *payout.Config) { c.Networks[0].MaxBump = big.NewInt(50) })
		b.cost = 30
		s.fund("", coin, 100)
		s.look()
		child, _ := s.child(p)
		require.Equal(t, "50", child.Fee.String())
		require.Equal(t, "float 50, reserved 50", s.balance("", coin))
	})
}

func TestBump_WhatTheSignerRefusesIsGivenUp(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		b, p := stuckShop(t, s, nil)
		s.fund("", coin, 100)
		s.signer.set(&payout.RefusedError{Code: payout.RefusedPolicy})
		s.look()
		s.look()
		child, _ := s.child(p)
		require.Equal(t, payout.StageDropped, child.Stage)
		require.Equal(t, "float 100", s.balance("", coin))
		s.look()
		require.Equal(t, 1, b.planned, "not again at once")
		s.signer.set(nil)
		s.wait(31 * time.Minute)
		s.look()
		next, _ := s.child(p)
		require.NotEqual(t, child.ID, next.ID)
		require.Equal(t, payout.StageSigned, next.Stage)
	})
}

// A person with a hardware wallet learns of the bump by the payout, which names it.
func TestBump_IsExportedAndImported(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		_, p := stuckShop(t, s, nil)
		s.fund("", coin, 100)
		s.open(func(c *payout.Config) { c.Networks[0].Signer = nil })
		s.look()
		s.look()
		require.Equal(t, "sent needs_signature", s.status(p))
		child, _ := s.child(p)
		require.Contains(t, s.get(p).State.Detail, child.ID)
		require.Equal(t, payout.StagePlanned, child.Stage)
		r, err := s.Export(t.Context(), child.ID)
		require.NoError(t, err)
		_, err = s.Import(t.Context(), child.ID, r.N, signedForm(r.Unsigned))
		require.NoError(t, err)
		s.look()
		s.look()
		require.Equal(t, "sent", s.status(p))
		child, _ = s.child(p)
		require.True(t, slices.Contains(s.spender.sent, child.Last().TxID))
	})
}

// What nobody has signed when the parent is mined costs nothing.
func TestBump_ThatIsOfNoUseAnyMoreIsGivenUp(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		_, p := stuckShop(t, s, nil)
		s.fund("", coin, 100)
		s.open(func(c *payout.Config) { c.Networks[0].Signer = nil })
		s.look()
		child, _ := s.child(p)
		s.spender.with(func() { s.spender.rate = 2 })
		s.mine(p)
		s.look()
		s.look()
		child, err := s.Transaction(t.Context(), child.ID)
		require.NoError(t, err)
		require.Equal(t, payout.StageDropped, child.Stage)
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "float 100", s.balance("", coin))
	})
}
