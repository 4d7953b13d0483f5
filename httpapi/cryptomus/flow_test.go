package cryptomus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// receiver is a shop's endpoint.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bodies = append(r.bodies, string(body))
	}))
	t.Cleanup(r.Close)
	return r
}

// got waits for a number of webhooks, verifies their signatures, and returns them without these.
func (r *receiver) got(t *testing.T, n int, key string) []string {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.bodies) >= n
	}, 20*time.Second, 5*time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	signed := regexp.MustCompile(`,"sign":"([0-9a-f]{32})"\}$`)
	for _, body := range r.bodies {
		found := signed.FindStringSubmatch(body)
		require.NotNil(t, found, body)
		bare := signed.ReplaceAllString(body, "}")
		require.Equal(t, cryptomus.Signature([]byte(bare), key), found[1], "over exactly the bytes that are left")
		out = append(out, bare)
	}
	require.Len(t, out, n, "%s", out)
	return out
}

// dispatch delivers the shop's webhooks until the test ends.
func (w *world) dispatch(t *testing.T) *webhook.Dispatcher {
	t.Helper()
	notifier, err := webhook.NewNotifier(w.format())
	require.NoError(t, err)
	d, err := webhook.New(webhook.Config{
		Outbox: w.store, Secrets: w.projects, Keys: w.projects, Rules: notifier.Rules(), Poll: 5 * time.Millisecond,
		Client: webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return d
}

func twoPercent(c *invoice.Config) {
	c.Commission = func(string, chain.Asset) decimal.Decimal { return decimal.NewFromInt(2) }
}

func TestA38_AnInvoiceIsPaidOnTheChainAndToldByteByByte(t *testing.T) {
	w := newWorld(t, options{service: twoPercent})
	shop := newReceiver(t)
	made := w.create(t, `{"amount":"100","currency":"USD","to_currency":"COIN","order_id":"o-1","url_callback":"`+shop.URL+`/c","additional_data":"a/b <é> & \"c\"\u2028d"}`)
	require.Equal(t, []any{"0.05000000", "0.04900000"}, []any{made["payer_amount"], made["merchant_amount"]})
	stage.Run(t, w.service)
	w.dispatch(t)
	txid := w.pay(made["address"], "COIN", "50000000000000000")
	w.chain.Mine(1)
	seen := w.eventually(t, "o-1", "confirm_check")
	require.Equal(t, []any{"0.05000000", false, txid, "100.00"}, []any{seen["payment_amount"], seen["is_final"], seen["txid"], seen["payment_amount_usd"]})
	w.chain.Mine(1)
	paid := w.eventually(t, "o-1", "paid")
	require.Equal(t, []any{"paid", true, "0.05000000", "0.04900000", "0.00100000"},
		[]any{paid["payment_status"], paid["is_final"], paid["payment_amount"], paid["merchant_amount"], paid["commission"]})

	want := func(status string, final bool) string {
		return `{"type":"payment","uuid":"` + made["uuid"].(string) + `","order_id":"o-1","amount":"100.00000000","payment_amount":"0.05000000",` +
			`"payment_amount_usd":"100.00","merchant_amount":"0.04900000","commission":"0.00100000","is_final":` + fmt.Sprint(final) +
			`,"status":"` + status + `","from":"sim1payer","wallet_address_uuid":null,"network":"sim","currency":"USD","payer_currency":"COIN",` +
			`"payer_amount":"0.05000000","payer_amount_exchange_rate":"2000","transfer_id":null,"additional_data":"a\/b <é> & \"c\"\u2028d","txid":"` + txid + `"}`
	}
	require.Equal(t, []string{want("confirm_check", false), want("paid", true)}, shop.got(t, 2, w.shop.payment))

	before, err := w.service.Invoice(t.Context(), w.shop.id, made["uuid"].(string))
	require.NoError(t, err)
	w.post(t, "/payment/resend", `{"order_id":"o-1"}`).says(t, 200, `{"state":0,"result":[]}`)
	got := shop.got(t, 3, w.shop.payment)
	require.Equal(t, got[1], got[2])
	w.postV2(t, w.shop, "/payment/resend", `{"txid":"`+txid+`"}`).says(t, 200, `{"state":0,"result":[]}`)
	got = shop.got(t, 4, w.shop.payment)
	require.Equal(t, got[1], got[3])
	after, err := w.service.Invoice(t.Context(), w.shop.id, made["uuid"].(string))
	require.NoError(t, err)
	require.Equal(t, before, after, "A29: a resend changes no state")
}

func TestTooLittleTooMuchAndNothing(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now})
	shop := newReceiver(t)
	order := func(id, more string) any {
		return w.create(t, `{"amount":"10","currency":"USDT","network":"sim","order_id":"`+id+`","url_callback":"`+shop.URL+`"`+more+`}`)["address"]
	}
	stage.Run(t, w.service)
	w.pay(order("over", ""), "USDT_SIM", "12000000")
	w.pay(order("close", `,"accuracy_payment_percent":5`), "USDT_SIM", "9500000")
	w.pay(order("single", `,"is_payment_multiple":"false"`), "USDT_SIM", "4000000")
	topped := order("topped", "")
	w.pay(topped, "USDT_SIM", "4000000")
	w.pay(order("under", ""), "USDT_SIM", "4000000")
	order("nothing", "")
	w.chain.Mine(2)
	w.eventually(t, "over", "paid_over")
	w.eventually(t, "close", "paid")
	require.Equal(t, "9.50", w.info(t, "close")["payment_amount"])
	require.Equal(t, true, w.eventually(t, "single", "wrong_amount")["is_final"])
	require.Equal(t, false, w.eventually(t, "under", "wrong_amount_waiting")["is_final"])
	w.eventually(t, "topped", "wrong_amount_waiting")
	w.pay(topped, "USDT_SIM", "6000000")
	w.chain.Mine(2)
	require.Equal(t, "10.00", w.eventually(t, "topped", "paid")["payment_amount"])
	require.Equal(t, "check", w.info(t, "nothing")["status"])
	clock.Add(2 * time.Hour)
	w.chain.MineAt(clock.Now())
	require.Equal(t, true, w.eventually(t, "under", "wrong_amount")["is_final"])
	require.Equal(t, []any{"0.00", true}, []any{w.eventually(t, "nothing", "cancel")["payment_amount"], w.info(t, "nothing")["is_final"]})

	for order, want := range map[string]string{
		"over": "(confirm_check )?paid_over", "close": "(confirm_check )?paid", "single": "(confirm_check )?wrong_amount", "under": "wrong_amount",
		"topped": "(confirm_check )?paid", "nothing": "cancel",
	} {
		records, err := w.store.History(t.Context(), w.info(t, order)["uuid"].(string), 0)
		require.NoError(t, err)
		var told []string
		for _, record := range records {
			told = append(told, contract.Object(t, record.Message.Body)["status"].(string))
		}
		require.Regexp(t, "^"+want+"$", strings.Join(told, " "), order)
	}
}

