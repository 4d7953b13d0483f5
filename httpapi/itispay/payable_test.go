package itispay_test

import (
	"fmt"
	"testing"

	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestWhatAClientReadsAsADoubleIsWhatIsDue(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Rates = &life.Odd{} }})
	v1, err := itispay.NewV1(w.config(nil))
	require.NoError(t, err)
	n := 300
	if testing.Short() {
		n = 30
	}
	for i := range n {
		code := []string{"SIM", "TOK"}[i%2]
		body := fmt.Sprintf(`{"order_id":"%d","fiat_amount":%d.%02d,"currency":"%s"}`, i, 100000+i*i*i, i%100, code)
		id := w.create(t, body).text(t, "invoice_id")
		inv, err := w.service.Invoice(t.Context(), "", id)
		require.NoError(t, err)
		for _, got := range []answer{
			w.do(t, "GET", "/invoices/"+id, w.key, ""), w.do(t, "GET", "/public/invoices/"+id, "", ""),
			w.send(t, v1, w.request("GET", "/invoices/"+id, w.key, "")),
		} {
			require.Equal(t, inv.Quote.Due.String(), life.Typed(t, inv.Quote.Asset, got.text(t, "crypto_amount")).String(), "%s of %s", body, inv.Quote.Rate.Value)
		}
	}
}
