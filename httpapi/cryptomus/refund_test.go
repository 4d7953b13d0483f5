package cryptomus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// refundBody asks for the refund of an order.
func refundBody(order, to string, subtract bool) string {
	return fmt.Sprintf(`{"order_id":%q,"address":%q,"is_subtract":%t}`, order, to, subtract)
}

// nth returns the nth refund of an invoice, or of a blocked wallet.
func (w *world) nth(t testing.TB, kind, id string, n int) payout.Payout {
	t.Helper()
	p, err := w.payouts.PayoutByKey(t.Context(), w.shop.id, fmt.Sprintf("%s/%s/%d", kind, id, n))
	require.NoError(t, err)
	return p
}

func TestARefundGivesBackAllThatWasPaidOnce(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	id := w.brings(t, "1", "1200000000000000000")
	require.Equal(t, "paid_over", w.info(t, "1")["status"])
	for range 3 {
		w.post(t, "/payment/refund", refundBody("1", "receiver-1", true)).says(t, 200, `{"state":0,"result":[]}`)
	}
	p := w.nth(t, "refund", id, 0)
	require.Equal(t, []any{"1200000000000000000", "receiver-1", payout.KindRefund}, []any{p.Units.String(), string(p.To), p.Kind})
	require.Equal(t, "available 9999000000000000000, reserved 1201000000000000000", w.has(t, w.shop.id, coin), "the fee is on top")
	w.post(t, "/payment/refund", refundBody("1", "receiver-2", true)).message(t, "The refund amount should not be more than the amount paid")
	w.post(t, "/payment/refund", refundBody("1", "receiver-1", false)).message(t, "The refund amount should not be more than the amount paid")

	got := w.info(t, "1")
	require.Equal(t, []any{"refund_process", "refund_process", false}, []any{got["status"], got["payment_status"], got["is_final"]})
	w.look(t, "sim:1")
	w.mine(t, p.ID, false)
	got = w.info(t, "1")
	require.Equal(t, []any{"refund_paid", "refund_paid", true}, []any{got["status"], got["payment_status"], got["is_final"]})
	require.Equal(t, "refund_paid", w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)["status"], "the same order")
	require.Contains(t, string(w.post(t, "/payment/list", "").body), `"payment_status":"refund_paid"`)
	w.sound(t)
}

func TestTheFeeOfARefundIsTakenOutOfItIfThatIsAskedFor(t *testing.T) {
	w := newWorld(t, options{})
	id := w.brings(t, "1", "1000000000000000000")
	w.post(t, "/payment/refund", refundBody("1", "receiver-1", true)).message(t, "Not enough funds")
	w.post(t, "/payment/refund", refundBody("1", "receiver-1", false)).done(t)
	require.Equal(t, "999000000000000000", w.nth(t, "refund", id, 0).Units.String())
	require.Equal(t, "reserved 1000000000000000000", w.has(t, w.shop.id, coin))
	w.post(t, "/payment/refund", refundBody("1", "receiver-1", false)).done(t)
	w.sound(t)
}

// done requires success with an empty result.
func (a answer) done(t testing.TB) {
	t.Helper()
	a.says(t, 200, `{"state":0,"result":[]}`)
}

func TestEitherKeyRefunds(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	w.brings(t, "1", "1000000000000000000")
	w.out(t, "/payment/refund", refundBody("1", "receiver-1", true)).done(t)
	w.post(t, "/payment/refund", refundBody("1", "receiver-1", true)).done(t)
}

func TestTheUUIDOfARefundTakesPrecedence(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	one := w.brings(t, "1", "1000000000000000000")
	w.brings(t, "2", "1000000000000000000")
	w.post(t, "/payment/refund", `{"uuid":"`+one+`","order_id":"2","address":"receiver-1","is_subtract":"1"}`).done(t)
	require.Equal(t, []any{"refund_process", "paid"}, []any{w.info(t, "1")["status"], w.info(t, "2")["status"]})
}

