package cryptomus_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestIncident43_SignatureVectors(t *testing.T) {
	for _, c := range []struct{ key, body, sign string }{
		{"test-payment-key-0000", ``, "30f9f07126f706234b500637ce1807e9"},
		{"test-payment-key-0000", `{}`, "5b72cf91180784be794a1ee4fbddc110"},
		{"test-payment-key-0000", `{"amount":"15","currency":"USD","order_id":"1"}`, "716241693c5e5f72cb7b37be38d8fd6c"},
		{"test-payment-key-0000", `{"amount":"15","currency":"USD","order_id":"1","url_callback":"https:\/\/shop.example\/cb"}`, "def3877900964b09a41728f514e84a93"},
		{"test-payment-key-0000", `{"amount":"15","currency":"USD","order_id":"1","url_callback":"https://shop.example/cb"}`, "75a6eeb6cc9706d1497c4a55a9e94db5"},
		{"key123", `{"amount":"15","currency":"USD","order_id":"1"}`, "33782f88d6528fa5228ba1a6f8b5ec12"},
		{"key123", `{"amount": "15", "currency": "USD", "order_id": "1"}`, "f8f63dfe17266fdf8d992c48f49f5a22"},
		{"key123", ``, "d8ea7326e6ec5916accd6e0c9d264c63"},
		{"key123", `{}`, "9bc2e9a35543e0837d67d17883afface"},
		{"key123", `[]`, "f4b093e26ae18d19c52edfa7d36489fa"},
		{"key123", `{"order_id":"a\/b","additional_data":"Zażółć \"q\" \/ 日本","txid":"https:\/\/e\/x"}`, "82c1a3b1863cfb279bb698fccc6fda45"},
		{"key123", `{"type":"payment","uuid":"26109ba0-b05b-4ee0-93d1-fd62c822ce95","order_id":"1","amount":"15.00000000","payment_amount":"15.00000000","payment_amount_usd":"15.00","merchant_amount":"14.94000000","commission":"0.06000000","is_final":true,"status":"paid","from":null,"wallet_address_uuid":null,"network":"tron","currency":"USD","payer_currency":"USDT","additional_data":"a\/b","txid":"00"}`, "9ad939996df4f9e286a90007a6d7c538"},
		{"test-payment-key-0000", `{"type":"payment","uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d","order_id":"o-1","amount":"3.00000000","payment_amount":"3.00000000","payment_amount_usd":"0.23","merchant_amount":"2.94000000","commission":"0.06000000","is_final":true,"status":"paid","from":null,"wallet_address_uuid":null,"network":"tron","currency":"TRX","payer_currency":"TRX","additional_data":"a\/b <é> & c","txid":"6f0d"}`, "0fc3b0df16ba071b9c29a865f69b63ef"},
	} {
		require.Equal(t, c.sign, cryptomus.Signature([]byte(c.body), c.key), c.body)
	}
	require.Equal(t, "6e28a19c203b3c4c144730be1ea7d9dc", cryptomus.Signature([]byte(`{"type":"payment","uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d","order_id":"o-1","amount":"3.00000000","payment_amount":"3.00000000","payment_amount_usd":"0.23","merchant_amount":"2.94000000","commission":"0.06000000","is_final":true,"status":"paid","from":null,"wallet_address_uuid":null,"network":"tron","currency":"TRX","payer_currency":"TRX","additional_data":"a/b <é> & c","txid":"6f0d"}`), "test-payment-key-0000"),
		"a slash that is not escaped makes another signature")
}

func completed(inv invoice.Invoice) invoice.Event {
	return invoice.Event{
		ID: "evt_" + inv.ID + "_3", Invoice: inv.ID, Project: inv.Project, Seq: 3, Type: invoice.EventCompleted,
		From: invoice.StatusPending, To: invoice.StatusCompleted, At: time.Unix(1614265330, 0),
		Body: json.RawMessage(`{"type":"invoice.completed"}`),
	}
}

var trx = chain.Asset{ID: "tron:0x2b6653dc/slip44:195", Code: "TRX", Decimals: 6}

