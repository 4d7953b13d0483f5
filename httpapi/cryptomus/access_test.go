package cryptomus_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

const unknownID = "018d0c2e-0000-7000-8000-000000000000"

// bodies holds valid bodies for the routes that take one.
var bodies = map[string]string{
	"createPayment": `{"amount":"20","currency":"USD","order_id":"new"}`, "getPayment": `{"uuid":"` + unknownID + `"}`,
	"listPayments": `{}`, "markAsPaid": `{"uuid":"` + unknownID + `"}`, "resendWebhook": `{"uuid":"` + unknownID + `"}`,
	"testPaymentWebhook": `{"url_callback":"https://shop.example/c","currency":"COIN","network":"sim","uuid":"` + unknownID + `"}`,
	"testWalletWebhook":  `{"url_callback":"https://shop.example/c","currency":"COIN","network":"sim","uuid":"` + unknownID + `"}`,
	"paymentQR":          `{"merchant_payment_uuid":"` + unknownID + `"}`, "walletQR": `{"wallet_address_uuid":"` + unknownID + `"}`,
	"setDiscount":  `{"currency":"COIN","network":"sim","discount_percent":1}`,
	"createWallet": `{"currency":"COIN","network":"sim","order_id":"new-wallet"}`, "blockWallet": `{"uuid":"` + unknownID + `"}`,
	"createPayout": `{"amount":"1","currency":"COIN","order_id":"new","address":"receiver-1","is_subtract":true}`, "getPayout": `{"uuid":"` + unknownID + `"}`,
	"calculatePayout": `{"amount":"1","currency":"COIN","is_subtract":true}`, "listPayouts": `{}`,
	"refundPayment":        `{"uuid":"` + unknownID + `","address":"receiver-1","is_subtract":true}`,
	"refundBlockedAddress": `{"uuid":"` + unknownID + `","address":"receiver-1"}`, "transferToPersonal": `{"amount":"1","currency":"COIN"}`,
	"testPayoutWebhook": `{"url_callback":"https://shop.example/c","currency":"COIN","network":"sim"}`, "transferToBusiness": `{"amount":"1","currency":"COIN"}`,
}

// forbidden holds the routes that are not served without Payouts, and those for recurring payments.
var forbidden = map[string]string{
	"/payment/refund": "any", "/wallet/blocked-address-refund": "payment", "/test-webhook/payout": "any", "/payout": "payout",
	"/payout/info": "payout", "/payout/list": "payout", "/payout/services": "payout", "/payout/calculate": "payout",
	"/transfer/to-personal": "payout", "/transfer/to-business": "payout", "/recurrence/create": "payment",
	"/recurrence/info": "payment", "/recurrence/list": "payment", "/recurrence/cancel": "payment",
}