// A shop that credits the amounts of /payment/info and one that credits those of webhooks credit the same.
func TestInformationAndWebhooksTellTheSameAmounts(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now, service: twoPercent})
	ids := map[string]string{}
	address := map[string]any{}
	for _, order := range []string{"paid", "over", "half", "seen", "marked", "marked-half", "cancelled", "cancelled-half", "expired"} {
		made := w.create(t, `{"amount":"10","currency":"USDT","network":"sim","order_id":"`+order+`","url_callback":"https://shop.example/"}`)
		require.Equal(t, "9.80000000", made["merchant_amount"])
		ids[order], address[order] = made["uuid"].(string), made["address"]
	}
	stage.Run(t, w.service)
	for order, units := range map[string]string{"paid": "10000000", "over": "12000000", "half": "5000000", "marked-half": "5000000", "cancelled-half": "5000000"} {
		w.pay(address[order], "USDT_SIM", units)
	}
	w.chain.Mine(2)
	w.eventually(t, "paid", "paid")
	w.eventually(t, "over", "paid_over")
	for _, order := range []string{"half", "marked-half", "cancelled-half"} {
		require.Equal(t, "4.90000000", w.eventually(t, order, "wrong_amount_waiting")["merchant_amount"])
	}
	w.pay(address["seen"], "USDT_SIM", "10000000")
	w.eventually(t, "seen", "confirm_check")
	for _, order := range []string{"marked", "marked-half"} {
		w.post(t, "/payment/mark-as-paid", `{"order_id":"`+order+`"}`).result(t)
	}
	for _, order := range []string{"cancelled", "cancelled-half"} {
		_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: ids[order]}, invoice.StatusCancelled)
		require.NoError(t, err)
	}
	same := func(order string) {
		t.Helper()
		records, err := w.store.History(t.Context(), ids[order], 0)
		require.NoError(t, err)
		require.NotEmpty(t, records, order)
		told, info := contract.Object(t, records[len(records)-1].Message.Body), w.info(t, order)
		for _, name := range []string{"status", "is_final", "from", "currency", "payer_currency"} {
			require.Equal(t, told[name], info[name], "%s: %s", order, name)
		}
		for _, name := range []string{"payment_amount", "merchant_amount", "commission", "payer_amount", "payment_amount_usd"} {
			amount := decimal.RequireFromString(told[name].(string))
			require.Equal(t, amount.String(), decimal.RequireFromString(info[name].(string)).String(), "%s: %s", order, name)
		}
	}
	same("seen")
	w.chain.Mine(2)
	w.eventually(t, "seen", "paid")
	clock.Add(2 * time.Hour)
	w.chain.MineAt(clock.Now())
	w.eventually(t, "half", "wrong_amount")
	w.eventually(t, "expired", "cancel")
	for order := range ids {
		same(order)
	}
}

