package checkout_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
)

// shop is a payment page on a simulated chain, served under a prefix. A coin costs 2 EUR, a token 1 EUR; two confirmations
// are needed.
type shop struct {
	*testing.T
	chain   *chaintest.Chain
	service *invoice.Service
	counted *counting
	cfg     checkout.Config
	url     string
	page    atomic.Pointer[http.Handler] // what serves the pages now
	stop    func()
}

// counting counts the reads of invoices.
type counting struct {
	*invoice.Service
	reads atomic.Int64
	rates atomic.Bool // whether rates are missing
	then  atomic.Pointer[func()]
}

// after calls f after the next read of an invoice, before the reader gets it.
func (c *counting) after(f func()) { c.then.Store(&f) }

func (c *counting) Invoice(ctx context.Context, project, id string) (invoice.Invoice, error) {
	c.reads.Add(1)
	inv, err := c.Service.Invoice(ctx, project, id)
	if f := c.then.Swap(nil); f != nil {
		(*f)()
	}
	return inv, err
}

func (c *counting) Choose(ctx context.Context, project, id, asset string) (invoice.Invoice, error) {
	if c.rates.Load() {
		return invoice.Invoice{}, fmt.Errorf("quote: %w", &rates.UnavailableError{})
	}
	return c.Service.Choose(ctx, project, id, asset)
}

func openShop(t *testing.T, change func(*checkout.Config)) *shop {
	t.Helper()
	s := &shop{T: t, chain: chaintest.NewChain(chaintest.Config{Start: time.Now().Add(-time.Hour), Interval: 10 * time.Second})}
	config, err := stage.Chain(s.chain, 20*time.Millisecond, stage.Addresses{Wallet: "sim", Format: "sim1wallet%d"})
	require.NoError(t, err)
	s.service, err = invoice.New(invoice.Config{
		Store: store.NewMemory(), Fiat: map[string]int32{"EUR": 2},
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
			{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2), {Base: "TOK", Quote: "EUR"}: decimal.NewFromInt(1),
		}),
		Chains: []invoice.ChainConfig{config},
	})
	require.NoError(t, err)
	stage.Run(t, s.service)
	s.counted = &counting{Service: s.service}
	s.cfg = checkout.Config{Invoices: s.counted, Poll: 20 * time.Millisecond, Renew: true, Shop: func(string) checkout.Shop {
		return checkout.Shop{Name: "Corner Books", Contact: "help@shop.example"}
	}}
	if change != nil {
		change(&s.cfg)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/pay/", func(w http.ResponseWriter, r *http.Request) {
		if h := s.page.Load(); h != nil {
			http.StripPrefix("/pay", *h).ServeHTTP(w, r)
			return
		}
		http.Error(w, "restarting", http.StatusBadGateway)
	})
	mux.HandleFunc("/thanks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("thanks")) })
	mux.HandleFunc("/host", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Shop</title><script>told = []; onmessage = (e) => told.push(e.data)</script><iframe src="/pay/%s?frame=1" title="Pay" allow="clipboard-write"></iframe>`, r.FormValue("id"))
	})
	mux.HandleFunc("POST /chain/pay", s.servePay)
	mux.HandleFunc("POST /chain/mine", func(_ http.ResponseWriter, r *http.Request) { s.mine(r.FormValue("n")) })
	mux.HandleFunc("POST /server/stop", func(http.ResponseWriter, *http.Request) { s.stop() })
	mux.HandleFunc("POST /server/start", func(http.ResponseWriter, *http.Request) { s.start() })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.start()
	t.Cleanup(func() { s.stop() })
	s.mine("1")
	return s
}

// start starts what serves the pages, as a new process would.
func (s *shop) start() {
	page, err := checkout.New(s.cfg)
	require.NoError(s, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- page.Run(ctx) }()
	var handler http.Handler = page
	s.page.Store(&handler)
	s.stop = func() {
		s.page.Store(nil)
		cancel()
		require.NoError(s, <-done)
		s.stop = func() {}
	}
}

// mine mines blocks and waits until the service has them.
func (s *shop) mine(n string) {
	count, _ := strconv.Atoi(n)
	for range max(1, count) {
		s.chain.MineAt(time.Now())
	}
	require.Eventually(s, func() bool {
		head, err := s.service.Head(context.Background(), s.chain.Network())
		return err == nil && head.Height == s.chain.Head().Height
	}, 20*time.Second, 5*time.Millisecond)
}

func (s *shop) servePay(_ http.ResponseWriter, r *http.Request) {
	inv := s.invoice(r.FormValue("id"))
	units, err := inv.Quote.Asset.UnitsExact(decimal.RequireFromString(r.FormValue("amount")))
	require.NoError(s, err)
	s.chain.Pay(inv.Quote.Address, inv.Quote.Asset, units)
}

func (s *shop) create(change func(*invoice.Request)) invoice.Invoice {
	s.Helper()
	r := invoice.Request{
		Project: "shop", OrderID: fmt.Sprint("order-", time.Now().UnixNano()), Name: "Two tickets",
		Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(20)},
		Data:  map[string]string{"url_return": s.url + "/thanks", "url_success": s.url + "/thanks?paid"},
	}
	if change != nil {
		change(&r)
	}
	inv, err := s.service.Create(s.Context(), r)
	require.NoError(s, err)
	return inv
}

func (s *shop) invoice(id string) invoice.Invoice {
	inv, err := s.service.Invoice(context.Background(), "", id)
	require.NoError(s, err)
	return inv
}

// pay pays what remains of an invoice, and waits until it is seen.
func (s *shop) pay(id string) {
	inv := s.invoice(id)
	s.chain.Pay(inv.Quote.Address, inv.Quote.Asset, inv.Remaining())
	require.Eventually(s, func() bool { return s.invoice(id).Version > inv.Version }, 20*time.Second, 5*time.Millisecond)
}

func (s *shop) assetID(code string) chain.AssetID { return s.chain.Asset(code).ID }

// mapFS returns files in memory.
func mapFS(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}
