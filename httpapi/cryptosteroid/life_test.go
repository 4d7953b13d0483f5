package cryptosteroid_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const hookURL = "https://shop.example/hook?order=7"

func TestFromNoMethodToTheOneWebhookByteByByte(t *testing.T) {
	inLife(t, options{service: percent("1")}, func(w *alive) {
		created := w.create(t, `{"fiatCurrency":"EUR","fiatAmount":"100.00","description":"Chair & <table>","externalId":"7",
			"secret":"`+secret+`","processingUrl":"`+hookURL+`"}`)
		id := created.text(t, "invoiceId")
		path := w.invoices() + "/" + id
		w.pass(time.Minute)
		old := w.do(t, "PATCH", path, "", `{"paymentMethod":"BTC"}`).payment(t)
		w.pass(time.Minute)
		chosen := w.do(t, "PATCH", path, "", `{"paymentMethod":"ETH"}`).payment(t)
		require.NotEqual(t, old["address"], chosen["address"])
		require.Equal(t, "0.0505", chosen["amount"])
		require.Nil(t, chosen["paid"])

		txid := w.pay(w.one, "SIM", chosen["address"].(string), "0.0505")
		seen := w.read(id)
		require.Equal(t, "WAITING", seen["status"])
		require.Equal(t, map[string]any{"hash": []any{txid}, "received": "0.0505", "fiat": "100.00", "finished": false}, seen["payment"].(map[string]any)["paid"])
		w.do(t, "PATCH", path, "", `{"paymentMethod":"BTC"}`).refused(t, 409)
		require.Empty(t, w.endpoint.Hooks(), "nothing is told before it is paid")

		w.endpoint.Answer(http.StatusInternalServerError, http.StatusCreated, http.StatusFound, http.StatusBadRequest)
		w.mine(2)
		paid := w.read(id)
		require.Equal(t, "PAID", paid["status"])
		require.Len(t, w.endpoint.Hooks(), 1, "at once")
		w.pass(time.Hour)
		w.mine(3)
		got := w.endpoint.Hooks()
		require.Len(t, got, 5, "until the answer is 200")
		expires, updated := created.text(t, "expiresAt"), paid["updatedAt"].(string)
		at, err := time.Parse(time.RFC3339, updated)
		require.NoError(t, err)
		until, err := time.Parse(time.RFC3339, expires)
		require.NoError(t, err)
		want := fmt.Sprintf(`{"merchantId":"%s","invoiceId":"%s","fiatAmount":"100.00","fiatCurrency":"EUR","description":"Chair & <table>",`+
			`"whoPayCommission":"buyer","payment":{"method":"ETH","address":"%s","amount":"0.0505","net":"0.05","fee":"0.0005",`+
			`"paid":{"hash":["%s"],"received":"0.0505","fiat":"100.00","finished":true}},"externalId":"7","invoiceUrl":"https://pay.example/%s",`+
			`"returnUrl":null,"failReturnUrl":null,"processingUrl":"%s","timeoutSeconds":%d,"createdAt":"%s","expiresAt":"%s","updatedAt":"%s","status":"PAID"}`,
			w.shop, id, chosen["address"], txid, id, hookURL, int64(until.Sub(at)/time.Second), created.text(t, "createdAt"), expires, updated)
		for _, h := range got {
			require.Equal(t, want, h.Body)
			require.Equal(t, hookURL, h.URL)
			require.Equal(t, []string{secret}, h.Header["Token"])
			require.Equal(t, "application/json", h.Header.Get("Content-Type"))
			require.Equal(t, got[0].Header.Get(webhook.HeaderID), h.Header.Get(webhook.HeaderID))
		}
	})
}

func TestIncident40_TheWebhookSaysWhatWasPaidOfThePrice(t *testing.T) {
	inLife(t, options{service: func(c *invoice.Config) { c.Tolerance = decimal.NewFromInt(10) }}, func(w *alive) {
		got := w.create(t, `{`+valid+`,"paymentMethod":"BTC","secret":"`+secret+`","processingUrl":"`+hookURL+`"}`)
		w.pay(w.two, "BTC", got.payment(t)["address"].(string), "0.00018001")
		w.mine(2)
		require.Len(t, w.endpoint.Hooks(), 1)
		require.Contains(t, w.endpoint.Hooks()[0].Body, `"received":"0.00018001","fiat":"9.00","finished":true`)
		require.Contains(t, w.endpoint.Hooks()[0].Body, `"fiatAmount":"10","fiatCurrency":"EUR"`)
	})
}