// tron3 returns a paid invoice of 3 TRX that includes 2 % commission, quoted in dollars.
func tron3() invoice.Invoice {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return invoice.Invoice{
		ID: "62f88b36-a9d5-4fa6-aa26-e040c3dbf26d", Project: "p1", OrderID: "o-1", CallbackURL: "https://shop.example/hook",
		Format: cryptomus.FormatName, Price: invoice.Price{Currency: "TRX", Amount: decimal.NewFromInt(3)},
		Quote: &invoice.Quote{
			Asset: trx, Due: big.NewInt(3_000_000), Fee: big.NewInt(60_000), Address: "TAddress",
			Rate: rates.Rate{Pair: rates.Pair{Base: "TRX", Quote: "USD"}, Value: decimal.RequireFromString("0.077")},
		},
		Data:  map[string]string{"additional_data": "a/b <é> & c"},
		State: invoice.State{Status: invoice.StatusCompleted, Closed: true, Outcome: invoice.OutcomeExact, Received: big.NewInt(3_000_000), Confirmed: big.NewInt(3_000_000), Counted: big.NewInt(3_000_000), CompletedAt: at},
		Payments: []invoice.Payment{
			{Key: chain.Key{Network: trx.ID.Network(), TxID: "6f0d", Index: "0"}, Asset: trx.ID, From: "TPayer", Units: big.NewInt(3_000_000), FirstSeen: at},
			{Key: chain.Key{Network: trx.ID.Network(), TxID: "dead", Index: "0"}, Asset: trx.ID, From: "TOther", Units: big.NewInt(1), FirstSeen: at.Add(time.Hour), Withdrawn: true},
		},
	}
}

func bodyOf(t *testing.T, ev invoice.Event, inv invoice.Invoice) string {
	t.Helper()
	body, tell := cryptomus.NewFormat().Body(ev, inv)
	require.True(t, tell)
	return string(body)
}

func TestA25_WebhookIsGolden(t *testing.T) {
	require.Equal(t, `{"type":"payment","uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d","order_id":"o-1","amount":"3.00000000",`+
		`"payment_amount":"3.00000000","payment_amount_usd":"0.23","merchant_amount":"2.94000000","commission":"0.06000000",`+
		`"is_final":true,"status":"paid","from":"TPayer","wallet_address_uuid":null,"network":"tron","currency":"TRX",`+
		`"payer_currency":"TRX","payer_amount":"3.00000000","payer_amount_exchange_rate":"1","transfer_id":null,`+
		`"additional_data":"a\/b <é> & c","txid":"6f0d"}`, bodyOf(t, completed(tron3()), tron3()))
}

func TestWebhookOfWhatWasNeverPaid(t *testing.T) {
	inv := tron3()
	inv.Payments, inv.Data = nil, nil
	inv.State = invoice.State{Status: invoice.StatusExpired, Closed: true}
	ev := completed(inv)
	ev.Type, ev.To = invoice.EventExpired, invoice.StatusExpired
	require.Equal(t, `{"type":"payment","uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d","order_id":"o-1","amount":"3.00000000",`+
		`"payment_amount":"0.00000000","payment_amount_usd":"0.00","merchant_amount":"0.00000000","commission":"0.00000000",`+
		`"is_final":true,"status":"cancel","from":null,"wallet_address_uuid":null,"network":"tron","currency":"TRX",`+
		`"payer_currency":"TRX","payer_amount":"3.00000000","payer_amount_exchange_rate":"1","transfer_id":null,`+
		`"additional_data":null}`, bodyOf(t, ev, inv), "without a payment there is no txid at all")

	inv.Quote, inv.Price = nil, invoice.Price{Currency: "USD", Amount: decimal.RequireFromString("15.5")}
	require.Contains(t, bodyOf(t, ev, inv), `"amount":"15.50000000","payment_amount":"0.00000000","payment_amount_usd":null,`)
	require.Contains(t, bodyOf(t, ev, inv), `"network":null,"currency":"USD","payer_currency":null,"payer_amount":null,"payer_amount_exchange_rate":null,`)
}

func TestFormatNamesAssetsAsItsClientsDo(t *testing.T) {
	for network, want := range map[chain.Network]string{
		"eip155:1": "eth", "eip155:10": "optimism", "eip155:56": "bsc", "eip155:137": "polygon", "eip155:8453": "base",
		"eip155:42161": "arbitrum", "eip155:43114": "avalanche", "tron:0x2b6653dc": "tron",
		"bip122:000000000019d6689c085ae165831e93": "btc", "bip122:12a765e31ffd4059bada1e25190f6e98": "ltc",
		"bip122:1a91e3dace36e2be3bf030a65679fe82": "doge", "bip122:000000000000000000651ef99cb9fcbe": "bch", "sim:1": "sim:1",
	} {
		named := cryptomus.NewCurrency(chain.Asset{ID: chain.AssetID(network + "/slip44:1"), Code: "USDT_XYZ"})
		require.Equal(t, want, named.Network)
		require.Equal(t, "USDT", named.Code)
	}
	inv := tron3()
	inv.Quote.Asset.Code, inv.Price.Currency = "USDT_TRC20", "USDT_TRC20"
	for _, f := range []webhook.Format{
		cryptomus.NewFormat(), cryptomus.NewFormat(cryptomus.Currency{Code: "USDT", Network: "tron", Asset: inv.Quote.Asset}),
	} {
		body, _ := f.Body(completed(inv), inv)
		require.Contains(t, string(body), `"network":"tron","currency":"USDT","payer_currency":"USDT"`)
	}
}

