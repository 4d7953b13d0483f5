package cryptomus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

func TestAPayoutAsInThePublishedSamples(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	made := w.out(t, "/payout", `{"amount":"3","currency":"USDT","order_id":"555321","address":"receiver-1","is_subtract":"1","network":"SIM","url_callback":"https:\/\/example.com\/callback"}`)
	contract.Golden(t, "payout", made.body)
	require.Equal(t, "available 997000000, reserved 3000000", w.has(t, w.shop.id, usdt))
	contract.Golden(t, "payout-info", w.out(t, "/payout/info", `{"order_id":"555321"}`).body)
	contract.Golden(t, "payout-list", w.out(t, "/payout/list", `{}`).body)
	contract.Golden(t, "payout-calculate", w.out(t, "/payout/calculate", `{"amount":"3.5","currency":"COIN","network":"sim","is_subtract":true}`).body)
	contract.Golden(t, "payout-services", w.out(t, "/payout/services", ``).body)
	w.sound(t)
}

func TestAPayoutWithTheSameOrderIDIsTheFirst(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	body := func(more string) string {
		return `{"order_id":"1","amount":"2","currency":"COIN","address":"receiver-1","is_subtract":true` + more + `}`
	}
	first := w.payOut(t, body(``))
	for _, more := range []string{``, `,"url_callback":"https://shop.example/other"`, `,"from_currency":"USDT"`, `,"memo":"7"`, `,"network":"nowhere"`} {
		require.Equal(t, first, w.payOut(t, body(more)), more)
	}
	require.Equal(t, first, w.payOut(t, `{"order_id":"1","amount":"99","currency":"XXX","address":"elsewhere","is_subtract":false}`), "whatever else it says")
	w.out(t, "/payout", `{"order_id":"1","amount":"2","currency":"COIN","address":"receiver-1"}`).breaks(t, "is_subtract", "required")
	require.Equal(t, "available 7999000000000000000, reserved 2001000000000000000", w.has(t, w.shop.id, coin))

	w.fund(t, w.rival.id, coin, "5000000000000000000")
	theirs := w.send(t, w.api, w.request("POST", "/payout", w.rival, w.rival.payout, body(``))).result(t)
	require.NotEqual(t, first["uuid"], theirs["uuid"], "order ids are a project's own")

	w.siblingPayout(t, "theirs", "token")
	w.out(t, "/payout", `{"order_id":"theirs","amount":"2","currency":"COIN","address":"receiver-1","is_subtract":true}`).breaks(t, "order_id", "unique")
	w.out(t, "/payout/info", `{"order_id":"theirs"}`).message(t, "Payout not found")
	w.sound(t)
}

func TestTheFeeIsOnTopOrTakenOut(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	for i, c := range []struct{ currency, network, subtract, commission, merchant, gets string }{
		{"COIN", "sim", "true", "0.00100000", "2.00100000", "2"}, {"COIN", "sim", "false", "0.00100000", "2.00000000", "1.999"},
		{"USDT", "sim", "true", "0.00000000", "2.00000000", "2"}, {"USDT", "alt", "false", "0.00000000", "2.00000000", "2"},
	} {
		terms := fmt.Sprintf(`{"amount":"2","currency":%q,"network":%q,"is_subtract":%s`, c.currency, c.network, c.subtract)
		quoted := w.out(t, "/payout/calculate", terms+`}`).result(t)
		require.Equal(t, []any{c.commission, c.merchant, "2"}, []any{quoted["commission"], quoted["merchant_amount"], quoted["amount"]})
		before := w.balanceOf(t, c.currency)
		made := w.payOut(t, fmt.Sprintf(`%s,"order_id":"%d","address":"receiver-1"}`, terms, i))
		require.Equal(t, []any{"2", json.Number(c.gets)}, []any{made["amount"], made["payer_amount"]})
		after := w.balanceOf(t, c.currency)
		require.Equal(t, made["balance"].(json.Number), after)
		spent := new(big.Rat).Sub(ratOf(t, before), ratOf(t, after))
		require.Zero(t, spent.Cmp(ratOf(t, json.Number(c.merchant))), "%s: %s", c.currency, spent)
	}
	w.sound(t)
}

