package cryptomus_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestInfoByEitherName(t *testing.T) {
	w := newWorld(t, options{})
	one := w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)["uuid"].(string)
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"2"}`)
	require.Equal(t, "1", w.post(t, "/payment/info", `{"uuid":"`+one+`"}`).result(t)["order_id"])
	require.Equal(t, "2", w.post(t, "/payment/info", `{"uuid":"`+one+`","order_id":"2"}`).result(t)["order_id"], "the order id wins")
	require.Equal(t, "1", w.post(t, "/payment/info", `{"uuid":"`+one+`","order_id":""}`).result(t)["order_id"])
	const neither = `{"state":1,"errors":{"order_id":["validation.required_without"],"uuid":["validation.required_without"]}}`
	for _, path := range []string{"/payment/info", "/payment/resend", "/payment/mark-as-paid", "/wallet/block-address"} {
		for _, body := range []string{``, `{}`, `[]`, `{"uuid":"","order_id":null}`} {
			w.post(t, path, body).says(t, 422, neither)
		}
		w.post(t, path, `{"uuid":"nonsense"}`).breaks(t, "uuid", "uuid")
		w.post(t, path, `{"order_id":"`+strings.Repeat("a", 129)+`"}`).breaks(t, "order_id", "max.string")
	}
	w.post(t, "/payment/info", `{"order_id":"3"}`).message(t, "Payment not found")
	w.post(t, "/payment/info", `{"uuid":"`+unknownID+`"}`).message(t, "Payment not found")
	wallet := w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"w"}`).result(t)["uuid"].(string)
	w.post(t, "/payment/info", `{"uuid":"`+wallet+`"}`).message(t, "Payment not found")
}

func TestMarkAsPaid(t *testing.T) {
	w := newWorld(t, options{})
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)
	for range 2 {
		w.post(t, "/payment/mark-as-paid", `{"order_id":"1"}`).says(t, 200, `{"state":0,"result":{"success":true,"message":"Payment marked as paid"}}`)
	}
	got := w.info(t, "1")
	require.Equal(t, []any{"paid", "paid", true, nil, "0.00000000"}, []any{got["status"], got["payment_status"], got["is_final"], got["txid"], got["payment_amount"]})
	id := w.create(t, `{"amount":"1","currency":"COIN","order_id":"2"}`)["uuid"].(string)
	_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: id}, invoice.StatusCancelled)
	require.NoError(t, err)
	w.post(t, "/payment/mark-as-paid", `{"order_id":"2"}`).message(t, "Payment cannot be marked as paid")
	require.Equal(t, "cancel", w.info(t, "2")["status"])
}

// page is one page of the history.
type page struct {
	Result struct {
		Items []struct {
			OrderID string `json:"order_id"`
		}
		Paginate struct {
			Count, PerPage             int
			HasPages                   bool
			NextCursor, PreviousCursor *string
		}
	}
}

func (p page) orders() string {
	var out []string
	for _, item := range p.Result.Items {
		out = append(out, item.OrderID)
	}
	return strings.Join(out, " ")
}

func (w *world) list(t *testing.T, query, body string) page {
	t.Helper()
	got := w.post(t, "/payment/list"+query, body)
	require.Equal(t, 200, got.status, "%s", got.body)
	var out page
	require.NoError(t, json.Unmarshal(got.body, &out))
	require.Equal(t, len(out.Result.Items), out.Result.Paginate.Count)
	require.Equal(t, 15, out.Result.Paginate.PerPage)
	return out
}

// numbers returns the orders from one down to another.
func numbers(from, to int) string {
	var out []string
	for n := from; n >= to; n-- {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, " ")
}

