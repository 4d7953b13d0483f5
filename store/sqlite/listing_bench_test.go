package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

// BenchmarkListings finds pages among 1,000,000 invoices (3 GB; COINTILL_BENCH_DIR keeps them for the next time).
//
//	go test -timeout 30m -run '^$' -bench Listings -benchtime 1000x ./store/sqlite
func BenchmarkListings(b *testing.B) {
	const invoices = 1_000_000
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
