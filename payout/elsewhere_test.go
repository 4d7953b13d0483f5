package payout_test

import (
	"math/big"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// A signer's own program sent a version, signed once more or with a fee of its own.
func TestWhatTheSignerSentUnderAnotherIDIsOurs(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		s.spender.with(func() {
			s.spender.mined[tx.Last().TxID] = payout.Sighting{Height: 7, Fee: big.NewInt(2), TxID: "0xother"}
			s.spender.funding["0xother"] = []payout.Move{{Holding: laneHolding(coin), Units: big.NewInt(50)}}
		})
		s.look()
		require.Equal(t, "sent confirming", s.status(p))
		require.Equal(t, "0xother", s.get(p).State.TxID)
		var bad *payout.InvalidError
		require.ErrorAs(t, s.Fund(t.Context(), network, "0xother", "shop", "ben"), &bad)
		s.look()
		s.spender.with(func() {
			s.spender.mined[tx.Last().TxID] = payout.Sighting{Height: 7, Fee: big.NewInt(2), TxID: "0xother", Final: true}
		})
		s.look()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "0xother", s.get(p).State.TxID)
		s.sound()
	})
}

// A top-up that the signer sent by itself is no payment of the invoice whose address it came to.
func TestATopUpThatTheSignerSentUnderAnotherIDIsNoPayment(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		w := spread(t, s, 60)
		w.topUp["addr of inv0"] = true
		_, err := s.SweepNow(t.Context(), coin, false, "ben")
		require.NoError(t, err)
		s.look()
		require.Equal(t, []string{"top_up lane"}, s.underWay())
		all, err := s.store.OpenTransactions(t.Context(), network)
		require.NoError(t, err)
		s.spender.with(func() {
			s.spender.mined[all[0].Last().TxID] = payout.Sighting{Height: 21, Fee: big.NewInt(2), TxID: "inv0.2"}
		})
		s.look()
		own, err := s.MovesOwn(t.Context(), network, "inv0.2")
		require.NoError(t, err)
		require.True(t, own)
		before := s.balance("shop", coin)
		s.pay("inv0", 2, coin, 7, 21, invoice.StatusCompleted)
		s.head(40)
		s.book()
		require.Equal(t, before, s.balance("shop", coin))
		s.sound()
	})
}