func TestA43_PagesStayRightWhenNewInvoicesArrive(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now})
	made := 0
	more := func(n int) {
		for range n {
			made++
			clock.Add(time.Second)
			w.create(t, fmt.Sprintf(`{"amount":"1","currency":"USD","order_id":"%d"}`, made))
		}
	}
	first := w.list(t, "", "")
	require.Empty(t, first.orders())
	require.False(t, first.Result.Paginate.HasPages)
	more(15)
	first = w.list(t, "", "{}")
	require.Equal(t, numbers(15, 1), first.orders())
	require.Equal(t, []any{false, (*string)(nil), (*string)(nil)}, []any{first.Result.Paginate.HasPages, first.Result.Paginate.NextCursor, first.Result.Paginate.PreviousCursor})

	more(25)
	first = w.list(t, "", `{"cursor":"1"}`) // what the vendor's SDK sends for the first page
	require.Equal(t, numbers(40, 26), first.orders())
	require.True(t, first.Result.Paginate.HasPages)
	require.Nil(t, first.Result.Paginate.PreviousCursor)
	more(7)
	second := w.list(t, "?cursor="+*first.Result.Paginate.NextCursor, "{}")
	require.Equal(t, numbers(25, 11), second.orders(), "none is shown twice, and none is passed over")
	require.Equal(t, second, w.list(t, "", `{"cursor":"`+*first.Result.Paginate.NextCursor+`"}`), "in the body as well")
	require.Equal(t, second, w.list(t, "?cursor="+*first.Result.Paginate.NextCursor, `{"cursor":"1"}`), "the query wins")
	last := w.list(t, "?cursor="+*second.Result.Paginate.NextCursor, "")
	require.Equal(t, numbers(10, 1), last.orders())
	require.Nil(t, last.Result.Paginate.NextCursor)

	back := w.list(t, "?cursor="+*last.Result.Paginate.PreviousCursor, "")
	require.Equal(t, numbers(25, 11), back.orders())
	back = w.list(t, "?cursor="+*back.Result.Paginate.PreviousCursor, "")
	require.Equal(t, numbers(40, 26), back.orders())
	back = w.list(t, "?cursor="+*back.Result.Paginate.PreviousCursor, "")
	require.Equal(t, numbers(47, 41), back.orders())
	require.Nil(t, back.Result.Paginate.PreviousCursor)
	require.Equal(t, numbers(40, 26), w.list(t, "?cursor="+*back.Result.Paginate.NextCursor, "").orders())
}

func TestPagesOfInvoicesOfTheSameMoment(t *testing.T) {
	w := newWorld(t, options{})
	for n := range 50 {
		w.create(t, fmt.Sprintf(`{"amount":"1","currency":"USD","order_id":"%d"}`, n))
	}
	seen := map[string]int{}
	p := w.list(t, "", "")
	var pages []string
	for {
		pages = append(pages, p.orders())
		for _, order := range strings.Fields(p.orders()) {
			seen[order]++
		}
		if p.Result.Paginate.NextCursor == nil {
			break
		}
		p = w.list(t, "?cursor="+*p.Result.Paginate.NextCursor, "")
	}
	require.Len(t, pages, 4)
	require.Len(t, seen, 50)
	for i := 2; i >= 0; i-- {
		p = w.list(t, "?cursor="+*p.Result.Paginate.PreviousCursor, "")
		require.Equal(t, pages[i], p.orders())
	}
	require.Nil(t, p.Result.Paginate.PreviousCursor)
}

