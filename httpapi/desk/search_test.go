package desk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/stretchr/testify/require"
)

func TestInvoicesAreFoundByAnyOfTheirNames_O5(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	inv := w.order("A-1002")
	p := w.payout("rent")
	for _, q := range []string{"A-1002", "a-1002", "Order A-1002", inv.ID, inv.Payments[0].Key.TxID} {
		a := w.fetch("/search?q=" + url.QueryEscape(q))
		require.Equal(t, http.StatusSeeOther, a.Code, q)
		require.Equal(t, "./invoices/"+inv.ID, a.Header().Get("Location"), q)
	}
	for _, q := range []string{"rent", p.ID} {
		require.Equal(t, "./payouts/"+p.ID, w.fetch("/search?q="+q).Header().Get("Location"), q)
	}
	page := w.page("/search?q=A-10")
	require.Equal(t, 7, strings.Count(page, `<td data-label="What">Invoice</td>`))
	require.Contains(t, w.page("/invoices?q=Order+A&from=2026-11-20"), "7 invoices", "by title, and by the day")
	require.Contains(t, w.page("/search?q="), "Search")
}

func TestFiltersAreSavedAsLinks(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	form := url.Values{"name": {"Late ones"}, "status": {"expired"}, "q": {"A-"}}
	page := w.acted(w.post("/filters", form))
	require.Contains(t, page, `href="./invoices?q=A-&amp;status=expired" aria-current="true">Late ones</a>`)
	form.Set("status", "new")
	page = w.acted(w.post("/filters", form))
	require.Equal(t, 1, strings.Count(page, ">Late ones</a>"), "the same name replaces")
	w.as("zoe", desk.RoleViewer)
	require.NotContains(t, w.page("/invoices"), "Late ones", "they are the person's own")
	w.as("ann", desk.RoleViewer)
	for _, bad := range []url.Values{{"name": {""}}, {"name": {strings.Repeat("x", 61)}}, {"name": {"x"}, "status": {"paid"}}} {
		require.Equal(t, http.StatusBadRequest, w.post("/filters", bad).Code)
	}
	for i := range 29 {
		w.acted(w.post("/filters", url.Values{"name": {fmt.Sprint(i)}}))
	}
	require.Equal(t, http.StatusConflict, w.post("/filters", url.Values{"name": {"one too many"}}).Code)
	require.NotContains(t, w.acted(w.post("/filters/remove", url.Values{"name": {"Late ones"}})), "Late ones")
	require.Empty(t, w.audit(), "filters change nothing but the list")
}

func TestALongTextIsCutBetweenCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"short": "short", "0123456789": "0123456789", "0123456789a": "0123456…", "012345äöü": "012345…", "ääääää": "äää…", "日本語日本語": "日本…",
		"\xff23456789ab": "\xff234567…", "\xff\xbf\xbf\xbf\xbf\xbf\xbf\xbf\xbf\xbf\xbf": "\xff\xbf\xbf\xbf…",
	} {
		got := desk.Clip(in, 10)
		require.Equal(t, want, got)
		require.LessOrEqual(t, len(got), 10)
	}
}

// A person of several projects needs no more reads for the page of an act than the transaction has payouts.
func TestThePayoutsOfATransactionAreReadOnce(t *testing.T) {
	w := newWorld(t, nil)
	_, path := w.sent("rent")
	w.as("ben", desk.RoleApprover, w.shop, w.rival)
	w.lists = 0
	w.page(path + "/cancel")
	require.Equal(t, 1, w.lists)
}
