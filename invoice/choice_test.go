package invoice_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestAnAssetIsNotChosenAnewAfterMoneyThatDoesNotCount(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Other = invoice.OtherHold })
		w.pay(inv, "TOK", "5")
		w.mine(1)
		require.Equal(t, invoice.StatusNew, w.get(inv).State.Status)
		_, err := w.svc.Choose(w.t.Context(), "shop", inv.ID, "TOK")
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid)
	})
}

func TestMoneyOnTheWrongNetworkBringsNoConfirmations(t *testing.T) {
	inTwoNetworks(t, func(w *world, _ *unsure, other *chaintest.Chain) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(1)
		w.wants(inv, invoice.StatusPending, exact)
		for range 20 {
			other.MineAt(time.Now())
		}
		other.Pay(inv.Quote.Address, other.Asset("SIM2"), big.NewInt(5))
		other.MineAt(time.Now())
		w.settle()
		require.Len(t, w.get(inv).Payments, 2)
		require.Equal(t, invoice.StatusPending, w.get(inv).State.Status)
	})
}
