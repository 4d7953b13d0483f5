package itispay_test

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// Clients of exercises; the default is the shop.
const (
	nobody  = "nobody"
	office  = "office"
	account = "account"
)

// taken409 is the refusal of a repeated creation.
var taken409 = []contract.Refusal{{Status: 409, Says: "is taken by"}}

// exercises makes every operation succeed, or respond with 501. LIVE and TOLD are ids of invoices.
var exercises = map[string]contract.Exercise{
	"createInvoice": {
		Body:   `{"order_id":"1","fiat_amount":"12.50","fiat_currency":"EUR","currency":"SIM","allowed_error_percent":5,"order_name":"Tea","expire_min":45,"callback_url":"https://example.com/hook"}`,
		Refuse: []contract.Refusal{{Status: 422, Body: `{"order_id":"2","fiat_amount":0,"currency":"SIM"}`}}, Then: taken409,
	},
	"listInvoices": {
		Target: "/invoices?status=new&currency=SIM&created_after=2024-01-01T00:00:00Z&created_before=2025-01-01T00:00:00Z&page=1&page_size=5&sort_by=updated_at&sort_order=asc",
		Refuse: []contract.Refusal{{Status: 422, Target: "/invoices?page=0"}, {Status: 400, Target: "/invoices?a=%zz"}},
	},
	"createArchivedInvoice": {
		Body:   `{"order_id":"3","crypto_amount":0.25,"fiat_currency":"USD","currency":"SIM","created_at":"2023-01-01"}`,
		Refuse: []contract.Refusal{{Status: 422, Body: `{"order_id":"4","crypto_amount":1,"currency":"SIM","created_at":"tomorrow"}`}}, Then: taken409,
	},
	"createArchivedInvoiceAlias": {
		Body: `{"order_id":"5","fiat_amount":1,"currency":"SIM"}`, Refuse: []contract.Refusal{{Status: 422, Body: `{"currency":"SIM"}`}}, Then: taken409,
	},
	"getInvoice": {Target: "/invoices/LIVE"},
	"updateInvoiceStatus": {
		Target: "/invoices/LIVE", Body: `{"status":"cancelled","comment":"enough"}`, Refuse: []contract.Refusal{{Status: 422, Body: `{"status":"paid"}`}},
	},
	"getPublicInvoice": {Who: nobody, Target: "/public/invoices/LIVE"},
	"adminListInvoices": {
		Who: office, Target: "/admin/invoices?status=new&currency=SIM&fiat_currency=EUR&search=live&page=1&page_size=5&sort_by=created_at&sort_order=desc",
		Refuse: []contract.Refusal{{Status: 422, Target: "/admin/invoices?page_size=0"}, {Status: 400, Target: "/admin/invoices?a=%zz"}},
	},
	"adminGetInvoice": {Who: office, Target: "/admin/invoices/TOLD"},
	"listCurrencies":  {Who: nobody},
	"getRates":        {Who: nobody, Refuse: []contract.Refusal{{Status: 503, Says: "no exchange rate", API: withoutRates}}},
	"simulateWebhook": {Body: `{"invoice_id":"TOLD","status":"completed"}`, Refuse: []contract.Refusal{
		{Status: 422, Body: `{"invoice_id":"TOLD","status":"paid"}`}, {Status: 404, Body: `{"invoice_id":"` + unknownID + `","status":"new"}`},
	}},
	"createProject": {
		Who: account, Body: `{"name":"New","description":"x","api_allowed_ips":"10.0.0.0/8"}`, Refuse: []contract.Refusal{{Status: 422, Body: `{"name":""}`}}, Then: taken409,
	},
	"resendWebhook": {Body: `{"invoice_id":"TOLD"}`, Ways: []contract.Way{{Body: `{"order_id":"ORDER"}`}}, Refuse: []contract.Refusal{
		{Status: 422, Body: `{"invoice_id":""}`}, {Status: 404, Body: `{"invoice_id":"` + unknownID + `"}`},
	}},
	"exportSettlements": {},
	"withdraw":          {},
	"createPayout":      {Header: map[string]string{"X-Client-ID": "c", "X-Project-ID": "p"}, Refuse: []contract.Refusal{{Status: 422, Header: map[string]string{"X-Client-ID": ""}}}},
}

