package cryptomus_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// version is a version of the API.
type version struct {
	make   func(cryptomus.Config) (*httpapi.API, error)
	resend contract.Exercise // of /payment/resend
}

var v1 = version{cryptomus.New, contract.Exercise{
	Body: `{"uuid":"PAID"}`, Ways: []contract.Way{{Body: `{"order_id":"order-paid"}`}}, Refuse: says(
		`{"uuid":"`+unknownID+`"}`, "Payment not found", `{"uuid":"LIVE"}`, "Notification not found", `{"uuid":"WORN"}`, "Too much resend",
		`{}`, broken("uuid", "required_without"),
	),
}}

var v2 = version{cryptomus.NewV2, contract.Exercise{
	Body: `{"txid":"tx-paid"}`, Ways: []contract.Way{{Body: `{"uuid":"PAID"}`}, {Body: `{"order_id":"order-paid"}`}, {Body: `{"txid":"tx-shared"}`}},
	Refuse: says(
		`{"txid":"nothing"}`, "Payment not found", `{"txid":"tx-live"}`, "Notification not found", `{"txid":"tx-worn"}`, "Too much resend",
		`{}`, broken("txid", "required_without_all"), `{"txid":"`+strings.Repeat("f", 257)+`"}`, broken("txid", "max.string"),
	),
}}

var versions = map[string]version{"1.0.0": v1, "2.0.0": v2}

// TestTheDocumentIsTheContract makes every operation of both versions succeed, or be forbidden, and return each error that
// it declares. A foreign implementation of OpenAPI compares everything with the document. The published words must occur.
func TestTheDocumentIsTheContract(t *testing.T) {
	t.Run("1.0.0", func(t *testing.T) { holds(t, v1, published) })
	t.Run("2.0.0", func(t *testing.T) { holds(t, v2, map[string][]string{"resendWebhook": published["resendWebhook"]}) })
}

func holds(t *testing.T, version version, published map[string][]string) {
	said := map[string]bool{}
	for _, got := range contract.Examine(t, subjectOf(version)) {
		shape, known := shapes[got.Status]
		if got.Status != 200 && known {
			require.Regexp(t, `^`+shape+`\n$`, got.Body, "%s %d", got.Operation, got.Status)
		}
		if message, ok := contract.Object(t, []byte(got.Body))["message"].(string); ok {
			said[got.Operation+": "+message], said[message] = true, true
		}
	}
	for operation, words := range published {
		for _, text := range words {
			require.True(t, said[operation+": "+text], "%s never said %q", operation, text)
		}
	}
	for text := range neverSaid {
		require.False(t, said[text], text)
	}
}

const words = `\{"state":1,"message":".+"\}`

// shapes holds the bodies of errors.
var shapes = map[int]string{
	400: words, 401: `\{"message":"Invalid Sign\."\}`, 403: `\{"state":1,"message":"You are forbidden"\}`, 404: words, 409: words, 413: words, 415: words,
	422: `(` + words + `|\{"state":1,"errors":\{("[a-z_.0-9]+":\["validation\.[a-z_.]+"\],?)+\}\})`, 429: words,
	500: `\{"message":"Server error, #1","code":500,"error":null\}`, 503: words,
}

// published holds the refusals in the words of the published documents.
var published = map[string][]string{
	"createPayment": {
		"The network was not found", "The currency was not found", "You are forbidden", "Not found service to_currency", "Error convert to_currency",
		"Minimum amount 2 USDT", "Maximum amount 10000000 USDT", "Gateway error",
	},
	"getPayment": {"Payment not found"}, "resendWebhook": {"Payment not found", "Notification not found", "Too much resend"},
	"testPaymentWebhook": {"Not found payment", "Payment service not found"}, "testWalletWebhook": {"Not found wallet", "Payment service not found"},
	"createWallet": {"You are forbidden", "The service was not found"}, "blockWallet": {"Wallet not found"},
	"setDiscount": {"The service BUSD bsc was not found"},
	"createPayout": {
		"You are forbidden", "The currency was not found", "The service was not found", "The withdrawal amount is too small", "Not enough funds",
		"Not found service to_currency", "Error convert to_currency", "Maximum amount 10000000 COIN", "Not enough balance for convert USDT to COIN",
	},
	"getPayout": {"Payout not found"}, "testPayoutWebhook": {"Not found payout", "Payout service not found"},
	"refundPayment": {
		"Payment was not found", "You are forbidden", "Undefined merchant wallet", "Refunds are made only for completed payments",
		"The refund amount should not be more than the amount paid",
	},
	"refundBlockedAddress": {
		"Not found", "You can withdraw only once", "Refund is in process", "Nothing to withdraw", "The amount is too small", "The service was not found",
		"You are forbidden",
	},
	"transferToPersonal": {"No found user wallet", "Not enough funds", "The currency was not found"}, "transferToBusiness": {"No found user wallet", "Not enough funds"},
}

