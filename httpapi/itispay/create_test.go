package itispay_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// liveMembers lists the members of the published 1.1.0 sample of POST /invoices in order.
var liveMembers = []string{
	"invoice_id", "order_id", "fiat_amount", "fiat_currency", "currency", "crypto_amount", "actual_crypto_amount_paid",
	"actual_crypto_amount_paid_in_units", "allowed_error_percent", "order_name", "expire_min", "callback_url", "status",
	"created_at", "updated_at", "expires_at", "blockchain_details", "transactions",
}

func TestA25_CreateAnswersThePublishedSample(t *testing.T) {
	w := newWorld(t, options{})
	got := w.create(t, `{"order_id":"order-123","fiat_amount":100,"fiat_currency":"EUR","currency":"SIM","allowed_error_percent":5,
		"order_name":"A & B <1>","expire_min":45,"callback_url":"https://example.com/webhook"}`)
	require.Equal(t, liveMembers, names(t, got.body))
	details := got.object(t)["blockchain_details"].(map[string]any)
	body := strings.NewReplacer(got.text(t, "invoice_id"), "ID", details["qrcode"].(string), "QR").Replace(string(got.body))
	require.Equal(t, `{"invoice_id":"ID","order_id":"order-123","fiat_amount":100,"fiat_currency":"EUR","currency":"SIM",`+
		`"crypto_amount":0.05,"actual_crypto_amount_paid":0,"actual_crypto_amount_paid_in_units":0,"allowed_error_percent":5,`+
		`"order_name":"A & B <1>","expire_min":45,"callback_url":"https://example.com/webhook","status":"new",`+
		`"created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z","expires_at":"2024-01-15T11:15:00Z",`+
		`"blockchain_details":{"currency":"SIM","blockchainAddress":"sim1address00000000","blockchainNetwork":`+
		`{"name":"Simulated","type":"mainnet"},"qrcode":"QR"},"transactions":[]}`+"\n", body)
	require.Equal(t, 1, stage.Count(t, w.service))
}

func TestCreateDefaults(t *testing.T) {
	w := newWorld(t, options{})
	got := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM","unknown":{"ignored":[1]},"order_name":null,"crypto_amount":null}`)
	body := got.object(t)
	require.Equal(t, "EUR", body["fiat_currency"])
	require.Equal(t, json.Number("30"), body["expire_min"])
	require.Equal(t, json.Number("0"), body["allowed_error_percent"])
	require.Equal(t, "", body["order_name"])
	require.Equal(t, "2024-01-15T11:00:00Z", body["expires_at"])

	api := w.newAPI(t, func(c *itispay.Config) { c.DefaultTolerance = 5 })
	got = w.send(t, api, w.request("POST", "/invoices", w.key, `{"order_id":"2","fiat_amount":100,"currency":"SIM"}`))
	require.Equal(t, "5", got.text(t, "allowed_error_percent"))
	got = w.send(t, api, w.request("POST", "/invoices", w.key, `{"order_id":"3","fiat_amount":100,"currency":"SIM","allowed_error_percent":0}`))
	require.Equal(t, "0", got.text(t, "allowed_error_percent"))
}

func TestA35_AmountsAreTakenAsNumbersAndAsStrings(t *testing.T) {
	w := newWorld(t, options{})
	for i, amount := range []string{`100.10`, `"100.10"`, `1.001e2`, `"1001E-1"`} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d","fiat_amount":%s,"currency":"SIM"}`, i, amount))
		require.Equal(t, "100.1", got.text(t, "fiat_amount"))
		require.Equal(t, "0.05005", got.text(t, "crypto_amount"))
	}
}

func TestAnAmountThatAProgramHasAsADoubleIsTheOneThatWasMeant(t *testing.T) {
	w := newWorld(t, options{})
	for i, c := range [][2]string{
		{"29.949999999999999", "29.95"}, {"3.3000000000000003", "3.3"}, {"29.95", "29.95"}, {`"0.30000000000000004"`, "0.3"},
	} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d","fiat_amount":%s,"currency":"SIM"}`, i, c[0]))
		require.Equal(t, c[1], got.text(t, "fiat_amount"))
		got = w.do(t, "POST", "/archived", w.key, fmt.Sprintf(`{"order_id":"%d old","fiat_amount":%s,"currency":"SIM"}`, i, c[0]))
		require.Equal(t, c[1], got.text(t, "fiat_amount"))
	}
	got := w.create(t, `{"order_id":"coin","crypto_amount":13.300000000000001,"currency":"TOK"}`)
	require.Equal(t, "13.3", got.text(t, "crypto_amount"))
	got = w.create(t, `{"order_id":"exact","crypto_amount":3.3000000000000003,"currency":"SIM"}`)
	require.Equal(t, "3.3", got.text(t, "crypto_amount"), "also in a currency that has the digits: nobody pays them")
}