// The cases are all combinations that the table of statuses distinguishes.
func TestStatusTable(t *testing.T) {
	other := chain.AssetID("tron:0x2b6653dc/trc20:T")
	unvalued := invoice.Payment{Asset: other, Units: big.NewInt(1)}
	valued, gone, elsewhere := unvalued, unvalued, unvalued
	valued.Credit, gone.Withdrawn, elsewhere.Asset = big.NewInt(1), true, "eip155:1/slip44:60"
	const exact, over, under = invoice.OutcomeExact, invoice.OutcomeOver, invoice.OutcomeUnder
	for _, c := range []struct {
		name     string
		status   invoice.Status
		outcome  invoice.Outcome
		closed   bool
		received int64
		payment  *invoice.Payment
		want     string
		final    bool
	}{
		{"nothing yet", invoice.StatusNew, 0, false, 0, nil, "check", false},
		{"late money that does not count", invoice.StatusNew, invoice.OutcomeLate | exact, false, 3e6, &valued, "check", false},
		{"money without a rate", invoice.StatusNew, invoice.OutcomeOtherAsset, false, 0, &unvalued, "process", false},
		{"... that vanished", invoice.StatusNew, 0, false, 0, &gone, "check", false},
		{"... on another network", invoice.StatusNew, 0, false, 0, &elsewhere, "check", false},
		{"enough was seen", invoice.StatusPending, exact, false, 3e6, nil, "confirm_check", false},
		{"more was seen", invoice.StatusPending, over, false, 4e6, nil, "confirm_check", false},
		{"too little, open", invoice.StatusPaidPartial, under, false, 1e6, nil, "wrong_amount_waiting", false},
		{"too little, closed", invoice.StatusPaidPartial, under, true, 1e6, nil, "wrong_amount", true},
		{"too little, closed, not confirmed", invoice.StatusPaidPartial, under, true, 1e6, nil, "confirm_check", false},
		{"exact", invoice.StatusCompleted, exact, true, 3e6, nil, "paid", true},
		{"exact in another asset", invoice.StatusCompleted, exact | invoice.OutcomeOtherAsset, true, 3e6, nil, "paid", true},
		{"taken as paid", invoice.StatusCompleted, 0, true, 0, nil, "paid", true},
		{"taken as paid with too little", invoice.StatusCompleted, under, true, 1e6, nil, "paid", true},
		{"too much", invoice.StatusCompleted, over, true, 3e6 + 1, nil, "paid_over", true},
		{"too much, some of it late", invoice.StatusCompleted, over | invoice.OutcomeLate, true, 4e6, nil, "paid_over", true},
		{"reverted", invoice.StatusCompleted, invoice.OutcomeReverted, true, 0, nil, "fail", true},
		{"reverted with the rest there", invoice.StatusCompleted, under | invoice.OutcomeReverted, true, 1e6, nil, "fail", true},
		{"expired", invoice.StatusExpired, 0, true, 0, nil, "cancel", true},
		{"expired with late money on hold", invoice.StatusExpired, exact | invoice.OutcomeLate, true, 3e6, nil, "cancel", true},
		{"cancelled", invoice.StatusCancelled, 0, true, 0, nil, "cancel", true},
		{"cancelled and paid after that", invoice.StatusCancelled, over, true, 9e6, nil, "cancel", true},
		{"archived unpaid", invoice.StatusArchived, 0, true, 0, nil, "cancel", true},
		{"archived with too little", invoice.StatusArchived, under, true, 1e6, nil, "wrong_amount", true},
		{"archived paid", invoice.StatusArchived, exact, true, 3e6, nil, "paid", true},
		{"archived paid with too much", invoice.StatusArchived, over, true, 5e6, nil, "paid_over", true},
		{"archived and reverted", invoice.StatusArchived, invoice.OutcomeReverted, true, 0, nil, "fail", true},
	} {
		inv := tron3()
		inv.State.Status, inv.State.Outcome, inv.State.Closed = c.status, c.outcome, c.closed
		inv.State.Received, inv.State.Counted, inv.Payments = big.NewInt(c.received), big.NewInt(c.received), nil
		if inv.State.Confirmed = nil; c.final {
			inv.State.Confirmed = inv.State.Counted
		}
		if inv.State.CompletedAt = time.Unix(1, 0); c.want != "paid" && c.want != "paid_over" && c.want != "fail" {
			inv.State.CompletedAt = time.Time{}
		}
		if c.payment != nil {
			inv.Payments = []invoice.Payment{*c.payment}
		}
		before, err := json.Marshal(inv)
		require.NoError(t, err)
		got := cryptomus.Summarize(inv)
		require.EqualValues(t, c.want, got.Status, c.name)
		require.Equal(t, c.final, got.Final, c.name)
		after, err := json.Marshal(inv)
		require.NoError(t, err)
		require.Equal(t, before, after, "it changes nothing")
	}
	require.EqualValues(t, "check", cryptomus.Summarize(invoice.Invoice{State: invoice.State{Status: invoice.StatusNew}, Payments: []invoice.Payment{unvalued}}).Status, "no coin is chosen")
}