func TestOnlyWhatHasBroughtMoneyIsRefunded(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"new"}`)
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"marked"}`)
	w.post(t, "/payment/mark-as-paid", `{"order_id":"marked"}`).result(t)
	w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"wallet"}`).result(t)
	for order, says := range map[string]string{
		"new": "Refunds are made only for completed payments", "marked": "Refunds are made only for completed payments", "wallet": "Payment was not found",
		"nothing": "Payment was not found",
	} {
		w.post(t, "/payment/refund", refundBody(order, "receiver-1", true)).message(t, says)
	}
	w.brings(t, "tiny", "4")
	w.post(t, "/payment/refund", refundBody("tiny", "receiver-1", true)).message(t, "The amount is too small")
}

func TestARefundThatFailedIsMadeAgain(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	id := w.brings(t, "1", "1000000000000000000")
	w.post(t, "/payment/refund", refundBody("1", "receiver-1", true)).done(t)
	w.look(t, "sim:1")
	w.mine(t, w.nth(t, "refund", id, 0).ID, true)
	require.Equal(t, []any{"refund_fail", true}, []any{w.info(t, "1")["status"], w.info(t, "1")["is_final"]})
	w.post(t, "/payment/refund", refundBody("1", "receiver-2", true)).done(t)
	require.Equal(t, "refund_process", w.info(t, "1")["status"])
	w.look(t, "sim:1")
	w.mine(t, w.nth(t, "refund", id, 1).ID, false)
	require.Equal(t, "refund_paid", w.info(t, "1")["status"])
	w.sound(t)
}

func TestWhatIsHeldIsRefundedWhole(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	id := w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)["uuid"].(string)
	w.brought(t, id, "part", "400000000000000000", invoice.StatusPaidPartial, w.now())
	require.Equal(t, "available 10000000000000000000, held 400000000000000000", w.has(t, w.shop.id, coin))
	w.post(t, "/payment/refund", refundBody("1", "receiver-1", false)).done(t)
	require.Equal(t, "400000000000000000", w.nth(t, "refund", id, 0).Units.String(), "what is held is the payer's")
	w.sound(t)
}

func TestABlockedWalletsMoneyIsRefundedOnce(t *testing.T) {
	w := newWorld(t, options{})
	id := w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"w"}`).result(t)["uuid"].(string)
	w.brought(t, id, "before", "3000000000000000000", invoice.StatusNew, w.now())
	w.post(t, "/wallet/block-address", `{"order_id":"w"}`).result(t)
	const back = `{"order_id":"w","address":"receiver-2"}`
	w.post(t, "/wallet/blocked-address-refund", back).message(t, "Nothing to withdraw")
	w.brought(t, id, "after", "2000000000000000000", invoice.StatusCancelled, w.now().Add(time.Hour))
	w.brought(t, id, "later", "500000000000000000", invoice.StatusCancelled, w.now().Add(2*time.Hour))
	w.post(t, "/wallet/blocked-address-refund", back).says(t, 200, `{"state":0,"result":{"commission":"0.00100000","amount":"2.49900000"}}`)
	require.Equal(t, "available 3000000000000000000, reserved 2500000000000000000", w.has(t, w.shop.id, coin))
	w.post(t, "/wallet/blocked-address-refund", back).message(t, "Refund is in process")

	w.look(t, "sim:1")
	w.mine(t, w.nth(t, "blocked", id, 0).ID, true)
	w.post(t, "/wallet/blocked-address-refund", back).says(t, 200, `{"state":0,"result":{"commission":"0.00100000","amount":"2.49900000"}}`)
	w.look(t, "sim:1")
	w.mine(t, w.nth(t, "blocked", id, 1).ID, false)
	w.post(t, "/wallet/blocked-address-refund", back).message(t, "You can withdraw only once")
	w.sound(t)
}

func TestWhatABlockedWalletGotAndTheShopHasSpentIsNotRefunded(t *testing.T) {
	w := newWorld(t, options{})
	id := w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"w"}`).result(t)["uuid"].(string)
	w.post(t, "/wallet/block-address", `{"order_id":"w"}`).result(t)
	w.brought(t, id, "after", "2000000000000000000", invoice.StatusCancelled, w.now().Add(time.Hour))
	w.payOut(t, `{"order_id":"1","address":"receiver-1","is_subtract":true,"amount":"1","currency":"COIN"}`)
	w.post(t, "/wallet/blocked-address-refund", `{"uuid":"`+id+`","order_id":"other","address":"receiver-2"}`).message(t, "Not enough funds")

	_, _, err := w.payouts.Refund(t.Context(), payout.RefundRequest{
		Project: w.shop.id, Key: "by hand", Invoice: id, To: "receiver-2", Units: decimal.RequireFromString("0.5"),
	})
	require.NoError(t, err)
	w.post(t, "/wallet/blocked-address-refund", `{"order_id":"w","address":"receiver-2"}`).message(t, "Nothing to withdraw")
}

func TestTransfersGoBetweenTheBusinessAndThePersonalWallet(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	made := w.out(t, "/transfer/to-personal", `{"amount":"2.5","currency":"coin"}`).result(t)
	require.Equal(t, []any{"2.50000000", "7.50000000"}, []any{made["user_wallet_balance"], made["merchant_balance"]})
	require.NotEqual(t, made["user_wallet_transaction_uuid"], made["merchant_transaction_uuid"])
	back := w.out(t, "/transfer/to-business", `{"amount":1,"currency":"COIN","network":"sim"}`).result(t)
	require.Equal(t, []any{"1.50000000", "8.50000000"}, []any{back["user_wallet_balance"], back["merchant_balance"]})
	require.NotEqual(t, made["user_wallet_transaction_uuid"], back["user_wallet_transaction_uuid"])

	w.out(t, "/transfer/to-personal", `{"amount":"1","currency":"USDT"}`).result(t)
	require.Equal(t, "available 999000000", w.has(t, w.shop.id, usdt), "on the network with most of it")
	w.out(t, "/transfer/to-personal", `{"amount":"1","currency":"USDT","network":"ALT"}`).result(t)
	require.Equal(t, "available 1000000000000000000", w.has(t, personal(w.shop.id), alt))
	for body, says := range map[string]string{
		`{"amount":"1001","currency":"USDT"}`: "Not enough funds", `{"amount":"1","currency":"USD"}`: "The currency was not found",
		`{"amount":"10000001","currency":"COIN"}`: "Maximum amount 10000000 COIN", `{"amount":"1","currency":"COIN","network":"alt"}`: "The service was not found",
	} {
		w.out(t, "/transfer/to-personal", body).message(t, says)
	}
	w.out(t, "/transfer/to-personal", `{"amount":"-1","currency":"COIN"}`).breaks(t, "amount", "min.numeric")
	w.out(t, "/transfer/to-personal", `{"amount":"1.0000001","currency":"USDT","network":"sim"}`).breaks(t, "amount", "regex")
	theirs := w.send(t, w.api, w.request("POST", "/transfer/to-business", w.rival, w.rival.payout, `{"amount":"1","currency":"COIN"}`))
	theirs.message(t, "Not enough funds")
	w.sound(t)
}