// No digits are lost: an amount is the requested one, or the next that a payer can type and a double can hold.
func TestIncident32_AmountsKeepEveryDigit(t *testing.T) {
	w := newWorld(t, options{})
	for i, c := range []struct{ asked, due string }{
		{"0.1", "0.1"},
		{"0.3", "0.3"},
		{"0.29", "0.29"},
		{"1234567.12345678", "1234567.12345678"},
		{"123456789.000000000000000007", "123456789.000001"},
		{"9007199254740993.123456789012345678", "9007199254741000"},
		{"0.000000000000000001", "0.00000001"},
	} {
		got := w.create(t, fmt.Sprintf(`{"order_id":"%d","crypto_amount":%s,"currency":"SIM"}`, i, c.asked))
		require.Contains(t, string(got.body), `"crypto_amount":`+c.due+`,`)
		again := w.do(t, "GET", "/invoices/"+got.text(t, "invoice_id"), w.key, "")
		require.Contains(t, string(again.body), `"crypto_amount":`+c.due+`,`)
	}
}

func TestCryptoAmountIsThePrice(t *testing.T) {
	w := newWorld(t, options{})
	got := w.create(t, `{"order_id":"1","crypto_amount":3,"currency":"TOK"}`).object(t)
	require.Equal(t, json.Number("3"), got["crypto_amount"])
	require.Equal(t, json.Number("1.5"), got["fiat_amount"])
	require.Equal(t, "EUR", got["fiat_currency"])
}