func TestA34_WhoPaysTheAmountThatWasShownHasPaidExactly(t *testing.T) {
	inv := tron3()
	inv.Quote.Asset = chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}
	inv.Quote.Due, _ = new(big.Int).SetString("12345678901234567", 10)      // 0.012345678901234567
	inv.State.Received, _ = new(big.Int).SetString("12345680000000000", 10) // 0.01234568, rounded up
	inv.State.Outcome, inv.State.Confirmed = invoice.OutcomeOver, inv.State.Received
	require.EqualValues(t, "paid", cryptomus.Summarize(inv).Status)
	inv.State.Received = new(big.Int).Add(inv.State.Received, big.NewInt(1e10))
	require.EqualValues(t, "paid_over", cryptomus.Summarize(inv).Status)
}

func TestIncident7_AFinalStatusCreditsWhatIsConfirmed(t *testing.T) {
	inv := tron3()
	inv.State.Received, inv.State.Outcome = big.NewInt(9_000_000), invoice.OutcomeOver // 6 TRX more were just seen
	s := cryptomus.Summarize(inv)
	require.EqualValues(t, "paid_over", s.Status)
	require.Equal(t, []int64{3_000_000, 60_000, 2_940_000}, []int64{s.Paid.Int64(), s.Commission.Int64(), s.Credited.Int64()})
	inv.State.Status, inv.State.Confirmed = invoice.StatusPending, new(big.Int)
	require.EqualValues(t, 9_000_000, cryptomus.Summarize(inv).Paid.Int64(), "and before that what was seen is shown")
	inv.State.Status = invoice.StatusExpired
	s = cryptomus.Summarize(inv)
	require.EqualValues(t, 9_000_000, s.Paid.Int64(), "late money is visible ...")
	require.Equal(t, []int{0, 0}, []int{s.Commission.Sign(), s.Credited.Sign()}, "... and not credited")
}

