package main

import (
	"context"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const xpub = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

// The example accepts an order and marks it as paid once the payment has twelve confirmations on a real chain.
func TestAnOrderIsPaidInTheShopsOwnTable(t *testing.T) {
	node, err := devchain.Start(devchain.Config{})
	require.NoError(t, err)
	defer node.Close()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	defer db.Close()
	prices := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)})
	invoices := open(t.Context(), db, prices, node.URL(), xpub, devchain.Network)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer func() { cancel(); wg.Wait() }()
	wg.Go(func() { _ = invoices.Run(ctx) })
	wg.Go(func() { _ = fulfil(ctx, db, invoices) })
	server := httptest.NewServer(buy(db, invoices))
	defer server.Close()

	answer, err := http.Post(server.URL+"/buy?order=1001", "", nil)
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, "pay 0.01 ETH to 0x9858EfFD232B4033E47d90003D41EC34EcaEda94\n", string(text))
	again, err := http.Post(server.URL+"/buy?order=1001", "", nil)
	require.NoError(t, err)
	require.NoError(t, again.Body.Close())
	require.Equal(t, http.StatusConflict, again.StatusCode)

	page, err := invoices.List(t.Context(), invoice.Query{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, 1, page.Total)
	_, err = node.Pay(t.Context(), node.Native(), page.Invoices[0].Quote.Address, big.NewInt(1e16))
	require.NoError(t, err)
	require.NoError(t, node.Mine(12))
	require.Eventually(t, func() bool {
		var paid bool
		err := db.QueryRowContext(t.Context(), `SELECT position > 0 FROM orders WHERE id = '1001'`).Scan(&paid)
		return err == nil && paid
	}, time.Minute, 50*time.Millisecond, "the order is never marked as paid")
}
