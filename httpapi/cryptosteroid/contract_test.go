package cryptosteroid_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// TestTheDocumentIsTheContract makes every operation succeed and return each error that it declares. A foreign
// implementation of OpenAPI compares everything with the document.
func TestTheDocumentIsTheContract(t *testing.T) {
	contract.Examine(t, subject)
}

func subject(t testing.TB) contract.Subject {
	return subjectOf(t, func(*world, *cryptosteroid.Config) {})
}

// hosted returns the subject with the host's own authentication, which knows the merchants by other names.
func hosted(t testing.TB) contract.Subject {
	return subjectOf(t, func(w *world, c *cryptosteroid.Config) {
		c.Authenticate = contract.Host("X-Api-Key", map[string]string{w.key: w.shop, w.other: w.rival, strings.Repeat("0", 64): unknownID})
	})
}

func subjectOf(t testing.TB, change func(*world, *cryptosteroid.Config)) contract.Subject {
	w := newWorld(t, options{allowed: "192.0.2.0/24"})
	id, address := w.create(t, `{`+valid+`}`).text(t, "invoiceId"), w.do(t, "POST", w.wallet("BTC"), w.key, `{"label":"a"}`).text(t, "id")
	own := []string{"OWN", w.rival, "WALLET", cryptosteroid.WalletID(w.rival, "BTC")}
	ids := strings.NewReplacer(append(own, "{merchant}", w.shop, "{wallet}", cryptosteroid.WalletID(w.shop, "BTC"), "OVER", w.over(t), "INVOICE", id, "ADDRESS", address)...)
	lost := strings.NewReplacer(append(own, "{merchant}", unknownID, "{wallet}", unknownID, "INVOICE", unknownID, "ADDRESS", unknownID)...)
	theirs, theirAddress, token := w.sibling(t)
	siblings := strings.NewReplacer(append(own, "{merchant}", w.shop, "{wallet}", cryptosteroid.WalletID(w.shop, "BTC"), "OVER", theirs, "INVOICE", theirs, "ADDRESS", theirAddress)...)
	gone := strings.NewReplacer(append(own, "{merchant}", w.shop, "{wallet}", cryptosteroid.WalletID(w.shop, "BTC"), "INVOICE", unknownID, "ADDRESS", unknownID)...)
	others := map[contract.Caller]string{contract.Rival: w.other, contract.Stranger: strings.Repeat("0", 64)}
	return contract.Subject{
		API: func(limit httpapi.Limit, replies httpapi.Replies) *httpapi.API {
			return w.newAPI(t, options{api: func(c *cryptosteroid.Config) {
				c.Limit, c.Replies = limit, replies
				change(w, c)
			}})
		},
		Request: func(route httpapi.Route, e contract.Exercise) *http.Request {
			ids := ids
			switch {
			case e.As == contract.Sibling && e.Lost:
				ids = gone
			case e.As == contract.Sibling:
				ids = siblings
			case e.Lost:
				ids = lost
			}
			return w.request(route.Method, ids.Replace(e.Target), cmp.Or(others[e.As], w.key), e.Body)
		},
		Strip: func(r *http.Request) { r.Header.Del("X-Api-Key") },
		Store: w.store, Exercises: w.exercises(), Secrets: []string{id, address, w.shop, w.key, secret},
		Siblings: []string{theirs, theirAddress, token},
	}
}

// sibling creates an invoice and an address of the shop's project through another API, with a token in their callback URLs.
func (w *world) sibling(t testing.TB) (id, address, token string) {
	t.Helper()
	token = "token-of-another-api"
	inv, err := w.service.Create(t.Context(), invoice.Request{
		Project: w.shop, OrderID: "another", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(70)}, Asset: "BTC",
		CallbackURL: "https://shop.example/hook?token=" + token, Format: webhook.Standard().Name(),
	})
	require.NoError(t, err)
	standing, err := w.service.CreateStanding(t.Context(), invoice.Deposit{
		Project: w.shop, Asset: "BTC", CallbackURL: inv.CallbackURL, Format: inv.Format,
	})
	require.NoError(t, err)
	return inv.ID, standing.ID, token
}