func TestListsBetweenDatesInUTC3(t *testing.T) {
	clock := stage.NewClock(start) // 13:30:00 there
	w := newWorld(t, options{now: clock.Now})
	for n := range 4 {
		w.create(t, fmt.Sprintf(`{"amount":"1","currency":"USD","order_id":"%d"}`, n))
		clock.Add(time.Hour + 500*time.Millisecond)
	}
	for body, want := range map[string]string{
		`{"date_from":"2024-01-15 14:30:00"}`: "3 2 1", `{"date_from":"2024-01-15 14:30:01"}`: "3 2",
		`{"date_to":"2024-01-15 14:30:00"}`: "1 0", `{"date_to":"2024-01-15 9:30:00"}`: "",
		`{"date_from":"2024-01-15 14:00:00","date_to":"2024-01-15 16:00:00"}`: "2 1", `{"date_from":"","date_to":null}`: "3 2 1 0",
		`{"date_from":"2024-01-15T14:30:00"}`: "3 2 1", `{"date_from":"2024-01-15T11:30:00Z"}`: "3 2 1", `{"date_from":"2024-01-15T11:30:01Z"}`: "3 2",
		`{"date_from":"2024-01-15T12:30:00.5+01:00"}`: "3 2 1", `{"date_from":"2024-01-15T12:30:00.500000001+01:00"}`: "3 2",
		`{"date_from":"2024-01-15 11:30:00.5Z"}`: "3 2 1", `{"date_from":"2024-01-15 14:30:00.500"}`: "3 2 1",
		`{"date_to":"2024-01-15T11:30:00.499Z"}`: "0", `{"date_to":"2024-01-15T11:30:00.5Z"}`: "1 0", `{"date_to":"2024-01-15T11:30:00Z"}`: "1 0",
		`{"date_from":"2024-01-15"}`: "3 2 1 0", `{"date_from":"2024-01-16"}`: "", `{"date_to":"2024-01-15"}`: "3 2 1 0", `{"date_to":"2024-01-14"}`: "",
		`null`: "3 2 1 0", `[]`: "3 2 1 0", ` `: "3 2 1 0", ` null `: "3 2 1 0",
	} {
		require.Equal(t, want, w.list(t, "", body).orders(), body)
	}
	for _, bad := range []string{"15.01.2024 10:00:00", "2024-02-31 10:00:00", "2024-02-31", "2024-01-15T10:00", "2024-01", "yesterday"} {
		w.post(t, "/payment/list", `{"date_from":"`+bad+`"}`).breaks(t, "date_from", "regex")
		w.post(t, "/payment/list", `{"date_to":"`+bad+`"}`).breaks(t, "date_to", "regex")
	}
	for _, odd := range []string{"2", "AAAA", "bnVsbA", strings.Repeat("a", 512)} {
		require.Equal(t, "3 2 1 0", w.list(t, "?cursor="+url.QueryEscape(odd), "").orders(), "what is no cursor is the first page")
	}
	nobodys := base64.RawURLEncoding.EncodeToString([]byte(`{"id":"` + unknownID + `","_pointsToNextItems":true}`))
	require.Empty(t, w.list(t, "?cursor="+nobodys, "").orders(), "nothing comes after an unknown payment")
	w.post(t, "/payment/list?cursor=%ff", "").breaks(t, "cursor", "string")
	w.post(t, "/payment/list?cursor="+strings.Repeat("a", 513), "").breaks(t, "cursor", "max.string")
	require.Equal(t, 400, w.post(t, "/payment/list?cursor=%zz", "").status)
}

func TestServices(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) {
		c.Commission = func(_ string, a chain.Asset) decimal.Decimal { return decimal.NewFromInt(int64(a.Decimals)).Shift(-1) }
	}})
	w.post(t, "/payment/services", "[]").says(t, 200, `{"state":0,"result":[`+
		`{"network":"SIM","currency":"COIN","is_available":true,"limit":{"min_amount":"0.00000001","max_amount":"10000000.00000000"},"commission":{"fee_amount":"0.00","percent":"1.80"}},`+
		`{"network":"SIM","currency":"USDT","is_available":true,"limit":{"min_amount":"2.00000000","max_amount":"10000000.00000000"},"commission":{"fee_amount":"0.00","percent":"0.60"}},`+
		`{"network":"ALT","currency":"USDT","is_available":true,"limit":{"min_amount":"0.00000001","max_amount":"10000000.00000000"},"commission":{"fee_amount":"0.00","percent":"1.80"}}]}`)
}