func ratOf(t *testing.T, n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(string(n))
	require.True(t, ok)
	return r
}

// balanceOf returns the balance of a coin as in the responses about payouts, without zeros at its end.
func (w *world) balanceOf(t *testing.T, code string) json.Number {
	t.Helper()
	var out struct {
		Result []struct {
			Balance struct {
				Merchant []struct {
					Balance string `json:"balance"`
					Code    string `json:"currency_code"`
				} `json:"merchant"`
			} `json:"balance"`
		} `json:"result"`
	}
	require.NoError(t, json.Unmarshal(w.post(t, "/balance", "").body, &out))
	for _, b := range out.Result[0].Balance.Merchant {
		if b.Code == code {
			return json.Number(strings.TrimSuffix(strings.TrimRight(b.Balance, "0"), "."))
		}
	}
	t.Fatalf("no balance of %s", code)
	return ""
}

func TestAmountsAreConvertedToTheCoinThatIsPaidOut(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	for order, c := range map[string]struct{ terms, currency, amount, coin, gets string }{
		"fiat":            {`"amount":"20","currency":"usd","to_currency":"coin"`, "USD", "20", "COIN", "0.01"},
		"rounded down":    {`"amount":"10","currency":"EUR","to_currency":"USDT","network":"sim"`, "EUR", "10", "USDT", "11.111111"},
		"eight decimals":  {`"amount":"10","currency":"EUR","to_currency":"USDT","network":"alt"`, "EUR", "10", "USDT", "11.11111111"},
		"coin to coin":    {`"amount":"100","currency":"USDT","to_currency":"COIN"`, "USDT", "100", "COIN", "0.05"},
		"back":            {`"amount":"0.05","currency":"COIN","to_currency":"USDT","network":"sim"`, "COIN", "0.05", "USDT", "100"},
		"source":          {`"amount":"20.50","currency":"USD","to_currency":"COIN","course_source":"BinanceP2p"`, "USD", "20.50", "COIN", "5.125"},
		"coin by source":  {`"amount":"8","currency":"USDT","to_currency":"COIN","course_source":"Kucoin"`, "USDT", "8", "COIN", "2"},
		"no conversion":   {`"amount":3.50,"currency":"USDT","network":"sim","to_currency":"USDT","from_currency":"USDT","course_source":"Exmo"`, "USDT", "3.50", "USDT", "3.5"},
		"written as is":   {`"amount":"0.10000000","currency":"COIN"`, "COIN", "0.10000000", "COIN", "0.1"},
		"double of 29.95": {`"amount":29.949999999999999,"currency":"USD","to_currency":"USDT","network":"sim"`, "USD", "29.949999999999999", "USDT", "29.95"},
	} {
		id := strings.NewReplacer(" ", "-", ".", "").Replace(order)
		made := w.payOut(t, `{"order_id":"`+id+`","address":"receiver-1","is_subtract":true,`+c.terms+`}`)
		require.Equal(t, []any{c.currency, c.amount, c.coin, json.Number(c.gets)}, []any{made["currency"], made["amount"], made["payer_currency"], made["payer_amount"]}, order)
	}
	w.sound(t)
}

