package cryptomus_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// BenchmarkCreateHTTP creates invoices from 32 clients over kept connections to 127.0.0.1, on SQLite and with derived
// addresses, in turns with the same service called directly.
//
//	go test -run '^$' -bench CreateHTTP -benchtime 1x ./httpapi/cryptomus
func BenchmarkCreateHTTP(b *testing.B) {
	shop := newBenchShop(b)
	ways := [2]func(string) error{shop.direct, shop.http()}
	var took [2][]time.Duration
	var elapsed [2]time.Duration
	for n := range 5*b.N + 1 {
		for i, way := range ways {
			began := time.Now()
			times := shop.turn(b, way)
			if n > 0 { // the first turn opens the connections
				elapsed[i] += time.Since(began)
				took[i] = append(took[i], times...)
			}
		}
	}
	direct, http := float64(len(took[0]))/elapsed[0].Seconds(), float64(len(took[1]))/elapsed[1].Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(http, "creates/s")
	b.ReportMetric(direct, "creates/s-go")
	b.ReportMetric(http/direct, "http/go")
	b.ReportMetric(p99(took[1]), "p99-ms")
	b.ReportMetric(float64(shop.failed.Load()), "failed")
}

func p99(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000
}

// unwatched is a network that nobody follows here.
type unwatched struct{}

func (unwatched) Network() chain.Network { return "eip155:1" }
func (unwatched) Lag() chain.Lag         { return chain.Lag{} }
func (unwatched) Next(ctx context.Context, _ chain.Cursor) (chain.Step, error) {
	<-ctx.Done()
	return chain.Step{}, ctx.Err()
}

type benchShop struct {
	service        *invoice.Service
	project, key   string
	server         *httptest.Server
	orders, failed atomic.Int64
}

func newBenchShop(b *testing.B) *benchShop {
	b.Helper()
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	require.NoError(b, sqlite.Migrate(b.Context(), db))
	s, err := sqlite.New(db)
	require.NoError(b, err)
	wallet, err := evm.NewWallet("xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt")
	require.NoError(b, err)
	notifier, err := webhook.NewNotifier(webhook.Cryptomus())
	require.NoError(b, err)
	service, err := invoice.New(invoice.Config{
		Store: s, Notifier: notifier, Reference: "USD",
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "USD"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{
			Watcher: unwatched{}, Addresses: wallet, PaymentURI: evm.PaymentURI,
			Assets: []invoice.AssetConfig{{Asset: evm.Native("eip155:1", "ETH")}},
		}},
	})
	require.NoError(b, err)
	projects, err := invoice.NewProjects(s, nil)
	require.NoError(b, err)
	project, _, err := projects.Create(b.Context(), invoice.NewProject{Owner: "owner", Name: "shop"})
	require.NoError(b, err)
	key, err := projects.MakeKey(b.Context(), project.ID, cryptomus.PaymentKey)
	require.NoError(b, err)
	api, err := cryptomus.New(cryptomus.Config{Service: service, Projects: projects, Store: s, PageURL: pageURL})
	require.NoError(b, err)
	shop := &benchShop{service: service, project: project.ID, key: key, server: httptest.NewServer(api)}
	b.Cleanup(shop.server.Close)
	return shop
}

// turn makes 2000 invoices from 32 callers and answers how long each took.
func (shop *benchShop) turn(b *testing.B, create func(order string) error) []time.Duration {
	b.Helper()
	took := make([]time.Duration, 2000)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for k := int(next.Add(1)) - 1; k < len(took); k = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := create(fmt.Sprint("order-", shop.orders.Add(1))); err != nil {
					shop.failed.Add(1)
					b.Error(err)
				}
				took[k] = time.Since(began)
			}
		})
	}
	wg.Wait()
	return took
}

func (shop *benchShop) direct(order string) error {
	_, err := shop.service.Create(context.Background(), invoice.Request{
		Project: shop.project, OrderID: order, Asset: "ETH", Format: webhook.CryptomusName,
		Price: invoice.Price{Currency: "USD", Amount: decimal.RequireFromString("19.90")},
	})
	return err
}

func (shop *benchShop) http() func(string) error {
	client := shop.server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 32
	return func(order string) error {
		body := `{"amount":"19.90","currency":"USD","to_currency":"ETH","order_id":"` + order + `"}`
		r, err := http.NewRequest(http.MethodPost, shop.server.URL+"/payment", strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("merchant", shop.project)
		r.Header.Set("sign", webhook.CryptomusSignature([]byte(body), shop.key))
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("answered %d: %s", res.StatusCode, answer)
		}
		return err
	}
}