func TestBalances(t *testing.T) {
	w := newWorld(t, options{})
	wallet := w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"w"}`).result(t)
	body := string(w.post(t, "/balance", "{}").body)
	none := `\[\{"uuid":"[0-9a-f-]{36}","balance":"0\.00000000","currency_code":"COIN","balance_usd":"0\.00"\},` +
		`\{"uuid":"[0-9a-f-]{36}","balance":"0\.00000000","currency_code":"USDT","balance_usd":"0\.00"\}\]`
	require.Regexp(t, `^\{"state":0,"result":\[\{"balance":\{"merchant":`+none+`,"user":`+none+`\}\}\]\}\n$`, body)
	require.Contains(t, body, wallet["wallet_uuid"])
	other := w.send(t, w.api, w.request("POST", "/balance", w.rival, w.rival.payment, ""))
	require.NotContains(t, string(other.body), wallet["wallet_uuid"])

	w.rich(t)
	w.fund(t, personal(w.shop.id), usdt, "2000001")
	body = string(w.post(t, "/balance", "").body)
	for _, has := range []string{
		`"balance":"10.00000000","currency_code":"COIN","balance_usd":"20000.00"`, `"balance":"1500.00000000","currency_code":"USDT","balance_usd":"1500.00"`,
		`"balance":"0.00000000","currency_code":"COIN","balance_usd":"0.00"`, `"balance":"2.00000100","currency_code":"USDT","balance_usd":"2.00"`,
	} {
		require.Equal(t, 1, strings.Count(body, has), "%s in %s", has, body)
	}
	w.payOut(t, `{"amount":"1","currency":"COIN","order_id":"1","address":"receiver-1","is_subtract":true}`)
	require.Contains(t, string(w.post(t, "/balance", "").body), `"balance":"8.99900000","currency_code":"COIN","balance_usd":"17998.00"`, "what is reserved cannot be paid out")
	api := w.newAPI(t, func(c *cryptomus.Config) { c.Personal = nil })
	got := w.send(t, api, w.request("POST", "/balance", w.shop, w.shop.payment, ""))
	require.Contains(t, string(got.body), `"user":[]`)
}

func TestABalanceWithoutARateHasNoValue(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Rates = rates.NewFixed(nil, nil) }})
	w.fund(t, w.shop.id, coin, "10000000000000000000")
	body := string(w.post(t, "/balance", "").body)
	require.Contains(t, body, `"balance":"10.00000000","currency_code":"COIN","balance_usd":null`)
	require.Contains(t, body, `"balance":"0.00000000","currency_code":"USDT","balance_usd":"0.00"`)
}

func (w *world) get(t *testing.T, path string) answer {
	t.Helper()
	return w.send(t, w.api, httptest.NewRequest("GET", path, nil))
}

func TestExchangeRatesNeedNoKey(t *testing.T) {
	w := newWorld(t, options{})
	w.get(t, "/exchange-rate/coin/list").says(t, 200, `{"state":0,"result":[{"from":"COIN","to":"USD","course":"2000.00000000"},{"from":"COIN","to":"EUR","course":"1800.00000000"},{"from":"COIN","to":"USDT","course":"2000.00000000"}]}`)
	w.get(t, "/exchange-rate/USDT/list").says(t, 200, `{"state":0,"result":[{"from":"USDT","to":"USD","course":"1.00000000"},{"from":"USDT","to":"EUR","course":"0.90000000"},{"from":"USDT","to":"COIN","course":"0.00050000"}]}`)
	w.get(t, "/exchange-rate/%ff/list").message(t, "The currency was not found")
	w.get(t, "/exchange-rate/DOGE/list").message(t, "The currency was not found")
	w.get(t, "/exchange-rate/USD/list").message(t, "The currency was not found")
	w.get(t, "/exchange-rate/"+strings.Repeat("a", 3000)+"/list").message(t, "The currency was not found")

	w = newWorld(t, options{service: func(c *invoice.Config) { c.Rates = rates.NewFixed(nil, nil) }})
	w.get(t, "/exchange-rate/COIN/list").message(t, "Gateway error")
}

func TestQRCodes(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.Chains[0].PaymentURI = invoice.AddressURI(evmLikeURI)
	}})
	id := w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)["uuid"].(string)
	wallet := w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"w"}`).result(t)["uuid"].(string)
	for path, body := range map[string]string{"/payment/qr": `{"merchant_payment_uuid":"` + id + `"}`, "/wallet/qr": `{"wallet_address_uuid":"` + wallet + `"}`} {
		image := w.post(t, path, body).result(t)["image"].(string)
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(image, "data:image/png;base64,"))
		require.NoError(t, err)
		_, err = png.Decode(bytes.NewReader(raw))
		require.NoError(t, err)
	}
	open := w.create(t, `{"amount":"1","currency":"USD","order_id":"2"}`)["uuid"].(string)
	w.post(t, "/payment/qr", `{"merchant_payment_uuid":"`+open+`"}`).message(t, "Payment has no address until a currency and a network are chosen")
	w.post(t, "/payment/qr", `{"merchant_payment_uuid":"`+unknownID+`"}`).message(t, "Payment not found")
	w.post(t, "/payment/qr", `{"merchant_payment_uuid":"`+wallet+`"}`).message(t, "Payment not found")
	w.post(t, "/wallet/qr", `{"wallet_address_uuid":"`+id+`"}`).message(t, "Wallet not found")
	w.post(t, "/payment/qr", `{}`).breaks(t, "merchant_payment_uuid", "required")
	w.post(t, "/wallet/qr", `{"wallet_address_uuid":"x"}`).breaks(t, "wallet_address_uuid", "uuid")
	w.post(t, "/payment/mark-as-paid", `{"order_id":"1"}`)
	w.post(t, "/payment/qr", `{"merchant_payment_uuid":"`+id+`"}`).message(t, "Payment is closed")
	w.post(t, "/wallet/block-address", `{"order_id":"w"}`)
	w.post(t, "/wallet/qr", `{"wallet_address_uuid":"`+wallet+`"}`).message(t, "Wallet is blocked")
}

