package postgres_test

import (
	"testing"

	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

// BenchmarkListings finds pages among 1,000,000 invoices.
//
//	go test -timeout 30m -run '^$' -bench Listings -benchtime 1000x ./store/postgres
func BenchmarkListings(b *testing.B) {
	invoices := 1_000_000
	if testing.Short() {
		invoices = 20_000
	}
	pool := durablePool(b, 8)
	require.NoError(b, postgres.Migrate(b.Context(), pool))
	s, err := postgres.New(b.Context(), pool)
	require.NoError(b, err)
	storetest.Fill(b, s, invoices)
	for _, settle := range []string{"VACUUM ANALYZE", "CHECKPOINT"} { // what filling has left to do
		_, err = pool.Exec(b.Context(), settle)
		require.NoError(b, err)
	}
	storetest.Listings(b, s, invoices)
}
