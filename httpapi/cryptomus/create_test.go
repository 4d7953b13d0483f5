package cryptomus_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// publishedMembers lists the members of the published sample in order, and which of them are null.
const publishedMembers = "uuid order_id amount payment_amount=null payer_amount=null discount_percent=null discount payer_currency=null currency " +
	"merchant_amount=null network=null address=null from=null txid=null payment_status url expired_at status is_final additional_data=null " +
	"created_at updated_at"

// publishedWith returns publishedMembers with values for some of them.
func publishedWith(set string) string {
	out := publishedMembers
	for name := range strings.FieldsSeq(set) {
		out = strings.Replace(out, " "+name+"=null", " "+name, 1)
	}
	return out
}

// raw requires success and returns the result as JSON.
func (a answer) raw(t *testing.T) json.RawMessage {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, "state result", contract.Members(t, a.body))
	var out struct{ Result json.RawMessage }
	require.NoError(t, json.Unmarshal(a.body, &out))
	return out.Result
}

func TestA25_CreateAnswersThePublishedSamples(t *testing.T) {
	const quoted = "payer_amount payer_currency merchant_amount network address "
	for _, c := range []struct{ file, set, body string }{
		{"fiat", "", `{"amount":"15","currency":"USD","order_id":"1"}`},
		{"coin-and-network", quoted, `{"amount":"20","currency":"USDT","order_id":"1","network":"sim"}`},
		{"fiat-to-coin", "payer_currency", `{"amount":"25","currency":"USD","order_id":"1","to_currency":"USDT"}`},
		{"fiat-to-coin-and-network", quoted, `{"amount":"25","currency":"USD","order_id":"1","to_currency":"USDT","network":"sim"}`},
		{"coin", "payer_currency", `{"amount":"20","currency":"USDT","order_id":"1"}`},
		{"fiat-to-coin-of-one-network", quoted, `{"amount":"20","currency":"USD","order_id":"1","to_currency":"COIN"}`},
		{"coin-of-one-network", quoted, `{"amount":"0.5","currency":"COIN","order_id":"1"}`},
		{"everything", quoted + "discount_percent additional_data", `{"amount":"15","currency":"USDT","order_id":"Order_1-a","network":"sim","url_return":"https://shop.example/r",
			"url_success":"https://shop.example/s","url_callback":"https://shop.example/c","is_payment_multiple":false,"lifetime":7200,
			"to_currency":"USDT","subtract":100,"accuracy_payment_percent":5,"additional_data":"a/b <é> & c","currencies":[{"currency":"USDT","network":"sim"}],
			"except_currencies":[{"currency":"COIN"}],"course_source":"Kucoin","from_referral_code":"abc","discount_percent":-5,"is_refresh":false}`},
	} {
		t.Run(c.file, func(t *testing.T) {
			w := newWorld(t, options{service: twoPercent})
			got := w.post(t, "/payment", c.body)
			require.Equal(t, publishedWith(c.set), contract.Members(t, got.raw(t)))
			contract.Golden(t, c.file, got.body)
			require.Equal(t, 1, stage.Count(t, w.service))
		})
	}
}

func TestA25_InfoAndListAnswerThePublishedSamples(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now})
	w.create(t, `{"amount":"15","currency":"USDT","order_id":"1","network":"sim","discount_percent":-5}`)
	read := func(set string) string {
		return strings.Replace(publishedWith("payment_amount "+set), " currency ", " currency comments=null ", 1) + " payment_amount_usd commission"
	}
	info := w.post(t, "/payment/info", `{"order_id":"1"}`)
	require.Equal(t, read("payer_amount payer_currency merchant_amount network address discount_percent"), contract.Members(t, info.raw(t)))
	contract.Golden(t, "info", info.body)
	clock.Add(time.Minute)
	w.create(t, `{"amount":"15","currency":"USD","order_id":"2"}`)
	list := w.post(t, "/payment/list", `{}`)
	require.Equal(t, "items paginate", contract.Members(t, list.raw(t)))
	var page struct {
		Items    []json.RawMessage
		Paginate json.RawMessage
	}
	require.NoError(t, json.Unmarshal(list.raw(t), &page))
	require.Equal(t, read(""), contract.Members(t, page.Items[0]))
	require.Equal(t, "count hasPages nextCursor=null previousCursor=null perPage", contract.Members(t, page.Paginate))
	contract.Golden(t, "list", list.body)
}

