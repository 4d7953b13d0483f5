package invoice_test

import (
	"context"
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

// three has an address given to three invoices in turn; while the first has it, something happens.
func (w *world) three(happens func(first invoice.Invoice)) (first, second, third invoice.Invoice) {
	first = w.create()
	happens(first)
	w.pass(2 * time.Hour)
	require.NotZero(w.t, w.get(first).State.ReleasedAt)
	second = w.create()
	w.pass(2 * time.Hour)
	require.NotZero(w.t, w.get(second).State.ReleasedAt)
	third = w.create()
	require.Equal(w.t, first.Quote.Address, second.Quote.Address)
	require.Equal(w.t, first.Quote.Address, third.Quote.Address)
	return first, second, third
}

func TestWhatIsHeldBackIsWhoseItWasHoweverManyHaveTheAddressLater(t *testing.T) {
	for name, reorganised := range map[string]bool{"as it was": false, "mined again": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				first, second, third := w.three(func(first invoice.Invoice) {
					w.hold("TOK")
					w.pay(first, "TOK", "20")
					w.mine(1)
					require.Len(t, w.health().Aside, 1)
					require.Equal(t, first.ID, w.health().Aside[0].Seen[0].For)
				})
				if reorganised {
					w.chain.Reorganise(3, 4, chaintest.Remined) // back beyond the payment
					w.settle()
					require.Len(t, w.health().Aside, 1)
				}
				w.restart()
				w.chain.Regain()
				time.Sleep(2 * time.Minute)
				w.mine(5)
				require.Empty(t, w.health().Aside)
				require.Len(t, w.get(first).Payments, 1)
				require.Empty(t, w.get(second).Payments)
				require.Empty(t, w.get(third).Payments)
			}, pooled(1))
		})
	}
}

// unreadable is a store that cannot read damaged invoices one by one either.
type unreadable struct{ *failing }

func (u *unreadable) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	inv, err := u.backend.Invoice(ctx, id)
	if _, err := u.whole([]invoice.Invoice{inv}, err); err != nil {
		return invoice.Invoice{}, err
	}
	return inv, err
}

func TestWhatIsHeldBackWaitsWhileItsInvoiceCannotBeRead(t *testing.T) {
	flaky := &unreadable{failing: &failing{backend: newStore()}}
	inWorld(t, func(w *world) {
		first, second, third := w.three(func(first invoice.Invoice) {
			w.hold("TOK")
			w.pay(first, "TOK", "20")
			w.mine(1)
		})
		flaky.damage(first.ID)
		w.chain.Regain()
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Len(t, w.health().Aside, 1)
		require.NoError(t, w.health().Err)
		require.Equal(t, []string{first.ID}, w.health().Damaged)
		flaky.damage(second.ID, third.ID)
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Len(t, w.get(first).Payments, 1, "it waits for nobody else")
		flaky.damage()
		require.Empty(t, w.get(second).Payments)
		require.Empty(t, w.get(third).Payments)
	}, pooled(1), func(c *invoice.Config) { c.Store = flaky })
}

func TestAnAssetThatIsConfiguredNoLongerIsNotReleased(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.hold("TOK")
		w.pay(inv, "TOK", "20")
		w.mine(1)
		require.Len(t, w.health().Aside, 1)
		assets := w.cfg.Chains[0].Assets
		w.cfg.Chains[0].Assets = assets[:1]
		w.restart()
		w.chain.Regain() // the node says nothing of what it is not asked for
		time.Sleep(3 * time.Minute)
		w.mine(1)
		require.Empty(t, w.get(inv).Payments)
		require.Len(t, w.health().Aside, 1)
		w.cfg.Chains[0].Assets = assets
		w.restart()
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 1)
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
		require.NotContains(t, err.Error(), invoice.ErrBusy.Error(), "nothing is wrong with the store")
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
