package invoice_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestALabelIsFoundAndDecidesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		other := w.create()
		label := func(text string) invoice.Invoice {
			t.Helper()
			out, err := w.svc.SetLabel(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID, Actor: "ann", Comment: "the customer called"}, text)
			require.NoError(t, err)
			return out
		}
		found := func(text string) (ids []string) {
			t.Helper()
			page, err := w.svc.List(t.Context(), invoice.Query{Search: text, Limit: 10})
			require.NoError(t, err)
			for _, inv := range page.Invoices {
				ids = append(ids, inv.ID)
			}
			return ids
		}
		events := w.events(inv)
		labelled := label("Urgent: table 7")
		require.Equal(t, "Urgent: table 7", labelled.Label())
		require.Equal(t, inv.Version+1, labelled.Version)
		require.Equal(t, invoice.Action{N: 1, Kind: invoice.ActionLabel, At: labelled.UpdatedAt, Label: "Urgent: table 7", Actor: "ann", Comment: "the customer called"}, labelled.Actions[0])
		require.Equal(t, []string{inv.ID}, found("urgent"))
		require.Equal(t, labelled.Version, label("Urgent: table 7").Version, "the same label again changes nothing")
		label("paid in cash")
		require.Empty(t, found("urgent"))
		require.Equal(t, []string{inv.ID}, found("CASH"))
		require.Empty(t, w.get(other).Label())
		last := label("")
		require.Empty(t, last.Label())
		require.Empty(t, found("cash"))
		require.Equal(t, events, w.events(inv), "nobody is told")
		require.Equal(t, inv.State, last.State)

		for _, bad := range []string{strings.Repeat("x", 101), "a\nb", "\x00", "\xff"} {
			var invalid *invoice.InvalidError
			_, err := w.svc.SetLabel(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, bad)
			require.ErrorAs(t, err, &invalid)
		}
		_, err := w.svc.SetLabel(t.Context(), invoice.Act{Project: "rival", Invoice: inv.ID}, "x")
		require.ErrorIs(t, err, invoice.ErrNotFound)
		require.Equal(t, last.Version, w.get(inv).Version)
	})
}

// Whoever labels an invoice at the moment that its time is over has not expired it.
func TestWhoLabelsAnInvoiceHasDoneNothingElse(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		time.Sleep(31 * time.Minute)
		w.mine(1)
		w.wants(inv, invoice.StatusExpired, 0)
		archived, err := w.svc.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, invoice.StatusArchived)
		require.NoError(t, err)
		out, err := w.svc.SetLabel(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID, Actor: "ann"}, "of last year")
		require.NoError(t, err)
		require.Equal(t, archived.State, out.State, "one of any status can be labelled, and its address rests no longer")
		for _, ev := range w.events(inv) {
			require.NotEqual(t, "ann", ev.Actor)
		}
	})
}