func TestWhatCannotBePaidOutIsRefusedAndReservesNothing(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	before, err := w.store.Rows()
	require.NoError(t, err)
	refuse := func(terms, field, rule string) {
		t.Helper()
		got := w.out(t, "/payout", `{"order_id":"9",`+terms+`}`)
		if field == "" {
			got.message(t, rule)
			return
		}
		got.breaks(t, field, rule)
	}
	const to = `"address":"receiver-1","is_subtract":true,`
	refuse(to+`"amount":"1","currency":"USDT"`, "network", "required")
	refuse(to+`"amount":"1","currency":"USD"`, "to_currency", "required")
	refuse(to+`"amount":"1","currency":"USDT","network":"nowhere"`, "", "The service was not found")
	refuse(to+`"amount":"1","currency":"USD","to_currency":"COIN","network":"alt"`, "", "Not found service to_currency")
	refuse(to+`"amount":"0","currency":"COIN"`, "amount", "min.numeric")
	refuse(to+`"amount":"-1","currency":"COIN"`, "amount", "min.numeric")
	refuse(to+`"amount":"1e40","currency":"USD","to_currency":"COIN"`, "", "Maximum amount 1000000000000000000 USD")
	refuse(to+`"amount":"1.0000001","currency":"USDT","network":"sim"`, "amount", "regex")
	refuse(to+`"amount":"1.001","currency":"USD","to_currency":"COIN"`, "amount", "regex")
	refuse(to+`"amount":"0.01","currency":"USD","to_currency":"COIN","course_source":"Nobody"`, "course_source", "in")
	refuse(to+`"amount":"1","currency":"COIN","from_currency":"COIN"`, "from_currency", "in")
	refuse(to+`"amount":"1","currency":"COIN","priority":"lowest"`, "priority", "in")
	refuse(to+`"amount":"1","currency":"COIN","memo":"`+strings.Repeat("m", 31)+`"`, "memo", "max.string")
	refuse(to+`"amount":"1","currency":"COIN","url_callback":"ftp://shop.example"`, "url_callback", "url")
	refuse(`"address":"receiver-1","is_subtract":false,"amount":"0.001","currency":"COIN"`, "", "The withdrawal amount is too small")
	refuse(`"address":"notpaid","is_subtract":false,"amount":"1","currency":"COIN"`, "", "The service was not found")
	refuse(`"address":"0x1","is_subtract":true,"amount":"1","currency":"COIN"`, "address", "regex")
	refuse(`"address":"`+strings.Repeat("r", 191)+`","is_subtract":true,"amount":"1","currency":"COIN"`, "address", "max.string")
	refuse(to+`"amount":"9.9995","currency":"COIN"`, "", "Not enough funds")
	w.out(t, "/payout", `{"order_id":"a b","amount":"1","currency":"COIN","address":"receiver-1","is_subtract":true}`).breaks(t, "order_id", "alpha_dash")
	w.out(t, "/payout", `{"order_id":"`+strings.Repeat("1", 101)+`","amount":"1","currency":"COIN","address":"receiver-1","is_subtract":true}`).breaks(t, "order_id", "max.string")
	w.out(t, "/payout", `{"order_id":"`+strings.Repeat("я", 100)+`","amount":"1","currency":"COIN","address":"receiver-1","is_subtract":true}`).breaks(t, "order_id", "max.string")
	refuse(`"address":"receiver-`+strings.Repeat("я", 100)+`","is_subtract":true,"amount":"1","currency":"COIN"`, "address", "regex")
	after, err := w.store.Rows()
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NotEmpty(t, w.payOut(t, `{"order_id":"9","address":"receiver-1","is_subtract":false,"amount":"10","currency":"COIN"}`)["uuid"], "the whole balance")
}

func TestACallbackThatIsRefusedIsRefusedInTheAPIsWords(t *testing.T) {
	w := newWorld(t, options{payouts: func(c *payout.Config) { c.CheckCallback = webhook.CheckURL }})
	w.rich(t)
	w.out(t, "/payout", `{"order_id":"1","address":"receiver-1","is_subtract":true,"amount":"1","currency":"COIN","url_callback":"http://127.0.0.1/"}`).
		breaks(t, "url_callback", "url")
}