// badCreations holds bodies that are refused with 422, or with the given status.
var badCreations = []struct {
	name, body string
	status     int
	says       string
}{
	{name: "no amount", body: `{"order_id":"1","currency":"SIM"}`, says: "not both"},
	{name: "both amounts", body: `{"order_id":"1","fiat_amount":1,"crypto_amount":1,"currency":"SIM"}`, says: "not both"},
	{name: "amounts null", body: `{"order_id":"1","fiat_amount":null,"crypto_amount":null,"currency":"SIM"}`, says: "not both"},
	{name: "fiat zero", body: `{"order_id":"1","fiat_amount":0,"currency":"SIM"}`, says: "fiat_amount or crypto_amount must be given"},
	{name: "fiat minus zero", body: `{"order_id":"1","fiat_amount":-0,"currency":"SIM"}`, says: "fiat_amount"},
	{name: "fiat negative", body: `{"order_id":"1","fiat_amount":-1,"currency":"SIM"}`, says: "fiat_amount"},
	{name: "crypto zero", body: `{"order_id":"1","crypto_amount":0.0,"currency":"SIM"}`, says: "fiat_amount or crypto_amount must be given"},
	{name: "both zero", body: `{"order_id":"1","fiat_amount":0,"crypto_amount":0,"currency":"SIM"}`, says: "fiat_amount or crypto_amount must be given"},
	{name: "crypto negative", body: `{"order_id":"1","crypto_amount":"-0.1","currency":"SIM"}`, says: "crypto_amount"},
	{name: "exponent bomb", body: `{"order_id":"1","fiat_amount":1e999999999,"currency":"SIM"}`, says: "decimal number"},
	{name: "negative exponent bomb", body: `{"order_id":"1","fiat_amount":1e-999999999,"currency":"SIM"}`, says: "decimal number"},
	{name: "exponent bomb in a string", body: `{"order_id":"1","crypto_amount":"1e999999999","currency":"SIM"}`, says: "decimal number"},
	{name: "exponent beyond int64", body: `{"order_id":"1","fiat_amount":1e99999999999999999999,"currency":"SIM"}`, says: "decimal number"},
	{name: "1e400", body: `{"order_id":"1","fiat_amount":1e400,"currency":"SIM"}`, says: "decimal number"},
	{name: "largest exponent that is read", body: `{"order_id":"1","fiat_amount":1e99,"currency":"SIM"}`, says: "too large"},
	{name: "smallest exponent that is read", body: `{"order_id":"1","fiat_amount":1e-99,"currency":"SIM"}`, says: "decimals"},
	{name: "too many digits", body: `{"order_id":"1","fiat_amount":` + strings.Repeat("9", 500) + `,"currency":"SIM"}`, says: "decimal number"},
	{name: "more than everything", body: `{"order_id":"1","fiat_amount":1000000000000000001,"currency":"SIM"}`, says: "too large"},
	{name: "NaN in a string", body: `{"order_id":"1","fiat_amount":"NaN","currency":"SIM"}`, says: "decimal number"},
	{name: "infinity in a string", body: `{"order_id":"1","fiat_amount":"Infinity","currency":"SIM"}`, says: "decimal number"},
	{name: "plus sign", body: `{"order_id":"1","fiat_amount":"+1","currency":"SIM"}`, says: "decimal number"},
	{name: "spaces", body: `{"order_id":"1","fiat_amount":" 1","currency":"SIM"}`, says: "decimal number"},
	{name: "Arabic digits", body: `{"order_id":"1","fiat_amount":"١٢","currency":"SIM"}`, says: "decimal number"},
	{name: "comma", body: `{"order_id":"1","fiat_amount":"1,50","currency":"SIM"}`, says: "decimal number"},
	{name: "hexadecimal", body: `{"order_id":"1","fiat_amount":"0x10","currency":"SIM"}`, says: "decimal number"},
	{name: "empty amount", body: `{"order_id":"1","fiat_amount":"","currency":"SIM"}`, says: "decimal number"},
	{name: "amount is true", body: `{"order_id":"1","fiat_amount":true,"currency":"SIM"}`, says: "decimal number"},
	{name: "amount is a list", body: `{"order_id":"1","fiat_amount":[1],"currency":"SIM"}`, says: "decimal number"},
	{name: "amount is an object", body: `{"order_id":"1","fiat_amount":{"a":1},"currency":"SIM"}`, says: "decimal number"},
	{name: "half a cent", body: `{"order_id":"1","fiat_amount":25.005,"currency":"SIM"}`, says: "more than 2 decimals"},
	{name: "half a cent as a double", body: `{"order_id":"1","fiat_amount":25.004999999999999,"currency":"SIM"}`, says: "more than 2 decimals"},
	{name: "cents of cents", body: `{"order_id":"1","fiat_amount":1.001,"currency":"SIM"}`, says: "more than 2 decimals"},
	{name: "less than a base unit", body: `{"order_id":"1","crypto_amount":2.0000001,"currency":"TOK"}`, says: "more than 6 decimals"},
	{name: "below the minimum", body: `{"order_id":"1","fiat_amount":0.99,"currency":"TOK"}`, says: "minimum of 2 TOK"},
	{name: "crypto below the minimum", body: `{"order_id":"1","crypto_amount":1.999999,"currency":"TOK"}`, says: "minimum of 2 TOK"},
	{name: "no currency", body: `{"order_id":"1","fiat_amount":1}`, says: "currency is required"},
	{name: "empty currency", body: `{"order_id":"1","fiat_amount":1,"currency":""}`, says: "currency"},
	{name: "unknown currency", body: `{"order_id":"1","fiat_amount":1,"currency":"BTC"}`, says: "currency is not supported"},
	{name: "fiat as currency", body: `{"order_id":"1","fiat_amount":1,"currency":"EUR"}`, says: "currency is not supported"},
	{name: "long currency", body: `{"order_id":"1","fiat_amount":1,"currency":"` + strings.Repeat("A", 33) + `"}`, says: "currency"},
	{name: "dollars", body: `{"order_id":"1","fiat_amount":1,"fiat_currency":"USD","currency":"SIM"}`, says: "fiat_currency must be one of EUR"},
	{name: "dollars beside crypto", body: `{"order_id":"1","crypto_amount":1,"fiat_currency":"USD","currency":"SIM"}`, says: "fiat_currency"},
	{name: "coin as fiat", body: `{"order_id":"1","fiat_amount":1,"fiat_currency":"SIM","currency":"SIM"}`, says: "fiat_currency"},
	{name: "no order", body: `{"fiat_amount":1,"currency":"SIM"}`, says: "order_id is required"},
	{name: "order null", body: `{"order_id":null,"fiat_amount":1,"currency":"SIM"}`, says: "order_id is required"},
	{name: "order empty", body: `{"order_id":"","fiat_amount":1,"currency":"SIM"}`, says: "order_id"},
	{name: "order of spaces", body: `{"order_id":"  ","fiat_amount":1,"currency":"SIM"}`, says: "order_id"},
	{name: "order with NUL", body: `{"order_id":"a\u0000","fiat_amount":1,"currency":"SIM"}`, says: "order_id"},
	{name: "order too long", body: `{"order_id":"` + strings.Repeat("ö", 256) + `","fiat_amount":1,"currency":"SIM"}`, says: "order_id"},
	{name: "order is a number", body: `{"order_id":1,"fiat_amount":1,"currency":"SIM"}`, says: "order_id must be a string"},
	{name: "member in another case", body: `{"ORDER_ID":"1","fiat_amount":1,"currency":"SIM"}`, says: "order_id is required"},
	{name: "name too long", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","order_name":"` + strings.Repeat("a", 256) + `"}`, says: "order_name"},
	{name: "tolerance negative", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","allowed_error_percent":-1}`, says: "must be 0 to 100"},
	{name: "tolerance 101", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","allowed_error_percent":101}`, says: "must be 0 to 100"},
	{name: "tolerance 100", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","allowed_error_percent":100}`, says: "any payment"},
	{name: "tolerance of a fraction", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","allowed_error_percent":0.5}`, says: "must be an integer"},
	{name: "tolerance in a string", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","allowed_error_percent":"5"}`, says: "must be an integer"},
	{name: "negative time", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","expire_min":-30}`, says: "expire_min"},
	{name: "years", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","expire_min":1000000}`, says: "expire_min"},
	{name: "time that overflows", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","expire_min":9223372036854775807}`, says: "expire_min"},
	{name: "time beyond int64", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","expire_min":99999999999999999999}`, says: "expire_min"},
	{name: "callback without host", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","callback_url":"https:///x"}`, says: "callback_url"},
	{name: "callback to a file", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","callback_url":"file:///etc/passwd"}`, says: "callback_url"},
	{name: "callback too long", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","callback_url":"https://a.example/` + strings.Repeat("a", 2048) + `"}`, says: "callback_url"},

	{name: "empty body", body: ` `, status: 400},
	{name: "half an object", body: `{"order_id":"1"`, status: 400},
	{name: "a list", body: `[]`, status: 400},
	{name: "null", body: `null`, status: 400},
	{name: "a string", body: `"order_id"`, status: 400},
	{name: "NaN", body: `{"order_id":"1","fiat_amount":NaN,"currency":"SIM"}`, status: 400},
	{name: "leading zero", body: `{"order_id":"1","fiat_amount":01,"currency":"SIM"}`, status: 400},
	{name: "trailing garbage", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM"} x`, status: 400},
	{name: "two objects", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM"}{}`, status: 400},
	{name: "duplicate key", body: `{"order_id":"1","fiat_amount":1,"fiat_amount":2,"currency":"SIM"}`, status: 400, says: `"fiat_amount" twice`},
	{name: "duplicate key by escape", body: `{"order_id":"1","fiat_amount":1,"fiat_\u0061mount":2,"currency":"SIM"}`, status: 400, says: "twice"},
	{name: "duplicate key within", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","x":{"a":1,"a":2}}`, status: 400, says: "twice"},
	{name: "bad UTF-8", body: "{\"order_id\":\"\xff\",\"fiat_amount\":1,\"currency\":\"SIM\"}", status: 400, says: "UTF-8"},
	{name: "half a surrogate pair", body: `{"order_id":"\ud83d","fiat_amount":1,"currency":"SIM"}`, status: 400, says: "not valid Unicode"},
	{name: "half a surrogate pair in a name", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","order_name":"a\ude00"}`, status: 400, says: "not valid Unicode"},
	{name: "name with a tab", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","order_name":"a\tb"}`, says: "order_name must not have control characters"},
	{name: "name of lines", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","order_name":"a\nb"}`, says: "order_name must not have control characters"},
	{name: "order with a line", body: `{"order_id":"1\n","fiat_amount":1,"currency":"SIM"}`, says: "order_id must not have control characters"},
	{name: "deep nesting", body: `{"order_id":"1","fiat_amount":1,"currency":"SIM","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, status: 400, says: "nested"},
	{name: "bottomless", body: strings.Repeat(`{"a":`, 10000), status: 400},
	{name: "2 MB", body: `{"order_id":"` + strings.Repeat("a", 2<<20) + `"}`, status: 413},
}

func TestIncident35_BadCreationsAreRefusedAndStoreNothing(t *testing.T) {
	w := newWorld(t, options{})
	codes := map[int]string{0: "validation_error", 400: "bad_request", 413: "payload_too_large"}
	for _, c := range badCreations {
		t.Run(c.name, func(t *testing.T) {
			status := c.status
			if status == 0 {
				status = http.StatusUnprocessableEntity
			}
			message := w.do(t, "POST", "/invoices", w.key, c.body).refused(t, status, codes[c.status])
			require.Contains(t, message, c.says)
			require.Zero(t, stage.Count(t, w.service))
		})
	}
	list := w.do(t, "GET", "/invoices", w.key, "")
	require.Equal(t, "[]", list.text(t, "items"))
	require.NotContains(t, w.log.String(), "level=ERROR")
}

func TestIncident38_WhatRoundsToNothingIsNeverFree(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.Chains[0].Assets[0].Minimum = c.Chains[0].Assets[0].Decimal(units("1000000000000000")) // 0.001 SIM
	}})
	w.do(t, "POST", "/invoices", w.key, `{"order_id":"1","fiat_amount":0.01,"currency":"SIM"}`).refused(t, 422, "validation_error")
	require.Zero(t, stage.Count(t, w.service))
	// Without a configured minimum, an invoice still asks for at least one unit of an asset, rounded up.
	w = newWorld(t, options{service: func(c *invoice.Config) { c.Chains[0].Assets[1].Minimum = c.Tolerance }})
	got := w.create(t, `{"order_id":"1","crypto_amount":0.000001,"currency":"TOK"}`)
	require.Equal(t, "0.01", got.text(t, "fiat_amount"))
}

func TestA36_FullToleranceNeedsAnOptIn(t *testing.T) {
	w := newWorld(t, options{})
	body := `{"order_id":"1","fiat_amount":100,"currency":"SIM","allowed_error_percent":100}`
	w.do(t, "POST", "/invoices", w.key, body).refused(t, 422, "validation_error")
	api := w.newAPI(t, func(c *itispay.Config) { c.AllowFullTolerance = true })
	got := w.send(t, api, w.request("POST", "/invoices", w.key, body))
	require.Equal(t, http.StatusCreated, got.status)
	require.Equal(t, "100", got.text(t, "allowed_error_percent"))
}

func TestContentTypeMustBeJSON(t *testing.T) {
	w := newWorld(t, options{})
	for contentType, want := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "Application/JSON;charset=UTF-8": 201,
		"application/json; charset=utf8": 201, `application/json;charset="utf-8"`: 201, "application/json; charset=UTF8": 201, "application/json;": 201,
		"application/json ; charset=utf-8": 201, "application/json; charset=us-ascii": 201, "application/json; charset=utf-16": 415,
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "application/json; charset=iso-8859-1": 415,
		"application/jsonp": 415, "application/json;;;": 415,
	} {
		r := w.request("POST", "/invoices", w.key, fmt.Sprintf(`{"order_id":%q,"fiat_amount":1,"currency":"SIM"}`, contentType))
		r.Header.Set("Content-Type", contentType)
		got := w.send(t, w.api, r)
		require.Equal(t, want, got.status, "%q: %s", contentType, got.body)
		if want == 415 {
			got.refused(t, 415, "unsupported_media_type")
		}
	}
	require.Equal(t, 9, stage.Count(t, w.service))
	r := w.request("POST", "/invoices", w.key, `{"order_id":"zip","fiat_amount":1,"currency":"SIM"}`)
	r.Header.Set("Content-Encoding", "gzip")
	require.Equal(t, "The body must not be compressed.", w.send(t, w.api, r).refused(t, 415, "unsupported_media_type"))
	r = w.request("POST", "/invoices", w.key, `{"order_id":"identity","fiat_amount":1,"currency":"SIM"}`)
	r.Header.Set("Content-Encoding", "identity")
	require.Equal(t, 201, w.send(t, w.api, r).status)
}

func TestTheZerosOfWhatIsNotSetAreNotGiven(t *testing.T) {
	w := newWorld(t, options{})
	const zeros = `"fiat_currency":"","allowed_error_percent":0,"order_name":"","expire_min":0,"callback_url":""}`
	got := w.create(t, `{"order_id":"1","fiat_amount":100,"crypto_amount":0,"currency":"SIM",`+zeros)
	require.Equal(t, []string{"100", "EUR", "30"}, []string{got.text(t, "fiat_amount"), got.text(t, "fiat_currency"), got.text(t, "expire_min")})
	got = w.create(t, `{"order_id":"2","fiat_amount":0.0,"crypto_amount":0.5,"currency":"SIM",`+zeros)
	require.Equal(t, "0.5", got.text(t, "crypto_amount"))
}

func TestAnIntegerMayHaveAFractionOfNothing(t *testing.T) {
	w := newWorld(t, options{})
	got := w.create(t, `{"order_id":"1","fiat_amount":1,"currency":"SIM","expire_min":30.0,"allowed_error_percent":5.00}`)
	require.Equal(t, []string{"30", "5"}, []string{got.text(t, "expire_min"), got.text(t, "allowed_error_percent")})
}

func TestTheDocumentHasTheServicesLongestWindow(t *testing.T) {
	for _, hours := range []int{24 * 30, 2} {
		w := newWorld(t, options{service: func(c *invoice.Config) { c.MaxWindow = time.Duration(hours) * time.Hour }})
		v1, err := itispay.NewV1(w.config(nil))
		require.NoError(t, err)
		for i, api := range []*httpapi.API{w.api, v1} {
			most := contract.Of(t, api).Components.Schemas["CreateRequest"].Value.Properties["expire_min"].Value.Max
			require.InDelta(t, hours*60, *most, 0)
			body := func(order string, minutes int) string {
				return fmt.Sprintf(`{"order_id":"%s %d","fiat_amount":1,"currency":"SIM","expire_min":%d}`, order, i, minutes)
			}
			require.Equal(t, 201, w.send(t, api, w.request("POST", "/invoices", w.key, body("most", hours*60))).status)
			refused := w.send(t, api, w.request("POST", "/invoices", w.key, body("more", hours*60+1))).refused(t, 422, "validation_error")
			require.Equal(t, fmt.Sprintf("expire_min must be 1 to %d", hours*60), refused)
		}
	}
}

func TestCodesAreTakenInAnyCase(t *testing.T) {
	w := newWorld(t, options{})
	require.Equal(t, "SIM", w.create(t, `{"order_id":"1","fiat_amount":1,"currency":"sim"}`).text(t, "currency"))
	w.create(t, `{"order_id":"2","fiat_amount":1,"currency":"Tok"}`)
	for path, key := range map[string]string{"/invoices?currency=": w.key, "/admin/invoices?fiat_currency=eur&currency=": w.admin} {
		for _, code := range []string{"SIM", "sim", "Sim"} {
			items := w.do(t, "GET", path+code, key, "").object(t)["items"].([]any)
			require.Len(t, items, 1)
			require.Equal(t, "1", items[0].(map[string]any)["order_id"])
		}
	}
	// Codes that differ only in case are different.
	api := w.newAPI(t, func(c *itispay.Config) {
		c.Format = itispay.NewFormat(itispay.Currency{Code: "coin", Asset: "SIM"}, itispay.Currency{Code: "COIN", Asset: "TOK"})
	})
	got := w.send(t, api, w.request("POST", "/invoices", w.key, `{"order_id":"3","fiat_amount":1,"currency":"COIN"}`))
	require.Equal(t, "COIN", got.text(t, "currency"))
	w.send(t, api, w.request("POST", "/invoices", w.key, `{"order_id":"4","fiat_amount":1,"currency":"Coin"}`)).refused(t, 422, "validation_error")
}

func TestDuplicateOrderNamesTheFirstInvoice(t *testing.T) {
	w := newWorld(t, options{})
	body := `{"order_id":"same","fiat_amount":100,"currency":"SIM"}`
	first := w.create(t, body).text(t, "invoice_id")
	require.Contains(t, w.do(t, "POST", "/invoices", w.key, body).refused(t, 409, "conflict"), first)
	require.Contains(t, w.do(t, "POST", "/archived", w.key, body).refused(t, 409, "conflict"), first)
	require.Equal(t, http.StatusCreated, w.do(t, "POST", "/invoices", w.other, body).status, "another project may have the same order")
	require.Equal(t, 2, stage.Count(t, w.service))
}

func TestA42_TwoHundredCreationsAtOnceMakeOneInvoice(t *testing.T) {
	w := newWorld(t, options{})
	var wg sync.WaitGroup
	answers := make([]*httptest.ResponseRecorder, 200)
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		wg.Go(func() {
			w.api.ServeHTTP(answers[i], w.request("POST", "/invoices", w.key, `{"order_id":"same","fiat_amount":100,"currency":"SIM"}`))
		})
	}
	wg.Wait()
	created, id := 0, ""
	for _, rec := range answers {
		if rec.Code == http.StatusCreated {
			created++
			id = answer{body: rec.Body.Bytes()}.text(t, "invoice_id")
		}
	}
	require.Equal(t, 1, created)
	for _, rec := range answers {
		if rec.Code != http.StatusCreated {
			got := answer{rec.Code, rec.Header(), rec.Body.Bytes()}
			require.Contains(t, got.refused(t, 409, "conflict"), id)
		}
	}
	require.Equal(t, 1, stage.Count(t, w.service))
}

func TestA31_WithoutARateTheRefusalSaysSo(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Rates = nil }})
	w.do(t, "POST", "/invoices", w.key, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).refused(t, 503, "rate_unavailable")
	w.do(t, "GET", "/rates", "", "").refused(t, 503, "rate_unavailable")
	require.Zero(t, stage.Count(t, w.service))
}

func TestIncident47_ACallbackThatTheHostRefusesIsInvalid(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		c.CheckCallback = func(string) error { return errors.New("must not be within") }
	}})
	for _, path := range []string{"/invoices", "/archived"} {
		body := `{"order_id":"1","fiat_amount":1,"currency":"SIM","callback_url":"http://169.254.169.254/x"}`
		require.Equal(t, "callback_url must not be within", w.do(t, "POST", path, w.key, body).refused(t, 422, "validation_error"))
	}
	require.Zero(t, stage.Count(t, w.service))
}

func TestAServiceWithoutTheFormatIsRefused(t *testing.T) {
	stage.WithoutFormat(t, itispay.FormatName, func(t *testing.T, n invoice.Notifier) error {
		w, err := openWorld(options{service: func(c *invoice.Config) { c.Notifier = n }})
		require.NoError(t, err)
		_, err = itispay.NewV1(w.config(nil))
		require.Error(t, err)
		_, err = itispay.New(w.config(nil))
		return err
	})
}

func TestWhatPassesIs503AndSaysWhenToComeBack(t *testing.T) {
	const body = `{"order_id":"2","fiat_amount":1,"currency":"SIM"}`
	onePlace := func(c *invoice.Config) { c.Chains[0].Pool = &invoice.Pool{Size: 1} }
	for message, o := range map[string]options{
		"No address is free now. Please try again.":                                       {service: onePlace},
		"Too many invoices are new. Please try again when some are paid or have expired.": {api: func(c *itispay.Config) { c.MaxNew = 1 }},
	} {
		w := newWorld(t, o)
		w.create(t, `{"order_id":"1","fiat_amount":1,"currency":"SIM"}`)
		got := w.do(t, "POST", "/invoices", w.key, body)
		require.Equal(t, message, got.refused(t, 503, "unavailable"))
		require.Equal(t, "5", got.header.Get("Retry-After"))
		require.Equal(t, 1, stage.Count(t, w.service))
		require.NotContains(t, w.log.String(), "level=ERROR")
		w.do(t, "POST", "/invoices", w.key, `{"order_id":"1","fiat_amount":1,"currency":"SIM"}`).refused(t, 409, "conflict")
	}
	w := newWorld(t, options{})
	w.create(t, `{"order_id":"1","fiat_amount":1,"currency":"SIM"}`)
	w.store.Break(fmt.Errorf("sqlite: %w", invoice.ErrBusy))
	got := w.do(t, "POST", "/invoices", w.key, body)
	require.Equal(t, "Too much happened at once. Please try again.", got.refused(t, 503, "unavailable"))
	require.Equal(t, "5", got.header.Get("Retry-After"))
	require.NotContains(t, w.log.String(), "level=ERROR")
	w.store.Break(nil)
	require.Equal(t, 201, w.do(t, "POST", "/invoices", w.key, body).status)
}

func TestQRCodeIsAPNG(t *testing.T) {
	w := newWorld(t, options{})
	details := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).object(t)["blockchain_details"].(map[string]any)
	data, ok := strings.CutPrefix(details["qrcode"].(string), "data:image/png;base64,")
	require.True(t, ok)
	raw, err := base64.StdEncoding.DecodeString(data)
	require.NoError(t, err)
	require.Less(t, len(raw), 2048)
	img, err := png.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	require.Equal(t, img.Bounds().Dx(), img.Bounds().Dy())
}

func TestAQRCodeThatCannotBeMadeDoesNotHideTheInvoice(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Chains[0].PaymentURI = invoice.AddressURI(brokenURI) }})
	got := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`)
	details := got.object(t)["blockchain_details"].(map[string]any)
	require.NotContains(t, details, "qrcode")
	require.NotEmpty(t, details["blockchainAddress"])
	require.Contains(t, w.log.String(), "no QR code")
}

func TestA25_ArchivedAnswersThePublishedSample(t *testing.T) {
	for i, path := range []string{"/archived", "/invoices/archived"} {
		w := newWorld(t, options{})
		got := w.do(t, "POST", path, w.key, fmt.Sprintf(`{"order_id":"historical-%d","fiat_amount":100,"fiat_currency":"EUR",`+
			`"currency":"SIM","order_name":"Historical Order","created_at":"2023-01-01T10:00:00Z"}`, i))
		require.Equal(t, http.StatusCreated, got.status, "%s", got.body)
		id := got.text(t, "invoice_id")
		require.Equal(t, fmt.Sprintf(`{"invoice_id":"%s","user_id":"owner","project_id":"%s","order_id":"historical-%d","fiat_amount":100,`+
			`"fiat_currency":"EUR","currency":"SIM","crypto_amount":0.05,"status":"archived","created_at":"2023-01-01T10:00:00Z",`+
			`"updated_at":"2023-01-01T10:00:00Z","expires_at":"2023-01-01T10:00:00Z","blockchain_details":{}}`+"\n", id, w.project, i), string(got.body))
		require.Equal(t, got.body, w.do(t, "GET", "/invoices/"+id, w.key, "").body)
		require.Equal(t, []string{"invoice_id", "status"}, names(t, w.do(t, "GET", "/public/invoices/"+id, "", "").body))
	}
}

func TestArchivedTakesEveryFormOfCreatedAt(t *testing.T) {
	for i, c := range []struct{ in, out string }{
		{"2023-12-31T23:30:00-01:30", "2024-01-01T01:00:00Z"},
		{"2023-04-05T10:00:00.999999999Z", "2023-04-05T10:00:00Z"},
		{"2023-04-05", "2023-04-05T00:00:00Z"},
		{"2023-04-05 10:11:12", "2023-04-05T10:11:12Z"},
		{"05/04/2023 10:11:12", "2023-04-05T10:11:12Z"},
		{"2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"}, // now
		{"", "2024-01-15T10:30:00Z"},
	} {
		w := newWorld(t, options{})
		got := w.do(t, "POST", "/archived", w.key, fmt.Sprintf(`{"order_id":"%d","fiat_amount":1,"currency":"SIM","created_at":%q}`, i, c.in))
		require.Equal(t, http.StatusCreated, got.status, "%s: %s", c.in, got.body)
		require.Equal(t, c.out, got.text(t, "created_at"), c.in)
	}
}

func TestAShopRecordsItsWholePast(t *testing.T) {
	w := newWorld(t, options{})
	for i := range 3 {
		got := w.do(t, "POST", "/archived", w.key, fmt.Sprintf(`{"order_id":"%d","fiat_amount":1,"currency":"SIM"}`, i))
		require.Equal(t, http.StatusCreated, got.status, "%s", got.body)
	}
	require.Equal(t, 3, stage.Count(t, w.service))
}

func TestArchivedTakesOtherFiat(t *testing.T) {
	w := newWorld(t, options{})
	got := w.do(t, "POST", "/archived", w.key, `{"order_id":"1","crypto_amount":0.5,"fiat_currency":"USD","currency":"SIM"}`)
	require.Equal(t, http.StatusCreated, got.status, "%s", got.body)
	require.Equal(t, "0.5", got.text(t, "crypto_amount"))
}

func TestBadRecordsAreRefusedAndStoreNothing(t *testing.T) {
	w := newWorld(t, options{})
	for _, body := range []string{
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","created_at":"2024-01-15T10:30:01Z"}`,
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","created_at":"9999-12-31"}`,
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","created_at":"0001-01-01T00:00:00Z"}`,
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","created_at":"yesterday"}`,
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","created_at":1700000000}`,
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","fiat_currency":"XXX"}`,
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","fiat_currency":"SIM"}`,
		`{"order_id":"1","fiat_amount":1,"currency":"SIM","allowed_error_percent":101}`,
		`{"order_id":"1","fiat_amount":1,"crypto_amount":1,"currency":"SIM"}`,
		`{"order_id":"1","currency":"SIM"}`,
		`{"fiat_amount":1,"currency":"SIM"}`,
		`{"order_id":"1","fiat_amount":1,"currency":"BTC"}`,
	} {
		w.do(t, "POST", "/archived", w.key, body).refused(t, 422, "validation_error")
	}
	w.do(t, "POST", "/archived", w.key, `{`).refused(t, 400, "bad_request")
	require.Zero(t, stage.Count(t, w.service))
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	w := newWorld(t, options{})
	for name, change := range map[string]func(*itispay.Config){
		"Service":          func(c *itispay.Config) { c.Service = nil },
		"MaxNew":           func(c *itispay.Config) { c.MaxNew = -1 },
		"Format is":        func(c *itispay.Config) { c.Format = nil },
		"Projects":         func(c *itispay.Config) { c.Projects = nil },
		"DefaultTolerance": func(c *itispay.Config) { c.DefaultTolerance = 100 },
		`no asset "BTC"`:   func(c *itispay.Config) { c.Format = itispay.NewFormat(itispay.Currency{Code: "BTC"}) },
		"Code is required": func(c *itispay.Config) { c.Format = itispay.NewFormat(itispay.Currency{Asset: "SIM"}) },
		"X or its asset": func(c *itispay.Config) {
			c.Format = itispay.NewFormat(itispay.Currency{Code: "SIM"}, itispay.Currency{Code: "X", Asset: "SIM"})
		},
		"ID is required":  func(c *itispay.Config) { c.Accounts = c.Accounts[:1]; c.Accounts[0].ID = "" },
		"invoice.HashKey": func(c *itispay.Config) { c.Accounts = c.Accounts[:1]; c.Accounts[0].KeyHash = "abc" },
		"Admins":          func(c *itispay.Config) { c.Admins = []string{""} },
		"Simulation: Cli": func(c *itispay.Config) { c.Simulation = &itispay.Simulation{Client: &http.Client{}} },
		"webhook secret": func(c *itispay.Config) {
			c.Simulation = &itispay.Simulation{Client: &http.Client{Timeout: 1}, Secret: "whsec_"}
		},
		"KeyHash is taken": func(c *itispay.Config) { c.Accounts[0].KeyHash = c.Accounts[1].KeyHash },
	} {
		cfg := itispay.Config{Service: w.service, Format: itispay.NewFormat(), Projects: w.projects}
		cfg.Accounts = append(cfg.Accounts, accounts()...)
		change(&cfg)
		_, err := itispay.New(cfg)
		require.ErrorContains(t, err, name)
		_, err = itispay.NewV1(cfg)
		require.ErrorContains(t, err, name)
	}
}

func TestCodesOnTheWireCanDifferFromTheAssets(t *testing.T) {
	w := newWorld(t, options{})
	since := start.Add(-time.Hour)
	api := w.newAPI(t, func(c *itispay.Config) {
		c.Format = itispay.NewFormat(itispay.Currency{Code: "TOK_SIM", Asset: "TOK", Network: "simnet", WalletPattern: "^sim1", CreatedAt: since})
	})
	got := w.send(t, api, w.request("GET", "/currencies", "", ""))
	require.JSONEq(t, `{"currencies":[{"currency_code":"TOK_SIM","is_crypto":true,"precision":6,"is_active":true,
		"wallet_pattern":"^sim1","network":"simnet","created_at":"2024-01-15T09:30:00Z"}]}`, string(got.body))
	require.JSONEq(t, `{"rates":{"TOK_SIM":0.5}}`, string(w.send(t, api, w.request("GET", "/rates", "", "")).body))
	got = w.send(t, api, w.request("POST", "/invoices", w.key, `{"order_id":"1","fiat_amount":10,"currency":"TOK_SIM"}`))
	require.Equal(t, "TOK_SIM", got.text(t, "currency"))
	w.send(t, api, w.request("POST", "/invoices", w.key, `{"order_id":"2","fiat_amount":10,"currency":"TOK"}`)).refused(t, 422, "validation_error")
	got = w.send(t, api, w.request("GET", "/invoices?currency=TOK_SIM", w.key, ""))
	require.Len(t, got.object(t)["items"], 1)
}

func TestLessThanBitcoinsDustIsRefusedWithoutAConfiguredMinimum(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) {
		price := prices()
		price[pair("BTC", "EUR")] = decimal.NewFromInt(50_000)
		c.Chains, c.Rates = append(c.Chains, life.Bitcoin(t)), rates.NewFixed(c.Now, price)
	}})
	create := func(order, amount string) answer {
		return w.do(t, "POST", "/invoices", w.key, `{"order_id":"`+order+`","crypto_amount":`+amount+`,"fiat_currency":"EUR","currency":"BTC"}`)
	}
	require.Contains(t, create("1", "0.00000545").refused(t, 422, "validation_error"), "is less than the minimum of 0.00000546 BTC")
	require.Equal(t, 201, create("1", "0.00000546").status)
}
