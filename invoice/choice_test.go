package invoice_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
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

func TestTheFloorItselfIsMoney(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "0.5")
		w.mine(1)
		w.wants(inv, invoice.StatusPaidPartial, under)
	}, floored("0.5", "0.5"))
}

func TestTheDiscountedPricesWorthInAnotherAssetPaysIt(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Discount, r.Other = decimal.NewFromInt(10), invoice.OtherAccept })
		w.pay(inv, "TOK", "18") // of 20 EUR
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
	})
}

func TestAnAddressThatWasGivenUpIsShownToNoPayer(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		uri, err := w.svc.PaymentURI(w.get(inv))
		require.NoError(t, err)
		require.NotEmpty(t, uri)
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		uri, err = w.svc.PaymentURI(w.get(inv))
		require.NoError(t, err)
		require.Empty(t, uri)
	}, pooled(5))
}
