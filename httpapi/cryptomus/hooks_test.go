package cryptomus_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// payoutEvent returns an event of a payout of 3 TRX whose fee was 0.06 TRX, as the core makes it.
func payoutEvent(t *testing.T, from, to payout.Status, change func(*payout.PayloadPayout)) invoice.Event {
	t.Helper()
	p := payout.PayloadPayout{
		ID: "62f88b36-a9d5-4fa6-aa26-e040c3dbf26d", Key: "o/1", Kind: payout.KindPayout, Status: to, Asset: trx, Amount: decimal.NewFromInt(3),
		To: "TReceiver", TxID: "6f0d", FeeAsset: trx.ID, Charged: decimal.NewFromInt(60_000),
	}
	if change != nil {
		change(&p)
	}
	body, err := json.Marshal(payout.Payload{Type: "payout." + invoice.EventType(to), Data: payout.PayloadData{From: from, To: to, Payout: p}})
	require.NoError(t, err)
	return invoice.Event{Payout: p.ID, Type: "payout." + invoice.EventType(to), Body: body, Seq: 1}
}

func TestTheWebhookOfAPayoutIsAsPublished(t *testing.T) {
	const want = `{"type":"payout","uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d","order_id":"o\/1","amount":"3.00000000","merchant_amount":"3.06000000",` +
		`"commission":"0.06000000","is_final":true,"status":"paid","txid":"6f0d","currency":"TRX","network":"tron","payer_currency":"TRX","payer_amount":"3.00000000"}`
	f := cryptomus.NewFormat()
	body, told := f.PayoutBody(payoutEvent(t, payout.StatusSent, payout.StatusPaid, nil), nil)
	require.True(t, told)
	require.Equal(t, want, string(body))
	body, told = f.PayoutBody(payoutEvent(t, payout.StatusSent, payout.StatusPaid, func(p *payout.PayloadPayout) { p.TxID = "" }), nil)
	require.True(t, told)
	require.Equal(t, strings.Replace(want, `"txid":"6f0d",`, ``, 1), string(body), "and no txid where there is none")
}

func TestOnlyAChangeOfTheAPIsStatusIsTold(t *testing.T) {
	f := cryptomus.NewFormat()
	for name, c := range map[string]struct {
		from, to payout.Status
		change   func(*payout.PayloadPayout)
		want     string
	}{
		"created":            {"", payout.StatusQueued, nil, ""},
		"created, waits":     {"", payout.StatusRequested, nil, ""},
		"approved":           {payout.StatusRequested, payout.StatusQueued, nil, `"is_final":false,"status":"process"`},
		"signed":             {payout.StatusQueued, payout.StatusSigned, nil, ""},
		"sent":               {payout.StatusSigned, payout.StatusSent, nil, ""},
		"paid":               {payout.StatusSent, payout.StatusPaid, nil, `"is_final":true,"status":"paid","txid":"6f0d"`},
		"taken back":         {payout.StatusPaid, payout.StatusSent, nil, `"is_final":false,"status":"process"`},
		"reverted":           {payout.StatusSent, payout.StatusFailed, func(p *payout.PayloadPayout) { p.Reason = payout.ReasonReverted }, `"is_final":true,"status":"fail","currency"`},
		"somebody has a key": {payout.StatusSent, payout.StatusFailed, func(p *payout.PayloadPayout) { p.Reason = payout.ReasonForeign }, `"is_final":false,"status":"fail","currency"`},
		"paid by hand":       {payout.StatusFailed, payout.StatusPaid, nil, `"is_final":true,"status":"paid"`},
		"cancelled":          {payout.StatusQueued, payout.StatusCancelled, nil, `"is_final":true,"status":"cancel","currency"`},
		"a refund":           {payout.StatusSent, payout.StatusPaid, func(p *payout.PayloadPayout) { p.Kind = payout.KindRefund }, ""},
	} {
		body, told := f.PayoutBody(payoutEvent(t, c.from, c.to, c.change), nil)
		require.Equal(t, c.want != "", told, name)
		require.Contains(t, string(body), c.want, name)
	}
	alarm := payoutEvent(t, payout.StatusPaid, payout.StatusSent, nil)
	alarm.Type = payout.EventUndone
	_, told := f.PayoutBody(alarm, nil)
	require.False(t, told, "the change of the status is an event of its own")
	_, told = f.PayoutBody(invoice.Event{Type: payout.EventPaid, Body: []byte(`{`)}, nil)
	require.False(t, told)
}