func TestThePayoutStatusesAreThoseOfTheCore(t *testing.T) {
	for want, c := range map[string][][2]string{
		"check false":   {{"requested", "needs_approval"}, {"requested", "needs_receiver"}},
		"process false": {{"queued", "receiver_is_new"}, {"queued", "no_coins"}, {"signed", ""}, {"sent", "confirming"}, {"sent", "undone"}, {"sent", "key_used"}},
		"paid true":     {{"paid", ""}, {"paid", "operator"}},
		"cancel true":   {{"cancelled", "operator"}, {"cancelled", "expired"}},
		"fail true":     {{"failed", "refused"}, {"failed", "reverted"}, {"failed", "rejected"}, {"returned", "returned"}},
		"fail false":    {{"failed", "key_used"}},
	} {
		for _, s := range c {
			status, final := cryptomus.PayoutState(payout.Status(s[0]), payout.Reason(s[1]))
			require.Equal(t, want, fmt.Sprint(status, " ", final), s)
		}
	}
}

func TestAPayoutFromRequestToItsEndIsSeenByTheMerchant(t *testing.T) {
	w := newWorld(t, options{payouts: func(c *payout.Config) {
		c.Policies.ApproveAbove = map[chain.AssetID]*big.Int{coin: bigInt("5000000000000000000")}
	}})
	w.rich(t)
	order := func(id, amount, to string) string {
		return w.payOut(t, `{"order_id":"`+id+`","address":"`+to+`","is_subtract":true,"amount":"`+amount+`","currency":"COIN"}`)["uuid"].(string)
	}
	is := func(id, status string, final bool, txid any) {
		t.Helper()
		got := w.out(t, "/payout/info", `{"uuid":"`+id+`"}`).result(t)
		require.Equal(t, []any{status, final, txid}, []any{got["status"], got["is_final"], got["txid"]})
	}
	big := order("big", "6", "receiver-1")
	is(big, "check", false, nil)
	_, err := w.payouts.Cancel(t.Context(), w.shop.id, big, "boss", "")
	require.NoError(t, err)
	is(big, "cancel", true, nil)
	paid := order("paid", "1", "receiver-1")
	is(paid, "process", false, nil)
	w.look(t, "sim:1")
	is(paid, "process", false, "tx:nonce:1")
	is(paid, "paid", true, w.mine(t, paid, false))
	require.Equal(t, "available 8999600000000000000", w.has(t, w.shop.id, coin), "the fee that the network took")

	w.spenders["sim:1"].with(func() { w.spenders["sim:1"].never = "receiver-never" })
	never := order("never", "1", "receiver-never")
	w.look(t, "sim:1")
	is(never, "fail", true, nil)
	require.Equal(t, "available 8999600000000000000", w.has(t, w.shop.id, coin), "the money is back")
	w.sound(t)
}

func TestListsOfPayoutsHavePagesInBothDirections(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now})
	w.rich(t)
	for i := range 38 {
		w.payOut(t, fmt.Sprintf(`{"order_id":"%d","address":"receiver-1","is_subtract":true,"amount":"0.01","currency":"COIN"}`, i))
		if i%3 == 0 { // the others are of the same moment
			clock.Add(time.Minute)
		}
		if i%5 == 0 {
			w.siblingPayout(t, fmt.Sprint("other-", i), "token")
		}
	}
	ask := func(query, body string) page {
		t.Helper()
		got := w.out(t, "/payout/list"+query, body)
		require.Equal(t, http.StatusOK, got.status)
		var out page
		require.NoError(t, json.Unmarshal(got.body, &out))
		return out
	}
	first := ask("", "")
	seen := strings.Fields(first.orders())
	require.Len(t, seen, 15)
	require.Equal(t, "37", seen[0], "newest first")
	require.Nil(t, first.Result.Paginate.PreviousCursor)
	second := ask("?cursor="+*first.Result.Paginate.NextCursor, "")
	third := ask("", `{"cursor":"`+*second.Result.Paginate.NextCursor+`"}`)
	require.Nil(t, third.Result.Paginate.NextCursor)
	require.Equal(t, 8, third.Result.Paginate.Count)
	all := map[string]bool{}
	for _, p := range []page{first, second, third} {
		for order := range strings.FieldsSeq(p.orders()) {
			require.False(t, all[order], order)
			all[order] = true
		}
	}
	require.Len(t, all, 38, "each once, and none of another API")
	require.Equal(t, second.orders(), ask("?cursor="+*third.Result.Paginate.PreviousCursor, "").orders())
	again := ask("?cursor="+*second.Result.Paginate.PreviousCursor, "")
	require.Equal(t, first.orders(), again.orders())
	require.Nil(t, again.Result.Paginate.PreviousCursor)
	require.NotNil(t, again.Result.Paginate.NextCursor)

	day := `"2024-01-15 13:30:00"`
	require.Equal(t, "0", ask("", `{"date_to":`+day+`}`).orders(), "times are in UTC+3")
	require.Equal(t, 15, ask("", `{"date_from":`+day+`}`).Result.Paginate.Count)
	require.Zero(t, ask("?cursor="+*first.Result.Paginate.NextCursor, `{"date_from":"2025-01-01"}`).Result.Paginate.Count, "a cursor outside of the dates")
	theirs := w.send(t, w.api, w.request("POST", "/payout/list?cursor="+*first.Result.Paginate.NextCursor, w.rival, w.rival.payout, ""))
	require.Empty(t, theirs.result(t)["items"])
}

