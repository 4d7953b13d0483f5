package sqlite_test

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// The figures on telling shops:
//
//	go test -run '^$' -bench 'BlockToWebhook|Deliveries' -benchtime 1x ./store/sqlite

// BenchmarkBlockToWebhook is from the block of 100 payments that the watcher hands over to each webhook that
// leaves. All of them go to one shop, or each to another. The limit is the commit of the block, without
// which nothing may be told: commit-ms. The first blocks after a start are reported apart, as started-p99-ms: until the process has
// stored eleven, it reads the payments of the last eleven with each, in case a timestamp proves that one was in time.
func BenchmarkBlockToWebhook(b *testing.B) {
	for _, endpoints := range []int{1, 100} {
		b.Run(fmt.Sprintf("payments=100/endpoints=%d", endpoints), func(b *testing.B) {
			s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
			arrivals := &arrivals{at: map[string]time.Time{}}
			d := dispatcher(b, s, arrivals, time.Second)
			till, watcher := tellingTill(b, s, d.Hint)
			stop := runAll(b, till.Run, d.Run)
			var told, committed, started []time.Duration
			const first, blocks = 12, 20 // the first block of all fills the caches
			for n := range first + blocks*b.N {
				step, ids := paidBlock(b, till, n+1, endpoints)
				began := time.Now()
				watcher.give <- step
				<-watcher.asked
				stored := time.Since(began)
				arrivals.wait(b, ids)
				to := &told
				switch {
				case n == 0:
					continue
				case n < first:
					to = &started
				default:
					committed = append(committed, stored)
				}
				for _, id := range ids {
					*to = append(*to, arrivals.at[id].Sub(began))
				}
			}
			stop()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(millis(percentile(told, 50)), "p50-ms")
			b.ReportMetric(millis(percentile(told, 99)), "p99-ms")
			b.ReportMetric(millis(percentile(committed, 50)), "commit-ms")
			b.ReportMetric(millis(percentile(started, 99)), "started-p99-ms")
		})
	}
}

// paidBlock creates 100 invoices and a block that pays them, and answers their ids.
func paidBlock(b *testing.B, till *invoice.Service, height, endpoints int) (chain.Step, []string) {
	b.Helper()
	eth := evm.Native("eip155:1", "ETH")
	block := chain.Block{Header: chain.Header{Height: uint64(height), Hash: fmt.Sprintf("0x%064x", height), Time: time.Now()}}
	transfers, ids := make([]chain.Transfer, 100), make([]string, 100)
	spread(b, 32, len(ids), func(k int) error {
		inv, err := till.Create(context.Background(), invoice.Request{
			Project: growthShop, OrderID: fmt.Sprintf("%d-%d", height, k), Asset: "ETH",
			Price:       invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(20)},
			CallbackURL: fmt.Sprintf("https://shop%d.example/hook", k%endpoints), Format: "itispay",
		})
		if err == nil {
			ids[k] = inv.ID
			transfers[k] = chain.Transfer{
				TxID: fmt.Sprintf("0x%032x%032x", height, k), Index: "value", Asset: eth.ID, To: inv.Quote.Address,
				Units: new(big.Int).Set(inv.Quote.Due),
			}
		}
		return err
	})
	block.Transfers = transfers
	return chain.Step{
		Cursor: chain.Cursor("bench"), Joined: []chain.Block{block},
		Head: chain.Head{Height: block.Height, Hash: block.Hash, Time: block.Time},
	}, ids
}

// tellingTill is a shop that is content with one confirmation, and tells.
// hinted is the dispatcher of the benchmark, which runs it by itself.
type hinted func()

func (h hinted) Hint() { h() }
func (hinted) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func tellingTill(b *testing.B, s *sqlite.Store, hint func()) (*invoice.Service, *benchWatcher) {
	b.Helper()
	wallet, err := evm.NewWallet(benchKey)
	require.NoError(b, err)
	notifier, err := webhook.NewNotifier(itispay.NewFormat())
	require.NoError(b, err)
	watcher := &benchWatcher{give: make(chan chain.Step), asked: make(chan struct{})}
	till, err := invoice.New(invoice.Config{
		Store: s, Notifier: notifier, Dispatcher: hinted(hint),
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: wallet, Assets: []invoice.AssetConfig{{
				Asset: evm.Native("eip155:1", "ETH"), Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 1}}},
			}},
		}},
	})
	require.NoError(b, err)
	return till, watcher
}

