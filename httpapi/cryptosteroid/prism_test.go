package cryptosteroid_test

import (
	"testing"

	"github.com/cointill/cointill/httpapi/internal/contract"
)

// TestAForeignValidatorObjectsToNothing sends typical requests of clients through a validator in another language.
func TestAForeignValidatorObjectsToNothing(t *testing.T) {
	w := newWorld(t, options{})
	open := w.create(t, `{`+valid+`}`).text(t, "invoiceId")
	prism := contract.Prism(t, w.api, nil)
	send := func(method, path, key string, status int, bodies ...string) {
		t.Helper()
		for _, body := range bodies {
			prism.Send(w.request(method, path, key, body), status)
		}
	}
	send("POST", w.invoices(), w.key, 201,
		`{"fiatCurrency":"EUR","fiatAmount":"100.00","description":"Order 1"}`,
		`{"fiatCurrency":"USD","fiatAmount":29.95,"description":"two\nlines","whoPayCommission":"seller","paymentMethod":"BTC","externalId":"7"}`,
		`{"fiatCurrency":"RUB","fiatAmount":"3.3000000000000003","description":"x","paymentMethod":null,"externalId":null,"secret":"s","processingUrl":"https://shop.example/hook","returnUrl":"https://shop.example/ok","failReturnUrl":null}`)
	send("POST", w.invoices(), w.key, 400, `{"fiatCurrency":"EUR","fiatAmount":"25.005","description":"x"}`)
	send("POST", w.invoices(), "0000", 401, `{"fiatCurrency":"EUR","fiatAmount":"1","description":"x"}`)
	send("GET", w.invoices()+"/"+open, "", 200, "")
	send("GET", w.invoices()+"/"+unknownID, "", 404, "")
	send("PATCH", w.invoices()+"/"+open, "", 200, `{"paymentMethod":"BTC"}`)
	send("POST", w.wallet("BTC"), w.key, 201, `{"label":"till 7","callback":"https://shop.example/","token":"a","identify":"5"}`, `{"label":"till 8"}`)
}