// unreachable holds the errors that are declared for all operations but cannot occur in these.
var unreachable = map[string]string{
	"listCurrencies 500": "it asks nobody", "listCurrencies 503": "it asks nobody", "getRates 500": "a rate that fails is none",
}

// withoutRates returns an API whose service has no rates.
func withoutRates(t testing.TB) *httpapi.API {
	return newWorld(t, options{service: func(c *invoice.Config) { c.Rates = nil }}).api
}

// TestTheDocumentIsTheContract makes every operation of both versions succeed and return each error that it declares. A
// foreign implementation of OpenAPI compares everything with the document.
func TestTheDocumentIsTheContract(t *testing.T) {
	for version, build := range map[string]func(itispay.Config) (*httpapi.API, error){"1.1.0": itispay.New, "1.0.0": itispay.NewV1} {
		t.Run(version, func(t *testing.T) {
			contract.Examine(t, subjectOf(build))
		})
	}
	t.Run("1.1.0 with payouts", func(t *testing.T) { contract.Examine(t, paying) })
}

func subjectOf(build func(itispay.Config) (*httpapi.API, error)) func(testing.TB) contract.Subject {
	return func(t testing.TB) contract.Subject { return subject(t, build, func(*world, *itispay.Config) {}) }
}

// paying returns the subject that pays out.
func paying(t testing.TB) contract.Subject {
	var w *world
	var p *till
	s := subject(t, itispay.New, func(in *world, c *itispay.Config) {
		if p == nil {
			w, p = in, in.openTill(t, nil)
			p.fund(w.project, w.chain.Asset("SIM"), "10000000000000000000")
			require.NoError(t, p.Fund(t.Context(), bankNetwork, "incoming", w.project, "ben"))
		}
		c.Payouts, c.Fiat = p, inEuro
	})
	taken := func(t testing.TB) *httpapi.API {
		return w.newAPI(t, func(c *itispay.Config) { c.Payouts = takenKeys{p} })
	}
	s.Exercises = maps.Clone(exercises)
	s.Exercises["withdraw"] = contract.Exercise{
		Body: `{"currency":"SIM","to":"sim1own","amount":"0.002"}`,
		Refuse: []contract.Refusal{
			{Status: 422, Body: `{"currency":"SIM","to":"bc1","amount":"0.002"}`}, {Status: 422, Body: `{"currency":"SIM","to":"sim1own","amount":"20"}`, Says: "insufficient_balance"},
			{Status: 409, Says: "conflict", API: taken},
		},
	}
	s.Exercises["createPayout"] = contract.Exercise{
		Body: cryptoBody, Header: exercises["createPayout"].Header,
		Ways: []contract.Way{{Body: bankBody}},
		Refuse: []contract.Refusal{
			{Status: 422, Header: map[string]string{"X-Client-ID": ""}}, {Status: 422, Body: `{"type":"GIFT","fiat":{}}`},
			{Status: 422, Body: strings.Replace(bankBody, "12.5", "99999", 1), Says: "insufficient_balance"},
		},
		Then: []contract.Refusal{{Status: 409, Body: strings.Replace(cryptoBody, `"25"`, `"26"`, 1), Says: "conflict"}},
	}
	return s
}

// takenKeys is a till in which every key is taken.
type takenKeys struct{ *till }

func (takenKeys) Request(context.Context, payout.Request) (payout.Payout, error) {
	return payout.Payout{}, &payout.KeyError{Key: "k", Payout: unknownID}
}

// hostedOf returns the subject with the host's own authentication.
func hostedOf(build func(itispay.Config) (*httpapi.API, error)) func(testing.TB) contract.Subject {
	return func(t testing.TB) contract.Subject {
		return subject(t, build, func(w *world, c *itispay.Config) {
			c.Authenticate = contract.Host("Api-Key", map[string]string{
				w.key: w.project, w.other: w.rival, w.admin: w.office, strings.Repeat("0", 64): unknownID,
			})
		})
	}
}