func TestDiscountAndSurcharge(t *testing.T) {
	w := newWorld(t, options{})
	for i, c := range []struct{ body, due, discount string }{
		{`"amount":"15","currency":"USDT","network":"sim","discount_percent":5`, "14.25", "0.75"},
		{`"amount":"15","currency":"USDT","network":"sim","discount_percent":-5`, "15.75", "-0.75"},
		{`"amount":"15","currency":"USD","to_currency":"USDT","network":"sim","discount_percent":-99`, "29.85", "-14.85"},
		{`"amount":"100","currency":"EUR","to_currency":"COIN","discount_percent":3`, "0.05388889", "0.00166666"},
		{`"amount":"15","currency":"USDT","network":"sim","discount_percent":0`, "15.00", "0.00000000"},
	} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d",%s}`, i, c.body))
		require.Equal(t, []any{c.due, c.discount}, []any{got["payer_amount"], got["discount"]}, c.body)
	}
	got := w.create(t, `{"order_id":"open","amount":"15","currency":"USD","discount_percent":5}`)
	require.Equal(t, []any{nil, "0.00000000"}, []any{got["discount_percent"], got["discount"]}, "only with a coin")
	w.post(t, "/payment", `{"order_id":"free","amount":"15","currency":"USDT","network":"sim","discount_percent":100}`).message(t, "Minimum amount 2 USDT")
}

func TestSubtractPutsTheCommissionOnThePayer(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.Commission = func(string, chain.Asset) decimal.Decimal { return decimal.NewFromInt(1) }
	}})
	for subtract, want := range map[int][2]string{0: {"100.00", "99.00000000"}, 50: {"100.50", "99.50000000"}, 100: {"101.00", "100.00000000"}} {
		got := w.create(t, fmt.Sprintf(`{"amount":"100","currency":"USDT","network":"sim","order_id":"%d","subtract":%d}`, subtract, subtract))
		require.Equal(t, want, [2]string{got["payer_amount"].(string), got["merchant_amount"].(string)})
	}
}

func TestA34_WhatIsOwedIsRoundedUpAndWhatIsCreditedDown(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.Commission = func(string, chain.Asset) decimal.Decimal { return decimal.NewFromInt(3) }
	}})
	got := w.create(t, `{"amount":"0.01","currency":"EUR","order_id":"1","to_currency":"COIN"}`) // 0.0000055555... COIN
	require.Equal(t, "0.00000556", got["payer_amount"])
	require.Equal(t, "0.00000539", got["merchant_amount"])
	got = w.create(t, `{"amount":"10","currency":"EUR","order_id":"2","to_currency":"USDT","network":"sim"}`) // 11.1111...
	require.Equal(t, "11.111112", got["payer_amount"], "a token of six decimals is exact")
}

func TestA35_LeniencyOfTheVendor(t *testing.T) {
	w := newWorld(t, options{})
	plain := w.create(t, `{"amount":"20.10","currency":"USDT","order_id":"0","network":"sim","lifetime":7200,"is_payment_multiple":true,"subtract":0}`)
	for i, body := range []string{
		`"amount":20.10,"currency":"usdt","network":"SIM","lifetime":"7200","is_payment_multiple":1`,
		`"amount":"2.01e1","currency":"USDT","network":"Sim","lifetime":7200.0,"is_payment_multiple":"1","subtract":"0"`,
		`"amount":" 20.1 ","currency":" USDT","network":"sim","lifetime":"7200","is_payment_multiple":"true","to_currency":"usdt"`,
		`"amount":"20.1","currency":"USDT","network":"sim","lifetime":7200,"url_return":"","url_callback":null,"to_currency":" ","additional_data":"","currencies":[],"except_currencies":null,"course_source":"","discount_percent":"","is_refresh":"0","accuracy_payment_percent":"","unknown":[1]`,
	} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d",%s}`, i+1, body))
		for _, name := range []string{"uuid", "order_id", "address", "url"} {
			delete(got, name)
			delete(plain, name)
		}
		require.Equal(t, plain, got, body)
	}
	for i, want := range map[string]bool{`false`: true, `0`: true, `"0"`: true, `"False"`: true, `true`: false, `""`: false, `null`: false} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"single%x","amount":1,"currency":"USD","is_payment_multiple":%s}`, i, i))
		inv, err := w.service.Invoice(t.Context(), w.shop.id, got["uuid"].(string))
		require.NoError(t, err)
		require.Equal(t, want, inv.Terms.Single, i)
	}
	require.Equal(t, "two\nlines\tand a tab", w.create(t, `{"order_id":"lines","amount":1,"currency":"USD","additional_data":"two\nlines\tand a tab"}`)["additional_data"])
	require.Equal(t, "77", w.create(t, `{"order_id":77,"amount":1,"currency":"USD"}`)["order_id"], "a number is the text of it")
	require.Equal(t, "Ärger_1", w.create(t, `{"order_id":"Ärger_1","amount":1,"currency":"USD"}`)["order_id"])
}

func TestALifetimeOfNothingIsNotGiven(t *testing.T) {
	w := newWorld(t, options{})
	for i, zero := range []string{`0`, `"0"`, `0.0`, `"0.00"`, `""`, `null`} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d","amount":1,"currency":"USD","lifetime":%s}`, i, zero))
		require.Equal(t, json.Number(fmt.Sprint(start.Add(time.Hour).Unix())), got["expired_at"], zero)
	}
	for _, bad := range []string{`-1`, `1`, `"299"`, `"zero"`, `[]`} {
		require.Equal(t, 422, w.post(t, "/payment", `{"order_id":"bad","amount":1,"currency":"USD","lifetime":`+bad+`}`).status, bad)
	}
	require.Equal(t, 6, stage.Count(t, w.service))
}