func TestRefreshOpensAnExpiredInvoiceAndChangesNothingElse(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now, service: func(c *invoice.Config) {
		c.Chains[0].Pool = &invoice.Pool{Quarantine: time.Minute}
	}})
	stage.Run(t, w.service)
	w.chain.MineAt(clock.Now())
	made := w.create(t, `{"amount":"10","currency":"USDT","network":"sim","order_id":"1","lifetime":300,"additional_data":"d"}`)
	const refresh = `{"amount":"99","currency":"COIN","order_id":"1","is_refresh":true,"lifetime":"600","additional_data":"other","discount_percent":50}`
	require.Equal(t, made, w.create(t, refresh), "it has not expired")
	clock.Add(time.Hour)
	w.chain.MineAt(clock.Now())
	w.eventually(t, "1", "cancel")
	require.Equal(t, "cancel", w.create(t, strings.Replace(refresh, "true", "false", 1))["status"], "not without asking")

	again := w.create(t, refresh)
	require.Equal(t, json.Number(fmt.Sprint(clock.Now().Add(10*time.Minute).Unix())), again["expired_at"])
	require.Equal(t, "check", again["payment_status"])
	for _, name := range []string{"expired_at", "updated_at", "address"} { // the time of the change, and what may change
		delete(again, name)
	}
	for name, value := range again {
		require.Equal(t, made[name], value, name)
	}
	w.pay(w.info(t, "1")["address"], "USDT_SIM", "10000000")
	w.chain.Mine(2)
	w.eventually(t, "1", "paid")
	require.Equal(t, "paid", w.create(t, refresh)["status"], "what is paid stays so")
	require.Equal(t, 1, stage.Count(t, w.service))
}

func TestRefreshOfAnOrderThatIsNotThereCreatesIt(t *testing.T) {
	w := newWorld(t, options{})
	require.Equal(t, "check", w.create(t, `{"amount":"1","currency":"COIN","order_id":"1","is_refresh":1}`)["status"])
}

