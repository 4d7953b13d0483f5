package cryptomus_test

import (
	"fmt"
	"testing"

	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestWhatAClientReadsAsADoubleIsWhatIsDue(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Rates = &life.Odd{} }})
	n := 300
	if testing.Short() {
		n = 30
	}
	for i := range n {
		to := []string{`"COIN"`, `"USDT","network":"sim"`, `"USDT","network":"alt"`}[i%3]
		body := fmt.Sprintf(`{"order_id":"%d","amount":"%d.%02d","currency":"EUR","to_currency":%s}`, i, 100000+i*i*i, i%100, to)
		id := w.create(t, body)["uuid"].(string)
		inv, err := w.service.Invoice(t.Context(), "", id)
		require.NoError(t, err)
		got := w.post(t, "/payment/info", `{"uuid":"`+id+`"}`).result(t)
		require.Equal(t, inv.Quote.Due.String(), life.Typed(t, inv.Quote.Asset, got["payer_amount"].(string)).String(), "%s of %s", body, inv.Quote.Rate.Value)
	}
}