func TestNetworksAreTakenByTheNamesOfTheirCoinsAndStandards(t *testing.T) {
	w := newWorld(t, options{})
	named := w.currencies()
	named[0].Network, named[1].Network, named[2].Network = "tron", "tron", "trx" // the last is configured by such a name
	w.api = w.newAPI(t, func(c *cryptomus.Config) { c.Format = cryptomus.NewFormat(named...) })
	for i, network := range []string{"tron", "TRON", "TRC20", "trc20"} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d","amount":2,"currency":"USDT","network":%q}`, i, network))
		require.Equal(t, "tron", got["network"])
		got = w.post(t, "/wallet", fmt.Sprintf(`{"order_id":"wallet-%d","currency":"USDT","network":%q}`, i, network)).result(t)
		require.Equal(t, "tron", got["network"])
	}
	got := w.create(t, `{"order_id":"own","amount":2,"currency":"USDT","network":"TRX"}`)
	require.Equal(t, "trx", got["network"], "what is configured comes first")
	got = w.create(t, `{"order_id":"only","amount":2,"currency":"USD","to_currency":"USDT","currencies":[{"currency":"USDT","network":"TRC20"}]}`)
	require.Nil(t, got["address"])
	w.api = w.newAPI(t, func(c *cryptomus.Config) { named[2].Network = "alt"; c.Format = cryptomus.NewFormat(named...) })
	require.Equal(t, "tron", w.create(t, `{"order_id":"trx","amount":2,"currency":"USDT","network":"TRX"}`)["network"])
	w.post(t, "/payment", `{"order_id":"bsc","amount":2,"currency":"USDT","network":"BEP20"}`).message(t, "The network was not found")
}

func TestIncident32_AmountsKeepEveryDigit(t *testing.T) {
	w := newWorld(t, options{})
	for i, amount := range []string{"0.1", "0.3", "9007199.12345678", "9999999.00000001"} {
		for j, written := range []string{amount, `"` + amount + `"`} {
			got := w.create(t, fmt.Sprintf(`{"order_id":"%d-%d","amount":%s,"currency":"COIN"}`, i, j, written))
			want := amount + strings.Repeat("0", 8-len(amount)+strings.Index(amount, ".")+1)
			require.Equal(t, []any{want, want}, []any{got["amount"], got["payer_amount"]})
		}
	}
}

func TestAnAmountThatAProgramHasAsADoubleIsTheOneThatWasMeant(t *testing.T) {
	w := newWorld(t, options{})
	for i, c := range []struct{ amount, currency, want string }{
		{"29.949999999999999", "USD", "29.95"}, {`"3.3000000000000003"`, "USD", "3.30"}, {"434.99999999999994", "EUR", "435.00"},
		{"13.300000000000001", `USDT","network":"sim`, "13.30"}, {"3.3000000000000003", `COIN`, "3.30000000"},
	} {
		body := fmt.Sprintf(`{"amount":%s,"currency":"%s","order_id":"%d","accuracy_payment_percent":0.30000000000000004}`, c.amount, c.currency, i)
		got := w.create(t, body)
		require.Equal(t, c.want, got["amount"], c.amount)
		inv, err := w.service.Invoice(t.Context(), w.shop.id, got["uuid"].(string))
		require.NoError(t, err)
		require.Equal(t, "0.3", inv.Terms.TolerancePercent.String())
	}
}