// over creates an invoice that can no longer be paid.
func (w *world) over(t testing.TB) string {
	id := w.create(t, `{`+valid+`,"paymentMethod":"ETH"}`).text(t, "invoiceId")
	_, err := w.service.SetStatus(t.Context(), invoice.Act{Invoice: id}, invoice.StatusCancelled)
	require.NoError(t, err)
	return id
}

// exercises makes every operation succeed and, besides the refusals that all operations share, fail.
func (w *world) exercises() map[string]contract.Exercise {
	// without returns the API with a service that lacks something.
	without := func(change func(*invoice.Config)) func(testing.TB) *httpapi.API {
		return func(t testing.TB) *httpapi.API {
			lacks, err := openWorld(options{service: func(c *invoice.Config) { c.Store = w.store; change(c) }})
			require.NoError(t, err)
			return w.newAPI(t, options{api: func(c *cryptosteroid.Config) { c.Service = lacks.service }})
		}
	}
	noRates := without(func(c *invoice.Config) { c.Rates = nil })
	noAddress := without(func(c *invoice.Config) { c.Chains[1].Pool = &invoice.Pool{Size: 1} })
	const one, btc = "/merchants/{merchant}/invoices/", `{"paymentMethod":"BTC"}`
	return map[string]contract.Exercise{
		"createInvoice": {
			Body: `{` + valid + `,"whoPayCommission":"seller","paymentMethod":"ETH","externalId":"7","secret":"a","processingUrl":"https://shop.example/",
				"returnUrl":"https://shop.example/ok","failReturnUrl":"https://shop.example/no"}`,
			Refuse: []contract.Refusal{
				{Status: 400, Body: `{` + valid + `,"paymentMethod":"XMR"}`, Says: "paymentMethod must be one of"},
				{Status: 503, API: noRates, Says: "no exchange rate"},
				{Status: 429, API: w.oneNew, Says: "Too many invoices are NEW"},
				{Status: 503, API: noAddress, Body: `{` + valid + `,"paymentMethod":"BTC"}`, Says: "No address is free"},
			},
		},
		"getInvoice": {Target: one + "INVOICE", Ways: []contract.Way{{Target: "/merchants/OWN/invoices/INVOICE"}, {Target: one + "ADDRESS"}}},
		"updateInvoice": {Target: one + "INVOICE", Body: btc, Ways: []contract.Way{{Target: "/merchants/OWN/invoices/INVOICE"}, {Target: one + "ADDRESS"}}, Refuse: []contract.Refusal{
			{Status: 400, Body: `{}`, Says: "paymentMethod is required"},
			{Status: 409, Target: one + "OVER", Says: "can only be chosen while"},
			{Status: 503, API: noRates, Says: "no exchange rate"},
			{Status: 503, API: noAddress, Says: "No address is free"},
		}},
		"createAddress": {
			Body:   `{"label":"till 7","identify":"5","callback":"https://shop.example/","token":"a"}`,
			Ways:   []contract.Way{{Target: "/merchants/OWN/wallets/{wallet}/address"}},
			Refuse: []contract.Refusal{{Status: 400, Body: `{"label":""}`, Says: "label must not be empty"}, {Status: 429, API: w.oneDeposit, Says: "Too many addresses are open"}},
		},
		"archiveAddress": {Target: "/merchants/{merchant}/wallets/{wallet}/address/ADDRESS", Ways: []contract.Way{
			{Target: "/merchants/OWN/wallets/{wallet}/address/ADDRESS"}, {Target: "/merchants/OWN/wallets/WALLET/address/ADDRESS"},
			{Target: "/merchants/OWN/wallets/WALLET/address/INVOICE"},
		}},
	}
}

// oneNew returns the API with a MaxNew of 1, which is reached.
func (w *world) oneNew(t testing.TB) *httpapi.API {
	return w.newAPI(t, options{api: func(c *cryptosteroid.Config) { c.MaxNew = 1 }})
}

// oneDeposit returns the API with a MaxDeposits of 1, which is exceeded.
func (w *world) oneDeposit(t testing.TB) *httpapi.API {
	return w.newAPI(t, options{api: func(c *cryptosteroid.Config) { c.MaxDeposits = 1 }})
}
