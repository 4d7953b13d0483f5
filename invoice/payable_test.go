package invoice_test

import (
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// typed is an amount as a payer takes it from a page or from JSON: through a double, into a wallet with 8 decimals.
func typed(t *testing.T, a chain.Asset, units *big.Int) *big.Int {
	t.Helper()
	double, err := strconv.ParseFloat(a.Decimal(units).String(), 64)
	require.NoError(t, err)
	text, err := decimal.NewFromString(strconv.FormatFloat(double, 'f', -1, 64))
	require.NoError(t, err)
	return a.UnitsDown(text.Truncate(8))
}

func TestWhatIsDueCanBeTyped(t *testing.T) {
	for _, c := range []struct {
		name, price, rate, step, due string
	}{
		{"eighteen decimals", "20", "1843.57", "0", "0.01084852"},
		{"whole already", "20", "2", "0", "10"},
		{"as many digits as a double keeps", "9999999.99", "1", "0", "9999999.99"},
		{"a coin that is worth little", "20", "0.00001234", "0", "1620745.54294976"},
		{"one that is worth so little that a double does not keep eight decimals", "20", "0.000000123", "0", "162601626.016261"},
		{"and less", "999999.99", "0.000000000007", "0", "142857141428572000"},
		{"a step of one's own", "20", "1843.57", "0.0025", "0.0125"},
		{"coarser than what is due", "20", "1843.57", "1", "1"},
		{"finer than usual", "20", "1843.57", "0.000000000001", "0.010848516737"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.rates.set("SIM", "EUR", c.rate)
				inv := w.create(func(r *invoice.Request) { r.Price = price(c.price, "EUR") })
				require.Equal(t, w.units("SIM", c.due).String(), inv.Quote.Due.String())
			}, func(cfg *invoice.Config) {
				cfg.Chains[0].Assets[0].Step = decimal.RequireFromString(c.step)
			})
		})
	}
}

func TestWhoPaysWhatADoubleKeepsHasPaidAll(t *testing.T) {
	inWorld(t, func(w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 300 {
			w.rates.set("SIM", "EUR", decimal.New(1+random.Int64N(1e9), -random.Int32N(14)).String())
			inv := w.create(func(r *invoice.Request) { r.Price.Amount = decimal.New(1+random.Int64N(1e8), -2) })
			require.Equal(t, inv.Quote.Due.String(), typed(t, inv.Quote.Asset, inv.Quote.Due).String())
			units := typed(t, inv.Quote.Asset, new(big.Int).Div(inv.Quote.Due, big.NewInt(3)))
			if units.Sign() == 0 {
				continue
			}
			inv.State.Counted = new(big.Int).Add(units, big.NewInt(1)) // as from a wallet that takes everything
			rest := inv.Remaining()
			require.Equal(t, rest.String(), typed(t, inv.Quote.Asset, rest).String())
			require.GreaterOrEqual(t, rest.Add(rest, inv.State.Counted).Cmp(inv.Quote.Due), 0)
		}
	})
}

func TestAmountsAtASharedAddressCanBeTypedToo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.rates.set("SIM", "EUR", "0.000000123")
		seen := map[string]bool{}
		for range 20 {
			inv := w.create(func(r *invoice.Request) { r.Price = price("20", "EUR") })
			require.Equal(t, inv.Quote.Due.String(), typed(t, inv.Quote.Asset, inv.Quote.Due).String())
			require.False(t, seen[inv.Quote.Due.String()])
			seen[inv.Quote.Due.String()] = true
		}
	}, func(cfg *invoice.Config) { cfg.Chains[0].Shared = &invoice.Shared{Project: "lost"} })
}

func TestWhoPaysTheRestThatIsAskedForHasNotPaidTooMuch(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "4.000000000000000001")
		w.mine(1)
		rest := w.get(inv).Remaining()
		require.Equal(t, w.units("SIM", "6").String(), rest.String())
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), rest)
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		more := w.create()
		w.pay(more, "SIM", "10.00000001")
		w.mine(3)
		w.wants(more, invoice.StatusCompleted, over)
	})
}
