package itispay_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var start = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

const accountKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// world is a shop with a simulated chain, and clients of its API.
type world struct {
	api      *httpapi.API
	service  *invoice.Service
	projects *invoice.Projects
	store    *spy.Store
	chain    *chaintest.Chain
	log      *spy.Log
	now      func() time.Time
	key      string // of the project "shop"
	project  string
	rival    string // id of another project
	other    string // key of it
	admin    string // key of the project "office"
	office   string // id of it
}

type options struct {
	api     func(*itispay.Config)
	service func(*invoice.Config)
	now     func() time.Time
	allowed string // addresses of the projects; default all
}

// newWorld returns a shop that takes SIM (18 decimals, 2000 EUR) and TOK (6 decimals, 0.5 EUR, at least 2 TOK).
func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w, err := openWorld(o)
	require.NoError(t, err)
	w.project, w.key = stage.Project(t, w.projects, "shop", o.allowed)
	w.rival, w.other = stage.Project(t, w.projects, "rival", o.allowed)
	w.office, w.admin = stage.Project(t, w.projects, "office", o.allowed)
	w.api = w.newAPI(t, o.api)
	return w
}

func openWorld(o options) (*world, error) {
	now := o.now
	if now == nil {
		now = func() time.Time { return start }
	}
	w := &world{chain: chaintest.NewChain(chaintest.Config{Start: now()}), store: spy.On(store.NewMemory()), log: &spy.Log{}, now: now}
	sim, err := stage.Chain(w.chain, time.Second, stage.Addresses{Wallet: "test", Format: "sim1address%08d"})
	if err != nil {
		return nil, err
	}
	sim.Assets[1].Minimum = decimal.NewFromInt(2)
	cfg := invoice.Config{
		Store: w.store, Notifier: notifier{}, CheckCallback: anywhere, Now: now, Rates: rates.NewFixed(now, prices()),
		Chains: []invoice.ChainConfig{sim},
	}
	if o.service != nil {
		o.service(&cfg)
	}
	if w.service, err = invoice.New(cfg); err != nil {
		return nil, err
	}
	w.projects, err = invoice.NewProjects(w.store, now)
	return w, err
}

func (w *world) newAPI(t testing.TB, change func(*itispay.Config)) *httpapi.API {
	t.Helper()
	api, err := itispay.New(w.config(change))
	require.NoError(t, err)
	return api
}

func (w *world) config(change func(*itispay.Config)) itispay.Config {
	cfg := itispay.Config{
		Service: w.service, Format: itispay.NewFormat(), Projects: w.projects, Now: func() time.Time { return start },
		Accounts: accounts(), Admins: []string{w.office}, Store: w.store,
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// told configures the notifier of a service as in production.
func told(c *invoice.Config) {
	n, err := webhook.NewNotifier(itispay.NewFormat(), webhook.Standard())
	if err != nil {
		panic(err)
	}
	c.Notifier = n
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

// refused requires an error in the form of the API.
func (a answer) refused(t testing.TB, status int, code string) string {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	body := a.object(t)
	require.Equal(t, code, body["error"])
	require.NotEmpty(t, body["message"])
	require.Len(t, body, 2)
	return fmt.Sprint(body["message"])
}

func (w *world) request(method, path, key, body string) *http.Request {
	return contract.NewRequest(method, path, "Api-Key", key, body)
}

func (w *world) do(t testing.TB, method, path, key, body string) answer {
	t.Helper()
	return w.send(t, w.api, w.request(method, path, key, body))
}

// send makes a request and checks the properties of every response.
func (w *world) send(t testing.TB, api *httpapi.API, r *http.Request) answer {
	t.Helper()
	rec := contract.Exchange(t, api, r)
	out := answer{rec.Code, rec.Header(), rec.Body.Bytes()}
	if key := r.Header.Get("Api-Key"); len(key) == 64 {
		require.NotContains(t, string(out.body), key)
		require.NotContains(t, w.log.String(), key)
		require.NotContains(t, w.log.String(), invoice.HashKey(key))
	}
	return out
}

func (w *world) create(t testing.TB, body string) answer {
	t.Helper()
	out := w.do(t, "POST", "/invoices", w.key, body)
	require.Equal(t, http.StatusCreated, out.status, "%s", out.body)
	return out
}

// notifier knows the format and sends nothing.
type notifier struct{}

func (notifier) Formats() []string { return []string{"itispay"} }
func (notifier) Messages(invoice.Event, invoice.Invoice, []invoice.Endpoint) []invoice.Message {
	return nil
}

// names returns the members of a JSON object in order.
func names(t testing.TB, body []byte) []string {
	t.Helper()
	return strings.Fields(contract.Members(t, body))
}

func units(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic(s)
	}
	return n
}

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

func accounts() []httpapi.Account {
	return []httpapi.Account{{ID: "another", KeyHash: invoice.HashKey("ab")}, {ID: "owner", KeyHash: invoice.HashKey(accountKey)}}
}

func brokenURI(chain.Asset, chain.Address, *big.Int) (string, error) {
	return "", errors.New("no payment URI")
}

// prices returns 2000 for SIM and 0.5 for TOK, in every fiat currency.
func prices() map[rates.Pair]decimal.Decimal {
	out := map[rates.Pair]decimal.Decimal{}
	for _, fiat := range []string{"EUR", "USD", "GBP", "CHF", "RUB"} {
		out[rates.Pair{Base: "SIM", Quote: fiat}] = decimal.NewFromInt(2000)
		out[rates.Pair{Base: "TOK", Quote: fiat}] = decimal.RequireFromString("0.5")
	}
	return out
}

func pair(base, quote string) rates.Pair { return rates.Pair{Base: base, Quote: quote} }

// anywhere allows callbacks to loopback, where the tests listen.
func anywhere(string) error { return nil }
