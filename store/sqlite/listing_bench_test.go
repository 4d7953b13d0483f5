package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/storetest"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// BenchmarkListings finds pages among 1,000,000 invoices (3 GB; COINTILL_BENCH_DIR keeps them for the next time).
//
//	go test -timeout 30m -run '^$' -bench Listings -benchtime 1000x ./store/sqlite
func BenchmarkListings(b *testing.B) {
	invoices := 1_000_000
	if testing.Short() {
		invoices = 20_000
	}
	dir := os.Getenv("COINTILL_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	path := filepath.Join(dir, "listings.db")
	if _, err := os.Stat(path); err != nil {
		s, db := openAt(b, path+".part")
		storetest.Fill(b, s, invoices)
		require.NoError(b, db.Close())
		require.NoError(b, os.Rename(path+".part", path))
	}
	s, _ := openAt(b, path)
	storetest.Listings(b, s, invoices)
}

// BenchmarkCreateCatchingUp creates 60,000 invoices from 32 callers, without and with what Service.Run does beside it for
// listings; the other benchmarks of creation do without.
//
//	go test -run '^$' -bench CreateCatchingUp -benchtime 1x ./store/sqlite
func BenchmarkCreateCatchingUp(b *testing.B) {
	const callers, invoices, keep = 32, 60_000, 2048
	for _, catchUp := range []bool{false, true} {
		b.Run(fmt.Sprintf("catch up=%v", catchUp), func(b *testing.B) {
			s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
			till, _ := benchTill(b, s)
			ctx, end := context.WithCancel(b.Context())
			var beside sync.WaitGroup
			beside.Go(func() {
				for catchUp && ctx.Err() == nil {
					began := time.Now()
					if err := s.Tidy(ctx, keep); err != nil && ctx.Err() == nil {
						b.Error(err)
					}
					time.Sleep(max(time.Second, 4*time.Since(began))) // as Service.Run does
				}
			})
			began := time.Now()
			took := spread(b, callers, invoices, func(n int) error {
				_, err := till.Create(b.Context(), invoice.Request{
					Project: growthShop, OrderID: fmt.Sprint("order-", n), Name: "Order of a chair",
					Price: invoice.Price{Currency: "EUR", Amount: decimal.New(1990, -2)}, Asset: "ETH",
				})
				return err
			})
			elapsed := time.Since(began)
			end()
			beside.Wait()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(invoices/elapsed.Seconds(), "creates/s")
			b.ReportMetric(millis(percentile(took, 99)), "p99-ms")
			b.ReportMetric(millis(percentile(took, 100)), "p100-ms")
		})
	}
}