// neverSaid holds the refusals that this API never returns, with the reason.
var neverSaid = map[string]string{
	"The terminal was not found": "there are no terminals", "Server error": "what goes wrong is a 500",
	"createPayment: Wallet not found": "payments go to the merchant's own addresses", "createWallet: Wallet not found": "so do deposits",
	"createPayout: Wallet not found": "a wallet without money has not enough funds",
}

// shopper is a world with invoices and wallets in every state that operations require.
type shopper struct {
	*world
	version   version           // that is asked
	ids, lost *strings.Replacer // of placeholders in exercises, by ids that exist or by ids that do not
	secrets   []string

	theirs   *strings.Replacer // of the words, by what another API of the shop's project has made
	siblings []string          // its ids and secrets
}

func newShopper(t testing.TB, version version) *shopper {
	w := newWorld(t, options{allowed: "192.0.2.0/24", service: func(c *invoice.Config) { c.Chains[0].PaymentURI = invoice.AddressURI(evmLikeURI) }})
	create := func(order string) string {
		return w.create(t, `{"amount":"1","currency":"COIN","order_id":"`+order+`","url_callback":"https://shop.example/c"}`)["uuid"].(string)
	}
	id, paid, worn, over, mark := create("live"), create("paid"), create("worn"), create("over"), create("mark")
	money := w.moneyOut(t, create)
	for _, order := range []string{"paid", "worn"} {
		w.post(t, "/payment/mark-as-paid", `{"order_id":"`+order+`"}`).result(t)
	}
	for range 12 {
		w.take(t, worn)
	}
	_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: over}, invoice.StatusCancelled)
	require.NoError(t, err)
	wallet := func(order string) string {
		return w.post(t, "/wallet", `{"currency":"COIN","network":"sim","order_id":"`+order+`"}`).result(t)["uuid"].(string)
	}
	w.send(t, w.api, w.request("POST", "/payment", w.rival, w.rival.payment, `{"amount":"1","currency":"COIN","order_id":"theirs"}`)).result(t)
	for _, order := range []string{"live", "paid", "worn"} {
		w.pays(t, order, "tx-"+order, "0")
	}
	w.pays(t, "paid", "tx-shared", "0")
	w.pays(t, "worn", "tx-shared", "1")
	out := &shopper{world: w, version: version, secrets: []string{w.shop.id, w.shop.payment}}
	invoiceID, walletID, token := w.sibling(t, "another")
	theirs := []string{"order-out", "another-out", "order-back", "another", "order-got", "another-wallet", "order-wallet", "another-wallet", "order-live", "another", "order-paid", "another", "tx-", "another-tx-", "WALLET", walletID, "BLOCK", walletID}
	for _, word := range []string{"LIVE", "PAID", "WORN", "OVER", "MARK", "BACK"} {
		theirs = append(theirs, word, invoiceID)
	}
	payoutID := w.siblingPayout(t, "another-out", token)
	theirs = append(theirs, "NEXT", cursor(invoiceID, true), "PREVIOUS", cursor(invoiceID, false), "GOT", walletID, "OUT", payoutID)
	theirs = append(theirs, "AFTER", cursor(payoutID, true), "BEFORE", cursor(payoutID, false))
	for _, tx := range []string{"paid", "shared", "live", "worn"} {
		w.pays(t, "another", "another-tx-"+tx, "0")
	}
	out.theirs, out.siblings = strings.NewReplacer(theirs...), []string{invoiceID, walletID, token, payoutID}
	ids, lost := []string{"order-", ""}, []string{"order-", "nothing-"}
	name := func(word, there, nothing string) { ids, lost = append(ids, word, there), append(lost, word, nothing) }
	for word, id := range map[string]string{
		"LIVE": id, "PAID": paid, "WORN": worn, "OVER": over, "MARK": mark, "WALLET": wallet("wallet"), "BLOCK": wallet("block"),
	} {
		name(word, id, unknownID)
		out.secrets = append(out.secrets, id)
	}
	for word, id := range money {
		name(word, id, unknownID)
		out.secrets = append(out.secrets, id)
	}
	name("AFTER", cursor(money["OUT"], true), cursor(unknownID, true))
	name("BEFORE", cursor(money["OUT"], false), cursor(unknownID, false))
	name("tx-", "tx-", "nothing-")
	name("NEXT", cursor(id, true), cursor(unknownID, true))
	name("PREVIOUS", cursor(id, false), cursor(unknownID, false))
	out.ids, out.lost = strings.NewReplacer(ids...), strings.NewReplacer(lost...)
	return out
}

