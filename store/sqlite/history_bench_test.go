package sqlite_test

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// What a step costs is what it touches:
//
//	go test -run '^$' -bench 'History|Flood' -benchtime 20x ./store/sqlite
//
// History is a step of one payment at an address with a history, for the ms of which the size of that history is not to
// matter; Flood is one step of many payments to one invoice, for the us of each of which their number is not to.

func BenchmarkHistory(b *testing.B) {
	for _, history := range []int{10, 1_000, 10_000, 100_000} {
		if testing.Short() && history > 1_000 {
			break
		}
		b.Run(fmt.Sprintf("payments=%d", history), func(b *testing.B) {
			w := newPayers(b)
			for paid := 0; paid < history; paid += 500 {
				w.block(min(500, history-paid))
			}
			for range 20 { // until they are deep enough, and settled
				w.block(1)
			}
			b.ResetTimer()
			for range b.N {
				w.block(1)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/step")
		})
	}
}

func BenchmarkFlood(b *testing.B) {
	for _, payments := range []int{100, 1_000, 10_000} {
		if testing.Short() && payments > 1_000 {
			break
		}
		b.Run(fmt.Sprintf("payments=%d", payments), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				w := newPayers(b)
				b.StartTimer()
				w.block(payments)
				b.StopTimer()
				w.stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*payments), "us/payment")
		})
	}
}

// payers pay one standing invoice of a running service.
type payers struct {
	b       *testing.B
	watcher *benchWatcher
	to      chain.Address
	height  int
	paid    int
	stop    func()
}

func newPayers(b *testing.B) *payers {
	b.Helper()
	s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	till, watcher := benchTill(b, s)
	inv, err := till.CreateStanding(context.Background(), invoice.Deposit{Project: "shop", Asset: "ETH"})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	w := &payers{b: b, watcher: watcher, to: inv.Quote.Address}
	stopped := false
	w.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(b, <-done)
		}
	}
	b.Cleanup(w.stop)
	return w
}

// block mines so many payments, and waits until they are stored.
func (w *payers) block(payments int) {
	w.height++
	eth := evm.Native("eip155:1", "ETH")
	block := chain.Block{Header: chain.Header{Height: uint64(w.height), Hash: fmt.Sprintf("0x%064x", w.height), Time: time.Now()}}
	for range payments {
		w.paid++
		block.Transfers = append(block.Transfers, chain.Transfer{
			TxID: fmt.Sprintf("0x%064x", w.paid*7919), Index: "value", Asset: eth.ID, To: w.to,
			Units: new(big.Int).Set(eth.UnitsUp(decimal.New(1, -3))),
		})
	}
	w.watcher.give <- chain.Step{
		Cursor: chain.Cursor("bench"), Joined: []chain.Block{block},
		Head: chain.Head{Height: block.Height, Hash: block.Hash, Time: block.Time, Finalized: block.Height - min(block.Height, 3)},
	}
	<-w.watcher.asked
}
