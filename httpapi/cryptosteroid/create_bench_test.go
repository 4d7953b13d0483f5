package cryptosteroid_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// What HTTP adds to creating an invoice: the same service, called directly and over connections to 127.0.0.1 that
// are kept open, in turns of one run. The clients share the processors with the server.
//
//	go test -run '^$' -bench CreateHTTP -benchtime 1x ./httpapi/cryptosteroid

const (
	benchCallers = 32
	benchTurn    = 2000 // creations before it is the other's turn
	benchTurns   = 5
)

func BenchmarkCreateHTTP(b *testing.B) {
	shop := newBenchShop(b)
	ways := [2]func(order string) error{shop.direct, shop.overHTTP}
	var took [2][]time.Duration
	var elapsed [2]time.Duration
	for n := range benchTurns*b.N + 1 {
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
	b.ReportMetric(p99(took[0]), "p99-ms-go")
	b.ReportMetric(float64(shop.failed.Load()), "failed")
}

func p99(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000
}

// benchShop is a shop whose addresses are derived.
type benchShop struct {
	service *invoice.Service
	project string
	key     string
	server  *httptest.Server
	client  *http.Client
	orders  atomic.Int64
	failed  atomic.Int64
}

func newBenchShop(b *testing.B) *benchShop {
	b.Helper()
	s := benchStore(b)
	wallet, err := evm.NewWallet("xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt")
	require.NoError(b, err)
	ether := evm.Native("eip155:1", "ETH")
	look := webhook.CryptoSteroidView{
		Methods: []webhook.CryptoSteroidMethod{{Name: "ETH", Asset: ether}}, InvoiceURL: "https://pay.example/{id}",
	}
	notifier, err := webhook.NewNotifier(webhook.CryptoSteroid(look))
	require.NoError(b, err)
	service, err := invoice.New(invoice.Config{
		Store: s, Notifier: notifier,
		Rates:  rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{Watcher: unwatched{}, Addresses: wallet, Assets: []invoice.AssetConfig{{Asset: ether}}}},
	})
	require.NoError(b, err)
	projects, err := invoice.NewProjects(s, nil)
	require.NoError(b, err)
	project, key, err := projects.Create(b.Context(), invoice.NewProject{Owner: "owner", Name: "shop"})
	require.NoError(b, err)
	api, err := cryptosteroid.New(cryptosteroid.Config{Service: service, Projects: projects, View: look})
	require.NoError(b, err)
	shop := &benchShop{service: service, project: project.ID, key: key, server: httptest.NewServer(api)}
	b.Cleanup(shop.server.Close)
	shop.client = shop.server.Client()
	shop.client.Transport.(*http.Transport).MaxIdleConnsPerHost = benchCallers
	return shop
}

// benchStore keeps everything in memory, so that HTTP is compared with the least that a creation can cost.
func benchStore(*testing.B) store.Backend { return store.NewMemory() }

// unwatched is a network that nobody follows here.
type unwatched struct{}

func (unwatched) Network() chain.Network { return "eip155:1" }
func (unwatched) Lag() chain.Lag         { return chain.Lag{} }
func (unwatched) Next(ctx context.Context, _ chain.Cursor) (chain.Step, error) {
	<-ctx.Done()
	return chain.Step{}, ctx.Err()
}

// turn makes benchTurn invoices and answers how long each took. One that fails is counted, and is not repeated.
func (shop *benchShop) turn(b *testing.B, create func(order string) error) []time.Duration {
	b.Helper()
	took := make([]time.Duration, benchTurn)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range benchCallers {
		wg.Go(func() {
			for k := int(next.Add(1)) - 1; k < benchTurn; k = int(next.Add(1)) - 1 {
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

// direct creates by the Go API.
func (shop *benchShop) direct(order string) error {
	_, err := shop.service.Create(context.Background(), invoice.Request{
		Project: shop.project, Name: "Order of a chair", Asset: "ETH", Format: webhook.CryptoSteroidName,
		Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("19.90")}, PayerShare: decimal.NewFromInt(100),
		Data: webhook.CryptoSteroidExtra{ExternalID: order}.Data(),
	})
	return err
}

// overHTTP creates with the client of the standard library.
func (shop *benchShop) overHTTP(order string) error {
	r, err := http.NewRequest(http.MethodPost, shop.server.URL+"/merchants/"+shop.project+"/invoices", strings.NewReader(
		`{"fiatCurrency":"EUR","fiatAmount":"19.90","description":"Order of a chair","paymentMethod":"ETH","externalId":"`+order+`"}`))
	if err != nil {
		return err
	}
	r.Header.Set("X-Api-Key", shop.key)
	r.Header.Set("Content-Type", "application/json")
	res, err := shop.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusCreated {
		err = fmt.Errorf("answered %d: %s", res.StatusCode, body)
	}
	return err
}