func subject(t testing.TB, build func(itispay.Config) (*httpapi.API, error), change func(*world, *itispay.Config)) contract.Subject {
	w := newWorld(t, options{service: told, allowed: "192.0.2.0/24"})
	live, done := w.told(t, "live", "https://example.com/hook"), w.told(t, "told", "https://example.com/hook")
	require.Equal(t, 200, w.do(t, "PATCH", "/invoices/"+done, w.key, `{"status":"expired"}`).status)
	ids := strings.NewReplacer("LIVE", live, "TOLD", done, "ORDER", "told")
	lost := strings.NewReplacer("LIVE", unknownID, "TOLD", unknownID, "ORDER", "nothing")
	theirs, token := w.sibling(t, "sibling")
	siblings := strings.NewReplacer("LIVE", theirs, "TOLD", theirs, "ORDER", "sibling")
	keys := map[string]string{"": w.key, office: w.admin, account: accountKey}
	others := map[contract.Caller]string{contract.Rival: w.other, contract.Stranger: strings.Repeat("0", 64)}
	return contract.Subject{
		API: func(limit httpapi.Limit, replies httpapi.Replies) *httpapi.API {
			api, err := build(w.config(func(c *itispay.Config) {
				c.Limit, c.Replies = limit, replies
				c.Simulation = &itispay.Simulation{Client: &http.Client{Timeout: 1e9, Transport: taken{}}}
				change(w, c)
			}))
			require.NoError(t, err)
			return api
		},
		Request: func(route httpapi.Route, e contract.Exercise) *http.Request {
			ids := ids
			switch {
			case e.Lost:
				ids = lost
			case e.As == contract.Sibling:
				ids = siblings
			}
			return w.request(route.Method, ids.Replace(e.Target), cmp.Or(others[e.As], keys[e.Who]), ids.Replace(e.Body))
		},
		Strip: func(r *http.Request) { r.Header.Del("Api-Key") },
		Store: w.store, Exercises: exercises, Unreachable: unreachable,
		Secrets: []string{live, done, w.project, w.key}, Siblings: []string{theirs, token},
	}
}

// sibling creates an invoice of the shop's project through another API, with a token in its callback URL.
func (w *world) sibling(t testing.TB, order string) (id, token string) {
	token = "token-of-another-api"
	inv, err := w.service.Create(t.Context(), invoice.Request{
		Project: w.project, OrderID: order, Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(7)}, Asset: "SIM",
		CallbackURL: "https://shop.example/hook?token=" + token, Format: webhook.Standard().Name(),
	})
	require.NoError(t, err)
	return inv.ID, token
}

// beyondSchema holds bad creations that the schema of the body accepts, because it cannot express the rules that they break.
var beyondSchema = []string{
	"no amount", "both amounts", "amounts null", "fiat zero", "fiat minus zero", "crypto zero", "both zero", "crypto negative", "1e400", "too many digits", "more than everything", "half a cent", "half a cent as a double",
	"cents of cents",
	"less than a base unit", "below the minimum", "crypto below the minimum", "unknown currency",
	"fiat as currency", "order of spaces", "order with NUL", "tolerance 100", "callback without host",
	"callback to a file", "trailing garbage", "two objects", "duplicate key", "duplicate key by escape", "bad UTF-8",
	"half a surrogate pair", "half a surrogate pair in a name", "name with a tab", "name of lines", "order with a line",
}

// TestTheSchemaRefusesWhatTheDecoderRefuses compares the two on every bad creation.
func TestTheSchemaRefusesWhatTheDecoderRefuses(t *testing.T) {
	w := newWorld(t, options{})
	doc, err := contract.Read(w.api.OpenAPI())
	require.NoError(t, err)
	var accepted []string
	for _, bad := range badCreations {
		if strings.Contains(bad.name, "exponent") {
			continue // the foreign implementation panics at 1e999999999
		}
		if doc.Request(w.request("POST", "/invoices", w.key, bad.body), []byte(bad.body)) == nil {
			accepted = append(accepted, bad.name)
		}
	}
	require.Equal(t, beyondSchema, accepted)
}
