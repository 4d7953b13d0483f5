package cryptosteroid_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var start = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

const (
	unknownID = "018cf000-0000-7000-8000-000000000000"
	secret    = "Vn5-the-secret-of-one-order"
)

// world is a shop on two simulated chains, and clients of its API.
type world struct {
	api      *httpapi.API
	service  *invoice.Service
	projects *invoice.Projects
	notifier *webhook.Notifier
	store    *spy.Store
	one      *chaintest.Chain // ETH (18 decimals, 2000 EUR) and USDT_ERC20 (6 decimals, 0.9 EUR, at least 2)
	two      *chaintest.Chain // BTC (8 decimals, 50000 EUR)
	log      *spy.Log
	shop     string // id of a project
	key      string // of it
	rival    string // id of another one
	other    string // key of it
}

type options struct {
	api     func(*cryptosteroid.Config)
	service func(*invoice.Config)
	now     func() time.Time
	poll    time.Duration // of everything that polls; default 1 second
	allowed string        // addresses of the projects; default all
}

func coins() (*chaintest.Chain, *chaintest.Chain) {
	return chaintest.NewChain(chaintest.Config{Start: start}), chaintest.NewChain(chaintest.Config{
		Network: "sim:2", Seed: "two", Start: start,
		Assets: []chain.Asset{{ID: "sim:2/slip44:0", Code: "BTC", Decimals: 8}},
	})
}

func view(one, two *chaintest.Chain) cryptosteroid.View {
	return cryptosteroid.View{
		Methods: []cryptosteroid.Method{
			{Name: "ETH", Asset: one.Asset("SIM")}, {Name: "USDT_ERC20", Asset: one.Asset("TOK")}, {Name: "BTC", Asset: two.Asset("BTC")},
		},
		InvoiceURL: "https://pay.example/{id}",
	}
}

// seen returns a configuration with a changed view.
func seen(one, two *chaintest.Chain, change func(*cryptosteroid.View)) func(*cryptosteroid.Config) {
	v := view(one, two)
	change(&v)
	return func(c *cryptosteroid.Config) { c.Format = cryptosteroid.NewFormat(v) }
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w, err := openWorld(o)
	require.NoError(t, err)
	w.shop, w.key = stage.Project(t, w.projects, "shop", o.allowed)
	w.rival, w.other = stage.Project(t, w.projects, "rival", o.allowed)
	w.api = w.newAPI(t, o)
	return w
}