func TestA15_FormatTellsEachChangeOnce(t *testing.T) {
	const nw, pending, partial, done = invoice.StatusNew, invoice.StatusPending, invoice.StatusPaidPartial, invoice.StatusCompleted
	for _, c := range []struct {
		name     string
		typ      invoice.EventType
		to       invoice.Status // of the event
		status   invoice.Status // of the invoice after it
		outcome  invoice.Outcome
		closed   bool
		told     string
		received int64
	}{
		{"created", invoice.EventCreated, nw, nw, 0, false, "", 0},
		{"coin chosen", invoice.EventAssetChosen, nw, nw, 0, false, "", 0},
		{"first money", invoice.EventPaymentReceived, nw, pending, invoice.OutcomeExact, false, "", 3e6},
		{"seen", invoice.EventPending, pending, pending, invoice.OutcomeExact, false, "confirm_check", 3e6},
		{"vanished", invoice.EventPaymentLost, pending, nw, 0, false, "", 0},
		{"new again", invoice.EventReopened, nw, nw, 0, false, "", 0},
		{"too little", invoice.EventPaidPartial, partial, partial, invoice.OutcomeUnder, false, "", 1e6},
		{"too little at once", invoice.EventPaidPartial, partial, partial, invoice.OutcomeUnder, true, "confirm_check", 1e6},
		{"too little and confirmed", invoice.EventConfirmed, partial, partial, invoice.OutcomeUnder, true, "wrong_amount", 1e6},
		{"too little in the end", invoice.EventClosed, partial, partial, invoice.OutcomeUnder, true, "wrong_amount", 1e6},
		{"money that completes", invoice.EventPaymentReceived, nw, done, invoice.OutcomeOver, true, "", 4e6},
		{"completed", invoice.EventCompleted, done, done, invoice.OutcomeExact, true, "paid", 3e6},
		{"completed with more", invoice.EventCompleted, done, done, invoice.OutcomeOver, true, "paid_over", 4e6},
		{"more after that", invoice.EventPaymentReceived, done, done, invoice.OutcomeOver, true, "paid_over", 4e6},
		{"dust after that", invoice.EventPaymentReceived, done, done, invoice.OutcomeExact, true, "", 3e6},
		{"more is gone again", invoice.EventPaymentLost, done, done, invoice.OutcomeExact, true, "paid", 3e6},
		{"all is gone", invoice.EventPaymentLost, done, done, invoice.OutcomeReverted, true, "", 0},
		{"reverted", invoice.EventReverted, done, done, invoice.OutcomeReverted, true, "fail", 0},
		{"restored", invoice.EventRestored, done, done, invoice.OutcomeExact, true, "paid", 3e6},
		{"expired", invoice.EventExpired, invoice.StatusExpired, invoice.StatusExpired, 0, true, "cancel", 0},
		{"late, on hold", invoice.EventPaymentReceived, invoice.StatusExpired, invoice.StatusExpired, invoice.OutcomeLate, true, "", 3e6},
		{"cancelled", invoice.EventCancelled, invoice.StatusCancelled, invoice.StatusCancelled, 0, true, "cancel", 0},
		{"archived", invoice.EventArchived, invoice.StatusArchived, invoice.StatusArchived, 0, true, "", 0},
	} {
		inv := tron3()
		inv.State.Status, inv.State.Outcome, inv.State.Closed, inv.State.Received = c.status, c.outcome, c.closed, big.NewInt(c.received)
		inv.State.Counted, inv.State.Confirmed = inv.State.Received, nil
		if c.told != "confirm_check" {
			inv.State.Confirmed = inv.State.Counted
		}
		ev := completed(inv)
		ev.Type, ev.To = c.typ, c.to
		body, tell := cryptomus.NewFormat().Body(ev, inv)
		require.Equal(t, c.told != "", tell, c.name)
		if tell {
			require.Contains(t, string(body), `"status":"`+c.told+`"`, c.name)
		}
	}
}

// wallet returns a static wallet with one deposit.
func wallet() (invoice.Invoice, invoice.Event) {
	inv := tron3()
	inv.Terms.Standing, inv.Data = true, nil
	inv.Price.Amount, inv.Quote.Due, inv.Quote.Fee, inv.Quote.Rate = decimal.Zero, new(big.Int), nil, rates.Rate{}
	inv.State = invoice.State{Status: invoice.StatusNew}
	inv.Payments = inv.Payments[:1]
	inv.Payments[0].Invoice, inv.Payments[0].MaturedAt = inv.ID, inv.Payments[0].FirstSeen
	body, _ := json.Marshal(invoice.Payload{Data: invoice.PayloadData{Payment: &invoice.PayloadPayment{
		TxID: "6f0d", Index: "0", Asset: trx.ID, Units: "3000000",
	}}})
	ev := completed(inv)
	ev.Type, ev.From, ev.To, ev.Body = invoice.EventDeposit, invoice.StatusNew, invoice.StatusNew, body
	return inv, ev
}

func TestFormatTellsEachDepositToAWallet(t *testing.T) {
	inv, ev := wallet()
	first := bodyOf(t, ev, inv)
	require.Regexp(t, `^\{"type":"wallet","uuid":"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}","order_id":"o-1","amount":"3\.00000000",`+
		`"payment_amount":"3\.00000000","payment_amount_usd":null,"merchant_amount":"3\.00000000","commission":"0\.00000000",`+
		`"is_final":true,"status":"paid","from":"TPayer","wallet_address_uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d",`+
		`"network":"tron","currency":"TRX","payer_currency":"TRX","payer_amount":"3\.00000000","payer_amount_exchange_rate":"1",`+
		`"transfer_id":null,"additional_data":null,"txid":"6f0d"\}$`, first)
	require.Equal(t, first, bodyOf(t, ev, inv), "the same deposit has the same uuid")

	lost := ev
	lost.Type = invoice.EventPaymentLost
	require.Equal(t, strings.Replace(first, `"status":"paid"`, `"status":"fail"`, 1), bodyOf(t, lost, inv))

	seen := ev
	seen.Type = invoice.EventPaymentReceived
	_, tell := cryptomus.NewFormat().Body(seen, inv)
	require.False(t, tell, "not deep enough yet")
	ev.Body = json.RawMessage(`{}`)
	_, tell = cryptomus.NewFormat().Body(ev, inv)
	require.False(t, tell, "about no payment")
}