func TestPHPVerifiesTheWebhookOfAPayout(t *testing.T) {
	php := lookUpPHP(t)
	f := cryptomus.NewFormat()
	var in bytes.Buffer
	for _, change := range []func(*payout.PayloadPayout){
		nil, func(p *payout.PayloadPayout) { p.TxID = "" }, func(p *payout.PayloadPayout) { p.Key = "Zażółć / 日本 \u2028 '\"<&>" },
	} {
		bare, told := f.PayoutBody(payoutEvent(t, payout.StatusSent, payout.StatusPaid, change), nil)
		require.True(t, told)
		body, _, err := f.Rules().Sign(invoice.Message{Payout: "p", Body: bare}, "test-payout-key-0000")
		require.NoError(t, err)
		fmt.Fprintln(&in, base64.StdEncoding.EncodeToString([]byte("test-payout-key-0000")), base64.StdEncoding.EncodeToString(body))
	}
	cmd := exec.CommandContext(t.Context(), php, "-r", phpReceiver)
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "yy\nyy\nyn\n", string(out), "only ASCII verifies without the flag as well")
	require.Equal(t, [2]string{cryptomus.PaymentKey, cryptomus.PayoutKey}, [2]string{f.Rules().Key, f.Rules().PayoutKey})
}

func TestATestWebhookOfAPayoutIsSignedWithThePayoutKey(t *testing.T) {
	shop := newReceiver(t)
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.TestClient = &http.Client{Timeout: 5 * time.Second} }})
	w.rich(t)
	id := w.payOut(t, `{"order_id":"1","address":"receiver-1","is_subtract":true,"amount":"1","currency":"COIN"}`)["uuid"].(string)
	w.post(t, "/test-webhook/payout", `{"url_callback":"`+shop.URL+`/c","currency":"COIN","network":"sim","uuid":"`+id+`","order_id":"other","status":"check"}`).done(t)
	w.out(t, "/test-webhook/payout", `{"url_callback":"`+shop.URL+`/c","currency":"USDT","network":"alt","order_id":"7","status":"system_fail"}`).done(t)
	got := shop.got(t, 2, w.shop.payout)
	const amounts = `"amount":"1.00000000","merchant_amount":"1.00000000","commission":"0.00000000",`
	require.Equal(t, `{"type":"payout","uuid":"`+id+`","order_id":"1",`+amounts+`"is_final":false,"status":"check",`+
		`"currency":"COIN","network":"sim","payer_currency":"COIN","payer_amount":"1.00000000","is_test":true}`, got[0])
	require.Contains(t, got[1], `"order_id":"7",`+amounts+`"is_final":true,"status":"system_fail","currency":"USDT","network":"alt"`)
}