func TestWhatIsNotPaidInTimeExpires(t *testing.T) {
	inLife(t, options{poll: 10 * time.Second}, func(w *alive) {
		unpaid := w.create(t, `{`+valid+`,"paymentMethod":"BTC"}`)
		unchosen := w.create(t, `{`+valid+`}`)
		partly := w.create(t, `{`+valid+`,"paymentMethod":"BTC","secret":"`+secret+`","processingUrl":"`+hookURL+`"}`)
		w.pay(w.two, "BTC", partly.payment(t)["address"].(string), "0.0001")
		half := w.read(partly.text(t, "invoiceId"))
		require.Equal(t, "WAITING", half["status"])
		require.Equal(t, "5.00", half["payment"].(map[string]any)["paid"].(map[string]any)["fiat"])
		w.mine(1)
		w.pass(31 * time.Minute)
		w.mine(1)
		for _, got := range []answer{unpaid, unchosen, partly} {
			require.Equal(t, "EXPIRED", w.read(got.text(t, "invoiceId"))["status"])
			w.do(t, "PATCH", w.invoices()+"/"+got.text(t, "invoiceId"), "", `{"paymentMethod":"ETH"}`).refused(t, 409)
		}
		require.Equal(t, false, w.read(partly.text(t, "invoiceId"))["payment"].(map[string]any)["paid"].(map[string]any)["finished"])

		w.pay(w.two, "BTC", unpaid.payment(t)["address"].(string), "0.0002")
		w.mine(2)
		late := w.read(unpaid.text(t, "invoiceId"))
		require.Equal(t, "EXPIRED", late["status"], "late money waits for the merchant")
		require.Equal(t, "0.0002", late["payment"].(map[string]any)["paid"].(map[string]any)["received"])
		_, err := w.service.AcceptLate(t.Context(), invoice.Act{Invoice: unpaid.text(t, "invoiceId")})
		require.NoError(t, err)
		require.Equal(t, "PAID", w.read(unpaid.text(t, "invoiceId"))["status"])
		require.Empty(t, w.endpoint.Hooks())
	})
}

func TestMoneyOnTheMethodBeforeStillFindsTheInvoice(t *testing.T) {
	inLife(t, options{}, func(w *alive) {
		got := w.create(t, `{`+valid+`,"paymentMethod":"USDT_ERC20"}`)
		path := w.invoices() + "/" + got.text(t, "invoiceId")
		require.Equal(t, 200, w.do(t, "PATCH", path, "", `{"paymentMethod":"ETH"}`).status)
		w.pay(w.one, "TOK", got.payment(t)["address"].(string), "11.111112")
		w.mine(2)
		paid := w.read(got.text(t, "invoiceId"))
		require.Equal(t, "PAID", paid["status"])
		require.Equal(t, "ETH", paid["payment"].(map[string]any)["method"])
	})
}

func TestA37_AWithdrawnPaymentMakesTheInvoiceNewButItsMethodStays(t *testing.T) {
	inLife(t, options{}, func(w *alive) {
		got := w.create(t, `{`+valid+`,"paymentMethod":"BTC"}`)
		txid := w.pay(w.two, "BTC", got.payment(t)["address"].(string), "0.0002")
		require.Equal(t, "WAITING", w.read(got.text(t, "invoiceId"))["status"])
		w.two.Evict(txid)
		w.mine(1)
		now := w.read(got.text(t, "invoiceId"))
		require.Equal(t, "NEW", now["status"])
		require.Nil(t, now["payment"].(map[string]any)["paid"])
		w.do(t, "PATCH", w.invoices()+"/"+got.text(t, "invoiceId"), "", `{"paymentMethod":"ETH"}`).refused(t, 409)
	})
}

func TestAnswersOtherThan200AreRepeatedTenTimesAtMost(t *testing.T) {
	inLife(t, options{poll: time.Minute}, func(w *alive) {
		got := w.create(t, `{`+valid+`,"paymentMethod":"BTC","secret":"`+secret+`","processingUrl":"`+hookURL+`"}`)
		w.endpoint.Answer(slices.Repeat([]int{http.StatusNoContent}, 20)...)
		w.pay(w.two, "BTC", got.payment(t)["address"].(string), "0.0002")
		w.mine(2)
		w.pass(48 * time.Hour)
		require.Len(t, w.endpoint.Hooks(), 10)
	})
}