func TestIncident10_ADepositInAnotherAssetIsNotToldAsTheWallets(t *testing.T) {
	inv, ev := wallet()
	inv.Payments[0].Asset = "tron:0x2b6653dc/trc20:TWorthless"
	ev.Body = bytes.ReplaceAll(ev.Body, []byte(trx.ID), []byte("tron:0x2b6653dc/trc20:TWorthless"))
	_, tell := cryptomus.NewFormat().Body(ev, inv)
	require.False(t, tell)
}

func TestWhatComesAfterAWalletWasBlockedIsNotTold(t *testing.T) {
	for after, want := range map[time.Duration]bool{-time.Second: true, time.Second: false} {
		inv, ev := wallet()
		inv.State.Status = invoice.StatusCancelled
		inv.Actions = []invoice.Action{{N: 1, Kind: invoice.ActionCancel, At: inv.Payments[0].FirstSeen.Add(-after)}}
		_, tell := cryptomus.NewFormat().Body(ev, inv)
		require.Equal(t, want, tell)
	}
}

func TestWebhooksAreSignedWithThePaymentKey(t *testing.T) {
	n, err := webhook.NewNotifier(cryptomus.NewFormat())
	require.NoError(t, err)
	rules := n.Rules()[cryptomus.FormatName]
	require.Equal(t, "payment", rules.Key)
	m := n.Messages(completed(tron3()), tron3(), nil)[0]
	frozen := bytes.Clone(m.Body)
	signed, header, err := rules.Sign(m, "test-payment-key-0000")
	require.NoError(t, err)
	require.Empty(t, header)
	require.Equal(t, string(frozen[:len(frozen)-1])+`,"sign":"`+cryptomus.Signature(frozen, "test-payment-key-0000")+`"}`, string(signed))
	require.Equal(t, frozen, m.Body, "a retry signs the same bytes")
	for _, body := range []string{``, `{`, `{}`, `[1]`, `"text"`} {
		_, err := cryptomus.Signed([]byte(body), "key")
		require.Error(t, err, body)
	}
	_, _, err = rules.Sign(m, "")
	require.Error(t, err, "no key, no signature")
}

// refusing is a shop's endpoint that refuses the first delivery.
type refusing struct {
	first  int // status
	bodies []string
}

