package cryptomus_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/invoice"
)

// resigned signs bodies that the validator has rewritten, with the key that is in the place of the signature.
func resigned(api http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			rw.WriteHeader(http.StatusTeapot)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Set("sign", cryptomus.Signature(body, r.Header.Get("sign")))
		api.ServeHTTP(rw, r)
	})
}

// TestAForeignValidatorObjectsToNothing sends typical requests of clients through a validator in another language.
func TestAForeignValidatorObjectsToNothing(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Chains[0].PaymentURI = invoice.AddressURI(evmLikeURI) }})
	prism := contract.Prism(t, w.api, resigned)
	sendAs := func(key string, status int, path, body string) {
		t.Helper()
		r := w.request("POST", path, w.shop, key, body)
		r.Header.Set("sign", key)
		prism.Send(r, status)
	}
	send := func(status int, path string, bodies ...string) {
		t.Helper()
		for _, body := range bodies {
			sendAs(w.shop.payment, status, path, body)
		}
	}
	send(200, "/payment",
		// The vendor's SDK for PHP, with escaped slashes, and with everything as text.
		`{"amount":"16","currency":"USD","network":"SIM","order_id":"555123","url_return":"https:\/\/example.com\/return","url_callback":"https:\/\/example.com\/callback","is_payment_multiple":false,"lifetime":"7200","to_currency":"USDT"}`,
		`{"amount":"16","currency":"USD","order_id":"1","is_payment_multiple":"1","lifetime":"7200","subtract":"1","accuracy_payment_percent":"5","discount_percent":"-5","is_refresh":"0"}`,
		// Clients in Go, which send the zero values of what is not set.
		`{"amount":"16","currency":"USDT","order_id":"2","network":"sim","url_return":"","url_success":"","url_callback":"","is_payment_multiple":false,"lifetime":0,"to_currency":"","subtract":0,"accuracy_payment_percent":0,"additional_data":"","currencies":null,"except_currencies":null,"course_source":"","from_referral_code":"","discount_percent":0,"is_refresh":false}`,
		`{"amount":"16","currency":"USD","order_id":"3","currencies":[{"currency":"USDT"},{"currency":"COIN","network":"sim"}],"except_currencies":[{"currency":"USDT","network":"alt"}]}`,
		// Clients in JavaScript and Python, whose numbers are numbers.
		`{"amount":16.5,"currency":"USD","order_id":4,"lifetime":7200,"additional_data":"{\"cart\":7}","merchant_extra":{"a":[1]}}`,
		`{"amount": 29.949999999999999, "currency": "usd", "order_id": "5", "network": null, "is_payment_multiple": true, "accuracy_payment_percent": 0.5}`,
	)
	send(422, "/payment", `{"amount":"0.001","currency":"USD","order_id":"6"}`, `{"amount":"16","currency":"XXX","order_id":"6"}`)
	for _, path := range []string{"/payment/list", "/payment/services", "/payment/discount/list", "/balance"} {
		send(200, path, `[]`, `{}`, ``, `null`)
	}
	send(200, "/payment/list", `{"date_from":"2022-06-01 00:00:00","date_to":"2030-06-30 23:59:59"}`, `{"cursor":"1","date_from":"","date_to":null}`, `{"date_from":"2022-06-01T00:00:00.000Z"}`)
	send(422, "/payment/list", `{"date_from":"yesterday"}`)
	send(200, "/payment/info", `{"order_id":"1"}`, `{"uuid":"","order_id":"1"}`, `{"uuid":null,"order_id":"2"}`)
	send(422, "/payment/info", `{"uuid":"`+unknownID+`"}`, `{}`, `[]`)
	send(200, "/payment/discount/set", `{"currency":"USDT","network":"sim","discount_percent":"-10"}`)
	send(422, "/payment/discount/set", `{"currency":"BUSD","network":"bsc","discount_percent":1}`)
	send(200, "/wallet", `{"network":"sim","currency":"USDT","order_id":"5535321","url_callback":"https:\/\/example.com\/callback"}`)
	send(200, "/wallet/block-address", `{"order_id":"5535321","is_force_refund":"0"}`)
	send(422, "/wallet/qr", `{"wallet_address_uuid":"`+unknownID+`"}`)
	send(422, "/payment/qr", `{"merchant_payment_uuid":"`+unknownID+`"}`)
	send(422, "/payment/refund", `{"uuid":"`+unknownID+`","address":"0x1","is_subtract":"1"}`)
	send(200, "/payment/mark-as-paid", `{"order_id":"1"}`)
	send(422, "/payment/resend", `{"order_id":"1"}`)
	send(422, "/test-webhook/payment", `{"url_callback":"https:\/\/example.com\/callback","currency":"USDT","network":"sim","status":"paid"}`)
	send(422, "/test-webhook/payout", `{"url_callback":"https:\/\/example.com\/callback","currency":"USDT","network":"sim","status":"paid"}`)
	sendAs(w.shop.payout, 422, "/payout", `{"amount":"15","currency":"USDT","network":"TRON","order_id":"1","address":"T","is_subtract":"1"}`)
	w.rich(t)
	w.brings(t, "refunded", "1000000000000000000")
	send(200, "/balance", `{}`)
	send(200, "/payment/refund", `{"order_id":"refunded","address":"receiver-1","is_subtract":"1"}`)
	for _, body := range []string{
		`{"amount":"15","currency":"USD","network":"SIM","order_id":"555321","address":"receiver-1","is_subtract":"1","url_callback":"https:\/\/example.com\/callback","to_currency":"USDT"}`,
		`{"amount":15,"currency":"USDT","network":"sim","order_id":555322,"address":"receiver-1","is_subtract":true,"url_callback":"","to_currency":"","course_source":"","from_currency":"","priority":"recommended","memo":""}`,
		`{"amount":"1","currency":"COIN","order_id":"555323","address":"receiver-1","is_subtract":false,"network":null,"memo":null,"priority":null,"from_currency":null,"course_source":null}`,
	} {
		sendAs(w.shop.payout, 200, "/payout", body)
	}
	for _, body := range []string{`{"order_id":"555321"}`, `{"uuid":"","order_id":555322}`} {
		sendAs(w.shop.payout, 200, "/payout/info", body)
	}
	for _, body := range []string{`[]`, `{}`, ``, `{"cursor":"1","date_from":"2022-06-01 00:00:00","date_to":null}`} {
		sendAs(w.shop.payout, 200, "/payout/list", body)
	}
	sendAs(w.shop.payout, 200, "/payout/services", `[]`)
	sendAs(w.shop.payout, 200, "/payout/calculate", `{"amount":"15","currency":"USDT","network":"sim","address":"receiver-1","is_subtract":true}`)
	sendAs(w.shop.payout, 200, "/transfer/to-personal", `{"amount":"1","currency":"USDT"}`)
	sendAs(w.shop.payout, 200, "/transfer/to-business", `{"amount":0.5,"currency":"usdt","network":""}`)
	send(422, "/wallet/blocked-address-refund", `{"order_id":"5535321","address":"receiver-1"}`)
	sendAs(w.rival.payment, 401, "/balance", `{}`)
	prism.Send(w.request("GET", "/exchange-rate/COIN/list", w.shop, w.shop.payment, ""), 200)
	prism.Send(w.request("GET", "/exchange-rate/XXX/list", w.shop, w.shop.payment, ""), 422)
}
