package itispay_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// sample is a published sample: the members of its object in order, and those that responses of this package lack.
type sample struct {
	members string
	lacks   string
}

const (
	members11    = "invoice_id order_id fiat_amount fiat_currency currency crypto_amount actual_crypto_amount_paid actual_crypto_amount_paid_in_units allowed_error_percent order_name expire_min callback_url status created_at updated_at expires_at blockchain_details transactions"
	membersPatch = "invoice_id order_id fiat_amount fiat_currency currency currency_paid crypto_amount crypto_amount_in_units actual_crypto_amount_paid actual_crypto_amount_paid_in_units allowed_error_percent order_name expire_min callback_url status created_at updated_at expires_at blockchain_details transactions"
	members10    = "invoice_id order_id fiat_amount fiat_currency currency crypto_amount crypto_amount_in_units actual_crypto_amount_paid actual_crypto_amount_paid_in_units allowed_error_percent order_name expire_min callback_url status created_at updated_at expires_at blockchain_details"
	membersOld   = "invoice_id user_id project_id order_id fiat_amount fiat_currency currency crypto_amount status created_at updated_at expires_at blockchain_details"
	membersAdmin = "invoice_id user_id project_id order_id fiat_amount fiat_currency currency currency_paid rate_created crypto_amount crypto_amount_in_units actual_crypto_amount_paid actual_crypto_amount_paid_in_units allowed_error_percent order_name expire_min callback_url status custody int_trans_id paybis_event_id settlement_date settlement_txid created_at updated_at expires_at blockchain_details transactions status_history callbacks"
	nobodyKnows  = "currency_paid custody int_trans_id paybis_event_id settlement_date settlement_txid"
)

var samples = map[string]sample{
	"1.1.0/create":         {members: members11},
	"1.1.0/list":           {members: "items pagination"},
	"1.1.0/archived":       {members: membersOld},
	"1.1.0/get":            {members: members11},
	"1.1.0/patch":          {members: membersPatch, lacks: "currency_paid"},
	"1.1.0/other_currency": {members: membersPatch, lacks: "crypto_amount_in_units"},
	"1.1.0/admin_list":     {members: "items pagination"},
	"1.1.0/admin_get":      {members: membersAdmin, lacks: nobodyKnows},
	"1.1.0/public":         {members: members11},
	"1.1.0/public_closed":  {members: "invoice_id status"},
	"1.1.0/currencies":     {members: "currencies"},
	"1.1.0/rates":          {members: "rates"},
	"1.1.0/simulate":       {members: "status message"},
	"1.1.0/project":        {members: "project_id api_key"},
	"1.1.0/resend":         {members: "status invoice_id callback_id"},
	"1.1.0/refusal":        {members: "error message"},
	"1.0.0/create":         {members: members10},
	"1.0.0/list":           {members: "items pagination"},
	"1.0.0/archived":       {members: membersOld},
	"1.0.0/get":            {members: members10},
	"1.0.0/patch":          {members: members10},
}

// TestA25_AnswersAreThePublishedSamples compares real responses, byte for byte except for random values, with golden files,
// and their members with those of the published samples.
func TestA25_AnswersAreThePublishedSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		w := newWorld(t, options{service: told, now: time.Now})
		stage.Run(t, w.service)
		v1, err := itispay.NewV1(w.config(nil))
		require.NoError(t, err)
		w.api = w.newAPI(t, func(c *itispay.Config) {
			c.Now = time.Now
			c.Format = itispay.NewFormat(itispay.Currency{Code: "SIM", CreatedAt: time.Now()}, itispay.Currency{Code: "TOK", CreatedAt: time.Now(), WalletPattern: "^sim1"})
			c.Simulation = &itispay.Simulation{Client: &http.Client{Timeout: time.Second, Transport: taken{}}}
		})
		g := &golden{world: w, t: t, samples: samples, seen: map[string]bool{}}
		g.pastAndPresent(v1)
		g.paid(v1)
		for name := range samples {
			require.True(t, g.seen[name], name)
		}
	})
}

