package desk_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/internal/browser"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// office serves the desk under a prefix.
func (w *world) office() *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("/office/", http.StripPrefix("/office", w.desk))
	server := httptest.NewServer(mux)
	w.t.Cleanup(server.Close)
	return server
}

// Every page, and every kind of page that asks before an act, at three widths in light and dark.
func TestEveryPageInChromium(t *testing.T) {
	s := newSite(t, nil)
	kill(s.world, s.order("A-1003").ID)
	s.acted(s.bring("statement-of-the-20th.xml", camt(line("CRDT", "70", "E2", "NOTPROVIDED"), line("DBIT", "9.99", "E3", "card fee"))))
	s.acted(s.act("/invoices/"+s.order("A-1005").ID+"/accept-late", "the payer's bank was slow"))
	asked := []string{
		"/invoices/{id}/complete", "/invoices/{id}/refund", "/payouts/new", "/payouts/{id}/cancel", "/transactions/{id}/export", "/transactions/{id}/import",
		"/projects/new", "/projects/{id}/rotate-key", "/projects/{id}/endpoints/{endpoint}/change",
		"/projects/{id}/endpoints/{endpoint}/resend", "/money/stop", "/money/resume", "/money/sweep",
		"/money/bank/export", "/money/bank/download", "/money/bank/read",
		"/money/fund", "/money/adjust", "/money/close", "/money/recount", "/money/audit", "/transactions/{id}/hurry",
		"/money/receivers/allow", "/money/receivers/forbid", "/invoices/several/archive", "/invoices/several/label",
	}
	s.acted(s.act("/invoices/"+s.order("A-1002").ID+"/label", "", "label", "a gift for somebody with a long name"))
	results := s.several("archive", "end of the year", s.order("A-1001"), s.order("A-1006")).Header().Get("Location")
	paths := []string{strings.TrimPrefix(results, "../.."), "/nothing", "/invoices/" + s.order("A-1002").ID, "/invoices/" + s.order("A-1005").ID, "/invoices?q=nothing", s.asking(), "/search?q=A-1003", "/money", "/webhooks",
		s.moving("confirm", "1"), "/money/fund?" + url.Values{"network": {"sim:1"}, "txid": {s.spender.Fund("sim:1/slip44:1", units("5"))}, "confirm": {"1"}}.Encode(),
	}
	for _, row := range desk.Rows() {
		act := slices.ContainsFunc(desk.Rows(), func(r desk.Row) bool { return r.Method == http.MethodPost && r.Pattern == row.Pattern })
		if row.Method == http.MethodGet && !strings.HasSuffix(row.Pattern, "/export") && !act || row.Method == http.MethodGet && slices.Contains(asked, row.Pattern) {
			paths = append(paths, s.own[row.Pattern])
		}
	}
	require.Greater(t, len(paths), 25)
	browser.Play(t, "testdata/pages.mjs", map[string]any{"url": s.office().URL, "paths": paths})
}

func TestAcceptingLateMoneyByKeyboardAlone(t *testing.T) {
	s := newSite(t, nil)
	browser.Play(t, "testdata/keyboard.mjs", map[string]any{"url": s.office().URL, "order": "A-1005"})
	require.Equal(t, invoice.StatusCompleted, s.get(s.order("A-1005")).State.Status)
	require.Equal(t, "the bank was slow", s.audit()[1].Reason)
}

func TestTimesInTheZoneOfWhoLooks(t *testing.T) {
	s := newSite(t, nil)
	browser.Play(t, "testdata/zone.mjs", map[string]any{"url": s.office().URL, "invoice": "/office/invoices/" + s.order("A-1003").ID})
}

func TestTheDeskWithoutScripts(t *testing.T) {
	s := newSite(t, nil)
	confirm := "/office/invoices/" + s.order("A-1002").ID + "/refund?" + url.Values{"what": {"over " + string(s.chain.Asset("SIM").ID)}, "to": {"sim1payer"}}.Encode()
	browser.Play(t, "testdata/noscript.mjs", map[string]any{"url": s.office().URL, "confirm": confirm})
	require.Len(t, s.refundsOf(s.order("A-1002")), 1, "the second click did nothing")
}

func TestLighthouseFindsNothingToMend(t *testing.T) {
	s := newSite(t, nil)
	server := s.office()
	for _, path := range []string{"/", "/invoices/" + s.order("A-1002").ID} {
		said := browser.Lighthouse(t, server.URL+"/office"+path)
		require.Empty(t, said.Faults, path)
		require.Equal(t, 100, said.Scores["accessibility"], path)
		require.Equal(t, 100, said.Scores["best-practices"], path)
	}
}