func TestIncident39_EveryRouteButTheRatesNeedsASignature(t *testing.T) {
	w := newWorld(t, options{})
	w.rich(t)
	before, err := w.store.Rows()
	require.NoError(t, err)
	keyless, _, err := w.projects.Create(t.Context(), invoice.NewProject{Owner: "owner", Name: "keyless"})
	require.NoError(t, err)
	const invalid = `{"message":"Invalid Sign."}`
	for _, route := range w.api.Routes() {
		body := bodies[route.OperationID]
		if route.Auth == nil {
			require.Equal(t, "/exchange-rate/{currency}/list", route.Path)
			continue
		}
		own := map[string]string{"payment": w.shop.payout, "payout": w.shop.payment, "any": w.rival.payment}[forbidden[route.Path]]
		if own == "" {
			own = w.shop.payout
		}
		good := cryptomus.Signature([]byte(body), w.shop.payment)
		for name, change := range map[string]func(h http.Header){
			"no headers":        func(h http.Header) { h.Del("merchant"); h.Del("sign") },
			"no merchant":       func(h http.Header) { h.Del("merchant") },
			"no sign":           func(h http.Header) { h.Del("sign") },
			"empty sign":        func(h http.Header) { h.Set("sign", "") },
			"unknown merchant":  func(h http.Header) { h.Set("merchant", unknownID) },
			"no uuid":           func(h http.Header) { h.Set("merchant", "x' OR 1=1 --\xff") },
			"long merchant":     func(h http.Header) { h.Set("merchant", strings.Repeat("a", 5000)) },
			"wrong key":         func(h http.Header) { h.Set("sign", cryptomus.Signature([]byte(body), "wrong")) },
			"no key":            func(h http.Header) { h.Set("sign", cryptomus.Signature([]byte(body), "")) },
			"key that none has": func(h http.Header) { h.Set("sign", cryptomus.Signature([]byte(body), strings.Repeat("0", 64))) },
			"another's key":     func(h http.Header) { h.Set("sign", cryptomus.Signature([]byte(body), w.rival.payment)) },
			"the other key":     func(h http.Header) { h.Set("sign", cryptomus.Signature([]byte(body), own)) },
			"another's id":      func(h http.Header) { h.Set("merchant", w.rival.id); h.Set("sign", good) },
			"project without key": func(h http.Header) {
				h.Set("merchant", keyless.ID)
				h.Set("sign", cryptomus.Signature([]byte(body), ""))
			},
			"... nor any at all": func(h http.Header) {
				h.Set("merchant", keyless.ID)
				h.Set("sign", cryptomus.Signature([]byte(body), strings.Repeat("0", 64)))
			},
			"another body":       func(h http.Header) { h.Set("sign", cryptomus.Signature([]byte(body+" "), w.shop.payment)) },
			"upper case":         func(h http.Header) { h.Set("sign", strings.ToUpper(good)) },
			"the key for a sign": func(h http.Header) { h.Set("sign", w.shop.payment) },
		} {
			r := w.request(route.Method, route.Path, w.shop, w.shop.payment, body)
			change(r.Header)
			got := w.send(t, w.api, r)
			require.Equal(t, invalid+"\n", string(got.body), "%s: %s", route.Path, name)
			require.Equal(t, 401, got.status, name)
		}
	}
	require.Zero(t, stage.Count(t, w.service))
	after, err := w.store.Rows()
	require.NoError(t, err)
	require.Equal(t, strings.Count(before, `"payout:`), strings.Count(after, `"payout:`), "and no money is reserved")
}

func TestIncident43_TheSignatureIsOfTheBytesThatWereSent(t *testing.T) {
	w := newWorld(t, options{})
	for i, body := range []string{
		`{"amount":"15","currency":"USD","order_id":"a","url_callback":"https:\/\/shop.example\/cb"}`,
		`{"amount":"15","currency":"USD","order_id":"a","url_callback":"https://shop.example/cb"}`,
		" {\n \"amount\": \"15\", \"currency\": \"USD\", \"order_id\": \"a\"}\n", `{"order_id":"a","currency":"USD","amount":15,"x":"日本"}`,
	} {
		require.Equal(t, 200, w.post(t, "/payment", body).status, i)
		other := strings.ReplaceAll(body, "/", `\/`) + " "
		r := w.request("POST", "/payment", w.shop, w.shop.payment, body)
		r.Header.Set("sign", cryptomus.Signature([]byte(other), w.shop.payment))
		require.Equal(t, 401, w.send(t, w.api, r).status)
	}
}

func TestIncident39_TheSignatureIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	w := newWorld(t, options{})
	for _, body := range []string{`{`, `[1]`, `{"amount":{}}`, `{"a":1,"a":2}`, "\xff"} {
		r := w.request("POST", "/payment", w.shop, "wrong", body)
		w.send(t, w.api, r).says(t, 401, `{"message":"Invalid Sign."}`)
	}
}