func openWorld(o options) (*world, error) {
	if o.now == nil {
		o.now = func() time.Time { return start }
	}
	o.poll = max(o.poll, time.Second)
	w := &world{store: spy.On(store.NewMemory()), log: &spy.Log{}}
	w.one, w.two = coins()
	var err error
	w.notifier, err = webhook.NewNotifier(cryptosteroid.NewFormat(view(w.one, w.two)), webhook.Standard())
	if err != nil {
		return nil, err
	}
	cfg := invoice.Config{Store: w.store, Notifier: w.notifier, Now: o.now, Rates: rates.NewFixed(o.now, prices()), Logger: w.logger(), Poll: o.poll}
	for i, c := range []*chaintest.Chain{w.one, w.two} {
		in, err := stage.Chain(c, o.poll, wallet{c, i})
		if err != nil {
			return nil, err
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
	w.projects, err = invoice.NewProjects(w.store, o.now)
	return w, err
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (w *world) newAPI(t testing.TB, o options) *httpapi.API {
	t.Helper()
	cfg := w.config(o)
	if o.api != nil {
		o.api(&cfg)
	}
	api, err := cryptosteroid.New(cfg)
	require.NoError(t, err)
	return api
}

func (w *world) config(o options) cryptosteroid.Config {
	if o.now == nil {
		o.now = func() time.Time { return start }
	}
	return cryptosteroid.Config{Service: w.service, Projects: w.projects, Format: cryptosteroid.NewFormat(view(w.one, w.two)), Now: o.now, Logger: w.logger()}
}

// alive is a world with a running service and dispatcher, in a bubble of testing/synctest.
type alive struct {
	*world
	t        *testing.T
	endpoint *life.Endpoint
	poll     time.Duration
}

func inLife(t *testing.T, o options, f func(w *alive)) {
	synctest.Test(t, func(t *testing.T) {
		o.now, o.poll = time.Now, max(o.poll, time.Second)
		time.Sleep(time.Until(start)) // to the moment that the chains begin at
		w := &alive{world: newWorld(t, o), t: t, endpoint: &life.Endpoint{}, poll: o.poll}
		dispatcher, err := webhook.New(webhook.Config{
			Outbox: w.store, Secrets: w.projects, Rules: w.notifier.Rules(), Logger: w.logger(), Poll: o.poll,
			Client: &http.Client{Transport: w.endpoint, Timeout: 10 * time.Second},
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 2)
		go func() { done <- w.service.Run(ctx) }()
		go func() { done <- dispatcher.Run(ctx) }()
		defer func() {
			cancel()
			require.NoError(t, <-done)
			require.NoError(t, <-done)
			require.NotContains(t, w.log.String(), secret)
		}()
		w.mine(1)
		f(w)
	})
}

// pass lets time pass.
func (w *alive) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// mine adds blocks to both chains and waits until they are seen.
func (w *alive) mine(n int) {
	for range n {
		w.one.MineAt(time.Now())
		w.two.MineAt(time.Now())
	}
	w.pass(5 * w.poll)
}

func (w *alive) read(id string) map[string]any {
	return w.do(w.t, "GET", w.invoices()+"/"+id, "", "").object(w.t)
}

func (w *alive) pay(c *chaintest.Chain, code, address, amount string) string {
	units, err := c.Asset(code).UnitsExact(decimal.RequireFromString(amount))
	require.NoError(w.t, err)
	txid := c.Pay(chain.Address(address), c.Asset(code), units)
	w.pass(5 * w.poll)
	return txid
}

// answer is a response that was checked against the document.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	return contract.Object(t, a.body)
}

func (a answer) text(t testing.TB, member string) string {
	t.Helper()
	return fmt.Sprint(a.object(t)[member])
}

func (a answer) payment(t testing.TB) map[string]any {
	t.Helper()
	payment, ok := a.object(t)["payment"].(map[string]any)
	require.True(t, ok, "%s", a.body)
	return payment
}

// refused requires an error in the form of the API.
func (a answer) refused(t testing.TB, status int) string {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	message := a.text(t, "message")
	text, err := json.Marshal(message)
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"statusCode":%d,"message":%s,"error":%q}`, status, text, http.StatusText(status)), string(a.body))
	require.NotEmpty(t, message)
	return message
}

func (w *world) request(method, path, key, body string) *http.Request {
	return contract.NewRequest(method, path, "X-Api-Key", key, body)
}

func (w *world) do(t testing.TB, method, path, key, body string) answer {
	t.Helper()
	return w.send(t, w.api, w.request(method, path, key, body))
}

// send makes a request and checks the properties of every response: no secret is in it, or in the log.
func (w *world) send(t testing.TB, api *httpapi.API, r *http.Request) answer {
	t.Helper()
	rec := contract.Exchange(t, api, r)
	out := answer{rec.Code, rec.Header(), rec.Body.Bytes()}
	secrets := []string{secret}
	if key := r.Header.Get("X-Api-Key"); len(key) == 64 {
		secrets = append(secrets, key)
	}
	for _, s := range secrets {
		require.NotContains(t, string(out.body), s)
		require.NotContains(t, fmt.Sprint(out.header), s)
		require.NotContains(t, w.log.String(), s)
	}
	return out
}

func (w *world) invoices() string { return "/merchants/" + w.shop + "/invoices" }

func (w *world) wallet(method string) string {
	return "/merchants/" + w.shop + "/wallets/" + cryptosteroid.WalletID(w.shop, method) + "/address"
}

func (w *world) create(t testing.TB, body string) answer {
	t.Helper()
	out := w.do(t, "POST", w.invoices(), w.key, body)
	require.Equal(t, http.StatusCreated, out.status, "%s", out.body)
	return out
}

// wallet issues addresses of a simulated chain.
type wallet struct {
	chain *chaintest.Chain
	n     int
}

func (w wallet) Name() string { return fmt.Sprint("wallet", w.n) }

func (w wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(w.n, "/", index)), nil
}

func prices() map[rates.Pair]decimal.Decimal {
	out := map[rates.Pair]decimal.Decimal{}
	for base, price := range map[string]string{"SIM": "2000", "TOK": "0.9", "BTC": "50000"} {
		for _, fiat := range []string{"EUR", "USD", "RUB"} {
			out[rates.Pair{Base: base, Quote: fiat}] = decimal.RequireFromString(price)
		}
	}
	return out
}

// percent is the same commission for all projects.
func percent(p string) func(*invoice.Config) {
	return func(c *invoice.Config) {
		c.Commission = func(string, chain.Asset) decimal.Decimal { return decimal.RequireFromString(p) }
	}
}