func TestWhatIsKeptWithAnInvoice(t *testing.T) {
	w := newWorld(t, options{})
	got := w.create(t, `{"amount":"15","currency":"USD","order_id":"1","network":"SIM","to_currency":"usdt","url_return":"https://shop.example/r",
		"url_success":"https://shop.example/s","url_callback":"https://shop.example/c","additional_data":"d","from_referral_code":"abc",
		"accuracy_payment_percent":"2.5","lifetime":300,"course_source":"BinanceP2p"}`)
	inv, err := w.service.Invoice(t.Context(), w.shop.id, got["uuid"].(string))
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"url_return": "https://shop.example/r", "url_success": "https://shop.example/s", "additional_data": "d",
		"from_referral_code": "abc", "to_currency": "USDT", "network": "sim",
	}, inv.Data)
	require.Equal(t, "https://shop.example/c", inv.CallbackURL)
	require.Equal(t, "cryptomus", inv.Format)
	require.Equal(t, "2.5", inv.Terms.TolerancePercent.String())
	require.Equal(t, "BinanceP2P", inv.Terms.RateSource)
	require.Equal(t, 5*time.Minute, inv.Deadline.Sub(inv.CreatedAt))
	require.Equal(t, "3.75", got["payer_amount"], "at the rates of the source that was asked for")
}

func TestCurrenciesAndExceptCurrenciesRestrictTheChoice(t *testing.T) {
	w := newWorld(t, options{})
	for i, c := range []struct {
		body string
		want []string
	}{
		{`"currency":"USD"`, []string{"COIN", "USDT_SIM", "USDT_ALT"}},
		{`"currency":"USD","network":"sim"`, []string{"COIN", "USDT_SIM"}},
		{`"currency":"USD","to_currency":"USDT"`, []string{"USDT_SIM", "USDT_ALT"}},
		{`"currency":"USDT"`, []string{"USDT_SIM", "USDT_ALT"}},
		{`"currency":"USD","currencies":[{"currency":"usdt"},{"currency":"DOGE","network":"doge"}]`, []string{"USDT_SIM", "USDT_ALT"}},
		{`"currency":"USD","currencies":[{"currency":"USDT","network":"ALT"},{"currency":"COIN"}]`, []string{"COIN", "USDT_ALT"}},
		{`"currency":"USD","except_currencies":[{"currency":"USDT","network":"alt"}]`, []string{"COIN", "USDT_SIM"}},
		{`"currency":"USDT","except_currencies":[{"currency":"USDT","network":"alt"}]`, []string{"USDT_SIM"}},
		{`"currency":"USD","currencies":[{"currency":"USDT"}],"except_currencies":[{"currency":"USDT","network":"sim"}]`, []string{"USDT_ALT"}},
	} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d","amount":5,%s}`, i, c.body))
		inv, err := w.service.Invoice(t.Context(), w.shop.id, got["uuid"].(string))
		require.NoError(t, err)
		var codes []string
		for _, asset := range w.service.Choices(inv) {
			codes = append(codes, asset.Code)
		}
		require.Equal(t, c.want, codes, c.body)
	}
	w.post(t, "/payment", `{"order_id":"x","amount":5,"currency":"USD","currencies":[{"currency":"DOGE"}]}`).message(t, "The currency was not found")
	w.post(t, "/payment", `{"order_id":"x","amount":5,"currency":"COIN","except_currencies":[{"currency":"COIN"}]}`).message(t, "The currency was not found")
}

func TestAnInvoiceInACoinOfSeveralNetworksIsPaidOnAnyOfThem(t *testing.T) {
	w := newWorld(t, options{})
	id := w.create(t, `{"amount":"20","currency":"USDT","order_id":"1"}`)["uuid"].(string)
	_, err := w.service.Choose(t.Context(), w.shop.id, id, "USDT_ALT")
	require.NoError(t, err)
	got := w.info(t, "1")
	require.Equal(t, []any{"20.00", "20.00", "USDT", "USDT", "alt"}, []any{got["amount"], got["payer_amount"], got["currency"], got["payer_currency"], got["network"]})
	require.NotNil(t, got["address"])
}

