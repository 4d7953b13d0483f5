package desk_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// sent returns a payout whose transaction was signed and sent, and the path of its page.
func (w *world) sent(key string) (payout.Payout, string) {
	w.t.Helper()
	w.request(w.shop, key, "1", "carl")
	w.look()
	p := w.payout(key)
	w.sign(p.State.Transaction)
	w.look()
	require.Equal(w.t, payout.StatusSent, w.payout(key).State.Status)
	return w.payout(key), "/transactions/" + p.State.Transaction
}

// sign signs the newest version of a transaction elsewhere.
func (w *world) sign(id string) {
	w.t.Helper()
	r, err := w.payouts.Export(context.Background(), id)
	require.NoError(w.t, err)
	_, err = w.payouts.Import(context.Background(), id, r.N, stage.Signed(r.Unsigned))
	require.NoError(w.t, err)
}

func TestATransactionIsHurriedWithAFeeOfTheOperator_O12(t *testing.T) {
	w := newWorld(t, nil)
	p, path := w.sent("rent")
	w.as("ben", desk.RoleApprover)
	for _, page := range []string{"/payouts/" + p.ID, path} {
		require.Contains(t, w.page(page), path[1:]+"/hurry", page)
	}
	ask := w.page(path + "/hurry")
	for _, text := range []string{"0.000000001 SIM", "0.000000001000000001 SIM", "0.0000000015 SIM", "0.001 SIM", "sim1receiver", "1 SIM", `value="0.0000000015"`, "Continue"} {
		require.Contains(t, ask, text)
	}
	require.NotContains(t, ask, `name="once"`, "it acts only after the next page")
	for fee, says := range map[string]string{"much": "must be a number", "-1": "must be a number", "0.0000000000000000001": "more than 18 decimals"} {
		require.Contains(t, w.page(path+"/hurry?confirm=1&fee="+fee), says)
	}

	confirm := path + "/hurry?confirm=1&fee=0.000000004"
	for _, text := range []string{"Chosen fee", "0.000000004 SIM", "Costs more", "0.000000003 SIM", "sim1receiver", "Reason"} {
		require.Contains(t, w.page(confirm), text)
	}
	page := w.acted(w.act(confirm, "the landlord waits"))
	require.Contains(t, page, "An operator chose a fee of 0.000000004 SIM")
	e := w.audit()[len(w.audit())-1]
	require.Equal(t, []string{"transaction.hurry", "0.000000003 SIM", "0.000000004 SIM", "0.000000001 SIM", w.shop},
		[]string{e.Act, e.Facts["Costs more"], e.After["chosen"], e.Before["fee"], e.Project})
	w.acted(w.act(confirm, "I am not sure that it was done")) // by another form
	w.look()
	w.sign(p.State.Transaction)
	w.look()
	page = w.page(path)
	require.Contains(t, page, "chosen by ben")
	require.NotContains(t, page, "An operator chose")
	got, err := w.payouts.Transaction(context.Background(), p.State.Transaction)
	require.NoError(t, err)
	require.Len(t, got.Versions, 2)
	require.Equal(t, "4000000000", got.Last().Fee.String())
	w.spender.Mine()
	w.look()
	require.NotContains(t, w.page(path), "hurry")
	require.Contains(t, w.page(path+"/hurry"), "cannot be hurried: it is final")
}

func TestAFeeOutsideOfItsBoundsIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	_, path := w.sent("rent")
	for fee, says := range map[string]string{
		"0.000000001": "The fee must be from 0.000000001000000001 SIM to 0.001 SIM.", "0.0010001": "The fee must be from 0.000000001000000001 SIM to 0.001 SIM.",
	} {
		a := w.act(path+"/hurry?confirm=1&fee="+fee, "in a hurry")
		require.Equal(t, http.StatusConflict, a.Code)
		require.Contains(t, a.Body.String(), says)
	}
	require.NoError(t, w.payouts.Stop(context.Background(), w.chain.Asset("SIM").ID.Network(), "a look", "ben"))
	require.Contains(t, w.page(path+"/hurry"), "Money out is stopped on this network.")
}

func TestWhatWasNotSignedIsNotHurried(t *testing.T) {
	w := newWorld(t, nil)
	w.request(w.shop, "rent", "1", "carl")
	w.look()
	path := "/transactions/" + w.payout("rent").State.Transaction
	require.NotContains(t, w.page(path), "hurry")
	require.Contains(t, w.page(path+"/hurry"), "it was not signed yet")
}
