package cryptosteroid_test

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
		method := []string{"ETH", "USDT_ERC20", "BTC"}[i%3]
		body := fmt.Sprintf(`{"fiatCurrency":"EUR","fiatAmount":"%d.%02d","description":"Chair","paymentMethod":"%s"}`, 100000+i*i*i, i%100, method)
		created := w.create(t, body)
		inv, err := w.service.Invoice(t.Context(), "", created.text(t, "invoiceId"))
		require.NoError(t, err)
		due := created.payment(t)["amount"].(string)
		require.Equal(t, inv.Quote.Due.String(), life.Typed(t, inv.Quote.Asset, due).String(), "%s of %s", body, inv.Quote.Rate.Value)
	}
}