// badCreations holds refused requests with the rule that each breaks.
var badCreations = []struct{ body, field, rule string }{
	{`{"currency":"USD","order_id":"1"}`, "amount", "required"},
	{`{"amount":"","currency":"USD","order_id":"1"}`, "amount", "required"},
	{`{"amount":null,"currency":"USD","order_id":"1"}`, "amount", "required"},
	{`{"amount":"1","order_id":"1"}`, "currency", "required"},
	{`{"amount":"1","currency":"USD"}`, "order_id", "required"},
	{`{"amount":"1","currency":"USD","order_id":" "}`, "order_id", "required"},
	{`{"amount":"abc","currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":"1,5","currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":"+1","currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":"0x10","currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":"NaN","currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":"1e999999999","currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":1e999999999,"currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":"\"1\"","currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":true,"currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":["1"],"currency":"USD","order_id":"1"}`, "amount", "numeric"},
	{`{"amount":"0","currency":"USD","order_id":"1"}`, "amount", "min.numeric"},
	{`{"amount":"-0.0","currency":"USD","order_id":"1"}`, "amount", "min.numeric"},
	{`{"amount":"-5","currency":"COIN","order_id":"1"}`, "amount", "min.numeric"},
	{`{"amount":"1.001","currency":"USD","order_id":"1"}`, "amount", "regex"},
	{`{"amount":"1e-99","currency":"USD","order_id":"1"}`, "amount", "regex"},
	{`{"amount":25.005,"currency":"USD","order_id":"1"}`, "amount", "regex"},
	{`{"amount":25.004999999999999,"currency":"USD","order_id":"1"}`, "amount", "regex"},
	{`{"amount":"2.0000001","currency":"USDT","network":"sim","order_id":"1"}`, "amount", "regex"},
	{`{"amount":"1","currency":["USD"],"order_id":"1"}`, "currency", "string"},
	{`{"amount":"1","currency":"` + strings.Repeat("A", 33) + `","order_id":"1"}`, "currency", "max.string"},
	{`{"amount":"1","currency":"USD","order_id":"a b"}`, "order_id", "alpha_dash"},
	{`{"amount":"1","currency":"USD","order_id":"a/b"}`, "order_id", "alpha_dash"},
	{`{"amount":"1","currency":"USD","order_id":"a.b"}`, "order_id", "alpha_dash"},
	{`{"amount":"1","currency":"USD","order_id":"` + strings.Repeat("a", 129) + `"}`, "order_id", "max.string"},
	{`{"amount":"1","currency":"USD","order_id":1.5}`, "order_id", "string"},
	{`{"amount":"1","currency":"USD","order_id":true}`, "order_id", "string"},
	{`{"amount":"1","currency":"USD","order_id":"a\u0000"}`, "order_id", "string"},
	{`{"amount":"1","currency":"USD","order_id":"1","network":1.5}`, "network", "string"},
	{`{"amount":"1","currency":"USD","order_id":"1","url_return":"http"}`, "url_return", "min.string"},
	{`{"amount":"1","currency":"USD","order_id":"1","url_success":"nothing here"}`, "url_success", "url"},
	{`{"amount":"1","currency":"USD","order_id":"1","url_callback":"javascript:alert(1)"}`, "url_callback", "url"},
	{`{"amount":"1","currency":"USD","order_id":"1","url_callback":"https:///path"}`, "url_callback", "url"},
	{`{"amount":"1","currency":"USD","order_id":"1","url_callback":"https://a.example/` + strings.Repeat("a", 255) + `"}`, "url_callback", "max.string"},
	{`{"amount":"1","currency":"USD","order_id":"1","is_payment_multiple":"yes"}`, "is_payment_multiple", "boolean"},
	{`{"amount":"1","currency":"USD","order_id":"1","is_payment_multiple":2}`, "is_payment_multiple", "boolean"},
	{`{"amount":"1","currency":"USD","order_id":"1","lifetime":299}`, "lifetime", "min.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","lifetime":43201}`, "lifetime", "max.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","lifetime":300.5}`, "lifetime", "integer"},
	{`{"amount":"1","currency":"USD","order_id":"1","lifetime":1e50}`, "lifetime", "max.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","subtract":-1}`, "subtract", "min.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","subtract":"101"}`, "subtract", "max.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","accuracy_payment_percent":5.01}`, "accuracy_payment_percent", "max.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","accuracy_payment_percent":"-1"}`, "accuracy_payment_percent", "min.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","accuracy_payment_percent":1e-50}`, "accuracy_payment_percent", "numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","additional_data":"` + strings.Repeat("ö", 256) + `"}`, "additional_data", "max.string"},
	{`{"amount":"1","currency":"USD","order_id":"1","currencies":"USDT"}`, "currencies", "array"},
	{`{"amount":"1","currency":"USD","order_id":"1","currencies":{"currency":"USDT"}}`, "currencies", "array"},
	{`{"amount":"1","currency":"USD","order_id":"1","currencies":["USDT"]}`, "currencies.0", "array"},
	{`{"amount":"1","currency":"USD","order_id":"1","currencies":[{"currency":"USDT"},{"network":"sim"}]}`, "currencies.1.currency", "required"},
	{`{"amount":"1","currency":"USD","order_id":"1","except_currencies":[{"currency":{}}]}`, "except_currencies.0.currency", "string"},
	{`{"amount":"1","currency":"USD","order_id":"1","currencies":[` + strings.Repeat(`{},`, 500) + `{}]}`, "currencies", "max.array"},
	{`{"amount":"1","currency":"USD","order_id":"1","course_source":"Mt"}`, "course_source", "min.string"},
	{`{"amount":"1","currency":"USD","order_id":"1","course_source":"MtGox"}`, "course_source", "in"},
	{`{"amount":"1","currency":"USD","order_id":"1","discount_percent":-100}`, "discount_percent", "min.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","discount_percent":101}`, "discount_percent", "max.numeric"},
	{`{"amount":"1","currency":"USD","order_id":"1","is_refresh":"maybe"}`, "is_refresh", "boolean"},
}

func TestIncident35_BadCreationsAreRefusedAndStoreNothing(t *testing.T) {
	w := newWorld(t, options{})
	for _, c := range badCreations {
		w.post(t, "/payment", c.body).breaks(t, c.field, c.rule)
	}
	for _, c := range []struct{ body, message string }{
		{`{"amount":"1","currency":"XXX","order_id":"1"}`, "The currency was not found"},
		{`{"amount":"1","currency":"USD","order_id":"1","network":"nowhere"}`, "The network was not found"},
		{`{"amount":"1","currency":"COIN","order_id":"1","network":"alt"}`, "The network was not found"},
		{`{"amount":"1","currency":"USD","order_id":"1","to_currency":"XXX"}`, "Not found service to_currency"},
		{`{"amount":"1","currency":"USD","order_id":"1","to_currency":"EUR"}`, "Not found service to_currency"},
		{`{"amount":"1","currency":"USD","order_id":"1","to_currency":"COIN","network":"alt"}`, "Not found service to_currency"},
		{`{"amount":"1","currency":"USD","order_id":"1","to_currency":"COIN","currencies":[{"currency":"USDT"}]}`, "The currency was not found"},
		{`{"amount":"1.99","currency":"USDT","order_id":"1","network":"sim"}`, "Minimum amount 2 USDT"},
		{`{"amount":"1.99","currency":"USD","order_id":"1","to_currency":"USDT","network":"sim"}`, "Minimum amount 2 USDT"},
		{`{"amount":"10000000.01","currency":"USDT","order_id":"1","network":"sim"}`, "Maximum amount 10000000 USDT"},
		{`{"amount":1e99,"currency":"COIN","order_id":"1"}`, "Maximum amount 10000000 COIN"},
		{`{"amount":"1000000000000000001","currency":"USD","order_id":"1"}`, "Maximum amount 1000000000000000000 USD"},
	} {
		w.post(t, "/payment", c.body).message(t, c.message)
	}
	for _, body := range []string{`{}`, `null`, `[]`, ``} {
		w.post(t, "/payment", body).says(t, 422, `{"state":1,"errors":{"amount":["validation.required"],"currency":["validation.required"],"order_id":["validation.required"]}}`)
	}
	for body, status := range map[string]int{
		`{"amount":`: 400, `[1]`: 400, `"text"`: 400, `{"order_id":"\ud83d"}`: 400, `{"additional_data":"\udc00x"}`: 400, `{"a":1,"a":2}`: 400, "{\"a\":\"\xff\"}": 400, `{} {}`: 400,
		`{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`: 400, `{"x":"` + strings.Repeat("a", 70_000) + `"}`: 413,
	} {
		got := w.post(t, "/payment", body)
		require.Equal(t, status, got.status, "%s", got.body)
		require.Regexp(t, `^\{"state":1,"message":".+"\}\n$`, string(got.body))
	}
	require.Zero(t, stage.Count(t, w.service))
	require.NotContains(t, w.log.String(), "level=ERROR")
}

func TestA42_AnExistingOrderIsAnsweredWhateverElseIsAsked(t *testing.T) {
	w := newWorld(t, options{})
	first := w.post(t, "/payment", `{"amount":"20","currency":"USDT","order_id":"1","network":"sim"}`)
	for _, body := range []string{
		`{"amount":"20","currency":"USDT","order_id":"1","network":"sim"}`, `{"amount":"99","currency":"COIN","order_id":"1"}`,
		`{"amount":"1","currency":"XXX","order_id":"1"}`, `{"amount":"0.01","currency":"USD","to_currency":"USDT","network":"sim","order_id":"1"}`,
		`{"amount":"20","currency":"USDT","order_id":"1","network":"sim","is_refresh":true}`,
	} {
		again := w.post(t, "/payment", body)
		require.Equal(t, string(first.body), string(again.body), body)
	}
	other := w.send(t, w.api, w.request("POST", "/payment", w.rival, w.rival.payment, `{"amount":"20","currency":"USDT","order_id":"1","network":"sim"}`)).result(t)
	require.NotEqual(t, first.result(t)["uuid"], other["uuid"], "another merchant's order is another one")
	require.Equal(t, 2, stage.Count(t, w.service))
}

func TestA42_IdenticalCreationsAtOnceMakeOneInvoice(t *testing.T) {
	w := newWorld(t, options{})
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			got := w.post(t, "/payment", `{"amount":"20","currency":"USD","to_currency":"COIN","order_id":"1"}`)
			mu.Lock()
			defer mu.Unlock()
			seen[string(got.body)]++
		})
	}
	wg.Wait()
	require.Len(t, seen, 1)
	require.Equal(t, 1, stage.Count(t, w.service))
}

func TestOrderNumbersAreSharedWithWallets(t *testing.T) {
	w := newWorld(t, options{})
	w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"1"}`).result(t)
	w.post(t, "/payment", `{"amount":"20","currency":"USD","order_id":"1"}`).breaks(t, "order_id", "unique")
	w.create(t, `{"amount":"20","currency":"USD","order_id":"2"}`)
	w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"2"}`).breaks(t, "order_id", "unique")
}

func TestA31_WithoutARateTheClientLearnsThatItFailed(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.Rates = rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "COIN", Quote: "USD"}: decimal.NewFromInt(2000)})
	}})
	for body, message := range map[string]string{
		`{"amount":"20","currency":"USD","order_id":"1","to_currency":"USDT","network":"sim"}`: "Error convert to_currency",
		`{"amount":"20","currency":"USDT","order_id":"1","network":"sim"}`:                     "Gateway error",
	} {
		got := w.post(t, "/payment", body)
		got.message(t, message)
		require.Equal(t, "5", got.header.Get("Retry-After"), message)
	}
	require.Contains(t, w.log.String(), "level=WARN", "the operator learns why")
	require.Zero(t, stage.Count(t, w.service))
	w.create(t, `{"amount":"20","currency":"USD","order_id":"1","to_currency":"COIN"}`)
}

func TestA7_WithoutAFreeAddressTheGatewayIsAtFault(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.Chains[0].Pool = &invoice.Pool{Size: 1}
	}})
	w.create(t, `{"amount":"20","currency":"COIN","order_id":"1"}`)
	none := w.post(t, "/payment", `{"amount":"20","currency":"COIN","order_id":"2"}`)
	none.message(t, "Gateway error")
	require.Equal(t, "5", none.header.Get("Retry-After"))
	w.create(t, `{"amount":"20","currency":"USD","order_id":"2"}`)
}

func TestIncident47_ACallbackThatTheHostRefusesIsInvalid(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.CheckCallback = func(string) error { return fmt.Errorf("must not be private") }
	}})
	body := `{"amount":"20","currency":"USD","order_id":"1","network":"sim","url_callback":"http://169.254.169.254/x"}`
	w.post(t, "/payment", body).breaks(t, "url_callback", "url")
	w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"1","url_callback":"http://169.254.169.254/x"}`).breaks(t, "url_callback", "url")
	require.Zero(t, stage.Count(t, w.service))
}