func TestWalletsTakeDepositsUntilTheyAreBlocked(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now})
	shop := newReceiver(t)
	body := `{"currency":"usdt","network":"SIM","order_id":"user-7","url_callback":"` + shop.URL + `","from_referral_code":"x"}`
	made := w.post(t, "/wallet", body)
	got := made.result(t)
	id := got["uuid"].(string)
	made.says(t, 200, fmt.Sprintf(`{"state":0,"result":{"wallet_uuid":"%s","uuid":"%s","address":"0adr00000000","network":"sim","currency":"USDT","url":"https://pay.example/wallet/%s"}}`,
		got["wallet_uuid"], id, id))
	require.Equal(t, string(made.body), string(w.post(t, "/wallet", body).body), "the same order is the same wallet")
	require.Equal(t, string(made.body), string(w.post(t, "/wallet", `{"currency":"XXX","network":"x","order_id":"user-7"}`).body))
	stage.Run(t, w.service)
	w.dispatch(t)
	first := w.pay(got["address"], "USDT_SIM", "1500000")
	w.pay(got["address"], "COIN", "777000000000000000000") // not what the wallet is for
	w.chain.Mine(2)
	one := shop.got(t, 1, w.shop.payment)[0]
	require.Contains(t, one, `"order_id":"user-7","amount":"1.50000000","payment_amount":"1.50000000",`)
	require.Contains(t, one, `"is_final":true,"status":"paid","from":"sim1payer","wallet_address_uuid":"`+id+`","network":"sim","currency":"USDT","payer_currency":"USDT"`)
	require.Contains(t, one, `"txid":"`+first+`"}`)
	w.pay(got["address"], "USDT_SIM", "2500000")
	w.chain.Mine(2)
	two := shop.got(t, 2, w.shop.payment)
	require.Contains(t, two[1], `"amount":"2.50000000"`)
	ids := regexp.MustCompile(`^\{"type":"wallet","uuid":"([0-9a-f-]{36})"`)
	require.NotEqual(t, ids.FindStringSubmatch(two[0])[1], ids.FindStringSubmatch(two[1])[1], "each deposit has a uuid of its own")

	clock.Add(time.Minute)
	for _, by := range []string{`{"order_id":"user-7","uuid":"` + unknownID + `"}`, `{"uuid":"` + id + `","is_force_refund":false}`} {
		w.post(t, "/wallet/block-address", by).says(t, 200, `{"state":0,"result":{"uuid":"`+id+`","status":"blocked"}}`)
	}
	w.post(t, "/wallet/block-address", `{"uuid":"`+id+`","is_force_refund":"1"}`).message(t, "You are forbidden")
	clock.Add(time.Minute)
	w.pay(got["address"], "USDT_SIM", "3500000")
	w.chain.Mine(2)
	require.Eventually(t, func() bool {
		inv, err := w.service.Invoice(t.Context(), w.shop.id, id)
		require.NoError(t, err)
		return len(inv.Payments) == 4
	}, 20*time.Second, 5*time.Millisecond, "it is on record")
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"last","url_callback":"`+shop.URL+`"}`)
	act := invoice.Act{Invoice: w.info(t, "last")["uuid"].(string)}
	_, err := w.service.SetStatus(t.Context(), act, invoice.StatusCancelled)
	require.NoError(t, err)
	require.Contains(t, shop.got(t, 3, w.shop.payment)[2], `"order_id":"last"`, "and not told")
}

func TestWalletsThatAreRefused(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Chains[1].Shared = &invoice.Shared{Project: "p"} }})
	w.post(t, "/wallet", `{}`).says(t, 422, `{"state":1,"errors":{"currency":["validation.required"],"network":["validation.required"],"order_id":["validation.required"]}}`)
	w.post(t, "/wallet", `{"currency":"DOGE","network":"doge","order_id":"1"}`).message(t, "The service was not found")
	w.post(t, "/wallet", `{"currency":"COIN","network":"alt","order_id":"1"}`).message(t, "The service was not found")
	w.post(t, "/wallet", `{"currency":"USDT","network":"alt","order_id":"1"}`).message(t, "The service was not found")
	w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"`+strings.Repeat("a", 101)+`"}`).breaks(t, "order_id", "max.string")
	w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"a b"}`).breaks(t, "order_id", "alpha_dash")
	w.post(t, "/wallet/block-address", `{"order_id":"1"}`).message(t, "Wallet not found")
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)
	w.post(t, "/wallet/block-address", `{"order_id":"1"}`).message(t, "Wallet not found")
	require.Equal(t, 1, stage.Count(t, w.service))
}

func TestAnArchivedWalletIsNotActive(t *testing.T) {
	w := newWorld(t, options{})
	id := w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"1"}`).result(t)["uuid"].(string)
	for _, to := range []invoice.Status{invoice.StatusCancelled, invoice.StatusArchived} {
		_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: id}, to)
		require.NoError(t, err)
	}
	w.post(t, "/wallet/block-address", `{"uuid":"`+id+`"}`).says(t, 200, `{"state":0,"result":{"uuid":"`+id+`","status":"in_active"}}`)
}

