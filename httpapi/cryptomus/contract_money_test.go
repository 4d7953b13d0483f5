package cryptomus_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// moneyOut makes payouts, refunds and blocked wallets in every state that operations require. It returns their ids by the
// words for them in exercises.
func (w *world) moneyOut(t testing.TB, create func(order string) string) map[string]string {
	t.Helper()
	w.fund(t, w.shop.id, coin, "100000000000000000000")
	w.fund(t, w.shop.id, usdt, "1000000000")
	w.fund(t, w.shop.id, alt, "500000000000000000000")
	w.fund(t, "", coin, "1000000000000000000") // and nothing for fees on alt
	w.fund(t, personal(w.shop.id), coin, "1000000000000000000")
	ids := map[string]string{"OUT": w.payOut(t, `{"amount":"1","currency":"COIN","order_id":"out","address":"receiver-1","is_subtract":true}`)["uuid"].(string)}

	for word, order := range map[string]string{"BACK": "back", "GONE": "gone"} {
		ids[word] = create(order)
		w.brought(t, ids[word], "brought-"+order, "1000000000000000000", invoice.StatusCompleted, w.now())
	}
	w.post(t, "/payment/refund", `{"order_id":"gone","address":"receiver-9","is_subtract":true}`)
	for _, c := range []struct{ word, order, units string }{
		{"GOT", "got", "1000000000000000000"}, {"ONCE", "once", "1000000000000000000"}, {"BUSY", "busy", "1000000000000000000"}, {"TINY", "tiny", "1000"},
	} {
		ids[c.word] = w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"`+c.order+`"}`).result(t)["uuid"].(string)
		w.post(t, "/wallet/block-address", `{"order_id":"`+c.order+`"}`).result(t)
		w.brought(t, ids[c.word], "brought-"+c.order, c.units, invoice.StatusCancelled, w.now().Add(time.Hour))
	}
	for _, order := range []string{"once", "busy"} {
		w.post(t, "/wallet/blocked-address-refund", `{"order_id":"`+order+`","address":"receiver-2"}`).result(t)
	}
	once, err := w.payouts.PayoutByKey(t.Context(), w.shop.id, "blocked/"+ids["ONCE"]+"/0")
	require.NoError(t, err)
	for range 6 { // a transaction for each, the oldest first
		w.look(t, "sim:1")
	}
	w.mine(t, once.ID, false)
	return ids
}

// siblingPayout makes a payout of the shop's project through another API.
func (w *world) siblingPayout(t testing.TB, key, token string) string {
	t.Helper()
	p, err := w.payouts.Request(t.Context(), payout.Request{
		Project: w.shop.id, Key: key, Asset: coin, To: "receiver-3", Units: decimal.NewFromInt(1), CallbackURL: "https://shop.example/hook?token=" + token,
		Format: webhook.Standard().Name(),
	})
	require.NoError(t, err)
	return p.ID
}

// paying returns an API whose payouts are configured otherwise.
func (w *shopper) paying(change func(*payout.Config)) func(testing.TB) *httpapi.API {
	return func(t testing.TB) *httpapi.API {
		notifier, err := webhook.NewNotifier(webhook.Standard(), w.format())
		require.NoError(t, err)
		other := &world{now: w.now, store: w.store, projects: w.projects}
		require.NoError(t, other.openPayouts(notifier, change))
		return w.with(func(c *cryptomus.Config) { c.Payouts = other.payouts })(t)
	}
}

// money makes the operations succeed that send money, and fail in the words of the published documents.
func (w *shopper) money() map[string]contract.Exercise {
	lean := w.paying(func(c *payout.Config) { c.Networks = nil })
	listed := w.paying(func(c *payout.Config) { c.Policies.Listed = true })
	limited := w.paying(func(c *payout.Config) { c.Policies.Daily = map[chain.AssetID]*big.Int{coin: big.NewInt(1)} })
	alone := w.with(func(c *cryptomus.Config) { c.Personal = nil })
	const neither = `"order_id":["validation.required_without"],"uuid":["validation.required_without"]`
	const none = `{"uuid":"` + unknownID + `"}`
	pay := func(more string) string {
		return `{"order_id":"9","address":"receiver-1","is_subtract":true,` + more + `}`
	}
	back := func(id, address string) string {
		return `{"uuid":"` + id + `","address":"` + address + `","is_subtract":true}`
	}
	blocked := func(id string) string { return `{"uuid":"` + id + `","address":"receiver-2"}` }
	return map[string]contract.Exercise{
		"createPayout": {
			Body: `{"amount":"20","currency":"USD","to_currency":"USDT","network":"sim","order_id":"new","address":"receiver-1","is_subtract":"1","url_callback":"https://shop.example/c","course_source":"Kucoin","from_currency":"USDT","priority":"high"}`,
			Refuse: slices.Concat(says(
				`{}`, broken("address", "required"), pay(`"amount":"1","currency":"XXX"`), "The currency was not found",
				pay(`"amount":"1","currency":"COIN","network":"alt"`), "The service was not found", pay(`"amount":"1","currency":"USDT"`), broken("network", "required"),
				pay(`"amount":"1","currency":"USD"`), broken("to_currency", "required"), pay(`"amount":"1","currency":"USD","to_currency":"XXX"`), "Not found service to_currency",
				pay(`"amount":"1","currency":"USD","to_currency":"COIN","course_source":"Exmo"`), "Error convert to_currency",
				pay(`"amount":"0.000000000000000001","currency":"COIN"`), "The withdrawal amount is too small", pay(`"amount":"99","currency":"COIN"`), "Not enough funds",
				pay(`"amount":"10000001","currency":"COIN"`), "Maximum amount 10000000 COIN", pay(`"amount":"1","currency":"COIN","from_currency":"USDT"`), "Not enough balance for convert USDT to COIN",
				pay(`"amount":"1","currency":"COIN","memo":"7"`), broken("memo", "prohibited"), pay(`"amount":"1","currency":"USDT","network":"alt"`), "Gateway error",
				`{"amount":"1","currency":"COIN","order_id":"9","address":"nowhere","is_subtract":true}`, broken("address", "regex"),
			), on(listed, says(pay(`"amount":"1","currency":"COIN"`), "You are forbidden")), on(limited, says(pay(`"amount":"1","currency":"COIN"`), "You are forbidden")),
				on(lean, says(pay(`"amount":"1","currency":"COIN"`), "The service was not found"))),
		},
		"getPayout": {Body: `{"uuid":"OUT"}`, Ways: []contract.Way{{Body: `{"order_id":"order-out"}`}}, Refuse: says(none, "Payout not found", `{}`, neither)},
		"listPayouts": {
			Target: "/payout/list?cursor=x", Body: `{"date_from":"2024-01-15 9:00:00","date_to":"2024-01-15 19:00:00"}`, Refuse: says(`{"date_from":"yesterday"}`, broken("date_from", "regex")),
			Ways: []contract.Way{{Target: "/payout/list?cursor=AFTER"}, {Target: "/payout/list?cursor=BEFORE"}, {Target: "/payout/list", Body: `{"cursor":"AFTER"}`}},
		},
		"calculatePayout": {Body: `{"amount":"20","currency":"USD","to_currency":"USDT","network":"sim","is_subtract":false}`, Refuse: says(
			`{}`, broken("amount", "required"), `{"amount":"1","currency":"XXX","is_subtract":true}`, "The currency was not found",
			`{"amount":"0.0001","currency":"COIN","is_subtract":false}`, "The withdrawal amount is too small",
		)},
		"refundPayment": {
			Body: back("BACK", "receiver-1"), Ways: []contract.Way{{Body: `{"order_id":"order-back","address":"receiver-1","is_subtract":true}`}},
			Refuse: slices.Concat(says(
				back(unknownID, "receiver-1"), "Payment was not found", back("LIVE", "receiver-1"), "Refunds are made only for completed payments",
				back("GONE", "receiver-1"), "The refund amount should not be more than the amount paid", back("BACK", "nowhere"), broken("address", "regex"),
				`{"address":"receiver-1","is_subtract":true}`, neither, `{}`, broken("address", "required"),
			), on(lean, says(back("BACK", "receiver-1"), "Undefined merchant wallet")), on(listed, says(back("BACK", "receiver-1"), "You are forbidden"))),
		},
		"refundBlockedAddress": {
			Body: blocked("GOT"), Ways: []contract.Way{{Body: `{"order_id":"order-got","address":"receiver-2"}`}},
			Refuse: slices.Concat(says(
				blocked("LIVE"), "Not found", blocked("ONCE"), "You can withdraw only once", blocked("BUSY"), "Refund is in process", blocked("WALLET"), "Nothing to withdraw",
				blocked("TINY"), "The amount is too small", `{"address":"receiver-2"}`, neither, `{"uuid":"GOT","address":"short"}`, broken("address", "min.string"),
			), on(lean, says(blocked("GOT"), "The service was not found")), on(listed, says(blocked("GOT"), "You are forbidden"))),
		},
		"transferToPersonal": {Body: `{"amount":"1","currency":"COIN"}`, Refuse: slices.Concat(says(
			`{}`, broken("amount", "required"), `{"amount":"1","currency":"USD"}`, "The currency was not found", `{"amount":"101","currency":"COIN"}`, "Not enough funds",
			`{"amount":"1","currency":"COIN","network":"alt"}`, "The service was not found",
		), on(alone, says(`{"amount":"1","currency":"COIN"}`, "No found user wallet")))},
		"transferToBusiness": {Body: `{"amount":"0.5","currency":"COIN","network":"sim"}`, Refuse: slices.Concat(says(
			`{"amount":"20","currency":"COIN"}`, "Not enough funds", `{"amount":"0","currency":"COIN"}`, broken("amount", "min.numeric"),
		), on(alone, says(`{"amount":"1","currency":"COIN"}`, "No found user wallet")))},
		"testPayoutWebhook": w.payoutTest(),
	}
}

func (w *shopper) payoutTest() contract.Exercise {
	off := w.with(func(c *cryptomus.Config) { c.TestClient = nil })
	gone := w.with(func(c *cryptomus.Config) { c.TestClient = endpoint(errors.New("no route to host")) })
	body := func(coin, id string) string {
		return fmt.Sprintf(`{"url_callback":"https://shop.example/c","currency":%q,"network":"sim","uuid":%q,"status":"paid"}`, coin, id)
	}
	good := body("COIN", "OUT")
	return contract.Exercise{Body: good, Refuse: slices.Concat(says(
		`{}`, broken("url_callback", "required"), body("COIN", unknownID), "Not found payout", body("DOGE", "OUT"), "Payout service not found",
	), on(off, says(good, "You are forbidden")), on(gone, says(good, "Gateway error")))}
}