func TestRefundsAreNoPayoutsOfTheMerchant(t *testing.T) {
	w := newWorld(t, options{})
	id := w.brings(t, "1", "1000000000000000000")
	w.fund(t, w.shop.id, coin, "10000000000000000")
	w.post(t, "/payment/refund", `{"order_id":"1","address":"receiver-1","is_subtract":true}`).says(t, 200, `{"state":0,"result":[]}`)
	require.Empty(t, w.out(t, "/payout/list", "").result(t)["items"])
	p, err := w.payouts.PayoutByKey(t.Context(), w.shop.id, "refund/"+id+"/0")
	require.NoError(t, err)
	w.out(t, "/payout/info", `{"uuid":"`+p.ID+`"}`).message(t, "Payout not found")
	w.out(t, "/payout/info", `{"order_id":"`+p.Key+`"}`).message(t, "Payout not found")
}

// racing is a service in which another request with the same order id is always a moment earlier.
type racing struct {
	*payout.Service
	looked bool
}

func (r *racing) PayoutByKey(ctx context.Context, project, key string) (payout.Payout, error) {
	if !r.looked {
		r.looked = true
		return payout.Payout{}, payout.ErrNotFound
	}
	return r.Service.PayoutByKey(ctx, project, key)
}

func TestOfTwoPayoutsAtOnceWithOneOrderIDOneIsMade(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	first := w.payOut(t, `{"order_id":"1","address":"receiver-1","is_subtract":true,"amount":"1","currency":"COIN"}`)
	w.api = w.newAPI(t, func(c *cryptomus.Config) { c.Payouts = &racing{Service: w.payouts} })
	second := w.payOut(t, `{"order_id":"1","address":"receiver-2","is_subtract":true,"amount":"2","currency":"COIN"}`)
	require.Equal(t, first["uuid"], second["uuid"])
	require.Equal(t, "1", second["amount"])
}

func TestATransferIsSafeToRepeatWithAnIdempotencyKey(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.Replies = httpapi.NewReplies(0) }})
	w.rich(t)
	var bodies []string
	for range 2 {
		r := w.request("POST", "/transfer/to-personal", w.shop, w.shop.payout, `{"amount":"1","currency":"COIN"}`)
		r.Header.Set("Idempotency-Key", "k")
		bodies = append(bodies, string(w.send(t, w.api, r).body))
	}
	require.Equal(t, bodies[0], bodies[1])
	require.Equal(t, "available 1000000000000000000", w.has(t, personal(w.shop.id), coin))
}

func TestNewNeedsPayoutsThatTellInTheAPIsFormat(t *testing.T) {
	w := newWorld(t, options{})
	require.NoError(t, w.openPayouts(nil, func(c *payout.Config) { c.Notifier = nil }))
	cfg := w.cfg
	cfg.Payouts = w.payouts
	_, err := cryptomus.New(cfg)
	require.ErrorContains(t, err, "Payouts has no format cryptomus")
}