func TestAServiceWithoutTheFormatIsRefused(t *testing.T) {
	stage.WithoutFormat(t, cryptomus.FormatName, func(t *testing.T, n invoice.Notifier) (err error) {
		w, err := openWorld(options{service: func(c *invoice.Config) { c.Notifier = n }})
		require.NoError(t, err)
		for _, version := range versions {
			_, err = version.make(cryptomus.Config{Service: w.service, Projects: w.projects, Store: w.store, Format: w.format(), PageURL: pageURL})
			require.Error(t, err)
		}
		return err
	})
}

func TestWhatPassesIsTheGatewaysFault(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.MaxNew = 1 }})
	w.create(t, `{"amount":"20","currency":"USD","order_id":"1"}`)
	full := w.post(t, "/payment", `{"amount":"20","currency":"USD","order_id":"2"}`)
	full.message(t, "Gateway error")
	require.Empty(t, full.header.Get("Retry-After"), "it lasts until somebody pays")
	w.create(t, `{"amount":"20","currency":"USD","order_id":"1"}`) // it exists now
	require.Equal(t, 1, stage.Count(t, w.service))
	w.store.Break(fmt.Errorf("sqlite: %w", invoice.ErrBusy))
	busy := w.post(t, "/payment/info", `{"order_id":"1"}`)
	busy.message(t, "Gateway error")
	require.Equal(t, "5", busy.header.Get("Retry-After"))
	require.NotContains(t, w.log.String(), "level=ERROR")
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	w := newWorld(t, options{})
	change := func(change func([]cryptomus.Currency)) func(*cryptomus.Config) {
		currencies := w.currencies()
		change(currencies)
		return func(c *cryptomus.Config) { c.Format = cryptomus.NewFormat(currencies...) }
	}
	for name, change := range map[string]func(*cryptomus.Config){
		"no service":       func(c *cryptomus.Config) { c.Service = nil },
		"no projects":      func(c *cryptomus.Config) { c.Projects = nil },
		"no format":        func(c *cryptomus.Config) { c.Format = nil },
		"no store":         func(c *cryptomus.Config) { c.Store = nil },
		"no page":          func(c *cryptomus.Config) { c.PageURL = nil },
		"negative cap":     func(c *cryptomus.Config) { c.MaxNew = -1 },
		"MaxDeposits must": func(c *cryptomus.Config) { c.MaxDeposits = -1 },
		"negative maximum": func(c *cryptomus.Config) { c.Maximum = decimal.NewFromInt(-1) },
		"endless test":     func(c *cryptomus.Config) { c.TestClient = &http.Client{} },
		"currency twice":   change(func(c []cryptomus.Currency) { c[1] = c[0] }),
		"lower case":       change(func(c []cryptomus.Currency) { c[0].Code = "coin" }),
		"upper case":       change(func(c []cryptomus.Currency) { c[0].Network = "SIM" }),
		"fiat code":        change(func(c []cryptomus.Currency) { c[0].Code = "EUR" }),
		"unknown asset":    change(func(c []cryptomus.Currency) { c[0].Asset.Decimals = 8 }),
	} {
		cfg := w.cfg
		change(&cfg)
		_, err := cryptomus.New(cfg)
		require.ErrorContains(t, err, "cryptomus: New: ", name)
	}
	cfg := w.cfg
	cfg.Format = cryptomus.NewFormat()
	_, err := cryptomus.New(cfg)
	require.NoError(t, err, "every asset by its own names")
}