func TestA29_ResendSendsWhatWasToldAndNothingElse(t *testing.T) {
	w := newWorld(t, options{})
	shop := newReceiver(t)
	var hints int
	w.api = w.newAPI(t, func(c *cryptomus.Config) { c.Resent = func() { hints++ } })
	resend := func(order string) answer { return w.post(t, "/payment/resend", `{"order_id":"`+order+`"}`) }
	resend("none").message(t, "Payment not found")
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"quiet"}`)
	w.post(t, "/payment/mark-as-paid", `{"order_id":"quiet"}`)
	resend("quiet").message(t, "Notification not found")
	id := w.create(t, `{"amount":"1","currency":"COIN","order_id":"1","url_callback":"`+shop.URL+`"}`)["uuid"].(string)
	resend("1").message(t, "Notification not found")
	_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: id}, invoice.StatusExpired)
	require.NoError(t, err)
	w.dispatch(t)
	shop.got(t, 1, w.shop.payment)
	resend("1").message(t, "Notification not found")
	w.post(t, "/payment/mark-as-paid", `{"order_id":"1"}`)
	before := w.info(t, "1")
	for n := range 11 {
		got := shop.got(t, n+2, w.shop.payment)
		require.NotContains(t, got[n+1], `"txid"`, "set paid by hand: there is none")
		require.Eventually(t, func() bool {
			records, err := w.store.History(t.Context(), id, 0)
			require.NoError(t, err)
			last := records[len(records)-1]
			return last.State == webhook.StateDelivered && len(last.Attempts) == n+1
		}, 20*time.Second, time.Millisecond)
		if n == 10 {
			resend("1").message(t, "Too much resend")
			break
		}
		resend("1").says(t, 200, `{"state":0,"result":[]}`)
	}
	require.Equal(t, 10, hints)
	shop.got(t, 12, w.shop.payment)
	require.Equal(t, before, w.info(t, "1"), "no resend changes anything")
}

// pays records a payment of an order.
func (w *world) pays(t testing.TB, order, txID, index string, change ...func(*invoice.Payment)) {
	t.Helper()
	inv, err := w.store.InvoiceByOrder(t.Context(), w.shop.id, order)
	require.NoError(t, err)
	p := invoice.Payment{Key: chain.Key{Network: "sim:1", TxID: txID, Index: index}, Invoice: inv.ID, Units: big.NewInt(1), FirstSeen: start}
	for _, f := range change {
		f(&p)
	}
	require.NoError(t, w.store.Commit(t.Context(), invoice.Batch{Payments: []invoice.Payment{p}}))
}

// resent returns the orders whose messages are due, and records these as delivered.
func (w *world) resent(t *testing.T, orders ...string) string {
	t.Helper()
	d, err := w.store.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 100})
	require.NoError(t, err)
	var out []string
	for _, delivery := range d {
		for _, order := range orders {
			if w.info(t, order)["uuid"] == delivery.Message.Invoice {
				out = append(out, order)
			}
		}
		require.NoError(t, w.store.Record(t.Context(), delivery.Claim, webhook.Attempt{At: w.now()}, webhook.Next{State: webhook.StateDelivered}))
	}
	return strings.Join(out, " ")
}

func TestA29_ResendFindsTheInvoiceByATransaction(t *testing.T) {
	clock := stage.NewClock(start)
	w := newWorld(t, options{now: clock.Now})
	ask := func(body string) answer { return w.postV2(t, w.shop, "/payment/resend", body) }
	orders := []string{"old", "new", "open", "quiet"}
	for _, order := range orders {
		clock.Add(time.Second)
		callback := `,"url_callback":"https://shop.example/c"`
		if order == "quiet" {
			callback = ""
		}
		w.create(t, `{"amount":"1","currency":"COIN","order_id":"`+order+`"`+callback+`}`)
		if order != "open" {
			w.post(t, "/payment/mark-as-paid", `{"order_id":"`+order+`"}`)
		}
	}
	w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"wallet","url_callback":"https://shop.example/c"}`).result(t)
	require.Equal(t, "old new", w.resent(t, orders...))
	w.pays(t, "old", "one", "0")
	for i, order := range orders {
		w.pays(t, order, "all", fmt.Sprint(i))
	}
	w.pays(t, "quiet", "silent", "0")
	w.pays(t, "open", "early", "0")
	w.pays(t, "wallet", "deposit", "0")
	w.pays(t, "old", "gone", "0", func(p *invoice.Payment) { p.Withdrawn = true })
	w.pays(t, "old", "elsewhere", "0", func(p *invoice.Payment) { p.Key.Network = "sim:2" })
	w.pays(t, "old", "unfollowed", "0", func(p *invoice.Payment) { p.Key.Network = "sim:3" })

	const done = `{"state":0,"result":[]}`
	uuid := w.info(t, "new")["uuid"].(string)
	for _, c := range []struct{ body, order string }{
		{`{"txid":"one"}`, "old"}, {`{"txid":" one "}`, "old"}, {`{"txid":"elsewhere"}`, "old"},
		{`{"txid":"all"}`, "new"}, // the newest that has something to send
		{`{"order_id":"old"}`, "old"}, {`{"uuid":"` + uuid + `"}`, "new"},
		{`{"order_id":"old","uuid":"` + uuid + `","txid":"all"}`, "old"},
		{`{"order_id":"","uuid":"` + uuid + `","txid":"one"}`, "new"},
	} {
		ask(c.body).says(t, 200, done)
		require.Equal(t, c.order, w.resent(t, orders...), c.body)
	}
	for _, txID := range []string{"two", "ONE", "on", "gone", "unfollowed", "deposit", strings.Repeat("f", 256)} {
		ask(`{"txid":"`+txID+`"}`).message(t, "Payment not found")
	}
	ask(`{"order_id":"none","txid":"one"}`).message(t, "Payment not found")
	ask(`{"txid":"silent"}`).message(t, "Notification not found")
	ask(`{"txid":"early"}`).message(t, "Notification not found")
	w.postV2(t, w.rival, "/payment/resend", `{"txid":"one"}`).message(t, "Payment not found")
	require.Empty(t, w.resent(t, orders...))
}

