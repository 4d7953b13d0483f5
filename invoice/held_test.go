package invoice_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// hold has the node of the chain hold an asset back.
func (w *world) hold(code string) { w.chain.Lose(chain.Decimals, w.chain.Asset(code).ID) }

func TestWhatArrivesOfAHeldBackAssetIsCreditedOnceItIsReleased(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.hold("SIM")
		w.pay(inv, "SIM", "4")
		w.mine(1)
		w.pay(inv, "SIM", "6")
		w.mine(4)
		require.Equal(t, invoice.StatusNew, w.get(inv).State.Status)
		require.Empty(t, w.get(inv).Payments)
		h := w.health()
		require.NoError(t, h.Err)
		require.NoError(t, h.Lag.Err)
		require.Len(t, h.Lag.Lacks, 1)
		require.Len(t, h.Aside, 1)
		require.Len(t, h.Aside[0].Seen, 2)
		require.Contains(t, h.Aside[0].Cause, string(w.chain.Asset("SIM").ID))

		// Neither time nor another process releases it.
		w.restart()
		time.Sleep(5 * time.Minute)
		w.mine(1)
		require.Empty(t, w.get(inv).Payments)
		require.Len(t, w.health().Aside, 1)

		w.chain.Regain()
		time.Sleep(2 * time.Minute)
		w.mine(1)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Len(t, w.get(inv).Payments, 2)
		require.Empty(t, w.health().Aside)
	})
}

func TestAHeldBackAssetStandsInTheWayOfNothingElse(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.hold("TOK")
		w.chain.Send(
			chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("TOK"), Units: big.NewInt(5)},
			chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "4")},
			chaintest.Output{To: "sim1stranger", Asset: w.chain.Asset("TOK"), Units: big.NewInt(7)},
		)
		w.mine(1)
		w.pay(inv, "SIM", "6")
		w.mine(4)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		require.Len(t, w.health().Aside, 1)
		require.Len(t, w.health().Aside[0].Seen, 1, "what is a stranger's is not kept")
		w.chain.Regain()
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 3)
		require.Empty(t, w.health().Aside)
	})
}

func TestAReorganisationOfWhatIsHeldBackInventsNothing(t *testing.T) {
	for _, fate := range []chaintest.Fate{chaintest.Lost, chaintest.Remined} {
		inWorld(t, func(w *world) {
			inv := w.create()
			w.hold("SIM")
			w.pay(inv, "SIM", "10")
			w.mine(1)
			require.Len(t, w.health().Aside, 1)
			w.chain.Reorganise(1, 2, fate)
			w.settle()
			w.chain.Regain()
			time.Sleep(2 * time.Minute)
			w.mine(3)
			require.Empty(t, w.health().Aside)
			got := w.get(inv)
			if fate == chaintest.Lost {
				require.Empty(t, got.Payments)
				return
			}
			w.wants(inv, invoice.StatusCompleted, exact)
			require.Len(t, got.Payments, 1)
		})
	}
}

func TestWhatWasCreditedBeforeItsAssetWasHeldBackStays(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(1)
		w.hold("SIM")
		w.chain.Reorganise(1, 2, chaintest.Remined)
		w.settle()
		w.mine(4)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Empty(t, w.health().Aside)
	})
}

func TestEachHeldBackAssetIsReleasedByItself(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.hold("SIM")
		w.hold("TOK")
		w.chain.Send(
			chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("TOK"), Units: big.NewInt(5)},
			chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "10")},
		)
		w.mine(4)
		require.Len(t, w.health().Aside, 2)
		w.chain.Regain()
		w.hold("TOK")
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		require.Len(t, w.get(inv).Payments, 1)
		require.Len(t, w.health().Aside, 1)
		w.chain.Regain()
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 2)
		require.Empty(t, w.health().Aside)
	})
}

func TestNothingIsAskedForInAnAssetThatIsHeldBack(t *testing.T) {
	inWorld(t, func(w *world) {
		open := w.create(func(r *invoice.Request) { r.Asset = "" })
		w.hold("SIM")
		w.mine(1)
		_, err := w.svc.Create(t.Context(), invoice.Request{Project: "shop", OrderID: "held", Price: price("20", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrHeldBack)
		require.ErrorIs(t, err, invoice.ErrBusy, "it passes")
		_, err = w.svc.Choose(t.Context(), "shop", open.ID, "SIM")
		require.ErrorIs(t, err, invoice.ErrHeldBack)
		_, err = w.svc.Choose(t.Context(), "shop", open.ID, "TOK")
		require.NoError(t, err)
		w.chain.Regain()
		time.Sleep(2 * time.Minute)
		w.mine(1)
		_, err = w.svc.Create(t.Context(), invoice.Request{Project: "shop", OrderID: "held", Price: price("20", "EUR"), Asset: "SIM"})
		require.NoError(t, err)
	})
}
