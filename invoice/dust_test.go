package invoice_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// floored gives each asset of a world a floor.
func floored(sim, tok string) func(*invoice.Config) {
	return func(c *invoice.Config) {
		c.Chains[0].Assets[0].Floor = decimal.RequireFromString(sim)
		c.Chains[0].Assets[1].Floor = decimal.RequireFromString(tok)
	}
}

func (w *world) dust(inv invoice.Invoice, code string) {
	w.chain.Pay(inv.Quote.Address, w.chain.Asset(code), big.NewInt(1))
	w.mine(4)
}

func TestDustDecidesNothing(t *testing.T) {
	single := func(r *invoice.Request) { r.Single = true }
	token := func(r *invoice.Request) { r.Asset = "TOK" }
	for name, test := range map[string]struct {
		change func(*invoice.Request)
		code   string
		before func(w *world, inv invoice.Invoice)
		after  func(w *world, inv invoice.Invoice)
	}{
		"an open invoice stays new": {after: func(w *world, inv invoice.Invoice) { w.wants(inv, invoice.StatusNew, 0) }},
		"the first payment of a single one is still to come": {change: single, after: func(w *world, inv invoice.Invoice) {
			w.pay(inv, "SIM", "10")
			w.mine(3)
			w.wants(inv, invoice.StatusCompleted, exact)
		}},
		"a completed invoice is not over": {
			before: func(w *world, inv invoice.Invoice) { w.pay(inv, "SIM", "10"); w.mine(3) },
			after:  func(w *world, inv invoice.Invoice) { w.wants(inv, invoice.StatusCompleted, exact) },
		},
		"the asset can still be chosen": {after: func(w *world, inv invoice.Invoice) {
			got, err := w.svc.Choose(w.t.Context(), "shop", inv.ID, "TOK")
			require.NoError(w.t, err)
			require.Equal(w.t, "TOK", got.Quote.Asset.Code)
		}},
		"a coin's dust beside a token invoice": {change: token, code: "SIM", after: func(w *world, inv invoice.Invoice) {
			w.wants(inv, invoice.StatusNew, 0)
			w.pay(inv, "TOK", "20")
			w.mine(3)
			w.wants(inv, invoice.StatusCompleted, exact)
		}},
		"an expired invoice stays expired": {
			before: func(w *world, inv invoice.Invoice) { time.Sleep(31 * time.Minute); w.mine(1) },
			after:  func(w *world, inv invoice.Invoice) { w.wants(inv, invoice.StatusExpired, 0) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var change []func(*invoice.Request)
				if test.change != nil {
					change = append(change, test.change)
				}
				inv := w.create(change...)
				if test.before != nil {
					test.before(w, inv)
				}
				seq := w.get(inv).Seq
				code := inv.Quote.Asset.Code
				if test.code != "" {
					code = test.code
				}
				w.dust(inv, code)
				got := w.get(inv)
				require.Equal(t, seq+1, got.Seq, "it is told, and nothing else")
				events := w.events(inv)
				last := events[len(events)-1]
				require.Equal(t, invoice.EventPaymentReceived, last.Type)
				require.Equal(t, invoice.ClassDust, w.payload(last).Data.Payment.Class)
				test.after(w, inv)
			}, floored("0.001", "0.1"))
		})
	}
}

func TestDustHoldsNoAddressOfAPool(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(31 * time.Minute)
		for range 13 {
			w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), big.NewInt(1))
			w.pass(5 * time.Minute)
		}
		require.NotZero(t, w.get(inv).State.ReleasedAt)
	}, pooled(1), floored("0.001", "0.1"))
}

func TestAllThatIsDueIsNeverDust(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Price = price("0.0005", "SIM") })
		w.pay(inv, "SIM", "0.0005")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
	}, floored("0.001", "0.1"), func(c *invoice.Config) {
		c.Chains[0].Assets[0].Minimum = decimal.RequireFromString("0.0001")
	})
}