func TestA29_ResendOfVersion2Refuses(t *testing.T) {
	w := newWorld(t, options{})
	ask := func(body string) answer { return w.postV2(t, w.shop, "/payment/resend", body) }
	const none = `{"state":1,"errors":{"order_id":["validation.required_without_all"],"txid":["validation.required_without_all"],"uuid":["validation.required_without_all"]}}`
	for _, body := range []string{"", "{}", "[]", `{"uuid":"","order_id":null,"txid":" "}`} {
		ask(body).says(t, 422, none)
	}
	ask(`{"txid":"`+strings.Repeat("f", 257)+`"}`).breaks(t, "txid", "max.string")
	ask(`{"txid":true}`).breaks(t, "txid", "string")
	ask(`{"txid":"a\u0000"}`).breaks(t, "txid", "string")
	ask(`{"uuid":"x"}`).breaks(t, "uuid", "uuid")
	ask(`{"order_id":"`+strings.Repeat("o", 129)+`"}`).breaks(t, "order_id", "max.string")
	require.Equal(t, 400, ask(`{"txid":`).status)
	unsigned := w.shop
	unsigned.payment = w.shop.payout
	w.postV2(t, unsigned, "/payment/resend", `{"txid":"one"}`).says(t, 401, `{"message":"Invalid Sign."}`)
	require.Equal(t, 404, w.postV2(t, w.shop, "/payment/info", "{}").status, "version 2 has nothing else")

	w.create(t, `{"amount":"1","currency":"COIN","order_id":"1","url_callback":"https://shop.example/c"}`)
	w.pays(t, "1", "one", "0")
	w.post(t, "/payment/mark-as-paid", `{"order_id":"1"}`)
	for range 11 {
		require.Equal(t, "1", w.resent(t, "1"))
		ask(`{"txid":"one"}`)
	}
	ask(`{"txid":"one"}`).message(t, "Too much resend")

	w.cfg.Service = nil
	_, err := cryptomus.NewV2(w.cfg)
	require.ErrorContains(t, err, "cryptomus: NewV2: Service is required")
}

func TestIncident44_TestWebhooksAreForbiddenUnlessSwitchedOn(t *testing.T) {
	w := newWorld(t, options{})
	w.post(t, "/test-webhook/payment", bodies["testPaymentWebhook"]).message(t, "You are forbidden")
	w.post(t, "/test-webhook/wallet", bodies["testWalletWebhook"]).message(t, "You are forbidden")
}

