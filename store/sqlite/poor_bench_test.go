package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/invoice"
)

// BenchmarkPoorHost creates invoices from eight callers while blocks of 5,000 transfers come, 200 of them ours, five each second
// of creation, on one core and with 256 MB of memory. Nothing may be refused. heap-MB is what Go took from the system.
//
//	go test -run '^$' -bench PoorHost -benchtime 1x ./store/sqlite
func BenchmarkPoorHost(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(256 << 20))
	created, blocks := 10_000, 50
	if testing.Short() {
		created, blocks = 500, 3
	}
	path := filepath.Join(b.TempDir(), "bench.db")
	s, db := openAt(b, path)
	load(b, db, 20_000)
	till, watcher := benchTill(b, s)
	f := &followed{b: b, watcher: watcher, open: 20_000}
	stop := runAll(b, till.Run)
	var elapsed time.Duration
	var times, stored []time.Duration
	for round := range b.N {
		var busy atomic.Bool
		busy.Store(true)
		blocked := make(chan time.Duration, blocks)
		go func() {
			defer close(blocked)
			for n := 0; n < blocks && busy.Load(); n++ {
				blocked <- f.block()
				time.Sleep(100 * time.Millisecond)
			}
		}()
		began := time.Now()
		times = append(times, spread(b, 8, created, func(k int) error {
			_, err := till.Create(context.Background(), invoice.Request{
				Project: growthShop, OrderID: fmt.Sprintf("poor-%d-%d", round, k), Name: "Order of a chair",
				Price: invoice.Price{Currency: "EUR", Amount: decimal.New(1990+int64(k), -2)}, Asset: "ETH",
			})
			return err
		})...)
		elapsed += time.Since(began)
		busy.Store(false)
		for took := range blocked {
			stored = append(stored, took)
		}
	}
	stop()
	require.NotEmpty(b, stored)
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N*created)/elapsed.Seconds(), "creates/s")
	b.ReportMetric(millis(percentile(times, 99)), "p99-ms")
	b.ReportMetric(float64(len(stored))/elapsed.Seconds(), "blocks/s")
	b.ReportMetric(millis(percentile(stored, 50)), "ms/block")
	b.ReportMetric(float64(mem.Sys)/1e6, "heap-MB")
}
