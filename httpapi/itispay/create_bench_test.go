package itispay_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// What HTTP adds to creating an invoice: the same service, called directly and over connections to
// 127.0.0.1 that are kept open, in turns of one run.
//
//	go test -run '^$' -bench 'CreateHTTP|CreateGo' -benchtime 1x ./httpapi/itispay
//
// The clients share the processors with the server, and net/http costs a client more than it costs a
// server: client=sockets, which does no more than it must, comes nearer to a server with its clients elsewhere.

const (
	benchCallers = 32
	benchTurn    = 2000 // creations before it is the other's turn
	benchTurns   = 5
)

func BenchmarkCreateGo(b *testing.B) {
	shop := newBenchShop(b)
	shop.turn(b, shop.direct)
	b.ResetTimer()
	var took []time.Duration
	for range benchTurns * b.N {
		took = append(took, shop.turn(b, shop.direct)...)
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "creates/s")
	b.ReportMetric(p99(took), "p99-ms")
}

func BenchmarkCreateHTTP(b *testing.B) {
	for _, client := range []string{"net-http", "sockets"} {
		b.Run("client="+client, func(b *testing.B) {
			shop := newBenchShop(b)
			over := shop.netHTTP()
			if client == "sockets" {
				over = shop.sockets(b)
			}
			ways := [2]func(caller int, order string) error{shop.direct, over}
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
		})
	}
}

func p99(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000
}

// benchShop is a shop on SQLite whose addresses are derived.
type benchShop struct {
	service *invoice.Service
	project string
	key     string
	server  *httptest.Server
	orders  atomic.Int64
	failed  atomic.Int64
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
	service, err := invoice.New(invoice.Config{
		Store: s, Notifier: notifier{},
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{
			Watcher: unwatched{}, Addresses: wallet, PaymentURI: evm.PaymentURI,
			Assets: []invoice.AssetConfig{{Asset: evm.Native("eip155:1", "ETH")}},
		}},
	})
	require.NoError(b, err)
	projects, err := invoice.NewProjects(s, nil)
	require.NoError(b, err)
	project, key, err := projects.Create(b.Context(), invoice.NewProject{Owner: "owner", Name: "shop"})
	require.NoError(b, err)
	api, err := itispay.New(itispay.Config{Service: service, Projects: projects})
	require.NoError(b, err)
	shop := &benchShop{service: service, project: project.ID, key: key, server: httptest.NewServer(api)}
	b.Cleanup(shop.server.Close)
	return shop
}

// unwatched is a network that nobody follows here.
type unwatched struct{}

func (unwatched) Network() chain.Network { return "eip155:1" }
func (unwatched) Lag() chain.Lag         { return chain.Lag{} }
func (unwatched) Next(ctx context.Context, _ chain.Cursor) (chain.Step, error) {
	<-ctx.Done()
	return chain.Step{}, ctx.Err()
}

// turn makes benchTurn invoices and answers how long each took. One that fails is counted, and is not repeated.
func (shop *benchShop) turn(b *testing.B, create func(caller int, order string) error) []time.Duration {
	b.Helper()
	took := make([]time.Duration, benchTurn)
	var next atomic.Int64
	var wg sync.WaitGroup
	for caller := range benchCallers {
		wg.Go(func() {
			for k := int(next.Add(1)) - 1; k < benchTurn; k = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := create(caller, fmt.Sprint("order-", shop.orders.Add(1))); err != nil {
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
func (shop *benchShop) direct(_ int, order string) error {
	_, err := shop.service.Create(context.Background(), invoice.Request{
		Project: shop.project, OrderID: order, Name: "Order of a chair", Asset: "ETH", Format: itispay.Format,
		Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("19.90")},
	})
	return err
}

func orderBody(order string) string {
	return `{"order_id":"` + order + `","order_name":"Order of a chair","fiat_amount":19.90,"currency":"ETH"}`
}

// netHTTP creates with the client of the standard library.
func (shop *benchShop) netHTTP() func(int, string) error {
	client := shop.server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = benchCallers
	return func(_ int, order string) error {
		r, err := http.NewRequest(http.MethodPost, shop.server.URL+"/invoices", strings.NewReader(orderBody(order)))
		if err != nil {
			return err
		}
		r.Header.Set("Api-Key", shop.key)
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
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
}

// sockets creates over one connection for each caller.
func (shop *benchShop) sockets(b *testing.B) func(int, string) error {
	b.Helper()
	connections := make([]net.Conn, benchCallers)
	readers := make([]*bufio.Reader, benchCallers)
	for i := range connections {
		conn, err := net.Dial("tcp", shop.server.Listener.Addr().String())
		require.NoError(b, err)
		b.Cleanup(func() { conn.Close() })
		connections[i], readers[i] = conn, bufio.NewReader(conn)
	}
	return func(caller int, order string) error {
		body := orderBody(order)
		_, err := fmt.Fprintf(connections[caller], "POST /invoices HTTP/1.1\r\nHost: localhost\r\nApi-Key: %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", shop.key, len(body), body)
		if err != nil {
			return err
		}
		return readCreated(readers[caller])
	}
}

// readCreated reads one answer to its end.
func readCreated(from *bufio.Reader) error {
	var status, length int
	for {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if status == 0 {
			_, err = fmt.Sscanf(string(line), "HTTP/1.1 %d", &status)
		} else if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			_, err = fmt.Sscan(string(value), &length)
		} else if len(line) == 0 {
			break
		}
		if err != nil {
			return err
		}
	}
	if length == 0 {
		return fmt.Errorf("answered %d without a length", status)
	}
	if _, err := from.Discard(length); err != nil {
		return err
	}
	if status != http.StatusCreated {
		return fmt.Errorf("answered %d", status)
	}
	return nil
}