func TestA30_TestWebhooksAreMarkedAndChangeNothing(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) {
		c.TestClient = webhook.NewClient(webhook.ClientConfig{AllowLoopback: true})
	}})
	shop := newReceiver(t)
	id := w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)["uuid"].(string)
	wallet := w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"2"}`).result(t)["uuid"].(string)
	ask := func(kind, more string) answer {
		return w.post(t, "/test-webhook/"+kind, `{"url_callback":"`+shop.URL+`","currency":"usdt","network":"ALT"`+more+`}`)
	}
	for _, kind := range []string{"payment", "wallet"} {
		ask(kind, "").says(t, 200, `{"state":0,"result":[]}`)
	}
	ask("payment", `,"uuid":"`+id+`","order_id":"ignored","status":"wrong_amount"`).says(t, 200, `{"state":0,"result":[]}`)
	ask("wallet", `,"uuid":"`+wallet+`"`).says(t, 200, `{"state":0,"result":[]}`)
	ask("payment", `,"order_id":"mine","status":"process"`).says(t, 200, `{"state":0,"result":[]}`)
	got := shop.got(t, 5, w.shop.payment)
	for _, body := range got {
		require.True(t, strings.HasSuffix(body, `,"is_test":true}`))
	}
	require.Contains(t, got[0], `"network":"alt","currency":"USDT"`)
	require.Contains(t, got[2], `{"type":"payment","uuid":"`+id+`","order_id":"1",`)
	require.Contains(t, got[2], `"is_final":true,"status":"wrong_amount"`)
	require.Contains(t, got[3], `"wallet_address_uuid":"`+wallet+`"`)
	require.Contains(t, got[4], `"order_id":"mine"`)
	require.Contains(t, got[4], `"is_final":false,"status":"process"`)

	ask("payment", `,"uuid":"`+wallet+`"`).message(t, "Not found payment")
	ask("wallet", `,"uuid":"`+id+`"`).message(t, "Not found wallet")
	ask("payment", `,"uuid":"`+unknownID+`"`).message(t, "Not found payment")
	ask("payment", `,"status":"confirm_check"`).breaks(t, "status", "in")
	ask("payment", `,"order_id":"`+strings.Repeat("a", 33)+`"`).breaks(t, "order_id", "max.string")
	w.post(t, "/test-webhook/payment", `{"url_callback":"`+shop.URL+`","currency":"DOGE","network":"doge"}`).message(t, "Payment service not found")
	w.post(t, "/test-webhook/payment", `{"url_callback":"https://a.example/`+strings.Repeat("a", 150)+`","currency":"COIN","network":"sim"}`).breaks(t, "url_callback", "max.string")
	require.Equal(t, "check", w.info(t, "1")["status"])
	require.Equal(t, 2, stage.Count(t, w.service))
	records, err := w.store.History(t.Context(), id, 0)
	require.NoError(t, err)
	require.Empty(t, records)
}

func TestIncident47_TestWebhooksReachNoPrivateAddress(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.TestClient = webhook.NewClient(webhook.ClientConfig{}) }})
	shop := newReceiver(t)
	for _, url := range []string{shop.URL, "http://169.254.169.254/latest", "http://[::1]:8080/x"} {
		w.post(t, "/test-webhook/payment", `{"url_callback":"`+url+`","currency":"COIN","network":"sim"}`).message(t, "Gateway error")
	}
	w.post(t, "/test-webhook/payment", `{"url_callback":"http://me:pw@shop.example/hook","currency":"COIN","network":"sim"}`).breaks(t, "url_callback", "url")
	require.Empty(t, shop.got(t, 0, ""))
	w = newWorld(t, options{api: func(c *cryptomus.Config) {
		c.TestClient = webhook.NewClient(webhook.ClientConfig{AllowLoopback: true})
	}})
	shop.Close()
	w.post(t, "/test-webhook/payment", `{"url_callback":"`+shop.URL+`","currency":"COIN","network":"sim"}`).message(t, "Gateway error")
}

func TestFewTestWebhooksAreUnderWayAtOnce(t *testing.T) {
	entered, free := make(chan struct{}), make(chan struct{})
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-free
	}))
	defer shop.Close()
	w := newWorld(t, options{api: func(c *cryptomus.Config) {
		c.TestClient = webhook.NewClient(webhook.ClientConfig{AllowLoopback: true})
	}})
	body := `{"url_callback":"` + shop.URL + `","currency":"COIN","network":"sim"}`
	answers := make(chan int)
	for range 2 {
		go func() {
			answers <- w.send(t, w.api, w.request("POST", "/test-webhook/payment", w.shop, w.shop.payment, body)).status
		}()
		<-entered
	}
	require.Equal(t, http.StatusTooManyRequests, w.post(t, "/test-webhook/payment", body).status)
	close(free)
	require.Equal(t, []int{200, 200}, []int{<-answers, <-answers})
	go func() { <-entered }()
	require.Equal(t, 200, w.post(t, "/test-webhook/payment", body).status)
}

func TestAWebhookThatIsRefusedIsSentAgainNoMoreOftenThanOneThatIsTaken(t *testing.T) {
	w := newWorld(t, options{})
	shop := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) }))
	defer shop.Close()
	id := w.create(t, `{"amount":"1","currency":"COIN","order_id":"1","url_callback":"`+shop.URL+`"}`)["uuid"].(string)
	w.post(t, "/payment/mark-as-paid", `{"order_id":"1"}`)
	w.dispatch(t)
	tried := func() int {
		records, err := w.store.History(t.Context(), id, 0)
		require.NoError(t, err)
		return len(records[len(records)-1].Attempts)
	}
	resent := 0
	for ; ; resent++ {
		require.Less(t, resent, 30)
		require.Eventually(t, func() bool { return tried() > resent }, 20*time.Second, time.Millisecond)
		got := w.post(t, "/payment/resend", `{"order_id":"1"}`)
		if got.status != 200 {
			got.message(t, "Too much resend")
			break
		}
	}
	require.Equal(t, 19, resent, "the first, and as often again")
	require.Equal(t, 20, tried())
}

// FuzzRequests tests that no signed request causes an internal error.
func FuzzRequests(f *testing.F) {
	var bad []string
	for _, c := range badCreations {
		bad = append(bad, c.body)
	}
	contract.Fuzz(f, subjectOf(v1), bad...)
}

// FuzzRequestsV2 is FuzzRequests for version 2.
func FuzzRequestsV2(f *testing.F) { contract.Fuzz(f, subjectOf(v2)) }

func TestEveryDepositToAWalletWithALongHistoryIsToldOnce(t *testing.T) {
	const rounds, each = 3, 100
	w := newWorld(t, options{})
	shop := newReceiver(t)
	got := w.post(t, "/wallet", `{"currency":"USDT","network":"sim","order_id":"1","url_callback":"`+shop.URL+`"}`).result(t)
	id, address := got["uuid"].(string), got["address"]
	stage.Run(t, w.service)
	w.dispatch(t)
	amount := regexp.MustCompile(`"uuid":"([^"]+)".*"payment_amount":"([0-9.]+)"`)
	sum, told := decimal.Zero, map[string]bool{}
	for round := range rounds {
		for i := range each {
			w.pay(address, "USDT_SIM", fmt.Sprint(2_000_000+each*round+i))
		}
		w.chain.Mine(2)
		for _, body := range shop.got(t, each*(round+1), w.shop.payment)[each*round:] {
			found := amount.FindStringSubmatch(body)
			require.False(t, told[found[1]], "told twice: %s", body)
			told[found[1]], sum = true, sum.Add(decimal.RequireFromString(found[2]))
		}
	}
	const all = rounds * each
	want := big.NewInt(all*2_000_000 + all*(all-1)/2)
	require.Equal(t, want.String(), sum.Shift(6).String())

	inv, err := w.service.Invoice(t.Context(), w.shop.id, id)
	require.NoError(t, err)
	require.Less(t, len(inv.Payments), all, "the invoice has the latest alone")
	require.Equal(t, all, inv.PaymentCount())
	seen, mature := inv.Deposits()
	require.Equal(t, want, seen["sim:1/erc20:0xaa"])
	require.Equal(t, want, mature["sim:1/erc20:0xaa"])
}

func TestDustIsNoPayment(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Chains[0].Assets[1].Floor = decimal.NewFromInt(1) }})
	stage.Run(t, w.service)
	id := w.create(t, `{"amount":"10","currency":"USDT","network":"sim","order_id":"1"}`)["uuid"].(string)
	before := w.info(t, "1")
	w.pay(before["address"], "USDT_SIM", "999999")
	w.chain.Mine(2)
	require.Eventually(t, func() bool {
		inv, err := w.service.Invoice(t.Context(), w.shop.id, id)
		require.NoError(t, err)
		return len(inv.Payments) == 1 && inv.Payments[0].Dust && inv.Payments[0].Block.Hash != ""
	}, 20*time.Second, 5*time.Millisecond)
	after := w.info(t, "1")
	require.Equal(t, before["updated_at"], after["updated_at"])
	require.Equal(t, before, after)
}
