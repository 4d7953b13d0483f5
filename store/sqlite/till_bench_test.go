package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// The figures of the README:
//
//	go test -run '^$' -bench 'Create|Raw|Derive|Match' -benchtime 2s ./store/sqlite
//	go test -run '^$' -bench DecodeBlock ./chain/evm
//
// Create is everything that a new invoice needs, through the Go API: a rate from memory, a number, a derived
// address, the deadline, the first event, and one durable commit. Its limit, at the same number of callers, is to
// do what RawRows and Derive do, one after the other.

const benchKey = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

func BenchmarkCreate(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
			till, _ := benchTill(b, s)
			workload.Run(b, callers, "commits/s", func(n int) error {
				_, err := till.Create(context.Background(), invoice.Request{
					Project: "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11", OrderID: fmt.Sprint("order-", n), Name: "Order of a chair",
					Price: invoice.Price{Currency: "EUR", Amount: decimal.New(1990+int64(n%1000), -2)}, Asset: "ETH",
				})
				return err
			})
		})
	}
}

func BenchmarkDerive(b *testing.B) {
	wallet, err := evm.NewWallet(benchKey)
	require.NoError(b, err)
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			workload.Run(b, callers, "commits/s", func(n int) error {
				_, err := wallet.Address(context.Background(), uint32(n))
				return err
			})
		})
	}
}

// BenchmarkMatch is the work of one block of 5,000 transfers, 200 of them ours, from the watcher's step to
// the durable commit. Its limit is decoding that block: DecodeBlock in chain/evm.
func BenchmarkMatch(b *testing.B) {
	for _, issued := range []int{1_000, million()} {
		s, db := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
		load(b, db, issued)
		height := 0
		b.Run(fmt.Sprintf("issued=%d", issued), func(b *testing.B) {
			till, watcher := benchTill(b, s)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- till.Run(ctx) }()
			b.ResetTimer()
			for range b.N {
				height++
				watcher.give <- benchBlock(height, issued)
				<-watcher.asked // the step is stored when the next one is asked for
			}
			b.StopTimer()
			cancel()
			require.NoError(b, <-done)
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/block")
		})
	}
}

// million is how many addresses were issued in a large store: fewer where benchmarks only run to see that they do.
func million() int {
	if testing.Short() {
		return 20_000
	}
	return 1_000_000
}

// load issues addresses by writing rows directly, as creating a million invoices one by one takes a minute.
func load(b testing.TB, db *sql.DB, issued int) {
	b.Helper()
	s, err := sqlite.New(db)
	require.NoError(b, err)
	const page = 2000
	for n := 0; n < issued; n += page {
		var batch invoice.Batch
		for i := n; i < min(n+page, issued); i++ {
			one := workload.Creation(i)
			one.Insert[0].Quote.Asset = evm.Native("eip155:1", "ETH")
			batch.Insert = append(batch.Insert, one.Insert...)
		}
		require.NoError(b, s.Commit(context.Background(), batch))
		require.NoError(b, s.Tidy(context.Background(), 8*page))
	}
	require.NoError(b, s.Tidy(context.Background(), 0))
}

// benchBlock pays 200 of the issued addresses and 4,800 strangers.
func benchBlock(height, issued int) chain.Step {
	eth := evm.Native("eip155:1", "ETH")
	block := chain.Block{Header: chain.Header{Height: uint64(height), Hash: fmt.Sprintf("0x%064x", height), Time: time.Now()}}
	for i := range 5000 {
		to := chain.Address(fmt.Sprintf("0x%08xdeadbeef%024x", uint32(i)*2654435761, height*5000+i))
		if i%25 == 0 {
			to = workload.Address((height*200 + i/25) * 4999 % issued)
		}
		block.Transfers = append(block.Transfers, chain.Transfer{
			TxID: fmt.Sprintf("0x%032x%032x", height, i), Index: "value", Asset: eth.ID, To: to, Units: big.NewInt(1e15),
		})
	}
	return chain.Step{
		Cursor: chain.Cursor("bench"), Joined: []chain.Block{block},
		Head: chain.Head{Height: block.Height, Hash: block.Hash, Time: block.Time},
	}
}

// benchWatcher answers the steps that it is given.
type benchWatcher struct {
	give  chan chain.Step
	asked chan struct{}
	first atomic.Bool
}

func (w *benchWatcher) Network() chain.Network { return "eip155:1" }
func (w *benchWatcher) Lag() chain.Lag         { return chain.Lag{} }
func (w *benchWatcher) Next(ctx context.Context, _ chain.Cursor) (chain.Step, error) {
	if w.first.Swap(true) {
		select {
		case w.asked <- struct{}{}:
		case <-ctx.Done():
		}
	}
	select {
	case step := <-w.give:
		return step, nil
	case <-ctx.Done():
		return chain.Step{}, ctx.Err()
	}
}

func benchTill(b *testing.B, s *sqlite.Store) (*invoice.Service, *benchWatcher) {
	watcher := &benchWatcher{give: make(chan chain.Step), asked: make(chan struct{})}
	return tillOn(b, s, watcher), watcher
}

// tillOn is a shop's service that takes ETH at 2500 EUR.
func tillOn(b testing.TB, s invoice.Store, watcher invoice.ChainWatcher, change ...func(*invoice.Config)) *invoice.Service {
	b.Helper()
	wallet, err := evm.NewWallet(benchKey)
	require.NoError(b, err)
	cfg := invoice.Config{
		Store: s,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: wallet, Assets: []invoice.AssetConfig{{Asset: evm.Native("eip155:1", "ETH")}},
		}},
	}
	for _, c := range change {
		c(&cfg)
	}
	till, err := invoice.New(cfg)
	require.NoError(b, err)
	return till
}
