package cryptomus_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var start = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

// merchant is a project with the keys that it signs with.
type merchant struct{ id, payment, payout string }

// world is a shop with simulated chains, and clients of its API.
type world struct {
	api      *httpapi.API
	cfg      cryptomus.Config
	service  *invoice.Service
	projects *invoice.Projects
	store    *spy.Store
	chain    *chaintest.Chain
	payouts  *payout.Service
	spenders map[chain.Network]*fakeSpender
	log      *spy.Log
	shop     merchant
	rival    merchant
	now      func() time.Time
}

type options struct {
	api     func(*cryptomus.Config)
	service func(*invoice.Config)
	now     func() time.Time
	allowed string        // addresses of the merchants; default all
	poll    time.Duration // of followers; default 5 milliseconds
	payouts func(*payout.Config)
}

// newWorld returns a shop that takes COIN (18 decimals, 2000 USD), and USDT on two networks: on sim with 6 decimals,
// at least 2, and on alt with 18.
func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w, err := openWorld(o)
	require.NoError(t, err)
	w.shop, w.rival = w.newMerchant(t, "shop", o.allowed), w.newMerchant(t, "rival", o.allowed)
	w.api = w.newAPI(t, o.api)
	return w
}

func openWorld(o options) (*world, error) {
	w := &world{now: o.now, store: spy.On(store.NewMemory()), log: &spy.Log{}}
	if w.now == nil {
		w.now = func() time.Time { return start }
	}
	w.chain = chaintest.NewChain(chaintest.Config{Start: w.now(), Assets: []chain.Asset{
		{ID: "sim:1/slip44:1", Code: "COIN", Decimals: 18}, {ID: "sim:1/erc20:0xaa", Code: "USDT_SIM", Decimals: 6},
	}})
	other := chaintest.NewChain(chaintest.Config{Start: w.now(), Network: "sim:2", Seed: "alt", Assets: []chain.Asset{
		{ID: "sim:2/erc20:0xbb", Code: "USDT_ALT", Decimals: 18},
	}})
	cfg := invoice.Config{
		CheckCallback: func(string) error { return nil }, // tests listen on loopback
		Store:         w.store, Now: w.now, Poll: o.poll, Reference: "USD", Rates: rates.NewFixed(w.now, prices()),
		RateSources: sources(),
	}
	notifier, err := webhook.NewNotifier(webhook.Standard(), w.format())
	if err != nil {
		return nil, err
	}
	cfg.Notifier = notifier
	for i, c := range []*chaintest.Chain{w.chain, other} {
		in, err := stage.Chain(c, cmp.Or(o.poll, 5*time.Millisecond), stage.Addresses{Wallet: fmt.Sprint(i), Format: fmt.Sprint(i, "adr%08d")})
		if err != nil {
			return nil, err
		}
		for i := range in.Assets {
			in.Assets[i].Symbol, _, _ = strings.Cut(in.Assets[i].Asset.Code, "_")
		}
		cfg.Chains = append(cfg.Chains, in)
	}
	cfg.Chains[0].Assets[1].Minimum = decimal.NewFromInt(2)
	if o.service != nil {
		o.service(&cfg)
	}
	if w.service, err = invoice.New(cfg); err != nil {
		return nil, err
	}
	if w.projects, err = invoice.NewProjects(w.store, w.now); err != nil {
		return nil, err
	}
	return w, w.openPayouts(notifier, o.payouts)
}

func (w *world) currencies() []cryptomus.Currency {
	return []cryptomus.Currency{
		{Code: "COIN", Network: "sim", Asset: chain.Asset{ID: "sim:1/slip44:1", Code: "COIN", Decimals: 18}},
		{Code: "USDT", Network: "sim", Asset: chain.Asset{ID: "sim:1/erc20:0xaa", Code: "USDT_SIM", Decimals: 6}},
		{Code: "USDT", Network: "alt", Asset: chain.Asset{ID: "sim:2/erc20:0xbb", Code: "USDT_ALT", Decimals: 18}},
	}
}

func (w *world) format() *cryptomus.Format { return cryptomus.NewFormat(w.currencies()...) }

func (w *world) newAPI(t testing.TB, change func(*cryptomus.Config)) *httpapi.API {
	t.Helper()
	return w.build(t, v1, change)
}

func (w *world) build(t testing.TB, version version, change func(*cryptomus.Config)) *httpapi.API {
	t.Helper()
	w.cfg = cryptomus.Config{
		Service: w.service, Projects: w.projects, Store: w.store, Format: w.format(), PageURL: pageURL, Now: w.now,
		Logger:  slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Payouts: w.payouts, Personal: personal, RateSources: sources(),
	}
	if change != nil {
		change(&w.cfg)
	}
	api, err := version.make(w.cfg)
	require.NoError(t, err)
	return api
}