// Order ids are unique in the project, but an API shows only its own invoices and wallets.
func TestWhatAnotherAPIOfTheProjectHasMadeIsNotThere(t *testing.T) {
	w := newWorld(t, options{})
	id, wallet, token := w.sibling(t, "7")
	for _, order := range []string{"7", "7-wallet"} {
		for _, more := range []string{"", `,"is_refresh":true`} {
			w.post(t, "/payment", `{"amount":"20","currency":"USD","order_id":"`+order+`"`+more+`}`).breaks(t, "order_id", "unique")
		}
		w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"`+order+`"}`).breaks(t, "order_id", "unique")
		for _, path := range []string{"/payment/info", "/payment/mark-as-paid", "/payment/resend"} {
			w.post(t, path, `{"order_id":"`+order+`"}`).message(t, "Payment not found")
		}
		w.post(t, "/wallet/block-address", `{"order_id":"`+order+`"}`).message(t, "Wallet not found")
	}
	for _, uuid := range []string{id, wallet} {
		w.post(t, "/payment/info", `{"uuid":"`+uuid+`"}`).message(t, "Payment not found")
		w.post(t, "/payment/qr", `{"merchant_payment_uuid":"`+uuid+`"}`).message(t, "Payment not found")
		w.post(t, "/wallet/qr", `{"wallet_address_uuid":"`+uuid+`"}`).message(t, "Wallet not found")
		w.post(t, "/wallet/block-address", `{"uuid":"`+uuid+`"}`).message(t, "Wallet not found")
	}
	w.create(t, `{"amount":"20","currency":"USD","order_id":"8"}`)
	list := w.post(t, "/payment/list", `{}`)
	require.Len(t, list.result(t)["items"], 1)
	require.NotContains(t, string(list.body), token)
	for _, inv := range []string{id, wallet} {
		got, err := w.service.Invoice(t.Context(), w.shop.id, inv)
		require.NoError(t, err)
		require.Equal(t, invoice.StatusNew, got.State.Status)
	}
}

// Clients without a key can read rates, and nothing that belongs to a merchant.
func TestA51_Incident41_ThePublicReadsRatesAndNothingElse(t *testing.T) {
	w := newWorld(t, options{})
	before := w.get(t, "/exchange-rate/COIN/list")
	w.create(t, `{"amount":"1","currency":"COIN","order_id":"1"}`)
	w.store.Calls()
	require.Equal(t, before.body, w.get(t, "/exchange-rate/COIN/list").body)
	require.Empty(t, w.store.Calls())
	for _, route := range w.api.Routes() {
		require.True(t, route.Auth != nil || route.Method == "GET" && route.OperationID == "listRates", route.Path)
	}
}

func TestABodyWithoutParametersMayBeSignedAsNone(t *testing.T) {
	w := newWorld(t, options{})
	empty := cryptomus.Signature(nil, w.shop.payment)
	for body, want := range map[string]int{``: 200, `{}`: 200, `[]`: 200, `{ }`: 401, ` `: 401, `{"a":1}`: 401, `[1]`: 401} {
		for _, path := range []string{"/payment/services", "/payment/list", "/balance"} {
			r := w.request("POST", path, w.shop, "", body)
			r.Header.Set("sign", empty)
			require.Equal(t, want, w.send(t, w.api, r).status, "%q", body)
			if want == 200 {
				require.Equal(t, 200, w.post(t, path, body).status, "%q signed as it is", body)
			}
		}
	}
}

func TestTheContentTypeDoesNotMatter(t *testing.T) {
	w := newWorld(t, options{})
	for _, typ := range []string{"", "application/x-www-form-urlencoded", "text/plain", "application/json;charset=UTF-8", "application/json"} {
		r := w.request("POST", "/payment", w.shop, w.shop.payment, `{"amount":"15","currency":"USD","order_id":"a"}`)
		r.Header.Set("Content-Type", typ)
		w.send(t, w.api, r).result(t)
	}
	require.Equal(t, 1, stage.Count(t, w.service))
}

// TestIncident45_WhatIsAnothersDoesNotExist walks every operation of both versions.
func TestIncident45_WhatIsAnothersDoesNotExist(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) { contract.Walk(t, subjectOf(version)) })
	}
}

func TestWhatIsAnothersDoesNotExistBehindTheHostsAuthentication(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) { contract.Walk(t, hostedOf(version)) })
	}
}

func TestTheHostsRefusalsAreInThePublishedWords(t *testing.T) {
	w := newWorld(t, options{})
	for refusal, want := range map[error]struct {
		status int
		body   string
	}{
		httpapi.ErrUnauthorized: {401, `{"message":"Invalid Sign."}`},
		httpapi.ErrForbidden:    {403, `{"state":1,"message":"You are forbidden"}`},
		invoice.ErrNotFound:     {401, `{"message":"Invalid Sign."}`},
		invoice.ErrBusy:         {422, `{"state":1,"message":"Gateway error"}`},
		errors.New("broken"):    {500, `{"message":"Server error, #1","code":500,"error":null}`},
	} {
		api := w.newAPI(t, func(c *cryptomus.Config) {
			c.Authenticate = func(*http.Request) (string, error) { return "", refusal }
		})
		w.send(t, api, w.request("POST", "/payment/info", w.shop, w.shop.payment, bodies["getPayment"])).says(t, want.status, want.body)
		require.NotContains(t, string(api.OpenAPI()), "Requests are signed")
	}
}

func TestWithoutPayoutsMoneyOutIsForbidden(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.Payouts = nil }})
	w.rich(t)
	require.Contains(t, string(w.post(t, "/balance", "").body), `"balance":"0.00000000","currency_code":"COIN"`)
	found := 0
	for _, route := range w.api.Routes() {
		kind, out := forbidden[route.Path]
		if !out {
			continue
		}
		found++
		require.Contains(t, route.Summary, "forbidden")
		for _, key := range map[string][]string{"payment": {w.shop.payment}, "payout": {w.shop.payout}, "any": {w.shop.payment, w.shop.payout}}[kind] {
			w.send(t, w.api, w.request("POST", route.Path, w.shop, key, `{"uuid":"`+unknownID+`"}`)).message(t, "You are forbidden")
		}
	}
	require.Equal(t, len(forbidden), found)
}

func TestSignaturesAreLimitedToTheProjectsAddresses(t *testing.T) {
	w := newWorld(t, options{})
	limited := w.newMerchant(t, "limited", "10.0.0.0/8, 2001:db8::/32")
	ask := func(api *httpapi.API, remote, forwarded string) answer {
		r := w.request("POST", "/balance", limited, limited.payment, "{}")
		r.RemoteAddr = remote
		r.Header.Set("X-Real-Ip", forwarded)
		return w.send(t, api, r)
	}
	for remote, want := range map[string]int{"10.1.2.3:99": 200, "[2001:db8::1]:1": 200, "[::ffff:10.0.0.1]:1": 200, "192.0.2.8:1": 403, "@": 403, "": 403} {
		got := ask(w.api, remote, "10.0.0.1")
		require.Equal(t, want, got.status, remote)
		if want == 403 {
			got.says(t, 403, `{"state":1,"message":"You are forbidden"}`)
		}
	}
	api := w.newAPI(t, func(c *cryptomus.Config) {
		c.ClientIP = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Real-Ip")) }
	})
	require.Equal(t, 200, ask(api, "192.0.2.8:1", "10.0.0.1").status)
	r := w.request("POST", "/balance", limited, "wrong", "{}")
	require.Equal(t, 401, w.send(t, w.api, r).status, "who cannot sign does not learn about addresses")
}

func TestPathsAndMethodsThatAreNotThere(t *testing.T) {
	w := newWorld(t, options{})
	for _, path := range []string{"/", "/nothing", "/payment/", "//payment", "/payment/../balance", "/Payment"} {
		got := w.post(t, path, "{}")
		require.Equal(t, 404, got.status)
		require.Regexp(t, `^\{"state":1,"message":".+"\}\n$`, string(got.body))
	}
	got := w.send(t, w.api, w.request("GET", "/payment", w.shop, w.shop.payment, ""))
	require.Equal(t, 405, got.status)
	require.Equal(t, "POST", got.header.Get("Allow"))
}

func TestA41_TooManyRequestsAre429(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.Limit = httpapi.Limit{PerSecond: 1} }})
	require.Equal(t, 200, w.post(t, "/balance", "").status)
	got := w.post(t, "/balance", "")
	got.says(t, 429, `{"state":1,"message":"Too many requests. Please wait 1 s."}`)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, 200, w.send(t, w.api, w.request("POST", "/balance", w.rival, w.rival.payment, "")).status)
}

func TestWhatGoesWrongInsideIsLoggedAndNotSent(t *testing.T) {
	w := newWorld(t, options{})
	w.store.Break(errors.New("table projects is gone"))
	w.post(t, "/payment/info", `{"order_id":"1"}`).says(t, 500, `{"message":"Server error, #1","code":500,"error":null}`)
	require.Contains(t, w.log.String(), "table projects is gone")
	w.store.Break(nil)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone := w.send(t, w.api, w.request("POST", "/payment", w.shop, w.shop.payment, `{"amount":1,"currency":"USD","order_id":"1"}`).WithContext(ctx))
	require.Equal(t, 503, gone.status, "who went away is no error of ours")
}

func TestWithPayoutsOnlyRecurringPaymentsAreForbidden(t *testing.T) {
	w := newWorld(t, options{})
	for _, route := range w.api.Routes() {
		require.Equal(t, strings.HasPrefix(route.Path, "/recurrence/"), strings.Contains(route.Summary, "forbidden"), route.Path)
	}
}

func TestTheDocumentSaysBothHeadersAndWhatIsForbidden(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.Payouts = nil }})
	doc := contract.Of(t, w.api)
	create, payout := doc.Operation("POST", "/payment"), doc.Operation("POST", "/payout")
	for scheme, header := range map[string]string{"merchant": "merchant", "paymentSign": "sign"} {
		require.Contains(t, (*create.Security)[0], scheme)
		require.Equal(t, header, doc.Components.SecuritySchemes[scheme].Value.Name)
	}
	require.ElementsMatch(t, []string{"200", "400", "401", "403", "413", "415", "422", "429", "500", "503"}, contract.Statuses(create))
	require.Contains(t, payout.Summary, "forbidden")
	require.ElementsMatch(t, []string{"401", "403", "413", "415", "422", "429", "500", "503"}, contract.Statuses(payout))
	require.Empty(t, *doc.Operation("GET", "/exchange-rate/COIN/list").Security)
}

// According to a foreign validator, every response has exactly one type, and all that clients send is declared.
func TestTheDocumentIsNotAmbiguous(t *testing.T) {
	w := newWorld(t, options{})
	v2, err := cryptomus.NewV2(w.cfg)
	require.NoError(t, err)
	for _, api := range []*httpapi.API{w.api, v2} {
		doc := contract.Of(t, api)
		require.Equal(t, ".", doc.Servers[0].URL, "and no slash at its end")
		for _, name := range doc.Operations() {
			method, rest, _ := strings.Cut(name, " ")
			path, _, _ := strings.Cut(rest, " ")
			op := doc.Operation(method, path)
			for status, ref := range map[string]string{"401": "SignFault", "403": "MessageFault", "429": "MessageFault", "500": "CrashFault", "503": "MessageFault"} {
				if answer := op.Responses.Value(status); answer != nil {
					require.Equal(t, "#/components/schemas/"+ref, answer.Value.Content["application/json"].Schema.Ref, "%s %s", name, status)
				}
			}
			for status, answer := range op.Responses.Map() {
				require.Empty(t, answer.Value.Content["application/json"].Schema.Value.OneOf, "%s %s", name, status)
			}
			if method == http.MethodPost {
				require.NotNil(t, op.RequestBody, "%s: every client sends something to sign", name)
			}
		}
	}
	doc := contract.Of(t, w.api)
	for path, required := range map[string]bool{
		"/payment": true, "/wallet": true, "/payment/list": false, "/payment/info": false, "/payment/services": false, "/balance": false, "/payout/list": false, "/payout": true, "/payment/refund": true,
	} {
		require.Equal(t, required, doc.Operation("POST", path).RequestBody.Value.Required, path)
	}
	for _, path := range []string{"/payment/list", "/payment/services", "/balance", "/payment/discount/list"} {
		for _, body := range []string{`{}`, `[]`, `null`, ``} {
			require.Equal(t, 200, w.post(t, path, body).status, "%s %s", path, body) // and the document says so
		}
	}
	for _, path := range []string{"/payout/list", "/payout/services"} {
		for _, body := range []string{`{}`, `[]`, `null`, ``} {
			require.Equal(t, 200, w.out(t, path, body).status, "%s %s", path, body)
		}
	}
}

func TestMountsUnderAnyPrefix(t *testing.T) {
	w := newWorld(t, options{})
	mux := http.NewServeMux()
	mux.Handle("/v1/", http.StripPrefix("/v1", w.api))
	v2, err := cryptomus.NewV2(w.cfg)
	require.NoError(t, err)
	mux.Handle("/v2/", http.StripPrefix("/v2", v2))
	for path, want := range map[string]int{
		"/v1/exchange-rate/COIN/list": 200, "/v1/openapi.json": 200, "/v1/nothing": 404, "/v1/payment": 405,
		"/v2/openapi.json": 200, "/v2/docs": 200, "/v2/payment": 404, "/v2/payment/resend": 405,
	} {
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		require.Equal(t, want, rec.Code, path)
	}
}

func TestWhoIsRefusedCostsTheSameWhoeverItIs(t *testing.T) {
	w := newWorld(t, options{})
	for range 2 { // before and after the shop was let in
		for _, m := range []merchant{{id: w.shop.id}, {id: unknownID}, {id: ""}, {id: "x"}, {id: w.rival.id}} {
			w.store.Calls()
			r := w.request("POST", "/balance", m, w.shop.payment, "")
			if m.id == w.shop.id {
				r.Header.Set("sign", "no")
			}
			require.Equal(t, http.StatusUnauthorized, w.send(t, w.api, r).status)
			require.Equal(t, []string{"Project"}, w.store.Calls(), m.id)
		}
		require.Equal(t, http.StatusOK, w.post(t, "/balance", "").status)
	}
}

func TestWhoWasLetInIsRememberedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{})
		ask := func(key string) int {
			return w.send(t, w.api, w.request("POST", "/balance", w.shop, key, "")).status
		}
		require.Equal(t, http.StatusOK, ask(w.shop.payment))
		w.store.Calls()
		require.Equal(t, http.StatusOK, ask(w.shop.payment))
		require.NotContains(t, w.store.Calls(), "Project")

		made, err := w.projects.MakeKey(t.Context(), w.shop.id, cryptomus.PaymentKey, 0)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, ask(made), "a key that was just made")
		require.Equal(t, http.StatusUnauthorized, ask(w.shop.payment), "which has taken the place of the other")
	})
}

func TestAKeyAndTheOneBeforeAreTakenTogetherForTheOverlap(t *testing.T) {
	w := newWorld(t, options{})
	ask := func(key string) int {
		return w.send(t, w.api, w.request("POST", "/balance", w.shop, key, "")).status
	}
	made, err := w.projects.MakeKey(t.Context(), w.shop.id, cryptomus.PaymentKey, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []int{http.StatusOK, http.StatusOK}, []int{ask(w.shop.payment), ask(made)})
	w.shop.payment = made
	made, err = w.projects.MakeKey(t.Context(), w.shop.id, cryptomus.PaymentKey, 0)
	require.NoError(t, err)
	require.Equal(t, []int{http.StatusOK, http.StatusUnauthorized}, []int{ask(made), ask(w.shop.payment)})
}
