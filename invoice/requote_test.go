package invoice_test

import (
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func requote(w *world, inv invoice.Invoice) (invoice.Invoice, error) {
	return w.svc.Requote(w.t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID, Actor: "payer"}, 0)
}

func TestAnExpiredInvoiceIsQuotedAtTheCurrentRate(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(time.Hour)
		w.wants(inv, invoice.StatusExpired, 0)
		w.rates.set("SIM", "EUR", "1")
		fresh, err := requote(w, inv)
		require.NoError(t, err)
		require.Equal(t, invoice.StatusNew, fresh.State.Status)
		require.Equal(t, inv.Quote.Address, fresh.Quote.Address, "an address of its own stays its own")
		require.Equal(t, "2", w.ratio(fresh, inv))
		require.WithinDuration(t, time.Now().Add(30*time.Minute), fresh.EffectiveDeadline(), time.Second)
		require.Equal(t, inv.Quote.Due, fresh.Earlier[0].Due)

		again, err := requote(w, inv)
		require.NoError(t, err)
		require.Equal(t, fresh.Version, again.Version, "what is new stays as it is")

		// Who pays what the first page said has paid too little now, and is not lost.
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), inv.Quote.Due)
		w.mine(4)
		w.wants(inv, invoice.StatusPaidPartial, invoice.OutcomeUnder)
		w.chain.Pay(fresh.Quote.Address, w.chain.Asset("SIM"), w.get(inv).Remaining())
		w.mine(4)
		w.wants(inv, invoice.StatusCompleted, invoice.OutcomeExact)
	})
}

func TestAnInvoiceWhoseAddressWasGivenUpIsQuotedAtAnotherOne(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		require.Equal(t, inv.Quote.Address, w.create().Quote.Address)
		fresh, err := requote(w, inv)
		require.NoError(t, err)
		require.NotEqual(t, inv.Quote.Address, fresh.Quote.Address)
		require.True(t, fresh.Earlier[0].Released)
		w.chain.Pay(fresh.Quote.Address, w.chain.Asset("SIM"), fresh.Quote.Due)
		w.mine(4)
		w.wants(inv, invoice.StatusCompleted, invoice.OutcomeExact)
	}, pooled(2))
}

func TestAnInvoiceThatWasPaidToKeepsItsQuote(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(time.Hour)
		w.pay(inv, "SIM", "1")
		w.mine(4)
		_, err := requote(w, inv)
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, inv.Quote.Due, w.get(inv).Quote.Due)
	})
}

func TestAnInvoiceThatIsNotExpiredIsNotQuotedAnew(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		_, err := w.svc.SetStatus(t.Context(), invoice.Act{Invoice: inv.ID}, invoice.StatusCancelled)
		require.NoError(t, err)
		_, err = requote(w, inv)
		var transition *invoice.TransitionError
		require.ErrorAs(t, err, &transition)
	})
}

func TestAPayerIsNotQuotedWithoutEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		var err error
		for range 30 {
			w.pass(time.Hour)
			if _, err = requote(w, inv); err != nil {
				break
			}
		}
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Less(t, len(w.get(inv).Earlier), 30)
	})
}

// ratio returns how many times as much is due for one invoice as for another.
func (w *world) ratio(a, b invoice.Invoice) string {
	asset := a.Quote.Asset
	return asset.Decimal(a.Quote.Due).Div(asset.Decimal(b.Quote.Due)).String()
}

func TestAnInvoiceIsNotQuotedForATimeThatTheChainSaysIsOver(t *testing.T) {
	for name, again := range map[string]func(*world, invoice.Invoice) (invoice.Invoice, error){
		"quoted anew": requote,
		"refreshed": func(w *world, inv invoice.Invoice) (invoice.Invoice, error) {
			return w.svc.Refresh(w.t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clockwork{}
			inWorld(t, func(w *world) {
				inv := w.create()
				w.pass(2 * time.Hour)
				given := w.get(inv)
				require.NotZero(t, given.State.ReleasedAt)
				c.set(-50 * time.Minute)
				_, err := again(w, inv)
				var refused *invoice.InvalidError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, given.Version, w.get(inv).Version)

				c.set(-3 * time.Hour) // that far behind, a clock is known to be wrong
				w.mine(1)
				fresh, err := again(w, inv)
				require.NoError(t, err)
				require.Equal(t, invoice.StatusNew, fresh.State.Status)
				c.set(0)
				w.pass(20 * time.Minute)
				w.wants(inv, invoice.StatusNew, 0)
			}, pooled(2), withClock(c), func(cfg *invoice.Config) { cfg.Chains[0].Pool.Quarantine = time.Minute })
		})
	}
}

func TestAPlaceThatAnInvoiceJustGotIsNotGivenUpAtOnce(t *testing.T) {
	c := &clockwork{}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		w.pay(inv, "SIM", "10")
		w.mine(4)
		w.wants(inv, invoice.StatusExpired, exact|invoice.OutcomeLate)
		w.pass(10 * time.Minute)
		c.set(-20 * time.Minute)
		fresh, err := w.svc.Refresh(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, 0)
		require.NoError(t, err)
		require.Zero(t, fresh.State.ReleasedAt)
		c.set(0)
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
	}, pooled(2), withClock(c), func(cfg *invoice.Config) { cfg.Chains[0].Pool.Quarantine = time.Minute })
}
