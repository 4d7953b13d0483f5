package itispay_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/cointill/cointill/httpapi/internal/load"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// BenchmarkCreateHTTP creates over HTTP and by the Go API, in turns.
//
//	go test -run '^$' -bench CreateHTTP -benchtime 1x ./httpapi/itispay ./httpapi/cryptosteroid ./httpapi/cryptomus
func BenchmarkCreateHTTP(b *testing.B) {
	load.Create(b, func(b *testing.B) load.Shop {
		cfg, s := load.Config(b)
		cfg.Notifier = notifier{}
		service, err := invoice.New(cfg)
		require.NoError(b, err)
		projects, err := invoice.NewProjects(s, nil)
		require.NoError(b, err)
		project, key, err := projects.Create(b.Context(), invoice.NewProject{Owner: "owner", Name: "shop"})
		require.NoError(b, err)
		api, err := itispay.New(itispay.Config{Service: service, Projects: projects})
		require.NoError(b, err)
		return load.Shop{
			API: api, Created: http.StatusCreated,
			Direct: func(order string) error {
				_, err := service.Create(context.Background(), invoice.Request{
					Project: project.ID, OrderID: order, Name: "Order of a chair", Asset: "ETH", Format: itispay.Format,
					Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("19.90")},
				})
				return err
			},
			Request: func(order string) (string, http.Header, string) {
				return "/invoices", http.Header{"Api-Key": {key}, "Content-Type": {"application/json"}},
					`{"order_id":"` + order + `","order_name":"Order of a chair","fiat_amount":19.90,"currency":"ETH"}`
			},
		}
	})
}
