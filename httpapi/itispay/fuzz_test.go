package itispay_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// FuzzRequests: no path, query, header or body makes any operation fail, and what is refused leaves everything as it was.
func FuzzRequests(f *testing.F) {
	for i, route := range newWorld(f, options{}).api.Routes() {
		e := exercises[route.OperationID]
		_, query, _ := strings.Cut(e.Target, "?")
		f.Add(uint8(i), "LIVE", query, e.Body, "p")
	}
	f.Add(uint8(1), "", "created_after=9999-12-31T23:59:59Z&page=1000000000&page_size=100&currency=%00&status=new", "", "")
	f.Add(uint8(7), "", "search=%25%00&fiat_currency=%ff&sort_by=fiat_amount", "", "\x00")
	f.Add(uint8(4), "%00", "", "", "")
	f.Add(uint8(5), "LIVE", "", `{"status":"completed","comment":"\u0000"}`, "")
	f.Add(uint8(13), "", "", `{"order_id":"live\u0000"}`, "")
	f.Fuzz(func(t *testing.T, which uint8, id, query, body, header string) {
		w := newWorld(t, options{service: told})
		live := w.told(t, "live", "https://example.com/hook")
		everything := func(c *itispay.Config) {
			c.Simulation = &itispay.Simulation{Client: &http.Client{Timeout: 1e9, Transport: taken{}}}
			c.Admins = append(c.Admins, w.project)
		}
		for _, build := range []func(itispay.Config) (*httpapi.API, error){itispay.New, itispay.NewV1} {
			api, err := build(w.config(everything))
			require.NoError(t, err)
			route := api.Routes()[int(which)%len(api.Routes())]
			before := w.rows(t, live)
			id := strings.ReplaceAll(id, "LIVE", live)
			r := httptest.NewRequest(route.Method, "/", strings.NewReader(strings.NewReplacer("LIVE", live, "TOLD", live).Replace(body)))
			r.URL = &url.URL{Path: strings.ReplaceAll(route.Path, "{invoice_id}", id), RawQuery: query}
			r.Header.Set("Api-Key", w.key)
			if route.OperationID == "createProject" {
				r.Header.Set("Api-Key", accountKey)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header["X-Client-Id"], r.Header["X-Project-Id"] = []string{header}, []string{header}
			rec := httptest.NewRecorder()
			api.ServeHTTP(rec, r)
			if rec.Code >= 500 && rec.Code != http.StatusNotImplemented {
				t.Fatalf("%s %s: %d %s\n%s", r.Method, r.URL, rec.Code, rec.Body, w.log)
			}
			if rec.Code >= 400 {
				require.Equal(t, before, w.rows(t, live))
			}
		}
	})
}

// rows is what is stored, as text.
func (w *world) rows(t *testing.T, id string) string {
	t.Helper()
	page, err := w.service.List(t.Context(), invoice.Query{Limit: 100})
	require.NoError(t, err)
	events, err := w.service.Events(t.Context(), 0, 1000)
	require.NoError(t, err)
	records, err := w.store.History(t.Context(), id)
	require.NoError(t, err)
	text, err := json.Marshal([]any{page, len(events), records})
	require.NoError(t, err)
	return string(text)
}
