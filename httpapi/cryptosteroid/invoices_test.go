package cryptosteroid_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestCommissionBothWaysIsExactAndRoundsUp(t *testing.T) {
	for _, c := range []struct{ percent, fiat, who, method, amount, net, fee string }{
		{"1", "100", "buyer", "ETH", "0.0505", "0.05", "0.0005"},
		{"1", "100", "seller", "ETH", "0.05", "0.0495", "0.0005"},
		{"0", "100", "buyer", "ETH", "0.05", "0.05", "0"},
		{"0", "100", "seller", "ETH", "0.05", "0.05", "0"},
		{"0.4", "3", "buyer", "USDT_ERC20", "3.346668", "3.333334", "0.013334"},
		{"0.4", "3", "seller", "USDT_ERC20", "3.333334", "3.32", "0.013334"},
		{"0.4", "3", "", "USDT_ERC20", "3.346668", "3.333334", "0.013334"},
		{"1", "0.01", "buyer", "BTC", "0.00000021", "0.0000002", "0.00000001"},
		{"1", "0.01", "seller", "BTC", "0.0000002", "0.00000019", "0.00000001"},
	} {
		w := newWorld(t, options{service: percent(c.percent)})
		who := ""
		if c.who != "" {
			who = `,"whoPayCommission":"` + c.who + `"`
		}
		got := w.create(t, fmt.Sprintf(`{"fiatCurrency":"EUR","fiatAmount":%q,"description":"x","paymentMethod":%q%s}`, c.fiat, c.method, who)).payment(t)
		require.Equal(t, []any{c.amount, c.net, c.fee}, []any{got["amount"], got["net"], got["fee"]}, "%+v", c)
		sum := decimal.RequireFromString(c.net).Add(decimal.RequireFromString(c.fee))
		require.Equal(t, c.amount, sum.String())
	}
}

func TestA35_AmountsAreTakenAsStringsAndAsNumbers(t *testing.T) {
	w := newWorld(t, options{})
	for amount, want := range map[string]string{
		`"100.10"`: "100.10", `100.10`: "100.10", `"100"`: "100", `100.0`: "100.0", `1.001e2`: "100.1", `"1E+2"`: "100",
		`"999999999999999999.99"`: "999999999999999999.99", `0.01`: "0.01", `"12.340000"`: "12.340000",
		`29.949999999999999`: "29.95", `"3.3000000000000003"`: "3.30", `434.99999999999994`: "435.00",
	} {
		got := w.create(t, `{"fiatCurrency":"EUR","description":"x","fiatAmount":`+amount+`}`)
		require.Equal(t, want, got.text(t, "fiatAmount"), amount)
		require.Equal(t, want, w.do(t, "GET", w.invoices()+"/"+got.text(t, "invoiceId"), "", "").text(t, "fiatAmount"))
	}
}

func TestTheZerosOfWhatIsNotSetAreNotGiven(t *testing.T) {
	w := newWorld(t, options{})
	plain := w.create(t, `{`+valid+`}`)
	zeros := w.create(t, `{`+valid+`,"whoPayCommission":"","externalId":"","paymentMethod":"","secret":"","processingUrl":"","returnUrl":"","failReturnUrl":""}`)
	for _, member := range []string{"whoPayCommission", "externalId", "payment", "returnUrl", "failReturnUrl"} {
		require.Equal(t, plain.text(t, member), zeros.text(t, member), member)
	}
	w.do(t, "PATCH", w.invoices()+"/"+zeros.text(t, "invoiceId"), "", `{"paymentMethod":""}`).refused(t, 400)
}

func TestTheSameExternalIDTwiceIsTwoInvoices(t *testing.T) {
	w := newWorld(t, options{})
	body := `{"fiatCurrency":"EUR","fiatAmount":"1","description":"x","externalId":"7"}`
	a, b := w.create(t, body), w.create(t, body)
	require.NotEqual(t, a.text(t, "invoiceId"), b.text(t, "invoiceId"))
	require.Equal(t, "7", b.text(t, "externalId"))
}