func TestAFullCapOfWalletsRefusesNewOnesOnly(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.MaxDeposits = 1 }})
	create := func(order string) answer {
		return w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"`+order+`"}`)
	}
	first := create("1").result(t)
	create("2").message(t, "Gateway error")
	require.Equal(t, first["uuid"], create("1").result(t)["uuid"], "what is there is answered again")
	require.Equal(t, 200, w.post(t, "/payment", `{"amount":"1","currency":"COIN","order_id":"3"}`).status, "invoices are counted apart")
	w.post(t, "/wallet/block-address", `{"order_id":"1"}`).result(t)
	create("2").result(t)
}

func TestLessThanBitcoinsDustIsRefusedWithoutAConfiguredMinimum(t *testing.T) {
	btc := life.Bitcoin(t)
	coins := append((&world{}).currencies(), cryptomus.Currency{Code: "BTC", Network: "btc", Asset: btc.Assets[0].Asset})
	format := cryptomus.NewFormat(coins...)
	w := newWorld(t, options{
		service: func(c *invoice.Config) {
			notifier, err := webhook.NewNotifier(format)
			require.NoError(t, err)
			price := prices()
			price[rates.Pair{Base: "BTC", Quote: "USD"}] = decimal.NewFromInt(50_000)
			c.Chains, c.Notifier, c.Rates = append(c.Chains, btc), notifier, rates.NewFixed(c.Now, price)
		},
		api: func(c *cryptomus.Config) { c.Format = format },
	})
	body := `{"amount":"0.00000545","currency":"BTC","network":"btc","order_id":"1"}`
	w.post(t, "/payment", body).message(t, "Minimum amount 0.00000546 BTC")
	w.create(t, strings.Replace(body, "545", "546", 1))
}
