package desk_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

func TestDepositsAreSweptNow_O13(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	sim := w.chain.Asset("SIM")
	path := "/money/sweep?asset=" + url.QueryEscape(string(sim.ID))
	w.as("ben", desk.RoleApprover)
	holdings := "/money/holdings?network=" + url.QueryEscape(string(sim.ID.Network()))
	require.Contains(t, w.page(holdings), "Sweep SIM now")
	page := w.page(path)
	for _, text := range []string{"Addresses", "0.144 SIM", "0.000000005 SIM", "Greatest fee", "Reason"} {
		require.Contains(t, page, text, "the cost comes first")
	}
	require.NotContains(t, page, `name="dear"`)
	w.acted(w.act(path, "the year ends"))
	e := w.audit()[len(w.audit())-1]
	require.Equal(t, []string{"network.sweep", "5", "false", "0.000000005 SIM"}, []string{e.Act, e.After["addresses"], e.After["dear"], e.Facts["Greatest fee of what can begin now"]})
	w.look()
	open, err := w.store.OpenTransactions(t.Context(), sim.ID.Network())
	require.NoError(t, err)
	sweeps := 0
	for _, tx := range open {
		if tx.Purpose == payout.PurposeSweep {
			sweeps++
		}
	}
	require.Equal(t, 5, sweeps)
	require.Contains(t, w.page(path), "Have to wait")

	require.Contains(t, w.page("/money/sweep?asset="+url.QueryEscape(string(w.chain.Asset("TOK").ID))), "No address has any of it")
	require.Equal(t, http.StatusNotFound, w.fetch("/money/sweep?asset=sim:2/x").Code)
}

func TestWhatCostsTooMuchIsSweptOnlyWhenToldSo(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	w.chain.Pay(inv.Quote.Address, inv.Quote.Asset, units("5000000000")) // 5 fees
	w.confirm()
	path := "/money/sweep?asset=" + url.QueryEscape(string(w.chain.Asset("SIM").ID))
	require.Contains(t, w.page(path), "1 address, for up to 0.000000001 SIM")
	a := w.act(path, "the year ends")
	require.Equal(t, http.StatusConflict, a.Code)
	require.Contains(t, a.Body.String(), "All of it costs more than is configured.")
	w.acted(w.act(path, "the year ends all the same", "dear", "1"))
	require.Equal(t, "true", w.audit()[len(w.audit())-1].After["dear"])
}