// golden compares responses with files.
type golden struct {
	*world
	t       *testing.T
	samples map[string]sample
	seen    map[string]bool
}

const order = `{"order_id":"A-1007","fiat_amount":250,"fiat_currency":"EUR","currency":"SIM","allowed_error_percent":2,"order_name":"Two chairs","expire_min":45,"callback_url":"https://shop.example/hook"}`

// pastAndPresent compares the samples in which nothing was paid.
func (g *golden) pastAndPresent(v1 *httpapi.API) {
	past := `{"order_id":"Z-9","fiat_amount":80,"fiat_currency":"EUR","currency":"TOK","order_name":"A lamp","created_at":"2019-05-06T07:08:09Z"}`
	g.ask("1.1.0/archived", 201, g.api, "POST", "/archived", g.key, past)
	g.ask("1.0.0/archived", 201, v1, "POST", "/archived", g.other, past)
	g.ask("1.1.0/refusal", 409, g.api, "POST", "/archived", g.key, past)
	g.ask("1.1.0/currencies", 200, g.api, "GET", "/currencies", "", "")
	g.ask("1.1.0/rates", 200, g.api, "GET", "/rates", "", "")
	g.ask("1.1.0/project", 201, g.api, "POST", "/projects", accountKey, `{"name":"Second shop"}`)
	first := g.ask("1.0.0/create", 201, v1, "POST", "/invoices", g.other, order).text(g.t, "invoice_id")
	g.ask("1.0.0/patch", 200, v1, "PATCH", "/invoices/"+first, g.other, `{"status":"cancelled"}`)
	time.Sleep(time.Minute + 250*time.Millisecond) // between two polls of the follower
	id := g.ask("1.1.0/create", 201, g.api, "POST", "/invoices", g.key, strings.Replace(order, "A-1007", "A-1006", 1)).text(g.t, "invoice_id")
	g.ask("1.1.0/simulate", 200, g.api, "POST", "/webhooks/simulate", g.key, simulation(id, "completed"))
	g.ask("1.1.0/patch", 200, g.api, "PATCH", "/invoices/"+id, g.key, `{"status":"cancelled","comment":"out of stock"}`)
	g.ask("1.1.0/public_closed", 200, g.api, "GET", "/public/invoices/"+id, "", "")
}

// paid compares the samples with payments.
func (g *golden) paid(v1 *httpapi.API) {
	time.Sleep(time.Minute + 250*time.Millisecond) // between two polls of the follower
	created := g.create(g.t, order)
	id, to := created.text(g.t, "invoice_id"), created.object(g.t)["blockchain_details"].(map[string]any)["blockchainAddress"].(string)
	pay := func(to, code, amount string) {
		g.chain.Pay(chain.Address(to), g.chain.Asset(code), units(amount))
		time.Sleep(5 * time.Second)
		synctest.Wait()
	}
	pay(to, "SIM", "50000000000000000")
	g.ask("1.1.0/public", 200, g.api, "GET", "/public/invoices/"+id, "", "")
	pay(to, "SIM", "75000000000000000")
	g.chain.Mine(2)
	time.Sleep(5 * time.Second)
	synctest.Wait()
	g.ask("1.1.0/get", 200, g.api, "GET", "/invoices/"+id, g.key, "")
	g.ask("1.0.0/get", 200, v1, "GET", "/invoices/"+id, g.key, "")
	g.deliverAll()
	g.ask("1.1.0/resend", 200, g.api, "POST", "/webhooks/resend", g.key, `{"order_id":"A-1007"}`)
	g.deliverAll()
	g.ask("1.1.0/admin_get", 200, g.api, "GET", "/admin/invoices/"+id, g.admin, "")
	g.ask("1.1.0/admin_list", 200, g.api, "GET", "/admin/invoices?search=A-100&page_size=2", g.admin, "")
	g.do(g.t, "PATCH", "/invoices/"+id, g.key, `{"status":"archived"}`)

	other := g.create(g.t, `{"order_id":"A-1008","fiat_amount":10,"currency":"SIM"}`)
	pay(other.object(g.t)["blockchain_details"].(map[string]any)["blockchainAddress"].(string), "TOK", "20000000")
	g.ask("1.1.0/other_currency", 200, g.api, "GET", "/invoices/"+other.text(g.t, "invoice_id"), g.key, "")
	g.ask("1.1.0/list", 200, g.api, "GET", "/invoices?page_size=2", g.key, "")
	g.ask("1.0.0/list", 200, v1, "GET", "/invoices?page_size=2", g.key, "")
}