func TestADepositAddressFromItsCreationToItsArchive(t *testing.T) {
	inLife(t, options{}, func(w *alive) {
		made := w.do(t, "POST", w.wallet("USDT_ERC20"), w.key, `{"label":"till 7","identify":"user-5","callback":"`+hookURL+`","token":"`+secret+`"}`)
		require.Equal(t, http.StatusCreated, made.status, "%s", made.body)
		object := made.object(t)
		id, address := object["id"].(string), object["address"].(string)
		qr := object["qr"].(string)
		png, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(qr, "data:image/png;base64,"))
		require.NoError(t, err)
		require.Equal(t, "\x89PNG", string(png[:4]))
		require.Equal(t, fmt.Sprintf(`{"id":"%s","currency":"USDT","network":"ERC20","address":"%s","qr":"%s","createdAt":%d,`+
			`"status":"listen","minPaymentAmount":2}`+"\n", id, address, qr, time.Now().UnixMilli()), string(made.body))

		txid := w.pay(w.one, "TOK", address, "12.5")
		w.mine(2)
		got := w.endpoint.Hooks()
		require.Len(t, got, 2, "at detection and at confirmation")
		for i, h := range got {
			require.Regexp(t, `^\{"id":"`+txid+`(:[^"]+)?","merchantId":"`+w.shop+`","addressId":"`+id+`","label":"till 7","identify":"user-5",`+
				`"currency":"USDT","network":"ERC20","address":"`+address+`","hash":"`+txid+`","amount":"12.5","finished":`+fmt.Sprint(i == 1)+
				`,"createdAt":"20[^"]+Z"\}$`, h.Body)
			require.Equal(t, []string{secret}, h.Header["Token"])
		}
		require.Equal(t, strings.Replace(got[0].Body, "false", "true", 1), got[1].Body)
		w.pass(time.Hour)
		w.mine(1)

		for range 2 {
			gone := w.do(t, "DELETE", w.wallet("USDT_ERC20")+"/"+id, w.key, "")
			require.Equal(t, 200, gone.status)
			require.Equal(t, `{"archived":true,"status":"archive"}`+"\n", string(gone.body))
		}
		w.do(t, "DELETE", w.wallet("ETH")+"/"+id, w.key, "").refused(t, 404)
		w.pay(w.one, "TOK", address, "3")
		w.mine(2)
		got = w.endpoint.Hooks()
		require.Len(t, got, 4)
		require.Contains(t, got[2].Body, `"amount":"3","finished":false`, "A14: money is never invisible")
		require.Contains(t, got[3].Body, `"amount":"3","finished":true`)
		inv, err := w.service.Invoice(t.Context(), w.shop, id)
		require.NoError(t, err)
		require.Len(t, inv.Payments, 2)
	})
}

func TestBadDepositAddressesAreRefused(t *testing.T) {
	w := newWorld(t, options{})
	for body, says := range map[string]string{
		`{}`:                                "label is required",
		`{"label":""}`:                      "label must not be empty",
		`{"label":" "}`:                     "label must not be blank",
		`{"label":"a\nb"}`:                  "label must not have control characters",
		`{"label":1}`:                       "label must be a string",
		`{"label":"a","identify":"\u0000"}`: "identify must not have control characters",
		`{"label":"a","callback":"https://shop.example/"}`:                "token is required with callback",
		`{"label":"a","callback":"https://shop.example/","token":"a\nb"}`: "token must be printable ASCII",
		`{"label":"a","callback":"gopher://shop.example/","token":"a"}`:   "callback must be an absolute http or https URL",
		`{"label":"` + strings.Repeat("a", 256) + `"}`:                    "label must have at most 255 characters",
		`[]`: "JSON object",
	} {
		require.Contains(t, w.do(t, "POST", w.wallet("BTC"), w.key, body).refused(t, 400), says, body)
	}
	for _, wallet := range []string{unknownID, cryptosteroid.WalletID(w.rival, "BTC"), cryptosteroid.WalletID(w.shop, "DOGE"), "BTC"} {
		w.do(t, "POST", "/merchants/"+w.shop+"/wallets/"+wallet+"/address", w.key, `{"label":"a"}`).refused(t, 404)
	}
	require.Zero(t, stage.Count(t, w.service))
	least := w.do(t, "POST", w.wallet("BTC"), w.key, `{"label":"a"}`).object(t)
	require.Equal(t, "0.00000001", fmt.Sprint(least["minPaymentAmount"]))
	require.Equal(t, []any{"BTC", "BTC"}, []any{least["currency"], least["network"]})
}

func TestDustPaysNothingAndTheMethodCanStillBeChosen(t *testing.T) {
	inLife(t, options{service: func(c *invoice.Config) { c.Chains[0].Assets[0].Floor = decimal.NewFromInt(1) }}, func(w *alive) {
		made := w.create(t, `{"fiatCurrency":"EUR","fiatAmount":"10000","description":"x","paymentMethod":"ETH"}`)
		id := made.text(t, "invoiceId")
		w.pay(w.one, "SIM", made.payment(t)["address"].(string), "0.999")
		w.mine(2)
		inv, err := w.service.Invoice(t.Context(), w.shop, id)
		require.NoError(t, err)
		require.Len(t, inv.Payments, 1)
		require.True(t, inv.Payments[0].Dust)
		got := w.read(id)
		require.Equal(t, "NEW", got["status"])
		require.Nil(t, got["payment"].(map[string]any)["paid"])
		chosen := w.do(t, "PATCH", w.invoices()+"/"+id, "", `{"paymentMethod":"USDT_ERC20"}`)
		require.Equal(t, http.StatusOK, chosen.status, "%s", chosen.body)
		require.Equal(t, "USDT_ERC20", chosen.payment(t)["method"])
	})
}
