package itispay_test

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/httpapi/internal/load"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// BenchmarkCreateHTTP creates over HTTP and by the Go API, in turns.
//
//	go test -run '^$' -bench CreateHTTP -benchtime 1x ./httpapi/itispay ./httpapi/cryptosteroid ./httpapi/cryptomus
func BenchmarkCreateHTTP(b *testing.B) {
	load.Create(b, func(b *testing.B) load.Shop {
		till := load.Open(b, benchStore(b), "EUR", notifier{})
		api, err := itispay.New(itispay.Config{Service: till.Service, Format: itispay.NewFormat(), Projects: till.Projects})
		require.NoError(b, err)
		return load.Shop{
			API: api, Created: http.StatusCreated,
			Direct: func(order string) error {
				_, err := till.Service.Create(context.Background(), invoice.Request{
					Project: till.Project, OrderID: order, Name: "Order of a chair", Asset: "ETH", Format: itispay.FormatName,
					Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("19.90")},
				})
				return err
			},
			Request: func(order string) (string, http.Header, string) {
				return "/invoices", http.Header{"Api-Key": {till.Key}, "Content-Type": {"application/json"}},
					`{"order_id":"` + order + `","order_name":"Order of a chair","fiat_amount":19.90,"currency":"ETH"}`
			},
		}
	})
}

// benchStore returns a store in an SQLite file.
func benchStore(b *testing.B) *sqlite.Store {
	b.Helper()
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	require.NoError(b, sqlite.Migrate(b.Context(), db))
	s, err := sqlite.New(db)
	require.NoError(b, err)
	return s
}
