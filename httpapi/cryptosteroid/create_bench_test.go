package cryptosteroid_test

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
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
		format := cryptosteroid.NewFormat(cryptosteroid.View{
			Methods:    []cryptosteroid.Method{{Name: "ETH", Asset: evm.Native("eip155:1", "ETH")}},
			InvoiceURL: "https://pay.example/{id}",
		})
		notifier, err := webhook.NewNotifier(format)
		require.NoError(b, err)
		till := load.Open(b, benchStore(b), "EUR", notifier)
		api, err := cryptosteroid.New(cryptosteroid.Config{Service: till.Service, Projects: till.Projects, Format: format})
		require.NoError(b, err)
		return load.Shop{
			API: api, Created: http.StatusCreated,
			Direct: func(order string) error {
				_, err := till.Service.Create(context.Background(), invoice.Request{
					Project: till.Project, Name: "Order of a chair", Asset: "ETH", Format: cryptosteroid.FormatName,
					Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("19.90")}, PayerShare: decimal.NewFromInt(100),
					Data: cryptosteroid.Extra{ExternalID: order}.Data(),
				})
				return err
			},
			Request: func(order string) (string, http.Header, string) {
				return "/merchants/" + till.Project + "/invoices", http.Header{"X-Api-Key": {till.Key}, "Content-Type": {"application/json"}},
					`{"fiatCurrency":"EUR","fiatAmount":"19.90","description":"Order of a chair","paymentMethod":"ETH","externalId":"` + order + `"}`
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