// sibling creates an invoice and a wallet of the shop's project through another API, with a token in their callback URLs.
func (w *world) sibling(t testing.TB, order string) (id, wallet, token string) {
	t.Helper()
	token = "token-of-another-api"
	inv, err := w.service.Create(t.Context(), invoice.Request{
		Project: w.shop.id, OrderID: order, Price: invoice.Price{Currency: "USD", Amount: decimal.NewFromInt(7)}, Asset: "COIN",
		CallbackURL: "https://shop.example/hook?token=" + token, Format: webhook.Standard().Name(),
	})
	require.NoError(t, err)
	standing, err := w.service.CreateStanding(t.Context(), invoice.Deposit{
		Project: w.shop.id, OrderID: order + "-wallet", Asset: "COIN", CallbackURL: inv.CallbackURL, Format: inv.Format,
	})
	require.NoError(t, err)
	return inv.ID, standing.ID, token
}

// cursor returns a cursor that refers to an invoice.
func cursor(id string, next bool) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"id":%q,"_pointsToNextItems":%t}`, id, next))
}

// take records that everything due was delivered, and makes the latest webhook of an invoice due again.
func (w *world) take(t testing.TB, id string) {
	claimed, err := w.store.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 9})
	require.NoError(t, err)
	for _, c := range claimed {
		require.NoError(t, w.store.Record(t.Context(), c.Claim, webhook.Attempt{At: w.now(), Status: 200}, webhook.Next{State: webhook.StateDelivered}))
	}
	_, err = w.store.Resend(t.Context(), id, "")
	require.NoError(t, err)
}

func subjectOf(version version) func(testing.TB) contract.Subject {
	return func(t testing.TB) contract.Subject { return newShopper(t, version).subject(t, nil) }
}

// hostedOf returns the subject with the host's own authentication and unsigned requests.
func hostedOf(version version) func(testing.TB) contract.Subject {
	return func(t testing.TB) contract.Subject {
		w := newShopper(t, version)
		return w.subject(t, contract.Host("session", map[string]string{"shop": w.shop.id, "rival": w.rival.id, "stranger": unknownID}))
	}
}

// session replaces the signature of a request by a session.
func session(r *http.Request, who contract.Caller) *http.Request {
	r.Header.Del("merchant")
	r.Header.Del("sign")
	r.Header.Set("session", cmp.Or(map[contract.Caller]string{contract.Rival: "rival", contract.Stranger: "stranger"}[who], "shop"))
	return r
}

func (w *shopper) subject(t testing.TB, host httpapi.Authenticate) contract.Subject {
	return contract.Subject{
		API: func(limit httpapi.Limit, replies httpapi.Replies) *httpapi.API {
			return w.with(func(c *cryptomus.Config) { c.Limit, c.Replies, c.Authenticate = limit, replies, host })(t)
		},
		Request: func(route httpapi.Route, e contract.Exercise) *http.Request {
			who, ids := w.shop, w.ids
			if e.As == contract.Rival {
				who = w.rival
			}
			switch {
			case e.Lost:
				ids = w.lost
			case e.As == contract.Sibling:
				ids = w.theirs
			}
			key := who.payment
			if route.Auth != nil && route.Auth.Name == "payoutSign" {
				key = who.payout
			}
			if e.As == contract.Stranger {
				key = w.rival.payment
			}
			r := w.request(route.Method, ids.Replace(e.Target), who, key, ids.Replace(e.Body))
			if host != nil {
				r = session(r, e.As)
			}
			return r
		},
		Strip: func(r *http.Request) { r.Header.Del("sign"); r.Header.Del("session") },
		Store: w.store, Exercises: w.exercises(), Secrets: w.secrets, Siblings: w.siblings,
		Unreachable: map[string]string{"listRates 500": "a rate that fails is none", "listRates 503": "a rate that fails is none"},
	}
}

// with returns an API with everything enabled and a change.
func (w *shopper) with(change func(*cryptomus.Config)) func(testing.TB) *httpapi.API {
	return func(t testing.TB) *httpapi.API {
		return w.build(t, w.version, func(c *cryptomus.Config) {
			c.TestClient = endpoint(nil)
			change(c)
		})
	}
}

// without returns an API whose service lacks something.
func (w *shopper) without(change func(*invoice.Config)) func(testing.TB) *httpapi.API {
	return func(t testing.TB) *httpapi.API {
		lacks, err := openWorld(options{service: func(c *invoice.Config) { c.Store = w.store; change(c) }})
		require.NoError(t, err)
		return w.with(func(c *cryptomus.Config) { c.Service = lacks.service })(t)
	}
}

// over returns an API whose projects are in another store.
func (w *shopper) over(other invoice.ProjectStore) func(testing.TB) *httpapi.API {
	return func(t testing.TB) *httpapi.API {
		projects, err := invoice.NewProjects(other, w.now)
		require.NoError(t, err)
		return w.with(func(c *cryptomus.Config) { c.Projects = projects })(t)
	}
}

// full is a store whose projects have the maximum number of discounts, of former assets.
type full struct{ *spy.Store }

func (f full) Project(ctx context.Context, id string) (invoice.Project, error) {
	p, err := f.Store.Project(ctx, id)
	p.Discounts = map[string]int{}
	for n := range 200 {
		p.Discounts[fmt.Sprint("OLD", n)] = 1
	}
	return p, err
}

// stale is a store in which concurrent changes always win.
type stale struct{ *spy.Store }

func (stale) UpdateProject(context.Context, invoice.Project) error { return invoice.ErrConflict }

// endpoint returns a client whose requests all succeed, or all fail.
func endpoint(err error) *http.Client {
	return &http.Client{Timeout: time.Second, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	})}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// says returns refusals with 422, each with a body and its words.
func says(pairs ...string) (out []contract.Refusal) {
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, contract.Refusal{Status: 422, Body: pair[0], Says: pair[1]})
	}
	return out
}

// broken returns the text of a validation error.
func broken(field, rule string) string { return `"` + field + `":["validation.` + rule + `"]` }

// on returns refusals of another API.
func on(api func(testing.TB) *httpapi.API, list []contract.Refusal) []contract.Refusal {
	for i := range list {
		list[i].API = api
	}
	return list
}

// exercises makes every operation succeed, or be forbidden, and fail in the words of the published documents.
func (w *shopper) exercises() map[string]contract.Exercise {
	out := map[string]contract.Exercise{"listServices": {}, "listDiscounts": {}, "getBalance": {}, "listPayoutServices": {}}
	for _, route := range w.api.Routes() {
		if _, is := forbidden[route.Path]; is {
			out[route.OperationID] = contract.Exercise{Body: `{"uuid":"LIVE"}`}
		}
	}
	maps.Copy(out, w.payments())
	maps.Copy(out, w.webhooks())
	maps.Copy(out, w.wallets())
	maps.Copy(out, w.money())
	return out
}

func (w *shopper) payments() map[string]contract.Exercise {
	noRates := w.without(func(c *invoice.Config) { c.Rates = rates.NewFixed(nil, nil) })
	noAddress := w.without(func(c *invoice.Config) { c.Chains[0].Pool = &invoice.Pool{Size: 1} })
	const neither = `"order_id":["validation.required_without"],"uuid":["validation.required_without"]`
	const discount = `{"currency":"COIN","network":"sim","discount_percent":-10}`
	const coin, none = `{"amount":"1","order_id":"9","currency":`, `{"uuid":"` + unknownID + `"}`
	return map[string]contract.Exercise{
		"createPayment": {
			Body: `{"amount":"20","currency":"USD","order_id":"new","to_currency":"USDT","network":"sim","url_callback":"https://shop.example/c","lifetime":300}`,
			Refuse: slices.Concat(says(
				`{}`, broken("amount", "required"), coin+`"XXX"}`, "The currency was not found", coin+`"USD","network":"nowhere"}`, "The network was not found",
				coin+`"USD","to_currency":"XXX"}`, "Not found service to_currency", coin+`"USDT","network":"sim"}`, "Minimum amount 2 USDT",
				`{"amount":"10000001","order_id":"9","currency":"USDT"}`, "Maximum amount 10000000 USDT",
			), on(noRates, says(coin+`"USD","to_currency":"COIN"}`, "Error convert to_currency")), on(noAddress, says(coin+`"COIN"}`, "Gateway error"))),
		},
		"getPayment": {Body: `{"uuid":"LIVE"}`, Ways: []contract.Way{{Body: `{"order_id":"order-live"}`}}, Refuse: says(none, "Payment not found", `{}`, neither)},
		"listPayments": {
			Target: "/payment/list?cursor=x", Body: `{"date_from":"2024-01-15 9:00:00","date_to":"2024-01-15 19:00:00"}`,
			Refuse: says(`{"date_from":"yesterday"}`, broken("date_from", "regex")),
			Ways:   []contract.Way{{Target: "/payment/list?cursor=NEXT"}, {Target: "/payment/list?cursor=PREVIOUS"}, {Target: "/payment/list", Body: `{"cursor":"NEXT"}`}},
		},
		"markAsPaid": {Body: `{"uuid":"MARK"}`, Ways: []contract.Way{{Body: `{"order_id":"order-live"}`}}, Refuse: says(none, "Payment not found", `{"uuid":"OVER"}`, "Payment cannot be marked as paid", `{}`, neither)},
		"paymentQR":  {Body: `{"merchant_payment_uuid":"LIVE"}`, Refuse: says(`{"merchant_payment_uuid":"OVER"}`, "Payment is closed", `{"merchant_payment_uuid":"`+unknownID+`"}`, "Payment not found", `{}`, broken("merchant_payment_uuid", "required"))},
		"setDiscount": {
			Body: discount,
			Refuse: slices.Concat(says(
				`{"currency":"BUSD","network":"bsc","discount_percent":1}`, "The service BUSD bsc was not found", `{}`, broken("currency", "required"),
				`{"currency":"COIN","network":"sim","discount_percent":-100}`, broken("discount_percent", "min.numeric"),
			), on(w.over(full{w.store}), says(discount, broken("currency", "max.array"))), on(w.over(stale{w.store}), says(discount, "Gateway error"))),
		},
		"listRates": {Target: "/exchange-rate/COIN/list", Refuse: []contract.Refusal{
			{Status: 422, Target: "/exchange-rate/USD/list", Says: "The currency was not found"}, {Status: 422, API: noRates, Says: "Gateway error"},
			{Status: 404, Target: "/exchange-rate//list"},
		}},
	}
}

func (w *shopper) webhooks() map[string]contract.Exercise {
	off := w.with(func(c *cryptomus.Config) { c.TestClient = nil })
	gone := w.with(func(c *cryptomus.Config) { c.TestClient = endpoint(errors.New("no route to host")) })
	guarded := w.with(func(c *cryptomus.Config) { c.TestClient = endpoint(webhook.ErrRefused) })
	test := func(kind, id, other string) contract.Exercise {
		body := func(coin, id string) string {
			return fmt.Sprintf(`{"url_callback":"https://shop.example/c","currency":%q,"network":"sim","uuid":%q,"status":"paid"}`, coin, id)
		}
		good := body("COIN", id)
		return contract.Exercise{Body: good, Refuse: slices.Concat(says(
			`{}`, broken("url_callback", "required"), body("COIN", other), "Not found "+kind, body("DOGE", id), "Payment service not found",
		), on(off, says(good, "You are forbidden")), on(gone, says(good, "Gateway error")), on(guarded, says(good, "Gateway error")))}
	}
	return map[string]contract.Exercise{
		"testPaymentWebhook": test("payment", "LIVE", "WALLET"), "testWalletWebhook": test("wallet", "WALLET", "LIVE"),
		"resendWebhook": w.version.resend,
	}
}

func (w *shopper) wallets() map[string]contract.Exercise {
	return map[string]contract.Exercise{
		"createWallet": {
			Body:   `{"currency":"COIN","network":"sim","order_id":"new-wallet","url_callback":"https://shop.example/c"}`,
			Refuse: says(`{"currency":"DOGE","network":"doge","order_id":"9"}`, "The service was not found", `{}`, broken("network", "required")),
		},
		"blockWallet": {Body: `{"uuid":"BLOCK"}`, Ways: []contract.Way{{Body: `{"order_id":"order-wallet"}`}}, Refuse: says(
			`{"uuid":"LIVE"}`, "Wallet not found", `{"uuid":"WALLET","is_force_refund":true}`, "You are forbidden", `{}`, broken("uuid", "required_without"),
		)},
		"walletQR": {
			Body: `{"wallet_address_uuid":"WALLET"}`, Refuse: says(`{"wallet_address_uuid":"LIVE"}`, "Wallet not found", `{}`, broken("wallet_address_uuid", "required")),
		},
	}
}
