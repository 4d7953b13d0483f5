// Package load measures the cost that HTTP adds to creating an invoice: 32 callers use the same service with derived
// addresses, in turns directly and over persistent connections to 127.0.0.1. In a third turn the server does nothing but send a
// recorded answer, which is what the same exchange costs without any invoice.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
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
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

const (
	callers = 32
	turn    = 2000 // creations in a turn
	turns   = 5
)

// Shop is an API over a service, with the same creation in both ways.
type Shop struct {
	API    http.Handler
	Direct func(order string) error
	// Request returns a client's request for an order.
	Request func(order string) (path string, header http.Header, body string)
	Created int // status of success
}

func config(b *testing.B, s invoice.Store) invoice.Config {
	b.Helper()
	wallet, err := evm.NewWallet("xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt")
	check(b, err)
	price := decimal.NewFromInt(2500)
	return invoice.Config{
		Store: s,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: price, {Base: "ETH", Quote: "USD"}: price}),
		Chains: []invoice.ChainConfig{{
			Watcher: unwatched{}, Addresses: wallet, PaymentURI: invoice.AddressURI(evm.PaymentURI),
			Assets: []invoice.AssetConfig{{Asset: evm.Native("eip155:1", "ETH")}},
		}},
	}
}

// Store is what a service and its projects need.
type Store interface {
	invoice.Store
	invoice.ProjectStore
}

// Till is a service with one project.
type Till struct {
	Service      *invoice.Service
	Projects     *invoice.Projects
	Project, Key string // the project's id and key
}

// Open returns a till that sells in a currency: ETH at 2500 EUR or USD, to addresses of a wallet.
func Open(b *testing.B, s Store, currency string, notifier invoice.Notifier) Till {
	b.Helper()
	cfg := config(b, s)
	cfg.Reference, cfg.Notifier = currency, notifier
	service, err := invoice.New(cfg)
	check(b, err)
	projects, err := invoice.NewProjects(s, nil)
	check(b, err)
	project, key, err := projects.Create(b.Context(), invoice.NewProject{Owner: "owner", Name: "shop"})
	check(b, err)
	return Till{service, projects, project.ID, key}
}

// unwatched is a watcher that never reports anything.
type unwatched struct{}

func (unwatched) Network() chain.Network { return "eip155:1" }
func (unwatched) Lag() chain.Lag         { return chain.Lag{} }
func (unwatched) Next(ctx context.Context, _ chain.Cursor) (chain.Step, error) {
	<-ctx.Done()
	return chain.Step{}, ctx.Err()
}

// Create measures creation with two kinds of clients. They share the processors with the server, and net/http costs a
// client more than a server. client=sockets does only the necessary work, and so is closer to a server with remote
// clients.
func Create(b *testing.B, open func(b *testing.B) Shop) {
	for _, client := range []string{"net-http", "sockets"} {
		b.Run("client="+client, func(b *testing.B) {
			r := &runner{Shop: open(b)}
			over := func(handler http.Handler) way {
				server := httptest.NewServer(handler)
				b.Cleanup(server.Close)
				if client == "sockets" {
					return r.sockets(b, server)
				}
				return r.netHTTP(server)
			}
			direct := func(_ int, order string) error { return r.Direct(order) }
			r.compare(b, direct, over(r.API), over(r.recorded(b)))
		})
	}
}

type runner struct {
	Shop
	orders, failed atomic.Int64
}

// way creates an invoice for an order, as one of the callers.
type way func(caller int, order string) error

// recorded returns a server that reads a request and sends an answer that the API gave before.
func (r *runner) recorded(b *testing.B) http.Handler {
	b.Helper()
	path, header, body := r.Request(fmt.Sprint("order-", r.orders.Add(1)))
	request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, strings.NewReader(body))
	request.Header = header
	answer := httptest.NewRecorder()
	r.API.ServeHTTP(answer, request)
	if answer.Code != r.Created {
		b.Fatalf("answered %d: %s", answer.Code, answer.Body)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			b.Error(err)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		if _, err := w.Write(answer.Body.Bytes()); err != nil {
			b.Error(err)
		}
	})
}

// compare runs the ways in turns and reports their rates. Who shares the processors between an exchange and a creation by the
// Go API, one after the other, reaches the limit.
func (r *runner) compare(b *testing.B, direct, over, recorded way) {
	ways := [...]way{direct, over, recorded}
	var took [len(ways)][]time.Duration
	var elapsed [len(ways)]time.Duration
	for n := range turns*b.N + 1 {
		for i, way := range ways {
			began := time.Now()
			times := r.turn(b, way)
			if n > 0 { // the first turn opens the connections
				elapsed[i] += time.Since(began)
				took[i] = append(took[i], times...)
			}
		}
	}
	var rate [len(ways)]float64
	for i := range ways {
		rate[i] = float64(len(took[i])) / elapsed[i].Seconds()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate[1], "creates/s")
	b.ReportMetric(rate[0], "creates/s-go")
	b.ReportMetric(rate[2], "exchanges/s")
	b.ReportMetric(rate[1]/rate[0], "http/go")
	b.ReportMetric(rate[1]*(1/rate[0]+1/rate[2]), "http/limit")
	b.ReportMetric(p99(took[1]), "p99-ms")
	b.ReportMetric(p99(took[0]), "p99-ms-go")
	b.ReportMetric(float64(r.failed.Load()), "failed")
}

// turn creates invoices and returns how long each took. A failure is counted and not repeated.
func (r *runner) turn(b *testing.B, create way) []time.Duration {
	b.Helper()
	took := make([]time.Duration, turn)
	var next atomic.Int64
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for k := int(next.Add(1)) - 1; k < turn; k = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := create(caller, fmt.Sprint("order-", r.orders.Add(1))); err != nil {
					r.failed.Add(1)
					b.Error(err)
				}
				took[k] = time.Since(began)
			}
		})
	}
	wg.Wait()
	return took
}

func p99(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000
}

// netHTTP creates with the client of the standard library.
func (r *runner) netHTTP(server *httptest.Server) way {
	client := server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = callers
	return func(_ int, order string) error {
		path, header, body := r.Request(order)
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header = header
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(res.Body)
		err = errors.Join(err, res.Body.Close())
		if err == nil && res.StatusCode != r.Created {
			err = fmt.Errorf("answered %d: %s", res.StatusCode, answer)
		}
		return err
	}
}

// sockets creates over one connection for each caller.
func (r *runner) sockets(b *testing.B, server *httptest.Server) way {
	b.Helper()
	connections := make([]net.Conn, callers)
	readers := make([]*bufio.Reader, callers)
	for i := range connections {
		conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", server.Listener.Addr().String())
		check(b, err)
		b.Cleanup(func() { _ = conn.Close() }) // nothing is left to send
		connections[i], readers[i] = conn, bufio.NewReader(conn)
	}
	return func(caller int, order string) error {
		path, header, body := r.Request(order)
		var request bytes.Buffer
		fmt.Fprintf(&request, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n", path, len(body))
		if err := header.Write(&request); err != nil {
			return err
		}
		request.WriteString("\r\n" + body)
		if _, err := request.WriteTo(connections[caller]); err != nil {
			return err
		}
		return readAnswer(readers[caller], r.Created)
	}
}

// readAnswer reads one response to its end.
func readAnswer(from *bufio.Reader, want int) error {
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
	if status != want {
		return fmt.Errorf("answered %d", status)
	}
	return nil
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