// deliverAll records that each callback was accepted.
func (g *golden) deliverAll() {
	for {
		claimed, err := g.store.Claim(g.t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 1})
		require.NoError(g.t, err)
		if len(claimed) == 0 {
			return
		}
		taken := webhook.Attempt{At: time.Now(), Status: 200, Excerpt: "thanks"}
		require.NoError(g.t, g.store.Record(g.t.Context(), claimed[0].Claim, taken, webhook.Next{State: webhook.StateDelivered}))
	}
}

// ask compares the response to a request with the golden file of a sample.
func (g *golden) ask(name string, status int, api *httpapi.API, method, path, key, body string) answer {
	g.t.Helper()
	return g.check(name, status, g.send(g.t, api, g.request(method, path, key, body)))
}

// check compares a response with the golden file of a sample.
func (g *golden) check(name string, status int, got answer) answer {
	g.t.Helper()
	require.Equal(g.t, status, got.status, "%s: %s", name, got.body)
	g.seen[name] = true
	var want []string
	for _, member := range strings.Fields(g.samples[name].members) {
		if !slices.Contains(strings.Fields(g.samples[name].lacks), member) {
			want = append(want, member)
		}
	}
	require.Equal(g.t, strings.Join(want, " "), contract.Members(g.t, got.body), name)
	require.NotContains(g.t, string(got.body), "null", name)
	contract.Golden(g.t, name, got.body)
	return got
}

// The API 1.0.0 returns only the members of 1.0.0, whatever was paid and how.
func TestVersion1KnowsNoTransactions(t *testing.T) {
	w := newWorld(t, options{})
	v1, err := itispay.NewV1(w.config(nil))
	require.NoError(t, err)
	var paths []string
	for _, route := range v1.Routes() {
		paths = append(paths, route.Method+" "+route.Path)
	}
	require.ElementsMatch(t, []string{
		"POST /invoices", "GET /invoices", "POST /archived", "GET /invoices/{invoice_id}", "PATCH /invoices/{invoice_id}",
		"GET /currencies", "GET /rates", "POST /webhooks/simulate", "POST /projects",
	}, paths)
	require.Equal(t, "1.0.0", contract.Of(t, v1).Info.Version)
	for _, word := range []string{"transactions", "currency_paid", "callback_id"} {
		require.NotContains(t, string(v1.OpenAPI()), word)
		require.Contains(t, string(w.api.OpenAPI()), word)
	}
	id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	details := w.send(t, v1, w.request("GET", "/invoices/"+id, w.key, "")).object(t)["blockchain_details"].(map[string]any)
	require.Equal(t, "test", details["walletId"])
	require.Equal(t, w.project, details["accountId"])
	w.send(t, v1, w.request("GET", "/public/invoices/"+id, "", "")).refused(t, 404, "not_found")

	inv, err := w.service.Create(t.Context(), invoice.Request{Project: w.project, Format: itispay.FormatName, Price: invoice.Price{Currency: "EUR", Amount: prices()[pair("SIM", "EUR")]}})
	require.NoError(t, err)
	open := w.send(t, v1, w.request("GET", "/invoices/"+inv.ID, w.key, ""))
	require.Equal(t, 200, open.status)
	require.Empty(t, open.object(t)["blockchain_details"])
}