func TestDiscountsOfCoins(t *testing.T) {
	w := newWorld(t, options{})
	const none = `{"state":0,"result":[{"currency":"COIN","network":"sim","discount":0},{"currency":"USDT","network":"sim","discount":0},{"currency":"USDT","network":"alt","discount":0}]}`
	w.post(t, "/payment/discount/list", "{}").says(t, 200, none)
	w.post(t, "/payment/discount/set", `{"currency":"usdt","network":"SIM","discount_percent":"-10"}`).says(t, 200, `{"state":0,"result":{"currency":"USDT","network":"sim","discount":"-10"}}`)
	w.post(t, "/payment/discount/list", "").says(t, 200, strings.Replace(none, `"USDT","network":"sim","discount":0`, `"USDT","network":"sim","discount":-10`, 1))
	got := w.create(t, `{"amount":"10","currency":"USDT","network":"sim","order_id":"1"}`)
	require.Equal(t, []any{"11.00", json.Number("-10"), "-1.00"}, []any{got["payer_amount"], got["discount_percent"], got["discount"]})
	got = w.create(t, `{"amount":"10","currency":"USDT","network":"sim","order_id":"2","discount_percent":0}`)
	require.Equal(t, "10.00", got["payer_amount"], "what the request says comes first")
	w.post(t, "/payment/discount/set", `{"currency":"BUSD","network":"bsc","discount_percent":1}`).message(t, "The service BUSD bsc was not found")
	w.post(t, "/payment/discount/set", `{"currency":"USDT","network":"sim","discount_percent":101}`).breaks(t, "discount_percent", "max.numeric")
	w.post(t, "/payment/discount/set", `{"currency":"USDT","network":"sim"}`).breaks(t, "discount_percent", "required")
	other := w.send(t, w.api, w.request("POST", "/payment/discount/list", w.rival, w.rival.payment, ""))
	other.says(t, 200, none)
	w.api = w.newAPI(t, nil)
	require.Contains(t, string(w.post(t, "/payment/discount/list", "").body), `"discount":-10`, "another process on the same store")
	w.post(t, "/payment/discount/set", `{"currency":"USDT","network":"sim","discount_percent":0}`).says(t, 200, `{"state":0,"result":{"currency":"USDT","network":"sim","discount":"0"}}`)
	w.post(t, "/payment/discount/list", "").says(t, 200, none)
	require.Equal(t, "10.00", w.create(t, `{"amount":"10","currency":"USDT","network":"sim","order_id":"3"}`)["payer_amount"])
}

func TestDiscountsThatAreNotSet(t *testing.T) {
	w := newWorld(t, options{})
	for n := range 200 { // of assets that the shop has had
		require.NoError(t, w.projects.SetDiscount(t.Context(), w.shop.id, fmt.Sprint("OLD", n), 1))
	}
	set := `{"currency":"USDT","network":"sim","discount_percent":1}`
	w.post(t, "/payment/discount/set", set).breaks(t, "currency", "max.array")
}