func TestEveryCurrencyAndMethodOfTheTable(t *testing.T) {
	w := newWorld(t, options{})
	for _, fiat := range []string{"USD", "EUR", "RUB"} {
		for _, method := range []string{"ETH", "USDT_ERC20", "BTC"} {
			got := w.create(t, fmt.Sprintf(`{"fiatCurrency":%q,"fiatAmount":"10","description":"x","paymentMethod":%q}`, fiat, method))
			require.Equal(t, fiat, got.text(t, "fiatCurrency"))
			require.Equal(t, method, got.payment(t)["method"])
		}
	}
	for _, method := range []string{"TRX", "BCH", "LTC", "DOGE", "USDT_TRC20"} {
		message := w.do(t, "POST", w.invoices(), w.key, `{"fiatCurrency":"EUR","fiatAmount":"10","description":"x","paymentMethod":"`+method+`"}`).refused(t, 400)
		require.Equal(t, "paymentMethod is not offered here", message)
	}
}

const valid = `"fiatCurrency":"EUR","fiatAmount":"10","description":"x"`

// badCreations holds bodies that are refused with 400, or with the given status.
var badCreations = []struct {
	name, body string
	status     int
	says       string
}{
	{name: "no amount", body: `{"fiatCurrency":"EUR","description":"x"}`, says: "fiatAmount is required"},
	{name: "amount null", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":null}`, says: "fiatAmount is required"},
	{name: "amount empty", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":""}`, says: "fiatAmount must be a decimal number"},
	{name: "amount zero", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":"0.00"}`, says: "fiatAmount must be more than 0"},
	{name: "amount negative", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":"-1"}`, says: "fiatAmount"},
	{name: "amount of cents of cents", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":"1.001"}`, says: "fiatAmount must not have more than 2 decimals"},
	{name: "half a cent", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":25.005}`, says: "fiatAmount must not have more than 2 decimals"},
	{name: "exponent bomb", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":1e999999999}`, says: "decimal number"},
	{name: "largest exponent that is read", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":"1e99"}`, says: "fiatAmount is too large"},
	{name: "smallest exponent that is read", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":"1e-99"}`, says: "decimals"},
	{name: "amount in words", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":"ten"}`, says: "decimal number"},
	{name: "amount with a comma", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":"1,50"}`, says: "decimal number"},
	{name: "amount is a list", body: `{"fiatCurrency":"EUR","description":"x","fiatAmount":["1"]}`, says: "decimal number"},
	{name: "no currency", body: `{"fiatAmount":"10","description":"x"}`, says: "fiatCurrency is required"},
	{name: "francs", body: `{"fiatCurrency":"CHF","fiatAmount":"10","description":"x"}`, says: "fiatCurrency must be one of USD, EUR, RUB"},
	{name: "coin as fiat", body: `{"fiatCurrency":"SIM","fiatAmount":"10","description":"x"}`, says: "fiatCurrency"},
	{name: "currency in lower case", body: `{"fiatCurrency":"eur","fiatAmount":"10","description":"x"}`, says: "fiatCurrency"},
	{name: "no description", body: `{"fiatCurrency":"EUR","fiatAmount":"10"}`, says: "description is required"},
	{name: "description empty", body: `{"fiatCurrency":"EUR","fiatAmount":"10","description":""}`, says: "description must not be empty"},
	{name: "description blank", body: `{"fiatCurrency":"EUR","fiatAmount":"10","description":" \n "}`, says: "description must not be blank"},
	{name: "description with NUL", body: `{"fiatCurrency":"EUR","fiatAmount":"10","description":"a\u0000"}`, says: "description"},
	{name: "description too long", body: `{"fiatCurrency":"EUR","fiatAmount":"10","description":"` + strings.Repeat("ö", 1025) + `"}`, says: "description"},
	{name: "description is a number", body: `{"fiatCurrency":"EUR","fiatAmount":"10","description":1}`, says: "description must be a string"},
	{name: "commission by nobody", body: `{` + valid + `,"whoPayCommission":"nobody"}`, says: "whoPayCommission must be one of buyer, seller"},
	{name: "method unknown", body: `{` + valid + `,"paymentMethod":"XMR"}`, says: "paymentMethod must be one of BTC, ETH, TRX"},
	{name: "method by the Service's code", body: `{` + valid + `,"paymentMethod":"SIM"}`, says: "paymentMethod"},
	{name: "method not configured", body: `{` + valid + `,"paymentMethod":"DOGE"}`, says: "paymentMethod is not offered here"},
	{name: "below the minimum", body: `{"fiatCurrency":"EUR","fiatAmount":"0.01","description":"x","paymentMethod":"USDT_ERC20"}`, says: "fiatAmount is less than the minimum of 2"},
	{name: "external id too long", body: `{` + valid + `,"externalId":"` + strings.Repeat("a", 256) + `"}`, says: "externalId"},
	{name: "external id with a line", body: `{` + valid + `,"externalId":"a\nb"}`, says: "externalId must not have control characters"},
	{name: "Incident 39: webhook without a secret", body: `{` + valid + `,"processingUrl":"https://shop.example/"}`, says: "secret is required with processingUrl"},
	{name: "Incident 39: webhook with an empty secret", body: `{` + valid + `,"processingUrl":"https://shop.example/","secret":""}`, says: "secret is required"},
	{name: "secret with a line", body: `{` + valid + `,"processingUrl":"https://shop.example/","secret":"a\r\nHost: b"}`, says: "secret must be printable ASCII"},
	{name: "secret with a space", body: `{` + valid + `,"secret":" a"}`, says: "secret must be printable ASCII"},
	{name: "secret of umlauts", body: `{` + valid + `,"secret":"ö"}`, says: "secret must be printable ASCII"},
	{name: "secret too long", body: `{` + valid + `,"secret":"` + strings.Repeat("a", 256) + `"}`, says: "secret"},
	{name: "Incident 47: webhook to a file", body: `{` + valid + `,"processingUrl":"file:///etc/passwd","secret":"a"}`, says: "processingUrl must be an absolute http or https URL"},
	{name: "Incident 47: webhook without a host", body: `{` + valid + `,"processingUrl":"https:///x","secret":"a"}`, says: "processingUrl"},
	{name: "webhook too long", body: `{` + valid + `,"secret":"a","processingUrl":"https://a.example/` + strings.Repeat("a", 2048) + `"}`, says: "processingUrl"},
	{name: "script as return URL", body: `{` + valid + `,"returnUrl":"javascript:alert(1)"}`, says: "returnUrl must be an absolute http or https URL"},
	{name: "relative return URL", body: `{` + valid + `,"failReturnUrl":"/no"}`, says: "failReturnUrl"},
	{name: "return URL of too many bytes", body: `{` + valid + `,"returnUrl":"https://a.example/` + strings.Repeat("ö", 1020) + `"}`, says: "returnUrl"},

	{name: "empty body", body: ` `, says: "JSON"},
	{name: "half an object", body: `{"fiatAmount":"1"`, says: "JSON"},
	{name: "a list", body: `[]`, says: "object"},
	{name: "null", body: `null`, says: "object"},
	{name: "duplicate key", body: `{` + valid + `,"fiatAmount":"1"}`, says: `"fiatAmount" twice`},
	{name: "bad UTF-8", body: "{\"description\":\"\xff\"}", says: "UTF-8"},
	{name: "half a surrogate pair", body: `{` + valid + `,"externalId":"\ud83d"}`, says: "not valid Unicode"},
	{name: "deep nesting", body: `{` + valid + `,"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, says: "nested"},
	{name: "2 MB", body: `{"description":"` + strings.Repeat("a", 2<<20) + `"}`, status: 413, says: "bytes"},
}

func TestIncident35_BadCreationsAreRefusedAndStoreNothing(t *testing.T) {
	w := newWorld(t, options{})
	for _, c := range badCreations {
		t.Run(c.name, func(t *testing.T) {
			if c.status == 0 {
				c.status = 400
			}
			require.Contains(t, w.do(t, "POST", w.invoices(), w.key, c.body).refused(t, c.status), c.says)
			require.Zero(t, stage.Count(t, w.service))
		})
	}
	r := w.request("POST", w.invoices(), w.key, `{`+valid+`}`)
	r.Header.Set("Content-Type", "text/plain")
	w.send(t, w.api, r).refused(t, 415)
	require.Zero(t, stage.Count(t, w.service))
	require.NotContains(t, w.log.String(), "level=ERROR")
}

func TestA28_Incident47_TheHostRefusesWebhooksToItsOwnNetwork(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.CheckCallback = func(string) error { return fmt.Errorf("must not be within") }
	}})
	body := `{` + valid + `,"processingUrl":"https://10.0.0.1/","secret":"a"}`
	require.Equal(t, "processingUrl must not be within", w.do(t, "POST", w.invoices(), w.key, body).refused(t, 400))
	require.Equal(t, "callback must not be within", w.do(t, "POST", w.wallet("BTC"), w.key, `{"label":"a","callback":"https://10.0.0.1/","token":"a"}`).refused(t, 400))
	require.Zero(t, stage.Count(t, w.service))
}

func TestLongDescriptionsAreKeptWhole(t *testing.T) {
	w := newWorld(t, options{})
	for _, description := range []string{strings.Repeat("ö", 1024), "two\r\nlines\tand a tab"} {
		text, err := json.Marshal(description)
		require.NoError(t, err)
		got := w.create(t, `{"fiatCurrency":"EUR","fiatAmount":"10","description":`+string(text)+`}`)
		require.Equal(t, description, got.text(t, "description"))
	}
}

func TestThePayerChoosesAndChangesTheMethodWithoutAKey(t *testing.T) {
	now := start
	w := newWorld(t, options{now: func() time.Time { return now }, service: percent("1")})
	created := w.create(t, `{"fiatCurrency":"EUR","fiatAmount":"100.0","description":"x","externalId":"7","secret":"`+secret+`","processingUrl":"https://shop.example/"}`)
	path := w.invoices() + "/" + created.text(t, "invoiceId")
	amounts := map[string]string{"ETH": "0.0505", "USDT_ERC20": "112.222224", "BTC": "0.00202"}
	addresses := map[string]any{}
	for _, method := range []string{"BTC", "ETH", "USDT_ERC20", "BTC"} {
		now = now.Add(time.Minute)
		got := w.do(t, "PATCH", path, "", `{"paymentMethod":"`+method+`"}`)
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, method, got.payment(t)["method"])
		require.Equal(t, amounts[method], got.payment(t)["amount"])
		if first, seen := addresses[method]; seen {
			require.Equal(t, first, got.payment(t)["address"], "who changes back finds the same address")
		}
		addresses[method] = got.payment(t)["address"]
		object := got.object(t)
		require.Equal(t, "NEW", object["status"])
		require.Equal(t, "100.0", object["fiatAmount"])
		require.Equal(t, "7", object["externalId"])
		require.Equal(t, created.text(t, "expiresAt"), object["expiresAt"], "A51: no more time")
		require.Equal(t, now.Format("2006-01-02T15:04:05.000Z"), object["updatedAt"])
		require.Equal(t, fmt.Sprint(int64(start.Add(30*time.Minute).Sub(now)/time.Second)), fmt.Sprint(object["timeoutSeconds"]))
		require.NotContains(t, object, "processingUrl")
		again := w.do(t, "PATCH", path, w.other, `{"paymentMethod":"`+method+`"}`)
		require.Equal(t, string(got.body), string(again.body), "the same method changes nothing, whoever asks")
		require.Equal(t, string(got.body), string(w.do(t, "GET", path, "", "").body))
	}
}

func TestA51_ThePublicChangesNothingButTheMethod(t *testing.T) {
	w := newWorld(t, options{})
	created := w.create(t, `{"fiatCurrency":"EUR","fiatAmount":"100","description":"x"}`)
	path := w.invoices() + "/" + created.text(t, "invoiceId")
	before := created.object(t)
	got := w.do(t, "PATCH", path, "", `{"paymentMethod":"ETH","fiatAmount":"1","fiatCurrency":"RUB","status":"PAID","expiresAt":"2030-01-01T00:00:00.000Z",
		"description":"y","whoPayCommission":"seller","processingUrl":"https://evil.example/","secret":"a","externalId":"z","returnUrl":"https://evil.example/"}`)
	require.Equal(t, 200, got.status)
	after := got.object(t)
	for _, changed := range []string{"payment", "updatedAt"} {
		delete(before, changed)
		delete(after, changed)
	}
	require.Equal(t, before, after)
	for _, body := range []string{`{}`, `{"paymentMethod":null}`, `{"paymentMethod":"XMR"}`, `{"paymentMethod":"DOGE"}`, `{"paymentMethod":["ETH"]}`, `{"fiatAmount":"1"}`, `[]`, `{`} {
		w.do(t, "PATCH", path, "", body).refused(t, 400)
	}
	require.Equal(t, string(got.body), string(w.do(t, "GET", path, "", "").body))
	for _, method := range []string{"DELETE", "PUT", "POST"} {
		refused := w.do(t, method, path, w.key, `{}`)
		refused.refused(t, 405)
		require.Equal(t, "GET, HEAD, PATCH", refused.header.Get("Allow"))
	}
}

func TestTheMethodIsChosenOnlyWhileTheInvoiceIsNew(t *testing.T) {
	now := start
	w := newWorld(t, options{now: func() time.Time { return now }})
	patch := func(path string) answer { return w.do(t, "PATCH", path, "", `{"paymentMethod":"BTC"}`) }
	for _, status := range []invoice.Status{invoice.StatusCancelled, invoice.StatusCompleted, invoice.StatusExpired} {
		id := w.create(t, `{`+valid+`,"paymentMethod":"ETH"}`).text(t, "invoiceId")
		_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: id}, status)
		require.NoError(t, err)
		patch(w.invoices()+"/"+id).refused(t, 409)
		require.Equal(t, map[invoice.Status]string{"cancelled": "CANCELLED", "completed": "PAID", "expired": "EXPIRED"}[status],
			w.do(t, "GET", w.invoices()+"/"+id, "", "").text(t, "status"))
	}
	id := w.create(t, `{`+valid+`,"paymentMethod":"ETH"}`).text(t, "invoiceId")
	now = now.Add(30*time.Minute - time.Second)
	require.Equal(t, 200, patch(w.invoices()+"/"+id).status)
	require.Equal(t, "1", w.do(t, "GET", w.invoices()+"/"+id, "", "").text(t, "timeoutSeconds"))
	now = now.Add(time.Hour)
	patch(w.invoices()+"/"+id).refused(t, 409)
	require.Equal(t, "0", w.do(t, "GET", w.invoices()+"/"+id, "", "").text(t, "timeoutSeconds"))
}

func TestConcurrentChoicesLeaveOneMethod(t *testing.T) {
	w := newWorld(t, options{})
	path := w.invoices() + "/" + w.create(t, `{`+valid+`}`).text(t, "invoiceId")
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			got := w.do(t, "PATCH", path, "", `{"paymentMethod":"`+[]string{"ETH", "BTC", "USDT_ERC20"}[i%3]+`"}`)
			if got.status != 200 {
				got.refused(t, 503)
			}
		})
	}
	wg.Wait()
	require.Contains(t, []any{"ETH", "BTC", "USDT_ERC20"}, w.do(t, "GET", path, "", "").payment(t)["method"])
}

func TestA41_NewInvoicesAreCountedForEachMerchant(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptosteroid.Config) { c.MaxNew = 2 }})
	first := w.create(t, `{`+valid+`}`).text(t, "invoiceId")
	w.create(t, `{`+valid+`,"paymentMethod":"ETH"}`)
	require.Contains(t, w.do(t, "POST", w.invoices(), w.key, `{`+valid+`}`).refused(t, 429), "Too many invoices are NEW")
	require.Equal(t, 2, stage.Count(t, w.service))
	require.Equal(t, 201, w.do(t, "POST", "/merchants/"+w.rival+"/invoices", w.other, `{`+valid+`}`).status)
	require.Equal(t, 201, w.do(t, "POST", w.wallet("BTC"), w.key, `{"label":"a"}`).status, "addresses are no invoices")
	_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: first}, invoice.StatusCancelled)
	require.NoError(t, err)
	w.create(t, `{`+valid+`}`)
}

func TestA31_WithoutARateNothingIsCreatedOrChosen(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.Rates = rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2000)})
	}})
	w.do(t, "POST", w.invoices(), w.key, `{`+valid+`,"paymentMethod":"BTC"}`).refused(t, 503)
	require.Zero(t, stage.Count(t, w.service))
	path := w.invoices() + "/" + w.create(t, `{`+valid+`,"paymentMethod":"ETH"}`).text(t, "invoiceId")
	w.do(t, "PATCH", path, "", `{"paymentMethod":"BTC"}`).refused(t, 503)
	require.Equal(t, "ETH", w.do(t, "GET", path, "", "").payment(t)["method"])
}

func TestAnInvoiceIsPaidInNothingButTheMethods(t *testing.T) {
	w := newWorld(t, options{})
	w.api = w.newAPI(t, options{api: seen(w.one, w.two, func(v *cryptosteroid.View) { v.Methods = v.Methods[:1] })})
	id := w.create(t, `{`+valid+`}`).text(t, "invoiceId")
	inv, err := w.service.Invoice(t.Context(), w.shop, id)
	require.NoError(t, err)
	require.Len(t, w.service.Choices(inv), 1)
	_, err = w.service.Choose(t.Context(), w.shop, id, "BTC")
	require.Error(t, err)
}

// FuzzRequests tests that no request causes an internal error.
func FuzzRequests(f *testing.F) {
	var bodies []string
	for _, c := range badCreations {
		if len(c.body) < 500 {
			bodies = append(bodies, c.body)
		}
	}
	contract.Fuzz(f, subject, bodies...)
}

func TestAFullCapOfAddressesRefusesUntilOneIsArchived(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptosteroid.Config) { c.MaxDeposits = 1 }})
	create := func() answer { return w.do(t, "POST", w.wallet("ETH"), w.key, `{"label":"a"}`) }
	first := create()
	require.Equal(t, 201, first.status)
	require.Equal(t, "Too many addresses are open. Archive some first.", create().refused(t, 429))
	w.create(t, `{`+valid+`}`) // invoices are counted separately
	require.Equal(t, 200, w.do(t, "DELETE", w.wallet("ETH")+"/"+first.text(t, "id"), w.key, "").status)
	require.Equal(t, 201, create().status)
}

func TestLessThanBitcoinsDustIsRefusedWithoutAConfiguredMinimum(t *testing.T) {
	btc := life.Bitcoin(t)
	seen := view(coins())
	seen.Methods[2].Asset = btc.Assets[0].Asset
	format := cryptosteroid.NewFormat(seen)
	w := newWorld(t, options{
		service: func(c *invoice.Config) {
			notifier, err := webhook.NewNotifier(format)
			require.NoError(t, err)
			c.Chains[1], c.Notifier = btc, notifier
		},
		api: func(c *cryptosteroid.Config) { c.Format = format },
	})
	body := `{"fiatCurrency":"EUR","fiatAmount":"0.27","description":"x","paymentMethod":"BTC"}` // at 50000 EUR
	require.Equal(t, "fiatAmount is less than the minimum of 0.00000546 BTC", w.do(t, "POST", w.invoices(), w.key, body).refused(t, 400))
	w.create(t, strings.Replace(body, "0.27", "0.28", 1))
	require.Equal(t, "0.00000546", w.do(t, "POST", w.wallet("BTC"), w.key, `{"label":"a"}`).text(t, "minPaymentAmount"))
}