func (r *refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	status := http.StatusNoContent
	if len(r.bodies) == 0 {
		status = r.first
	}
	r.bodies = append(r.bodies, string(body))
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// An order that the shop does not know yet, a firewall or a redirect may be a temporary problem.
func TestWebhooksAreDeliveredAgainUntilTheyAreTaken(t *testing.T) {
	for _, refusal := range []int{301, 302, 400, 401, 403, 404, 410, 500} {
		synctest.Test(t, func(t *testing.T) {
			n, err := webhook.NewNotifier(cryptomus.NewFormat())
			require.NoError(t, err)
			kept, shop := store.NewMemory(), &refusing{first: refusal}
			projects, err := invoice.NewProjects(kept, nil)
			require.NoError(t, err)
			project, _, err := projects.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
			require.NoError(t, err)
			key, err := projects.MakeKey(t.Context(), project.ID, cryptomus.PaymentKey, 0)
			require.NoError(t, err)
			d, err := webhook.New(webhook.Config{
				Outbox: kept, Secrets: projects, Keys: projects, Rules: n.Rules(),
				Client: &http.Client{
					Transport: shop, Timeout: time.Second,
					CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
				},
			})
			require.NoError(t, err)
			inv := tron3()
			inv.Project = project.ID
			ev := completed(inv)
			ev.At = time.Now()
			require.NoError(t, kept.Commit(t.Context(), invoice.Batch{Messages: n.Messages(ev, inv, nil)}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.NoError(t, d.Run(ctx))

			records, err := kept.History(t.Context(), ev.Invoice, 0)
			require.NoError(t, err)
			require.Equal(t, webhook.StateDelivered, records[0].State, refusal)
			require.Len(t, records[0].Attempts, 2, refusal)
			require.Len(t, shop.bodies, 2)
			require.Equal(t, shop.bodies[0], shop.bodies[1], "a retry is the same bytes")
			require.True(t, phpVerifies(t, []byte(shop.bodies[0]), key, false))
		})
	}
}

func TestIncident44_ATestIsMarked(t *testing.T) {
	for status, final := range map[string]bool{"paid": true, "process": false, "check": false, "refund_process": false, "system_fail": true} {
		for kind, address := range map[string]string{"payment": "null", "wallet": `"u-1"`} {
			body := cryptomus.TestMessage{
				Type: kind, UUID: "u-1", OrderID: "o/1", Status: cryptomus.Status(status), Currency: cryptomus.NewCurrency(trx),
			}.Body()
			require.True(t, json.Valid(body))
			require.Contains(t, string(body), fmt.Sprintf(`"is_final":%t,"status":"%s","from":null,"wallet_address_uuid":%s,"network":"tron","currency":"TRX"`, final, status, address))
			require.True(t, strings.HasSuffix(string(body), `,"is_test":true}`))
		}
	}
}

// phpVerifies verifies like receivers in PHP: it decodes, removes the signature, encodes again and compares. With escapes it
// encodes without JSON_UNESCAPED_UNICODE.
func phpVerifies(t *testing.T, signed []byte, key string, escapes bool) bool {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(signed))
	dec.UseNumber()
	open, err := dec.Token()
	require.NoError(t, err)
	require.Equal(t, json.Delim('{'), open)
	sign, out := "", "{"
	for dec.More() {
		name, err := dec.Token()
		require.NoError(t, err)
		value, err := dec.Token()
		require.NoError(t, err)
		if name == "sign" {
			sign = value.(string)
			continue
		}
		if len(out) > 1 {
			out += ","
		}
		out += phpString(name.(string), escapes) + ":"
		switch v := value.(type) {
		case nil:
			out += "null"
		case bool:
			out += fmt.Sprint(v)
		case string:
			out += phpString(v, escapes)
		default:
			t.Fatalf("%T may change in PHP", value)
		}
	}
	sum := md5.Sum([]byte(base64.StdEncoding.EncodeToString([]byte(out+"}")) + key))
	return sign == hex.EncodeToString(sum[:])
}

// phpString encodes as PHP 8 does. It follows PHP's rules, not the code under test.
func phpString(s string, escapes bool) string {
	var out strings.Builder
	for _, r := range s {
		short := strings.IndexRune("\"\\/\b\f\n\r\t", r)
		switch {
		case short >= 0:
			out.WriteString(`\` + `"\/bfnrt`[short:short+1])
		case r < 0x20, r == 0x2028, r == 0x2029, escapes && r >= 0x80 && r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		case escapes && r >= 0x10000:
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out.WriteRune(r)
		}
	}
	return `"` + out.String() + `"`
}

// anyText returns a text of characters on which serialisers disagree.
func anyText(r *rand.Rand, ascii bool) string {
	const plain = "ab/\\\"'<>&\b\f\n\r\t\x00\x01\x1f\x7f {}[]:,0"
	const wide = "éżЖ日本\u2028\u2029\ufeff\ufffd\u00a0😀𝒳\u0301"
	out := ""
	for range r.IntN(12) {
		if from := []rune(plain); ascii || r.IntN(2) == 0 {
			out += string(from[r.IntN(len(from))])
		} else {
			from = []rune(wide)
			out += string(from[r.IntN(len(from))])
		}
	}
	return out
}

// anyBody returns the body of any kind of webhook: of a paid or unpaid invoice, of a deposit, or of a test.
func anyBody(t *testing.T, r *rand.Rand, ascii bool) []byte {
	t.Helper()
	text := func() string { return anyText(r, ascii) }
	inv, ev := tron3(), completed(tron3())
	switch r.IntN(4) {
	case 0:
		inv.Payments, inv.State = nil, invoice.State{Status: invoice.StatusExpired, Closed: true}
		ev.Type, ev.To = invoice.EventExpired, invoice.StatusExpired
	case 1:
		inv, ev = wallet()
		inv.Data = map[string]string{}
	case 2:
		return cryptomus.TestMessage{
			Type: "payment", UUID: text(), OrderID: text(), Status: "paid",
			Currency: cryptomus.Currency{Code: text(), Network: text(), Asset: trx},
		}.Body()
	}
	inv.OrderID, inv.Data["additional_data"] = text(), text()
	for i := range inv.Payments[:min(1, len(inv.Payments))] {
		txid := text()
		quoted, err := json.Marshal(txid)
		require.NoError(t, err)
		inv.Payments[i].Key.TxID, inv.Payments[i].From = txid, chain.Address(text())
		ev.Body = bytes.ReplaceAll(ev.Body, []byte(`"6f0d"`), quoted)
	}
	body, tell := cryptomus.NewFormat().Body(ev, inv)
	require.True(t, tell)
	return body
}

func anySigned(t *testing.T, r *rand.Rand, ascii bool) (signed []byte, key string) {
	t.Helper()
	key = anyText(r, true) + "k"
	signed, err := cryptomus.Signed(anyBody(t, r, ascii), key)
	require.NoError(t, err)
	require.True(t, json.Valid(signed), "%s", signed)
	return signed, key
}

func TestIncident43_WhateverIsToldVerifiesAfterDecodingAndEncodingInPHP(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 4000 {
		ascii := i%2 == 0
		signed, key := anySigned(t, r, ascii)
		require.True(t, phpVerifies(t, signed, key, false), "%s", signed)
		if ascii {
			require.True(t, phpVerifies(t, signed, key, true), "%s", signed)
		}
		require.False(t, phpVerifies(t, signed, key+"x", false))
	}
}

// phpReceiver is a shop's code in PHP. Each line of input has a key and a body in base64.
const phpReceiver = `while (($line = fgets(STDIN)) !== false) {
	[$key, $body] = array_map('base64_decode', explode(' ', trim($line)));
	foreach ([JSON_UNESCAPED_UNICODE, 0] as $flags) {
		$data = json_decode($body, true);
		$sign = $data['sign'];
		unset($data['sign']);
		echo hash_equals($sign, md5(base64_encode(json_encode($data, $flags)) . $key)) ? 'y' : 'n';
	}
	echo "\n";
}`

func TestPHPVerifiesWhateverIsTold(t *testing.T) {
	php := lookUpPHP(t)
	r := rand.New(rand.NewPCG(3, 4))
	var in bytes.Buffer
	const n = 2000
	for i := range n {
		signed, key := anySigned(t, r, i%2 == 0)
		fmt.Fprintln(&in, base64.StdEncoding.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString(signed))
	}
	cmd := exec.CommandContext(t.Context(), php, "-r", phpReceiver)
	cmd.Stdin, cmd.Stderr = &in, io.Discard
	out, err := cmd.Output()
	require.NoError(t, err)
	answers := strings.Fields(string(out))
	require.Len(t, answers, n)
	for i, answer := range answers {
		require.Equal(t, byte('y'), answer[0], "message %d", i)
		if i%2 == 0 {
			require.Equal(t, "yy", answer, "ASCII verifies without the flag as well")
		}
	}
}

func TestFormatDoesNotNameDustAsWhatPaid(t *testing.T) {
	inv := tron3()
	dust := inv.Payments[0]
	dust.Key.TxID, dust.From, dust.Units, dust.Dust = "d057", "TDust", big.NewInt(1), true
	dust.FirstSeen = dust.FirstSeen.Add(time.Minute)
	want := bodyOf(t, completed(inv), inv)
	inv.Payments = append(inv.Payments, dust)
	require.Equal(t, want, bodyOf(t, completed(inv), inv))

	dust.Credit = nil
	inv.Payments, inv.State = []invoice.Payment{dust}, invoice.State{Status: invoice.StatusNew}
	state := cryptomus.Summarize(inv)
	require.EqualValues(t, "check", state.Status, "dust waits for no value")
	require.Empty(t, state.TxID)
	require.Empty(t, state.From)
}

func TestFormatTellsNoDustOfAWalletAsLost(t *testing.T) {
	inv := tron3()
	inv.Terms.Standing, inv.State = true, invoice.State{Status: invoice.StatusNew}
	p := inv.Payments[0]
	body, err := json.Marshal(invoice.Payload{Data: invoice.PayloadData{Payment: &invoice.PayloadPayment{TxID: p.Key.TxID, Index: p.Key.Index, Asset: p.Asset}}})
	require.NoError(t, err)
	ev := invoice.Event{Type: invoice.EventPaymentLost, Body: body}
	_, tell := cryptomus.NewFormat().Body(ev, inv)
	require.True(t, tell)
	inv.Payments[0].Dust = true
	_, tell = cryptomus.NewFormat().Body(ev, inv)
	require.False(t, tell, "it was never told")
}