// TestAWholeLife plays what happens to money from an invoice to the last payout: a customer pays too much, the rest of it
// is given back, another changes his mind, and the shop pays out all that is left.
func TestAWholeLife(t *testing.T) {
	var w *world
	life.Play(t, start, func(t *testing.T) *life.Shop {
		w = newWorld(t, options{now: time.Now, poll: 10 * time.Second, service: twoPercent})
		n, err := webhook.NewNotifier(w.format())
		require.NoError(t, err)
		return &life.Shop{T: t, Service: w.service, Chain: w.chain, Asset: w.chain.Asset("COIN"), Poll: 10 * time.Second, Hooks: webhook.Config{
			Outbox: w.store, Secrets: w.projects, Keys: w.projects, Rules: n.Rules(), Poll: 10 * time.Second,
		}}
	}, func(s *life.Shop) {
		t := s.T
		book := func() { require.NoError(t, w.payouts.Book(t.Context())) }
		order := func(id, amount string) (uuid, address string) {
			made := w.create(t, `{"order_id":"`+id+`","amount":"`+amount+`","currency":"COIN","url_callback":"https://shop.example/in"}`)
			return made["uuid"].(string), made["address"].(string)
		}
		first, firstAt := order("first", "1")
		second, secondAt := order("second", "2")
		w.pay(firstAt, "COIN", "1500000000000000000")
		w.pay(secondAt, "COIN", "2000000000000000000")
		s.Pass(time.Minute)
		s.Mine(2)
		book()
		require.Equal(t, []any{"paid_over", "paid"}, []any{w.info(t, "first")["status"], w.info(t, "second")["status"]})
		require.Equal(t, []string{"available 3440000000000000000", "commission 60000000000000000"}, []string{w.has(t, w.shop.id, coin), w.has(t, "", coin)})

		_, _, err := w.payouts.Refund(t.Context(), payout.RefundRequest{Project: w.shop.id, Key: "excess", Invoice: first, Over: true, To: "receiver-payer"})
		require.NoError(t, err)
		w.post(t, "/payment/refund", `{"uuid":"`+second+`","address":"receiver-payer","is_subtract":false}`).done(t)
		part := w.payOut(t, `{"order_id":"part","address":"receiver-1","is_subtract":true,"amount":"0.5","currency":"COIN","url_callback":"https://shop.example/out"}`)
		rest := w.balanceOf(t, "COIN")
		require.Equal(t, part["balance"], rest)
		all := w.payOut(t, `{"order_id":"all","address":"receiver-2","is_subtract":false,"amount":"`+rest.String()+`","currency":"COIN","url_callback":"https://shop.example/out"}`)
		require.Equal(t, json.Number("0"), all["balance"])
		w.out(t, "/payout", `{"order_id":"more","address":"receiver-2","is_subtract":true,"amount":"0.1","currency":"COIN"}`).message(t, "Not enough funds")

		before := len(s.Received())
		page, err := w.payouts.Payouts(t.Context(), payout.Query{Project: w.shop.id, Oldest: true})
		require.NoError(t, err)
		require.Len(t, page.Payouts, 4)
		for range page.Payouts {
			w.look(t, "sim:1")
		}
		txids := map[string]string{}
		for _, p := range page.Payouts {
			txids[p.ID] = w.mine(t, p.ID, false)
		}
		s.Pass(time.Minute)
		require.Equal(t, "refund_paid", w.info(t, "second")["status"])
		require.Equal(t, "available 2400000000000000", w.has(t, w.shop.id, coin), "what the network did not take of four fees")

		told := map[string]string{}
		for _, h := range s.Received()[before:] {
			require.Equal(t, "https://shop.example/out", h.URL)
			var body struct {
				OrderID string `json:"order_id"`
			}
			require.NoError(t, json.Unmarshal([]byte(h.Body), &body))
			told[body.OrderID] = h.Body
		}
		hook := func(p map[string]any, order, amount, merchant string) string {
			uuid := p["uuid"].(string)
			bare := `{"type":"payout","uuid":"` + uuid + `","order_id":"` + order + `","amount":"` + amount + `","merchant_amount":"` + merchant + `","commission":"0.00040000",` +
				`"is_final":true,"status":"paid","txid":"` + txids[uuid] + `","currency":"COIN","network":"sim","payer_currency":"COIN","payer_amount":"` + amount + `"`
			return bare + `,"sign":"` + cryptomus.Signature([]byte(bare+"}"), w.shop.payout) + `"}`
		}
		require.Equal(t, map[string]string{"part": hook(part, "part", "0.50000000", "0.50040000"), "all": hook(all, "all", "0.43700000", "0.43740000")}, told)
		w.sound(t)
		totals, err := w.payouts.Solvency(t.Context())
		require.NoError(t, err)
		require.Equal(t, "62400000000000000", totals[0].Owed.String(), "the commission, and the rests of fees")
	})
}
