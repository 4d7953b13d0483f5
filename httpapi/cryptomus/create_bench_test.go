package cryptomus_test

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/load"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// BenchmarkCreateHTTP creates over HTTP and by the Go API, in turns.
//
//	go test -run '^$' -bench CreateHTTP -benchtime 1x ./httpapi/itispay ./httpapi/cryptosteroid ./httpapi/cryptomus
func BenchmarkCreateHTTP(b *testing.B) {
	load.Create(b, func(b *testing.B) load.Shop {
		s := benchStore(b)
		format := cryptomus.NewFormat()
		notifier, err := webhook.NewNotifier(format)
		require.NoError(b, err)
		till := load.Open(b, s, "USD", notifier)
		key, err := till.Projects.MakeKey(b.Context(), till.Project, cryptomus.PaymentKey, 0)
		require.NoError(b, err)
		api, err := cryptomus.New(cryptomus.Config{Service: till.Service, Format: format, Projects: till.Projects, Store: s, PageURL: pageURL})
		require.NoError(b, err)
		return load.Shop{
			API: api, Created: http.StatusOK,
			Direct: func(order string) error {
				_, err := till.Service.Create(context.Background(), invoice.Request{
					Project: till.Project, OrderID: order, Asset: "ETH", Format: cryptomus.FormatName,
					Price: invoice.Price{Currency: "USD", Amount: decimal.RequireFromString("19.90")},
				})
				return err
			},
			Request: func(order string) (string, http.Header, string) {
				body := `{"amount":"19.90","currency":"USD","to_currency":"ETH","order_id":"` + order + `"}`
				return "/payment", http.Header{
					"Merchant": {till.Project}, "Sign": {cryptomus.Signature([]byte(body), key)}, "Content-Type": {"application/json"},
				}, body
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