// postV2 makes a request to version 2 with the key of a merchant.
func (w *world) postV2(t testing.TB, m merchant, path, body string) answer {
	t.Helper()
	api, err := cryptomus.NewV2(w.cfg)
	require.NoError(t, err)
	return w.send(t, api, w.request("POST", path, m, m.payment, body))
}

func pageURL(inv invoice.Invoice) string {
	if inv.Terms.Standing {
		return "https://pay.example/wallet/" + inv.ID
	}
	return "https://pay.example/pay/" + inv.ID
}

func (w *world) newMerchant(t testing.TB, name, allowed string) merchant {
	t.Helper()
	ctx := context.Background()
	id, _ := stage.Project(t, w.projects, name, allowed)
	out := merchant{id: id}
	var err error
	out.payment, err = w.projects.MakeKey(ctx, id, cryptomus.PaymentKey, 0)
	require.NoError(t, err)
	out.payout, err = w.projects.MakeKey(ctx, id, cryptomus.PayoutKey, 0)
	require.NoError(t, err)
	return out
}

// answer is a response that was checked against the document.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// result requires success and returns the result.
func (a answer) result(t testing.TB) map[string]any {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	body := contract.Object(t, a.body)
	require.Equal(t, json.Number("0"), body["state"])
	out, ok := body["result"].(map[string]any)
	require.True(t, ok, "%s", a.body)
	return out
}

// says requires a response, byte for byte.
func (a answer) says(t testing.TB, status int, body string) {
	t.Helper()
	require.Equal(t, body+"\n", string(a.body))
	require.Equal(t, status, a.status)
}

func (a answer) message(t testing.TB, text string) {
	t.Helper()
	a.says(t, 422, `{"state":1,"message":"`+text+`"}`)
}

func (a answer) breaks(t testing.TB, field, rule string) {
	t.Helper()
	a.says(t, 422, `{"state":1,"errors":{"`+field+`":["validation.`+rule+`"]}}`)
}

// request returns a request in the form of the vendor's PHP SDK.
func (w *world) request(method, path string, m merchant, key, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	r.Header.Set("merchant", m.id)
	r.Header.Set("sign", cryptomus.Signature([]byte(body), key))
	return r
}

// post makes a request with the shop's payment key.
func (w *world) post(t testing.TB, path, body string) answer {
	t.Helper()
	return w.send(t, w.api, w.request("POST", path, w.shop, w.shop.payment, body))
}

// send makes a request and checks the properties of every response.
func (w *world) send(t testing.TB, api *httpapi.API, r *http.Request) answer {
	t.Helper()
	rec := contract.Exchange(t, api, r)
	out := answer{rec.Code, rec.Header(), rec.Body.Bytes()}
	for _, m := range []merchant{w.shop, w.rival} {
		for _, key := range []string{m.payment, m.payout} {
			require.NotContains(t, string(out.body), key)
			require.NotContains(t, w.log.String(), key)
		}
	}
	return out
}

// create creates an invoice.
func (w *world) create(t testing.TB, body string) map[string]any {
	t.Helper()
	return w.post(t, "/payment", body).result(t)
}

func (w *world) info(t testing.TB, order string) map[string]any {
	t.Helper()
	return w.post(t, "/payment/info", `{"order_id":"`+order+`"}`).result(t)
}

// pay sends an amount in base units to an address.
func (w *world) pay(to any, code, units string) string {
	n, _ := new(big.Int).SetString(units, 10)
	return w.chain.Pay(chain.Address(fmt.Sprint(to)), w.chain.Asset(code), n)
}

// eventually waits for the status of an order.
func (w *world) eventually(t *testing.T, order, status string) map[string]any {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		got := w.info(t, order)
		if got["status"] == status {
			return got
		}
		select {
		case <-deadline:
			t.Fatalf("order %s is %v, not %s", order, got["status"], status)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func prices() map[rates.Pair]decimal.Decimal {
	return map[rates.Pair]decimal.Decimal{
		{Base: "COIN", Quote: "USD"}: decimal.NewFromInt(2000), {Base: "COIN", Quote: "EUR"}: decimal.NewFromInt(1800),
		{Base: "COIN", Quote: "USDT"}: decimal.NewFromInt(2000), {Base: "USDT", Quote: "COIN"}: decimal.RequireFromString("0.0005"),
		{Base: "USDT", Quote: "USD"}: decimal.NewFromInt(1), {Base: "USDT", Quote: "EUR"}: decimal.RequireFromString("0.9"),
	}
}

// dear is a source of rates that are all 4.
type dear struct{}

func (dear) Rate(_ context.Context, p rates.Pair) (rates.Rate, error) {
	return rates.Rate{Pair: p, Value: decimal.NewFromInt(4), Time: start, Source: "dear"}, nil
}

func evmLikeURI(_ chain.Asset, to chain.Address, units *big.Int) (string, error) {
	return fmt.Sprintf("sim:%s?value=%s", to, units), nil
}

func decodeBase64(t testing.TB, text string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return string(raw)
}
