package payout_test

import (
	"math/big"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// Somebody pays with another wallet what waits here. It is not paid again, and the operator, whose money it was, gets what
// was reserved.
func TestWhatWasPaidByHandIsMarkedByItsTransaction_P24(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.spender.with(func() { s.spender.rate = 100 }) // too dear: it waits
		p := s.ask("a", "1")
		s.look()
		require.Equal(t, "queued fee_too_high", s.status(p))

		_, err := s.MarkPaid(t.Context(), "shop", p.ID, "0xAB", "ben", "")
		require.ErrorIs(t, err, payout.ErrNotFound, "nothing is on the chain")
		s.brought("0xab", 99, p)
		var few *payout.LimitError
		_, err = s.MarkPaid(t.Context(), "shop", p.ID, "0xAB", "ben", "")
		require.ErrorAs(t, err, &few)
		s.brought("0xab", 150, p)
		for range 2 {
			paid, err := s.MarkPaid(t.Context(), "shop", p.ID, " 0xAB", "ben", "from the cold wallet")
			require.NoError(t, err)
			require.Equal(t, "0xab", paid.State.TxID)
		}
		require.Equal(t, "paid operator", s.status(p))
		require.Equal(t, []string{"available 900", "float 100"}, []string{s.balance("shop", coin), s.balance("", coin)})

		other := s.ask("b", "1")
		_, err = s.MarkPaid(t.Context(), "shop", other.ID, "0xab", "ben", "")
		require.ErrorAs(t, err, &few, "50 are left of what it brought")
		s.brought("0xab", 200, p)
		_, err = s.MarkPaid(t.Context(), "shop", other.ID, "0xab", "ben", "")
		require.NoError(t, err)
		s.spender.with(func() { s.spender.rate = 2 })
		s.look()
		require.Empty(t, s.spender.sent)
		s.sound()
	})
}

func TestWhatATransactionOfOursMayStillPayIsNotMarkedAsPaid(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.brought("0xab", 500, p)
		s.look()
		var status *payout.StatusError
		mark := func(p payout.Payout, txID string) error {
			_, err := s.MarkPaid(t.Context(), "shop", p.ID, txID, "ben", "")
			return err
		}
		require.ErrorAs(t, mark(p, "0xab"), &status)
		own := s.get(p).State.TxID
		s.signer.set(payout.ErrLater)
		offered := s.ask("offered", "1")
		s.brought("0xab", 500, offered)
		s.look()
		require.Equal(t, "queued needs_signature", s.status(offered))
		require.ErrorAs(t, mark(offered, "0xab"), &status, "somebody may sign it")
		s.signer.set(nil)
		s.look()
		s.mine(offered)
		s.look()
		waits := s.ask("b", "1")
		var invalid *payout.InvalidError
		require.ErrorAs(t, mark(waits, own), &invalid, "our own transaction pays somebody else")
		require.ErrorIs(t, mark(payout.Payout{ID: "unknown"}, "0xab"), payout.ErrNotFound)
		_, err := s.MarkPaid(t.Context(), "shop", waits.ID, "0xab", "", "")
		require.ErrorAs(t, err, &invalid, "somebody has to answer for it")
		_, err = s.Cancel(t.Context(), "shop", waits.ID, "ben", "")
		require.NoError(t, err)
		require.ErrorAs(t, mark(waits, "0xab"), &status)
		s.mine(p)
		s.look()
		require.ErrorAs(t, mark(p, "0xab"), &status)
		s.sound()
	})
}

// A refund that failed no longer counts, so others may have taken its place: it cannot be one more.
func TestARefundThatFailedIsNotMarkedAsPaidBesideAnotherOne(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 500)
		s.sell("a", 300, 0)
		s.head(100)
		s.pay("a", 1, coin, 300, 50, invoice.StatusCompleted)
		s.book()
		refund := func(key string) (payout.Payout, error) {
			p, _, err := s.Refund(t.Context(), payout.RefundRequest{Project: "shop", Key: key, Invoice: "a", To: "addr1"})
			return p, err
		}
		first, err := refund("first")
		require.NoError(t, err)
		s.look()
		s.spender.with(func() { s.spender.taken = true })
		s.look()
		require.Equal(t, "failed key_used", s.status(first))
		s.spender.with(func() { s.spender.taken = false })
		second, err := refund("second")
		require.NoError(t, err)
		s.brought("0xab", 1000, first)
		_, err = s.MarkPaid(t.Context(), "shop", first.ID, "0xab", "ben", "")
		require.ErrorIs(t, err, payout.ErrNothingLeft)
		_, err = s.Cancel(t.Context(), "shop", second.ID, "ben", "")
		require.NoError(t, err)
		_, err = s.MarkPaid(t.Context(), "shop", first.ID, "0xab", "ben", "")
		require.NoError(t, err)
		_, err = refund("third")
		require.ErrorIs(t, err, payout.ErrNothingLeft)
		s.sound()
	})
}

// The owner has paid with the same key in another program. That ends the payout as failed, since nobody can know; he does.
func TestAPaymentThatFailedForAForeignTransactionCanBeMarkedAsPaid(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.look()
		s.spender.with(func() { s.spender.taken = true })
		s.look()
		require.Equal(t, "failed key_used", s.status(p))
		require.Equal(t, "available 1000", s.balance("shop", coin))
		s.brought("0xab", 100, p)
		_, err := s.MarkPaid(t.Context(), "shop", p.ID, "0xab", "ben", "")
		require.NoError(t, err)
		require.Equal(t, "paid operator", s.status(p))
		require.Equal(t, []string{"available 900", "float 100"}, []string{s.balance("shop", coin), s.balance("", coin)})
		require.NoError(t, s.Adjust(t.Context(), payout.Adjustment{
			ID: "1", From: payout.Account{Kind: payout.Float, Asset: coin}, To: payout.Account{Kind: payout.External, Asset: coin},
			Units: big.NewInt(100), Moves: []payout.Move{{Holding: laneHolding(coin), Units: big.NewInt(-100)}}, Reason: "it paid payout a", Actor: "ben",
		}))
		s.sound()
	})
}