// BenchmarkDeliveries tells 10,000 endpoints one message each, of which 1 % accept the connection and
// then say nothing; the same with none such, in the same run, is the limit. Once everything is there from the
// beginning, which shows the rate, and once it comes at half of that rate, which shows how long a
// message is on its way.
func BenchmarkDeliveries(b *testing.B) {
	for _, timeout := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
		b.Run(fmt.Sprintf("endpoints=10000/timeout=%s", timeout), func(b *testing.B) {
			for range b.N {
				healthy := deliver(b, delivering{timeout: timeout})
				hanging := deliver(b, delivering{timeout: timeout, hang: true})
				b.ReportMetric(healthy.rate, "deliveries/s-none-hangs")
				b.ReportMetric(hanging.rate, "deliveries/s-1%-hang")
				pace := time.Duration(float64(time.Second) * deliveryBatch * 2 / healthy.rate)
				healthy = deliver(b, delivering{timeout: timeout, pace: pace})
				hanging = deliver(b, delivering{timeout: timeout, pace: pace, hang: true})
				b.ReportMetric(healthy.p99, "p99-ms-none-hangs")
				b.ReportMetric(hanging.p99, "p99-ms-1%-hang")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

const (
	deliveryEndpoints = 10_000
	deliveryBatch     = 20
)

type delivering struct {
	timeout time.Duration
	pace    time.Duration // between batches; 0: all are there before the dispatcher starts
	hang    bool          // every hundredth does
}

type delivered struct{ rate, p99 float64 } // of those that do not hang

func deliver(b *testing.B, how delivering) delivered {
	b.Helper()
	s, db := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	defer db.Close()
	arrivals := &arrivals{at: map[string]time.Time{}}
	d := dispatcher(b, s, arrivals, how.timeout)
	began := time.Now()
	stop := func() {}
	if how.pace > 0 {
		stop = runAll(b, d.Run)
	}
	committed := map[string]time.Time{}
	var ids []string
	for n := 0; n < deliveryEndpoints; n += deliveryBatch {
		if how.pace > 0 {
			time.Sleep(time.Until(began.Add(how.pace * time.Duration(n/deliveryBatch))))
		}
		batch := messages(n, how.hang)
		require.NoError(b, s.Commit(context.Background(), batch))
		now := time.Now()
		d.Hint()
		for _, m := range batch.Messages {
			if !strings.Contains(m.Endpoint, "hangs") {
				ids, committed[m.Invoice] = append(ids, m.Invoice), now
			}
		}
	}
	if how.pace == 0 {
		began = time.Now()
		stop = runAll(b, d.Run)
	}
	arrivals.wait(b, ids)
	elapsed := time.Since(began)
	stop()
	var took []time.Duration
	for _, id := range ids {
		took = append(took, max(0, arrivals.at[id].Sub(committed[id])))
	}
	return delivered{rate: float64(len(ids)) / elapsed.Seconds(), p99: millis(percentile(took, 99))}
}

func messages(first int, hang bool) invoice.Batch {
	var out invoice.Batch
	now := time.Now().UTC()
	for n := first; n < first+deliveryBatch; n++ {
		host := fmt.Sprintf("https://shop%d.example", n)
		if hang && n%100 == 7 {
			host = fmt.Sprintf("https://hangs%d.example", n)
		}
		id := workload.Creation(n).Insert[0].ID
		out.Messages = append(out.Messages, invoice.Message{
			ID: "evt_" + id + "_2", Event: invoice.EventCompleted, Invoice: id, Seq: 2, Project: growthShop,
			URL: host + "/hook", Endpoint: host + ":443", Body: workload.EventBody(), At: now,
		})
	}
	return out
}

func dispatcher(b *testing.B, outbox webhook.Outbox, transport http.RoundTripper, timeout time.Duration) *webhook.Dispatcher {
	b.Helper()
	d, err := webhook.New(webhook.Config{
		Outbox: outbox, Secrets: oneSecret{}, Client: &http.Client{Transport: transport, Timeout: timeout}, Grace: time.Millisecond,
	})
	require.NoError(b, err)
	return d
}

type oneSecret struct{}

func (oneSecret) EndpointSecrets(context.Context, string, string) ([]string, error) {
	return nil, invoice.ErrNoEndpoint
}

func (oneSecret) Secrets(context.Context, string) ([]string, error) {
	return []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, nil
}

// runAll starts what runs until it is told to stop.
func runAll(b *testing.B, runs ...func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, len(runs))
	for _, run := range runs {
		go func() { done <- run(ctx) }()
	}
	return func() {
		cancel()
		for range runs {
			require.NoError(b, <-done)
		}
	}
}

// arrivals is the network: it notes when an invoice was first told about, and answers at once. Here each is told
// about once.
type arrivals struct {
	mu sync.Mutex
	at map[string]time.Time
}

// RoundTrip implements [http.RoundTripper].
func (a *arrivals) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Host, "hangs") {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(webhook.HeaderID), "evt_"), "_")
	a.mu.Lock()
	if a.at[id].IsZero() {
		a.at[id] = time.Now()
	}
	a.mu.Unlock()
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: http.NoBody, Request: r,
	}, nil
}

// wait returns when all have arrived; their times may then be read.
func (a *arrivals) wait(b *testing.B, ids []string) {
	b.Helper()
	missing := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		n := 0
		for _, id := range ids {
			if a.at[id].IsZero() {
				n++
			}
		}
		return n
	}
	deadline := time.Now().Add(time.Minute)
	for n := missing(); n > 0; n = missing() {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d messages did not arrive", n, len(ids))
		}
		time.Sleep(2 * time.Millisecond)
	}
}
